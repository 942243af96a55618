//! Tiny networks for tests, as ONNX files made on the spot.

use std::collections::BTreeMap;

use derust_manifest::onnx::{self, Attribute, ValueInfo};
use derust_manifest::{Input, InputRole, Kind, METADATA_KEY, Manifest, Output, OutputRole, SCHEMA, Tile};
use prost::Message;
use semver::Version;

/// A convolution with borders of zeros that keeps height and width.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// `weights[output][input]`: a square kernel of odd side, row by row.
    pub weights: Vec<Vec<Vec<f32>>>,
    /// Added to each output channel.
    pub bias: Vec<f32>,
}

impl Convolution {
    /// Each output channel is a weighted sum of the input channels of the same pixel, plus the bias.
    pub fn pointwise(weights: &[&[f32]], bias: &[f32]) -> Self {
        let kernels = |row: &&[f32]| row.iter().map(|weight| vec![*weight]).collect();
        Convolution { weights: weights.iter().map(kernels).collect(), bias: bias.into() }
    }

    /// One output channel: the mean over the colours and over a square of `side` by `side` pixels.
    pub fn mean(side: usize) -> Self {
        let kernel = vec![1.0 / (3 * side * side) as f32; side * side];
        Convolution { weights: vec![vec![kernel; 3]], bias: vec![0.0] }
    }

    fn kernel_side(&self) -> usize {
        self.weights[0][0].len().isqrt()
    }
}

/// A network with the inputs `image` (and `mask`), and one convolution over them for each output.
#[derive(Clone, Debug)]
pub struct Network {
    /// What the file says of itself.
    pub manifest: Manifest,
    /// The convolution that makes each of the manifest's outputs, in their order.
    pub outputs: Vec<Convolution>,
    /// Height and width in the graph; `None` leaves them open.
    pub fixed_size: Option<(u32, u32)>,
}

impl Network {
    /// A segment-rust network: the probability of rust is what the convolution makes of the picture.
    pub fn segment(name: &str, probability: Convolution) -> Self {
        let manifest = manifest(Kind::SegmentRust, name, &[OutputRole::Probability]);
        Network { manifest, outputs: vec![probability], fixed_size: None }
    }

    /// A derust network with a fill of three channels and an alpha.
    ///
    /// With `mask`, both convolutions take four channels, the last one the mask.
    pub fn derust(name: &str, fill: Convolution, alpha: Convolution, mask: bool) -> Self {
        let mut manifest = manifest(Kind::Derust, name, &[OutputRole::Rgb, OutputRole::Alpha]);
        if mask {
            manifest.inputs.push(Input::new("mask", InputRole::Mask));
        }
        Network { manifest, outputs: vec![fill, alpha], fixed_size: None }
    }

    /// A segment-rust network that takes red for rust: probability = red - (green + blue) / 2.
    pub fn red_is_rust() -> Self {
        Network::segment("red-is-rust", Convolution::pointwise(&[&[1.0, -0.5, -0.5]], &[0.0]))
    }

    /// A derust network that paints red things in their own darkest colour: fill = (g, g, b), alpha as in
    /// [`Network::red_is_rust`].
    pub fn red_to_gray() -> Self {
        let fill = Convolution::pointwise(&[&[0.0, 1.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]], &[0.0; 3]);
        Network::derust("red-to-gray", fill, Convolution::pointwise(&[&[1.0, -0.5, -0.5]], &[0.0]), false)
    }

    /// The ONNX file, manifest inside.
    pub fn to_onnx(&self) -> Vec<u8> {
        self.to_model().encode_to_vec()
    }

    /// The ONNX file as messages, for tests that break it.
    pub fn to_model(&self) -> onnx::Model {
        let (height, width) = match self.fixed_size {
            Some((height, width)) => (height.to_string(), width.to_string()),
            None => ("height".into(), "width".into()),
        };
        let port = |name: &str, channels: usize| {
            ValueInfo::floats(name, &["batch", &channels.to_string(), &height, &width])
        };
        let mut graph = onnx::Graph { name: "fixture".into(), ..Default::default() };
        let mut source = "image";
        for input in &self.manifest.inputs {
            let channels = if input.role == InputRole::Image { 3 } else { 1 };
            graph.input.push(port(&input.name, channels));
        }
        if self.manifest.inputs.len() > 1 {
            source = "joined";
            graph.node.push(onnx::Node {
                op_type: "Concat".into(),
                input: self.manifest.inputs.iter().map(|input| input.name.clone()).collect(),
                output: vec![source.into()],
                attribute: vec![Attribute::int("axis", 1)],
                ..Default::default()
            });
        }
        for (output, convolution) in self.manifest.outputs.iter().zip(&self.outputs) {
            let side = convolution.kernel_side() as i64;
            let shape = [convolution.weights.len() as i64, convolution.weights[0].len() as i64, side, side];
            let weights: Vec<f32> = convolution.weights.iter().flatten().flatten().copied().collect();
            let [weight_name, bias_name] =
                [format!("{}.weight", output.name), format!("{}.bias", output.name)];
            graph.initializer.push(onnx::Tensor::floats(&weight_name, &shape, &weights));
            graph.initializer.push(onnx::Tensor::floats(&bias_name, &shape[..1], &convolution.bias));
            let raw = format!("{}.raw", output.name);
            graph.node.push(onnx::Node {
                op_type: "Conv".into(),
                input: vec![source.into(), weight_name, bias_name],
                output: vec![raw.clone()],
                attribute: vec![
                    Attribute::ints("kernel_shape", &[side, side]),
                    Attribute::ints("pads", &[side / 2; 4]),
                ],
                ..Default::default()
            });
            // Probabilities, alphas and colours stay in their range whatever the weights are.
            graph.initializer.push(scalar(&format!("{}.low", output.name), 0.0));
            graph.initializer.push(scalar(&format!("{}.high", output.name), 1.0));
            graph.node.push(onnx::Node {
                op_type: if output.role == OutputRole::Logits { "Identity" } else { "Clip" }.into(),
                input: if output.role == OutputRole::Logits {
                    vec![raw]
                } else {
                    vec![raw, format!("{}.low", output.name), format!("{}.high", output.name)]
                },
                output: vec![output.name.clone()],
                ..Default::default()
            });
            graph.output.push(port(&output.name, convolution.weights.len()));
        }
        onnx::Model {
            ir_version: 8,
            producer_name: "derust fixture".into(),
            graph: Some(graph),
            opset_import: vec![onnx::OperatorSet { domain: String::new(), version: 17 }],
            metadata_props: vec![onnx::Property { key: METADATA_KEY.into(), value: self.manifest.to_json() }],
            ..Default::default()
        }
    }
}

/// A network that multiplies square matrices `times` times: the picture with itself while it runs, or, with `folded`,
/// matrices of this side that are known when it is loaded. The mean over the colours is its probability.
pub fn endless(times: usize, folded: Option<i64>) -> onnx::Model {
    let mut model = Network::red_is_rust().to_model();
    let graph = model.graph.as_mut().expect("a fixture has a graph");
    let node = |op_type: &str, input: &[&str], output: &str, attribute: Vec<Attribute>| onnx::Node {
        op_type: op_type.into(),
        input: input.iter().map(|name| (*name).into()).collect(),
        output: vec![output.into()],
        attribute,
        ..Default::default()
    };
    graph.initializer = vec![scalar("nothing", 0.0)];
    graph.node.clear();
    let mut last = "image".to_owned();
    if let Some(side) = folded {
        graph.initializer.push(onnx::Tensor::ints("side", &[side, side]));
        last = "matrix".to_owned();
        graph.node.push(node("ConstantOfShape", &["side"], &last, vec![]));
    }
    let first = last.clone();
    for i in 0..times {
        let next = format!("product{i}");
        graph.node.push(node("MatMul", &[&last, &first], &next, vec![]));
        last = next;
    }
    graph.node.extend([
        node("ReduceMax", &[&last], "most", vec![Attribute::int("keepdims", 0)]),
        node("Mul", &["most", "nothing"], "zero", vec![]),
        node("ReduceMean", &["image"], "mean", vec![Attribute::ints("axes", &[1])]),
        node("Add", &["mean", "zero"], "probability", vec![]),
    ]);
    model
}

fn scalar(name: &str, value: f32) -> onnx::Tensor {
    onnx::Tensor::floats(name, &[], &[value])
}

fn manifest(kind: Kind, name: &str, roles: &[OutputRole]) -> Manifest {
    let output = |role: &OutputRole| Output::new(format!("{role:?}").to_lowercase(), *role);
    Manifest {
        schema: SCHEMA,
        kind,
        name: name.into(),
        version: Version::new(1, 0, 0),
        licence: "MIT OR Apache-2.0".into(),
        trained_on: String::new(),
        metrics: BTreeMap::new(),
        inputs: vec![Input::new("image", InputRole::Image)],
        outputs: roles.iter().map(output).collect(),
        tile: Tile { size: 64, overlap: 16, multiple: 16 },
        long_side: None,
        threshold: 0.5,
        views: 1,
        mirror_scale: None,
    }
}
