//! `derust models adopt`: files of others, and what becomes of them.

use std::fs;
use std::path::Path;

use derust_engine::fixtures::{Convolution, Network, objects};
use image::GrayImage;
use prost::Message as _;

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

#[test]
fn a_network_that_answers_with_objects_is_adopted_and_marks_them() {
    let desk = Desk::new();
    fs::create_dir(desk.at("new")).unwrap();
    for (name, selected) in [("plain", false), ("nms", true)] {
        let export = objects::Export { selected, ..Default::default() };
        fs::write(desk.at("new").join(format!("{name}.onnx")), objects::model(export).encode_to_vec())
            .unwrap();
        let said = desk.succeed(&["models", "adopt", &format!("new/{name}.onnx")]);
        for part in ["prototypes", "paint, rust", "AGPL-3.0-only", "It runs"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    // Red all over: every box of rust is full, as far as it lies in the picture.
    image::RgbImage::from_pixel(96, 64, image::Rgb([200, 10, 10])).save(desk.at("a.png")).unwrap();
    let mask = |name: &str| -> GrayImage {
        desk.succeed(&["segment", "a.png", "--models", "new", "--model", name, "--force"]);
        open(&desk.at("a-mask.png")).into_luma8()
    };
    let plain = mask("plain");
    assert_eq!(plain, mask("nms"));
    // Columns and rows of the tile begin 16 and 32 before those of the picture.
    for ((x, y), white) in [((20, 20), 255), ((60, 30), 255), ((60, 4), 0), ((20, 60), 0), ((1, 20), 0)] {
        assert_eq!(plain[(x, y)][0], white, "{x},{y}");
    }
}

/// Appends a field of bytes, as Protocol Buffers write it.
fn append(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 128 {
        message.push(length as u8 | 128);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend(content);
}

#[test]
fn weights_beside_a_file_are_packed_into_one() {
    let desk = Desk::new();
    fs::create_dir(desk.at("new")).unwrap();
    let mut model = Network::red_is_rust().to_model();
    model.metadata_props.clear();
    // An exporter's note that the values lie in the file beside it, from byte 4 on.
    let graph = model.graph.as_mut().unwrap();
    let mut weights = graph.initializer.remove(0);
    let values = std::mem::take(&mut weights.raw_data);
    fs::write(desk.at("new/net.onnx.data"), [&[0; 4][..], &values].concat()).unwrap();
    let property =
        |key: &str, value: &str| derust_manifest::onnx::Property { key: key.into(), value: value.into() };
    let mut tensor = weights.encode_to_vec();
    let notes = [("location", "net.onnx.data"), ("offset", "4"), ("length", &values.len().to_string())];
    for (key, value) in notes {
        append(&mut tensor, 13, &property(key, value).encode_to_vec());
    }
    tensor.extend([14 << 3, 1]);
    let mut content = graph.encode_to_vec();
    append(&mut content, 5, &tensor);
    model.graph = None;
    let mut onnx = model.encode_to_vec();
    append(&mut onnx, 7, &content);
    fs::write(desk.at("new/net.onnx"), &onnx).unwrap();

    let listed = desk.command(&["models"]).env("DERUST_MODELS", desk.at("new")).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("no manifest") || listed.contains("external_data=False"), "{listed}");
    let checked = desk.run(&["models", "check", "new/net.onnx"]);
    let complaint = String::from_utf8(checked.stdout).unwrap();
    assert!(
        complaint.contains("external_data=False") && complaint.contains("derust models adopt"),
        "{complaint}"
    );
    let said = desk.succeed(&["models", "adopt", "new/net.onnx", "--kind", "segment-rust"]);
    assert!(said.contains("net-packed.onnx") && said.contains("in one file"), "{said}");
    assert_eq!(fs::read(desk.at("new/net.onnx")).unwrap(), onnx, "the file itself stays as it was");
    let complaint = desk.fail(1, &["models", "adopt", "new/net.onnx"]);
    assert!(complaint.contains("--force"), "{complaint}");
    fs::remove_file(desk.at("new/net.onnx.data")).unwrap();
    fs::remove_file(desk.at("new/net.onnx")).unwrap();
    rusty(80, 60).save(desk.at("a.png")).unwrap();
    desk.succeed(&["segment", "a.png", "--models", "new", "--model", "net"]);
}

#[test]
fn what_does_not_run_gets_no_manifest() {
    let desk = Desk::new();
    fs::create_dir(desk.at("new")).unwrap();
    // Declares an answer of the picture's size, and gives a smaller one.
    let shrinking = Convolution { weights: vec![vec![vec![0.25; 4]; 3]], bias: vec![0.0] };
    let mut model = Network::segment("broken", shrinking).to_model();
    model.metadata_props.clear();
    fs::write(desk.at("new/broken.onnx"), model.encode_to_vec()).unwrap();
    let complaint = desk.fail(1, &["models", "adopt", "new/broken.onnx"]);
    assert!(complaint.contains("cannot be used"), "{complaint}");
    fs::write(
        desk.at("new/pointer.onnx"),
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    )
    .unwrap();
    let complaint = desk.fail(1, &["models", "adopt", "new/pointer.onnx"]);
    assert!(complaint.contains("git lfs pull"), "{complaint}");
    let mut left: Vec<_> =
        fs::read_dir(desk.at("new")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["broken.onnx", "pointer.onnx"]);
}

#[test]
fn what_is_doubtful_is_not_written_until_a_person_says_so() {
    let desk = Desk::new();
    fs::create_dir(desk.at("new")).unwrap();
    // Three channels that are no picture: which of them is rust, nobody knows.
    let mut network = Network::segment(
        "three",
        Convolution::pointwise(&[&[-9.0, 2.0, 3.0], &[9.0, -6.0, -3.0], &[1.0, 4.0, -7.0]], &[0.0; 3]),
    );
    network.manifest.outputs[0].role = derust_manifest::OutputRole::Logits;
    let mut model = network.to_model();
    model.metadata_props.clear();
    fs::write(desk.at("new/three.onnx"), model.encode_to_vec()).unwrap();
    let sidecar = desk.at("new/three.onnx.json");
    let output = desk.run(&["models", "adopt", "new/three.onnx"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for part in ["doubtful", "do not look like the picture", "\"kind\": \"segment-rust\"", "--confirm"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!sidecar.exists());
    let complaint = desk.fail(1, &["models", "adopt", "new/three.onnx", "--ask"]);
    assert!(complaint.contains("terminal"), "{complaint}");

    // A sheet shows what each reading makes of a photo, and one of them is right.
    rusty(80, 60).save(desk.at("photo.png")).unwrap();
    let output = desk.run(&["models", "adopt", "new/three.onnx", "--try", "photo.png"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line =
        said.lines().find(|line| line.contains("rust is `class-1`") || line.contains("as guessed")).unwrap();
    let number = line.split(':').next().unwrap();
    assert!(open(&desk.at("photo-readings.png")).width() > 640 && !sidecar.exists());
    let complaint = desk.fail(1, &["models", "adopt", "new/three.onnx", "--reading", "99"]);
    assert!(complaint.contains("no reading 99"), "{complaint}");
    desk.succeed(&["models", "adopt", "new/three.onnx", "--reading", number]);
    assert!(fs::read_to_string(&sidecar).unwrap().contains("class-1"));
    desk.succeed(&["models", "adopt", "new/three.onnx", "--confirm", "--force"]);
}

#[test]
fn a_description_that_makes_everything_or_nothing_rust_is_called_out() {
    let desk = Desk::new();
    fs::create_dir(desk.at("new")).unwrap();
    for (name, bias, complaint) in
        [("all", 0.9, "calls everything rust"), ("none", 0.0, "finds no rust at all")]
    {
        // It varies a little, so that it is a map of something.
        let weights: &[&[f32]] = &[&[0.05, 0.05, 0.0]];
        let mut model = Network::segment(name, Convolution::pointwise(weights, &[bias])).to_model();
        model.metadata_props.clear();
        let path = format!("new/{name}.onnx");
        fs::write(desk.at(&path), model.encode_to_vec()).unwrap();
        let output = desk.run(&["models", "adopt", &path]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(complaint), "{said}");
        assert!(!desk.at(&format!("{path}.json")).exists());
    }
}
