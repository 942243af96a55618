//! What of a data set cannot be used, and why.

use std::fmt;
use std::path::{Path, PathBuf};

/// Width and height in pixels.
pub type Size = (u32, u32);

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The file cannot be read or decoded: what the system or the decoder says.
    Corrupt(String),
    /// The file is no picture of a kind that is read.
    NoPictureFile,
    /// More pixels than are decoded.
    TooLarge(Size),
    /// A shorter side below the least that is wanted.
    TooSmall(Size, u32),
    /// A picture without labels: what was looked for.
    NoLabels(String),
    /// Labels, or one half of a pair, without the picture: what was looked for.
    NoPicture(String),
    /// Picture and labels, or the two halves of a pair, are of different sizes.
    SizeDiffers {
        /// Of the picture.
        picture: Size,
        /// What it is compared with.
        other: &'static str,
        /// Its size.
        size: Size,
    },
    /// A label of a class that nothing names.
    UnknownClass(String),
    /// A label that lies outside of the picture.
    Outside(String),
    /// A box where an outline is needed.
    BoxOnly(String),
    /// A label that cannot be understood.
    Malformed(String),
}

impl Reason {
    /// A short name of the kind of reason.
    pub fn kind(&self) -> &'static str {
        match self {
            Reason::Corrupt(_) | Reason::NoPictureFile => "corrupt",
            Reason::TooLarge(_) => "too large",
            Reason::TooSmall(..) => "too small",
            Reason::NoLabels(_) => "no mask",
            Reason::NoPicture(_) => "no picture",
            Reason::SizeDiffers { .. } => "size differs",
            Reason::UnknownClass(_) => "unknown class",
            Reason::Outside(_) => "outside the picture",
            Reason::BoxOnly(_) => "box only",
            Reason::Malformed(_) => "malformed label",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Corrupt(what) => write!(f, "corrupt: {what}"),
            Reason::NoPictureFile => write!(f, "corrupt: neither PNG nor JPEG"),
            Reason::TooLarge((width, height)) => write!(f, "too large: {width} x {height} pixels"),
            Reason::TooSmall((width, height), smallest) => {
                write!(f, "too small: {width} x {height} pixels, and --smallest is {smallest}")
            }
            Reason::NoLabels(wanted) => write!(f, "no mask: {wanted}"),
            Reason::NoPicture(wanted) => write!(f, "no picture: {wanted}"),
            Reason::SizeDiffers { picture, other, size } => {
                let ((width, height), (w, h)) = (picture, size);
                write!(f, "size differs: the picture has {width} x {height} pixels, {other} {w} x {h}")
            }
            Reason::UnknownClass(what) => write!(f, "unknown class: {what}"),
            Reason::Outside(what) => write!(f, "label outside the picture: {what}"),
            Reason::BoxOnly(what) => write!(f, "only a box, no outline: {what}"),
            Reason::Malformed(what) => write!(f, "label not understood: {what}"),
        }
    }
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct Unusable {
    /// The picture, or its label where that is what lies alone.
    pub file: PathBuf,
    /// Why.
    pub reason: Reason,
}

impl Unusable {
    /// Together.
    pub fn new(file: &Path, reason: Reason) -> Self {
        Unusable { file: file.to_owned(), reason }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

/// What was found while a data set was read.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The kind of labels, in words.
    pub labels: &'static str,
    /// Sizes of the pictures that can be used, as they lie in their files.
    pub sizes: Vec<Size>,
    /// What cannot be used, in the order of the files' names.
    pub unusable: Vec<Unusable>,
}

impl Report {
    /// Splits what was read into what can be used and what cannot, which goes into the report.
    pub fn sort<T>(&mut self, read: Vec<Result<(T, Size), Unusable>>) -> Vec<T> {
        let mut usable = vec![];
        for one in read {
            match one {
                Ok((value, size)) => {
                    usable.push(value);
                    self.sizes.push(size);
                }
                Err(unusable) => self.unusable.push(unusable),
            }
        }
        self.unusable.sort_by(|a, b| a.file.cmp(&b.file));
        usable
    }

    /// How often each kind of reason occurs, in the order of their first occurrence.
    pub fn kinds(&self) -> Vec<(&'static str, usize)> {
        let mut kinds: Vec<(&'static str, usize)> = vec![];
        for one in &self.unusable {
            match kinds.iter_mut().find(|(kind, _)| *kind == one.reason.kind()) {
                Some((_, count)) => *count += 1,
                None => kinds.push((one.reason.kind(), 1)),
            }
        }
        kinds
    }
}
