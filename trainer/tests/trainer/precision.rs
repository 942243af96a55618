//! Model files in every precision, dropped into a folder of models.

use std::path::Path;

use crate::common::{data, succeed, text, trainer};
use derust_engine::filters::derust::{Look, RemoveOptions};
use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::models::Store;
use derust_engine::pixels::{Channels, Depth, Layout, Picture, PictureMut};
use derust_engine::{Control, Engine, EngineOptions};

/// An engine that knows no models but those of a folder.
fn engine(folder: &Path) -> Engine {
    Engine::new(EngineOptions { store: Store::only(&[folder.into()]), ..Default::default() })
}

fn picture(file: &Path) -> (Vec<u8>, Layout) {
    let picture = image::open(file).unwrap().into_rgb8();
    let layout = Layout::packed(picture.width(), picture.height(), Channels::Rgb, Depth::U8);
    (picture.into_raw(), layout)
}

/// The probability of rust in a picture, by the model that lies in a folder.
fn probability(folder: &Path, file: &Path) -> Vec<f32> {
    let (bytes, layout) = picture(file);
    let picture = Picture::new(&bytes, layout).unwrap();
    let found = engine(folder).segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
    found.probability().iter().copied().collect()
}

/// A picture without its rust, by the model that lies in a folder; and how far it is from the picture.
fn removed(folder: &Path, file: &Path) -> (Vec<u8>, f64) {
    let (bytes, layout) = picture(file);
    let picture = Picture::new(&bytes, layout).unwrap();
    let engine = engine(folder);
    let removal =
        engine.analyse_removal(&picture, None, &RemoveOptions::default(), Control::default()).unwrap();
    let mut result = bytes.clone();
    let mut target = PictureMut::new(&mut result, layout).unwrap();
    removal.compose(None, &Look::default(), &mut target, Control::default()).unwrap();
    let changed = distance(&bytes, &result);
    (result, changed)
}

fn distance(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn models_of_every_precision_serve_when_dropped_into_a_folder() {
    let data = data(40, 256);
    let photos = ["--data", text(data.path())];
    let (find, fill) = (data.path().join("find"), data.path().join("fill"));
    let small = ["--side", "96", "--batch", "6", "--every", "200"];
    let train = |arguments: &[&str], run: &Path| {
        succeed(&[&["train"], arguments, &photos, &small, &["--run", text(run)]].concat());
    };
    train(&["segment", "--width", "0.5", "--steps", "60"], &find);
    // After so many steps eight bits lost at most 0.1 dB from four seeds; after a third of them 0.16 to 0.26, which is refused.
    train(&["derust", "--segment-run", text(&find), "--steps", "60"], &fill);
    let photo = data.path().join("images/000.png");

    let mut found = vec![];
    let mut results = vec![];
    let mut sizes = vec![];
    for precision in ["float32", "float16", "int8"] {
        let folder = data.path().join(precision);
        std::fs::create_dir(&folder).unwrap();
        let (segment, derust) = (folder.join("segment.onnx"), folder.join("derust.onnx"));
        let about = ["--name", "tiny", "--precision", precision];
        let about = [&about[..], &photos[..]].concat();
        succeed(&[&["export", "segment", "--run", text(&find), "-o", text(&segment)], &about[..]].concat());
        let both = ["export", "derust", "--segment-run", text(&find), "--run", text(&fill), "-o"];
        let said = succeed(&[&both[..], &[text(&derust)], &about].concat());
        assert!(said.contains(if precision == "int8" { "PSNR" } else { "ONNX Runtime agrees" }), "{said}");
        sizes.push(std::fs::metadata(&segment).unwrap().len());
        found.push(probability(&folder, &photo));
        results.push(removed(&folder, &photo));
    }
    assert!(sizes[2] < sizes[1], "eight bits take {} bytes, sixteen {}", sizes[2], sizes[1]);
    let difference = |i: usize| {
        let sum: f32 = found[0].iter().zip(&found[i]).map(|(a, b)| (a - b).abs()).sum();
        sum / found[0].len() as f32
    };
    let spread = found[0].iter().fold(0.0f32, |most, value| most.max(*value));
    assert!(spread > 0.3, "the network found nothing at all");
    assert!(difference(1) < 0.01, "{}", difference(1));
    assert!(difference(2) > 0.0, "int8 computed in float32");
    assert!(difference(2) < 0.03, "{}", difference(2));
    assert!(results[0].1 > 1.0, "nothing was removed");
    assert!(distance(&results[0].0, &results[1].0) < 0.5);
    assert!(distance(&results[0].0, &results[2].0) < 3.0, "{}", distance(&results[0].0, &results[2].0));

    // What was rounded can be trained further.
    let rounded = data.path().join("int8/segment.onnx");
    train(&["segment", "--steps", "1", "--start-from", text(&rounded)], &data.path().join("again"));
}

#[test]
fn eight_bits_need_photos() {
    let folder = tempfile::tempdir().unwrap();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin/models/segment-rust.onnx");
    let output = folder.path().join("x.onnx");
    let export =
        ["export", "segment", "--run", model, "-o", text(&output), "--name", "x", "--precision", "int8"];
    let refused = trainer(&export);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--data"));
    let missing = folder.path().join("missing");
    let refused = trainer(&[&export[..], &["--data", text(&missing)]].concat());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("images/NAME.jpg") && said.trim_end().lines().count() == 1, "{said}");
    assert!(!refused.status.success() && !output.exists());
}

#[test]
fn runs_of_several_classes_and_without_pairs_become_models_too() {
    let data = data(16, 128);
    let masks = data.path().join("masks");
    for (number, file) in std::fs::read_dir(&masks).unwrap().enumerate() {
        let file = file.unwrap().path();
        let mut mask = image::open(&file).unwrap().into_luma8();
        let value = if number % 2 == 0 { 255 } else { 128 };
        mask.pixels_mut().for_each(|pixel| pixel.0[0] = if pixel.0[0] >= 128 { value } else { 0 });
        mask.save(&file).unwrap();
    }
    let photos = ["--data", text(data.path())];
    let (classes, unpaired) = (data.path().join("classes"), data.path().join("unpaired"));
    let short = ["--steps", "2", "--batch", "2", "--side", "64", "--run"];
    let kinds = ["train", "segment", "--width", "0.25", "--classes", "light=128,heavy=255"];
    succeed(&[&kinds[..], &photos, &short, &[text(&classes)]].concat());
    let images = data.path().join("images");
    let games = ["train", "derust", "--unpaired", text(&images), text(&images), "--generator", "resnet"];
    succeed(&[&games[..], &short, &[text(&unpaired)]].concat());

    let folder = data.path().join("models");
    std::fs::create_dir(&folder).unwrap();
    let photo = data.path().join("images/000.png");
    let export = |arguments: &[&str], file: &str| -> derust_manifest::Manifest {
        let file = folder.join(file);
        succeed(&[&["export"], arguments, &["-o", text(&file), "--name", "tiny"]].concat());
        let manifest = derust_engine::models::inspect(&std::fs::read(&file).unwrap(), None).unwrap().manifest;
        if manifest.kind == derust_manifest::Kind::SegmentRust {
            assert_eq!(probability(&folder, &photo).len(), 128 * 128);
        }
        manifest
    };
    let of_classes = export(&["segment", "--run", text(&classes), "--rust", "heavy"], "classes.onnx");
    assert_eq!(of_classes.outputs[0].classes, ["background", "light", "heavy"]);
    assert_eq!(of_classes.outputs[0].rust, ["heavy"]);
    assert!(of_classes.metrics.contains_key("mean_iou"), "{:?}", of_classes.metrics);
    let run = ["--run", text(&unpaired)];
    let detector = export(&[&["detector"], &run[..], &photos].concat(), "detector.onnx");
    assert!(detector.metrics.contains_key("iou_on_photos_fitted_on"));
    // It takes a picture alone; what to treat it leaves to the models that find.
    export(&[&["derust"], &run[..]].concat(), "derust.onnx");
    assert_eq!(removed(&folder, &photo).0.len(), 128 * 128 * 3);

    let rounded =
        ["export", "segment", "--run", text(&classes), "-o", "x.onnx", "--name", "x", "--precision", "int8"];
    let refused = trainer(&[&rounded[..], &photos].concat());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("int8 is for networks that"));
}
