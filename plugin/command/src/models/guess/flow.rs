//! What a graph does with the first and the last of its values.

use std::collections::HashMap;

use derust_manifest::onnx::{self, data_type};

/// Nodes between a network's last activation and its output, or its input and first layer, that are looked through.
const LONGEST_LOOK: usize = 24;

/// What stands next to what in a graph.
pub(super) struct Flow<'a> {
    makers: HashMap<&'a str, &'a onnx::Node>,
    users: HashMap<&'a str, Vec<&'a onnx::Node>>,
    /// Float constants of few numbers.
    constants: HashMap<&'a str, Vec<f32>>,
    /// The shapes of the weights.
    shapes: HashMap<&'a str, &'a [i64]>,
}

/// How a network's last values come about: `scale * activation + shift`.
pub(super) struct Ending<'a> {
    /// The operator that bounds the values, if one does.
    pub(super) activation: &'a str,
    pub(super) scale: f32,
    pub(super) shift: f32,
    /// Between which values the answer lies, where the graph tells.
    pub(super) bounds: Option<[f32; 2]>,
}

impl<'a> Flow<'a> {
    pub(super) fn new(graph: &'a onnx::Graph) -> Self {
        let mut flow = Flow {
            makers: HashMap::new(),
            users: HashMap::new(),
            constants: HashMap::new(),
            shapes: HashMap::new(),
        };
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
        flow.constants
            .extend(weights.clone().filter_map(|tensor| Some((tensor.name.as_str(), few_floats(tensor)?))));
        flow.shapes.extend(weights.map(|tensor| (tensor.name.as_str(), tensor.dims.as_slice())));
        flow
    }

    /// The first input of a node that is no constant, and the constant among the others.
    fn operands(&self, node: &'a onnx::Node) -> (Option<&'a str>, Option<&[f32]>) {
        let constant = |name: &&String| self.constants.contains_key(name.as_str());
        let value = node.input.iter().find(|name| !constant(name)).map(String::as_str);
        let constant = node.input.iter().find(constant);
        (value, constant.map(|name| self.constants[name.as_str()].as_slice()))
    }

    /// Whether the first of a node's two operands is the constant.
    fn constant_is_first(&self, node: &onnx::Node) -> bool {
        node.input.first().is_some_and(|name| self.constants.contains_key(name.as_str()))
    }

    /// Lowest and highest value that a `Clip` lets through; its attributes are those of old files.
    fn clip(&self, node: &onnx::Node) -> Option<[f32; 2]> {
        let attribute = |name: &str| node.attribute.iter().find(|a| a.name == name).map(|a| a.f);
        let input = |i: usize| {
            let name = node.input.get(i)?;
            self.constants.get(name.as_str())?.first().copied()
        };
        let bounds = [attribute("min").or_else(|| input(1))?, attribute("max").or_else(|| input(2))?];
        (bounds[0] < bounds[1] && bounds.iter().all(|bound| bound.is_finite())).then_some(bounds)
    }

    pub(super) fn ending(&self, output: &'a str) -> Ending<'a> {
        self.ending_within(output, 0)
    }

    fn ending_within(&self, output: &'a str, depth: usize) -> Ending<'a> {
        let mut ending = Ending { activation: "", scale: 1.0, shift: 0.0, bounds: None };
        let mut clipped = None;
        let mut name = output;
        for _ in 0..LONGEST_LOOK {
            let Some(node) = self.makers.get(name) else { break };
            let (value, constant) = self.operands(node);
            let number = constant.and_then(|values| if let [number] = values { Some(*number) } else { None });
            let spread = |values: [f32; 2]| {
                let [a, b] = values.map(|value| ending.scale * value + ending.shift);
                [a.min(b), a.max(b)]
            };
            match (node.op_type.as_str(), number) {
                ("Mul", Some(number)) => ending.scale *= number,
                ("Div", Some(number)) if !self.constant_is_first(node) => ending.scale /= number,
                ("Add", Some(number)) => ending.shift += ending.scale * number,
                ("Sub", Some(number)) if self.constant_is_first(node) => {
                    ending.shift += ending.scale * number;
                    ending.scale = -ending.scale;
                }
                ("Sub", Some(number)) => ending.shift -= ending.scale * number,
                ("Clip", _) => clipped = clipped.or(self.clip(node).map(spread)),
                (
                    "Cast" | "Floor" | "Identity" | "Reshape" | "Resize" | "Round" | "Slice" | "Squeeze"
                    | "Transpose" | "Unsqueeze" | "Upsample",
                    _,
                ) => {}
                ("Concat", _) if depth == 0 && node.input.len() > 1 => {
                    // Each part has its own ending; they tell something together where all lie within the same bounds.
                    let parts: Vec<_> =
                        node.input.iter().map(|part| self.ending_within(part, depth + 1)).collect();
                    let bounds = parts[0].bounds;
                    if parts.iter().all(|part| part.bounds == bounds && !part.activation.is_empty()) {
                        let is_share = bounds == Some([0.0, 1.0])
                            && parts.len() == 2
                            && parts[0].scale == -parts[1].scale
                            && parts.iter().all(|part| part.activation == "Sigmoid");
                        ending.activation = if is_share { "Softmax" } else { parts[0].activation };
                        ending.bounds = bounds.map(spread);
                    }
                    break;
                }
                ("ArgMax" | "HardSigmoid" | "Sigmoid" | "Softmax" | "Tanh", _) => {
                    ending.activation = &node.op_type;
                    ending.bounds = match node.op_type.as_str() {
                        "ArgMax" => None,
                        "Tanh" => Some(spread([-1.0, 1.0])),
                        _ => Some(spread([0.0, 1.0])),
                    };
                    break;
                }
                _ => break,
            }
            let Some(value) = value else { break };
            name = value;
        }
        ending.bounds = ending.bounds.or(clipped);
        ending
    }

    /// How many classes there were before an `ArgMax` chose one of them.
    pub(super) fn classes_before_argmax(&self, output: &'a str) -> Option<usize> {
        let mut name = output;
        let mut is_before = false;
        for _ in 0..LONGEST_LOOK {
            let node = self.makers.get(name)?;
            match node.op_type.as_str() {
                "ArgMax" => is_before = true,
                // The bias of a convolution would be taken for its only constant.
                "Conv" if is_before => {
                    return usize::try_from(*self.shapes.get(node.input.get(1)?.as_str())?.first()?).ok();
                }
                "ConvTranspose" if is_before => {
                    return usize::try_from(*self.shapes.get(node.input.get(1)?.as_str())?.get(1)?).ok();
                }
                "Cast" | "Identity" | "Reshape" | "Resize" | "Sigmoid" | "Softmax" | "Squeeze"
                | "Transpose" | "Unsqueeze" | "Upsample" => {}
                _ => return None,
            }
            name = node.input.first()?;
        }
        None
    }

    /// Whether the graph's first layers bring bytes (0 to 255) to another range, or normalise the colours; `None` where
    /// they do neither.
    pub(super) fn beginning(&self, input: &'a str) -> Option<Beginning> {
        let mut name = input;
        for _ in 0..LONGEST_LOOK {
            // Sizes are asked for on the way, and change nothing.
            let users = self.users.get(name)?.iter().filter(|node| node.op_type != "Shape");
            let [node] = users.collect::<Vec<_>>()[..] else { return None };
            let (_, constant) = self.operands(node);
            let few = |values: &[f32]| matches!(values.len(), 1 | 3);
            match (node.op_type.as_str(), constant) {
                (
                    "Cast" | "Identity" | "Pad" | "Reshape" | "Resize" | "Squeeze" | "Transpose"
                    | "Unsqueeze",
                    _,
                ) => {}
                ("Div" | "Sub", Some(values)) if values[0] > 100.0 && few(values) => {
                    return Some(Beginning::Bytes);
                }
                ("Mul", Some(values)) if values[0] > 0.0 && values[0] < 0.01 && few(values) => {
                    return Some(Beginning::Bytes);
                }
                ("Sub" | "Div" | "Mul" | "Add", Some(values)) if values.len() == 3 => {
                    return Some(Beginning::Normalised);
                }
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
