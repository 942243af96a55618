//! Which pictures a call means.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::report::Report;

/// Names that pictures in folders end in.
const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The pictures that are named, and those in the folders that are named, in the order of their names.
///
/// Folders that cannot be read, or hold no picture, go into the report.
pub fn pictures(inputs: &[PathBuf], report: &mut Report) -> Vec<PathBuf> {
    let mut pictures = Vec::new();
    for input in inputs {
        if !input.is_dir() {
            pictures.push(input.clone());
            continue;
        }
        match pictures_in(input) {
            Ok(found) => pictures.extend(found),
            Err(error) => report.failure(input, &error),
        }
    }
    pictures
}

fn pictures_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).context("the folder cannot be read")? {
        let path = entry.context("the folder cannot be read")?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)) && path.is_file() {
            found.push(path);
        }
    }
    if found.is_empty() {
        bail!("the folder holds no PNG or JPEG picture; name a picture or a folder of pictures");
    }
    found.sort();
    Ok(found)
}
