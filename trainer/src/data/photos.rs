//! Photos with labels, read from folders and kept in memory at a working size.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use image::imageops::{FilterType, resize};
use rayon::prelude::*;

use crate::random::{Purpose, index, stream};

/// A photo and what is labelled in it.
pub struct Photo {
    /// The name by which a person finds it: its file's, below the data folder, without the ending.
    #[allow(dead_code, reason = "for those who list photos")]
    pub name: String,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `r, g, b` per pixel, row by row.
    pub rgb: Vec<u8>,
    /// The class of each pixel, row by row: 0 is the background, `n` the set's class number `n - 1`.
    pub labels: Vec<u8>,
}

impl Photo {
    /// Part of the pixels that is rust, of whichever class.
    pub fn rust_fraction(&self) -> f32 {
        self.labels.iter().filter(|label| **label != 0).count() as f32 / self.labels.len().max(1) as f32
    }
}

/// Photos with labels, and what the labels mean.
pub struct PhotoSet {
    /// The photos in the order of their names.
    pub photos: Vec<Photo>,
    /// Names of the classes without the background: label 1 is `classes[0]`.
    pub classes: Vec<String>,
}

/// What a mask without names of classes shows.
pub const RUST: &str = "rust";

/// Photos of the same first letters and neighbouring numbers often show the same thing; the division keeps groups of
/// this many neighbours together, of fewer where there are few photos.
const NEIGHBOURS: usize = 8;

impl PhotoSet {
    /// Reads every photo that has a mask and brings its long side to at most `long_side` pixels.
    ///
    /// # Errors
    /// When the folder has no such pairs, a file cannot be read, or a mask has another size than its photo.
    pub fn load(folder: &Path, long_side: u32) -> Result<Self> {
        let images = folder.join("images");
        let listing = std::fs::read_dir(&images).with_context(|| {
            format!(
                "cannot read {}: a data folder holds images/NAME.jpg and masks/NAME.png",
                images.display()
            )
        })?;
        let mut paths: Vec<PathBuf> = listing.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        paths.sort();
        let photos =
            paths.par_iter().map(|path| load_photo(path, folder, long_side)).collect::<Result<Vec<_>>>()?;
        if photos.is_empty() {
            bail!("{} holds no photos", images.display());
        }
        Ok(PhotoSet { photos, classes: vec![RUST.into()] })
    }

    /// Sets aside about `fraction` of the photos, in groups of neighbours by name: (to learn from, to measure on).
    pub fn divide(self, fraction: f64, seed: u64) -> (PhotoSet, PhotoSet) {
        let neighbours = NEIGHBOURS.min(self.photos.len() / 10).max(1);
        let groups = self.photos.len().div_ceil(neighbours);
        // Something to learn from, and to measure on where that is wanted.
        let least = usize::from(fraction > 0.0);
        let aside = ((groups as f64 * fraction).round() as usize).max(least).min(groups.saturating_sub(1));
        let mut order: Vec<usize> = (0..groups).collect();
        let mut random = stream(seed, Purpose::Division, 0);
        for i in (1..groups).rev() {
            order.swap(i, index(&mut random, i + 1));
        }
        let held_out: std::collections::HashSet<usize> = order.into_iter().take(aside).collect();
        let empty = || PhotoSet { photos: vec![], classes: self.classes.clone() };
        let mut sets = (empty(), empty());
        for (i, photo) in self.photos.into_iter().enumerate() {
            let set = if held_out.contains(&(i / neighbours)) { &mut sets.1 } else { &mut sets.0 };
            set.photos.push(photo);
        }
        sets
    }
}

fn load_photo(path: &Path, folder: &Path, long_side: u32) -> Result<Photo> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mask_path = folder.join("masks").join(format!("{stem}.png"));
    let open = |path: &Path| image::open(path).with_context(|| format!("cannot read {}", path.display()));
    let (rgb, mask) = (open(path)?.into_rgb8(), open(&mask_path)?.into_luma8());
    ensure!(
        rgb.dimensions() == mask.dimensions(),
        "{} is {:?} pixels and its mask {:?}; both must have the same size",
        path.display(),
        rgb.dimensions(),
        mask.dimensions()
    );
    let (width, height) = rgb.dimensions();
    let scale = (long_side as f32 / width.max(height) as f32).min(1.0);
    let side = |pixels: u32| ((pixels as f32 * scale).round() as u32).max(1);
    let (width, height) = (side(width), side(height));
    let (rgb, mask) = if scale < 1.0 {
        (
            resize(&rgb, width, height, FilterType::Triangle),
            resize(&mask, width, height, FilterType::Triangle),
        )
    } else {
        (rgb, mask)
    };
    let (width, height) = (width as usize, height as usize);
    let labels = mask.pixels().map(|pixel| u8::from(pixel.0[0] >= 128)).collect();
    Ok(Photo { name: stem, width, height, rgb: rgb.into_raw(), labels })
}
