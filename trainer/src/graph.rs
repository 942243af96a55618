//! The layer graph: one description of a network from which its parameters, its forward pass
//! ([`crate::network`]) and its ONNX nodes ([`crate::onnx`]) are made.

/// Index of a node in its graph.
pub type NodeId = usize;

/// A two-dimensional convolution with square kernel and "same" padding.
#[derive(Clone, Debug, PartialEq)]
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

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// An input of the graph, `[batch, channels, height, width]`.
    Input,
    /// Convolution.
    Conv(Conv),
    /// Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167).
    BatchNorm,
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
    /// Mean over windows of three pixels at every second pixel, counting only pixels inside the picture.
    Halve,
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

/// One step of the computation.
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Debug, Default, PartialEq)]
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

    /// Adds a node behind the given ones.
    pub fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        let channels = match &op {
            Op::Conv(conv) => conv.outputs,
            Op::Concat => inputs.iter().map(|&id| self.nodes[id].channels).sum(),
            _ => self.nodes[inputs[0]].channels,
        };
        let kind = match &op {
            Op::Input => "input",
            Op::Conv(_) => "conv",
            Op::BatchNorm => "norm",
            Op::Relu => "relu",
            Op::Relu6 => "clamp",
            Op::LeakyRelu { .. } => "leaky_relu",
            Op::Sigmoid => "sigmoid",
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

    /// Convolution of odd kernel, with bias.
    pub fn conv(&mut self, x: NodeId, outputs: i64, kernel: i64) -> NodeId {
        let inputs = self.channels(x);
        let conv =
            Conv { inputs, outputs, kernel, stride: 1, dilation: 1, groups: 1, bias: true, spectral: false };
        self.push(Op::Conv(conv), &[x])
    }

    /// 3x3 convolution and batch normalisation.
    pub fn conv_norm(&mut self, x: NodeId, outputs: i64, stride: i64, dilation: i64) -> NodeId {
        let inputs = self.channels(x);
        let conv =
            Conv { inputs, outputs, kernel: 3, stride, dilation, groups: 1, bias: false, spectral: false };
        let x = self.push(Op::Conv(conv), &[x]);
        self.push(Op::BatchNorm, &[x])
    }

    /// 3x3 convolution, batch normalisation, rectifier.
    pub fn conv_norm_relu(&mut self, x: NodeId, outputs: i64, stride: i64) -> NodeId {
        let x = self.conv_norm(x, outputs, stride, 1);
        self.push(Op::Relu, &[x])
    }

    /// Residual block of two 3x3 convolutions (He et al. 2016, arXiv:1512.03385).
    pub fn residual(&mut self, x: NodeId, dilation: i64) -> NodeId {
        let channels = self.channels(x);
        let y = self.conv_norm(x, channels, 1, dilation);
        let y = self.push(Op::Relu, &[y]);
        let y = self.conv_norm(y, channels, 1, dilation);
        let sum = self.push(Op::Add, &[x, y]);
        self.push(Op::Relu, &[sum])
    }

    /// `scale * x + shift`.
    pub fn affine(&mut self, x: NodeId, scale: f64, shift: f64) -> NodeId {
        self.push(Op::Affine { scale, shift }, &[x])
    }

    /// `x` brought to the size of `skip` and joined with it.
    pub fn join(&mut self, x: NodeId, skip: NodeId) -> NodeId {
        let x = self.push(Op::ResizeLike, &[x, skip]);
        self.push(Op::Concat, &[x, skip])
    }

    /// Takes over all nodes of `other` under `prefix.`; its inputs become the given nodes.
    /// Returns the ids of its outputs in their order.
    pub fn embed(&mut self, prefix: &str, other: &Graph, inputs: &[NodeId]) -> Vec<NodeId> {
        let mut inputs = inputs.iter();
        let mut place: Vec<NodeId> = Vec::with_capacity(other.nodes.len());
        for node in &other.nodes {
            if node.op == Op::Input {
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
        (0..self.nodes.len()).filter(|&id| self.nodes[id].op == Op::Input)
    }

    /// Multiplications and additions that the convolutions do for every pixel of the inputs.
    pub fn operations_per_pixel(&self) -> f64 {
        // Pixels of the inputs per pixel of each node's result.
        let mut area: Vec<f64> = Vec::with_capacity(self.nodes.len());
        let mut operations = 0.0;
        for node in &self.nodes {
            area.push(match &node.op {
                Op::Input => 1.0,
                Op::Conv(conv) => area[node.inputs[0]] * (conv.stride * conv.stride) as f64,
                Op::Halve => area[node.inputs[0]] * 4.0,
                Op::ResizeLike => area[node.inputs[1]],
                _ => area[node.inputs[0]],
            });
            if let Op::Conv(conv) = &node.op {
                let taps = conv.kernel * conv.kernel * conv.inputs / conv.groups * conv.outputs;
                operations += 2.0 * taps as f64 / area[area.len() - 1];
            }
        }
        operations
    }

    /// Ids of the nodes that read this one.
    pub fn readers(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.nodes.len()).filter(move |&reader| self.nodes[reader].inputs.contains(&id))
    }
}
