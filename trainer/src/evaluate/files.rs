//! Folders of pictures.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use image::{GrayImage, RgbImage};

use crate::data::Plane;
use crate::data::photos::division;

/// Which photos of a data set are measured.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    #[command(flatten)]
    aside: SetAside,
    /// Measure only this many of the photos, evenly spread.
    #[arg(long)]
    count: Option<usize>,
}

impl Selection {
    /// The chosen files of a folder, in the order of their names.
    ///
    /// # Errors
    /// When the folder cannot be read or is empty.
    pub fn files(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let mut all = files(folder)?;
        if let Some(part) = self.aside.held_out {
            let mut aside = division(all.len(), part, self.aside.run_seed).into_iter();
            all.retain(|_| aside.next().unwrap_or_default());
        }
        Ok(spread(all, self.count))
    }
}

/// The photos that a training set aside.
#[derive(Args, Clone, Debug, Default)]
pub struct SetAside {
    /// Use only the part of the photos that a training set aside: settings are chosen on those.
    #[arg(long, value_name = "PART")]
    pub held_out: Option<f64>,
    /// The number from which it follows which photos that training set aside, its `--split-seed`.
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "held_out")]
    pub run_seed: u64,
}

/// The files of a folder in the order of their names, at most `count` of them, evenly spread.
///
/// # Errors
/// When the folder cannot be read or is empty.
pub fn some_files(folder: &Path, count: Option<usize>) -> Result<Vec<PathBuf>> {
    Ok(spread(files(folder)?, count))
}

fn spread(all: Vec<PathBuf>, count: Option<usize>) -> Vec<PathBuf> {
    let count = count.unwrap_or(all.len()).clamp(1.min(all.len()), all.len());
    (0..count).map(|i| all[i * all.len() / count].clone()).collect()
}

/// The files of a folder in the order of their names.
///
/// # Errors
/// When the folder cannot be read or is empty.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = listing
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()
        .context("cannot list the folder")?;
    paths.sort();
    ensure!(!paths.is_empty(), "{} is empty", folder.display());
    Ok(paths)
}

/// A picture as 8-bit gray.
///
/// # Errors
/// When it cannot be read.
pub fn open_gray(path: &Path) -> Result<GrayImage> {
    Ok(image::open(path).with_context(|| format!("cannot read {}", path.display()))?.into_luma8())
}

/// A picture as 8-bit colours.
///
/// # Errors
/// When it cannot be read.
pub fn open_rgb(path: &Path) -> Result<RgbImage> {
    Ok(image::open(path).with_context(|| format!("cannot read {}", path.display()))?.into_rgb8())
}

/// The PNG of this name in a folder.
pub fn png(folder: &Path, stem: &OsStr) -> PathBuf {
    let mut name = stem.to_owned();
    name.push(".png");
    folder.join(name)
}

/// The name of a picture without its ending.
pub fn stem(path: &Path) -> &OsStr {
    path.file_stem().unwrap_or_default()
}

/// The name of a picture without its ending, to be read.
pub fn title(path: &Path) -> String {
    stem(path).to_string_lossy().into_owned()
}

/// Gray values as 0 to 1.
pub fn unit_values(picture: &GrayImage) -> Vec<f32> {
    picture.pixels().map(|pixel| f32::from(pixel.0[0]) / 255.0).collect()
}

/// 1 where a mask is at least half white, 0 elsewhere.
pub fn area(mask: &GrayImage) -> Plane {
    let values = mask.pixels().map(|pixel| if pixel.0[0] >= 128 { 1.0 } else { 0.0 }).collect();
    Plane { channels: 1, height: mask.height() as usize, width: mask.width() as usize, values }
}

/// Checks that two pictures have the same size.
///
/// # Errors
/// When they do not; the text names the second.
pub fn check_size(wanted: (u32, u32), found: (u32, u32), path: &Path) -> Result<()> {
    ensure!(
        wanted == found,
        "{} is {} x {} pixels, wanted are {} x {}",
        path.display(),
        found.0,
        found.1,
        wanted.0,
        wanted.1
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_spread_over_all() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..10 {
            std::fs::write(folder.path().join(format!("{i}.png")), "").unwrap();
        }
        let names =
            |count| some_files(folder.path(), count).unwrap().iter().map(|p| title(p)).collect::<String>();
        assert_eq!(names(Some(4)), "0257");
        assert_eq!(names(Some(99)), "0123456789");
        assert_eq!(names(None), "0123456789");
        let aside = SetAside { held_out: Some(0.3), run_seed: 1 };
        let chosen = Selection { aside, count: Some(2) }.files(folder.path()).unwrap();
        let aside = division(10, 0.3, 1);
        assert_eq!((chosen.len(), aside.iter().filter(|aside| **aside).count()), (2, 3));
        assert!(chosen.iter().all(|path| aside[title(path).parse::<usize>().unwrap()]));
        assert_eq!(png(Path::new("a"), OsStr::new("photo.rf.1")), Path::new("a/photo.rf.1.png"));
    }
}
