//! Guesses beside the manifests that are right, for the foreign networks of the engine's tests.

use std::fs;
use std::path::PathBuf;

use derust_engine::fixtures::{Network, objects};
use derust_engine::runtime::{Runtime, SessionOptions};
use derust_manifest::onnx::ValueInfo;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/foreign")
}

#[test]
fn what_a_file_tells_is_guessed_and_what_it_does_not_is_said() {
    let runtime = Runtime::load(None).unwrap();
    let options = SessionOptions::default();
    for (name, guessed_wrong) in [
        ("logits", ""),
        ("probability", "order"),
        ("two-channels", ""),
        ("classes", ""),
        // The file ends in scores for three classes; that several of them can be right is nowhere in it.
        ("labels", "colours, role"),
        ("class-index", ""),
        ("nhwc", "colours"),
        ("float16", "colours"),
        ("bytes", ""),
        ("generator-unit", ""),
        ("generator-signed", ""),
        ("generator-bytes", "colours, fill"),
    ] {
        let read = |ending| fs::read(folder().join(format!("{name}.{ending}"))).unwrap();
        let onnx = read("onnx");
        let right = Manifest::from_json(&String::from_utf8(read("onnx.json")).unwrap()).unwrap();
        let known = Known {
            name: name.into(),
            classes: right.outputs[0].classes.clone(),
            rust: right.outputs[0].rust.clone(),
            ..Default::default()
        };
        let mut session = runtime.session(&onnx, &options).unwrap();
        let Guess { manifest, doubts, .. } = guess(&onnx, &known, Some(&mut session)).unwrap();
        assert_eq!(manifest.kind, right.kind, "{name}");
        let (mut input, mut output) = (manifest.inputs[0].clone(), manifest.outputs[0].clone());
        if guessed_wrong.contains("colours") {
            assert_ne!(input, right.inputs[0], "{name}");
            assert!(doubts.iter().any(|doubt| doubt.contains("`range`")), "{name}: {doubts:?}");
            let Input { colour_order, range, mean, std, .. } = right.inputs[0].clone();
            input = Input { colour_order, range, mean, std, ..input };
        }
        if guessed_wrong.contains("order") {
            assert!(doubts.iter().any(|doubt| doubt.contains("`colour_order`")), "{name}: {doubts:?}");
            input.colour_order = right.inputs[0].colour_order;
        }
        if guessed_wrong.contains("role") {
            assert!(doubts.iter().any(|doubt| doubt.contains("set labels")), "{doubts:?}");
            output.role = right.outputs[0].role;
        }
        if guessed_wrong.contains("fill") {
            assert!(doubts.iter().any(|doubt| doubt.contains("`output1`")), "{doubts:?}");
            output = Output {
                range: right.outputs[0].range,
                colour_order: right.outputs[0].colour_order,
                ..output
            };
        }
        assert_eq!((&input, &output), (&right.inputs[0], &right.outputs[0]), "{name}");
        // What is guessed without running it is the same, where the file declares what comes out.
        let unasked = guess(&onnx, &known, None).unwrap().manifest.outputs;
        let declared = name != "classes";
        assert_eq!(unasked == manifest.outputs, declared, "{name}: {unasked:?}");
    }
}

#[test]
fn classes_are_no_picture_and_the_caller_has_the_last_word() {
    let kind = |name: &str, kind| {
        let onnx = fs::read(folder().join(format!("{name}.onnx"))).unwrap();
        let mut session = Runtime::load(None).unwrap().session(&onnx, &SessionOptions::default()).unwrap();
        let known = Known { name: name.into(), kind, ..Default::default() };
        guess(&onnx, &known, Some(&mut session)).map(|guess| guess.manifest.kind)
    };
    assert_eq!(kind("classes", None).unwrap(), Kind::SegmentRust);
    assert_eq!(kind("generator-unit", None).unwrap(), Kind::Derust);
    assert_eq!(kind("generator-unit", Some(Kind::SegmentRust)).unwrap(), Kind::SegmentRust);
    let refusal = kind("two-channels", Some(Kind::Derust)).unwrap_err().to_string();
    assert!(refusal.contains("3 or 4 channels"), "{refusal}");
}

#[test]
fn declared_shapes_without_bounds_are_refused_and_cost_nothing() {
    let guessed = |input: [&str; 4], output: [&str; 4]| {
        let mut model = Network::red_is_rust().to_model();
        model.metadata_props.clear();
        let graph = model.graph.as_mut().unwrap();
        graph.input[0] = ValueInfo::floats("image", &input);
        graph.output[0] = ValueInfo::floats("probability", &output);
        let known = Known { name: "large".into(), ..Default::default() };
        guess(&model.encode_to_vec(), &known, None).map(drop)
    };
    guessed(["1", "3", "64", "64"], ["1", "9", "64", "64"]).unwrap();
    let large = "4611686018427387904";
    for (input, output) in [
        (["1", "3", large, "64"], ["1", "1", large, "64"]),
        (["1", "3", "9999", "64"], ["1", "1", "9999", "64"]),
        (["1", "3", "0", "64"], ["1", "1", "0", "64"]),
        (["1", "3", "64", "64"], ["1", "1", "1", large]),
        (["1", "3", "h", "w"], ["1", large, "h", "w"]),
        (["1", "3", "h", "w"], ["1", "999999", "h", "w"]),
    ] {
        guessed(input, output).unwrap_err();
    }
}

#[test]
fn the_size_that_a_graph_fixes_becomes_the_scale() {
    let onnx = fs::read(folder().join("nhwc.onnx")).unwrap();
    let manifest = guess(&onnx, &Known { name: "nhwc".into(), ..Default::default() }, None).unwrap().manifest;
    assert_eq!(manifest.tile, Tile { size: 80, overlap: 10, multiple: 16 });
    assert_eq!(manifest.long_side, Some(80));
    assert_eq!(manifest.outputs[0].classes, ["class-0", "class-1", "class-2"]);
    assert_eq!(manifest.outputs[0].rust, ["class-1"]);
}

#[test]
fn objects_and_their_prototypes_are_recognised_however_they_were_exported() {
    let runtime = Runtime::load(None).unwrap();
    for (selected, dynamic, half) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (true, true, false),
        (false, false, true),
        (true, true, true),
    ] {
        let export = objects::Export { selected, dynamic, half };
        let right = objects::right_manifest(export);
        let known = Known { name: "objects".into(), ..Default::default() };
        for is_told in [true, false] {
            let mut model = objects::model(export);
            if !is_told {
                model.metadata_props.clear();
            }
            let onnx = model.encode_to_vec();
            let mut session = runtime.session(&onnx, &SessionOptions::default()).unwrap();
            let known = if is_told {
                known.clone()
            } else {
                Known { classes: right.outputs[0].classes.clone(), ..known.clone() }
            };
            let Guess { manifest, reasons, .. } = guess(&onnx, &known, Some(&mut session)).unwrap();
            assert_eq!((manifest.kind, &manifest.inputs), (right.kind, &right.inputs), "{export:?}");
            assert_eq!(manifest.outputs, right.outputs, "{export:?} {is_told}");
            if is_told || !dynamic {
                assert_eq!((manifest.tile, manifest.long_side), (right.tile, right.long_side), "{export:?}");
            }
            let licence = reasons.iter().any(|reason| reason.contains("AGPL-3.0-only"));
            assert_eq!(
                (licence, manifest.licence.as_str()),
                (is_told, if is_told { "AGPL-3.0-only" } else { "" })
            );
            // The shapes that are open in the file are known once it has run.
            let unasked = guess(&onnx, &known, None).map(|guess| guess.manifest.outputs);
            assert!(matches!(unasked, Ok(outputs) if outputs == right.outputs), "{export:?}");
        }
    }
}

#[test]
fn yolo_networks_that_make_no_masks_are_refused_with_what_would() {
    for task in ["detect", "pose", "obb", "classify"] {
        let mut model = objects::model(objects::Export::default());
        let property = model.metadata_props.iter_mut().find(|property| property.key == "task").unwrap();
        property.value = task.into();
        let known = Known { name: "objects".into(), ..Default::default() };
        let refusal = guess(&model.encode_to_vec(), &known, None).unwrap_err().to_string();
        assert!(refusal.contains(task) && refusal.contains("-seg"), "{refusal}");
    }
}
