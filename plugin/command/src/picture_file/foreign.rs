//! Pictures of kinds that are known and cannot be read, and what to do about them.

use std::fmt;
use std::path::Path;

/// A kind of picture that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Foreign {
    /// High Efficiency Image File Format, as phones write it.
    Heic,
    /// AV1 Image File Format.
    Avif,
    /// JPEG XL.
    JpegXl,
    /// What a camera's sensor saw, before it was developed.
    CameraRaw,
}

/// Endings of names, in lower case.
const EXTENSIONS: [(&str, Foreign); 39] = [
    ("heic", Foreign::Heic),
    ("heif", Foreign::Heic),
    ("hif", Foreign::Heic),
    ("avif", Foreign::Avif),
    ("jxl", Foreign::JpegXl),
    ("3fr", Foreign::CameraRaw),
    ("ari", Foreign::CameraRaw),
    ("arw", Foreign::CameraRaw),
    ("bay", Foreign::CameraRaw),
    ("cr2", Foreign::CameraRaw),
    ("cr3", Foreign::CameraRaw),
    ("crw", Foreign::CameraRaw),
    ("dcr", Foreign::CameraRaw),
    ("dng", Foreign::CameraRaw),
    ("erf", Foreign::CameraRaw),
    ("fff", Foreign::CameraRaw),
    ("gpr", Foreign::CameraRaw),
    ("iiq", Foreign::CameraRaw),
    ("k25", Foreign::CameraRaw),
    ("kdc", Foreign::CameraRaw),
    ("mef", Foreign::CameraRaw),
    ("mos", Foreign::CameraRaw),
    ("mrw", Foreign::CameraRaw),
    ("nef", Foreign::CameraRaw),
    ("nrw", Foreign::CameraRaw),
    ("orf", Foreign::CameraRaw),
    ("ori", Foreign::CameraRaw),
    ("pef", Foreign::CameraRaw),
    ("raf", Foreign::CameraRaw),
    ("raw", Foreign::CameraRaw),
    ("rw2", Foreign::CameraRaw),
    ("rwl", Foreign::CameraRaw),
    ("sr2", Foreign::CameraRaw),
    ("srf", Foreign::CameraRaw),
    ("srw", Foreign::CameraRaw),
    ("x3f", Foreign::CameraRaw),
    ("dcs", Foreign::CameraRaw),
    ("cap", Foreign::CameraRaw),
    ("eip", Foreign::CameraRaw),
];

impl Foreign {
    /// The kind that the ending of a name stands for.
    pub fn of_extension(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        EXTENSIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension)).map(|(_, kind)| *kind)
    }

    /// The kind of a file that starts so. Many camera raws are TIFF files, which their reader tells.
    pub fn of_content(start: &[u8]) -> Option<Self> {
        let begins = |magic: &[u8]| start.starts_with(magic);
        if start.get(4..8) == Some(b"ftyp") {
            // The brand, or those that the file can be read as, too (ISO/IEC 14496-12, 4.3).
            let brands = || start[8..].chunks_exact(4);
            let has = |known: &[&[u8; 4]]| brands().any(|brand| known.iter().any(|known| *known == brand));
            return match () {
                () if has(&[b"crx "]) => Some(Foreign::CameraRaw),
                () if has(&[b"avif", b"avis"]) => Some(Foreign::Avif),
                () if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]) => {
                    Some(Foreign::Heic)
                }
                () => None,
            };
        }
        if begins(&[0xFF, 0x0A]) || begins(b"\0\0\0\x0CJXL \r\n\x87\n") {
            return Some(Foreign::JpegXl);
        }
        let canon = matches!(start.get(..4), Some(b"II*\0" | b"MM\0*")) && start.get(8..10) == Some(b"CR");
        let others: [&[u8]; 7] = [b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"\0MRM", b"FOVb"];
        (canon || others.iter().any(|magic| begins(magic))).then_some(Foreign::CameraRaw)
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Foreign::Heic => "HEIC",
            Foreign::Avif => "AVIF",
            Foreign::JpegXl => "JPEG XL",
            Foreign::CameraRaw => "camera raw",
        }
    }

    /// What to do.
    pub fn advice(self) -> &'static str {
        match self {
            Foreign::CameraRaw => {
                "develop it into a TIFF or JPEG (darktable, RawTherapee, the camera maker's program) and name that"
            }
            _ => "save it as JPEG, PNG or TIFF and name that",
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pictures of the kind {} cannot be read; {}", self.name(), self.advice())
    }
}

impl std::error::Error for Foreign {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_content_whatever_the_name_says() {
        for (start, kind) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], Some(Foreign::Heic)),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", Some(Foreign::Avif)),
            (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", Some(Foreign::CameraRaw)),
            (b"\0\0\0\x18ftypisom\0\0\0\x01isommp42", None),
            (b"\xFF\x0A\xFA\x1F", Some(Foreign::JpegXl)),
            (b"\0\0\0\x0CJXL \r\n\x87\n", Some(Foreign::JpegXl)),
            (b"II*\0\x10\0\0\0CR\x02\0", Some(Foreign::CameraRaw)),
            (b"FUJIFILMCCD-RAW 0201", Some(Foreign::CameraRaw)),
            (b"IIU\0\x18\0\0\0", Some(Foreign::CameraRaw)),
            (b"II*\0\x08\0\0\0", None),
            (b"\xFF\xD8\xFF\xE0", None),
            (b"", None),
        ] {
            assert_eq!(Foreign::of_content(start), kind, "{start:?}");
        }
        assert_eq!(Foreign::of_extension(Path::new("a/B.NEF")), Some(Foreign::CameraRaw));
        assert_eq!(Foreign::of_extension(Path::new("a.tif")), None);
    }
}
