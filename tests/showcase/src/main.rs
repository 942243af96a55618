//! Puts pictures of one scene side by side: before, mask, after.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

/// The width of one picture in the strip, in pixels.
const PANEL_WIDTH: u32 = 400;
/// The space between two pictures, in pixels.
const GAP: u32 = 8;
/// JPEG quality of the strip.
const QUALITY: u8 = 88;

/// Puts pictures of one scene side by side.
#[derive(Parser)]
struct Arguments {
    /// Where to write the strip (JPEG).
    #[arg(short)]
    output: PathBuf,
    /// The pictures, from left to right; all of one shape.
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let pictures = arguments.pictures.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    write(&strip(&pictures)?, &arguments.output)
}

fn read(path: &Path) -> Result<RgbImage> {
    Ok(image::open(path).with_context(|| format!("cannot read {}", path.display()))?.into_rgb8())
}

fn strip(pictures: &[RgbImage]) -> Result<RgbImage> {
    let (width, height) = pictures.first().context("there is no picture")?.dimensions();
    ensure!(
        pictures.iter().all(|picture| picture.dimensions() == (width, height)),
        "the pictures differ in size"
    );
    let panel_height =
        (f64::from(height) * f64::from(PANEL_WIDTH) / f64::from(width)).round().max(1.0) as u32;
    let count = pictures.len() as u32;
    let white = Rgb([255; 3]);
    let mut strip = RgbImage::from_pixel(count * PANEL_WIDTH + (count - 1) * GAP, panel_height, white);
    for (index, picture) in (0_u32..).zip(pictures) {
        let panel = imageops::resize(picture, PANEL_WIDTH, panel_height, FilterType::CatmullRom);
        imageops::replace(&mut strip, &panel, (index * (PANEL_WIDTH + GAP)).into(), 0);
    }
    Ok(strip)
}

fn write(picture: &RgbImage, path: &Path) -> Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(picture).with_context(cannot_write)?;
    std::fs::write(path, bytes).with_context(cannot_write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_side_by_side() {
        let (red, blue) = (Rgb([200, 0, 0]), Rgb([0, 0, 200]));
        let strip =
            strip(&[RgbImage::from_pixel(800, 600, red), RgbImage::from_pixel(800, 600, blue)]).unwrap();
        assert_eq!(strip.dimensions(), (2 * PANEL_WIDTH + GAP, 300));
        assert_eq!(*strip.get_pixel(PANEL_WIDTH - 1, 299), red);
        assert_eq!(*strip.get_pixel(PANEL_WIDTH, 0), Rgb([255; 3]));
        assert_eq!(*strip.get_pixel(PANEL_WIDTH + GAP, 150), blue);
    }

    #[test]
    fn shapes_must_agree() {
        assert!(strip(&[RgbImage::new(8, 8), RgbImage::new(8, 9)]).is_err());
        assert!(strip(&[]).is_err());
    }
}
