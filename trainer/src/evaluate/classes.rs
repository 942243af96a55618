//! segment-rust models of several classes, each class against its label.
//!
//! The command gives one mask. So it is run once for each class, with a manifest in which that class alone is rust.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use derust_engine::models::{ModelFile, sidecar_path};
use derust_manifest::{Manifest, OutputRole};
use image::GrayImage;
use prost::encoding::{WireType, decode_key, decode_varint};
use serde_json::{Map, json};

use super::command::{Derust, Output};
use super::files::{check_size, open_gray, open_rgb, png, stem, title, unit_values};
use super::outcome::{LEGEND, outcome};
use super::report::{Figure, Report, best_median_worst, rounded};
use super::segmentation::{SegmentationOptions, curves};
use crate::evaluate::measure::{Counts, Detection};
use crate::report::sheet::Group;
use crate::report::table::{Cell, Table, number};

/// The classes of a model, and how its answers and the labels name them.
struct Classes {
    names: Vec<String>,
    /// Whether a pixel is of one class only.
    exclusive: bool,
    threshold: f32,
    /// The class that mask value 0 stands for, if it is one: `background`, which such models have first.
    background: bool,
}

impl Classes {
    fn of(manifest: &Manifest) -> Result<Self> {
        let output = manifest
            .outputs
            .iter()
            .find(|o| matches!(o.role, OutputRole::Classes | OutputRole::Labels | OutputRole::ClassIndex));
        let output = output.context("the model has one mask and no classes; leave out --classes")?;
        ensure!(!output.classes.is_empty(), "the model's manifest does not name its classes");
        Ok(Classes {
            background: output.classes[0].eq_ignore_ascii_case("background"),
            names: output.classes.clone(),
            exclusive: output.role != OutputRole::Labels,
            threshold: manifest.threshold,
        })
    }

    /// The class of a mask's value; `None` for what is of no class.
    fn labelled(&self, value: u8) -> Result<Option<usize>> {
        let class = if self.background { Some(value as usize) } else { (value as usize).checked_sub(1) };
        match class {
            Some(class) if class >= self.names.len() => {
                bail!("value {value} stands for none of the classes {}", self.names.join(", "))
            }
            class => Ok(class),
        }
    }

    /// Whether each class is found in a pixel with these probabilities.
    fn found(&self, probabilities: &[f32]) -> Vec<bool> {
        if !self.exclusive {
            return probabilities.iter().map(|p| *p >= self.threshold).collect();
        }
        let best =
            (0..probabilities.len()).rev().max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
        let any = best.is_some_and(|best| probabilities[best] > 0.0);
        (0..probabilities.len()).map(|class| any && Some(class) == best).collect()
    }
}

/// What was found of each class in one photo.
struct Found {
    name: String,
    counts: Vec<Counts>,
}

impl Found {
    /// Mean IoU of the classes that are there or were found.
    fn agreement(&self, classes: &Classes) -> f64 {
        let first = usize::from(classes.background);
        let there = self.counts[first..].iter().filter(|c| c.hit + c.false_alarm + c.missed > 0);
        let ious: Vec<f64> = there.map(Counts::iou).collect();
        if ious.is_empty() { 1.0 } else { ious.iter().sum::<f64>() / ious.len() as f64 }
    }
}

/// Measures every class of the model file that `--model` names.
///
/// # Errors
/// When the model has no classes, a mask holds other values, or the command fails.
pub fn measure(options: &SegmentationOptions) -> Result<Report> {
    let path = Path::new(options.command.model.as_deref().unwrap_or_default());
    let onnx = std::fs::read(path)
        .with_context(|| format!("--classes needs a file as --model; cannot read {}", path.display()))?;
    let file = ModelFile { onnx, sidecar: std::fs::read_to_string(sidecar_path(path)).ok() };
    let manifest = file.inspect().with_context(|| format!("{} is no model", path.display()))?.manifest;
    let classes = Classes::of(&manifest)?;

    let images = options.selection.files(&options.data.join("images"))?;
    let results = tempfile::tempdir()?;
    let folder = |class: usize| results.path().join(class.to_string());
    let onnx = without_metadata(&file.onnx)?;
    for class in 0..classes.names.len() {
        let sidecar = Some(only(&manifest, &classes.names[class]).to_json());
        let file = ModelFile { onnx: onnx.clone(), sidecar };
        Derust::with_file(&options.command.command, file)?.segment(
            &images,
            Output::Probability,
            &folder(class),
        )?;
    }

    let mut believed = vec![Detection::default(); classes.names.len()];
    let mut found = vec![];
    let mut shown = vec![];
    for image in &images {
        let mask = png(&options.data.join("masks"), stem(image));
        let label = open_gray(&mask)?;
        let mut probabilities = vec![];
        for class in 0..classes.names.len() {
            let path = png(&folder(class), stem(image));
            let picture = open_gray(&path)?;
            check_size(label.dimensions(), picture.dimensions(), &path)?;
            probabilities.push(unit_values(&picture));
        }
        let outcome = compare(&classes, &label, &probabilities, &mut believed)
            .with_context(|| format!("in {}", mask.display()))?;
        found.push(Found { name: title(image), counts: outcome.counts });
        shown.push((outcome.label, outcome.found));
    }

    let mut order: Vec<usize> = (0..found.len()).collect();
    let agreement = |i: usize| found[i].agreement(&classes);
    order.sort_by(|a, b| agreement(*a).total_cmp(&agreement(*b)));
    let mut sheet = vec![];
    for (word, place) in best_median_worst(order.len()) {
        let i = order[place];
        let photo = open_rgb(&images[i])?;
        let picture = outcome(&photo, &shown[i].0, &shown[i].1);
        let caption = format!("{word}: mean IoU {:.2}, {}", agreement(i), found[i].name);
        sheet.push(Group { pictures: vec![photo, picture], caption });
    }
    let named: Vec<(&str, &Detection)> = classes.names.iter().map(String::as_str).zip(&believed).collect();
    let totals: Vec<Counts> =
        (0..classes.names.len()).map(|class| found.iter().map(|one| one.counts[class]).sum()).collect();
    let (table, rows) = table(&named, &totals);
    Ok(Report {
        kind: "segment",
        title: "Classes found in photos".into(),
        subject: format!("{} on {} photos of {}", path.display(), found.len(), options.data.display()),
        figures: figures(&classes, &found, &totals),
        tables: vec![("Classes".into(), table, json!({ "classes": rows }))],
        curves: curves(&named),
        pictures: found
            .iter()
            .map(|one| json!({"name": one.name, "mean_iou": rounded(one.agreement(&classes))}))
            .collect(),
        sheet_title: ("Best, median and worst".into(), format!("Every class but the background. {LEGEND}")),
        sheet,
    })
}

fn figures(classes: &Classes, found: &[Found], totals: &[Counts]) -> Vec<Figure> {
    let first = usize::from(classes.background);
    let mean = |counts: &[Counts]| {
        let there: Vec<f64> =
            counts.iter().filter(|c| c.hit + c.missed + c.false_alarm > 0).map(Counts::iou).collect();
        there.iter().sum::<f64>() / there.len().max(1) as f64
    };
    let range = super::confidence(found.len(), |drawn| {
        let totals: Vec<Counts> =
            (first..totals.len()).map(|class| drawn.iter().map(|&i| found[i].counts[class]).sum()).collect();
        mean(&totals)
    });
    vec![
        Figure::new("photos", "Photos", found.len() as f64),
        Figure::new("mean_iou", "Mean IoU without background", mean(&totals[first..])).within(range),
    ]
}

fn table(named: &[(&str, &Detection)], totals: &[Counts]) -> (Table, Vec<serde_json::Value>) {
    let names =
        ["iou", "f1", "precision", "recall", "average_precision", "best_threshold", "calibration_error"];
    let head = [
        "Class",
        "IoU",
        "F1",
        "Precision",
        "Recall",
        "Average precision",
        "Best threshold",
        "Calibration error",
    ];
    let mut table = Table { head: head.map(String::from).to_vec(), rows: vec![] };
    let mut rows = vec![];
    for ((name, detection), counts) in named.iter().zip(totals) {
        let figures = [
            counts.iou(),
            counts.f1(),
            counts.precision(),
            counts.recall(),
            detection.average_precision(),
            f64::from(detection.best_threshold().0),
            detection.calibration_error(),
        ];
        let mut row: Vec<Cell> = vec![(*name).into()];
        row.extend(figures.iter().map(|value| Cell::from(number(*value))));
        table.rows.push(row);
        let mut object = Map::from_iter([("name".to_owned(), json!(name))]);
        object.extend(names.iter().zip(figures).map(|(name, value)| ((*name).to_owned(), rounded(value))));
        rows.push(object.into());
    }
    (table, rows)
}

/// What came out for one photo.
struct Outcome {
    counts: Vec<Counts>,
    /// Per pixel, whether it is labelled as any class but the background.
    label: Vec<bool>,
    /// The same of what was found; a wrong class counts as nothing found.
    found: Vec<bool>,
}

/// Compares the probabilities of each class, per pixel, with a mask of class numbers.
fn compare(
    classes: &Classes,
    label: &GrayImage,
    probabilities: &[Vec<f32>],
    believed: &mut [Detection],
) -> Result<Outcome> {
    let first = usize::from(classes.background);
    let mut outcome =
        Outcome { counts: vec![Counts::default(); classes.names.len()], label: vec![], found: vec![] };
    let labelled: Vec<Option<usize>> =
        label.as_raw().iter().map(|value| classes.labelled(*value)).collect::<Result<_>>()?;
    for (i, labelled) in labelled.iter().enumerate() {
        let here: Vec<f32> = probabilities.iter().map(|plane| plane[i]).collect();
        let found = classes.found(&here);
        for (class, counts) in outcome.counts.iter_mut().enumerate() {
            match (*labelled == Some(class), found[class]) {
                (true, true) => counts.hit += 1,
                (true, false) => counts.missed += 1,
                (false, true) => counts.false_alarm += 1,
                (false, false) => {}
            }
        }
        let own = labelled.filter(|class| *class >= first);
        outcome.label.push(own.is_some());
        outcome.found.push(match own {
            Some(class) => found[class],
            None => found[first..].contains(&true),
        });
    }
    for (class, detection) in believed.iter_mut().enumerate() {
        let of_class: Vec<f32> = labelled.iter().map(|l| if *l == Some(class) { 1.0 } else { 0.0 }).collect();
        detection.add_values(&probabilities[class], &of_class);
    }
    Ok(outcome)
}

/// A manifest in which one class alone is rust.
fn only(manifest: &Manifest, class: &str) -> Manifest {
    let mut manifest = manifest.clone();
    for output in manifest.outputs.iter_mut().filter(|output| !output.classes.is_empty()) {
        output.rust = vec![class.to_owned()];
    }
    manifest
}

/// An ONNX file without its metadata, so that the manifest beside it counts; all else stays as it is, byte for byte.
fn without_metadata(onnx: &[u8]) -> Result<Vec<u8>> {
    /// Field number of `metadata_props` in `ModelProto`.
    const METADATA: u32 = 14;
    let mut kept = Vec::with_capacity(onnx.len());
    let mut rest = onnx;
    while !rest.is_empty() {
        let start = rest;
        let (tag, kind) = decode_key(&mut rest)?;
        let length = match kind {
            WireType::Varint => {
                decode_varint(&mut rest)?;
                0
            }
            WireType::LengthDelimited => decode_varint(&mut rest)? as usize,
            WireType::ThirtyTwoBit => 4,
            WireType::SixtyFourBit => 8,
            _ => bail!("the file is no ONNX model"),
        };
        rest = rest.get(length..).context("the file ends too early for an ONNX model")?;
        if tag != METADATA {
            kept.extend_from_slice(&start[..start.len() - rest.len()]);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn classes(exclusive: bool, background: bool) -> Classes {
        let names = if background { vec!["Background", "light", "severe"] } else { vec!["light", "severe"] };
        let names = names.into_iter().map(String::from).collect();
        Classes { names, exclusive, threshold: 0.5, background }
    }

    #[test]
    fn counts_are_those_of_a_calculation_by_hand() {
        let label = GrayImage::from_raw(5, 1, vec![0, 1, 1, 2, 0]).unwrap();
        // Found: background, light, severe, severe, light.
        let probabilities =
            [vec![0.8, 0.1, 0.0, 0.0, 0.3], vec![0.1, 0.7, 0.4, 0.2, 0.4], vec![0.1, 0.2, 0.6, 0.8, 0.3]];
        let mut believed = vec![Detection::default(); 3];
        let outcome = compare(&classes(true, true), &label, &probabilities, &mut believed).unwrap();
        let counts = |hit, false_alarm, missed| Counts { hit, false_alarm, missed };
        assert_eq!(outcome.counts, [counts(1, 0, 1), counts(1, 1, 1), counts(1, 1, 0)]);
        assert_eq!(outcome.label, [false, true, true, true, false]);
        assert_eq!(outcome.found, [false, true, false, true, true]);
        assert_eq!(believed[2].counts(0.55), counts(1, 1, 0));
        let found = Found { name: "a".into(), counts: outcome.counts };
        assert!((found.agreement(&classes(true, true)) - (1.0 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
        let figures =
            figures(&classes(true, true), &[found], &[counts(1, 0, 1), counts(1, 1, 1), counts(1, 1, 0)]);
        assert!((figures[1].value - (1.0 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn independent_classes_take_the_threshold_and_values_count_from_one_without_background() {
        let independent = classes(false, false);
        assert_eq!(independent.found(&[0.6, 0.7]), [true, true]);
        assert_eq!(independent.labelled(0).unwrap(), None);
        assert_eq!(independent.labelled(2).unwrap(), Some(1));
        assert!(independent.labelled(3).unwrap_err().to_string().contains("light, severe"));
        let exclusive = classes(true, true);
        assert_eq!(exclusive.found(&[0.3, 0.3, 0.2]), [true, false, false], "the first of equals");
        assert_eq!(exclusive.found(&[0.0, 0.0, 0.0]), [false, false, false]);
        assert!(exclusive.labelled(255).is_err());
    }

    #[test]
    fn metadata_goes_and_everything_else_stays() {
        use derust_manifest::onnx::{Graph, Model, Property};
        let property = Property { key: "derust".into(), value: "{}".into() };
        let graph = Some(Graph { name: "g".into(), ..Graph::default() });
        let model = Model { ir_version: 8, graph, metadata_props: vec![property], ..Model::default() };
        let kept = without_metadata(&model.encode_to_vec()).unwrap();
        let wanted = Model { metadata_props: vec![], ..model.clone() };
        assert_eq!(kept, wanted.encode_to_vec());
        let bytes = model.encode_to_vec();
        assert!(without_metadata(&bytes[..bytes.len() - 1]).is_err());
    }
}
