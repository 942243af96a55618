//! Static quantisation: which layers compute in whole numbers, and with which scales (Jacob et al. 2018,
//! arXiv:1712.05877; Nagel et al. 2021, arXiv:2106.08295).

use std::collections::{BTreeSet, HashMap};

use tch::{Kind, Tensor};

use super::activations::{Activation, observe};
use crate::networks::graph::{Conv, Graph, NodeId, Op};
use crate::networks::network::Network;

/// The largest number that stands for a weight. Of the 127 that there are, half: the sum of two products with a number
/// of eight bits then fits into sixteen, which is all that processors without VNNI have for it.
const LARGEST_WEIGHT: f32 = 64.0;

/// How a network computes in whole numbers.
pub struct Quantisation {
    /// The scale of the result of each node that is rounded.
    pub activations: HashMap<NodeId, Activation>,
    /// The convolutions in whole numbers.
    pub layers: HashMap<NodeId, Layer>,
}

/// A convolution in whole numbers.
pub struct Layer {
    /// Weights, with a scale for each channel of the output.
    pub weight: WholeParameter,
    /// Summands, with the scale of the products.
    pub bias: WholeParameter,
}

/// Whole numbers, each of which stands for itself times the scale of its row.
pub struct WholeParameter {
    /// The numbers.
    pub numbers: WholeNumbers,
    /// A scale for each row.
    pub scales: Vec<f32>,
}

/// Whole numbers of one size.
pub enum WholeNumbers {
    /// Of eight bits, in a tensor of this shape.
    Bytes(Vec<i64>, Vec<i8>),
    /// Of 32 bits, in a row.
    Ints(Vec<i32>),
}

impl WholeNumbers {
    /// A row of zeros of the same size.
    pub fn zeros(&self, count: usize) -> Self {
        match self {
            WholeNumbers::Bytes(..) => WholeNumbers::Bytes(vec![count as i64], vec![0; count]),
            WholeNumbers::Ints(_) => WholeNumbers::Ints(vec![0; count]),
        }
    }
}

/// Chooses scales for a folded network from what passes through it on pictures, one set of inputs each.
///
/// The convolutions that make the outputs stay in float32: what they lose nothing makes good again.
pub fn quantise(network: &Network, pictures: &[Vec<Tensor>]) -> Quantisation {
    let graph = &network.graph;
    let layers: Vec<(NodeId, &Conv)> = graph
        .nodes
        .iter()
        .enumerate()
        .filter_map(|(id, node)| match &node.op {
            Op::Conv(conv) if !is_last(graph, id) => Some((id, conv)),
            _ => None,
        })
        .collect();
    let rounded = rounded_nodes(graph, &layers.iter().map(|(id, _)| *id).collect());
    let rounded: Vec<NodeId> = rounded.into_iter().collect();
    let values = observe(network, &rounded, pictures);
    let mut activations = HashMap::new();
    for id in &rounded {
        let node = &graph.nodes[*id];
        // A picture between two of its sizes has no new values; one scale lets whole numbers through.
        let same = match node.op {
            Op::ResizeLike => activations.get(&node.inputs[0]).copied(),
            _ => None,
        };
        activations.insert(*id, same.unwrap_or_else(|| values[id].activation()));
    }
    let layers = layers.into_iter().map(|(id, conv)| {
        let input = graph.nodes[id].inputs[0];
        (id, quantised_layer(network, id, conv, activations[&input], &values[&input].channel_means))
    });
    Quantisation { layers: layers.collect(), activations }
}

/// Whether no other convolution comes between this one and an output.
fn is_last(graph: &Graph, id: NodeId) -> bool {
    let is_output = graph.outputs.iter().any(|(_, output)| *output == id);
    is_output
        || graph
            .readers(id)
            .any(|reader| !matches!(graph.nodes[reader].op, Op::Conv(_)) && is_last(graph, reader))
}

/// The nodes whose results are rounded to eight bits: what the convolutions read and write, and what is made of
/// nothing else.
fn rounded_nodes(graph: &Graph, layers: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let mut rounded: BTreeSet<NodeId> = layers.iter().map(|id| graph.nodes[*id].inputs[0]).collect();
    for (id, node) in graph.nodes.iter().enumerate() {
        let reads = match node.op {
            Op::Add | Op::Concat => &node.inputs[..],
            Op::ResizeLike => &node.inputs[..1],
            _ => &[],
        };
        let of_rounded = !reads.is_empty() && reads.iter().all(|input| rounded.contains(input));
        if layers.contains(&id) || of_rounded {
            rounded.insert(rectified(graph, id));
        }
    }
    rounded
}

/// The rectifier behind a node, into which its rounding is taken, or the node itself.
fn rectified(graph: &Graph, id: NodeId) -> NodeId {
    let mut readers = graph.readers(id);
    let only = readers.next().filter(|_| readers.next().is_none());
    only.filter(|&reader| matches!(graph.nodes[reader].op, Op::Relu | Op::Relu6)).unwrap_or(id)
}

fn quantised_layer(
    network: &Network,
    id: NodeId,
    conv: &Conv,
    input: Activation,
    input_means: &[f64],
) -> Layer {
    let parameters = network.parameters(id);
    let weights = floats(&parameters["weight"]);
    let outputs = conv.outputs as usize;
    let biases = parameters.get("bias").map_or_else(|| vec![0.0; outputs], floats);
    let (taps, of_group) = ((conv.kernel * conv.kernel) as usize, (conv.inputs / conv.groups) as usize);
    let mut scales = vec![];
    let (mut whole, mut whole_biases) = (vec![], vec![]);
    for (output, row) in weights.chunks(taps * of_group).enumerate() {
        let largest = row.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
        // The bias has to fit into 32 bits.
        let least = biases[output].abs() / (input.scale * (1 << 30) as f32);
        let scale = (largest / LARGEST_WEIGHT).max(least).max(1e-12);
        let numbers: Vec<i8> = row.iter().map(|weight| (weight / scale).round() as i8).collect();
        // What the rounding takes away on average goes into the bias (Nagel et al. 2019, arXiv:1906.04721).
        let first = output / (outputs / conv.groups as usize) * of_group;
        let lost = row.iter().zip(&numbers).enumerate().map(|(i, (weight, number))| {
            f64::from(weight - f32::from(*number) * scale) * input_means[first + i / taps]
        });
        let bias = f64::from(biases[output]) + lost.sum::<f64>();
        whole_biases.push((bias / f64::from(scale * input.scale)).round() as i32);
        whole.extend(numbers);
        scales.push(scale);
    }
    let shape = vec![conv.outputs, of_group as i64, conv.kernel, conv.kernel];
    let of_products = scales.iter().map(|scale| scale * input.scale).collect();
    Layer {
        weight: WholeParameter { numbers: WholeNumbers::Bytes(shape, whole), scales },
        bias: WholeParameter { numbers: WholeNumbers::Ints(whole_biases), scales: of_products },
    }
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.to_kind(Kind::Float).contiguous().view([-1])).expect("a flat float tensor")
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn};

    use super::*;
    use crate::networks::architectures::segmenter;
    use crate::networks::fold::{FoldedNetwork, WeightStorage};
    use crate::networks::network::Mode;

    #[test]
    fn whole_numbers_stand_for_the_weights_and_what_lies_between_layers_is_rounded() {
        tch::manual_seed(8);
        let store = nn::VarStore::new(Device::Cpu);
        let network = Network::new(&store.root(), segmenter(0.25));
        let picture = || Tensor::rand([1, 3, 64, 64], (Kind::Float, Device::Cpu));
        tch::no_grad(|| network.forward(&[&Tensor::cat(&[picture(), picture()], 0)], Mode::Train));
        let folded = FoldedNetwork::new(&network, WeightStorage::Float32).network;
        let quantisation = quantise(&folded, &[vec![picture()], vec![picture()]]);

        let convolutions = folded.graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv(_))).count();
        assert_eq!(quantisation.layers.len(), convolutions - 1, "all but the one that makes the output");
        for (id, layer) in &quantisation.layers {
            let WholeNumbers::Bytes(shape, numbers) = &layer.weight.numbers else { panic!("no bytes") };
            let weights = floats(&folded.parameters(*id)["weight"]);
            assert_eq!(folded.parameters(*id)["weight"].size(), *shape);
            assert!(numbers.iter().all(|number| number.unsigned_abs() <= LARGEST_WEIGHT as u8));
            let row = numbers.len() / layer.weight.scales.len();
            for (i, (weight, number)) in weights.iter().zip(numbers).enumerate() {
                let scale = layer.weight.scales[i / row];
                assert!((weight - f32::from(*number) * scale).abs() <= scale * 0.501);
            }
            assert!(quantisation.activations.contains_key(&folded.graph.nodes[*id].inputs[0]));
        }
        // A rectifier is taken into the rounding behind it, so no convolution before one is rounded itself.
        for (id, node) in folded.graph.nodes.iter().enumerate() {
            let rectified = folded.graph.readers(id).any(|reader| folded.graph.nodes[reader].op == Op::Relu6);
            assert!(!(rectified && quantisation.activations.contains_key(&id)), "{}", node.name);
        }
    }
}
