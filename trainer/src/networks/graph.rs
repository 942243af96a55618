//! The layer graph: one description of a network from which its parameters, its forward pass
//! ([`crate::networks::network`]) and its ONNX nodes ([`crate::model_file::onnx`]) are made.

use serde::Serialize;

/// Index of a node in its graph.
pub type NodeId = usize;

/// A two-dimensional convolution with square kernel and "same" padding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conv {
    /// Channels of the input.
    pub inputs: i64,
    /// Channels of the output.
    pub outputs: i64,
    /// Side of the kernel in pixels.
    pub kernel: i64,
    /// Step between two outputs in pixels.
    pub stride: i64,
    /// Step between two taps of the kernel in pixels.
    pub dilation: i64,
    /// Groups of channels that see nothing of each other; as many as channels for a depthwise convolution.
    pub groups: i64,
    /// Whether a bias is added; not needed before a normalisation.
    pub bias: bool,
    /// Whether the weight is divided by its largest singular value (Miyato et al. 2018, arXiv:1802.05957).
    pub spectral: bool,
}

impl Conv {
    /// Zeros added on every side so that stride 1 keeps height and width.
    pub fn padding(&self) -> i64 {
        self.dilation * (self.kernel - 1) / 2
    }
}

/// A transposed convolution with square kernel, which makes height and width `stride` times as large.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConvTranspose {
    /// Channels of the input.
    pub inputs: i64,
    /// Channels of the output.
    pub outputs: i64,
    /// Side of the kernel in pixels; odd where the stride is odd, even where it is even.
    pub kernel: i64,
    /// Pixels of the output, across and down, for each pixel of the input.
    pub stride: i64,
    /// Whether a bias is added; not needed before a normalisation.
    pub bias: bool,
}

impl ConvTranspose {
    /// Pixels left out on every side, so that the sides grow by the stride and nothing else.
    pub fn padding(&self) -> i64 {
        (self.kernel - self.stride) / 2
    }
}

/// A dense layer from `[batch, inputs]` to `[batch, outputs]`, with bias.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dense {
    /// Numbers that come in.
    pub inputs: i64,
    /// Numbers that go out.
    pub outputs: i64,
    /// Whether the weight is divided by its largest singular value, as in [`Conv`].
    pub spectral: bool,
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Op {
    /// An input of the graph, `[batch, channels, height, width]`.
    Input,
    /// An input of the graph of one size, `[batch, channels, side, side]`; noise has side 1.
    SquareInput {
        /// Height and width in pixels.
        side: i64,
    },
    /// Convolution.
    Conv(Conv),
    /// Transposed convolution.
    ConvTranspose(ConvTranspose),
    /// Dense layer.
    Dense(Dense),
    /// Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167).
    BatchNorm,
    /// Every channel times a number of its own plus another: what a normalisation becomes that no convolution can
    /// take in.
    ChannelAffine,
    /// `max(0, x)`.
    Relu,
    /// `min(6, max(0, x))` (Sandler et al. 2018, arXiv:1801.04381).
    Relu6,
    /// `x` above zero, `slope * x` below.
    LeakyRelu {
        /// Factor for negative values.
        slope: f64,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `scale * x + shift`.
    Affine {
        /// Factor.
        scale: f64,
        /// Summand.
        shift: f64,
    },
    /// Limits values to 0 to 1.
    Clip,
    /// Largest value in a window of the given odd side, stride 1.
    MaxFilter {
        /// Side of the window in pixels.
        side: i64,
    },
    /// Mean over a window of the given odd side, stride 1, counting only pixels inside the picture.
    MeanFilter {
        /// Side of the window in pixels.
        side: i64,
    },
    /// Mean over windows of two pixels at every second pixel, counting only pixels inside the picture: what
    /// [`Op::ResizeLike`] enlarges lies where it was.
    Halve,
    /// Mean over the whole picture, `[batch, channels, 1, 1]`.
    GlobalMean,
    /// Mean over the channels, `[batch, 1, height, width]`.
    ChannelMean,
    /// All values of a picture in one row, `[batch, features]`.
    Flatten {
        /// Channels times height times width.
        features: i64,
    },
    /// A row of values as a picture, `[batch, channels, side, side]`.
    Reshape {
        /// Channels of the picture.
        channels: i64,
        /// Its height and width.
        side: i64,
    },
    /// Product of two inputs; a single channel multiplies all channels of the other.
    Multiply,
    /// First input over second; a single channel divides all channels of the other.
    Divide,
    /// Bilinear, to the height and width of the second input.
    ResizeLike,
    /// Channels of all inputs, one after the other.
    Concat,
    /// Sum of two inputs.
    Add,
    /// The second input where the first is below zero, else the first.
    ReplaceNegative,
}

impl Op {
    /// Whether it is an input of the graph.
    pub fn is_input(&self) -> bool {
        matches!(self, Op::Input | Op::SquareInput { .. })
    }
}

/// Height and width of a node's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Those of the picture that is put in, or a part of them.
    Free,
    /// Both this many pixels.
    Side(i64),
    /// None: the result is `[batch, channels]`.
    Row,
}

/// One step of the computation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Name, unique in the graph; parameters are stored under it.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// The nodes that it reads.
    pub inputs: Vec<NodeId>,
    /// Channels of its result.
    pub channels: i64,
}

/// A network as a list of nodes in an order in which they can be computed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Graph {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The named results.
    pub outputs: Vec<(String, NodeId)>,
}

impl Graph {
    /// Adds an input with a name of its own.
    pub fn input(&mut self, name: &str, channels: i64) -> NodeId {
        self.nodes.push(Node { name: name.into(), op: Op::Input, inputs: vec![], channels });
        self.nodes.len() - 1
    }

    /// Adds an input of one size with a name of its own.
    pub fn square_input(&mut self, name: &str, channels: i64, side: i64) -> NodeId {
        self.nodes.push(Node { name: name.into(), op: Op::SquareInput { side }, inputs: vec![], channels });
        self.nodes.len() - 1
    }

    /// Adds a node behind the given ones.
    pub fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        let channels = match &op {
            Op::Conv(conv) => conv.outputs,
            Op::ConvTranspose(conv) => conv.outputs,
            Op::Dense(dense) => dense.outputs,
            Op::Flatten { features } => *features,
            Op::Reshape { channels, .. } => *channels,
            Op::ChannelMean => 1,
            Op::Concat => inputs.iter().map(|&id| self.nodes[id].channels).sum(),
            _ => self.nodes[inputs[0]].channels,
        };
        let kind = match &op {
            Op::Input | Op::SquareInput { .. } => "input",
            Op::Conv(_) => "conv",
            Op::ConvTranspose(_) => "conv_transpose",
            Op::Dense(_) => "dense",
            Op::BatchNorm => "norm",
            Op::ChannelAffine => "channel_affine",
            Op::Relu => "relu",
            Op::Relu6 => "clamp",
            Op::LeakyRelu { .. } => "leaky_relu",
            Op::Sigmoid => "sigmoid",
            Op::Tanh => "tanh",
            Op::GlobalMean => "global_mean",
            Op::ChannelMean => "channel_mean",
            Op::Flatten { .. } => "flatten",
            Op::Reshape { .. } => "reshape",
            Op::Affine { .. } => "affine",
            Op::Clip => "clip",
            Op::MaxFilter { .. } => "max",
            Op::MeanFilter { .. } => "mean",
            Op::Halve => "halve",
            Op::Multiply => "multiply",
            Op::Divide => "divide",
            Op::ResizeLike => "resize",
            Op::Concat => "concat",
            Op::Add => "add",
            Op::ReplaceNegative => "replace",
        };
        let name = format!("{kind}{}", self.nodes.len());
        self.nodes.push(Node { name, op, inputs: inputs.into(), channels });
        self.nodes.len() - 1
    }

    /// Names a result.
    pub fn output(&mut self, name: &str, id: NodeId) {
        self.outputs.push((name.into(), id));
    }

    /// Gives a node a name of its own in place of the one made from its kind and number.
    pub fn name(&mut self, id: NodeId, name: &str) {
        self.nodes[id].name = name.into();
    }

    /// Channels of a node.
    pub fn channels(&self, id: NodeId) -> i64 {
        self.nodes[id].channels
    }

    /// Takes over all nodes of `other` under `prefix.`; its inputs become the given nodes.
    /// Returns the ids of its outputs in their order.
    pub fn embed(&mut self, prefix: &str, other: &Graph, inputs: &[NodeId]) -> Vec<NodeId> {
        let mut inputs = inputs.iter();
        let mut place: Vec<NodeId> = Vec::with_capacity(other.nodes.len());
        for node in &other.nodes {
            if node.op.is_input() {
                place.push(*inputs.next().expect("as many inputs as the embedded graph has"));
                continue;
            }
            let inputs = node.inputs.iter().map(|&id| place[id]).collect();
            self.nodes.push(Node { name: format!("{prefix}.{}", node.name), inputs, ..node.clone() });
            place.push(self.nodes.len() - 1);
        }
        other.outputs.iter().map(|(_, id)| place[*id]).collect()
    }

    /// Ids of the inputs in their order.
    pub fn inputs(&self) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.nodes.len()).filter(|&id| self.nodes[id].op.is_input())
    }

    /// Height and width of every node's result.
    pub fn extents(&self) -> Vec<Extent> {
        let mut extents: Vec<Extent> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let of = |input: usize| extents[node.inputs[input]];
            let each_side = |after: &dyn Fn(i64) -> i64| match of(0) {
                Extent::Side(side) => Extent::Side(after(side)),
                other => other,
            };
            extents.push(match &node.op {
                Op::Input => Extent::Free,
                Op::SquareInput { side } | Op::Reshape { side, .. } => Extent::Side(*side),
                Op::GlobalMean => Extent::Side(1),
                Op::Flatten { .. } | Op::Dense(_) => Extent::Row,
                Op::Conv(conv) => each_side(&|side| {
                    (side + 2 * conv.padding() - conv.dilation * (conv.kernel - 1) - 1) / conv.stride + 1
                }),
                Op::ConvTranspose(conv) => each_side(&|side| side * conv.stride),
                Op::Halve => each_side(&|side| (side + 1) / 2),
                Op::ResizeLike => of(1),
                _ => of(0),
            });
        }
        extents
    }

    /// Multiplications and additions that the convolutions do for every pixel of the inputs.
    pub fn operations_per_pixel(&self) -> f64 {
        // Pixels of the inputs per pixel of each node's result.
        let mut area: Vec<f64> = Vec::with_capacity(self.nodes.len());
        let mut operations = 0.0;
        for node in &self.nodes {
            area.push(match &node.op {
                Op::Input | Op::SquareInput { .. } => 1.0,
                // As good as nothing for a picture: what follows does not grow with its size.
                Op::GlobalMean | Op::Flatten { .. } => f64::INFINITY,
                Op::ConvTranspose(conv) => area[node.inputs[0]] / (conv.stride * conv.stride) as f64,
                Op::Conv(conv) => area[node.inputs[0]] * (conv.stride * conv.stride) as f64,
                Op::Halve => area[node.inputs[0]] * 4.0,
                Op::ResizeLike => area[node.inputs[1]],
                _ => area[node.inputs[0]],
            });
            if let Op::Conv(conv) = &node.op {
                let taps = conv.kernel * conv.kernel * conv.inputs / conv.groups * conv.outputs;
                operations += 2.0 * taps as f64 / area[area.len() - 1];
            }
            if let Op::ConvTranspose(conv) = &node.op {
                let taps = conv.kernel * conv.kernel * conv.inputs * conv.outputs;
                operations += 2.0 * taps as f64 / area[node.inputs[0]];
            }
        }
        operations
    }

    /// Ids of the nodes that read this one.
    pub fn readers(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.nodes.len()).filter(move |&reader| self.nodes[reader].inputs.contains(&id))
    }

    /// The convolutions in the order in which they are computed.
    pub fn convolutions(&self) -> impl Iterator<Item = (NodeId, &Conv)> {
        self.nodes.iter().enumerate().filter_map(|(id, node)| match &node.op {
            Op::Conv(conv) => Some((id, conv)),
            _ => None,
        })
    }

    /// The normalisation behind a convolution.
    pub fn norm_of(&self, id: NodeId) -> Option<NodeId> {
        self.readers(id).find(|&reader| self.nodes[reader].op == Op::BatchNorm)
    }
}
