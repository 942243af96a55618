//! The shipped networks on pictures that look like what people have: rendered ones, and photographs where
//! `DERUST_DATA` names a folder of them. Networks that learned nothing fail the same checks.

#![cfg(feature = "embedded-models")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use derust_engine::fixtures::{Convolution, Network};
use image::{GrayImage, RgbImage};

/// How well rust is found at least, as intersection over union of all pixels together.
const RENDERED_IOU: f64 = 0.30;
const PHOTOGRAPHED_IOU: f64 = 0.45;

/// Inside the rust, the squared distance to the clean picture shrinks at least to this part.
const REMAINING_ERROR: f64 = 0.80;

/// Photographs to look at; all of them take minutes.
const PHOTOGRAPHS: usize = 24;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models")
}

/// A folder with networks that have learned nothing: everything is rust, and the fill is the picture itself.
fn untrained() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let everywhere = Convolution::pointwise(&[&[0.0; 3]], &[1.0]);
    let itself = Convolution::pointwise(&[&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]], &[0.0; 3]);
    let segment = Network::segment("everything", everywhere.clone());
    let derust = Network::derust("itself", itself, everywhere, false);
    fs::write(folder.path().join("segment.onnx"), segment.to_onnx()).unwrap();
    fs::write(folder.path().join("derust.onnx"), derust.to_onnx()).unwrap();
    folder
}

/// Runs `derust VERB` over a folder of pictures.
fn derust(models: &Path, verb: &str, pictures: &Path, results: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_derust"));
    command.arg(verb).arg(pictures).arg("--out-dir").arg(results).env("DERUST_MODELS", models);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[derive(Default)]
struct Overlap {
    both: u64,
    either: u64,
}

impl Overlap {
    fn add(&mut self, found: &GrayImage, truth: &GrayImage) {
        assert_eq!(found.dimensions(), truth.dimensions());
        for (found, truth) in found.pixels().zip(truth.pixels()) {
            let (found, truth) = (found.0[0] >= 128, truth.0[0] >= 128);
            self.both += u64::from(found && truth);
            self.either += u64::from(found || truth);
        }
    }

    fn iou(&self) -> f64 {
        self.both as f64 / self.either.max(1) as f64
    }
}

/// IoU on rendered scenes, and the part of the squared error inside the rust that `derust remove` leaves.
fn on_rendered_scenes(models: &Path) -> (f64, f64) {
    let desk = tempfile::tempdir().unwrap();
    let at = |name: &str| desk.path().join(name);
    fs::create_dir(at("in")).unwrap();
    let scenes: Vec<_> = (0..12).map(|seed| derust_render::scene(9_000 + seed, 320, 256)).collect();
    for (i, scene) in scenes.iter().enumerate() {
        scene.rusty.save(at(&format!("in/{i}.png"))).unwrap();
    }
    derust(models, "segment", &at("in"), &at("masks"));
    derust(models, "remove", &at("in"), &at("clean"));
    let (mut overlap, mut before, mut after) = (Overlap::default(), 0, 0);
    for (i, scene) in scenes.iter().enumerate() {
        overlap.add(&image::open(at(&format!("masks/{i}.png"))).unwrap().into_luma8(), &scene.mask);
        let result = image::open(at(&format!("clean/{i}.png"))).unwrap().into_rgb8();
        before += squared_error(&scene.rusty, &scene.clean, &scene.mask);
        after += squared_error(&result, &scene.clean, &scene.mask);
    }
    (overlap.iou(), after as f64 / before as f64)
}

fn squared_error(picture: &RgbImage, clean: &RgbImage, mask: &GrayImage) -> u64 {
    let pixels = picture.pixels().zip(clean.pixels()).zip(mask.pixels()).filter(|(_, mask)| mask.0[0] >= 128);
    let error = |a: u8, b: u8| u64::from(a.abs_diff(b)).pow(2);
    pixels.map(|((a, b), _)| (0..3).map(|c| error(a.0[c], b.0[c])).sum::<u64>()).sum()
}

#[test]
fn rendered_rust_is_found_and_taken_away() {
    let (iou, remaining) = on_rendered_scenes(&shipped());
    println!("rendered scenes: IoU {iou:.3}, remaining error {remaining:.3}");
    assert!(iou >= RENDERED_IOU, "IoU {iou:.3} on rendered scenes; {RENDERED_IOU} is the least");
    assert!(
        remaining <= REMAINING_ERROR,
        "{remaining:.3} of the error is left; {REMAINING_ERROR} is the most"
    );
}

#[test]
fn networks_that_learned_nothing_do_not_pass() {
    let (iou, remaining) = on_rendered_scenes(untrained().path());
    assert!(iou < RENDERED_IOU, "IoU {iou:.3} of calling everything rust");
    assert_eq!(remaining, 1.0, "a fill that is the picture itself changes nothing");
}

/// Photographs of `DERUST_DATA/corrosion/val` and their masks, evenly taken out of all of them.
fn photographs() -> Option<Vec<(PathBuf, PathBuf)>> {
    let folder = PathBuf::from(env::var_os("DERUST_DATA")?).join("corrosion/val");
    let entries = fs::read_dir(folder.join("images")).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut images: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    images.sort();
    let step = (images.len() / PHOTOGRAPHS).max(1);
    let pair = |image: PathBuf| {
        let mask = folder.join("masks").join(image.file_name().unwrap()).with_extension("png");
        (image, mask)
    };
    Some(images.into_iter().step_by(step).map(pair).collect())
}

fn on_photographs(models: &Path, photographs: &[(PathBuf, PathBuf)]) -> f64 {
    let desk = tempfile::tempdir().unwrap();
    let (pictures, masks) = (desk.path().join("in"), desk.path().join("masks"));
    fs::create_dir(&pictures).unwrap();
    for (image, _) in photographs {
        fs::copy(image, pictures.join(image.file_name().unwrap())).unwrap();
    }
    derust(models, "segment", &pictures, &masks);
    let mut overlap = Overlap::default();
    for (image, mask) in photographs {
        let found = masks.join(image.file_name().unwrap()).with_extension("png");
        overlap.add(&image::open(found).unwrap().into_luma8(), &image::open(mask).unwrap().into_luma8());
    }
    overlap.iou()
}

#[test]
fn rust_in_photographs_is_found() {
    let Some(photographs) = photographs() else {
        println!("DERUST_DATA is not set: no photographs to look at");
        return;
    };
    let iou = on_photographs(&shipped(), &photographs);
    println!("{} photographs: IoU {iou:.3}", photographs.len());
    assert!(iou >= PHOTOGRAPHED_IOU, "IoU {iou:.3} on photographs; {PHOTOGRAPHED_IOU} is the least");
    let untrained = on_photographs(untrained().path(), &photographs);
    assert!(untrained < PHOTOGRAPHED_IOU, "IoU {untrained:.3} of calling everything rust");
}
