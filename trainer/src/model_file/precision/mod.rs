//! The numbers in which a model file computes, and what whole numbers of eight bits cost.

mod activations;
mod proof;
mod quantise;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::data::LONG_SIDE;
use crate::data::PhotoSet;
use crate::data::source::{DataOptions, LabelKind, ReadingOptions};

pub use activations::Activation;
pub use proof::{calibration_inputs, prove_derust, prove_segment};
pub use quantise::{Quantisation, WholeNumbers, WholeParameter, quantise};

/// In what numbers a model computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// float32; weights are stored in two bytes each unless `--full-weights` is given.
    #[default]
    Float32,
    /// float16, for devices that have units for it; what goes in and comes out stays float32.
    Float16,
    /// Whole numbers of eight bits, calibrated on training photos; measured on those set aside.
    Int8,
}

/// Options of an export that say in what numbers the model computes.
#[derive(Args, Clone, Debug)]
pub struct PrecisionOptions {
    /// In what numbers the model computes.
    #[arg(long, value_enum, default_value_t = Precision::Float32)]
    pub precision: Precision,
    /// Store the weights of a float32 model in four bytes instead of two.
    #[arg(long)]
    pub full_weights: bool,
    /// For int8, and to fit a detector: the photos with labels that the run learned from.
    #[arg(long, required_if_eq("precision", "int8"))]
    pub data: Option<PathBuf>,
    /// For int8: the part of the photos that the run set aside, on which the model is measured.
    #[arg(long, default_value_t = 0.1)]
    pub held_out: f64,
    /// For int8: the number from which it follows which photos the run set aside.
    #[arg(long, default_value_t = 1)]
    pub split_seed: u64,
}

impl PrecisionOptions {
    /// The photos to learn from, and those set aside.
    ///
    /// # Errors
    /// When none are named, or they cannot be read.
    pub fn photos(&self) -> Result<(PhotoSet, PhotoSet)> {
        let data = self.data.clone().context("--data is missing: the photos that the run learned from")?;
        let options = DataOptions {
            data,
            labels: LabelKind::default(),
            classes: vec![],
            reading: ReadingOptions::default(),
        };
        Ok(options.load(LONG_SIDE)?.divide(self.held_out, self.split_seed))
    }
}
