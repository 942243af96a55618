//! `cargo xtask train`: makes the shipped models again, from the training photos to the model files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::workspace::Workspace;
use crate::{backbone, libtorch, onnxruntime, photos, process};

/// What the models name as the data that they learned from, with the attribution that its licence asks for.
const TRAINED_ON: &str = "1,027 photos of corroded metal with masks from \"corrosion-instance-segmentation-sfcpc\", \
     version 16, by cawilai-interns-july-2023 (Roboflow Universe), CC BY 4.0; resized and drawn as masks; \
     and pictures rendered by derust; \
     begun with weights of EfficientNet-Lite0 trained on ImageNet, Apache 2.0";

/// Name of the shipped segment-rust model.
const SEGMENTER: &str = "corrosion-unet";
/// Name of the shipped derust model.
const GENERATOR: &str = "corrosion-gan";

/// Options of `train`; the defaults make the shipped models.
#[derive(Args)]
pub struct Options {
    /// Folder for the runs and the models.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Steps of each leg of the segmentation network's training.
    #[arg(long, default_value = "1700")]
    segment_steps: String,
    /// Steps of each of the first two legs of the derust network's training.
    #[arg(long, default_value = "3500")]
    derust_steps: String,
    /// Steps of each of its last two legs, of which the mean is taken.
    #[arg(long, default_value = "2200")]
    refining_steps: String,
    /// Version that the models get.
    #[arg(long, default_value = "0.6.0")]
    model_version: String,
    /// Where to compute: `cpu` or `cuda`.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Go on from the checkpoints of an interrupted call.
    #[arg(long)]
    resume: bool,
}

/// Trains both networks, one after the other, and exports them.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let (photos, out) = prepare(workspace, options.out.as_deref(), "train")?;
    let (segment, derust) = (out.join("segment"), out.join("derust"));

    let backbone = backbone::provide(workspace)?;
    let first =
        Leg { kind: "segment", steps: &options.segment_steps, batch: "10", side: "256", rate: "1e-3" };
    let mut command = training(workspace, &photos, options, &first, &out.join("segment-first"));
    command.arg("--backbone").arg(backbone);
    process::run(&mut command, "training the segmentation network")?;
    // Wider views, for longer: what looks like rust close up may be brick or wood.
    let second = Leg { batch: "6", side: "352", rate: "6e-4", ..first };
    let mut command = training(workspace, &photos, options, &second, &out.join("segment-second"));
    start_from(&mut command, &[out.join("segment-first")]);
    process::run(&mut command, "refining the segmentation network")?;
    // Nearly whole photos, so few at a time that their statistics would be chance.
    let third = Leg { batch: "4", side: "416", rate: "8e-5", ..first };
    let mut command = training(workspace, &photos, options, &third, &segment);
    command.args(["--fixed-statistics", "--average-decay", "0.996", "--augment-jpeg", "0.2"]);
    start_from(&mut command, &[out.join("segment-second")]);
    process::run(&mut command, "refining the segmentation network on whole photos")?;

    let first = Leg { kind: "derust", steps: &options.derust_steps, batch: "8", side: "192", rate: "1e-3" };
    let mut command = training(workspace, &photos, options, &first, &out.join("derust-first"));
    command.arg("--segment-run").arg(&segment);
    process::run(&mut command, "training the derust network")?;
    let second = Leg { batch: "6", side: "256", rate: "8e-4", ..first };
    let mut command = training(workspace, &photos, options, &second, &out.join("derust-second"));
    command.arg("--segment-run").arg(&segment);
    start_from(&mut command, &[out.join("derust-first")]);
    process::run(&mut command, "training the derust network at its scale")?;
    // Nearness alone: what the fill lacks in texture comes from the picture when the model serves. Masks as they will be
    // found, since what they miss must not colour the fill.
    let close = Leg { rate: "6e-4", steps: &options.refining_steps, ..second };
    let wide = Leg { batch: "4", side: "320", ..close };
    let mut refined = vec![];
    for (leg, name, seed) in [(close, "derust-third-close", "11"), (wide, "derust-third-wide", "12")] {
        let run = out.join(name);
        let mut command = training(workspace, &photos, options, &leg, &run);
        command.arg("--segment-run").arg(&segment).args(["--seed", seed, "--adversarial", "0"]);
        command.args(["--l1", "0.5", "--log-error", "0.15", "--found", "0.5"]);
        start_from(&mut command, &[out.join("derust-second")]);
        process::run(&mut command, "refining the derust network")?;
        refined.push(run);
    }
    let mean = Leg { steps: "0", ..second };
    let mut command = training(workspace, &photos, options, &mean, &derust);
    command.arg("--segment-run").arg(&segment);
    start_from(&mut command, &refined);
    process::run(&mut command, "taking the mean of both")?;

    let mut command = export(workspace, "segment", options, SEGMENTER, &out.join("segment-rust.onnx"));
    command.arg("--run").arg(&segment).args(["--views", "2", "--mirror-scale", "0.6"]);
    process::run(&mut command, "exporting the segment-rust model")?;
    let mut command = export(workspace, "derust", options, GENERATOR, &out.join("derust.onnx"));
    command.arg("--segment-run").arg(&segment).arg("--run").arg(&derust);
    command.args([
        "--long-side",
        "512",
        "--threshold",
        "0.6",
        "--ramp",
        "0.15",
        "--change",
        "0.75",
        "--views",
        "4",
    ]);
    process::run(&mut command, "exporting the derust model")?;
    println!("the models are in {}; copy them into plugin/models to ship them", out.display());
    Ok(ExitCode::SUCCESS)
}

/// Provides what trainings need; the training photos, and the folder for the runs: `out`, or `name` in the build folder.
pub fn prepare(workspace: &Workspace, out: Option<&Path>, name: &str) -> Result<(PathBuf, PathBuf)> {
    let photos = photos::training()?;
    onnxruntime::provide(workspace)?;
    libtorch::provide(workspace)?;
    let out = out.map_or_else(|| workspace.target.join(name), Path::to_owned);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok((photos, out))
}

/// One leg of a training.
struct Leg<'a> {
    /// The trainer's verb.
    kind: &'a str,
    steps: &'a str,
    batch: &'a str,
    side: &'a str,
    /// Highest learning rate.
    rate: &'a str,
}

fn training(workspace: &Workspace, photos: &Path, options: &Options, leg: &Leg, run: &Path) -> Command {
    let mut command = trainer(workspace);
    command
        .args(["train", leg.kind])
        .arg("--data")
        .arg(photos)
        .arg("--run")
        .arg(run)
        .args(["--device", &options.device]);
    command.args(["--steps", leg.steps, "--batch", leg.batch, "--side", leg.side]);
    command.args(["--learning-rate", leg.rate]);
    if options.resume && run.join("last.safetensors").is_file() {
        command.arg("--resume");
    }
    command
}

/// Begins with the weights of an earlier leg, or the mean of several, unless the leg itself goes on.
fn start_from(command: &mut Command, runs: &[PathBuf]) {
    if command.get_args().all(|argument| argument != "--resume") {
        command.arg("--start-from").args(runs);
    }
}

/// The arguments that every export shares; the caller adds the runs.
fn export(workspace: &Workspace, kind: &str, options: &Options, name: &str, file: &Path) -> Command {
    let mut command = trainer(workspace);
    command.args(["export", kind, "--name", name, "--version", &options.model_version]);
    command.args(["--trained-on", TRAINED_ON, "--output"]).arg(file);
    command
}

/// The trainer, built in release.
pub fn trainer(workspace: &Workspace) -> Command {
    let mut cargo = process::cargo(workspace);
    // Waiting threads of libgomp would take the processor from those that work.
    cargo.env("GOMP_SPINCOUNT", "0");
    cargo.args(["run", "--quiet", "--release", "--package", "derust-trainer", "--"]);
    cargo
}
