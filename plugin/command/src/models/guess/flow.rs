//! What a graph does with the first and the last of its values.

use std::collections::HashMap;

use derust_manifest::onnx::{self, data_type};

/// Nodes between a network's last activation and its output, or its input and first layer, that are looked through.
const LONGEST_LOOK: usize = 16;

/// What stands next to what in a graph.
pub(super) struct Flow<'a> {
    makers: HashMap<&'a str, &'a onnx::Node>,
    users: HashMap<&'a str, Vec<&'a onnx::Node>>,
    /// Float constants of few numbers.
    constants: HashMap<&'a str, Vec<f32>>,
}

/// How a network's last values come about: `scale * activation + shift`.
pub(super) struct Ending<'a> {
    /// The operator that bounds the values, if one does.
    pub(super) activation: &'a str,
    pub(super) scale: f32,
    pub(super) shift: f32,
}

impl<'a> Flow<'a> {
    pub(super) fn new(graph: &'a onnx::Graph) -> Self {
        let mut flow = Flow { makers: HashMap::new(), users: HashMap::new(), constants: HashMap::new() };
        for node in &graph.node {
            flow.makers.extend(node.output.iter().map(|name| (name.as_str(), node)));
            for name in &node.input {
                flow.users.entry(name).or_default().push(node);
            }
            let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
            if let (Some(value), Some(name)) = (value, node.output.first()) {
                flow.constants.extend(few_floats(value).map(|values| (name.as_str(), values)));
            }
        }
        let weights = graph.initializer.iter();
        flow.constants.extend(weights.filter_map(|tensor| Some((tensor.name.as_str(), few_floats(tensor)?))));
        flow
    }

    /// The first input of a node that is no constant, and the constant among the others.
    fn operands(&self, node: &'a onnx::Node) -> (Option<&'a str>, Option<&[f32]>) {
        let constant = |name: &&String| self.constants.contains_key(name.as_str());
        let value = node.input.iter().find(|name| !constant(name)).map(String::as_str);
        let constant = node.input.iter().find(constant);
        (value, constant.map(|name| self.constants[name.as_str()].as_slice()))
    }

    pub(super) fn ending(&self, output: &'a str) -> Ending<'a> {
        let mut ending = Ending { activation: "", scale: 1.0, shift: 0.0 };
        let mut name = output;
        for _ in 0..LONGEST_LOOK {
            let Some(node) = self.makers.get(name) else { break };
            let (value, constant) = self.operands(node);
            let number = constant.and_then(|values| if let [number] = values { Some(*number) } else { None });
            match (node.op_type.as_str(), number) {
                ("Mul", Some(number)) => ending.scale *= number,
                ("Div", Some(number)) => ending.scale /= number,
                ("Add", Some(number)) => ending.shift += ending.scale * number,
                ("Sub", Some(number)) => ending.shift -= ending.scale * number,
                (
                    "Cast" | "Identity" | "Reshape" | "Resize" | "Round" | "Slice" | "Squeeze" | "Transpose"
                    | "Unsqueeze" | "Upsample",
                    _,
                ) => {}
                ("ArgMax" | "HardSigmoid" | "Sigmoid" | "Softmax" | "Tanh", _) => {
                    ending.activation = &node.op_type;
                    break;
                }
                _ => break,
            }
            let Some(value) = value else { break };
            name = value;
        }
        ending
    }

    /// Whether the graph's first layers bring bytes (0 to 255) to another range, or normalise the colours; `None` where
    /// they do neither.
    pub(super) fn beginning(&self, input: &'a str) -> Option<Beginning> {
        let mut name = input;
        for _ in 0..LONGEST_LOOK {
            let [node] = self.users.get(name)?.as_slice() else { return None };
            let (_, constant) = self.operands(node);
            match (node.op_type.as_str(), constant?) {
                ("Div" | "Sub", values) if values[0] > 100.0 => return Some(Beginning::Bytes),
                ("Mul", values) if values[0] > 0.0 && values[0] < 0.01 => return Some(Beginning::Bytes),
                ("Sub" | "Div" | "Mul" | "Add", values) if values.len() == 3 => {
                    return Some(Beginning::Normalised);
                }
                ("Cast" | "Identity" | "Transpose", _) => {}
                _ => return None,
            }
            name = node.output.first()?;
        }
        None
    }
}

/// What the first layers of a graph do with the colours.
pub(super) enum Beginning {
    Bytes,
    Normalised,
}

fn few_floats(tensor: &onnx::Tensor) -> Option<Vec<f32>> {
    let is_few = tensor.data_type == data_type::FLOAT && (4..=16).contains(&tensor.raw_data.len());
    let (numbers, _) = tensor.raw_data.as_chunks();
    is_few.then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
