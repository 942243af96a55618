//! `cargo xtask ablations`: what each part of the training recipes is worth, by short trainings without it.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::train::{prepare, trainer};
use crate::workspace::Workspace;
use crate::{backbone, process};

/// Options of `ablations`.
#[derive(Args)]
pub struct Options {
    /// Folder for the runs and the tables.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Trainings of each kind, from as many seeds.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Steps of each training of the network that finds rust.
    #[arg(long, default_value_t = 300)]
    segment_steps: u64,
    /// Steps of each training of the network that fills.
    #[arg(long, default_value_t = 200)]
    derust_steps: u64,
    /// Train only these: `segment`, `derust`.
    #[arg(long, value_delimiter = ',', default_value = "segment,derust")]
    only: Vec<String>,
    /// Where to compute: `cpu` or `cuda`.
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// The trainings of one network, and what is told of them.
struct Study {
    /// The trainer's verb.
    kind: &'static str,
    steps: u64,
    /// What all of them share.
    shared: Vec<String>,
    /// What each does otherwise, by name; the first does nothing otherwise.
    variants: Vec<(&'static str, Vec<String>)>,
    /// Figures by their name in a run's metrics, with the heading of their column and their decimals.
    figures: &'static [(&'static str, &'static str, usize)],
}

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
const DERUST: [&str; 8] =
    ["--side", "128", "--batch", "8", "--learning-rate", "1e-3", "--average-decay", "0.98"];

/// Trains what is not trained yet, one after the other, and writes the tables anew after each.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let (photos, out) = prepare(workspace, options.out.as_deref(), "ablations")?;
    let studies = [segment(workspace, options)?, derust(workspace, options)];
    for study in studies.iter().filter(|study| options.only.iter().any(|only| only == study.kind)) {
        for seed in 1..=options.seeds {
            for (name, own) in &study.variants {
                let run = run_of(&out, study, name, seed);
                if last_figures(&run, study.steps).is_some() {
                    continue;
                }
                println!("{}, {name}, seed {seed}", study.kind);
                let mut command = trainer(workspace);
                command.args([
                    "train",
                    study.kind,
                    "--every",
                    "0",
                    "--keep",
                    "0",
                    "--device",
                    &options.device,
                ]);
                command.arg("--data").arg(&photos).arg("--run").arg(&run);
                command.args(["--steps", &study.steps.to_string(), "--seed", &seed.to_string()]);
                command.args(&study.shared).args(own);
                process::run(&mut command, "a short training")?;
                write_tables(&out, &studies, options.seeds)?;
            }
        }
    }
    let tables = write_tables(&out, &studies, options.seeds)?;
    print!("{}", fs::read_to_string(tables)?);
    Ok(ExitCode::SUCCESS)
}

fn segment(workspace: &Workspace, options: &Options) -> Result<Study> {
    let pretrained = backbone::provide(workspace)?;
    let begun = |more: &[&str]| {
        let backbone = ["--backbone".to_owned(), pretrained.display().to_string()];
        backbone.into_iter().chain(words(more)).collect::<Vec<_>>()
    };
    Ok(Study {
        kind: "segment",
        steps: options.segment_steps,
        shared: words(&SEGMENT),
        variants: vec![
            ("as shipped", begun(&[])),
            ("no rendered pictures", begun(&["--rendered", "0", "--negatives", "0"])),
            ("no pasted rust", begun(&["--pasted", "0"])),
            ("no augmentation", begun(&["--augment", "none"])),
            ("half of the photos", begun(&["--photos", "0.5"])),
            ("a quarter of the photos", begun(&["--photos", "0.25"])),
            ("no pretrained weights", words(&[])),
            ("no pretrained weights, half as wide", words(&["--width", "0.5"])),
        ],
        figures: &[
            ("best_iou", "IoU at the best threshold", 3),
            ("held_out_iou", "IoU at one half", 3),
            ("calibration_error", "Calibration error", 3),
        ],
    })
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

/// What a run measured after its last step; nothing where it has not come there.
fn last_figures(run: &Path, steps: u64) -> Option<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).ok()?;
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.rfind(|line| line["step"].as_u64() == Some(steps))
}

fn write_tables(out: &Path, studies: &[Study], seeds: u64) -> Result<PathBuf> {
    let path = out.join("ablations.md");
    let text: String = studies.iter().map(|study| table(out, study, seeds)).collect();
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// The mean over seeds of each figure, and its lowest and highest value.
fn table(out: &Path, study: &Study, seeds: u64) -> String {
    let mut text = format!("{}, {} steps\n\n| |", study.kind, study.steps);
    study.figures.iter().for_each(|(_, heading, _)| write!(text, " {heading} |").unwrap_or_default());
    text.push_str(" Trainings |\n|---|");
    text.push_str(&"---|".repeat(study.figures.len() + 1));
    text.push('\n');
    for (name, _) in &study.variants {
        let measured: Vec<Value> = (1..=seeds)
            .filter_map(|seed| last_figures(&run_of(out, study, name, seed), study.steps))
            .collect();
        write!(text, "| {name} |").unwrap_or_default();
        for (figure, _, decimals) in study.figures {
            let values: Vec<f64> = measured.iter().filter_map(|line| line[figure].as_f64()).collect();
            write!(text, " {} |", mean_and_range(&values, *decimals)).unwrap_or_default();
        }
        writeln!(text, " {} |", measured.len()).unwrap_or_default();
    }
    text.push('\n');
    text
}

fn mean_and_range(values: &[f64], decimals: usize) -> String {
    if values.is_empty() {
        return String::new();
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let (lowest, highest) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    format!("{mean:.decimals$} ({lowest:.decimals$} to {highest:.decimals$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_mean_over_the_trainings_that_came_to_their_end() {
        let out = tempfile::tempdir().unwrap();
        let study = Study {
            kind: "segment",
            steps: 4,
            shared: vec![],
            variants: vec![("as shipped", vec![]), ("no frills, bare", vec![])],
            figures: &[("best_iou", "IoU", 2)],
        };
        for (seed, step, iou) in [(1, 4, 0.5), (2, 4, 0.25), (3, 2, 0.9)] {
            let run = run_of(out.path(), &study, "as shipped", seed);
            fs::create_dir(&run).unwrap();
            let lines = format!("{{\"step\":0,\"best_iou\":0.9}}\n{{\"step\":{step},\"best_iou\":{iou}}}\n");
            fs::write(run.join("metrics.jsonl"), lines).unwrap();
        }
        let expected = "segment, 4 steps\n\n| | IoU | Trainings |\n|---|---|---|\n\
                        | as shipped | 0.38 (0.25 to 0.50) | 2 |\n| no frills, bare |  | 0 |\n\n";
        assert_eq!(table(out.path(), &study, 3), expected);
    }
}
