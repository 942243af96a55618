//! What a call says about the pictures that it names: what their numbers mean, and which part of them counts.

use std::path::Path;

use anyhow::Context;
use derust_engine::{Error, Unjudgeable};

use crate::cli::Judging;
use crate::picture_file::PictureFile;

/// A picture that cannot be judged, and what to do.
#[derive(Debug)]
pub struct Unjudged(String);

impl std::fmt::Display for Unjudged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unjudged {}

/// The failure of a call, with what to do where a picture cannot be judged.
pub fn explained(error: Error) -> anyhow::Error {
    let Error::Unjudgeable(reason) = &error else { return error.into() };
    let more = match reason {
        Unjudgeable::Empty => return Unjudged(error.to_string()).into(),
        Unjudgeable::FewBits { bits, .. } => format!(" (--white-level {})", (1_u32 << bits) - 1),
        Unjudgeable::Range { .. } => " (--white-level N)".into(),
        _ => String::new(),
    };
    Unjudged(format!("{error}{more}; --judge-anyway looks at it all the same")).into()
}

/// A mask that a call names, with its path before what is wrong with it.
///
/// # Errors
/// When it cannot be read.
pub fn mask(path: Option<&Path>) -> anyhow::Result<Option<PictureFile>> {
    let read = |path: &Path| PictureFile::read_mask(path).with_context(|| path.display().to_string());
    path.map(read).transpose()
}

/// Tells a picture what the call says of it.
///
/// # Errors
/// When the region is of another size.
pub fn apply(judging: &Judging, region: Option<&PictureFile>, file: &mut PictureFile) -> anyhow::Result<()> {
    file.set_white_level(judging.white_level);
    match region {
        Some(region) => file.limit_to(region),
        None => Ok(()),
    }
}
