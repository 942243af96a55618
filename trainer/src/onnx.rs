//! Writes a network as an ONNX model (operator set 17, IR version 8; batch, height and width are free).

use std::collections::{BTreeMap, HashMap};

use derust_manifest::onnx::{self, Attribute, Node, ValueInfo};
use derust_manifest::{METADATA_KEY, Manifest};
use half::f16;
use prost::Message;
use tch::{Kind, Tensor};

use crate::fold::{FoldedNetwork, WeightStorage};
use crate::graph::{Extent, Graph, NodeId, Op};

/// The model file's bytes, with the manifest inside.
pub fn encode(network: &FoldedNetwork, manifest: &Manifest) -> Vec<u8> {
    let _no_grad = tch::no_grad_guard();
    let mut writer = Writer { network, names: HashMap::new(), nodes: vec![], initializers: BTreeMap::new() };
    writer.write_nodes();
    let graph = &network.network.graph;
    let extents = graph.extents();
    let value = |name: &str, id: NodeId| {
        let channels = graph.channels(id).to_string();
        match extents[id] {
            Extent::Free => ValueInfo::floats(name, &["batch", &channels, "height", "width"]),
            Extent::Side(side) => {
                ValueInfo::floats(name, &["batch", &channels, &side.to_string(), &side.to_string()])
            }
            Extent::Row => ValueInfo::floats(name, &["batch", &channels]),
        }
    };
    onnx::Model {
        ir_version: 8,
        producer_name: "derust-trainer".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        opset_import: vec![onnx::OperatorSet { domain: String::new(), version: 17 }],
        metadata_props: vec![onnx::Property { key: METADATA_KEY.into(), value: manifest.to_json() }],
        graph: Some(onnx::Graph {
            name: manifest.name.clone(),
            node: writer.nodes,
            initializer: writer.initializers.into_values().collect(),
            input: graph.inputs().map(|id| value(&graph.nodes[id].name, id)).collect(),
            output: graph.outputs.iter().map(|(name, id)| value(name, *id)).collect(),
        }),
        ..Default::default()
    }
    .encode_to_vec()
}

struct Writer<'a> {
    network: &'a FoldedNetwork,
    /// Name of each node's result.
    names: HashMap<NodeId, String>,
    nodes: Vec<Node>,
    initializers: BTreeMap<String, onnx::Tensor>,
}

impl Writer<'_> {
    fn write_nodes(&mut self) {
        let graph = &self.network.network.graph;
        for (id, node) in graph.nodes.iter().enumerate() {
            let named = graph.outputs.iter().find(|(_, output)| *output == id).map(|(name, _)| name.clone());
            let name = named.unwrap_or_else(|| node.name.clone());
            self.names.insert(id, name);
            self.write_node(graph, id);
        }
    }

    fn write_node(&mut self, graph: &Graph, id: NodeId) {
        let node = &graph.nodes[id];
        let inputs: Vec<String> = node.inputs.iter().map(|input| self.names[input].clone()).collect();
        match &node.op {
            Op::Input | Op::SquareInput { .. } => {}
            Op::BatchNorm => unreachable!("a folded network has none"),
            Op::Conv(conv) => {
                let inputs = self.with_parameters(id, inputs);
                let attributes = vec![
                    Attribute::ints("kernel_shape", &[conv.kernel; 2]),
                    Attribute::ints("strides", &[conv.stride; 2]),
                    Attribute::ints("dilations", &[conv.dilation; 2]),
                    Attribute::ints("pads", &[conv.padding(); 4]),
                    Attribute::int("group", conv.groups),
                ];
                self.push(id, "Conv", inputs, attributes);
            }
            Op::ConvTranspose(conv) => {
                let inputs = self.with_parameters(id, inputs);
                let attributes = vec![
                    Attribute::ints("kernel_shape", &[conv.kernel; 2]),
                    Attribute::ints("strides", &[conv.stride; 2]),
                    Attribute::ints("pads", &[conv.padding(); 4]),
                ];
                self.push(id, "ConvTranspose", inputs, attributes);
            }
            Op::Dense(_) => {
                let inputs = self.with_parameters(id, inputs);
                self.push(id, "Gemm", inputs, vec![Attribute::int("transB", 1)]);
            }
            Op::ChannelAffine => {
                let inputs = self.with_parameters(id, inputs);
                let scaled = format!("{}.scaled", node.name);
                self.push_named(&scaled, "Mul", inputs[..2].to_vec(), vec![]);
                self.push(id, "Add", vec![scaled, inputs[2].clone()], vec![]);
            }
            Op::Tanh => self.push(id, "Tanh", inputs, vec![]),
            Op::GlobalMean => self.push(id, "GlobalAveragePool", inputs, vec![]),
            Op::Flatten { .. } => self.push(id, "Flatten", inputs, vec![Attribute::int("axis", 1)]),
            Op::Reshape { channels, side } => {
                let shape = format!("{}.shape", node.name);
                let sides = onnx::Tensor::ints(&shape, &[-1, *channels, *side, *side]);
                self.initializers.insert(shape.clone(), sides);
                self.push(id, "Reshape", vec![inputs[0].clone(), shape], vec![]);
            }
            Op::Relu => self.push(id, "Relu", inputs, vec![]),
            Op::Relu6 => self.clip(id, inputs, 6.0),
            Op::LeakyRelu { slope } => {
                self.push(id, "LeakyRelu", inputs, vec![Attribute::float("alpha", *slope as f32)]);
            }
            Op::Sigmoid => self.push(id, "Sigmoid", inputs, vec![]),
            Op::Affine { scale, shift } => {
                let scale = self.scalar(*scale);
                let shift = self.scalar(*shift);
                let scaled = format!("{}.scaled", node.name);
                self.push_named(&scaled, "Mul", vec![inputs[0].clone(), scale], vec![]);
                self.push(id, "Add", vec![scaled, shift], vec![]);
            }
            Op::Clip => self.clip(id, inputs, 1.0),
            Op::MaxFilter { side } => self.push(id, "MaxPool", inputs, window(*side, 1)),
            Op::MeanFilter { side } => self.push(id, "AveragePool", inputs, window(*side, 1)),
            Op::Halve => self.push(id, "AveragePool", inputs, window(3, 2)),
            Op::Multiply => self.push(id, "Mul", inputs, vec![]),
            Op::Divide => self.push(id, "Div", inputs, vec![]),
            Op::ResizeLike => self.resize(id, &inputs),
            Op::Concat => self.push(id, "Concat", inputs, vec![Attribute::int("axis", 1)]),
            Op::Add => self.push(id, "Add", inputs, vec![]),
            Op::ReplaceNegative => {
                let zero = self.scalar(0.0);
                let negative = format!("{}.negative", node.name);
                self.push_named(&negative, "Less", vec![inputs[0].clone(), zero], vec![]);
                self.push(id, "Where", vec![negative, inputs[1].clone(), inputs[0].clone()], vec![]);
            }
        }
    }

    fn clip(&mut self, id: NodeId, mut inputs: Vec<String>, most: f64) {
        inputs.extend([self.scalar(0.0), self.scalar(most)]);
        self.push(id, "Clip", inputs, vec![]);
    }

    /// Resize to the height and width of the second input, whatever they are.
    fn resize(&mut self, id: NodeId, inputs: &[String]) {
        let name = self.network.network.graph.nodes[id].name.clone();
        let at = |part: &str| format!("{name}.{part}");
        let [zero, two, four] = [0, 2, 4].map(|value| self.index(value));
        self.push_named(&at("shape"), "Shape", vec![inputs[0].clone()], vec![]);
        self.push_named(&at("like"), "Shape", vec![inputs[1].clone()], vec![]);
        self.push_named(&at("channels"), "Slice", vec![at("shape"), zero, two.clone()], vec![]);
        self.push_named(&at("sides"), "Slice", vec![at("like"), two, four], vec![]);
        self.push_named(
            &at("size"),
            "Concat",
            vec![at("channels"), at("sides")],
            vec![Attribute::int("axis", 0)],
        );
        let attributes = vec![
            Attribute::string("mode", "linear"),
            Attribute::string("coordinate_transformation_mode", "half_pixel"),
        ];
        let inputs = vec![inputs[0].clone(), String::new(), String::new(), at("size")];
        self.push(id, "Resize", inputs, attributes);
    }

    /// A layer's inputs, and behind them its weight and its bias.
    fn with_parameters(&mut self, id: NodeId, mut inputs: Vec<String>) -> Vec<String> {
        let node = &self.network.network.graph.nodes[id].name;
        for name in ["weight", "bias"] {
            if let Some(tensor) = self.network.network.parameters(id).get(name) {
                inputs.push(self.parameter(&format!("{node}.{name}"), tensor));
            }
        }
        inputs
    }

    /// Stores a parameter and returns the name under which nodes read it.
    fn parameter(&mut self, name: &str, tensor: &Tensor) -> String {
        let dims = tensor.size();
        let flat = tensor.to_kind(Kind::Float).contiguous().view([-1]);
        let values = Vec::<f32>::try_from(flat).expect("a flat float tensor on the CPU");
        match self.network.storage {
            WeightStorage::Float32 => {
                self.initializers.insert(name.into(), onnx::Tensor::floats(name, &dims, &values));
                name.into()
            }
            WeightStorage::Float16 => {
                let bits: Vec<u16> = values.iter().map(|v| f16::from_f32(*v).to_bits()).collect();
                let stored = format!("{name}.half");
                self.initializers.insert(stored.clone(), onnx::Tensor::halves(&stored, &dims, &bits));
                let to = Attribute::int("to", onnx::data_type::FLOAT.into());
                self.push_named(name, "Cast", vec![stored], vec![to]);
                name.into()
            }
        }
    }

    fn scalar(&mut self, value: f64) -> String {
        let name = format!("scalar.{value}");
        let tensor = onnx::Tensor::floats(&name, &[], &[value as f32]);
        self.initializers.insert(name.clone(), tensor);
        name
    }

    fn index(&mut self, value: i64) -> String {
        let name = format!("index.{value}");
        self.initializers.insert(name.clone(), onnx::Tensor::ints(&name, &[value]));
        name
    }

    fn push(&mut self, id: NodeId, operator: &str, inputs: Vec<String>, attributes: Vec<Attribute>) {
        let name = self.names[&id].clone();
        self.push_named(&name, operator, inputs, attributes);
    }

    fn push_named(&mut self, output: &str, operator: &str, inputs: Vec<String>, attributes: Vec<Attribute>) {
        self.nodes.push(Node {
            name: format!("{output}:{operator}"),
            op_type: operator.into(),
            input: inputs,
            output: vec![output.into()],
            attribute: attributes,
            ..Default::default()
        });
    }
}

fn window(side: i64, stride: i64) -> Vec<Attribute> {
    vec![
        Attribute::ints("kernel_shape", &[side; 2]),
        Attribute::ints("strides", &[stride; 2]),
        Attribute::ints("pads", &[side / 2; 4]),
    ]
}
