//! Data sets written to disk and read again.

mod agreement;
mod pictures;
mod reasons;

use std::path::Path;

use image::{GrayImage, Rgb, RgbImage};
use tempfile::TempDir;

use super::{DataOptions, LabelKind, ReadingOptions, Report, UnusableFiles};
use crate::data::PhotoSet;

/// Width and height of the pictures that tests write.
const SIZE: (u32, u32) = (48, 36);

/// A folder with these folders inside.
fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    folder
}

/// A picture with something to see.
fn picture((width, height): (u32, u32)) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 5) as u8, (y * 7) as u8, (x ^ y) as u8]))
}

/// A mask with a white square in it.
fn mask((width, height): (u32, u32)) -> GrayImage {
    let inside = |x, y| (width / 4..width / 2).contains(&x) && (height / 4..height / 2).contains(&y);
    GrayImage::from_fn(width, height, |x, y| image::Luma([if inside(x, y) { 255 } else { 0 }]))
}

/// A PNG file that promises this many pixels and holds none.
fn hollow_png(width: u32, height: u32) -> Vec<u8> {
    let mut file = vec![];
    let mut writer = png::Encoder::new(&mut file, width, height).write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, &[]).unwrap();
    drop(writer);
    file
}

fn options(data: &Path, classes: &[&str]) -> DataOptions {
    DataOptions {
        data: data.to_owned(),
        labels: LabelKind::Auto,
        classes: classes.iter().map(|&name| name.to_owned()).collect(),
        reading: ReadingOptions { unusable: UnusableFiles::Refuse, smallest: 32 },
    }
}

fn read(data: &Path, classes: &[&str]) -> (PhotoSet, Report) {
    options(data, classes).read(1000).unwrap()
}
