//! Pictures without rust, in which everything that is found is a false alarm.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use image::imageops::crop_imm;
use image::{GrayImage, RgbImage};

use crate::data::Photo;
use crate::data::random::{Purpose, Random, chance, index, stream, uniform};
use crate::data::source::DataOptions;

/// Options of `rust-free`; half of the pictures are made of the clean parts of the data's.
#[derive(Args, Clone, Debug)]
pub struct RustFreeOptions {
    #[command(flatten)]
    data: DataOptions,
    /// Folder to write to: images/ and (black) masks/ with NUMBER.png in each.
    #[arg(short, long)]
    output: PathBuf,
    /// Pictures to make.
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// The pictures follow from this number and the photos.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Side of the rendered pictures in pixels.
const SIDE: u32 = 512;
/// Smallest and largest side of a clean part, as parts of the photo's shorter side.
const PART: [f32; 2] = [0.4, 0.8];
/// Part of the pictures that lies in the light of a low sun.
const SUNSET: f32 = 0.25;

/// Writes rendered brick, wood, paint and soil, and parts of photos in which no rust is labelled.
///
/// # Errors
/// When the photos cannot be read, too few have clean parts, or the folder cannot be written to.
pub fn write_rust_free(options: &RustFreeOptions) -> Result<()> {
    const LARGEST_SIDE: u32 = 1024;
    let photos = options.data.load(LARGEST_SIDE)?.photos;
    for name in ["images", "masks"] {
        let folder = options.output.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    for number in 0..options.count {
        let mut random = stream(options.seed, Purpose::Measuring, number);
        let mut picture = if number % 2 == 0 {
            derust_render::clutter(options.seed + number, SIDE, SIDE)
        } else {
            let from = number as usize / 2 % photos.len();
            let turns = photos[from..].iter().chain(&photos[..from]);
            let clean = turns.filter_map(|photo| clean_part(photo, &mut random)).next();
            clean.context("none of the photos has a clean part")?
        };
        if chance(&mut random, SUNSET) {
            redden(&mut picture);
        }
        let name = format!("{number:03}.png");
        let mask = GrayImage::new(picture.width(), picture.height());
        for (folder, saved) in [
            ("images", picture.save(options.output.join("images").join(&name))),
            ("masks", mask.save(options.output.join("masks").join(&name))),
        ] {
            saved.with_context(|| format!("cannot write {}", options.output.join(folder).display()))?;
        }
    }
    println!("{} pictures without rust in {}", options.count, options.output.display());
    Ok(())
}

/// A square out of a photo in which nothing is labelled as rust, if chance finds one.
fn clean_part(photo: &Photo, random: &mut Random) -> Option<RgbImage> {
    const TRIES: usize = 40;
    let (width, height) = (photo.width as u32, photo.height as u32);
    let labels = GrayImage::from_raw(width, height, photo.labels.clone())?;
    let rgb = RgbImage::from_raw(width, height, photo.rgb.clone())?;
    (0..TRIES).find_map(|_| {
        let side = (width.min(height) as f32 * uniform(random, PART[0], PART[1])) as u32;
        let mut place = |length: u32| index(random, (length - side) as usize + 1) as u32;
        let (x, y) = (place(width), place(height));
        let clean = crop_imm(&labels, x, y, side, side).to_image().pixels().all(|pixel| pixel.0[0] == 0);
        clean.then(|| crop_imm(&rgb, x, y, side, side).to_image())
    })
}

/// The light of a low sun: less green, much less blue.
fn redden(picture: &mut RgbImage) {
    const GAINS: [f32; 3] = [1.0, 0.78, 0.55];
    for pixel in picture.pixels_mut() {
        for (value, gain) in pixel.0.iter_mut().zip(GAINS) {
            *value = (f32::from(*value) * gain).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_parts_hold_nothing_of_the_label() {
        // Rust on the left half, which is red.
        let (width, height) = (64, 32);
        let is_rust = |i: usize| i % width < width / 2;
        let photo = Photo {
            name: "half".into(),
            width,
            height,
            rgb: (0..width * height).flat_map(|i| if is_rust(i) { [255, 0, 0] } else { [0; 3] }).collect(),
            labels: (0..width * height).map(|i| u8::from(is_rust(i))).collect(),
        };
        for number in 0..20 {
            let part = clean_part(&photo, &mut stream(3, Purpose::Measuring, number));
            assert!(part.is_none_or(|part| part.pixels().all(|pixel| pixel.0 == [0; 3])));
        }
        assert!(clean_part(&photo, &mut stream(3, Purpose::Measuring, 0)).is_some());
        let rusty = Photo { labels: vec![1; width * height], ..photo };
        assert!(clean_part(&rusty, &mut stream(3, Purpose::Measuring, 0)).is_none());
    }
}
