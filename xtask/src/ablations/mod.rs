//! `cargo xtask ablations`: what each part of the training recipes is worth, by short trainings without it.

mod record;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::train::{prepare, trainer};
use crate::workspace::Workspace;
use crate::{backbone, process};
use record::Record;

/// Options of `ablations`.
#[derive(Args)]
pub struct Options {
    /// Folder for the runs and the tables.
    #[arg(long)]
    out: Option<PathBuf>,
    /// JSON lines with the figures of every training; what stands there is not trained again. [default: ablations.jsonl
    /// in that folder]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Trainings of each kind, from as many seeds.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Steps of each training of the network that finds rust.
    #[arg(long, default_value_t = 300)]
    segment_steps: u64,
    /// Steps of each training of the network that fills.
    #[arg(long, default_value_t = 200)]
    derust_steps: u64,
    /// Steps of each training of the network that finds rust with a part of the photos: enough that all of them are seen.
    #[arg(long, default_value_t = 900)]
    photos_steps: u64,
    /// Train only these: `segment`, `derust`, or `photos`, the first one with a part of the photos.
    #[arg(long, value_delimiter = ',', value_parser = ["segment", "derust", "photos"],
          default_value = "segment,derust,photos")]
    only: Vec<String>,
    /// Where to compute: `cpu` or `cuda`.
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// The trainings of one network, and what is told of them.
#[derive(Clone)]
struct Study {
    /// The trainer's verb.
    kind: &'static str,
    steps: u64,
    /// What all of them share.
    shared: Vec<String>,
    /// What each does otherwise, by name; the first does nothing otherwise.
    variants: Vec<(&'static str, Vec<String>)>,
    figures: &'static [Figure],
}

/// A figure's name in a run's metrics, the heading of its column and its decimals.
type Figure = (&'static str, &'static str, usize);

/// Small views and few steps: differences show, and a training takes minutes.
const SEGMENT: [&str; 10] = [
    "--side",
    "160",
    "--batch",
    "8",
    "--learning-rate",
    "1e-3",
    "--average-decay",
    "0.98",
    "--calibrate",
    "false",
];
const SEGMENT_FIGURES: [Figure; 3] = [
    ("best_iou", "IoU at the best threshold", 3),
    ("held_out_iou", "IoU at one half", 3),
    ("calibration_error", "Calibration error", 3),
];
const DERUST: [&str; 8] =
    ["--side", "128", "--batch", "8", "--learning-rate", "1e-3", "--average-decay", "0.98"];

/// Trains what is not trained yet, one after the other, and writes the tables anew after each.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let (photos, out) = prepare(workspace, options.out.as_deref(), "ablations")?;
    let mut record = Record::read(options.record.clone().unwrap_or_else(|| out.join("ablations.jsonl")))?;
    let study = |kind: &String| match kind.as_str() {
        "segment" => segment(workspace, options),
        "derust" => Ok(derust(workspace, options)),
        _ => photos_seen(workspace, options),
    };
    let studies: Vec<Study> = options.only.iter().map(study).collect::<Result<_>>()?;
    for study in &studies {
        for seed in 1..=options.seeds {
            for (name, own) in &study.variants {
                if record.has(study, name, seed) {
                    continue;
                }
                println!("{}, {name}, seed {seed}", study.kind);
                let run = run_of(&out, study, name, seed);
                let mut command = trainer(workspace);
                // One that was interrupted begins anew.
                command.args(["train", study.kind, "--force", "--every", "0", "--keep", "0"]);
                command.args(["--device", &options.device]);
                command.arg("--data").arg(&photos).arg("--run").arg(&run);
                command.args(["--steps", &study.steps.to_string(), "--seed", &seed.to_string()]);
                command.args(&study.shared).args(own);
                process::run(&mut command, "a short training")?;
                record.add(study, name, seed, &run)?;
                write_tables(&out, &record, &studies)?;
            }
        }
    }
    print!("{}", write_tables(&out, &record, &studies)?);
    Ok(ExitCode::SUCCESS)
}

fn segment(workspace: &Workspace, options: &Options) -> Result<Study> {
    let pretrained = pretrained(workspace)?;
    let begun = |more: &[&str]| pretrained.iter().cloned().chain(words(more)).collect::<Vec<_>>();
    Ok(Study {
        kind: "segment",
        steps: options.segment_steps,
        shared: words(&SEGMENT),
        variants: vec![
            ("as shipped", begun(&[])),
            ("no rendered pictures", begun(&["--rendered", "0", "--negatives", "0"])),
            ("no pasted rust", begun(&["--pasted", "0"])),
            ("no augmentation", begun(&["--augment", "none"])),
            ("no pretrained weights", words(&[])),
            ("no pretrained weights, half as wide", words(&["--width", "0.5"])),
        ],
        figures: &SEGMENT_FIGURES,
    })
}

fn photos_seen(workspace: &Workspace, options: &Options) -> Result<Study> {
    Ok(Study {
        kind: "segment",
        steps: options.photos_steps,
        shared: words(&SEGMENT).into_iter().chain(pretrained(workspace)?).collect(),
        variants: vec![
            ("all photos", words(&[])),
            ("half of the photos", words(&["--photos", "0.5"])),
            ("a quarter of the photos", words(&["--photos", "0.25"])),
        ],
        figures: &SEGMENT_FIGURES,
    })
}

fn pretrained(workspace: &Workspace) -> Result<[String; 2]> {
    Ok(["--backbone".into(), backbone::provide(workspace)?.display().to_string()])
}

fn derust(workspace: &Workspace, options: &Options) -> Study {
    let finder = workspace.root.join("plugin/models/segment-rust.onnx");
    let shared = words(&DERUST).into_iter().chain(["--segment-run".into(), finder.display().to_string()]);
    Study {
        kind: "derust",
        steps: options.derust_steps,
        shared: shared.collect(),
        variants: vec![
            ("as shipped", words(&[])),
            ("no rendered pictures", words(&["--rendered", "0"])),
            ("no augmentation", words(&["--augment", "none"])),
            ("no adversarial term", words(&["--adversarial", "0"])),
        ],
        figures: &[("psnr", "PSNR, dB", 2), ("texture", "Texture of the fill alone", 2)],
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn run_of(out: &Path, study: &Study, name: &str, seed: u64) -> PathBuf {
    out.join(format!("{}-{}-{seed}", study.kind, name.replace(", ", "-").replace(' ', "-")))
}

fn write_tables(out: &Path, record: &Record, studies: &[Study]) -> Result<String> {
    let path = out.join("ablations.md");
    let text: String = studies.iter().map(|study| record.table(study)).collect();
    fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(text)
}
