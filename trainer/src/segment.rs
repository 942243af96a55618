//! Trains the segmentation network.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use tch::{Kind, Tensor, nn};

use crate::architectures::segmenter;
use crate::average::WeightAverage;
use crate::backbone;
use crate::calibrate::{self, CalibrateOptions};
use crate::checkpoint::Checkpoint;
use crate::data::augment::{Geometry, GeometryRange, recolour};
use crate::data::batches::{Batches, Samples};
use crate::data::{Photo, PhotoSet, Plane, pairs};
use crate::losses;
use crate::measure::detect;
use crate::network::{Mode, Network};
use crate::optimiser::{AdamSettings, AdamW};
use crate::random::{Purpose, Random, chance, index, stream};
use crate::run::{Run, RunOptions, files, learning_rate};

/// Long side at which photos are kept in memory.
pub const LONG_SIDE: u32 = 512;
/// Long side at which a run is measured while it goes on.
const MEASURED_SIDE: u32 = 448;
const AVERAGE_DECAY: f64 = 0.999;
/// Factor on the learning rate of weights that are pretrained, so that they do not forget at once.
const PRETRAINED_RATE: f64 = 0.3;

/// Options of `segment`.
#[derive(Args, Clone, Debug)]
pub struct SegmentOptions {
    #[command(flatten)]
    pub run: RunOptions,
    /// Width of the network; 1 has 3.6 million parameters.
    #[arg(long, default_value_t = 1.0)]
    pub width: f64,
    /// Weights that the backbone begins with: EfficientNet-Lite0's, as `trainer/pretrained.py` writes them.
    #[arg(long)]
    pub backbone: Option<PathBuf>,
}

/// Samples of picture and labels: the class of each pixel, 0 for the background.
pub struct SegmentSamples {
    /// Photos to draw from.
    pub photos: Vec<Photo>,
    /// Side in pixels.
    pub side: usize,
    /// Everything random follows from this number.
    pub seed: u64,
}

const GEOMETRY: GeometryRange = GeometryRange { long_side: [280.0, 700.0], stretch: 1.5, turn: 15.0 };
/// Part of the samples that gets rust of another photo pasted on (Ghiasi et al. 2021, arXiv:2012.07177).
const PASTED: f32 = 0.3;
/// Part of the samples that is rendered, half of it brown or red things without rust.
const RENDERED: f32 = 0.12;

impl Samples for SegmentSamples {
    fn sample(&self, number: u64) -> Vec<Plane> {
        let mut random = stream(self.seed, Purpose::Training, number);
        let (mut colour, labels) = if chance(&mut random, RENDERED) {
            crate::data::rendered::random_scene(self.side, &mut random)
        } else {
            self.pasted_photos(&mut random)
        };
        recolour(&mut colour, &mut random);
        vec![colour, labels]
    }
}

impl SegmentSamples {
    fn pasted_photos(&self, random: &mut Random) -> (Plane, Plane) {
        let photo = &self.photos[index(random, self.photos.len())];
        let host = Geometry::random(photo, self.side, &GEOMETRY, random).apply(photo);
        if !chance(random, PASTED) {
            return host;
        }
        let mut donor = pairs::pick(&self.photos, self.side, &GEOMETRY, 0.05..=1.0, random);
        if chance(random, 0.5) {
            recolour(&mut donor.0, random);
        }
        let mut labels = host.1.clone();
        let pair = pairs::paste(host, std::slice::from_ref(&donor), random);
        pairs::label_pasted(&mut labels, &donor.1, &pair.pasted);
        (pair.rusty, labels)
    }
}

/// Trains until the budget is spent and leaves the best weights in the run's folder.
///
/// # Errors
/// When the data cannot be read, the run's folder cannot be written, or the loss is no longer finite.
pub fn train(options: &SegmentOptions) -> Result<()> {
    // In bfloat16 the gradients of half of the backbone's thin layers point elsewhere (cosine below 0.6 with those of
    // float32), and its depthwise convolutions gain little time.
    let (device, kind) = options.run.prepare(Kind::Float)?;
    let (learn, held_out) =
        PhotoSet::load(&options.run.data, LONG_SIDE)?.divide(options.run.held_out, options.run.seed);
    println!("{} photos to learn from, {} held out", learn.photos.len(), held_out.photos.len());

    let store = nn::VarStore::new(device);
    let network = Network::new(&store.root(), segmenter(options.width)).training_in(kind);
    let mut rates: fn(&str) -> f64 = |_| 1.0;
    if let Some(file) = &options.backbone {
        backbone::restore_pretrained(&store, file)?;
        rates = |name| if name.starts_with(backbone::PREFIX) { PRETRAINED_RATE } else { 1.0 };
    }
    if let Some(other) = &options.run.start_from {
        Checkpoint::load(&other.join(files::BEST))?.restore_store("weights", &store)?;
    }
    let average_store = nn::VarStore::new(device);
    let averaged = Network::new(&average_store.root(), segmenter(options.width));
    let mut average = WeightAverage::new(&store, AVERAGE_DECAY);
    let mut optimiser = AdamW::with_rates(&store, AdamSettings::default(), rates);
    let mut run = Run::start(&options.run)?;
    let mut step = 0;
    if options.run.resume {
        let checkpoint = Checkpoint::load(&run.path(files::CHECKPOINT))?;
        checkpoint.restore_store("weights", &store)?;
        average.restore(|name| checkpoint.get("average", name))?;
        optimiser.restore(|name| checkpoint.get("optimiser", name))?;
        step = run.take_progress(&checkpoint)?;
    }

    let samples = SegmentSamples { photos: learn.photos, side: options.run.side, seed: options.run.seed };
    let batches = Batches::start(Arc::new(samples), options.run.batch, step, device);
    let mut losses_since = vec![];
    loop {
        let progress = run.progress(step);
        if run.is_due(step, progress) {
            average.copy_to(&average_store)?;
            let detection = detect(&averaged, &held_out.photos, MEASURED_SIDE, device);
            let (threshold, iou) = detection.best_threshold();
            let loss = losses_since.drain(..).sum::<f64>() / options.run.every as f64;
            let figures = [
                ("loss", loss),
                ("held_out_iou", detection.counts(0.5).iou()),
                ("best_iou", iou),
                ("best_threshold", f64::from(threshold)),
                ("calibration_error", detection.calibration_error()),
            ];
            run.record(step, &figures)?;
            if run.is_best(iou) {
                let mut best = Checkpoint::default();
                best.put_store("weights", &average_store);
                best.put("run", [("threshold".into(), Tensor::from_slice(&[threshold]))]);
                best.put("run", [("width".into(), Tensor::from_slice(&[options.width]))]);
                best.put("run", [("long_side".into(), Tensor::from_slice(&[i64::from(LONG_SIDE)]))]);
                best.save(&run.path(files::BEST))?;
            }
            let mut checkpoint = Checkpoint::default();
            checkpoint.put_store("weights", &store);
            checkpoint.put("average", average.state());
            checkpoint.put("optimiser", optimiser.state());
            run.put_progress(&mut checkpoint, step);
            checkpoint.save(&run.path(files::CHECKPOINT))?;
        }
        if run.ends_before(step, progress) {
            break;
        }
        let batch = batches.next()?;
        let probability = network.forward(&[&batch[0]], Mode::Train).remove(0);
        let loss = losses::segmentation(&probability, &batch[1]);
        loss.backward();
        let loss = loss.double_value(&[]);
        let finite = optimiser.step(learning_rate(options.run.learning_rate, progress));
        anyhow::ensure!(
            loss.is_finite() && finite,
            "the loss is {loss} at step {step}: try a smaller --learning-rate; the last good weights are in {}",
            run.path(files::CHECKPOINT).display()
        );
        average.update(step);
        losses_since.push(loss);
        step += 1;
        run.show(step, format!("step {step} loss {loss:.3}"));
    }
    run.finish(&run.path(files::BEST));
    calibrate::calibrate(&CalibrateOptions {
        data: options.run.data.clone(),
        run: options.run.run.clone(),
        held_out: options.run.held_out,
        seed: options.run.seed,
    })
}
