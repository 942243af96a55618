//! Picture files in folders.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file and the name that joins it with its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The path below the listed folder without the ending, with `/` between its parts.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// How deep folders are followed.
const DEEPEST: usize = 8;

/// All files below a folder in the order of their names, hidden ones left out.
///
/// # Errors
/// When a folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<Listed>> {
    let mut found = vec![];
    collect(folder, "", 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<Listed>) -> Result<()> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Desktops leave such files beside pictures.
        if file_name.starts_with('.') || matches!(file_name.as_str(), "Thumbs.db" | "desktop.ini") {
            continue;
        }
        if path.is_dir() {
            if depth < DEEPEST {
                collect(&path, &format!("{prefix}{file_name}/"), depth + 1, found)?;
            }
            continue;
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        found.push(Listed { name: format!("{prefix}{stem}"), path });
    }
    Ok(())
}

/// Whether a file's name ends like a picture's.
pub fn is_picture(path: &Path) -> bool {
    const ENDINGS: [&str; 9] = ["png", "jpg", "jpeg", "jfif", "bmp", "gif", "tif", "tiff", "webp"];
    has_ending(path, &ENDINGS)
}

/// Whether a file's name has one of these endings, in small or large letters.
pub fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    endings.contains(&ending.as_str())
}
