//! The formats of picture files: told by content when reading, by the name's ending when writing.

use std::path::Path;

/// A format that pictures can be read from and written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG (JFIF or EXIF).
    Jpeg,
    /// Tagged Image File Format.
    Tiff,
    /// WebP.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// OpenEXR.
    Exr,
}

/// Endings of names, the usual one of each format first.
const EXTENSIONS: [(&str, Format); 9] = [
    ("png", Format::Png),
    ("jpg", Format::Jpeg),
    ("jpeg", Format::Jpeg),
    ("tif", Format::Tiff),
    ("tiff", Format::Tiff),
    ("webp", Format::WebP),
    ("bmp", Format::Bmp),
    ("dib", Format::Bmp),
    ("exr", Format::Exr),
];

impl Format {
    /// The format that the ending of a name stands for.
    pub fn of_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        let known = EXTENSIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
        known.map(|(_, format)| *format)
    }

    /// All endings, in lower case.
    pub fn extensions() -> impl Iterator<Item = &'static str> {
        EXTENSIONS.iter().map(|(extension, _)| *extension)
    }

    /// How the name of a file of this format usually ends.
    pub fn extension(self) -> &'static str {
        EXTENSIONS.iter().find(|(_, format)| *format == self).map_or("", |(extension, _)| *extension)
    }

    /// The format of a file that starts so.
    pub(super) fn of_content(start: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| start.starts_with(magic);
        match start {
            _ if begins(b"\x89PNG\r\n\x1a\n") => Some(Format::Png),
            _ if begins(&[0xFF, 0xD8, 0xFF]) => Some(Format::Jpeg),
            _ if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| begins(*magic)) => {
                Some(Format::Tiff)
            }
            _ if begins(b"RIFF") && start.get(8..12) == Some(b"WEBP") => Some(Format::WebP),
            _ if begins(b"BM") => Some(Format::Bmp),
            _ if begins(&[0x76, 0x2F, 0x31, 0x01]) => Some(Format::Exr),
            _ => None,
        }
    }
}
