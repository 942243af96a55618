//! The ways in which a network's file can be read, tried out on pictures.

use std::fs;

use anyhow::Context;
use derust_engine::filters::derust::{Look, RemoveOptions};
use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::models::{Store, sidecar_path};
use derust_engine::pixels::{Channels, Depth, Layout, Picture, PictureMut};
use derust_engine::{Control, Engine, EngineOptions, Kind, Manifest, MaskMode};
use derust_manifest::{InputRole, OutputRole};
use image::{GrayImage, RgbImage};

use super::guess::Guess;
use super::samples::Sample;

/// The most readings that are tried: each loads the network.
const MOST: usize = 12;
/// The part of a picture from which on all of it counts as rust, and below which nothing does.
const EVERYTHING: f32 = 0.97;
const NOTHING: f32 = 0.0005;

/// One way to read a file.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// What tells it from the others.
    pub(super) label: String,
    pub(super) manifest: Manifest,
}

/// What a reading makes of a picture.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The picture with the rust coloured, or without it.
    pub(super) shown: RgbImage,
    /// For readings that find rust, the part of the picture that is.
    pub(super) rusty: Option<f32>,
    /// How well that is what is known, as intersection over union.
    pub(super) overlap: Option<f32>,
}

/// The plausible readings of a file; the first one is the guess.
pub(super) fn plausible(guess: &Guess) -> Vec<Reading> {
    let mut readings = vec![Reading { label: "as guessed".into(), manifest: guess.manifest.clone() }];
    let add = |label: String, manifest: Manifest, readings: &mut Vec<Reading>| {
        if manifest.check().is_ok() && readings.iter().all(|known| known.manifest != manifest) {
            readings.push(Reading { label, manifest });
        }
    };
    let normalised = [vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]];
    if guess.colours_are_open {
        for (label, range, is_normalised) in [
            ("colours 0 to 1", [0.0, 1.0], false),
            ("colours normalised as for ImageNet", [0.0, 1.0], true),
            ("colours -1 to 1", [-1.0, 1.0], false),
            ("colours 0 to 255", [0.0, 255.0], false),
        ] {
            let mut manifest = guess.manifest.clone();
            if manifest.kind == Kind::Derust && is_normalised {
                continue;
            }
            for input in manifest.inputs.iter_mut().filter(|input| input.role == InputRole::Image) {
                input.range = range;
                let [mean, std] = if is_normalised { normalised.clone() } else { [vec![], vec![]] };
                (input.mean, input.std) = (mean, std);
            }
            add(label.into(), manifest, &mut readings);
        }
    }
    if guess.rust_is_open {
        for class in &guess.manifest.outputs[0].classes {
            let mut manifest = guess.manifest.clone();
            manifest.outputs[0].rust = vec![class.clone()];
            add(format!("rust is `{class}`"), manifest, &mut readings);
        }
    }
    if guess.manifest.outputs[0].role == OutputRole::Rgb && !guess.questions.is_empty() {
        let mut manifest = guess.manifest.clone();
        manifest.outputs[0].role = OutputRole::Residual;
        add("the answer is added to the picture".into(), manifest, &mut readings);
    }
    readings.truncate(MOST);
    readings
}

/// What a reading makes of a picture.
pub(super) fn look(onnx: &[u8], manifest: &Manifest, sample: &Sample) -> anyhow::Result<Seen> {
    let folder = tempfile::tempdir().context("there is no folder to try the network in")?;
    let path = folder.path().join("model.onnx");
    fs::write(&path, onnx)?;
    fs::write(sidecar_path(&path), manifest.to_json())?;
    let store = Store::only(&[folder.path().into()]);
    let engine = Engine::new(EngineOptions { store, ..EngineOptions::default() });
    let (width, height) = sample.picture.dimensions();
    let layout = Layout::packed(width, height, Channels::Rgb, Depth::U8);
    let picture = Picture::new(sample.picture.as_raw(), layout)?;
    let mut shown = sample.picture.clone();
    let gray = Layout::packed(width, height, Channels::Gray, Depth::U8);
    if manifest.kind == Kind::Derust {
        let mask =
            sample.mask.clone().unwrap_or_else(|| GrayImage::from_pixel(width, height, image::Luma([255])));
        let mask = Picture::new(mask.as_raw(), gray)?;
        let options = RemoveOptions { mask_mode: MaskMode::Replace, plain_fill: true, ..Default::default() };
        let removal = engine.analyse_removal(&picture, Some(&mask), &options, Control::default())?;
        let mut target = PictureMut::new(&mut shown, layout)?;
        removal.compose(Some(&mask), &Look::default(), &mut target, Control::default())?;
        return Ok(Seen { shown, rusty: None, overlap: None });
    }
    let options = SegmentOptions { judge_anyway: true, ..Default::default() };
    let found = engine.segment(&picture, &options, Control::default())?;
    let mut mask = GrayImage::new(width, height);
    found.write_mask(&picture, &mut PictureMut::new(&mut mask, gray)?, Control::default())?;
    found.write_overlay(&mut PictureMut::new(&mut shown, layout)?, Control::default())?;
    let is_white = |pixel: &image::Luma<u8>| pixel.0[0] > 127;
    let count = mask.pixels().filter(|pixel| is_white(pixel)).count();
    let overlap = sample.mask.as_ref().map(|truth| {
        let pairs = mask.pixels().zip(truth.pixels()).map(|(a, b)| (is_white(a), is_white(b)));
        let (both, either) = pairs
            .fold((0, 0), |(both, either), (a, b)| (both + u32::from(a && b), either + u32::from(a || b)));
        both as f32 / either.max(1) as f32
    });
    Ok(Seen { shown, rusty: Some(count as f32 / mask.len().max(1) as f32), overlap })
}

impl Seen {
    /// What is odd about it.
    pub(super) fn complaint(&self) -> Option<String> {
        let rusty = self.rusty?;
        if rusty >= EVERYTHING {
            Some("it calls everything rust".into())
        } else if rusty <= NOTHING {
            Some("it finds no rust at all".into())
        } else {
            None
        }
    }
}
