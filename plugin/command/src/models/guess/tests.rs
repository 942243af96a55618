//! Guesses beside the manifests that are right, for the foreign networks of the engine's tests.

use std::fs;
use std::path::PathBuf;

use derust_engine::fixtures::{Convolution, Network, objects};
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

/// A node of one output.
fn node(op_type: &str, input: &[&str], output: &str, attribute: Vec<onnx::Attribute>) -> onnx::Node {
    onnx::Node {
        op_type: op_type.into(),
        input: input.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        attribute,
        ..Default::default()
    }
}

/// A network of one convolution, whose answer `raw` goes through these nodes and becomes `out`, without a manifest.
fn ending_in(weights: &[&[f32]], bias: &[f32], tail: Vec<onnx::Node>) -> onnx::Model {
    let mut network = Network::segment("n", Convolution::pointwise(weights, bias));
    network.manifest.outputs[0].name = "out".into();
    let mut model = network.to_model();
    model.metadata_props.clear();
    let graph = model.graph.as_mut().unwrap();
    graph.node.last_mut().unwrap().output[0] = "clipped".into();
    graph.node.truncate(1);
    graph.node[0].output[0] = "raw".into();
    graph.node.extend(tail);
    for (name, value) in [("zero", 0.0), ("one", 1.0), ("127", 127.5), ("255", 255.0)] {
        graph.initializer.push(onnx::Tensor::floats(name, &[], &[value]));
    }
    model
}

fn guessed(model: &onnx::Model) -> Guess {
    let onnx = model.encode_to_vec();
    let mut session = Runtime::load(None).unwrap().session(&onnx, &SessionOptions::default()).unwrap();
    guess(&onnx, &Known { name: "n".into(), ..Default::default() }, Some(&mut session)).unwrap()
}

const RED: &[&[f32]] = &[&[1.0, -0.5, -0.5]];

#[test]
fn endings_are_looked_through() {
    let node = |op_type: &str, input: &[&str], output: &str| node(op_type, input, output, vec![]);
    let probability = |tail| {
        let Guess { manifest, questions, .. } = guessed(&ending_in(RED, &[0.0], tail));
        assert!(questions.is_empty(), "{questions:?}");
        let output = &manifest.outputs[0];
        assert_eq!((manifest.kind, output.role), (Kind::SegmentRust, OutputRole::Probability));
        output.range
    };
    assert_eq!(probability(vec![node("Clip", &["raw", "zero", "one"], "out")]), [0.0, 1.0]);
    let times = vec![
        node("Sigmoid", &["raw"], "p"),
        node("Mul", &["p", "255"], "q"),
        node("Clip", &["q", "zero", "255"], "out"),
    ];
    assert_eq!(probability(times), [0.0, 255.0]);
    let turned = vec![
        node("Sigmoid", &["raw"], "p"),
        node("Sub", &["one", "p"], "q"),
        node("Identity", &["q"], "out"),
    ];
    assert_eq!(probability(turned), [0.0, 1.0]);

    // Rust and the rest of it, side by side.
    let axis = vec![onnx::Attribute::int("axis", 1)];
    let mut model = ending_in(
        RED,
        &[0.0],
        vec![
            node("Sigmoid", &["raw"], "p"),
            node("Sub", &["one", "p"], "q"),
            onnx::Node { attribute: axis, ..node("Concat", &["q", "p"], "out") },
        ],
    );
    model.graph.as_mut().unwrap().output[0] = ValueInfo::floats("out", &["batch", "2", "height", "width"]);
    let output = guessed(&model).manifest.outputs[0].clone();
    assert_eq!((output.role, output.scores), (OutputRole::Classes, Scores::Probabilities));
    assert_eq!(output.rust, ["rust"]);
}

#[test]
fn generators_in_bytes_are_told_by_their_graph() {
    let itself: &[&[f32]] = &[&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]];
    let node = |op_type: &str, input: &[&str], output: &str| node(op_type, input, output, vec![]);
    for tail in [
        vec![
            node("Tanh", &["raw"], "t"),
            node("Mul", &["t", "127"], "m"),
            node("Add", &["m", "127"], "a"),
            node("Clip", &["a", "zero", "255"], "out"),
        ],
        vec![node("Mul", &["raw", "255"], "out")],
        vec![node("Mul", &["raw", "255"], "m"), node("Clip", &["m", "zero", "255"], "out")],
    ] {
        let Guess { manifest, questions, .. } = guessed(&ending_in(itself, &[0.0; 3], tail));
        assert!(questions.is_empty(), "{questions:?}");
        assert_eq!((manifest.kind, manifest.outputs[0].range), (Kind::Derust, [0.0, 255.0]));
    }
}

#[test]
fn the_answer_itself_tells_what_the_graph_does_not() {
    let tail = || vec![node("Identity", &["raw"], "out", vec![])];
    let one = |weights: &[&[f32]], bias: f32| guessed(&ending_in(weights, &[bias], tail()));
    let Guess { manifest, questions, .. } = one(&[&[0.3, 0.3, 0.3]], 0.05);
    assert_eq!((manifest.outputs[0].role, questions.len()), (OutputRole::Probability, 0), "{questions:?}");
    let Guess { manifest, questions, .. } = one(&[&[80.0, 80.0, 80.0]], 1.0);
    assert_eq!((manifest.outputs[0].range, questions.len()), ([0.0, 255.0], 1), "{questions:?}");
    let Guess { questions, .. } = one(&[&[0.0; 3]], 0.5);
    assert!(questions[0].contains("0.5 for every pixel"), "{questions:?}");
    let Guess { manifest, .. } = one(&[&[9.0, -5.0, -5.0]], -0.5);
    assert_eq!(manifest.outputs[0].role, OutputRole::Logits);
}

#[test]
fn three_channels_are_a_picture_only_if_they_look_like_the_one_that_went_in() {
    let tail = || vec![node("Identity", &["raw"], "out", vec![])];
    let itself: &[&[f32]] = &[&[0.9, 0.0, 0.0], &[0.0, 0.9, 0.0], &[0.0, 0.0, 0.9]];
    let Guess { manifest, questions, .. } = guessed(&ending_in(itself, &[0.0; 3], tail()));
    assert_eq!((manifest.kind, questions.len()), (Kind::Derust, 0), "{questions:?}");
    let classes: &[&[f32]] = &[&[-9.0, 2.0, 3.0], &[5.0, -6.0, 1.0], &[1.0, 4.0, -7.0]];
    let mut model = ending_in(classes, &[0.0; 3], tail());
    let Guess { manifest, questions, .. } = guessed(&model);
    assert_eq!((manifest.kind, manifest.outputs[0].role), (Kind::SegmentRust, OutputRole::Classes));
    assert!(
        questions[0].contains("do not look like the picture") && questions[0].contains("residual"),
        "{questions:?}"
    );
    // With their names in the file, nothing is left to ask.
    let names = "{0: 'metal', 1: 'paint', 2: 'red rust'}";
    model.metadata_props = vec![onnx::Property { key: "names".into(), value: names.into() }];
    let Guess { manifest, questions, .. } = guessed(&model);
    assert_eq!(manifest.outputs[0].rust, ["red rust"]);
    assert!(questions.is_empty(), "{questions:?}");
}

#[test]
fn classes_before_an_argmax_are_counted_and_the_rust_among_them_is_asked_for() {
    let weights: Vec<Vec<f32>> = (0..5).map(|i| vec![i as f32, -1.0, 1.0]).collect();
    let weights: Vec<&[f32]> = weights.iter().map(Vec::as_slice).collect();
    let tail = vec![node("ArgMax", &["raw"], "out", vec![onnx::Attribute::int("axis", 1)])];
    let mut model = ending_in(&weights, &[0.0; 5], tail);
    let output = &mut model.graph.as_mut().unwrap().output[0];
    *output = ValueInfo::floats("out", &["batch", "1", "height", "width"]);
    output.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = data_type::INT64;
    let Guess { manifest, questions, rust_is_open, .. } = guessed(&model);
    assert_eq!((manifest.outputs[0].role, manifest.outputs[0].classes.len()), (OutputRole::ClassIndex, 5));
    assert!(rust_is_open && questions[0].contains("--rust"), "{questions:?}");
}

#[test]
fn what_normalises_behind_a_resize_is_found_and_who_wrote_the_file_counts() {
    let tail = || vec![node("Sigmoid", &["raw"], "out", vec![])];
    let mut model = ending_in(RED, &[0.0], tail());
    assert_eq!(guessed(&model).manifest.inputs[0].mean, IMAGENET_MEAN);
    model.producer_name = "tf2onnx".into();
    let manifest = guessed(&model).manifest;
    assert!(manifest.inputs[0].mean.is_empty() && manifest.inputs[0].range == [0.0, 1.0]);

    let mut model = ending_in(RED, &[0.0], tail());
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.push(onnx::Tensor::floats("scales", &[4], &[1.0; 4]));
    graph.initializer.push(onnx::Tensor::floats("mean", &[1, 3, 1, 1], &IMAGENET_MEAN));
    graph.node[0].input[0] = "centred".into();
    graph.node.insert(0, node("Resize", &["image", "", "scales"], "resized", vec![]));
    graph.node.insert(1, node("Sub", &["resized", "mean"], "centred", vec![]));
    let Guess { manifest, reasons, colours_are_open, .. } = guessed(&model);
    assert!(manifest.inputs[0].mean.is_empty() && !colours_are_open);
    assert!(reasons.iter().any(|reason| reason.contains("normalise")), "{reasons:?}");
}

#[test]
fn inputs_of_one_and_four_channels_are_refused_with_what_to_wrap_them_in() {
    for (channels, part) in [("1", "image.mean(1, keepdim=True)"), ("4", "torch.cat([image, mask], 1)")] {
        let mut model = ending_in(RED, &[0.0], vec![node("Sigmoid", &["raw"], "out", vec![])]);
        model.graph.as_mut().unwrap().input[0] = ValueInfo::floats("image", &["batch", channels, "h", "w"]);
        let refusal = guess(&model.encode_to_vec(), &Known { name: "n".into(), ..Default::default() }, None);
        let refusal = refusal.unwrap_err().to_string();
        assert!(refusal.contains(part), "{refusal}");
    }
}
