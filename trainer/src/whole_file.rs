//! Files that are there whole or not at all.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use image::{DynamicImage, ImageFormat};

/// Writes beside the final name and moves into place.
///
/// # Errors
/// When the folder cannot be written to; the text names the file.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let complaint = || format!("cannot write {}", path.display());
    let mut beside = tempfile::Builder::new().prefix(".part-").tempfile_in(folder).with_context(complaint)?;
    beside.write_all(content).with_context(complaint)?;
    share(beside.as_file()).with_context(complaint)?;
    beside.persist(path).with_context(complaint)?;
    Ok(())
}

/// Temporary files are for their owner alone; results are for whom the user's mask allows in general.
#[cfg(unix)]
fn share(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Writes a picture as PNG, whatever the file is called.
///
/// # Errors
/// As [`fn@write`].
pub fn write_png(path: &Path, picture: impl Into<DynamicImage>) -> Result<()> {
    write(path, &encoded(&picture.into(), ImageFormat::Png)?)
}

/// Writes a picture in the format that the file's ending names.
///
/// # Errors
/// When the ending names no format that can be written, and as [`fn@write`].
pub fn write_picture(path: &Path, picture: impl Into<DynamicImage>) -> Result<()> {
    let format = ImageFormat::from_path(path).ok().filter(ImageFormat::writing_enabled);
    let format = format.with_context(|| format!("{} must end in .png or .jpg", path.display()))?;
    write(path, &encoded(&picture.into(), format)?)
}

/// A picture as the content of a file.
///
/// # Errors
/// When the picture has no pixels.
pub fn encoded(picture: &DynamicImage, format: ImageFormat) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(vec![]);
    picture.write_to(&mut bytes, format).context("a picture cannot be encoded")?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"long content").unwrap();
        write(&path, b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        let picture = || image::RgbImage::new(3, 2);
        write_picture(&folder.path().join("a.jpg"), picture()).unwrap();
        assert_eq!(image::open(folder.path().join("a.jpg")).unwrap().width(), 3);
        assert!(write_picture(&folder.path().join("a.txt"), picture()).is_err());
        let missing = folder.path().join("missing/a.txt");
        assert!(format!("{:#}", write(&missing, b"x").unwrap_err()).contains("missing/a.txt"));
    }
}
