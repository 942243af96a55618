//! Chooses at which scale and from which probability on a trained segmentation network counts rust.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use tch::{Device, Tensor, nn};

use crate::data::LONG_SIDE;
use crate::data::source::DataOptions;
use crate::evaluate::measure::{Detection, detect_each};
use crate::evaluate::threshold::steady_threshold;
use crate::networks::architectures::segmenter;
use crate::networks::checkpoint::Checkpoint;
use crate::networks::network::Network;
use crate::run::files;

/// Options of `calibrate`; data, part and seed are those of the run.
#[derive(Args, Clone, Debug)]
pub struct CalibrateOptions {
    #[command(flatten)]
    pub data: DataOptions,
    /// The run's folder.
    #[arg(long)]
    pub run: PathBuf,
    /// The run's part of the photos that was set aside.
    #[arg(long, default_value_t = 0.1)]
    pub held_out: f64,
    /// The families of photos that the run set aside, in place of a part of all.
    #[arg(long, value_name = "FAMILY", value_delimiter = ',')]
    pub held_out_families: Vec<String>,
    /// The number from which it follows which photos the run set aside.
    #[arg(long, default_value_t = 1)]
    pub split_seed: u64,
}

/// Long sides, in pixels, among which the one is chosen at which photos are analysed.
const LONG_SIDES: [u32; 6] = [224, 256, 320, 384, 448, 512];

/// Chooses working scale and threshold for a run's best weights, on the held-out photos alone.
///
/// # Errors
/// When the photos or the weights cannot be read, or the weights cannot be written.
pub fn calibrate(options: &CalibrateOptions) -> Result<()> {
    // Idle threads of libgomp that wait for others by spinning make small networks many times slower.
    tch::set_num_threads(1);
    let photos = options.data.load(LONG_SIDE)?;
    let held_out = photos.set_aside(&options.held_out_families, options.held_out, options.split_seed)?.1;
    let path = options.run.join(files::BEST);
    let mut best = Checkpoint::load(&path)?;
    let store = nn::VarStore::new(Device::Cpu);
    let width = best.get("run", "width")?.double_value(&[0]);
    let network = Network::new(&store.root(), segmenter(width));
    best.restore_store("weights", &store)?;
    let mut measured = vec![];
    for long_side in LONG_SIDES {
        let photos = detect_each(&network, &held_out.photos, long_side, Device::Cpu);
        let detection: Detection = photos.iter().sum();
        let iou = detection.best_threshold().1;
        let threshold = steady_threshold(&photos);
        let error = detection.calibration_error();
        println!(
            "{long_side} px: IoU {iou:.3} at best, nearly so from {threshold:.3} on, calibration error {error:.3}"
        );
        measured.push((iou, long_side, threshold));
    }
    let (long_side, threshold) = choose(&measured);
    best.put("run", [("long_side".into(), Tensor::from_slice(&[i64::from(long_side)]))]);
    best.put("run", [("threshold".into(), Tensor::from_slice(&[threshold]))]);
    best.save(&path)?;
    println!("photos will be analysed at {long_side} px, and count as rust from {threshold:.3} on");
    Ok(())
}

/// IoU that a larger working scale may lose: what a hundred photos cannot tell apart. Small spots of rust in large photos
/// need every pixel.
const TOLERANCE: f64 = 0.005;

/// Of (IoU, long side, threshold) the largest long side that comes close to the best IoU, and its threshold.
fn choose(measured: &[(f64, u32, f32)]) -> (u32, f32) {
    let best = measured.iter().map(|one| one.0).fold(0.0, f64::max);
    let close = measured.iter().filter(|one| one.0 >= best - TOLERANCE);
    close.max_by_key(|one| one.1).map_or((LONG_SIDE, 0.5), |one| (one.1, one.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_scale_that_comes_close_is_chosen() {
        assert_eq!(choose(&[(0.42, 192, 0.7), (0.43, 256, 0.6), (0.426, 384, 0.5)]), (384, 0.5));
        assert_eq!(choose(&[(0.50, 192, 0.7), (0.40, 384, 0.5)]), (192, 0.7));
    }
}
