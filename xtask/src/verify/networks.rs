//! The shipped networks, measured on photos with known rust through the command.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::train::trainer;
use crate::workspace::Workspace;
use crate::{demo, libtorch, onnxruntime, photos, process};

/// The least intersection over union of rust that `segment-rust` may reach on the validation photos.
const LEAST_IOU: f64 = 0.62;

/// The least gain in peak signal-to-noise ratio, in dB, that `derust` may reach inside rust pasted onto them.
const LEAST_GAIN: f64 = 4.2;

/// Pairs on which that gain is measured.
const PAIRS: &str = "200";

/// Measures both; returns what they reach.
pub fn measure(workspace: &Workspace) -> Result<String> {
    let photos = photos::validation()?;
    onnxruntime::provide(workspace)?;
    libtorch::provide(workspace)?;
    let derust = demo::build(workspace)?;
    let iou = measure_segmentation(workspace, &derust, &photos)?;
    let gain = measure_removal(workspace, &derust, &photos)?;
    Ok(format!("IoU {iou:.3} (least {LEAST_IOU}), gain {gain:.2} dB on {PAIRS} pairs (least {LEAST_GAIN})"))
}

fn measure_segmentation(workspace: &Workspace, derust: &Path, photos: &Path) -> Result<f64> {
    let mut trainer = trainer(workspace);
    trainer.args(["evaluate", "segment", "--command"]).arg(derust).arg("--data").arg(photos);
    let report = process::run_and_read(&mut trainer, "measuring the rust found in photos")?;
    hold("the IoU of found rust", figure(&report, "iou")?, LEAST_IOU)
}

fn measure_removal(workspace: &Workspace, derust: &Path, photos: &Path) -> Result<f64> {
    let pairs = empty_folder(&workspace.target.join("verify").join("pairs"))?;
    let mut making = trainer(workspace);
    making.args(["pairs", "--count", PAIRS, "--data"]).arg(photos).arg("--output").arg(&pairs);
    process::run(&mut making, "making pairs with and without rust")?;
    let mut trainer = trainer(workspace);
    trainer.args(["evaluate", "derust", "--command"]).arg(derust).arg("--pairs").arg(&pairs);
    let report = process::run_and_read(&mut trainer, "measuring the removal of rust")?;
    hold("the gain inside pasted rust, in dB,", figure(&report, "gain")?, LEAST_GAIN)
}

/// Pairs of an earlier run would be measured along with the new ones.
fn empty_folder(path: &Path) -> Result<PathBuf> {
    if path.exists() {
        fs::remove_dir_all(path).with_context(|| format!("cannot empty {}", path.display()))?;
    }
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(path.to_path_buf())
}

/// A figure out of the JSON in the last line of what the trainer says.
fn figure(report: &str, name: &str) -> Result<f64> {
    let line = report.lines().next_back().unwrap_or_default();
    let report: Value = serde_json::from_str(line).context("the trainer's last line is no JSON report")?;
    report[name].as_f64().with_context(|| format!("the trainer's report has no number {name}"))
}

/// The figure, unless it is below the least.
fn hold(what: &str, reached: f64, least: f64) -> Result<f64> {
    ensure!(reached >= least, "{what} is {reached:.3}, wanted is at least {least:.3}");
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_comes_from_the_last_line() {
        let report = "3 photos: rust IoU 0.9\n{\"iou\": 0.625, \"name\": \"x\"}\n";
        assert_eq!(figure(report, "iou").unwrap(), 0.625);
        assert!(figure(report, "name").is_err() && figure(report, "gain").is_err());
        assert!(figure("", "iou").is_err() && figure("no report", "iou").is_err());
    }

    #[test]
    fn figures_below_the_least_fail() {
        assert!(hold("it", 0.5, 0.5).is_ok() && hold("it", 0.7, 0.5).is_ok());
        assert!(hold("it", 0.499, 0.5).unwrap_err().to_string().contains("0.499"));
        assert!(hold("it", f64::NAN, 0.5).is_err());
    }
}
