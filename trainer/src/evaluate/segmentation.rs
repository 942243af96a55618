//! segment-rust against labels: intersection over union, precision and recall, calibration.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::command::{CommandOptions, Output};
use super::files::{Selection, check_size, open_gray, open_rgb, png, stem, title, unit_values};
use super::outcome::{LEGEND, outcome};
use super::report::{Curves, Figure, Report, ReportOptions, best_median_worst, rounded};
use super::{classes, confidence};
use crate::evaluate::measure::{Counts, Detection};
use crate::evaluate::threshold::steady_threshold;
use crate::report::plot::{Axis, Chart, Series};
use crate::report::sheet::Group;

/// Options of `evaluate segment`.
#[derive(Args, Clone, Debug)]
pub struct SegmentationOptions {
    #[command(flatten)]
    pub command: CommandOptions,
    /// Folder with images/ and masks/.
    #[arg(long)]
    pub data: PathBuf,
    #[command(flatten)]
    pub selection: Selection,
    /// Measure every class of the model: the masks hold the numbers of the classes, and --model names a file.
    #[arg(long, requires = "model")]
    pub classes: bool,
    #[command(flatten)]
    pub report: ReportOptions,
}

/// What was found in one photo.
struct Found {
    name: String,
    counts: Counts,
    pixels: usize,
}

impl Found {
    /// Intersection over union, or 1 where rightly nothing was found.
    fn agreement(&self) -> f64 {
        let Counts { hit, false_alarm, missed } = self.counts;
        if hit + false_alarm + missed == 0 { 1.0 } else { self.counts.iou() }
    }
}

pub fn evaluate(options: &SegmentationOptions) -> Result<()> {
    let report = if options.classes { classes::measure(options)? } else { measure(options)? };
    report.deliver(&options.report)
}

fn measure(options: &SegmentationOptions) -> Result<Report> {
    let images = options.selection.files(&options.data.join("images"))?;
    let results = tempfile::tempdir()?;
    let (masks, probabilities) = (results.path().join("mask"), results.path().join("probability"));
    let derust = options.command.derust()?;
    derust.segment(&images, Output::Mask, &masks)?;
    derust.segment(&images, Output::Probability, &probabilities)?;

    let mut found = vec![];
    let mut believed = vec![];
    for image in &images {
        let (label, mask) = label_and_mask(&options.data, &masks, image)?;
        let path = png(&probabilities, stem(image));
        let mut belief = Detection::default();
        belief.add_values(&unit_values(&open_gray(&path)?), &label);
        believed.push(belief);
        let mut detection = Detection::default();
        detection.add_values(&mask, &label);
        found.push(Found { name: title(image), counts: detection.counts(0.5), pixels: label.len() });
    }
    let mut order: Vec<usize> = (0..found.len()).collect();
    order.sort_by(|a, b| found[*a].agreement().total_cmp(&found[*b].agreement()));
    let mut sheet = vec![];
    for (word, place) in best_median_worst(order.len()) {
        let (one, image) = (&found[order[place]], &images[order[place]]);
        let (label, mask) = label_and_mask(&options.data, &masks, image)?;
        let is_rust = |values: &[f32]| values.iter().map(|value| *value >= 0.5).collect::<Vec<_>>();
        let photo = open_rgb(image)?;
        let shown = outcome(&photo, &is_rust(&label), &is_rust(&mask));
        let caption = format!("{word}: IoU {:.2}, {}", one.agreement(), one.name);
        sheet.push(Group { pictures: vec![photo, shown], caption });
    }
    Ok(Report {
        kind: "segment",
        title: "Rust found in photos".into(),
        subject: format!(
            "{} on {} photos of {}",
            options.command.subject(),
            found.len(),
            options.data.display()
        ),
        figures: figures(&found, &believed),
        tables: vec![],
        curves: curves(&[("rust", &believed.iter().sum())]),
        pictures: found.iter().map(picture).collect(),
        sheet_title: ("Best, median and worst".into(), LEGEND.into()),
        sheet,
    })
}

/// Label and found mask of a photo, 0 to 1 per pixel.
fn label_and_mask(data: &Path, masks: &Path, image: &Path) -> Result<(Vec<f32>, Vec<f32>)> {
    let (label, path) = (open_gray(&png(&data.join("masks"), stem(image)))?, png(masks, stem(image)));
    let mask = open_gray(&path)?;
    check_size(label.dimensions(), mask.dimensions(), &path)?;
    Ok((unit_values(&label), unit_values(&mask)))
}

fn picture(found: &Found) -> serde_json::Value {
    let Counts { hit, false_alarm, missed } = found.counts;
    json!({
        "name": found.name,
        "iou": rounded(found.agreement()),
        "hit": hit,
        "false_alarm": false_alarm,
        "missed": missed,
        "pixels": found.pixels,
    })
}

/// Figures over all pixels of all photos.
fn figures(found: &[Found], each: &[Detection]) -> Vec<Figure> {
    let believed: Detection = each.iter().sum();
    let total: Counts = found.iter().map(|one| one.counts).sum();
    let pixels: usize = found.iter().map(|one| one.pixels).sum();
    let with_range = |name: &str, label: &str, of: fn(&Counts) -> f64| {
        let drawn = |drawn: &[usize]| of(&drawn.iter().map(|&i| found[i].counts).sum::<Counts>());
        Figure::new(name, label, of(&total)).within(confidence(found.len(), drawn))
    };
    let (best_threshold, best_iou) = believed.best_threshold();
    vec![
        Figure::new("photos", "Photos", found.len() as f64),
        with_range("iou", "Rust IoU", Counts::iou),
        with_range("f1", "F1", Counts::f1),
        with_range("precision", "Precision", Counts::precision),
        with_range("recall", "Recall", Counts::recall),
        Figure::new("average_precision", "Average precision", believed.average_precision()),
        Figure::new("best_threshold", "Best threshold", f64::from(best_threshold)),
        Figure::new("best_iou", "IoU from there on", best_iou),
        Figure::new(
            "steady_threshold",
            "Threshold near one half, within a standard error of the best",
            f64::from(steady_threshold(each)),
        ),
        Figure::new(
            "false_alarm_area",
            "Area of false alarms",
            total.false_alarm as f64 / pixels.max(1) as f64,
        ),
        Figure::new("calibration_error", "Calibration error", believed.calibration_error()),
    ]
}

/// Precision over recall, IoU over the threshold, and reliability, a line for each name.
pub fn curves(believed: &[(&str, &Detection)]) -> Vec<Curves> {
    let lines = |of: &dyn Fn(&Detection) -> Vec<(f64, f64)>| -> Vec<Series> {
        believed.iter().map(|(name, detection)| Series::new(*name, of(detection))).collect()
    };
    let precision = lines(&|d| d.precision_recall().iter().map(|at| (at.recall, at.precision)).collect());
    let iou = lines(&|d| d.precision_recall().iter().map(|at| (f64::from(at.threshold), at.iou)).collect());
    let reliable = lines(&|d| d.reliability().iter().map(|bin| (bin.believed, bin.rust)).collect());
    let mut reliability =
        Chart::new("Reliability", Axis::unit("probability"), Axis::unit("part that is rust"), reliable);
    reliability.diagonal = true;
    vec![
        Curves {
            name: "precision_recall",
            chart: Chart::new(
                "Precision and recall",
                Axis::unit("recall"),
                Axis::unit("precision"),
                precision,
            ),
        },
        Curves {
            name: "iou_threshold",
            chart: Chart::new("IoU by threshold", Axis::unit("threshold"), Axis::unit("IoU"), iou),
        },
        Curves { name: "reliability", chart: reliability },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_over_all_pixels_and_curves_go_along() {
        let counts = |hit, false_alarm, missed| Counts { hit, false_alarm, missed };
        let found = [
            Found { name: "a".into(), counts: counts(6, 2, 0), pixels: 20 },
            Found { name: "b".into(), counts: counts(0, 0, 4), pixels: 20 },
            Found { name: "c".into(), counts: counts(0, 0, 0), pixels: 10 },
        ];
        assert_eq!(found.iter().map(Found::agreement).collect::<Vec<_>>(), [0.75, 0.0, 1.0]);
        let mut believed = Detection::default();
        believed.add_values(&[0.9, 0.1], &[1.0, 0.0]);
        let figures = figures(&found, std::slice::from_ref(&believed));
        let value = |name: &str| figures.iter().find(|f| f.name == name).unwrap().value;
        assert_eq!((value("iou"), value("f1")), (0.5, 12.0 / 18.0));
        assert_eq!((value("precision"), value("recall")), (0.75, 0.6));
        assert_eq!((value("false_alarm_area"), value("average_precision")), (0.04, 1.0));
        let curves = curves(&[("rust", &believed)]);
        assert_eq!(curves[0].chart.series[0].points.first(), Some(&(1.0, 1.0)));
        assert!(curves[2].chart.diagonal && curves[2].chart.series[0].points.len() == 2);
    }
}
