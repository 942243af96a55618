//! How many pictures a second a network learns from, for comparison with Python's PyTorch (`benchmarks/speed.py`).

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use tch::{Device, Kind, Tensor, nn};

use crate::losses;
use crate::networks::architectures::{Family, segmenter, translator};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::graph::Graph;
use crate::networks::network::{Mode, Network};
use crate::run::optimiser::{Optimiser, OptimiserKind, OptimiserSettings};
use crate::run::runtime;

/// Options of `speed`.
#[derive(Args, Clone, Debug)]
pub struct SpeedOptions {
    /// The network.
    network: SpeedNetwork,
    /// Folder to which structure, weights and batch are written, for another program to do the same.
    #[arg(long)]
    folder: PathBuf,
    /// Pictures per step.
    #[arg(long, default_value_t = 8)]
    batch: i64,
    /// Side of the square pictures in pixels.
    #[arg(long, default_value_t = 128)]
    side: i64,
    /// Steps that are timed.
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// Threads of libtorch.
    #[arg(long, default_value_t = 1)]
    threads: i32,
    /// Where to compute: `cpu` or `cuda`.
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// The networks whose speed is measured: the one that finds rust, and generators of each family.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SpeedNetwork {
    Segment,
    Unet,
    Resnet,
    Densenet,
}

/// Steps before the clock starts, in which memory is set aside and kernels are chosen.
const WARM_UP: usize = 3;
const LEARNING_RATE: f64 = 1e-3;

/// Trains on one batch and prints pictures per second and losses as a line of JSON.
///
/// # Errors
/// When the device is not there or the folder cannot be written to.
pub fn measure(options: &SpeedOptions) -> Result<()> {
    tch::set_num_threads(options.threads);
    tch::manual_seed(1);
    let device = runtime::choose(&options.device)?;
    let graph = match options.network {
        SpeedNetwork::Segment => segmenter(1.0),
        SpeedNetwork::Unet => translator(Family::Unet, 1.0),
        SpeedNetwork::Resnet => translator(Family::Resnet, 1.0),
        SpeedNetwork::Densenet => translator(Family::Densenet, 1.0),
    };
    let finds = matches!(options.network, SpeedNetwork::Segment);
    let store = nn::VarStore::new(device);
    let network = Network::new(&store.root(), graph);
    let random = |channels: i64| {
        Tensor::rand([options.batch, channels, options.side, options.side], (Kind::Float, device))
    };
    let image = random(3);
    let target = if finds { random(1).gt(0.5).to_kind(Kind::Float) } else { random(3) };
    write(&options.folder, &network.graph, &store, [&image, &target])?;

    let settings = OptimiserSettings {
        kind: OptimiserKind::Adamw,
        beta1: 0.9,
        beta2: 0.999,
        momentum: 0.0,
        weight_decay: 0.01,
        clip_norm: 5.0,
        clip_value: 0.0,
        normalise: false,
    };
    let mut optimiser = Optimiser::new(&store, settings, |_| 1.0);
    let mut step = || {
        let made = network.forward(&[&image], Mode::Train).remove(0);
        let loss = if finds {
            losses::segmentation(&made, &target, 0)
        } else {
            (&made - &target).abs().mean(Kind::Float)
        };
        loss.backward();
        optimiser.step(LEARNING_RATE);
        loss.double_value(&[])
    };
    let mut all_losses: Vec<f64> = (0..WARM_UP).map(|_| step()).collect();
    let (wall, processor) = (Instant::now(), processor_seconds());
    all_losses.extend((0..options.steps).map(|_| step()));
    if device != Device::Cpu {
        tch::Cuda::synchronize(0);
    }
    let pictures = (options.steps as i64 * options.batch) as f64;
    let per_processor_second = match (processor, processor_seconds()) {
        (Some(before), Some(after)) if after > before => Some(pictures / (after - before)),
        _ => None,
    };
    println!(
        "{}",
        serde_json::json!({
            "pictures_per_second": pictures / wall.elapsed().as_secs_f64(),
            "pictures_per_processor_second": per_processor_second,
            "losses": all_losses,
        })
    );
    Ok(())
}

/// Seconds that this thread was on a processor, where the system says so: what neighbours do does not count.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9)
}

/// Writes what another program needs to build and train the very same network: `graph.json`, and `start.safetensors`
/// with weights and batch.
fn write(folder: &Path, graph: &Graph, store: &nn::VarStore, [image, target]: [&Tensor; 2]) -> Result<()> {
    let cannot = || format!("cannot write to the folder {}", folder.display());
    std::fs::create_dir_all(folder).with_context(cannot)?;
    std::fs::write(folder.join("graph.json"), serde_json::to_vec(graph)?).with_context(cannot)?;
    let mut start = Checkpoint::default();
    start.put_store("weights", store);
    start.put("batch", [("image".into(), image.shallow_clone()), ("target".into(), target.shallow_clone())]);
    start.save(&folder.join("start.safetensors"))
}
