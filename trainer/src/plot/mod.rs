//! Charts as PNG files: training curves, precision against recall, reliability.

mod canvas;
mod chart;
mod legend;
mod run;
mod ticks;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use image::RgbImage;

pub use chart::{Axis, Chart, Series};
pub use run::{curves_of_run, is_loss, read_metrics};

use crate::run::files;

/// Options of `curves`.
#[derive(Args, Clone, Debug)]
pub struct CurvesOptions {
    /// The run's folder.
    run: PathBuf,
}

/// Draws a run's curves again, from its metrics file.
///
/// # Errors
/// When the file cannot be read or a picture cannot be written.
pub fn write_run(options: &CurvesOptions) -> Result<()> {
    curves_of_run(&options.run.join(files::METRICS), &options.run)
}

/// Charts one below the other.
pub fn stack(charts: &[RgbImage]) -> RgbImage {
    let width = charts.iter().map(RgbImage::width).max().unwrap_or(1);
    let height = charts.iter().map(RgbImage::height).sum::<u32>().max(1);
    let mut stacked = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    let mut top = 0;
    for chart in charts {
        image::imageops::replace(&mut stacked, chart, 0, i64::from(top));
        top += chart.height();
    }
    stacked
}
