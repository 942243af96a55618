//! The formats of picture files: told by content when reading, by the name's ending when writing.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{anyhow, bail};

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

    /// The format of a file, by its content.
    ///
    /// # Errors
    /// When it cannot be read or is no picture.
    pub fn of_file(path: &Path) -> anyhow::Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => bail!("it is a folder; name a picture"),
            // Waiting for what comes out of a pipe or a device would be waiting forever.
            Ok(metadata) if !metadata.is_file() => bail!("it is no file; name a picture"),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => bail!("there is no such file"),
            Err(error) => bail!("it cannot be read: {error}"),
        }
        let mut start = Vec::new();
        File::open(path)
            .and_then(|file| file.take(12).read_to_end(&mut start))
            .map_err(|error| anyhow!("it cannot be read: {error}"))?;
        Format::of_content(&start).ok_or_else(|| {
            anyhow!("it is no picture that can be read; PNG, JPEG, TIFF, WebP, BMP and OpenEXR can")
        })
    }

    fn of_content(start: &[u8]) -> Option<Self> {
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
