//! From a run's best weights to a model file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use derust_manifest::{Input, InputRole, Kind, Manifest, Output, OutputRole, SCHEMA, Tile};
use semver::Version;
use tch::{Device, nn};

use crate::architectures::{
    AlphaRamp, Family, SIZE_MULTIPLE, derust, grader, names, segmenter, texture_generator,
};
use crate::backbone;
use crate::checkpoint::Checkpoint;
use crate::fold::{FoldedNetwork, WeightStorage};
use crate::grade;
use crate::import;
use crate::network::Network;
use crate::onnx::encode;
use crate::parity;
use crate::run::files;
use crate::segment::LONG_SIDE;
use crate::texture;

/// What to export.
#[derive(Subcommand, Clone, Debug)]
pub enum ExportCommand {
    /// A segment-rust model from a segmentation run.
    Segment {
        /// The run's folder.
        #[arg(long)]
        run: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// A derust model from a segmentation run (it finds) and a derust run (it fills).
    Derust {
        /// The segmentation run's folder, or the model file beside which the derust run learned.
        #[arg(long)]
        segment_run: PathBuf,
        /// The derust run's folder.
        #[arg(long)]
        run: PathBuf,
        /// How far below and above the threshold alpha starts and ends to rise.
        #[arg(long, default_value_t = 0.1)]
        ramp: f64,
        /// Part of the generator's change that the model makes; the rest stays with the colours around the rust.
        #[arg(long, default_value_t = 1.0)]
        change: f64,
        /// Long side, in pixels, at which photos are analysed, in place of the segmentation run's: a fill loses more
        /// by a small scale than a mask does.
        #[arg(long)]
        long_side: Option<u32>,
        #[command(flatten)]
        about: About,
    },
    /// A rust-texture model from a texture run: it makes textures of noise.
    Texture {
        /// The run's folder.
        #[arg(long)]
        run: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// A rust-grade model from a grading run.
    Grade {
        /// The run's folder.
        #[arg(long)]
        run: PathBuf,
        #[command(flatten)]
        about: About,
    },
}

/// What the model says about itself.
#[derive(Args, Clone, Debug)]
pub struct About {
    /// The model file to write.
    #[arg(short, long)]
    output: PathBuf,
    /// Name of the model.
    #[arg(long)]
    name: String,
    /// Version of the model.
    #[arg(long, default_value = "0.1.0")]
    version: Version,
    /// The data that it learned from, with the attribution that the data's licence asks for.
    #[arg(long, default_value = "")]
    trained_on: String,
    /// Probability from which on a pixel counts as rust, in place of the one that was best on held-out photos.
    #[arg(long)]
    threshold: Option<f32>,
    /// Store weights in four bytes instead of two.
    #[arg(long)]
    full_weights: bool,
}

/// Writes the model file, once ONNX Runtime computes from it what libtorch computes.
///
/// # Errors
/// When the run's weights cannot be read, the two differ by more than the tolerance, or the file cannot be written.
pub fn export(command: &ExportCommand) -> Result<()> {
    let store = nn::VarStore::new(Device::Cpu);
    match command {
        ExportCommand::Segment { run, about } => {
            let best = best_weights(run)?;
            let network = Network::new(&store.root(), segmenter(width_of(&best)?));
            best.restore_store("weights", &store)?;
            let outputs = vec![Output::new(names::PROBABILITY, OutputRole::Probability)];
            let working =
                Working { long_side: Some(long_side_of(&best)?), threshold: threshold_of(&best, about)? };
            write(&network, about, Kind::SegmentRust, outputs, working)
        }
        ExportCommand::Derust { segment_run, run, ramp, change, long_side, about } => {
            let (find, fill) = (import::segmentation(segment_run)?, best_weights(run)?);
            backbone::check_signature(&fill, &find)?;
            let threshold = threshold_of(&find, about)?;
            let middle = f64::from(threshold);
            let ramp = AlphaRamp { from: (middle - ramp).max(0.02), to: (middle + ramp).min(0.98) };
            let graph = derust(Family::Unet, width_of(&find)?, *change, ramp);
            let network = Network::new(&store.root(), graph);
            restore_part(&store, "find", &find)?;
            restore_part(&store, "fill", &fill)?;
            let outputs =
                vec![Output::new(names::FILL, OutputRole::Rgb), Output::new(names::ALPHA, OutputRole::Alpha)];
            let long_side = match long_side {
                Some(long_side) => *long_side,
                None => long_side_of(&find)?,
            };
            let working = Working { long_side: Some(long_side), threshold };
            write(&network, about, Kind::Derust, outputs, working)
        }
        ExportCommand::Texture { run, about } => {
            let best = best_weights(run)?;
            let network = Network::new(&store.root(), texture_generator(texture::size_of(&best)?));
            best.restore_store("weights", &store)?;
            let outputs = vec![Output::new(names::TEXTURE, OutputRole::Rgb)];
            write(&network, about, Kind::RustTexture, outputs, Working::default())
        }
        ExportCommand::Grade { run, about } => {
            let best = best_weights(run)?;
            let (width, side) = grade::sizes_of(&best)?;
            let network = Network::new(&store.root(), grader(width, grade::GRADES.len() as i64));
            best.restore_store("weights", &store)?;
            // The roles of a manifest are about pixels; a grade is about the whole picture.
            let working = Working { long_side: Some(side), ..Default::default() };
            write(&network, about, Kind::RustGrade, vec![], working)
        }
    }
}

/// At which scale a network works, and from where on it counts rust.
struct Working {
    /// None where the network takes no picture.
    long_side: Option<u32>,
    threshold: f32,
}

impl Default for Working {
    fn default() -> Self {
        Working { long_side: None, threshold: 0.5 }
    }
}

fn write(network: &Network, about: &About, kind: Kind, outputs: Vec<Output>, working: Working) -> Result<()> {
    let inputs = network.graph.inputs().map(|id| {
        let role = match network.graph.nodes[id].name.as_str() {
            names::MASK => InputRole::Mask,
            names::NOISE => InputRole::Noise,
            _ => InputRole::Image,
        };
        Input::new(network.graph.nodes[id].name.clone(), role)
    });
    let manifest = Manifest {
        schema: SCHEMA,
        kind,
        name: about.name.clone(),
        version: about.version.clone(),
        licence: "MIT OR Apache-2.0".into(),
        trained_on: about.trained_on.clone(),
        metrics: BTreeMap::new(),
        inputs: inputs.collect(),
        outputs,
        tile: Tile { size: LONG_SIDE, overlap: LONG_SIDE / 4, multiple: SIZE_MULTIPLE },
        long_side: working.long_side,
        threshold: working.threshold,
    };
    manifest.check()?;
    let storage = if about.full_weights { WeightStorage::Float32 } else { WeightStorage::Float16 };
    let folded = FoldedNetwork::new(network, storage);
    let bytes = encode(&folded, &manifest);
    let difference = parity::check(&folded.network, &bytes)?;
    let partial = about.output.with_extension("onnx.tmp");
    std::fs::write(&partial, &bytes).with_context(|| format!("cannot write {}", partial.display()))?;
    std::fs::rename(&partial, &about.output)
        .with_context(|| format!("cannot write {}", about.output.display()))?;
    println!(
        "{}: {} {}, {:.1} MB, {:.1} GFLOP per megapixel{}, ONNX Runtime agrees within {difference:.1e}",
        about.output.display(),
        about.name,
        about.version,
        bytes.len() as f64 / 1e6,
        network.graph.operations_per_pixel() / 1e3,
        working
            .long_side
            .map_or(String::new(), |side| format!(", at {side} px, threshold {}", working.threshold))
    );
    Ok(())
}

fn best_weights(run: &Path) -> Result<Checkpoint> {
    Checkpoint::load(&run.join(files::BEST)).context("the run has no weights to export; train first")
}

fn width_of(best: &Checkpoint) -> Result<f64> {
    Ok(best.get("run", "width")?.double_value(&[0]))
}

fn long_side_of(best: &Checkpoint) -> Result<u32> {
    Ok(u32::try_from(best.get("run", "long_side")?.int64_value(&[0]))?)
}

fn threshold_of(best: &Checkpoint, about: &About) -> Result<f32> {
    match about.threshold {
        Some(threshold) => Ok(threshold),
        None => Ok(best.get("run", "threshold")?.double_value(&[0]) as f32),
    }
}

/// Copies a run's weights into the part of a joined network that stands under `part`.
fn restore_part(store: &nn::VarStore, part: &str, weights: &Checkpoint) -> Result<()> {
    let mut restored = 0;
    for (name, mut variable) in store.variables() {
        if let Some(inner) = name.strip_prefix(&format!("{part}/")) {
            tch::no_grad(|| variable.f_copy_(&weights.get("weights", inner)?).map_err(anyhow::Error::from))?;
            restored += 1;
        }
    }
    ensure!(restored > 0, "the joined network has no part {part}");
    Ok(())
}
