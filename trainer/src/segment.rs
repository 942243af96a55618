//! Trains the segmentation network.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use tch::{Device, Tensor, nn};

use crate::architectures::segmenter;
use crate::average::WeightAverage;
use crate::checkpoint::Checkpoint;
use crate::data::augment::{Geometry, GeometryRange, recolour};
use crate::data::batches::{Batches, Samples};
use crate::data::{Photo, PhotoSet, Plane, pairs};
use crate::losses;
use crate::measure::{Detection, photo_tensors};
use crate::network::{Mode, Network};
use crate::optimiser::{AdamSettings, AdamW};
use crate::random::{Purpose, Random, chance, index, stream};
use crate::run::{Run, RunOptions, files, learning_rate};

/// Long side at which photos are kept in memory.
pub const LONG_SIDE: u32 = 384;
/// Long side at which a run is measured while it goes on.
const MEASURED_SIDE: u32 = 256;
const AVERAGE_DECAY: f64 = 0.998;

/// Options of `segment`.
#[derive(Args, Clone, Debug)]
pub struct SegmentOptions {
    #[command(flatten)]
    pub run: RunOptions,
    /// Width of the network; 1 has 2.5 million parameters.
    #[arg(long, default_value_t = 1.0)]
    pub width: f64,
}

/// Samples of picture and mask.
pub struct SegmentSamples {
    /// Photos to draw from.
    pub photos: Vec<Photo>,
    /// Side in pixels.
    pub side: usize,
    /// Everything random follows from this number.
    pub seed: u64,
}

const GEOMETRY: GeometryRange = GeometryRange { long_side: [230.0, 520.0], stretch: 1.5, turn: 15.0 };
/// Part of the samples that gets rust of another photo pasted on (Ghiasi et al. 2021, arXiv:2012.07177).
const PASTED: f32 = 0.3;
/// Part of the samples that is rendered, half of it brown or red things without rust.
const RENDERED: f32 = 0.12;

impl Samples for SegmentSamples {
    fn sample(&self, number: u64) -> Vec<Plane> {
        let mut random = stream(self.seed, Purpose::Training, number);
        let (mut colour, mask) = if chance(&mut random, RENDERED) {
            crate::data::rendered::random_scene(self.side, &mut random)
        } else {
            self.pasted_photos(&mut random)
        };
        recolour(&mut colour, &mut random);
        vec![colour, mask]
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
        let pair = pairs::paste(host, &[donor], random);
        let mut mask = pair.own;
        for (mask, pasted) in mask.values.iter_mut().zip(&pair.pasted.values) {
            if *pasted >= 0.4 {
                *mask = 1.0;
            }
        }
        (pair.rusty, mask)
    }
}

/// Trains until the budget is spent and leaves the best weights in the run's folder.
///
/// # Errors
/// When the data cannot be read, the run's folder cannot be written, or the loss is no longer finite.
pub fn train(options: &SegmentOptions) -> Result<()> {
    let device = options.run.prepare()?;
    let (learn, held_out) =
        PhotoSet::load(&options.run.data, LONG_SIDE)?.divide(options.run.held_out, options.run.seed);
    println!("{} photos to learn from, {} held out", learn.photos.len(), held_out.photos.len());

    let store = nn::VarStore::new(device);
    let network = Network::new(&store.root(), segmenter(options.width));
    let average_store = nn::VarStore::new(device);
    let averaged = Network::new(&average_store.root(), segmenter(options.width));
    let mut average = WeightAverage::new(&store, AVERAGE_DECAY);
    let mut optimiser = AdamW::new(&store, AdamSettings::default());
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
    let first_step = step;
    loop {
        let progress = run.progress(step);
        let done = progress >= 1.0;
        if (step > first_step && step.is_multiple_of(options.run.every))
            || done
            || options.run.stop_after == Some(step)
        {
            average.copy_to(&average_store)?;
            let detection = measure(&averaged, &held_out.photos, MEASURED_SIDE, device);
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
        if done || options.run.stop_after == Some(step) {
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
    calibrate(&CalibrateOptions {
        data: options.run.data.clone(),
        run: options.run.run.clone(),
        held_out: options.run.held_out,
        seed: options.run.seed,
    })
}

/// Options of `calibrate`; data, part and seed are those of the run.
#[derive(Args, Clone, Debug)]
pub struct CalibrateOptions {
    /// Folder with images/ and masks/.
    #[arg(long)]
    pub data: PathBuf,
    /// The run's folder.
    #[arg(long)]
    pub run: PathBuf,
    /// The run's part of the photos that was set aside.
    #[arg(long, default_value_t = 0.1)]
    pub held_out: f32,
    /// The run's seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Long sides, in pixels, among which the one is chosen at which photos are analysed.
const LONG_SIDES: [u32; 6] = [192, 224, 256, 288, 320, 384];

/// Chooses working scale and threshold for a run's best weights, on the held-out photos alone.
///
/// # Errors
/// When the photos or the weights cannot be read, or the weights cannot be written.
pub fn calibrate(options: &CalibrateOptions) -> Result<()> {
    // Idle threads of libgomp that wait for others by spinning make small networks many times slower.
    tch::set_num_threads(1);
    let held_out = PhotoSet::load(&options.data, LONG_SIDE)?.divide(options.held_out, options.seed).1;
    let path = options.run.join(files::BEST);
    let mut best = Checkpoint::load(&path)?;
    let store = nn::VarStore::new(Device::Cpu);
    let width = best.get("run", "width")?.double_value(&[0]);
    let network = Network::new(&store.root(), segmenter(width));
    best.restore_store("weights", &store)?;
    let mut measured = vec![];
    for long_side in LONG_SIDES {
        let detection = measure(&network, &held_out.photos, long_side, Device::Cpu);
        let (threshold, iou) = detection.best_threshold();
        let error = detection.calibration_error();
        println!("{long_side} px: IoU {iou:.3} at threshold {threshold:.3}, calibration error {error:.3}");
        measured.push((iou, long_side, threshold));
    }
    let (long_side, threshold) = choose(&measured);
    best.put("run", [("long_side".into(), Tensor::from_slice(&[i64::from(long_side)]))]);
    best.put("run", [("threshold".into(), Tensor::from_slice(&[threshold]))]);
    best.save(&path)?;
    println!("photos will be analysed at {long_side} px, and count as rust from {threshold:.3} on");
    Ok(())
}

/// IoU that a smaller working scale may lose: the cost of a scale grows with its square.
const TOLERANCE: f64 = 0.01;

/// Of (IoU, long side, threshold) the smallest long side that comes close to the best IoU, and its threshold.
fn choose(measured: &[(f64, u32, f32)]) -> (u32, f32) {
    let best = measured.iter().map(|one| one.0).fold(0.0, f64::max);
    let close = measured.iter().filter(|one| one.0 >= best - TOLERANCE);
    close.min_by_key(|one| one.1).map_or((LONG_SIDE, 0.5), |one| (one.1, one.2))
}

/// Runs a segmentation network over whole photos, reduced to a long side, and compares at the photos' own size.
pub fn measure(network: &Network, photos: &[Photo], long_side: u32, device: Device) -> Detection {
    let _no_grad = tch::no_grad_guard();
    let mut detection = Detection::default();
    for photo in photos {
        let (image, mask) = photo_tensors(photo);
        let own = [photo.height as i64, photo.width as i64];
        let scale = (f64::from(long_side) / photo.height.max(photo.width) as f64).min(1.0);
        let reduced = own.map(|side| ((side as f64 * scale).round() as i64).max(1));
        let image = image.internal_upsample_bilinear2d_aa(reduced, false, None, None);
        let probability = network.forward(&[&image.to_device(device)], Mode::Evaluate).remove(0);
        let probability = probability.upsample_bilinear2d(own, false, None, None);
        detection.add(&probability.to_device(Device::Cpu), &mask);
    }
    detection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_scale_that_comes_close_is_chosen() {
        assert_eq!(choose(&[(0.40, 192, 0.7), (0.425, 256, 0.6), (0.43, 384, 0.5)]), (256, 0.6));
        assert_eq!(choose(&[(0.50, 192, 0.7), (0.40, 384, 0.5)]), (192, 0.7));
    }
}
