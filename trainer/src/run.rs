//! What every training shares: the run's folder, its budget, its learning rate and its progress bar.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use crate::checkpoint::Checkpoint;

/// Options of every training.
#[derive(Args, Clone, Debug)]
pub struct RunOptions {
    /// Folder with images/ and masks/.
    #[arg(long)]
    pub data: PathBuf,
    /// Folder for checkpoints and figures; made when it is not there.
    #[arg(long)]
    pub run: PathBuf,
    /// Steps to train.
    #[arg(long, default_value_t = 3000)]
    pub steps: u64,
    /// Train for this many minutes instead of a number of steps.
    #[arg(long, conflicts_with = "steps")]
    pub minutes: Option<f64>,
    /// Samples per step.
    #[arg(long, default_value_t = 12)]
    pub batch: usize,
    /// Side of the square samples in pixels.
    #[arg(long, default_value_t = 224)]
    pub side: usize,
    /// Highest learning rate.
    #[arg(long, default_value_t = 2e-3)]
    pub learning_rate: f64,
    /// Everything random follows from this number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Part of the photos that is set aside for measuring.
    #[arg(long, default_value_t = 0.1)]
    pub held_out: f32,
    /// Steps between two measurements and checkpoints.
    #[arg(long, default_value_t = 400)]
    pub every: u64,
    /// Save and stop after this step, as if interrupted there.
    #[arg(long)]
    pub stop_after: Option<u64>,
    /// Go on from the run folder's checkpoint.
    #[arg(long)]
    pub resume: bool,
    /// Begin with the best weights of another run, in this folder: to refine a network, or to teach it your own photos.
    #[arg(long, conflicts_with = "resume")]
    pub start_from: Option<PathBuf>,
    /// Threads of libtorch.
    #[arg(long, default_value_t = 1)]
    pub threads: i32,
    /// Where to compute: `cpu` or `cuda`.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Numbers in which convolutions train: `float32`, `bfloat16`, or `auto` for the fastest that the network bears.
    #[arg(long, default_value = "auto")]
    pub precision: String,
}

impl RunOptions {
    /// Sets libtorch up and returns the device and the kind of number that convolutions train in; `coarsest` is the
    /// kind that the network bears.
    ///
    /// # Errors
    /// When the device is unknown or not there, or the precision is unknown.
    pub fn prepare(&self, coarsest: Kind) -> Result<(Device, Kind)> {
        tch::set_num_threads(self.threads);
        tch::manual_seed(self.seed as i64);
        let device = crate::runtime::choose(&self.device)?;
        Ok((device, crate::runtime::precision(&self.precision, coarsest, device)?))
    }
}

/// File names inside a run's folder.
pub mod files {
    /// Everything needed to go on.
    pub const CHECKPOINT: &str = "last.safetensors";
    /// The weights that measured best; what an export takes.
    pub const BEST: &str = "best.safetensors";
    /// One JSON object per line.
    pub const METRICS: &str = "metrics.jsonl";
}

/// A training in progress.
pub struct Run {
    folder: PathBuf,
    steps: u64,
    minutes: Option<f64>,
    every: u64,
    stop_after: Option<u64>,
    first_step: u64,
    earlier_seconds: f64,
    started: Instant,
    metrics: File,
    bar: ProgressBar,
    best: f64,
}

impl Run {
    /// Opens the run's folder.
    ///
    /// # Errors
    /// When the folder cannot be made or written to.
    pub fn start(options: &RunOptions) -> Result<Self> {
        let folder = options.run.clone();
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let path = folder.join(files::METRICS);
        let metrics = OpenOptions::new()
            .create(true)
            .append(options.resume)
            .write(true)
            .truncate(!options.resume)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let bar = ProgressBar::new(if options.minutes.is_some() { 1000 } else { options.steps });
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {elapsed} (left {eta}) {msg}");
        bar.set_style(style.context("the progress bar's template is wrong")?);
        let minutes = options.minutes;
        Ok(Run {
            folder,
            steps: options.steps,
            minutes,
            every: options.every,
            stop_after: options.stop_after,
            first_step: 0,
            earlier_seconds: 0.0,
            started: Instant::now(),
            metrics,
            bar,
            best: f64::NEG_INFINITY,
        })
    }

    /// A file in the run's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Seconds of training so far, earlier legs included.
    pub fn seconds(&self) -> f64 {
        self.earlier_seconds + self.started.elapsed().as_secs_f64()
    }

    /// Adds step, time and best measurement to a checkpoint.
    pub fn put_progress(&self, checkpoint: &mut Checkpoint, step: u64) {
        checkpoint.put("run", [("step".into(), Tensor::from_slice(&[step as i64]))]);
        checkpoint.put("run", [("seconds".into(), Tensor::from_slice(&[self.seconds()]))]);
        checkpoint.put("run", [("best".into(), Tensor::from_slice(&[self.best]))]);
    }

    /// Goes on from a checkpoint; returns the step that comes next.
    ///
    /// # Errors
    /// When the checkpoint holds no progress.
    pub fn take_progress(&mut self, checkpoint: &Checkpoint) -> Result<u64> {
        self.earlier_seconds = checkpoint.get("run", "seconds")?.double_value(&[0]);
        self.best = checkpoint.get("run", "best")?.double_value(&[0]);
        self.first_step = checkpoint.get("run", "step")?.int64_value(&[0]) as u64;
        Ok(self.first_step)
    }

    /// How far the run is before step number `step`, 0 to 1.
    pub fn progress(&self, step: u64) -> f64 {
        let part = match self.minutes {
            Some(minutes) => self.seconds() / (minutes * 60.0),
            None => step as f64 / self.steps as f64,
        };
        part.min(1.0)
    }

    /// Whether the run ends before step number `step`, at which it is that far.
    pub fn ends_before(&self, step: u64, progress: f64) -> bool {
        progress >= 1.0 || self.stop_after == Some(step)
    }

    /// Whether it is time to measure and to save before step number `step`; not where the run has just gone on.
    pub fn is_due(&self, step: u64, progress: f64) -> bool {
        self.ends_before(step, progress) || step > self.first_step && step.is_multiple_of(self.every)
    }

    /// Moves the bar.
    pub fn show(&self, step: u64, message: String) {
        let length = self.bar.length().unwrap_or(1);
        self.bar.set_position((self.progress(step) * length as f64) as u64);
        self.bar.set_message(message);
    }

    /// Writes figures as one line of the metrics file and, on a terminal, above the bar.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&mut self, step: u64, figures: &[(&str, f64)]) -> Result<()> {
        let mut object = serde_json::Map::new();
        object.insert("step".into(), step.into());
        object.insert("seconds".into(), self.seconds().round().into());
        for (name, value) in figures {
            object.insert((*name).into(), Value::from(*value));
        }
        let line = Value::Object(object).to_string();
        writeln!(self.metrics, "{line}").context("cannot write the metrics file")?;
        if self.bar.is_hidden() {
            println!("{line}");
        } else {
            self.bar.println(line);
        }
        Ok(())
    }

    /// Whether this measurement is the best so far.
    pub fn is_best(&mut self, measurement: f64) -> bool {
        let better = measurement > self.best;
        if better {
            self.best = measurement;
        }
        better
    }

    /// Ends the bar.
    pub fn finish(&self, folder: &Path) {
        self.bar.finish_and_clear();
        println!(
            "trained for {:.0} minutes; the best weights are in {}",
            self.seconds() / 60.0,
            folder.display()
        );
    }
}

/// Linear warm-up over the first 2 %, then half a cosine down to 1 % (Loshchilov and Hutter 2017, arXiv:1608.03983).
pub fn learning_rate(highest: f64, progress: f64) -> f64 {
    let warm = (progress / 0.02).clamp(0.02, 1.0);
    let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
    highest * warm * (0.01 + 0.99 * cosine)
}
