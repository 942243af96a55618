//! Writes a network as an ONNX model (operator set 17, IR version 8; batch, height and width are free).

use std::collections::{BTreeMap, HashMap};

use derust_manifest::onnx::{self, Attribute, Node, ValueInfo};
use derust_manifest::{METADATA_KEY, Manifest};
use half::f16;
use prost::Message;
use tch::{Kind, Tensor};

use crate::model_file::precision::{Activation, Quantisation, WholeNumbers, WholeParameter};
use crate::networks::fold::{FoldedNetwork, WeightStorage};
use crate::networks::graph::{Extent, Graph, NodeId, Op};

/// In what numbers a model file computes.
#[derive(Clone, Copy)]
pub enum Form<'a> {
    /// All in float32.
    Float32,
    /// All in float16 but what goes in and comes out, which stays float32.
    Float16,
    /// Convolutions and what lies between them in whole numbers of eight bits.
    Int8(&'a Quantisation),
}

/// The model file's bytes, with the manifest inside.
pub fn encode(network: &FoldedNetwork, form: Form, manifest: &Manifest) -> Vec<u8> {
    let _no_grad = tch::no_grad_guard();
    let mut writer = Writer {
        network,
        form,
        names: HashMap::new(),
        shapes: HashMap::new(),
        nodes: vec![],
        initializers: BTreeMap::new(),
    };
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
    form: Form<'a>,
    /// Name of each node's result.
    names: HashMap<NodeId, String>,
    /// Name of something of the shape of a node's result.
    shapes: HashMap<NodeId, String>,
    nodes: Vec<Node>,
    initializers: BTreeMap<String, onnx::Tensor>,
}

impl Writer<'_> {
    fn write_nodes(&mut self) {
        let graph = &self.network.network.graph;
        for (id, node) in graph.nodes.iter().enumerate() {
            let named = graph.outputs.iter().find(|(_, output)| *output == id).map(|(name, _)| name.clone());
            let is_result = named.is_some();
            let name = named.unwrap_or_else(|| node.name.clone());
            self.names.insert(id, name.clone());
            self.shapes.insert(id, name.clone());
            match self.form {
                Form::Float16 => self.write_half(graph, id, &name, is_result),
                _ => self.write_node(graph, id),
            }
            if let Form::Int8(quantisation) = self.form
                && let Some(activation) = quantisation.activations.get(&id)
            {
                self.quantise(id, &name, *activation);
            }
        }
    }

    /// A node in float16: what goes into the graph is narrowed, and what comes out widened.
    fn write_half(&mut self, graph: &Graph, id: NodeId, name: &str, is_result: bool) {
        let half = format!("{name}.half");
        let to = |data_type: i32| vec![Attribute::int("to", data_type.into())];
        let is_input = graph.nodes[id].op.is_input();
        if is_input {
            self.push_named(&half, "Cast", vec![name.into()], to(onnx::data_type::FLOAT16));
        }
        if is_input || is_result {
            self.names.insert(id, half.clone());
        }
        self.write_node(graph, id);
        if is_result {
            self.push_named(name, "Cast", vec![half], to(onnx::data_type::FLOAT));
        }
    }

    /// Rounds a node's result to eight bits; its readers take it from there.
    fn quantise(&mut self, id: NodeId, name: &str, activation: Activation) {
        let [scale, zero_point, whole, rounded] =
            ["scale", "zero_point", "whole", "rounded"].map(|part| format!("{name}.{part}"));
        self.initializers.insert(scale.clone(), onnx::Tensor::floats(&scale, &[], &[activation.scale]));
        let zero = onnx::Tensor::unsigned_byte(&zero_point, activation.zero_point);
        self.initializers.insert(zero_point.clone(), zero);
        let inputs = |value: &str| vec![value.into(), scale.clone(), zero_point.clone()];
        self.push_named(&whole, "QuantizeLinear", inputs(name), vec![]);
        self.push_named(&rounded, "DequantizeLinear", inputs(&whole), vec![]);
        self.names.insert(id, rounded);
        self.shapes.insert(id, whole);
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
            Op::ChannelMean => {
                let attributes = vec![Attribute::ints("axes", &[1]), Attribute::int("keepdims", 1)];
                self.push(id, "ReduceMean", inputs, attributes);
            }
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
            Op::MaxFilter { side } => self.push(id, "MaxPool", inputs, window(*side, 1, [side / 2; 2])),
            Op::MeanFilter { side } => self.push(id, "AveragePool", inputs, window(*side, 1, [side / 2; 2])),
            Op::Halve => self.push(id, "AveragePool", inputs, window(2, 2, [0, 1])),
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
        let [own, other] =
            [0, 1].map(|i| self.shapes[&self.network.network.graph.nodes[id].inputs[i]].clone());
        self.push_named(&at("shape"), "Shape", vec![own], vec![]);
        self.push_named(&at("like"), "Shape", vec![other], vec![]);
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
        if let Form::Int8(quantisation) = self.form
            && let Some(layer) = quantisation.layers.get(&id)
        {
            for (name, whole) in [("weight", &layer.weight), ("bias", &layer.bias)] {
                inputs.push(self.whole_parameter(&format!("{node}.{name}"), whole));
            }
            return inputs;
        }
        for name in ["weight", "bias"] {
            if let Some(tensor) = self.network.network.parameters(id).get(name) {
                inputs.push(self.parameter(&format!("{node}.{name}"), tensor));
            }
        }
        inputs
    }

    /// Stores whole numbers and returns the name under which nodes read the values that they stand for.
    fn whole_parameter(&mut self, name: &str, parameter: &WholeParameter) -> String {
        let [whole, scale, zero_point] =
            ["whole", "scale", "zero_point"].map(|part| format!("{name}.{part}"));
        let count = parameter.scales.len();
        let stored = |name: &str, numbers: &WholeNumbers| match numbers {
            WholeNumbers::Bytes(dims, values) => onnx::Tensor::bytes(name, dims, values),
            WholeNumbers::Ints(values) => onnx::Tensor::short_ints(name, values),
        };
        let zeros = parameter.numbers.zeros(count);
        self.initializers.insert(whole.clone(), stored(&whole, &parameter.numbers));
        self.initializers.insert(zero_point.clone(), stored(&zero_point, &zeros));
        let scales = onnx::Tensor::floats(&scale, &[count as i64], &parameter.scales);
        self.initializers.insert(scale.clone(), scales);
        let axis = vec![Attribute::int("axis", 0)];
        self.push_named(name, "DequantizeLinear", vec![whole, scale, zero_point], axis);
        name.into()
    }

    /// Stores a parameter and returns the name under which nodes read it.
    fn parameter(&mut self, name: &str, tensor: &Tensor) -> String {
        let dims = tensor.size();
        let flat = tensor.to_kind(Kind::Float).contiguous().view([-1]);
        let values = Vec::<f32>::try_from(flat).expect("a flat float tensor on the CPU");
        let halves = || values.iter().map(|v| f16::from_f32(*v).to_bits()).collect::<Vec<u16>>();
        match self.network.storage {
            _ if matches!(self.form, Form::Float16) => {
                self.initializers.insert(name.into(), onnx::Tensor::halves(name, &dims, &halves()));
                name.into()
            }
            WeightStorage::Float32 => {
                self.initializers.insert(name.into(), onnx::Tensor::floats(name, &dims, &values));
                name.into()
            }
            WeightStorage::Float16 => {
                let stored = format!("{name}.half");
                self.initializers.insert(stored.clone(), onnx::Tensor::halves(&stored, &dims, &halves()));
                let to = Attribute::int("to", onnx::data_type::FLOAT.into());
                self.push_named(name, "Cast", vec![stored], vec![to]);
                name.into()
            }
        }
    }

    fn scalar(&mut self, value: f64) -> String {
        let name = format!("scalar.{value}");
        let tensor = match self.form {
            Form::Float16 => onnx::Tensor::halves(&name, &[], &[f16::from_f64(value).to_bits()]),
            _ => onnx::Tensor::floats(&name, &[], &[value as f32]),
        };
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

/// `pads` stand before and after both rows and columns.
fn window(side: i64, stride: i64, [before, after]: [i64; 2]) -> Vec<Attribute> {
    vec![
        Attribute::ints("kernel_shape", &[side; 2]),
        Attribute::ints("strides", &[stride; 2]),
        Attribute::ints("pads", &[before, before, after, after]),
    ]
}
