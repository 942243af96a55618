//! Masks as pictures: black and white, or one value or colour per class.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use image::{DynamicImage, GrayImage, Luma, RgbImage};
use rayon::prelude::*;

use super::classes::{Classes, Value, by_name, label_map};
use super::listing::{Listed, files, has_ending, is_picture};
use super::picture::Picture;
use super::report::{Reason, Unusable};
use super::{Item, Labels, Listing};

/// What a mask's name has more than its picture's where both lie in one folder.
const SUFFIX: &str = "_mask";

/// Folders of pictures and of masks inside of a data folder, as different tools name them.
const FOLDERS: [(&str, &str); 2] = [("images", "masks"), ("JPEGImages", "SegmentationClass")];

/// Whether a folder looks as if it held masks.
pub fn lie_in(folder: &Path) -> bool {
    FOLDERS.iter().any(|(_, masks)| folder.join(masks).is_dir()) || has_masks_beside(folder)
}

fn has_masks_beside(folder: &Path) -> bool {
    let beside = |one: Listed| one.name.ends_with(SUFFIX) && is_picture(&one.path);
    files(folder).is_ok_and(|listed| listed.into_iter().any(beside))
}

/// Pairs every picture of a data folder with its mask.
///
/// # Errors
/// When a folder cannot be read, or the classes are not those of `labelmap.txt`.
pub fn list(folder: &Path, classes: &Classes) -> Result<Listing> {
    let (pictures, masks) = match FOLDERS.iter().find(|(_, masks)| folder.join(masks).is_dir()) {
        Some((pictures, masks)) => (files(&folder.join(pictures))?, files(&folder.join(masks))?),
        None => {
            let all = files(folder)?.into_iter().filter(|one| is_picture(&one.path));
            let (mut masks, pictures): (Vec<_>, Vec<_>) = all.partition(|one| one.name.ends_with(SUFFIX));
            for mask in &mut masks {
                mask.name.truncate(mask.name.len() - SUFFIX.len());
            }
            (pictures, masks)
        }
    };
    let masks = by_name(masks.into_iter().filter(|one| is_picture(&one.path)).collect());
    let code =
        Code::choose(classes, label_map(folder)?, &masks.values().map(|one| &one.path).collect::<Vec<_>>())?;
    let mut unusable = vec![];
    let names: BTreeSet<&str> = pictures.iter().map(|one| one.name.as_str()).collect();
    for mask in masks.values().filter(|mask| !names.contains(mask.name.as_str())) {
        let wanted = format!("no picture is named {}", mask.name);
        unusable.push(Unusable::new(&mask.path, Reason::NoPicture(wanted)));
    }
    let mut items = vec![];
    for Listed { name, path } in pictures {
        match masks.get(&name) {
            Some(mask) => {
                let (mask, code) = (mask.path.clone(), code.clone());
                let labels = Box::new(move |_: &Picture| code.read(&mask));
                items.push(Item { name, picture: path, labels });
            }
            None => {
                let wanted = format!("no mask is named {name}.png");
                unusable.push(Unusable::new(&path, Reason::NoLabels(wanted)));
            }
        }
    }
    Ok(Listing { kind: "masks", items, unusable })
}

/// How a mask's pixels say their class.
#[derive(Clone, Debug)]
enum Code {
    /// Bright pixels are rust.
    Bright,
    /// Values and the label of each; black and 0 are the background.
    Values(Vec<(Value, u8)>),
    /// Value 0 is the background, value `n` the label `n`, up to this one.
    Index(u8),
}

impl Code {
    /// By what was given with the classes, by a label map, or by the values that occur in all masks.
    fn choose(classes: &Classes, map: Option<Vec<(String, Value)>>, masks: &[&PathBuf]) -> Result<Self> {
        let labels = || 1..=classes.names.len() as u8;
        if classes.values.iter().any(Option::is_some) {
            let given: Vec<(Value, u8)> = classes
                .values
                .iter()
                .zip(labels())
                .filter_map(|(value, label)| Some(((*value)?, label)))
                .collect();
            ensure!(given.len() == classes.names.len(), "--classes: give a value to each class or to none");
            return Ok(Code::Values(given));
        }
        if let Some(map) = map {
            classes.require(map.iter().map(|(name, _)| name.as_str()), Path::new("labelmap.txt"))?;
            let known = map.into_iter().map(|(name, value)| (value, classes.label(&name).unwrap_or(0)));
            return Ok(Code::Values(known.collect()));
        }
        if classes.names.len() == 1 {
            return Ok(Code::Bright);
        }
        let sets: Vec<BTreeSet<u8>> = masks.par_iter().map(|path| grey_values(path)).collect();
        let mut values: BTreeSet<u8> = sets.into_iter().flatten().collect();
        values.remove(&0);
        if values.len() == classes.names.len() && values.last() > labels().last().as_ref() {
            return Ok(Code::Values(values.into_iter().map(Value::Grey).zip(labels()).collect()));
        }
        Ok(Code::Index(classes.names.len() as u8))
    }

    /// The labels of one mask.
    fn read(&self, path: &Path) -> Result<Labels, Reason> {
        let mask = Mask::open(path)?;
        let known: Vec<(Value, u8)> = match self {
            Code::Bright => return mask.bright(path),
            Code::Values(values) => values.clone(),
            Code::Index(last) => (1..=*last).map(|label| (Value::Grey(label), label)).collect(),
        };
        let colours = known.iter().any(|(value, _)| matches!(value, Value::Colour(_)));
        let label = |value: Value| {
            let found = known.iter().find(|(other, _)| same(*other, value)).map(|one| one.1);
            found.or(same(Value::Grey(0), value).then_some(0)).ok_or(value)
        };
        let labels = match &mask {
            Mask::Indexed(indices, _) if !colours => {
                map(indices.dimensions(), indices.pixels().map(|pixel| label(Value::Grey(pixel.0[0]))))
            }
            Mask::Grey(grey) => {
                map(grey.dimensions(), grey.pixels().map(|pixel| label(Value::Grey(pixel.0[0]))))
            }
            Mask::Indexed(_, colour) | Mask::Colour(colour) => {
                map(colour.dimensions(), colour.pixels().map(|pixel| label(Value::Colour(pixel.0))))
            }
        };
        labels.map(Labels::Classes).map_err(|value| {
            Reason::UnknownClass(format!(
                "{} has the value {value}; say what values mean with --classes NAME=VALUE,…",
                path.display()
            ))
        })
    }
}

/// A grey value and the colour of the same three values are one.
fn same(a: Value, b: Value) -> bool {
    let colour = |value| match value {
        Value::Grey(value) => [value; 3],
        Value::Colour(colour) => colour,
    };
    colour(a) == colour(b)
}

fn map(
    (width, height): (u32, u32),
    labels: impl Iterator<Item = Result<u8, Value>>,
) -> Result<GrayImage, Value> {
    let labels = labels.collect::<Result<Vec<u8>, Value>>()?;
    Ok(GrayImage::from_raw(width, height, labels).expect("one label for each pixel"))
}

/// A mask as its file says it.
enum Mask {
    /// Grey throughout.
    Grey(GrayImage),
    /// Indices into a palette with colours, and those colours.
    Indexed(GrayImage, RgbImage),
    /// Colours.
    Colour(RgbImage),
}

impl Mask {
    fn open(path: &Path) -> Result<Self, Reason> {
        let inside = |what: String| Reason::Corrupt(format!("{}: {what}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| inside(error.to_string()))?;
        let picture = Picture::decode(&bytes).map_err(|reason| match reason {
            Reason::Corrupt(what) => inside(what),
            Reason::NoPictureFile => inside("neither PNG nor JPEG".into()),
            other => other,
        })?;
        if let DynamicImage::ImageLuma8(grey) = picture.pixels {
            return Ok(Mask::Grey(grey));
        }
        let colour = picture.into_rgb();
        if colour.pixels().all(|pixel| pixel.0 == [pixel.0[0]; 3]) {
            let grey = colour.pixels().map(|pixel| pixel.0[0]).collect();
            let (width, height) = colour.dimensions();
            return Ok(Mask::Grey(
                GrayImage::from_raw(width, height, grey).expect("one value for each pixel"),
            ));
        }
        Ok(match has_ending(path, &["png"]).then(|| palette_indices(&bytes)).flatten() {
            Some(indices) if indices.dimensions() == colour.dimensions() => Mask::Indexed(indices, colour),
            _ => Mask::Colour(colour),
        })
    }

    /// Rust where a pixel is bright, whichever its colour, or where it is 1 and no pixel is more, as in a mask of indices.
    fn bright(self, path: &Path) -> Result<Labels, Reason> {
        let highest = |grey: &GrayImage| grey.pixels().map(|pixel| pixel.0[0]).max().unwrap_or(0);
        let grey = match self {
            Mask::Grey(grey) => grey,
            Mask::Indexed(indices, _) if highest(&indices) <= 1 => indices,
            Mask::Indexed(_, colour) | Mask::Colour(colour) => {
                let (width, height) = colour.dimensions();
                let brightest = |x, y| Luma([colour.get_pixel(x, y).0.into_iter().max().unwrap_or(0)]);
                GrayImage::from_fn(width, height, brightest)
            }
        };
        match highest(&grey) {
            0 | 1 => Ok(Labels::Classes(grey)),
            128.. => Ok(Labels::Soft(grey)),
            dark => Err(Reason::UnknownClass(format!(
                "{} has no value above {dark}; name its classes with --classes",
                path.display()
            ))),
        }
    }
}

/// The palette indices of a PNG file, if it has a palette.
fn palette_indices(bytes: &[u8]) -> Option<GrayImage> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().ok()?;
    if reader.info().color_type != png::ColorType::Indexed {
        return None;
    }
    let mut packed = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut packed).ok()?;
    let bits = frame.bit_depth as usize;
    let index = |x: u32, y: u32| {
        let bit = x as usize * bits;
        let byte = packed[y as usize * frame.line_size + bit / 8];
        Luma([(byte >> (8 - bits - bit % 8)) & (0xff_u8 >> (8 - bits))])
    };
    Some(GrayImage::from_fn(frame.width, frame.height, index))
}

/// The values of a mask that is grey or has a palette; none of others.
fn grey_values(path: &Path) -> BTreeSet<u8> {
    match Mask::open(path) {
        Ok(Mask::Grey(grey) | Mask::Indexed(grey, _)) => grey.pixels().map(|pixel| pixel.0[0]).collect(),
        _ => BTreeSet::new(),
    }
}
