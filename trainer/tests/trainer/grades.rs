//! Grading pictures: what is learned, and what is exported.

use std::path::PathBuf;

use crate::common::{data, metrics, succeed, text};
use derust_test_support::is_thorough;
use tempfile::TempDir;

/// Trains a small network and answers with the run's folder.
fn train(data: &TempDir, name: &str, options: &[&str]) -> PathBuf {
    let run = data.path().join(name);
    let arguments = ["train", "grade", "--data", text(data.path()), "--run", text(&run)];
    let small =
        ["--side", "64", "--width", "0.25", "--batch", "8", "--held-out", "0.4", "--average-decay", "0.9"];
    succeed(&[&arguments[..], &small, options].concat());
    run
}

/// Grey plates with as much rust as makes each grade, in squares.
fn plates(count: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, number: u32| folder.path().join(format!("{name}/{number:03}.png"));
    for name in ["images", "masks"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    for number in 0..count {
        let (squares, side) = [(0, 0), (1, 4), (6, 6), (20, 22)][number as usize % 4];
        let rusty = |x: u32, y: u32| {
            (0..squares).any(|i| {
                // Spread over the plate by two numbers that have no factor in common with its side.
                let (left, top) =
                    ((i * 31 + number * 17) % (96 - side), (i * 53 + number * 29) % (96 - side));
                (left..left + side).contains(&x) && (top..top + side).contains(&y)
            })
        };
        let grain = |x: u32, y: u32| (x * 7 + y * 13 + x * y * 5 + number) % 17;
        let picture = image::RgbImage::from_fn(96, 96, |x, y| {
            let base = if rusty(x, y) { [140, 70, 30] } else { [150; 3] };
            image::Rgb(base.map(|value: u8| value - 8 + grain(x, y) as u8))
        });
        let mask = image::GrayImage::from_fn(96, 96, |x, y| image::Luma([if rusty(x, y) { 255 } else { 0 }]));
        picture.save(path("images", number)).unwrap();
        mask.save(path("masks", number)).unwrap();
    }
    folder
}

/// How far below that of frozen weights a trained grader's loss is at least. Five seeds were below by 0.45 to 0.85.
const AHEAD: f64 = 0.2;

#[test]
fn graders_learn_and_frozen_weights_do_not() {
    let data = plates(40);
    let loss = |seed: &str, rate: &str| {
        let options = ["--steps", "60", "--every", "60", "--seed", seed, "--learning-rate", rate];
        let run = train(&data, &format!("{rate}-{seed}"), &options);
        metrics(&run).last().unwrap()["held_out_loss"].as_f64().unwrap()
    };
    let seeds = if is_thorough() { &["1", "2", "3"][..] } else { &["1"] };
    let reached: Vec<f64> = seeds.iter().map(|seed| loss(seed, "5e-3")).collect();
    let frozen = loss("1", "0");
    let worst = reached.iter().copied().fold(0.0, f64::max);
    assert!(worst + AHEAD < frozen, "{reached:?} trained, {frozen} not");
    // Better than the same answer to everything, which costs ln 4.
    assert!(worst < 4f64.ln(), "{reached:?}");
}

#[test]
fn a_grader_begins_with_a_segmentation_runs_backbone_and_exports() {
    let data = data(16, 96);
    let finder = data.path().join("finder");
    let short = ["--steps", "2", "--every", "2", "--side", "64", "--held-out", "0.4"];
    let arguments =
        ["train", "segment", "--data", text(data.path()), "--run", text(&finder), "--width", "0.25"];
    succeed(&[&arguments[..], &short].concat());
    let run = train(&data, "grader", &["--steps", "2", "--every", "2", "--segment-run", text(&finder)]);

    let model = data.path().join("grade.onnx");
    let said = succeed(&["export", "grade", "--run", text(&run), "-o", text(&model), "--name", "tiny"]);
    assert!(said.contains("ONNX Runtime agrees within") && said.contains("at 64 px"), "{said}");
    let onnx: derust_manifest::onnx::Model =
        prost::Message::decode(std::fs::read(&model).unwrap().as_slice()).unwrap();
    let manifest = onnx.property(derust_manifest::METADATA_KEY).unwrap();
    assert_eq!(
        derust_manifest::Manifest::from_json(manifest).unwrap().kind,
        derust_manifest::Kind::RustGrade
    );
}
