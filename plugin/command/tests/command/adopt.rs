//! `derust models adopt`: files of others, and what becomes of them.

use std::fs;
use std::path::Path;

use image::GrayImage;

use crate::desk::{Desk, open, rusty};

impl Desk {
    /// A foreign network of the engine's tests in a folder that no one looks for models in, without its manifest.
    fn with_foreign(name: &str) -> Self {
        let desk = Desk::new();
        let file = format!("{name}.onnx");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/foreign").join(&file);
        fs::create_dir(desk.at("new")).unwrap();
        fs::copy(source, desk.at("new").join(&file)).unwrap();
        desk
    }
}

#[test]
fn a_network_of_others_is_adopted_and_finds_rust() {
    let desk = Desk::with_foreign("two-channels");
    rusty(80, 60).save(desk.at("a.png")).unwrap();
    let complaint = desk.fail(1, &["segment", "a.png", "--models", "new", "--model", "two-channels"]);
    assert!(complaint.contains("two-channels"), "{complaint}");
    let said = desk.command(&["models"]).env("DERUST_MODELS", desk.at("new")).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("derust models adopt"), "the refusal names the way out: {said}");

    let said = desk.succeed(&["models", "adopt", "new/two-channels.onnx"]);
    for part in
        ["`kind` is segment-rust", "background, rust", "the mean and std of ImageNet", "onnx.json", "It runs"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    desk.succeed(&["segment", "a.png", "--models", "new", "--model", "two-channels"]);
    let mask: GrayImage = open(&desk.at("a-mask.png")).into_luma8();
    assert_eq!((mask[(5, 5)][0], mask[(70, 50)][0]), (255, 0));
}

#[test]
fn a_generator_of_one_size_is_adopted_and_fills_what_another_network_finds() {
    let desk = Desk::with_foreign("generator-unit");
    rusty(100, 60).save(desk.at("a.png")).unwrap();
    let said = desk.succeed(&["models", "adopt", "new/generator-unit.onnx", "--name", "paint"]);
    assert!(said.contains("`kind` is derust") && said.contains("48 x 32"), "{said}");
    desk.succeed(&[
        "remove",
        "a.png",
        "--models",
        "new",
        "--model",
        "paint",
        "--scale",
        "native",
        "--plain-fill",
    ]);
    let result = open(&desk.at("a-derusted.png")).into_rgb8();
    // It answers with (green, (green + blue) / 2, red / 2), and the network of the desk finds red.
    assert_eq!(result[(5, 5)].0, [10, 15, 125]);
    assert_eq!(result[(90, 50)], rusty(100, 60)[(90, 50)]);
}

#[test]
fn no_manifest_is_lost_and_none_is_left_by_a_failure() {
    let desk = Desk::with_foreign("classes");
    let sidecar = desk.at("new/classes.onnx.json");
    let adopt = ["models", "adopt", "new/classes.onnx"];
    fs::write(&sidecar, "mine").unwrap();
    let complaint = desk.fail(1, &adopt);
    assert!(complaint.contains("--force"), "{complaint}");
    assert_eq!(fs::read_to_string(&sidecar).unwrap(), "mine");
    let named = ["--force", "--classes", "background,paint,red rust,black rust"];
    let said = desk.succeed(&[&adopt[..], &named[..]].concat());
    assert!(said.contains("red rust, black rust, of background") && said.contains("`stride` is 4"), "{said}");
    assert!(fs::read_to_string(&sidecar).unwrap().contains("\"stride\": 4"));

    fs::remove_file(&sidecar).unwrap();
    let complaint = desk.fail(1, &[&adopt[..], &["--classes", "background,rust"][..]].concat());
    assert!(complaint.contains("has 4 channels; 2 classes were named"), "{complaint}");
    let complaint = desk.fail(1, &[&adopt[..], &["--rust", "dirt"][..]].concat());
    assert!(complaint.contains("`dirt` is none of its classes"), "{complaint}");
    let complaint = desk.fail(1, &[&adopt[..], &["--name", "../up"][..]].concat());
    assert!(complaint.contains("`name`"), "{complaint}");
    fs::write(desk.at("new/text.onnx"), "no network").unwrap();
    desk.fail(1, &["models", "adopt", "new/text.onnx"]);
    desk.fail(1, &["models", "adopt", "new"]);
    desk.fail(1, &["models", "adopt", "nothing.onnx"]);
    let complaint = desk.fail(1, &["models", "adopt", "models/red-is-rust.onnx"]);
    assert!(complaint.contains("a manifest inside"), "{complaint}");
    let left: Vec<_> =
        fs::read_dir(desk.at("new")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(desk.names(), ["new"]);
}
