//! The loop of every training.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail};
use image::RgbImage;
use serde::Serialize;
use tch::{Device, Tensor};

use super::collapse::{self, Watch};
use super::figures::{Figures, Means};
use super::folder::{RunFolder, clear};
use super::learner::Learner;
use super::progress::Progress;
use super::schedule::Schedule;
use super::statistics::FirstBatches;
use super::{METRICS, RunOptions, config, files, interrupt};
use crate::data::batches::{Batches, Samples};
use crate::networks::checkpoint::Checkpoint;
use crate::report::plot;

/// What one kind of training does; [`fit`] does the rest.
pub trait Task {
    /// The networks that learn, always in the same order; the one that is exported comes first.
    fn learners(&mut self) -> Vec<&mut Learner>;

    /// Learns from a batch, one tensor `[batch, channels, height, width]` per plane of a sample. The figures are shown
    /// and kept, losses first.
    ///
    /// # Errors
    /// When a gradient is not finite.
    fn step(&mut self, batch: Vec<Tensor>, moment: &Moment) -> Result<Figures>;

    /// Measures the averaged weights on what was set aside. Must not depend on chance.
    ///
    /// # Errors
    /// When that cannot be done.
    fn measure(&mut self) -> Result<Measurement>;

    /// Adds to the best weights what an export wants to know beside them.
    fn describe(&self, best: &mut Checkpoint);

    /// Begins with the weights of a model file.
    ///
    /// # Errors
    /// When the file cannot be read, or holds another network.
    fn start_from_model(&mut self, file: &Path, _batches: &FirstBatches) -> Result<()> {
        bail!(
            "this training begins with the folder of a run, not with a model file such as {}",
            file.display()
        )
    }

    /// Adds what it remembers beside its networks to a checkpoint.
    fn save(&self, _checkpoint: &mut Checkpoint) {}

    /// Takes back what [`save`](Self::save) kept.
    ///
    /// # Errors
    /// When it is not there.
    fn restore(&mut self, _checkpoint: &Checkpoint) -> Result<()> {
        Ok(())
    }
}

/// Where in a run a step is.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Number of the step, from 0.
    pub step: u64,
    /// How far the run is, 0 to 1.
    pub progress: f64,
    /// The learning rate.
    pub learning_rate: f64,
    /// The run's seed.
    pub seed: u64,
}

/// How good a network is.
pub struct Measurement {
    /// What was measured.
    pub figures: Figures,
    /// What the best weights have most of.
    pub score: f64,
    /// What the networks make.
    pub samples: Option<RgbImage>,
}

impl Measurement {
    /// Where nothing was set aside to measure on: the last weights count as the best.
    pub fn unknown() -> Self {
        Measurement { figures: Figures::default(), score: f64::NAN, samples: None }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its budget is spent.
    Finished,
    /// Saved before that at the step where it was told to stop.
    Stopped,
    /// Saved before that because the user wanted it to end.
    Interrupted,
}

/// Trains until the budget is spent or the user interrupts, measures and saves on the way, and leaves the best weights
/// in the run's folder. A resumed run draws and computes what an uninterrupted one would have.
///
/// # Errors
/// When the run's folder cannot be read or written, or the training diverges.
pub fn fit(
    task: &mut dyn Task,
    samples: Arc<dyn Samples>,
    device: Device,
    options: &RunOptions,
    settings: &impl Serialize,
) -> Result<Outcome> {
    interrupt::listen()?;
    let mut course = Course::new(options);
    if options.resume {
        course.resume(task, options)?;
    } else {
        match &options.start_from[..] {
            [] => {}
            [file] if file.is_file() => {
                task.start_from_model(file, &FirstBatches::new(&*samples, options.batch, device))?;
            }
            runs => start_from(task, runs)?,
        }
    }
    if options.force && !options.resume {
        clear(&options.run)?;
    }
    let mut folder = RunFolder::open(&options.run, course.step, options.keep)?;
    folder.write_settings(&config::to_text(settings)?)?;
    let mut progress = Progress::start()?;
    let mut watch = Watch::default();
    let batches = Batches::start(samples, options.batch, course.step, device);
    let outcome = loop {
        let moment = course.moment(options);
        if course.is_due(&moment, options) {
            course.measure(task, &moment, &mut folder, &mut progress)?;
        }
        let end = course.end(&moment, options);
        if end.is_some() || course.is_due(&moment, options) {
            course.save(task, &mut folder)?;
        }
        if let Some(outcome) = end {
            break outcome;
        }
        let figures = task.step(batches.next()?, &moment)?;
        if let Some(what) = figures.not_finite() {
            bail!("{}", collapse::not_finite(what, moment.step));
        }
        folder.add_step(&figures.line(moment.step, course.seconds()))?;
        course.means.add(&figures);
        if let Some(warning) = watch.see(&figures) {
            progress.say(&format!("warning at step {}: {warning}", moment.step));
        }
        course.step += 1;
        progress.step(moment.progress, course.step, options.batch, &figures.text());
    };
    progress.finish();
    let minutes = course.seconds() / 60.0;
    match outcome {
        Outcome::Finished => {
            println!(
                "trained for {minutes:.1} minutes; the best weights are in {}",
                folder.file(files::BEST).display()
            );
        }
        Outcome::Stopped | Outcome::Interrupted => {
            println!("saved at step {} after {minutes:.1} minutes; --resume goes on from here", course.step);
        }
    }
    Ok(outcome)
}

/// Section of the best weights that holds those of the network that is exported; others have their own names.
const EXPORTED: &str = "weights";

fn section(order: usize, learner: &Learner) -> &'static str {
    if order == 0 { EXPORTED } else { learner.name }
}

/// The averaged weights, and all that an export wants to know beside them.
fn best_weights(task: &mut dyn Task) -> Checkpoint {
    let mut best = Checkpoint::default();
    for (order, learner) in task.learners().into_iter().enumerate() {
        learner.put_weights(&mut best, section(order, learner));
    }
    task.describe(&mut best);
    best
}

/// Begins with another run's best weights, or the mean of several runs'.
fn start_from(task: &mut dyn Task, runs: &[PathBuf]) -> Result<()> {
    if let Some(file) = runs.iter().find(|run| run.is_file()) {
        bail!("{} is a model file: weights are averaged over folders of runs", file.display());
    }
    let load = |run: &PathBuf| Checkpoint::load(&run.join(files::BEST));
    let mut others: Vec<Checkpoint> = runs.iter().map(load).collect::<Result<_>>()?;
    let mut weights = others.remove(0);
    for (order, learner) in task.learners().into_iter().enumerate() {
        let section = section(order, learner);
        weights = weights.with_mean(section, &others)?;
        learner.start_from(&weights, section)?;
    }
    Ok(())
}

/// Where a run stands.
struct Course {
    step: u64,
    /// The step at which this leg began.
    first_step: u64,
    earlier_seconds: f64,
    started: Instant,
    best: f64,
    schedule: Schedule,
    /// Since the last measurement.
    means: Means,
}

impl Course {
    fn new(options: &RunOptions) -> Self {
        Course {
            step: 0,
            first_step: 0,
            earlier_seconds: 0.0,
            started: Instant::now(),
            best: f64::NEG_INFINITY,
            schedule: Schedule::new(&options.schedule),
            means: Means::default(),
        }
    }

    fn seconds(&self) -> f64 {
        self.earlier_seconds + self.started.elapsed().as_secs_f64()
    }

    fn moment(&self, options: &RunOptions) -> Moment {
        let part = match options.minutes {
            Some(minutes) => self.seconds() / (minutes * 60.0),
            None => self.step as f64 / options.steps as f64,
        };
        // A run of no steps is over before it begins.
        let progress = if part.is_nan() { 1.0 } else { part.min(1.0) };
        Moment { step: self.step, progress, learning_rate: self.schedule.rate(progress), seed: options.seed }
    }

    /// Whether it is time to measure: not where a run has just gone on, since that was measured already.
    fn is_due(&self, moment: &Moment, options: &RunOptions) -> bool {
        let goes_on = self.step > 0 && self.step == self.first_step;
        let in_between = options.every > 0 && self.step.is_multiple_of(options.every);
        !goes_on && (moment.progress >= 1.0 || in_between)
    }

    /// How the run ends before this step, if it does.
    fn end(&self, moment: &Moment, options: &RunOptions) -> Option<Outcome> {
        if moment.progress >= 1.0 {
            Some(Outcome::Finished)
        } else if interrupt::requested() {
            Some(Outcome::Interrupted)
        } else {
            (options.stop_after == Some(self.step)).then_some(Outcome::Stopped)
        }
    }

    fn measure(
        &mut self,
        task: &mut dyn Task,
        moment: &Moment,
        folder: &mut RunFolder,
        progress: &mut Progress,
    ) -> Result<()> {
        for learner in task.learners() {
            learner.refresh_average()?;
        }
        let measurement = task.measure()?;
        let mut figures = self.means.take();
        for (name, value) in measurement.figures.iter() {
            figures.set(name, value);
        }
        if !measurement.score.is_nan() {
            figures.set("score", measurement.score);
        }
        figures.set("learning_rate", moment.learning_rate);
        let line = figures.line(self.step, self.seconds());
        folder.add_metrics(&line)?;
        plot::curves_of_run(&folder.file(files::METRICS), &folder.file(""))?;
        progress.measured(measurement.score, &line);
        if let Some(samples) = &measurement.samples {
            folder.save_samples(samples, self.step)?;
        }
        if self.step > 0 {
            self.schedule.measured(measurement.score);
        }
        if measurement.score.is_nan() || measurement.score > self.best {
            self.best = measurement.score;
            let mut best = best_weights(task);
            let kept = measurement.figures.iter();
            best.put(METRICS, kept.map(|(name, value)| (name.into(), Tensor::from_slice(&[value]))));
            folder.save_best(&best)?;
        }
        Ok(())
    }

    fn save(&self, task: &mut dyn Task, folder: &mut RunFolder) -> Result<()> {
        let mut checkpoint = Checkpoint::default();
        for learner in task.learners() {
            learner.save(&mut checkpoint);
        }
        task.save(&mut checkpoint);
        self.means.save(&mut checkpoint);
        checkpoint.put(RUN, [("step".into(), Tensor::from_slice(&[self.step as i64]))]);
        let numbers = [("seconds", self.seconds()), ("best", self.best)];
        checkpoint.put(RUN, numbers.map(|(name, value)| (name.to_string(), Tensor::from_slice(&[value]))));
        checkpoint.put(RUN, [("schedule".into(), Tensor::from_slice(&self.schedule.state()))]);
        folder.save(&checkpoint, self.step)
    }

    fn resume(&mut self, task: &mut dyn Task, options: &RunOptions) -> Result<()> {
        let checkpoint = Checkpoint::load(&options.run.join(files::CHECKPOINT))?;
        for learner in task.learners() {
            learner.restore(&checkpoint)?;
        }
        task.restore(&checkpoint)?;
        self.means = Means::restore(&checkpoint);
        self.step = checkpoint.get(RUN, "step")?.int64_value(&[0]) as u64;
        self.first_step = self.step;
        self.earlier_seconds = checkpoint.get(RUN, "seconds")?.double_value(&[0]);
        self.best = checkpoint.get(RUN, "best")?.double_value(&[0]);
        let schedule = checkpoint.get(RUN, "schedule")?;
        self.schedule.restore([0, 1, 2].map(|i| schedule.double_value(&[i])));
        Ok(())
    }
}

const RUN: &str = "run";
