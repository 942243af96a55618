//! What every training shares: options, the loop, the run's folder.

pub mod average;
pub mod collapse;
pub mod config;
pub mod curves;
pub mod figures;
pub mod fit;
pub mod folder;
pub mod interrupt;
pub mod learner;
pub mod optimiser;
pub mod progress;
pub mod runtime;
pub mod schedule;
pub mod statistics;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tch::{Device, Kind};

pub use figures::Figures;
pub use fit::{Measurement, Moment, Outcome, Task, fit};
pub use learner::{Learner, LearnerOptions};

use crate::data::PhotoSet;
use crate::data::source::DataOptions;
use crate::run::optimiser::OptimiserOptions;
use schedule::ScheduleOptions;

/// Version of the program, and the commit that it was built from where that is known.
pub const CODE_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("DERUST_COMMIT"));

/// Options of every training. Each is a flag and a line of the file that `--config` names.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunOptions {
    /// TOML file with settings, `learning-rate = 1e-3` for `--learning-rate 1e-3`; flags count first.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    #[serde(flatten)]
    pub data: DataOptions,
    /// Folder for settings, metrics, checkpoints and samples; made when it is not there.
    #[arg(long)]
    pub run: PathBuf,
    /// Steps to train.
    #[arg(long, default_value_t = 3000)]
    pub steps: u64,
    /// Train for this many minutes instead of a number of steps.
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Samples per step.
    #[arg(long, default_value_t = 12, value_parser = at_least_one)]
    pub batch: usize,
    /// Side of the square samples in pixels.
    #[arg(long, default_value_t = 224, value_parser = at_least_one)]
    pub side: usize,
    /// Everything random follows from this number, but which photos are set aside.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Which photos are set aside follows from this number.
    #[arg(long, default_value_t = 1)]
    pub split_seed: u64,
    /// Part of the photos that is set aside for measuring. With 0 the last weights count as the best.
    #[arg(long, default_value_t = 0.1)]
    pub held_out: f64,
    /// Set aside the photos of these families in place of a part of all: the letters that their names begin with, or
    /// `digits`. To see how a recipe does on photos that are unlike those that it learns from.
    #[arg(long, value_name = "FAMILY", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_out_families: Vec<String>,
    /// Part of the other photos to learn from, drawn by the seed: to see what more photos would bring.
    #[arg(long, value_name = "PART", default_value_t = 1.0, value_parser = part)]
    pub photos: f64,
    /// Steps between two measurements and checkpoints; 0 for one of each at the end.
    #[arg(long, default_value_t = 400)]
    pub every: u64,
    /// Checkpoints that stay, beside the last and the best.
    #[arg(long, default_value_t = 2)]
    pub keep: usize,
    /// Save and stop after this step, as if interrupted there.
    #[arg(long)]
    #[serde(skip)]
    pub stop_after: Option<u64>,
    /// Go on from the run folder's checkpoint, with the settings that lie there.
    #[arg(long)]
    #[serde(skip)]
    pub resume: bool,
    /// Begin anew in a folder that holds a run; what lies there is replaced.
    #[arg(long, conflicts_with = "resume")]
    #[serde(skip)]
    pub force: bool,
    /// Begin with the best weights of another run, in this folder, or with those of a model file (.onnx): to refine a
    /// network, or to teach it your own photos. Of several runs that began alike, the mean of their weights, which is
    /// often better than each (Wortsman et al. 2022, arXiv:2203.05482).
    #[arg(long, value_name = "RUN_OR_MODEL", num_args = 1..)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start_from: Vec<PathBuf>,
    /// Normalise by the statistics of the network begun with, also in training, in place of each batch's: to refine a
    /// network, above all with small batches, whose statistics are as much chance as rust.
    #[arg(long, num_args = 0..=1, default_value_t = false, default_missing_value = "true")]
    pub fixed_statistics: bool,
    /// Threads of libtorch.
    #[arg(long, default_value_t = 1)]
    pub threads: i32,
    /// Where to compute: `cpu` or `cuda`.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Numbers in which convolutions train: `float32`, `bfloat16`, or `auto` for the fastest that the network bears.
    #[arg(long, default_value = "auto")]
    pub precision: String,
    #[command(flatten)]
    #[serde(flatten)]
    pub schedule: ScheduleOptions,
    #[command(flatten)]
    #[serde(flatten)]
    pub optimiser: OptimiserOptions,
}

fn part(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(part) if part > 0.0 && part <= 1.0 => Ok(part),
        _ => Err("must be above 0 and at most 1".into()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("not a whole number".into()),
    }
}

impl RunOptions {
    /// Sets libtorch up and returns the device and the kind of number that convolutions train in; `coarsest` is the
    /// kind that the network bears.
    ///
    /// # Errors
    /// When the run's folder holds another run, the device is unknown or not there, or the precision is unknown.
    pub fn prepare(&self, coarsest: Kind) -> Result<(Device, Kind)> {
        ensure!(
            !self.fixed_statistics || !self.start_from.is_empty(),
            "--fixed-statistics needs the statistics of a network to begin with: name it with --start-from"
        );
        if !self.resume && !self.force {
            folder::refuse_used(&self.run)?;
        }
        tch::set_num_threads(self.threads);
        tch::manual_seed(self.seed as i64);
        let device = runtime::choose(&self.device)?;
        Ok((device, runtime::precision(&self.precision, coarsest, device)?))
    }

    /// How a network of this run learns: by itself, and averaged.
    pub fn learner(&self, name: &'static str, (device, kind): (Device, Kind)) -> LearnerOptions<'_> {
        LearnerOptions {
            name,
            device,
            kind,
            optimiser: &self.optimiser,
            adversarial: false,
            averaged: true,
            fixed_statistics: self.fixed_statistics,
        }
    }

    /// The photos to learn from, and those set aside.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn photos(&self, long_side: u32) -> Result<(PhotoSet, PhotoSet)> {
        let photos = self.data.load(long_side)?;
        let (mut learn, held_out) =
            photos.set_aside(&self.held_out_families, self.held_out, self.split_seed)?;
        learn.draw(self.photos, self.seed);
        Ok((learn, held_out))
    }
}

/// Section of the best weights that says what was measured of them.
pub const METRICS: &str = "metrics";

/// File names inside a run's folder.
pub mod files {
    /// The settings as used.
    pub const SETTINGS: &str = "run.toml";
    /// Everything needed to go on.
    pub const CHECKPOINT: &str = "last.safetensors";
    /// The weights that measured best; what an export takes.
    pub const BEST: &str = "best.safetensors";
    /// One JSON object per step.
    pub const STEPS: &str = "steps.jsonl";
    /// One JSON object per measurement.
    pub const METRICS: &str = "metrics.jsonl";
    /// Folder of pictures of what the networks make.
    pub const SAMPLES: &str = "samples";

    const NUMBERED: &str = "step-";

    /// The checkpoint of a step. Names of later steps come later.
    pub fn numbered(step: u64) -> String {
        format!("{NUMBERED}{step:07}.safetensors")
    }

    /// Whether a file name is one of those of [`numbered`].
    pub fn is_numbered(name: &str) -> bool {
        name.starts_with(NUMBERED) && name.ends_with(".safetensors")
    }
}
