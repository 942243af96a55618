//! Data sets as they lie on disk: folders of masks, files of labelling tools, pairs, and pictures alone.
//!
//! Everything is read and checked before a training begins. What cannot be used is listed with its reason, and then left
//! out or refused.

mod classes;
mod coco;
mod folders;
mod listing;
mod masks;
mod picture;
mod polygon;
mod report;
mod rle;
#[cfg(test)]
mod tests;
mod yolo;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use image::imageops::{FilterType, resize};
use image::{GrayImage, RgbImage};
use rayon::prelude::*;
use serde::Serialize;

use crate::data::photos::{Photo, PhotoSet};
use classes::Classes;
pub use folders::{PhotoPair, load_paired, load_unpaired};
use listing::has_ending;
use picture::Picture;
pub use report::{Reason, Report, Size, Unusable};

/// Where the photos and their labels are.
#[derive(Args, Clone, Debug, Serialize)]
#[command(next_help_heading = "Data")]
#[serde(rename_all = "kebab-case")]
pub struct DataOptions {
    /// Folder with images/NAME.jpg and masks/NAME.png, or as a labelling tool exports it: COCO (images and a JSON file,
    /// which may be named itself) or YOLO (images/, labels/ and data.yaml).
    #[arg(long)]
    pub data: PathBuf,
    /// Kind of labels; `auto` goes by what lies there: masks before YOLO before COCO.
    #[arg(long, value_enum, default_value_t)]
    pub labels: LabelKind,
    /// Classes in the order of their labels, of which the last wins where they overlap: names in COCO and YOLO files; for
    /// masks NAME, or NAME=VALUE with the grey value or #rrggbb that stands for it. One class, `rust`, if not given.
    #[arg(long, value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub reading: ReadingOptions,
}

/// How pictures are read.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReadingOptions {
    /// What to do when files cannot be used: list them and stop, or list them and go on without them. Stopping is the
    /// rule, so that no training runs for hours on half of its data unnoticed.
    #[arg(long, value_enum, default_value_t)]
    pub unusable: UnusableFiles,
    /// Shortest side, in pixels, of pictures that are used.
    #[arg(long, value_name = "PIXELS", default_value_t = 32)]
    pub smallest: u32,
}

/// Kinds of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelKind {
    /// Whichever is recognised.
    #[default]
    Auto,
    /// Pictures of the same size.
    Masks,
    /// One JSON file of outlines or run lengths.
    Coco,
    /// A text file of outlines beside each picture.
    Yolo,
}

/// What becomes of files that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnusableFiles {
    /// They are left out.
    Skip,
    /// Nothing is done until they are mended or removed.
    #[default]
    Refuse,
}

impl Default for ReadingOptions {
    fn default() -> Self {
        ReadingOptions { unusable: UnusableFiles::default(), smallest: 32 }
    }
}

impl DataOptions {
    /// Reads all photos, their long side brought to at most `long_side` pixels; lists on standard error what cannot be
    /// used.
    ///
    /// # Errors
    /// When the data set is not recognised, nothing can be used, or something cannot and is to be refused.
    pub fn load(&self, long_side: u32) -> Result<PhotoSet> {
        let (set, report) = self.read(long_side)?;
        self.reading.settle(&report, &self.data)?;
        Ok(set)
    }

    /// Reads what can be used and says what cannot.
    ///
    /// # Errors
    /// When the data set is not recognised, or what describes it as a whole cannot be read.
    pub fn read(&self, long_side: u32) -> Result<(PhotoSet, Report)> {
        let classes = Classes::parse(&self.classes)?;
        let listing = match self.recognise()? {
            Recognised::Masks(folder) => masks::list(&folder, &classes)?,
            Recognised::Yolo(folder) => yolo::list(&folder, &classes)?,
            Recognised::Coco(file) => coco::list(&file, &classes)?,
        };
        let mut report = Report { labels: listing.kind, unusable: listing.unusable, ..Report::default() };
        let read: Vec<_> =
            listing.items.par_iter().map(|item| item.load(long_side, self.reading.smallest)).collect();
        let mut photos = report.sort(read);
        photos.sort_by(|a, b| a.name.cmp(&b.name));
        Ok((PhotoSet { photos, classes: classes.names }, report))
    }

    fn recognise(&self) -> Result<Recognised> {
        let path = self.data.clone();
        if path.is_file() {
            if has_ending(&path, &["json"]) {
                return Ok(Recognised::Coco(path));
            }
            if has_ending(&path, &["yaml", "yml"]) {
                return Ok(Recognised::Yolo(path.parent().unwrap_or(Path::new(".")).to_owned()));
            }
            bail!("{} is neither a data folder nor a COCO file nor a data.yaml", path.display());
        }
        let may = |kind| self.labels == kind || self.labels == LabelKind::Auto;
        if may(LabelKind::Masks) && masks::lie_in(&path) {
            return Ok(Recognised::Masks(path));
        }
        if may(LabelKind::Yolo) && yolo::lies_in(&path) {
            return Ok(Recognised::Yolo(path));
        }
        if may(LabelKind::Coco)
            && let Some(file) = coco::find(&path)?
        {
            return Ok(Recognised::Coco(file));
        }
        let wanted = match self.labels {
            LabelKind::Masks => "images/NAME.jpg and masks/NAME.png, or NAME.jpg and NAME_mask.png",
            LabelKind::Coco => "images and a COCO file, NAME.json",
            LabelKind::Yolo => "images/NAME.jpg and labels/NAME.txt",
            LabelKind::Auto => {
                "images/NAME.jpg and masks/NAME.png, or images/ and labels/NAME.txt (YOLO), or a COCO file NAME.json"
            }
        };
        bail!("cannot find labelled pictures in {}: a data folder holds {wanted}", path.display())
    }
}

enum Recognised {
    Masks(PathBuf),
    Yolo(PathBuf),
    Coco(PathBuf),
}

impl ReadingOptions {
    /// Lists on standard error what cannot be used, and decides whether to go on.
    ///
    /// # Errors
    /// When nothing can be used, or something cannot and is to be refused.
    pub fn settle(&self, report: &Report, data: &Path) -> Result<()> {
        let (bad, good) = (report.unusable.len(), report.sizes.len());
        if let [only] = report.unusable.as_slice()
            && (self.unusable == UnusableFiles::Refuse || good == 0)
        {
            bail!("cannot use {only}{}", if good > 0 { "; --unusable skip goes on without it" } else { "" });
        }
        report.unusable.iter().for_each(|one| eprintln!("cannot use {one}"));
        if good == 0 {
            bail!("{} holds no picture that can be used", data.display());
        }
        if bad > 0 && self.unusable == UnusableFiles::Refuse {
            bail!("{bad} files of {} cannot be used; --unusable skip goes on without them", data.display());
        }
        if bad > 0 {
            eprintln!("going on with {good} pictures, without {bad} files");
        }
        Ok(())
    }
}

/// Labels of one picture.
enum Labels {
    /// How much of each pixel is of the only class, 0 to 255; half and more counts.
    Soft(GrayImage),
    /// The class of each pixel, 0 for the background.
    Classes(GrayImage),
}

/// Makes the labels of a picture once that is decoded.
type MakeLabels = Box<dyn Fn(&Picture) -> Result<Labels, Reason> + Send + Sync>;

/// A picture that is to be read.
struct Item {
    name: String,
    picture: PathBuf,
    labels: MakeLabels,
}

/// A data set before its pictures are read.
struct Listing {
    /// The kind of labels, in words.
    kind: &'static str,
    items: Vec<Item>,
    /// What cannot be used as far as names tell.
    unusable: Vec<Unusable>,
}

impl Item {
    fn load(&self, long_side: u32, smallest: u32) -> Result<(Photo, Size), Unusable> {
        let read = || {
            let picture = open(&self.picture, smallest)?;
            let labels = match (self.labels)(&picture)? {
                Labels::Soft(labels) => Labels::Soft(picture.upright(labels)?),
                Labels::Classes(labels) => Labels::Classes(picture.upright(labels)?),
            };
            let size = picture.size();
            let reduced = reduced(size, long_side);
            let rgb = reduce(picture.into_rgb(), reduced);
            let labels = reduce_labels(labels, reduced);
            let (width, height) = (reduced.0 as usize, reduced.1 as usize);
            Ok((Photo { name: self.name.clone(), width, height, rgb: rgb.into_raw(), labels }, size))
        };
        read().map_err(|reason| Unusable::new(&self.picture, reason))
    }
}

/// Opens a picture and refuses small ones.
fn open(path: &Path, smallest: u32) -> Result<Picture, Reason> {
    let picture = Picture::open(path)?;
    let size = picture.size();
    if size.0.min(size.1) < smallest {
        return Err(Reason::TooSmall(size, smallest));
    }
    Ok(picture)
}

/// A size with its long side brought to at most `long_side`.
fn reduced((width, height): Size, long_side: u32) -> Size {
    let scale = (long_side as f32 / width.max(height) as f32).min(1.0);
    let side = |pixels: u32| ((pixels as f32 * scale).round() as u32).max(1);
    (side(width), side(height))
}

fn reduce(rgb: RgbImage, size: Size) -> RgbImage {
    if rgb.dimensions() == size { rgb } else { resize(&rgb, size.0, size.1, FilterType::Triangle) }
}

/// Labels at another size: of one class where it has at least half of a pixel, of several the one with the largest part.
fn reduce_labels(labels: Labels, (width, height): Size) -> Vec<u8> {
    let soft = |grey: &GrayImage| {
        let grey = resize(grey, width, height, FilterType::Triangle);
        grey.into_raw()
    };
    let half = |grey: Vec<u8>| grey.into_iter().map(|value| u8::from(value >= 128)).collect();
    let labels = match labels {
        Labels::Soft(grey) if grey.dimensions() == (width, height) => return half(grey.into_raw()),
        Labels::Soft(grey) => return half(soft(&grey)),
        Labels::Classes(labels) if labels.dimensions() == (width, height) => return labels.into_raw(),
        Labels::Classes(labels) => labels,
    };
    let mut best = vec![0u8; (width * height) as usize];
    let mut part = vec![0u8; best.len()];
    let there = labels.pixels().fold([false; 256], |mut there, pixel| {
        there[usize::from(pixel.0[0])] = true;
        there
    });
    for label in (0..=255u8).filter(|&label| there[usize::from(label)]) {
        let mut only = labels.clone();
        only.pixels_mut().for_each(|pixel| pixel.0[0] = if pixel.0[0] == label { 255 } else { 0 });
        for (i, value) in soft(&only).into_iter().enumerate() {
            // Of even parts the higher class, as in binary masks half counts.
            if value >= part[i] {
                (best[i], part[i]) = (label, value);
            }
        }
    }
    best
}
