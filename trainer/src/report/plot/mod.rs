//! Charts as PNG files: training curves, precision against recall, reliability.

mod canvas;
mod chart;
mod legend;
mod run;
mod ticks;

use image::RgbImage;

pub use chart::{Axis, Chart, Series};
pub use run::{curves_of_run, is_loss, read_metrics};

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
