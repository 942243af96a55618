//! The progress bar of a run; on anything but a terminal it is silent, and measurements stand on lines of their own.

use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// The bar.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    pictures: u64,
    measured: String,
}

/// Parts into which the bar divides a run.
const PARTS: u64 = 1000;

impl Progress {
    /// An empty bar.
    ///
    /// # Errors
    /// When the bar's template is wrong.
    pub fn start() -> Result<Self> {
        let bar = ProgressBar::new(PARTS);
        let template = "{bar:24} {percent:>3} % {elapsed} (left {eta})  {msg}";
        bar.set_style(
            ProgressStyle::with_template(template).context("the progress bar's template is wrong")?,
        );
        Ok(Progress { bar, started: Instant::now(), pictures: 0, measured: String::new() })
    }

    /// Moves the bar: how far the run is, 0 to 1, and the figures of a step that took in so many pictures.
    pub fn step(&mut self, progress: f64, step: u64, pictures: usize, figures: &str) {
        self.pictures += pictures as u64;
        let speed = self.pictures as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        self.bar.set_position((progress * PARTS as f64) as u64);
        self.bar.set_message(format!("step {step}  {figures}  {}{speed:.1} pictures/s", self.measured));
    }

    /// Shows a measurement: its score stays on the bar, its line goes above it or into the log.
    pub fn measured(&mut self, score: f64, line: &str) {
        if !score.is_nan() {
            self.measured = format!("measured {score:.3}  ");
        }
        self.say(line);
    }

    /// A line of its own.
    pub fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            println!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
