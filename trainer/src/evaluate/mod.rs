//! Measures model files the way people use them: through the `derust` command, on files.

mod classes;
mod command;
pub mod compare;
pub mod distance;
mod files;
mod halo;
pub mod measure;
mod outcome;
mod pairs;
mod real;
mod removal;
mod report;
mod rust_free;
mod segmentation;
mod shape;
mod similarity;
mod texture;
pub mod threshold;
mod treatment;

pub use pairs::{PairsOptions, write_pairs};
pub use rust_free::{RustFreeOptions, write_rust_free};

use anyhow::Result;
use clap::Subcommand;

use crate::data::random::{Purpose, bootstrap};

/// What to measure.
#[derive(Subcommand, Clone, Debug)]
pub enum EvaluateCommand {
    /// Found rust against labels.
    Segment(segmentation::SegmentationOptions),
    /// Pictures without rust against what was there before rust was pasted on.
    Derust(removal::RemovalOptions),
    /// The real rust of photos, before and after, by a model that had no part in removing it.
    Real(real::RealOptions),
}

/// Measures and prints the figures, the last line as JSON.
///
/// # Errors
/// When a file cannot be read or the command fails.
pub fn evaluate(command: &EvaluateCommand) -> Result<()> {
    match command {
        EvaluateCommand::Segment(options) => segmentation::evaluate(options),
        EvaluateCommand::Derust(options) => removal::evaluate(options),
        EvaluateCommand::Real(options) => real::evaluate(options),
    }
}

/// The value in the middle, or the mean of the two there; not a number where there are none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[odd / 2],
        even => (values[even / 2 - 1] + values[even / 2]) / 2.0,
    }
}

/// The range that holds a figure in 95 of 100 draws of as many pictures (Efron's percentile bootstrap, 1979).
///
/// `figure` computes the figure from the numbers of the drawn pictures.
fn confidence(pictures: usize, figure: impl Fn(&[usize]) -> f64) -> [f64; 2] {
    const DRAWS: u64 = 1000;
    let mut figures: Vec<f64> =
        bootstrap(Purpose::Measuring, DRAWS, pictures).map(|drawn| figure(&drawn)).collect();
    // Draws in which there was nothing to measure say nothing.
    figures.retain(|figure| !figure.is_nan());
    figures.sort_by(f64::total_cmp);
    match figures.len() {
        0 => [f64::NAN; 2],
        count => [figures[count / 40], figures[count - 1 - count / 40]],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn confidence_narrows_with_more_pictures_and_holds_the_mean() {
        let width = |pictures: usize| {
            let [low, high] = confidence(pictures, |drawn| {
                drawn.iter().map(|i| (i % 2) as f64).sum::<f64>() / drawn.len() as f64
            });
            assert!(low < 0.5 && 0.5 < high);
            high - low
        };
        assert!(confidence(3, |_| f64::NAN)[0].is_nan());
        assert!(width(400) < width(100) && width(100) < width(25));
    }
}
