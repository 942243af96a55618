//! From a run's best weights, or the weights of a model file, to a model file.

mod candidate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand, ValueEnum};
use derust_manifest::Kind;
use semver::Version;
use tch::{Device, nn};

use crate::data::LONG_SIDE;
use crate::model_file::detector::Detector;
use crate::model_file::import;
use crate::model_file::precision::PrecisionOptions;
use crate::networks::architectures::{
    AlphaRamp, Family, class_segmenter, derust, grader, segmenter, texture_generator, translator,
};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::description;
use crate::networks::finder;
use crate::networks::network::Network;
use crate::run::{METRICS, files};
use candidate::Candidate;

/// What to export.
#[derive(Subcommand, Clone, Debug)]
pub enum ExportCommand {
    /// A segment-rust model from a segmentation run.
    Segment {
        /// The run's folder, or a segment-rust model to be written in other numbers.
        #[arg(long)]
        run: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// A segment-rust model from the discriminator of an unpaired run, fitted on labelled photos.
    Detector {
        /// The run's folder.
        #[arg(long)]
        run: PathBuf,
        #[command(flatten)]
        about: About,
    },
    /// A derust model from a segmentation run (it finds) and a derust run (it fills).
    Derust {
        /// The segmentation run's folder, or the model file beside which the derust run learned. Not for an unpaired run:
        /// what it treats is up to the segment-rust model that serves.
        #[arg(long)]
        segment_run: Option<PathBuf>,
        /// The derust run's folder, or a derust model to be written in other numbers.
        #[arg(long)]
        run: PathBuf,
        /// How far below and above the threshold alpha starts and ends to rise.
        #[arg(long, default_value_t = 0.1)]
        ramp: f64,
        /// Pixels, at the working scale, by which what was found grows.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(0..=16))]
        grow: i64,
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
    /// Those of a run's several classes that are rust; all of them if not given.
    #[arg(long, value_delimiter = ',')]
    rust: Vec<String>,
    /// Probability from which on a pixel counts as rust, in place of the one that was best on held-out photos.
    #[arg(long)]
    threshold: Option<f32>,
    /// Views of a picture over which the network's answers are averaged, which is as many times the work: 1, the picture
    /// alone; 2, and its mirror image; 4, and both upside down.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4))]
    views: u32,
    /// Part of the size at which the mirror images of `--views` are analysed, 0.25 to 1: for models that find rust.
    #[arg(long, value_name = "PART")]
    mirror_scale: Option<f32>,
    #[command(flatten)]
    numbers: PrecisionOptions,
}

/// Writes the model file, once ONNX Runtime computes from it what libtorch computes, or, in eight bits, finds and fills
/// rust nearly as well.
///
/// # Errors
/// When the run's weights cannot be read, the model differs by more than the tolerance, or the file cannot be written.
pub fn export(command: &ExportCommand) -> Result<()> {
    let store = nn::VarStore::new(Device::Cpu);
    let (candidate, about) = match command {
        ExportCommand::Segment { run, about } => (segmentation(&store, run, about)?, about),
        ExportCommand::Detector { run, about } => (fitted_detector(run, about)?, about),
        ExportCommand::Derust { segment_run, run, ramp, grow, change, long_side, about } => {
            let candidate = match segment_run {
                Some(finder) => removal(&store, [finder, run], about, (*ramp, *grow), *change)?,
                None => translation(&store, run, about, *change)?,
            };
            (Candidate { long_side: long_side.or(candidate.long_side), ..candidate }, about)
        }
        ExportCommand::Texture { run, about } => {
            let best = best_weights(run)?;
            let network = Network::new(&store.root(), texture_generator(description::texture_size(&best)?));
            best.restore_store("weights", &store)?;
            let metrics = metrics_of(&best);
            (Candidate { metrics, ..Candidate::new(Kind::RustTexture, network) }, about)
        }
        ExportCommand::Grade { run, about } => {
            let best = best_weights(run)?;
            let (width, side) = description::grader(&best)?;
            let network = Network::new(&store.root(), grader(width, description::GRADES.len() as i64));
            best.restore_store("weights", &store)?;
            let classes = description::GRADES.map(String::from).to_vec();
            let (long_side, metrics) = (Some(side), metrics_of(&best));
            let plain = Candidate::new(Kind::RustGrade, network);
            (Candidate { long_side, classes, metrics, ..plain }, about)
        }
    };
    Candidate { views: about.views, mirror_scale: about.mirror_scale, ..candidate }.write(about)
}

/// The network of a segmentation run, of one class or several.
fn segmentation(store: &nn::VarStore, run: &Path, about: &About) -> Result<Candidate> {
    let best = import::segmentation(run)?;
    let (width, classes) = (width_of(&best)?, description::classes(&best)?);
    let graph = match classes.len() {
        0 => segmenter(width),
        count => class_segmenter(width, count as i64 + 1),
    };
    let background = (!classes.is_empty()).then(|| "background".into());
    let network = Network::new(&store.root(), graph);
    best.restore_store("weights", store)?;
    Ok(Candidate {
        long_side: Some(long_side_of(&best)?),
        threshold: threshold_of(&best, about)?,
        classes: background.into_iter().chain(classes).collect(),
        metrics: metrics_of(&best),
        ..Candidate::new(Kind::SegmentRust, network)
    })
}

/// The discriminator of an unpaired run as a network that finds rust.
fn fitted_detector(run: &Path, about: &About) -> Result<Candidate> {
    let (learnt, _) = about.numbers.photos()?;
    let Detector { network, threshold, detection } = Detector::fit(run, &learnt)?;
    let iou = detection.counts(threshold).iou();
    Ok(Candidate {
        long_side: Some(LONG_SIDE),
        threshold: about.threshold.unwrap_or(threshold),
        metrics: BTreeMap::from([("iou_on_photos_fitted_on".into(), iou)]),
        ..Candidate::new(Kind::SegmentRust, network)
    })
}

/// Finder and generator in one.
fn removal(
    store: &nn::VarStore,
    [segment_run, run]: [&PathBuf; 2],
    about: &About,
    (ramp, grown): (f64, i64),
    change: f64,
) -> Result<Candidate> {
    let find = import::segmentation(segment_run)?;
    let width = width_of(&find)?;
    let fill = import::generation(run, width)?;
    finder::check_signature(&fill, &find)?;
    let threshold = threshold_of(&find, about)?;
    let middle = f64::from(threshold);
    let ramp = AlphaRamp { from: (middle - ramp).max(0.02), to: (middle + ramp).min(0.98), grown };
    let network = Network::new(&store.root(), derust(family_of(&fill)?, width, change, ramp));
    restore_part(store, "find", &find)?;
    restore_part(store, "fill", &fill)?;
    Ok(Candidate {
        long_side: Some(long_side_of(&find)?),
        threshold,
        metrics: metrics_of(&fill),
        ..Candidate::new(Kind::Derust, network)
    })
}

/// The generator of an unpaired run, which takes a picture alone.
fn translation(store: &nn::VarStore, run: &Path, about: &About, change: f64) -> Result<Candidate> {
    let best = best_weights(run)?;
    ensure!(
        best.get("run", "unpaired").is_ok(),
        "--segment-run is missing: the segmentation network beside which {} learned",
        run.display()
    );
    let network = Network::new(&store.root(), translator(family_of(&best)?, change));
    best.restore_store("weights", store)?;
    Ok(Candidate {
        long_side: Some(LONG_SIDE),
        threshold: about.threshold.unwrap_or(0.5),
        metrics: metrics_of(&best),
        ..Candidate::new(Kind::Derust, network)
    })
}

/// What the run measured of its best weights.
fn metrics_of(best: &Checkpoint) -> BTreeMap<String, f64> {
    let figures = best.section(METRICS).into_iter();
    figures.map(|(name, figure)| (name.into(), figure.double_value(&[0]))).collect()
}

fn best_weights(run: &Path) -> Result<Checkpoint> {
    Checkpoint::load(&run.join(files::BEST)).context("the run has no weights to export; train first")
}

/// What a run's generator is built like.
fn family_of(best: &Checkpoint) -> Result<Family> {
    let number = best.get("run", "family")?.int64_value(&[0]);
    let family = Family::value_variants().iter().find(|family| **family as i64 == number);
    family.copied().with_context(|| format!("the run's generator is of kind {number}, which is unknown here"))
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
