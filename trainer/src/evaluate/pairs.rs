//! The fixed list of pairs on which derust models are measured.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use derust_render::Set;
use image::GrayImage;
use rand::RngExt;

use super::files::SetAside;
use crate::data::geometry::{Geometry, GeometryRange};
use crate::data::random::{Purpose, index, stream};
use crate::data::source::DataOptions;
use crate::data::{Photo, Plane, pairs, rendered, stains};
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
    /// Rendered pairs: white where rust has eaten through.
    pub const HOLES: &str = "holes";
    /// Rendered pairs: white where print lies under rust.
    pub const PRINT: &str = "print";
}

/// What the rust of a list does to what it lies on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Rust of one photo hides what was there in another.
    #[default]
    Covered,
    /// Rust of one photo lies on what is there in another, whose shape shows through.
    Stained,
    /// Rendered things of which most or all has rusted, of kinds that no network learns from; needs no photos.
    Rendered,
}

/// Options of `pairs`.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("data", |data| data.required(false).default_value_if("kind", "rendered", "-")))]
pub struct PairsOptions {
    /// What the rust does to what it lies on.
    #[arg(long, value_enum, default_value = "covered")]
    kind: Kind,
    #[command(flatten)]
    data: DataOptions,
    /// Folder to write to: rusty/, clean/, pasted/, mask/ and own/ with NUMBER.png in each; rendered ones also holes/ and
    /// print/.
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
/// Side of rendered pairs.
const RENDERED_SIDE: u32 = 512;
const DONOR: GeometryRange =
    GeometryRange { long_side: [420.0, 640.0], stretch: 1.2, turn: 15.0, ..GeometryRange::FREE };
/// Part of a picture that pasted rust must cover, lest nothing be measured.
const SMALLEST: f32 = 0.01;

/// Writes the list.
///
/// # Errors
/// When the photos cannot be read or the folder cannot be written to.
pub fn write_pairs(options: &PairsOptions) -> Result<()> {
    let marks = if options.kind == Kind::Rendered { &[folders::HOLES, folders::PRINT][..] } else { &[] };
    for name in
        [folders::RUSTY, folders::CLEAN, folders::PASTED, folders::MASK, folders::OWN].iter().chain(marks)
    {
        let folder = options.output.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let photos = if options.kind == Kind::Rendered { vec![] } else { photos(options)? };
    let (mut written, mut tries) = (0, 0);
    while written < options.count {
        anyhow::ensure!(tries < options.count * 50, "too few of the photos have both rust and clean parts");
        let name = format!("{written:03}.png");
        let (number, seed) = (tries, options.seed);
        tries += 1;
        let (pair, marks) = match options.kind {
            Kind::Covered | Kind::Stained => (pair_of_photos(&photos, options.kind, seed, number), None),
            Kind::Rendered => {
                let number = stream(seed, Purpose::Measuring, number).random();
                let object = derust_render::object(Set::Measuring, number, RENDERED_SIDE, RENDERED_SIDE);
                (rendered::pair_of(&object.scene), Some([object.holes, object.print]))
            }
        };
        if pair.pasted.mean() < SMALLEST {
            continue;
        }
        write_pair(&pair, &options.output, &name)?;
        for (marks, folder) in marks.into_iter().flatten().zip([folders::HOLES, folders::PRINT]) {
            save(marks, &options.output.join(folder).join(&name))?;
        }
        written += 1;
    }
    println!("{written} pairs in {}", options.output.display());
    Ok(())
}

/// The photos that the options name.
fn photos(options: &PairsOptions) -> Result<Vec<Photo>> {
    let mut photos = options.data.load(LARGEST_SIDE)?;
    if let Some(part) = options.aside.held_out {
        photos = photos.divide(part, options.aside.run_seed).1;
    }
    Ok(photos.photos)
}

/// A whole, unchanged photo as host, rust of one or two others on it.
fn pair_of_photos(photos: &[Photo], kind: Kind, seed: u64, number: u64) -> pairs::Pair {
    let mut random = stream(seed, Purpose::Measuring, number);
    let host = &photos[index(&mut random, photos.len())];
    let side = host.width.min(host.height);
    let donors: Vec<(Plane, Plane)> = (0..1 + index(&mut random, 2))
        .map(|_| pairs::pick(photos, side, &DONOR, 0.05..=1.0, &mut random))
        .collect();
    let host = Geometry::centre_square(host).apply(host);
    if kind == Kind::Stained {
        stains::stain(host, &donors, &mut random)
    } else {
        pairs::paste(host, &donors, &mut random)
    }
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
