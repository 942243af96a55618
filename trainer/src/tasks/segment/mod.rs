//! Trains the segmentation network.

pub mod classes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::Args;
use image::RgbImage;
use serde::Serialize;
use tch::{Device, Kind, Tensor, nn};

use self::classes::ClassSegmentation;
use crate::data::batches::stack;
use crate::data::geometry::Geometry;
use crate::data::mix::Mix;
use crate::data::segmentation::SegmentSamples;
use crate::data::{LONG_SIDE, Photo, Plane, SampleOptions};
use crate::evaluate::measure::detect;
use crate::losses;
use crate::model_file::import::{self, Part, Weights};
use crate::networks::architectures::{class_segmenter, segmenter};
use crate::networks::backbone;
use crate::networks::checkpoint::Checkpoint;
use crate::networks::network::{Mode, Network};
use crate::report::sheet::sheet_of_planes;
use crate::run::statistics::FirstBatches;
use crate::run::{Figures, Learner, Measurement, Moment, Outcome, RunOptions, Task, fit};
use crate::tasks::calibrate::{self, CalibrateOptions};

/// Long side at which a run is measured while it goes on.
pub const MEASURED_SIDE: u32 = 448;
/// Side of the squares on a sample sheet in pixels.
pub const SHOWN_SIDE: usize = 128;

/// Options of `train segment`.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SegmentOptions {
    #[command(flatten)]
    #[serde(flatten)]
    pub run: RunOptions,
    #[command(flatten)]
    #[serde(flatten)]
    pub samples: SampleOptions,
    /// Width of the network; 1 has 3.6 million parameters. That of the run or model begun with, or 1.
    #[arg(long)]
    pub width: Option<f64>,
    /// Weights that the backbone begins with: EfficientNet-Lite0's, as `trainer/pretrained.py` writes them.
    #[arg(long)]
    pub backbone: Option<PathBuf>,
    /// Pixels on both sides of a label's edge that do not count: people do not draw it to the pixel. One class alone.
    #[arg(long, value_name = "PIXELS", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..=16))]
    pub edge_band: i64,
    /// At the end, choose working scale and threshold on the photos set aside; `calibrate` does it later. Without photos
    /// set aside they stay those of the network begun with.
    #[arg(long, num_args = 0..=1, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub calibrate: bool,
}

/// What a segmentation run finds out beside its weights.
struct Found {
    width: f64,
    /// Probability from which on a pixel counts as rust.
    threshold: f32,
    /// Working scale.
    long_side: i64,
}

impl Found {
    /// That of the network begun with; else what was asked for, and no more.
    fn begin(options: &SegmentOptions) -> Result<Self> {
        let Some(other) = options.run.start_from.first().filter(|_| !options.run.resume) else {
            let width = options.width.unwrap_or(1.0);
            return Ok(Found { width, threshold: 0.5, long_side: i64::from(LONG_SIDE) });
        };
        let found = Found::get(&import::segmentation(other)?)?;
        ensure!(
            options.width.is_none_or(|wanted| wanted == found.width),
            "the network to begin with has width {}, not that of --width; leave --width out",
            found.width
        );
        Ok(found)
    }

    fn get(checkpoint: &Checkpoint) -> Result<Self> {
        let get = |name: &str| checkpoint.get("run", name);
        Ok(Found {
            width: get("width")?.double_value(&[0]),
            threshold: get("threshold")?.double_value(&[0]) as f32,
            long_side: get("long_side")?.int64_value(&[0]),
        })
    }

    fn put(&self, checkpoint: &mut Checkpoint) {
        checkpoint.put("run", [("width".into(), Tensor::from_slice(&[self.width]))]);
        checkpoint.put("run", [("threshold".into(), Tensor::from_slice(&[self.threshold]))]);
        checkpoint.put("run", [("long_side".into(), Tensor::from_slice(&[self.long_side]))]);
    }
}

/// Trains until the budget is spent and leaves the best weights in the run's folder, with working scale and threshold.
///
/// # Errors
/// When the data cannot be read, the run's folder cannot be written, or the training diverges.
pub fn train(options: &SegmentOptions) -> Result<Outcome> {
    // In bfloat16 the gradients of half of the backbone's thin layers point elsewhere (cosine below 0.6 with those of
    // float32), and its depthwise convolutions gain little time.
    let (device, kind) = options.run.prepare(Kind::Float)?;
    let recipe = options.samples.choose(Mix::SEGMENT)?;
    let (learn, held_out) = options.run.photos(LONG_SIDE)?;
    println!("{} photos to learn from, {} held out", learn.photos.len(), held_out.photos.len());
    let found = Found::begin(options)?;
    let width = found.width;
    // A run that goes on finds the width among its settings.
    let options = &SegmentOptions { width: Some(width), ..options.clone() };
    let store = nn::VarStore::new(device);
    let classes = learn.classes.clone();
    let graph =
        if classes.len() == 1 { segmenter(width) } else { class_segmenter(width, classes.len() as i64 + 1) };
    let network = Network::new(&store.root(), graph).training_in(kind);
    let mut rate: fn(&str) -> f64 = |_| 1.0;
    if let Some(file) = &options.backbone {
        backbone::restore_pretrained(&store, file)?;
        rate = backbone::gentle_rate;
    }
    let about = options.run.learner("segmenter", (device, kind));
    let learner = Learner::with_network(network, store, &about, rate);
    let measurable = !held_out.photos.is_empty() && classes.len() == 1;
    let held_out = held_out.photos;
    let mut task: Box<dyn Task> = match classes.len() {
        1 => Box::new(Segmentation { learner, held_out, found, edge_band: options.edge_band, device }),
        _ => Box::new(ClassSegmentation { learner, held_out, classes, width, device }),
    };
    let (side, seed) = (options.run.side, options.run.seed);
    let samples = SegmentSamples { photos: learn.photos, side, seed, recipe };
    let outcome = fit(&mut *task, Arc::new(samples), device, &options.run, options)?;
    if outcome == Outcome::Finished && measurable && options.calibrate {
        calibrate::calibrate(&CalibrateOptions {
            data: options.run.data.clone(),
            run: options.run.run.clone(),
            held_out: options.run.held_out,
            held_out_families: options.run.held_out_families.clone(),
            split_seed: options.run.split_seed,
        })?;
    }
    Ok(outcome)
}

/// A segmentation network in training.
struct Segmentation {
    learner: Learner,
    held_out: Vec<Photo>,
    found: Found,
    edge_band: i64,
    device: Device,
}

/// Photos of which a sample sheet shows what the network finds.
pub const SHOWN: usize = 12;

impl Task for Segmentation {
    fn learners(&mut self) -> Vec<&mut Learner> {
        vec![&mut self.learner]
    }

    fn step(&mut self, batch: Vec<Tensor>, moment: &Moment) -> Result<Figures> {
        let probability = self.learner.forward(&[&batch[0]]).remove(0);
        let loss = losses::segmentation(&probability, &batch[1], self.edge_band);
        loss.backward();
        self.learner.update(moment)?;
        Ok(Figures::from([("loss", loss.double_value(&[]))]))
    }

    fn measure(&mut self) -> Result<Measurement> {
        if self.held_out.is_empty() {
            return Ok(Measurement::unknown());
        }
        let detection = detect(self.learner.averaged(), &self.held_out, MEASURED_SIDE, self.device);
        let (threshold, iou) = detection.best_threshold();
        self.found.threshold = threshold;
        let figures = Figures::from([
            ("held_out_iou", detection.counts(0.5).iou()),
            ("best_iou", iou),
            ("best_threshold", f64::from(threshold)),
            ("calibration_error", detection.calibration_error()),
        ]);
        Ok(Measurement { figures, score: iou, samples: Some(self.samples()) })
    }

    fn describe(&self, best: &mut Checkpoint) {
        self.found.put(best);
    }

    fn save(&self, checkpoint: &mut Checkpoint) {
        self.found.put(checkpoint);
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        // Checkpoints of earlier versions do not have it; the next measurement does.
        if let Ok(found) = Found::get(checkpoint) {
            self.found = found;
        }
        Ok(())
    }

    fn start_from_model(&mut self, file: &Path, batches: &FirstBatches) -> Result<()> {
        let pictures: Vec<Vec<Tensor>> = batches.iter().map(|mut planes| vec![planes.remove(0)]).collect();
        let weights = Weights::read(file, Part::Find)?;
        self.learner.start_from_folded(|network| weights.restore(network), &pictures)
    }
}

impl Segmentation {
    /// Photos, their labels, and what is found in them.
    fn samples(&self) -> RgbImage {
        let _no_grad = tch::no_grad_guard();
        let sheet = self.held_out.iter().step_by(self.held_out.len().div_ceil(SHOWN).max(1)).map(|photo| {
            let square = Geometry::fit(photo, SHOWN_SIDE);
            let (colour, label) = square.apply(photo);
            let picture = stack(vec![vec![colour.clone()]]).remove(0).to_device(self.device);
            let found = self.learner.averaged().forward(&[&picture], Mode::Evaluate).remove(0);
            vec![colour, label, Plane::from_tensor(&found.get(0))]
        });
        sheet_of_planes(&sheet.collect::<Vec<_>>(), 3)
    }
}
