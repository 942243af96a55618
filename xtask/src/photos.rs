//! The photos that tests and measurements use where a machine has them.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The variable that names the folder with the photos.
pub const VARIABLE: &str = "DERUST_DATA";

/// The folder that `DERUST_DATA` names, as an absolute path: tests run elsewhere than the person who set it.
/// `None` where it is not set.
pub fn folder() -> Result<Option<PathBuf>> {
    resolve(env::var_os(VARIABLE))
}

/// The validation photos, `images/` and `masks/`, below that folder.
pub fn validation() -> Result<PathBuf> {
    with_masks("val")
}

/// The training photos, `images/` and `masks/`, below that folder.
pub fn training() -> Result<PathBuf> {
    with_masks("train")
}

fn with_masks(part: &str) -> Result<PathBuf> {
    let data = folder()?.with_context(|| {
        format!(
            "{VARIABLE} is not set; it names the folder with corrosion/{part}/images and corrosion/{part}/masks"
        )
    })?;
    let photos = data.join("corrosion").join(part);
    for folder in ["images", "masks"] {
        let needed = photos.join(folder);
        ensure!(
            needed.is_dir(),
            "{} is no folder; {VARIABLE} names the folder that holds corrosion/{part}/{folder}",
            needed.display()
        );
    }
    Ok(photos)
}

fn resolve(value: Option<OsString>) -> Result<Option<PathBuf>> {
    let Some(path) = value.filter(|value| !value.is_empty()).map(PathBuf::from) else { return Ok(None) };
    ensure!(path.is_dir(), "{VARIABLE} is {}, which is no folder; correct it or unset it", path.display());
    path.canonicalize().with_context(|| format!("cannot read {}", path.display())).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_absolute_and_anything_else_refused() {
        assert!(resolve(None).unwrap().is_none() && resolve(Some("".into())).unwrap().is_none());
        assert_eq!(resolve(Some("src".into())).unwrap(), Some(PathBuf::from("src").canonicalize().unwrap()));
        assert!(resolve(Some("Cargo.toml".into())).unwrap_err().to_string().contains(VARIABLE));
    }
}
