//! Measures model files the way people use them: through the `derust` command, on files.

mod command;
mod pairs;
mod removal;
mod rust_free;
mod segmentation;
mod similarity;

pub use pairs::{PairsOptions, write_pairs};
pub use rust_free::{RustFreeOptions, write_rust_free};

use anyhow::Result;
use clap::Subcommand;

use crate::random::{Purpose, index, stream};

/// What to measure.
#[derive(Subcommand, Clone, Debug)]
pub enum EvaluateCommand {
    /// Found rust against labels.
    Segment(segmentation::SegmentationOptions),
    /// Pictures without rust against what was there before rust was pasted on.
    Derust(removal::RemovalOptions),
}

/// Measures and prints the figures, the last line as JSON.
///
/// # Errors
/// When a file cannot be read or the command fails.
pub fn evaluate(command: &EvaluateCommand) -> Result<()> {
    match command {
        EvaluateCommand::Segment(options) => segmentation::evaluate(options),
        EvaluateCommand::Derust(options) => removal::evaluate(options),
    }
}

/// The range that holds a figure in 95 of 100 draws of as many pictures (Efron's percentile bootstrap, 1979).
///
/// `figure` computes the figure from the numbers of the drawn pictures.
fn confidence(pictures: usize, figure: impl Fn(&[usize]) -> f64) -> [f64; 2] {
    const DRAWS: u64 = 1000;
    let mut figures: Vec<f64> = (0..DRAWS)
        .map(|draw| {
            let mut random = stream(0, Purpose::Measuring, draw);
            let drawn: Vec<usize> = (0..pictures).map(|_| index(&mut random, pictures)).collect();
            figure(&drawn)
        })
        .collect();
    figures.sort_by(f64::total_cmp);
    [figures[DRAWS as usize / 40], figures[DRAWS as usize - 1 - DRAWS as usize / 40]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_narrows_with_more_pictures_and_holds_the_mean() {
        let width = |pictures: usize| {
            let [low, high] = confidence(pictures, |drawn| {
                drawn.iter().map(|i| (i % 2) as f64).sum::<f64>() / drawn.len() as f64
            });
            assert!(low < 0.5 && 0.5 < high);
            high - low
        };
        assert!(width(400) < width(100) && width(100) < width(25));
    }
}
