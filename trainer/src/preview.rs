//! Contact sheets of the samples that a training would see, to be looked at before it starts.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use image::{Rgb, RgbImage};

use crate::data::batches::Samples;
use crate::data::{PhotoSet, Plane};
use crate::segment::LONG_SIDE;

/// Options of `preview`.
#[derive(Args, Clone, Debug)]
pub struct PreviewOptions {
    /// Which training.
    training: Training,
    /// Folder with images/ and masks/.
    #[arg(long)]
    data: PathBuf,
    /// The PNG or JPEG file to write.
    #[arg(short, long)]
    output: PathBuf,
    /// Samples on the sheet.
    #[arg(long, default_value_t = 24)]
    count: u64,
    /// Side of the square samples in pixels.
    #[arg(long, default_value_t = 224)]
    side: usize,
    /// Everything random follows from this number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Training {
    Segment,
    Derust,
}

/// Writes the sheet: one sample after the other, its planes side by side.
///
/// # Errors
/// When the data cannot be read or the sheet cannot be written.
pub fn write(options: &PreviewOptions) -> Result<()> {
    let photos = PhotoSet::load(&options.data, LONG_SIDE)?.photos;
    let (side, seed) = (options.side, options.seed);
    let samples: Box<dyn Samples> = match options.training {
        Training::Segment => Box::new(crate::segment::SegmentSamples { photos, side, seed }),
        Training::Derust => Box::new(crate::derust::Pairs::for_training(photos, side, seed)),
    };
    let rows: Vec<Vec<Plane>> = (0..options.count).map(|number| samples.sample(number)).collect();
    let sheet = contact_sheet(&rows, 4);
    sheet.save(&options.output).with_context(|| format!("cannot write {}", options.output.display()))
}

/// Lays samples out, `columns` of them in a row.
pub fn contact_sheet(samples: &[Vec<Plane>], columns: usize) -> RgbImage {
    let planes = samples.first().map_or(0, Vec::len);
    let (width, height) = samples.first().and_then(|s| s.first()).map_or((0, 0), |p| (p.width, p.height));
    let rows = samples.len().div_ceil(columns);
    let mut sheet = RgbImage::new((columns * planes * width) as u32, (rows * height) as u32);
    for (i, sample) in samples.iter().enumerate() {
        for (j, plane) in sample.iter().enumerate() {
            let (left, top) = (((i % columns) * planes + j) * width, (i / columns) * height);
            for y in 0..height {
                for x in 0..width {
                    let value = |channel: usize| {
                        let channel = channel.min(plane.channels - 1);
                        (plane.channel(channel)[y * width + x] * 255.0).round() as u8
                    };
                    let pixel = Rgb([value(0), value(1), value(2)]);
                    sheet.put_pixel((left + x) as u32, (top + y) as u32, pixel);
                }
            }
        }
    }
    sheet
}
