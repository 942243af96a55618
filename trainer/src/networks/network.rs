//! A layer graph with parameters: the forward pass in libtorch.

use std::collections::HashMap;

use tch::{Kind, Tensor, nn};

use crate::networks::graph::{Graph, Node, Op};

/// Added to a variance before its root is taken.
pub const NORM_EPSILON: f64 = 1e-5;
const NORM_MOMENTUM: f64 = 0.1;

/// Parameters of one node by short name.
pub type Parameters = HashMap<&'static str, Tensor>;

/// A network: graph and parameters.
pub struct Network {
    /// The description.
    pub graph: Graph,
    parameters: Vec<Parameters>,
    /// None where nothing that is asked for depends on a node.
    last_reader: Vec<Option<usize>>,
    training_kind: Kind,
    fixed_statistics: bool,
}

/// How a network is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Statistics come from the batch and are averaged for later.
    Train,
    /// Statistics are those averaged in training.
    Evaluate,
}

impl Network {
    /// Makes the parameters under `path`: He-normal weights, zero biases, unit gains.
    pub fn new(path: &nn::Path, graph: Graph) -> Self {
        let parameters = graph.nodes.iter().map(|node| node_parameters(path, node)).collect();
        Network::with_parameters(graph, parameters)
    }

    /// Takes parameters as they are: by short name, for every node.
    pub fn with_parameters(graph: Graph, parameters: Vec<Parameters>) -> Self {
        let mut last_reader = vec![None; graph.nodes.len()];
        for (_, id) in &graph.outputs {
            last_reader[*id] = Some(usize::MAX);
        }
        for (id, node) in graph.nodes.iter().enumerate().rev() {
            if last_reader[id].is_some() {
                for &input in &node.inputs {
                    last_reader[input].get_or_insert(id);
                }
            }
        }
        Network { graph, parameters, last_reader, training_kind: Kind::Float, fixed_statistics: false }
    }

    /// Trains with convolutions in this kind of number, float32 unless told otherwise; weights, heads and evaluation
    /// stay in float32 (mixed precision, Micikevicius et al. 2018, arXiv:1710.03740; bfloat16 needs no loss scaling).
    pub fn training_in(mut self, kind: Kind) -> Self {
        self.training_kind = kind;
        self
    }

    /// Normalises by the statistics that are there in training too, and leaves them as they are.
    pub fn with_fixed_statistics(mut self) -> Self {
        self.fixed_statistics = true;
        self
    }

    /// A network that shares the parameters and whose results are what other nodes compute.
    pub fn showing(&self, nodes: impl Iterator<Item = usize>) -> Network {
        let mut graph = self.graph.clone();
        graph.outputs = nodes.map(|id| (graph.nodes[id].name.clone(), id)).collect();
        let shared = |own: &Parameters| own.iter().map(|(name, one)| (*name, one.shallow_clone())).collect();
        Network::with_parameters(graph, self.parameters.iter().map(shared).collect())
    }

    /// Parameters of a node.
    pub fn parameters(&self, node: usize) -> &Parameters {
        &self.parameters[node]
    }

    /// Runs what the results depend on; inputs and results in the graph's order.
    pub fn forward(&self, inputs: &[&Tensor], mode: Mode) -> Vec<Tensor> {
        let mut inputs = inputs.iter();
        let mut values: Vec<Option<Tensor>> = Vec::with_capacity(self.graph.nodes.len());
        for (id, node) in self.graph.nodes.iter().enumerate() {
            let value = match node.op {
                Op::Input | Op::SquareInput { .. } => {
                    Some(inputs.next().expect("one tensor per input").shallow_clone())
                }
                _ => self.last_reader[id].map(|_| {
                    let argument =
                        |&input: &usize| values[input].as_ref().expect("kept until its last reader");
                    let arguments: Vec<&Tensor> = node.inputs.iter().map(argument).collect();
                    self.compute(id, &arguments, mode)
                }),
            };
            values.push(value);
            for &input in &node.inputs {
                if self.last_reader[input] == Some(id) {
                    values[input] = None;
                }
            }
        }
        self.graph
            .outputs
            .iter()
            .map(|(_, id)| values[*id].as_ref().expect("outputs are kept").shallow_clone())
            .collect()
    }

    fn compute(&self, id: usize, x: &[&Tensor], mode: Mode) -> Tensor {
        let parameter = |name| self.parameters[id].get(name);
        let train = mode == Mode::Train;
        match &self.graph.nodes[id].op {
            Op::Input | Op::SquareInput { .. } => unreachable!("inputs are given"),
            Op::Conv(conv) => {
                let weight = self.weight(id, mode);
                self.in_training_kind(x[0], weight, parameter("bias"), train, |x, weight, bias| {
                    let (stride, padding, dilation) = (conv.stride, conv.padding(), conv.dilation);
                    x.conv2d(weight, bias, [stride; 2], [padding; 2], [dilation; 2], conv.groups)
                })
            }
            Op::ConvTranspose(conv) => {
                let weight = self.weight(id, mode);
                self.in_training_kind(x[0], weight, parameter("bias"), train, |x, weight, bias| {
                    let (stride, padding) = ([conv.stride; 2], [conv.padding(); 2]);
                    x.conv_transpose2d(weight, bias, stride, padding, [0; 2], 1, [1; 2])
                })
            }
            Op::Dense(_) => x[0].to_kind(Kind::Float).linear(&self.weight(id, mode), parameter("bias")),
            Op::ChannelAffine => {
                let of = |name| parameter(name).expect("made when the network was folded");
                x[0] * of("weight") + of("bias")
            }
            Op::BatchNorm => x[0].batch_norm(
                parameter("weight"),
                parameter("bias"),
                parameter("running_mean"),
                parameter("running_var"),
                train && !self.fixed_statistics,
                NORM_MOMENTUM,
                NORM_EPSILON,
                true,
            ),
            Op::Relu => x[0].relu(),
            Op::Relu6 => x[0].relu6(),
            // The binding's leaky_relu takes no slope.
            Op::LeakyRelu { .. } => x[0].prelu(parameter("slope").expect("made with the node")),
            Op::Sigmoid => x[0].sigmoid(),
            Op::Tanh => x[0].tanh(),
            Op::ChannelMean => x[0].mean_dim([1].as_slice(), true, None::<Kind>),
            Op::GlobalMean => x[0].mean_dim([2, 3].as_slice(), true, None::<Kind>),
            Op::Flatten { features } => x[0].reshape([-1, *features]),
            Op::Reshape { channels, side } => x[0].reshape([-1, *channels, *side, *side]),
            Op::Affine { scale, shift } => x[0] * *scale + *shift,
            Op::Clip => x[0].clamp(0.0, 1.0),
            Op::MaxFilter { side } => x[0].max_pool2d([*side; 2], [1; 2], [side / 2; 2], [1; 2], false),
            Op::MeanFilter { side } => {
                x[0].avg_pool2d([*side; 2], [1; 2], [side / 2; 2], false, false, None::<i64>)
            }
            Op::Halve => x[0].avg_pool2d([2; 2], [2; 2], [0; 2], true, false, None::<i64>),
            Op::Multiply => x[0] * x[1],
            Op::Divide => x[0] / x[1],
            Op::ResizeLike => {
                let size = x[1].size();
                x[0].upsample_bilinear2d([size[2], size[3]], false, None, None)
            }
            Op::Concat => Tensor::cat(x, 1),
            Op::Add => x[0] + x[1],
            Op::ReplaceNegative => x[1].where_self(&x[0].lt(0.0), x[0]),
        }
    }

    /// Computes in the kind of number that convolutions train in, or in float32 where nothing is trained.
    fn in_training_kind(
        &self,
        x: &Tensor,
        weight: Tensor,
        bias: Option<&Tensor>,
        train: bool,
        convolve: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Tensor,
    ) -> Tensor {
        let kind = if train { self.training_kind } else { Kind::Float };
        if kind == Kind::Float {
            return convolve(x, &weight, bias);
        }
        let low_bias = bias.map(|bias| bias.to_kind(kind));
        let result = convolve(&channels_last(&x.to_kind(kind)), &weight.to_kind(kind), low_bias.as_ref());
        // A convolution with a bias of its own is a head: no normalisation follows that would undo rounding.
        if bias.is_some() { result.to_kind(Kind::Float) } else { result }
    }

    /// The weight with which a convolution or a dense layer computes.
    pub fn weight(&self, id: usize, mode: Mode) -> Tensor {
        let weight = &self.parameters[id]["weight"];
        let Some(kept) = self.parameters[id].get("left") else { return weight.shallow_clone() };
        let matrix = weight.view([weight.size()[0], -1]);
        let (left, right) = tch::no_grad(|| {
            let mut kept = kept.shallow_clone();
            let right = unit(&matrix.tr().mv(&kept));
            let left = unit(&matrix.mv(&right));
            if mode == Mode::Train {
                kept.copy_(&left);
            }
            (left, right)
        });
        let sigma = left.dot(&matrix.mv(&right));
        weight / sigma
    }

    /// Draws the weights of all convolutions and dense layers again, normal with this standard deviation.
    pub fn draw_weights(&self, deviation: f64) {
        let _no_grad = tch::no_grad_guard();
        for (node, parameters) in self.graph.nodes.iter().zip(&self.parameters) {
            if matches!(node.op, Op::Conv(_) | Op::ConvTranspose(_) | Op::Dense(_)) {
                let _ = parameters["weight"].shallow_clone().normal_(0.0, deviation);
            }
        }
    }
}

/// The same values with the channels of a pixel side by side in memory, in which low precision is fastest.
fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

fn unit(vector: &Tensor) -> Tensor {
    vector / (vector.norm() + 1e-12)
}

fn node_parameters(path: &nn::Path, node: &Node) -> Parameters {
    let mut made = HashMap::new();
    let path = path / node.name.replace('.', "/");
    match &node.op {
        Op::Conv(conv) => {
            let inputs = conv.inputs / conv.groups;
            let shape = [conv.outputs, inputs, conv.kernel, conv.kernel];
            add_weight(&mut made, &path, &shape, inputs * conv.kernel * conv.kernel, conv.spectral);
            if conv.bias {
                made.insert("bias", path.zeros("bias", &[conv.outputs]));
            }
        }
        Op::ConvTranspose(conv) => {
            let shape = [conv.inputs, conv.outputs, conv.kernel, conv.kernel];
            let taps = conv.kernel * conv.kernel / (conv.stride * conv.stride);
            add_weight(&mut made, &path, &shape, conv.inputs * taps, false);
            if conv.bias {
                made.insert("bias", path.zeros("bias", &[conv.outputs]));
            }
        }
        Op::Dense(dense) => {
            add_weight(&mut made, &path, &[dense.outputs, dense.inputs], dense.inputs, dense.spectral);
            made.insert("bias", path.zeros("bias", &[dense.outputs]));
        }
        Op::BatchNorm => {
            // The binding's own default gain is uniform in 0 to 1; one is meant.
            made.insert("weight", path.ones("weight", &[node.channels]));
            made.insert("bias", path.zeros("bias", &[node.channels]));
            made.insert("running_mean", path.zeros_no_train("running_mean", &[node.channels]));
            made.insert("running_var", path.ones_no_train("running_var", &[node.channels]));
        }
        Op::LeakyRelu { slope } => {
            made.insert("slope", Tensor::from_slice(&[*slope as f32]).to_device(path.device()));
        }
        _ => {}
    }
    made
}

/// A He-normal weight (He et al. 2015, arXiv:1502.01852), of which each output sums up `fan_in` products, and what
/// spectral normalisation keeps from step to step.
fn add_weight(made: &mut Parameters, path: &nn::Path, shape: &[i64], fan_in: i64, spectral: bool) {
    made.insert("weight", path.randn("weight", shape, 0.0, (2.0 / fan_in as f64).sqrt()));
    if spectral {
        let ones = Tensor::ones([shape[0]], (Kind::Float, path.device()));
        made.insert("left", path.add("left", unit(&ones), false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::cures::StepRandom;
    use crate::networks::architectures::{Family, generator};

    #[test]
    fn fixed_statistics_serve_in_training_and_stay() {
        tch::manual_seed(3);
        let store = nn::VarStore::new(tch::Device::Cpu);
        let network = Network::new(&store.root(), crate::networks::architectures::segmenter(0.5));
        let picture = Tensor::rand([2, 3, 64, 64], (Kind::Float, tch::Device::Cpu));
        let run = |network: &Network, mode| network.forward(&[&picture], mode).remove(0);
        let largest = |difference: Tensor| difference.abs().max().double_value(&[]);
        tch::no_grad(|| {
            let by_batch = run(&network, Mode::Train);
            let evaluated = run(&network, Mode::Evaluate);
            assert!(largest(by_batch - &evaluated) > 1e-3);
            let network = network.with_fixed_statistics();
            assert_eq!(largest(run(&network, Mode::Train) - &evaluated), 0.0);
            assert_eq!(largest(run(&network, Mode::Evaluate) - &evaluated), 0.0);
        });
    }

    #[test]
    fn what_no_result_depends_on_is_not_computed() {
        let mut graph = Graph::default();
        let [a, b] = ["a", "b"].map(|name| graph.input(name, 1));
        let kept = graph.push(Op::Relu, &[a]);
        let joined = graph.push(Op::Concat, &[kept, b]);
        graph.output("joined", joined);
        let store = nn::VarStore::new(tch::Device::Cpu);
        let network = Network::new(&store.root(), graph).showing([kept].into_iter());
        // These cannot be joined.
        let [one, other] =
            [[1, 1, 2, 2], [1, 1, 3, 3]].map(|size| Tensor::ones(size, (Kind::Float, tch::Device::Cpu)));
        assert_eq!(network.forward(&[&one, &other], Mode::Evaluate), [one]);
    }

    #[test]
    fn low_precision_changes_results_and_gradients_little() {
        let store = nn::VarStore::new(tch::Device::Cpu);
        let mut network = Network::new(&store.root(), generator(Family::Unet, 1.0, 0.25));
        // Numbers of its own: libtorch's generator is shared with the tests beside this one.
        let mut random = StepRandom::new(4, 0);
        let mut drawn: Vec<(String, Tensor)> = store.variables().into_iter().collect();
        drawn.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, mut weight) in drawn.into_iter().filter(|(_, weight)| weight.dim() == 4) {
            let size = weight.size();
            let fan_in = size[1..].iter().product::<i64>() as f64;
            tch::no_grad(|| weight.copy_(&(random.normal(&size) * (2.0 / fan_in).sqrt())));
        }
        let mut picture = |channels: i64, side: i64| random.uniform(&[4, channels, side, side]);
        let sides = [(3, 64), (1, 64), (1, 64), (8, 16), (8, 8), (32, 4)];
        let inputs = sides.map(|(channels, side)| picture(channels, side));
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let mut results = vec![];
        for kind in [Kind::Float, Kind::BFloat16] {
            network = network.training_in(kind);
            let fill = network.forward(&inputs, Mode::Train).remove(0);
            assert_eq!(fill.kind(), Kind::Float);
            // The mean alone would not do: a normalisation before it takes its gradient away.
            (&fill - inputs[0]).square().mean(Kind::Float).backward();
            let mut weights: Vec<(String, Tensor)> =
                store.variables().into_iter().filter(|(name, _)| name.ends_with("weight")).collect();
            weights.sort_by(|a, b| a.0.cmp(&b.0));
            let gradients: Vec<Tensor> =
                weights.iter().map(|(_, weight)| weight.grad().copy().flatten(0, -1)).collect();
            for (_, mut weight) in store.variables() {
                if weight.grad().defined() {
                    weight.zero_grad();
                }
            }
            results.push((fill, Tensor::cat(&gradients, 0)));
        }
        let difference = (&results[0].0 - &results[1].0).abs().max().double_value(&[]);
        assert!(difference > 0.0, "the convolutions ran in float32 both times");
        assert!(difference < 0.1, "{difference}");
        let (a, b) = (&results[0].1, &results[1].1);
        let cosine = (a.dot(b) / (a.norm() * b.norm())).double_value(&[]);
        println!("cosine {cosine}");
        // 0.97 to 0.99, by weights and processor; thin layers, which bfloat16 does not suit, come to 0.6 and less.
        assert!(cosine > 0.95, "the gradients point elsewhere: {cosine}");
    }
}
