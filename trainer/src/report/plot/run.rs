//! A run's figures as charts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Axis, Chart, Series, stack};
use crate::whole_file;

/// Counts of a line of the metrics file that are no figures of merit.
const COUNTERS: [&str; 3] = ["step", "seconds", "epoch"];
/// Names that stand for losses, beside all that say so themselves.
const LOSSES: [&str; 9] = [
    "l1",
    "gradient",
    "adversarial",
    "feature_matching",
    "discriminator",
    "generator",
    "cycle",
    "identity",
    "divergence",
];
/// Lines of a chart end up on axes of their own where the largest value of one is this many times another's.
const ALIKE: f64 = 8.0;
/// Most charts in one picture.
const PANELS: usize = 5;

/// Reads a metrics file: one series over steps for each named figure, in the order of their names. A last line that
/// is not whole yet is left out.
///
/// # Errors
/// When the file cannot be read, or a line before the last is no JSON object with a `step`.
pub fn read_metrics(path: &Path) -> Result<Vec<Series>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut series: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let parsed: Option<Value> = serde_json::from_str(line).ok();
        let step = parsed.as_ref().and_then(|value| value["step"].as_f64());
        let (Some(Value::Object(object)), Some(step)) = (parsed, step) else {
            if number + 1 == lines.len() && !text.ends_with('\n') {
                break;
            }
            anyhow::bail!("{}: line {} is no JSON object with a step", path.display(), number + 1);
        };
        for (name, value) in object.iter().filter(|(name, _)| !COUNTERS.contains(&name.as_str())) {
            // JSON has no word for numbers that are not finite; they stand as null and become gaps.
            if value.is_number() || value.is_null() {
                let value = value.as_f64().unwrap_or(f64::NAN);
                series.entry(name.clone()).or_default().push((step, value));
            }
        }
    }
    Ok(series.into_iter().map(|(name, points)| Series::new(name, points)).collect())
}

/// Writes `loss.png` and `metrics.png` into a folder, from a run's metrics file; one that has no such figures yet
/// leaves no picture.
///
/// # Errors
/// As [`read_metrics`], and when a picture cannot be written.
pub fn curves_of_run(metrics: &Path, folder: &Path) -> Result<()> {
    let (losses, figures): (Vec<Series>, Vec<Series>) =
        read_metrics(metrics)?.into_iter().partition(|series| is_loss(&series.name));
    for (name, series) in [("loss", losses), ("metrics", figures)] {
        if !series.is_empty() {
            whole_file::write_png(&folder.join(format!("{name}.png")), panels(series))?;
        }
    }
    Ok(())
}

/// Whether a figure is something that training makes small.
pub fn is_loss(name: &str) -> bool {
    let parts: Vec<&str> = name.split(|letter: char| !letter.is_alphanumeric()).collect();
    parts.iter().any(|part| *part == "loss" || *part == "losses" || LOSSES.contains(part))
        || LOSSES.iter().any(|loss| name.starts_with(loss))
}

/// Charts of lines whose values are of one order, one below the other.
fn panels(series: Vec<Series>) -> image::RgbImage {
    let charts: Vec<image::RgbImage> = alike(series)
        .into_iter()
        .map(|series| {
            let title = if series.len() == 1 { series[0].name.clone() } else { String::new() };
            let mut chart = Chart::new(&title, Axis::of("step"), Axis::of(""), series);
            chart.y.logarithmic = chart.spans_decades();
            chart.size.1 = 380;
            chart.draw()
        })
        .collect();
    stack(&charts)
}

/// Groups series by their largest size.
fn alike(series: Vec<Series>) -> Vec<Vec<Series>> {
    let largest = |series: &Series| {
        series.points.iter().map(|p| p.1.abs()).filter(|y| y.is_finite()).fold(0.0, f64::max)
    };
    let mut sorted: Vec<(f64, Series)> = series.into_iter().map(|s| (largest(&s), s)).collect();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut groups: Vec<(f64, Vec<Series>)> = vec![];
    for (size, series) in sorted {
        let full = groups.len() == PANELS;
        match groups.last_mut() {
            Some((first, group)) if *first <= size * ALIKE || full => group.push(series),
            _ => groups.push((size, vec![series])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_by_name_and_a_half_written_line_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let whole = "{\"step\":1,\"seconds\":2,\"loss\":0.5,\"note\":\"x\"}\n\n{\"step\":2,\"loss\":null,\"iou\":0.25}\n";
        std::fs::write(&path, format!("{whole}{{\"step\":3,\"lo")).unwrap();
        let series = read_metrics(&path).unwrap();
        assert_eq!(series.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["iou", "loss"]);
        assert_eq!(series[0].points, [(2.0, 0.25)]);
        assert!(series[1].points[0] == (1.0, 0.5) && series[1].points[1].1.is_nan());
        std::fs::write(&path, format!("{{\"step\":\n{whole}")).unwrap();
        let problem = format!("{:#}", read_metrics(&path).unwrap_err());
        assert!(problem.contains("metrics.jsonl: line 1"), "{problem}");
    }

    #[test]
    fn a_run_gets_its_two_pictures() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let line = |i: f64| {
            format!("{{\"step\":{i},\"loss\":{},\"psnr\":{},\"iou\":0.4}}\n", 1.0 / (i + 1.0), 10.0 + i)
        };
        std::fs::write(&path, (0..4000).map(|i| line(f64::from(i))).collect::<String>()).unwrap();
        curves_of_run(&path, folder.path()).unwrap();
        let size = |name: &str| image::open(folder.path().join(name)).unwrap().into_rgb8().dimensions();
        assert_eq!(size("loss.png"), (900, 380));
        assert_eq!(size("metrics.png"), (900, 760), "decibels and parts of one have axes of their own");
    }

    #[test]
    fn losses_are_told_from_figures_of_merit() {
        for name in
            ["loss", "train_loss", "l1", "discriminator_real", "generator_score", "loss/cycle", "loss, best"]
        {
            assert!(is_loss(name), "{name}");
        }
        for name in ["psnr", "held_out_iou", "learning_rate", "calibration_error", "glossy"] {
            assert!(!is_loss(name), "{name}");
        }
    }
}
