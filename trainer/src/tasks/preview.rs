//! Contact sheets of the samples that a training would see, to be looked at before it starts.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::data::LONG_SIDE;
use crate::data::SampleOptions;
use crate::data::batches::Samples;
use crate::data::mix::Mix;
use crate::data::removal::{Pairs, Source};
use crate::data::segmentation::SegmentSamples;
use crate::data::source::DataOptions;
use crate::report::sheet::{Group, contact_sheet, picture_of};
use crate::whole_file;

/// Options of `preview`.
#[derive(Args, Clone, Debug)]
pub struct PreviewOptions {
    /// Which training.
    training: Training,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    samples: SampleOptions,
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
    let photos = options.data.load(LONG_SIDE)?.photos;
    let (side, seed) = (options.side, options.seed);
    let samples: Box<dyn Samples> = match options.training {
        Training::Segment => {
            let recipe = options.samples.choose(Mix::SEGMENT)?;
            Box::new(SegmentSamples { photos, side, seed, recipe })
        }
        Training::Derust => {
            let recipe = options.samples.choose(Mix::DERUST)?;
            Box::new(Pairs::for_training(Source::Photos(photos), side, seed, recipe))
        }
    };
    let groups: Vec<Group> = (0..options.count)
        .map(|number| {
            let pictures = samples.sample(number).iter().map(picture_of).collect();
            Group { pictures, caption: format!("sample {number}") }
        })
        .collect();
    let sheet = contact_sheet(&groups, 4, side as u32);
    whole_file::write_picture(&options.output, sheet)
}
