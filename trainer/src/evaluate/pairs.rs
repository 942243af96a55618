//! The fixed list of pairs on which derust models are measured.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use image::GrayImage;

use super::files::SetAside;
use crate::data::geometry::{Geometry, GeometryRange};
use crate::data::random::{Purpose, index, stream};
use crate::data::source::DataOptions;
use crate::data::{Photo, Plane, pairs};
use crate::report::sheet::picture_of;

/// Names of the folders of a list of pairs.
pub mod folders {
    /// With pasted rust.
    pub const RUSTY: &str = "rusty";
    /// Without it.
    pub const CLEAN: &str = "clean";
    /// White where pasted rust covers more than half of what was there: where is measured.
    pub const PASTED: &str = "pasted";
    /// White where any rust was pasted: the mask that a person would give.
    pub const MASK: &str = "mask";
    /// White where the host has rust of its own, widened; nothing is measured there.
    pub const OWN: &str = "own";
}

/// Options of `pairs`.
#[derive(Args, Clone, Debug)]
pub struct PairsOptions {
    #[command(flatten)]
    data: DataOptions,
    /// Folder to write to: rusty/, clean/, pasted/, mask/ and own/ with NUMBER.png in each.
    #[arg(short, long)]
    output: PathBuf,
    /// Pairs to make.
    #[arg(long, default_value_t = 200)]
    count: u64,
    /// The list follows from this number and the photos.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    aside: SetAside,
}

const LARGEST_SIDE: u32 = 1024;
const DONOR: GeometryRange =
    GeometryRange { long_side: [420.0, 640.0], stretch: 1.2, turn: 15.0, ..GeometryRange::FREE };
/// Part of a picture that pasted rust must cover, lest nothing be measured.
const SMALLEST: f32 = 0.01;

/// Writes the list.
///
/// # Errors
/// When the photos cannot be read or the folder cannot be written to.
pub fn write_pairs(options: &PairsOptions) -> Result<()> {
    let mut photos = options.data.load(LARGEST_SIDE)?;
    if let Some(part) = options.aside.held_out {
        photos = photos.divide(part, options.aside.run_seed).1;
    }
    let photos = photos.photos;
    for name in [folders::RUSTY, folders::CLEAN, folders::PASTED, folders::MASK, folders::OWN] {
        let folder = options.output.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let (mut written, mut tries) = (0, 0);
    while written < options.count {
        anyhow::ensure!(tries < options.count * 50, "too few of the photos have both rust and clean parts");
        let pair = make_pair(&photos, options.seed, tries);
        tries += 1;
        if pair.pasted.mean() >= SMALLEST {
            write_pair(&pair, &options.output, &format!("{written:03}.png"))?;
            written += 1;
        }
    }
    println!("{written} pairs in {}", options.output.display());
    Ok(())
}

/// A whole, unchanged photo as host, rust of one or two others on it.
fn make_pair(photos: &[Photo], seed: u64, number: u64) -> pairs::Pair {
    let mut random = stream(seed, Purpose::Measuring, number);
    let host = &photos[index(&mut random, photos.len())];
    let side = host.width.min(host.height);
    let donors: Vec<(Plane, Plane)> = (0..1 + index(&mut random, 2))
        .map(|_| pairs::pick(photos, side, &DONOR, 0.05..=1.0, &mut random))
        .collect();
    pairs::paste(Geometry::centre_square(host).apply(host), &donors, &mut random)
}

fn write_pair(pair: &pairs::Pair, output: &Path, name: &str) -> Result<()> {
    let mut own = pair.own.clone();
    own.dilate(8);
    let save_rgb = |plane: &Plane, folder: &str| save(picture_of(plane), &output.join(folder).join(name));
    save_rgb(&pair.rusty, folders::RUSTY)?;
    save_rgb(&pair.target, folders::CLEAN)?;
    save(to_mask(&pair.pasted, 0.5), &output.join(folders::PASTED).join(name))?;
    save(to_mask(&pair.pasted, 0.02), &output.join(folders::MASK).join(name))?;
    save(to_mask(&own, 0.5), &output.join(folders::OWN).join(name))
}

fn save(picture: impl Into<image::DynamicImage>, path: &Path) -> Result<()> {
    let picture: image::DynamicImage = picture.into();
    picture.save(path).with_context(|| format!("cannot write {}", path.display()))
}

fn to_mask(plane: &Plane, from: f32) -> GrayImage {
    GrayImage::from_fn(plane.width as u32, plane.height as u32, |x, y| {
        let value = plane.values[y as usize * plane.width + x as usize];
        image::Luma([if value >= from { 255 } else { 0 }])
    })
}
