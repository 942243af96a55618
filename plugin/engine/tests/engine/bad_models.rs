//! Model files that nobody should run, and what is said about each of them.

use derust_engine::fixtures::Network;
use derust_engine::models::inspect;
use derust_manifest::METADATA_KEY;
use derust_manifest::onnx::{self, Attribute, Node, Tensor, ValueInfo};
use prost::Message;

/// A field of protobuf's wire format that holds bytes, a text or a message.
fn bytes(number: u32, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut field = Vec::with_capacity(content.len() + 10);
    prost::encoding::encode_varint(u64::from(number << 3 | 2), &mut field);
    prost::encoding::encode_varint(content.len() as u64, &mut field);
    field.extend(content);
    field
}

/// A field that holds a number.
fn number(number: u32, value: i64) -> Vec<u8> {
    let mut field = vec![];
    prost::encoding::encode_varint(u64::from(number << 3), &mut field);
    prost::encoding::encode_varint(value as u64, &mut field);
    field
}

fn join(parts: &[Vec<u8>]) -> Vec<u8> {
    parts.concat()
}

fn good() -> onnx::Model {
    Network::red_is_rust().to_model()
}

/// The good file with `more` at the end.
fn with(more: impl AsRef<[u8]>) -> Vec<u8> {
    [good().encode_to_vec().as_slice(), more.as_ref()].concat()
}

/// The good file with `more` in its graph.
fn with_in_graph(more: impl AsRef<[u8]>) -> Vec<u8> {
    let mut model = good();
    let graph = model.graph.take().unwrap().encode_to_vec();
    join(&[model.encode_to_vec(), bytes(7, [graph.as_slice(), more.as_ref()].concat())])
}

fn changed(change: impl FnOnce(&mut onnx::Graph)) -> Vec<u8> {
    let mut model = good();
    change(model.graph.as_mut().unwrap());
    model.encode_to_vec()
}

/// The good file with one more tensor, of this type and shape, whose remaining fields are `data`.
fn with_tensor(data_type: i64, shape: &[i64], data: impl AsRef<[u8]>) -> Vec<u8> {
    with_in_graph(bytes(5, [tensor(data_type, shape).as_slice(), data.as_ref()].concat()))
}

fn tensor(data_type: i64, shape: &[i64]) -> Vec<u8> {
    let dims: Vec<Vec<u8>> = shape.iter().map(|size| number(1, *size)).collect();
    join(&[join(&dims), number(2, data_type), bytes(8, "extra")])
}

/// The good file with one more node.
fn with_node(op_type: &str, domain: &str, inputs: &[&str], attributes: Vec<Attribute>) -> Vec<u8> {
    let node = Node {
        op_type: op_type.into(),
        domain: domain.into(),
        name: "odd".into(),
        input: inputs.iter().map(|input| (*input).into()).collect(),
        output: vec!["odd.out".into()],
        attribute: attributes,
    };
    changed(|graph| graph.node.push(node))
}

/// A node with one attribute, whose fields after its name are `content`.
fn node_with(op_type: &str, attribute: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let attribute = bytes(5, [bytes(1, attribute).as_slice(), content.as_ref()].concat());
    bytes(1, join(&[bytes(4, op_type), bytes(3, "odd"), attribute]))
}

/// A node whose size comes from the constant `by`.
fn sized_by(op_type: &str, inputs: &[&str], by: Tensor) -> Vec<u8> {
    let mut model = onnx::Model::decode(with_node(op_type, "", inputs, vec![]).as_slice()).unwrap();
    model.graph.as_mut().unwrap().initializer.push(by);
    model.encode_to_vec()
}

/// `depth` graphs, each in an `If` of the one before, around `innermost`.
fn nested(depth: usize, innermost: Vec<u8>) -> Vec<u8> {
    (0..depth).fold(innermost, |graph, _| node_with("If", "then_branch", bytes(6, graph)))
}

fn with_property(key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    with(bytes(14, join(&[bytes(1, key), bytes(2, value)])))
}

fn with_manifest(change: impl FnOnce(String) -> Vec<u8>) -> Vec<u8> {
    let mut model = good();
    let manifest = std::mem::take(&mut model.metadata_props[0].value);
    model.metadata_props.clear();
    let property = join(&[bytes(1, METADATA_KEY), bytes(2, change(manifest))]);
    join(&[model.encode_to_vec(), bytes(14, property)])
}

fn with_input(element_type: i32, shape: &[&str]) -> Vec<u8> {
    changed(|graph| {
        let mut port = ValueInfo::floats("image", shape);
        port.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().elem_type = element_type;
        graph.input[0] = port;
    })
}

/// A value of the graph between its nodes, of the type in these bytes.
fn with_value(kind: Vec<u8>) -> Vec<u8> {
    with_in_graph(bytes(13, join(&[bytes(1, "between"), bytes(2, kind)])))
}

fn float_shape(sizes: &[i64]) -> Vec<u8> {
    let dims: Vec<Vec<u8>> = sizes.iter().map(|size| bytes(1, number(1, *size))).collect();
    bytes(1, join(&[number(1, 1), bytes(2, join(&dims))]))
}

#[test]
fn bad_files_are_refused_by_a_rule_and_at_a_place() {
    inspect(&good().encode_to_vec(), None).unwrap();
    inspect(&with_in_graph(nested(3, vec![])), None).unwrap();
    inspect(&with_node("Relu", "", &["image"], vec![]), None).unwrap();
    inspect(&with_tensor(1, &[2], bytes(9, [0; 8])), None).unwrap();
    inspect(&with_value(float_shape(&[1, 64, 512, -1])), None).unwrap();
    let whole = good().encode_to_vec();
    let location = bytes(13, join(&[bytes(1, "location"), bytes(2, "/etc/passwd")]));
    let outside = join(&[tensor(1, &[2]), location, number(14, 1)]);
    let rows: Vec<(&str, Vec<u8>, &[&str])> = vec![
        // The format.
        ("an empty file", vec![], &["no graph", "[format]"]),
        ("a picture", b"\xff\xd8\xff\xe0\x00\x10JFIF".into(), &["no ONNX file", "[format]"]),
        ("a web page", b"<!DOCTYPE html><html></html>".into(), &["no ONNX file", "[format]"]),
        ("half a file", whole[..whole.len() / 2].into(), &["ends in the middle", "[format]"]),
        (
            "a file without its last byte",
            whole[..whole.len() - 1].into(),
            &["ends in the middle", "[format]"],
        ),
        ("ONNX Runtime's format", [bytes(6, "__ORTM"), whole].concat(), &["own format", "[format]"]),
        ("two graphs", with(bytes(7, "")), &["`graph` stands there twice", "[format]"]),
        ("a field of a later format", with(number(99, 1)), &["the field 99", "[format]"]),
        ("a group", with([6 << 3 | 3, 6 << 3 | 4]), &["`doc_string` has the wrong type", "[format]"]),
        ("a graph that is a number", with(number(6, 1)), &["`doc_string` has the wrong type", "[format]"]),
        ("a number of 70 bits", with([6 << 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 3]), &["64 bits"]),
        // What is too much.
        ("ten million nodes", with_in_graph(b"\x0a\x00".repeat(10_000_000)), &["nodes are more", "[limits]"]),
        (
            "a million tensors",
            with_in_graph(b"\x2a\x00".repeat(1_000_000)),
            &["tensors are more", "[limits]"],
        ),
        (
            "ten million properties",
            with(b"\x72\x00".repeat(10_000_000)),
            &["fields are more than 1000000", "[limits]"],
        ),
        (
            "ten million dimensions",
            with_tensor(1, &[], b"\x08\x01".repeat(10_000_000)),
            &["16 dim", "[limits]"],
        ),
        (
            "ten million dimensions in a row",
            with_tensor(1, &[], bytes(1, vec![1; 10_000_000])),
            &["[limits]"],
        ),
        (
            "ten thousand graphs in one another",
            with_in_graph(nested(10_000, vec![])),
            &["inside", "[limits]"],
        ),
        ("five graphs in one another", with_in_graph(nested(4, vec![])), &["5 graphs inside", "[limits]"]),
        ("a long name", with_node(&"x".repeat(2000), "", &[], vec![]), &["2000 name bytes", "[limits]"]),
        (
            "a large manifest",
            with_manifest(|text| (text + &" ".repeat(2 << 20)).into()),
            &["manifest", "[limits]"],
        ),
        (
            "more operator sets than there are",
            with(b"\x42\x00".repeat(100)),
            &["more than 64 operator sets", "[limits]"],
        ),
        // Weights that are not there, or not in the file.
        (
            "ten thousand million values in ten bytes",
            with_tensor(1, &[100_000, 100_000], bytes(9, [0; 10])),
            &["initialiser 4 `extra`", "10000000000 values", "10 raw bytes", "[weights]"],
        ),
        (
            "more values than can be counted",
            with_tensor(1, &[1 << 40, 1 << 40], ""),
            &["can be counted", "[shapes]"],
        ),
        ("a negative dimension", with_tensor(1, &[-1, 2], ""), &["`extra`", "dimension of -1", "[shapes]"]),
        ("a byte too few", with_tensor(1, &[2], bytes(9, [0; 7])), &["`extra`", "7 raw bytes", "[weights]"]),
        ("a byte too many", with_tensor(1, &[2], bytes(9, [0; 9])), &["9 raw bytes", "[weights]"]),
        ("no values", with_tensor(1, &[2], ""), &["there are none", "[weights]"]),
        (
            "values in two ways",
            with_tensor(1, &[1], join(&[bytes(4, [0; 4]), bytes(9, [0; 4])])),
            &["values twice", "[weights]"],
        ),
        (
            "values in the wrong field",
            with_tensor(1, &[2], bytes(7, [0; 2])),
            &["2 in `int64_data`", "[weights]"],
        ),
        ("a part of the values", with_tensor(1, &[2], bytes(3, "")), &["only a part", "[weights]"]),
        ("weights in another file", with_in_graph(bytes(5, &outside)), &["initialiser 4", "another file"]),
        ("a location without a name", with_tensor(1, &[0], number(14, 1)), &["[external-data]"]),
        (
            "a constant in another file",
            with_in_graph(node_with("Constant", "value", bytes(5, &outside))),
            &["node 2 `odd` (`Constant`), attribute `value`", "[external-data]"],
        ),
        (
            "weights in another file, in a branch",
            with_in_graph(node_with("If", "else_branch", bytes(6, bytes(5, &outside)))),
            &["node 2 `odd` (`If`), initialiser 0 `extra`", "[external-data]"],
        ),
        ("a sparse tensor", with_in_graph(bytes(15, bytes(1, &outside))), &["sparse", "[element-types]"]),
        (
            "a sparse constant",
            with_in_graph(node_with("Constant", "sparse_value", bytes(22, bytes(1, &outside)))),
            &["node 2 `odd` (`Constant`)", "sparse", "[element-types]"],
        ),
        // Types.
        ("texts for weights", with_tensor(8, &[1], bytes(6, "text")), &["string", "[element-types]"]),
        ("complex weights", with_tensor(14, &[1], bytes(9, [0; 8])), &["complex64", "[element-types]"]),
        (
            "weights of a later type",
            with_tensor(77, &[1], bytes(9, [0; 8])),
            &["unknown (77)", "[element-types]"],
        ),
        (
            "a text as input",
            with_input(8, &["1", "3", "h", "w"]),
            &["input 0 `image`", "string", "[element-types]"],
        ),
        ("a sequence", with_value(bytes(4, "")), &["value_info 0 `between`", "no tensor", "[element-types]"]),
        ("a float64 input", with_input(11, &["1", "3", "h", "w"]), &["`image`", "float"]),
        // Operators.
        (
            "an operator of its own",
            with_node("Dig", "com.example", &[], vec![]),
            &["node 2 `odd` (`Dig`)", "`com.example`", "[operators]"],
        ),
        ("an unknown operator", with_node("Dig", "", &[], vec![]), &["ONNX's operator set", "[operators]"]),
        ("a loop", with_node("Loop", "", &[], vec![]), &["node 2 `odd` (`Loop`)", "[operators]"]),
        (
            "a loop in a branch",
            with_in_graph(nested(1, node_with("Loop", "body", ""))),
            &["node 2 `odd` (`If`), node 0 `odd` (`Loop`)", "[operators]"],
        ),
        (
            "compiled code",
            with_node("EPContext", "com.microsoft", &[], vec![]),
            &["`EPContext`", "[operators]"],
        ),
        ("a text operator", with_node("StringConcat", "", &[], vec![]), &["`StringConcat`", "[operators]"]),
        ("a training graph", with(bytes(20, "")), &["training", "[operators]"]),
        ("a function", with(bytes(25, bytes(1, "Relu"))), &["inline them", "[functions]"]),
        (
            "the attribute of a function",
            with_in_graph(node_with("Relu", "a", bytes(21, "b"))),
            &["attribute `a`", "[functions]"],
        ),
        ("a graph in a convolution", with_in_graph(node_with("Conv", "g", bytes(6, ""))), &["[attributes]"]),
        ("texts in an attribute", with_in_graph(node_with("Conv", "s", bytes(9, ""))), &["[attributes]"]),
        // Names.
        (
            "weights with the name of others",
            with_in_graph(bytes(5, tensor(1, &[0])).repeat(2)),
            &["initialiser 5", "the name `extra` is given twice", "[names]"],
        ),
        (
            "an input given twice",
            changed(|graph| graph.input.push(graph.input[0].clone())),
            &["the name `image` is given twice", "[names]"],
        ),
        (
            "an output given twice",
            changed(|graph| graph.node.push(graph.node[1].clone())),
            &["node 2", "the name `probability` is given twice", "[names]"],
        ),
        (
            "an attribute given twice",
            with_node("Relu", "", &["image"], vec![Attribute::int("a", 1); 2]),
            &["two attributes", "`a`", "[names]"],
        ),
        (
            "a name that is no text",
            with_in_graph(bytes(1, bytes(3, b"\xff\xfe"))),
            &["node 2", "UTF-8", "[names]"],
        ),
        (
            "a name that plays with the terminal",
            with_node("\u{1b}[2Jok", "", &[], vec![]),
            &["\\u{1b}[2Jok", "[operators]"],
        ),
        // Sizes.
        (
            "a value of a million million bytes",
            with_value(float_shape(&[1_000_000, 1_000_000])),
            &["value_info 0 `between`", "4000000000000 bytes", "[shapes]"],
        ),
        ("a value of negative size", with_value(float_shape(&[1, -5])), &["dimension of -5", "[shapes]"]),
        (
            "a value without end",
            with_value(float_shape(&[i64::MAX, i64::MAX])),
            &["can be counted", "[shapes]"],
        ),
        (
            "a large constant",
            sized_by("ConstantOfShape", &["by"], Tensor::ints("by", &[100_000, 100_000])),
            &["node 2 `odd` (`ConstantOfShape`)", "40000000000 bytes", "[shapes]"],
        ),
        (
            "a large enlargement",
            sized_by("Resize", &["image", "", "by"], Tensor::floats("by", &[4], &[1.0, 1.0, 300.0, 300.0])),
            &["node 2 `odd` (`Resize`)", "90000 pixels of one", "[shapes]"],
        ),
        (
            "a large border",
            with_node("Conv", "", &["image"], vec![Attribute::ints("pads", &[0, 5000, 0, 0])]),
            &["node 2 `odd` (`Conv`), attribute `pads`", "5000", "[shapes]"],
        ),
        // The manifest, and what else is said beside the graph.
        ("no manifest", bytes(7, good().graph.unwrap().encode_to_vec()), &["manifest"]),
        (
            "a manifest that is no number",
            with_manifest(|text| text.replace("0.5", "NaN").into()),
            &["manifest"],
        ),
        (
            "a manifest beyond all numbers",
            with_manifest(|text| text.replace("0.5", "1e999").into()),
            &["manifest"],
        ),
        ("a manifest that is no text", with_manifest(|_| vec![0xff]), &["not UTF-8", "[names]"]),
        ("a deep manifest", with_manifest(|_| "[".repeat(100_000).into()), &["manifest"]),
        ("two manifests", with_property(METADATA_KEY, "{}"), &["two manifests", "[format]"]),
        ("settings for ONNX Runtime", with_property("ort_config", "{}"), &["`ort_config`", "[settings]"]),
        ("a choice of devices", with(bytes(26, "")), &["which devices", "[settings]"]),
    ];
    for (what, file, expected) in rows {
        let refusal = inspect(&file, None).expect_err(what).to_string();
        for words in expected {
            assert!(refusal.contains(words), "{what}: {words:?} is missing in {refusal:?}");
        }
        let printable = refusal.chars().all(|c| !c.is_control());
        assert!(printable && refusal.len() < 500, "{what}: {} bytes: {refusal:?}", refusal.len());
    }
}

#[test]
fn a_file_that_ends_anywhere_or_has_any_byte_changed_does_no_harm() {
    let whole = Network::red_to_gray().to_onnx();
    for length in 0..whole.len() {
        assert!(inspect(&whole[..length], None).is_err(), "{length} of {} bytes", whole.len());
    }
    for place in 0..whole.len() {
        for bits in [0x01, 0x80, 0xff] {
            let mut file = whole.clone();
            file[place] ^= bits;
            let _ = inspect(&file, None);
        }
    }
}
