//! What the engine makes of the pixels that GIMP has.

use std::path::Path;

use derust_engine::filters::derust::{Look, RemoveOptions};
use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::models::{Selector, Store};
use derust_engine::pixels::{self, Channels, Depth, Layout, PictureMut, Transfer};
use derust_engine::runtime::Location;
use derust_engine::survey::Survey;
use derust_engine::{Control, Engine, EngineOptions};

use crate::gimp::plug_ins;
use crate::pictures::{Kind, Picture, decoded, encoded};

/// The engine beside GIMP: the same ONNX Runtime, the same models, nothing of the plug-in. What cannot be judged is looked at
/// too, as filters do that are told to.
pub struct Expected {
    engine: Engine,
}

impl Expected {
    /// An engine with the models of the plug-in in `folder`. A process has one ONNX Runtime, whichever GIMPs it starts:
    /// the installed one.
    pub fn beside(folder: &Path) -> Self {
        let engine = Engine::new(EngineOptions {
            runtime: Location {
                file: Some(plug_ins().join("gimp-derust/onnxruntime/libonnxruntime.so.1")),
                folders: vec![],
            },
            store: Store::only(&[folder.join("models")]),
            ..EngineOptions::default()
        });
        Expected { engine }
    }

    /// The picture without rust, everywhere.
    pub fn removed(
        &self,
        picture: &Picture,
        transfer: Transfer,
        model: Option<&str>,
        strength: f32,
    ) -> Picture {
        let mut bytes = bytes(picture, transfer);
        let layout = layout(picture, transfer);
        let options =
            RemoveOptions { model: model.map(named), judge_anyway: true, ..RemoveOptions::default() };
        let source = pixels::Picture::new(&bytes, layout).expect("a layout that fits");
        let analysis =
            self.engine.analyse_removal(&source, None, &options, Control::default()).expect("an analysis");
        let mut target = PictureMut::new(&mut bytes, layout).expect("a layout that fits");
        analysis
            .compose(None, &Look { strength, ..Look::default() }, &mut target, Control::default())
            .expect("a result");
        from_bytes(picture, &bytes, transfer)
    }

    /// Where rust is (white), and what is said about it.
    pub fn found(&self, picture: &Picture, transfer: Transfer, threshold: Option<f32>) -> (Picture, Survey) {
        let bytes = bytes(picture, transfer);
        let source = pixels::Picture::new(&bytes, layout(picture, transfer)).expect("a layout that fits");
        let options = SegmentOptions { threshold, judge_anyway: true, ..SegmentOptions::default() };
        let found = self.engine.segment(&source, &options, Control::default()).expect("a segmentation");
        let (width, height) = source.size();
        let mut mask = vec![0; width as usize * height as usize];
        let mask_layout = Layout::packed(width, height, Channels::Gray, Depth::U8);
        let mut target = PictureMut::new(&mut mask, mask_layout).expect("a layout that fits");
        found.write_mask(&source, &mut target, Control::default()).expect("a mask");
        let survey = found.survey(&source, Control::default()).expect("a survey");
        let values = mask.iter().map(|value| f32::from(*value) / 255.0).collect();
        (Picture { kind: Kind::Gray, width: picture.width, height: picture.height, values }, survey)
    }
}

fn named(model: &str) -> Selector {
    Selector::Name(model.to_owned())
}

/// A layout of floats; an alpha beside gray is stepped over.
fn layout(picture: &Picture, transfer: Transfer) -> Layout {
    let channels = match picture.kind {
        Kind::Gray | Kind::GrayAlpha => Channels::Gray,
        Kind::Rgb => Channels::Rgb,
        Kind::Rgba => Channels::Rgba,
    };
    let pixel_stride = picture.kind.channels() * Depth::F32.bytes();
    let packed = Layout::packed(picture.width as u32, picture.height as u32, channels, Depth::F32);
    Layout { pixel_stride, row_stride: (pixel_stride * picture.width) as isize, transfer, ..packed }
}

fn bytes(picture: &Picture, transfer: Transfer) -> Vec<u8> {
    convert(picture, &picture.values, transfer, decoded).flat_map(f32::to_ne_bytes).collect()
}

fn from_bytes(picture: &Picture, bytes: &[u8], transfer: Transfer) -> Picture {
    let values: Vec<f32> = bytes.as_chunks().0.iter().map(|value| f32::from_ne_bytes(*value)).collect();
    let values = convert(picture, &values, transfer, encoded).collect();
    Picture { values, ..*picture }
}

/// The values, with `change` made to the colours, but not to alpha, where they are linear.
fn convert(
    picture: &Picture,
    values: &[f32],
    transfer: Transfer,
    change: fn(f32) -> f32,
) -> impl Iterator<Item = f32> {
    let kind = picture.kind;
    values.iter().enumerate().map(move |(index, value)| {
        let is_colour = index % kind.channels() < kind.colours();
        if is_colour && transfer == Transfer::Linear { change(*value) } else { *value }
    })
}
