//! segment-rust against labels: intersection over union, F1, calibration.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;

use super::command::{CommandOptions, files, open_gray, png};
use super::confidence;
use crate::measure::{Counts, Detection};

/// Options of `evaluate segment`.
#[derive(Args, Clone, Debug)]
pub struct SegmentationOptions {
    #[command(flatten)]
    command: CommandOptions,
    /// Folder with images/ and masks/.
    #[arg(long)]
    data: PathBuf,
}

pub fn evaluate(options: &SegmentationOptions) -> Result<()> {
    let images = options.data.join("images");
    let results = tempfile::tempdir()?;
    let (masks, probabilities) = (results.path().join("mask"), results.path().join("probability"));
    for (folder, output) in [(&masks, "mask"), (&probabilities, "probability")] {
        std::fs::create_dir(folder)?;
        options.command.run(&[
            "segment".as_ref(),
            images.as_os_str(),
            "--out-dir".as_ref(),
            folder.as_os_str(),
            "--output".as_ref(),
            output.as_ref(),
        ])?;
    }
    let mut found = vec![];
    let mut pixels = 0;
    let mut believed = Detection::default();
    for image in files(&images)? {
        let stem = image.file_stem().unwrap_or_default();
        let label = unit_values(&open_gray(&png(&options.data.join("masks"), stem))?);
        let mask = unit_values(&open_gray(&png(&masks, stem))?);
        let probability = unit_values(&open_gray(&png(&probabilities, stem))?);
        ensure!(mask.len() == label.len(), "the mask of {} has another size than its label", image.display());
        pixels += label.len();
        let mut detection = Detection::default();
        detection.add_values(&mask, &label);
        found.push(detection.counts(0.5));
        believed.add_values(&probability, &label);
    }
    let total: Counts = found.iter().copied().sum();
    let range = confidence(found.len(), |drawn| drawn.iter().map(|&i| found[i]).sum::<Counts>().iou());
    println!(
        "{} photos: rust IoU {:.3} (95 % range {:.3} to {:.3}), F1 {:.3}",
        found.len(),
        total.iou(),
        range[0],
        range[1],
        total.f1()
    );
    let report = json!({
        "photos": found.len(),
        "iou": total.iou(),
        "iou_range": range,
        "f1": total.f1(),
        "precision": total.precision(),
        "recall": total.recall(),
        "best_threshold": believed.best_threshold().0,
        "best_iou": believed.best_threshold().1,
        "false_alarm_area": total.false_alarm as f64 / pixels as f64,
        "calibration_error": believed.calibration_error(),
    });
    println!("{report}");
    Ok(())
}

fn unit_values(picture: &image::GrayImage) -> Vec<f32> {
    picture.pixels().map(|pixel| f32::from(pixel.0[0]) / 255.0).collect()
}
