//! The form of a network that is exported: batch normalisations folded into the convolutions before them, weights
//! rounded to what the file stores.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use crate::networks::graph::{Conv, ConvTranspose, Dense, Graph, Node, NodeId, Op};
use crate::networks::network::{Mode, NORM_EPSILON, Network, Parameters};

/// In what form weights are stored; the network computes in float32 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightStorage {
    /// Four bytes a weight.
    Float32,
    /// Two bytes a weight, widened when the model is loaded.
    Float16,
}

/// A network ready for export, on the CPU.
pub struct FoldedNetwork {
    /// Computes what the file will compute.
    pub network: Network,
    /// How its weights are stored.
    pub storage: WeightStorage,
}

impl FoldedNetwork {
    /// Folds and rounds a trained network.
    pub fn new(trained: &Network, storage: WeightStorage) -> Self {
        let _no_grad = tch::no_grad_guard();
        let mut graph = Graph::default();
        let mut parameters = vec![];
        let mut place = Vec::with_capacity(trained.graph.nodes.len());
        for (id, node) in trained.graph.nodes.iter().enumerate() {
            if node.op == Op::BatchNorm && takes_in(&trained.graph, node.inputs[0]) == Some(id) {
                place.push(place[node.inputs[0]]);
                continue;
            }
            let inputs = node.inputs.iter().map(|&input| place[input]).collect();
            let (op, own) = match &node.op {
                Op::BatchNorm => (Op::ChannelAffine, channel_affine(trained, id, storage)),
                Op::Conv(conv) => {
                    let own = folded_layer(trained, id, 0, storage);
                    let bias = own.contains_key("bias");
                    (Op::Conv(Conv { bias, spectral: false, ..conv.clone() }), own)
                }
                Op::ConvTranspose(conv) => {
                    let own = folded_layer(trained, id, 1, storage);
                    let bias = own.contains_key("bias");
                    (Op::ConvTranspose(ConvTranspose { bias, ..conv.clone() }), own)
                }
                Op::Dense(dense) => {
                    let own = folded_layer(trained, id, 0, storage);
                    (Op::Dense(Dense { spectral: false, ..dense.clone() }), own)
                }
                other => (other.clone(), copies(trained.parameters(id))),
            };
            graph.nodes.push(Node { op, inputs, ..node.clone() });
            parameters.push(own);
            place.push(graph.nodes.len() - 1);
        }
        graph.outputs = trained.graph.outputs.iter().map(|(name, id)| (name.clone(), place[*id])).collect();
        FoldedNetwork { network: Network::with_parameters(graph, parameters), storage }
    }
}

/// The normalisation that a convolution can take in: the only reader of what it computes.
fn takes_in(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let convolves = matches!(graph.nodes[id].op, Op::Conv(_) | Op::ConvTranspose(_));
    let seen_elsewhere = graph.outputs.iter().any(|(_, output)| *output == id);
    let mut readers = graph.readers(id);
    let only = readers.next().filter(|_| convolves && !seen_elsewhere && readers.next().is_none());
    only.filter(|&reader| graph.nodes[reader].op == Op::BatchNorm)
}

/// Factor and summand of each channel that a normalisation makes of its averaged statistics, in double precision.
fn gain_and_shift(trained: &Network, norm: NodeId) -> (Tensor, Tensor) {
    let of_norm = |name| double(&trained.parameters(norm)[name]);
    let gain = of_norm("weight") / (of_norm("running_var") + NORM_EPSILON).sqrt();
    let shift = of_norm("bias") - of_norm("running_mean") * &gain;
    (gain, shift)
}

fn channel_affine(trained: &Network, norm: NodeId, storage: WeightStorage) -> Parameters {
    let (gain, shift) = gain_and_shift(trained, norm);
    let shape = [-1, 1, 1];
    HashMap::from([
        ("weight", stored(gain.view(shape), storage)),
        ("bias", stored(shift.view(shape), storage)),
    ])
}

/// Weight and bias of a layer, with the normalisation that it takes in; `outputs` is the dimension of the weight that
/// counts the channels of the result.
fn folded_layer(trained: &Network, id: NodeId, outputs: usize, storage: WeightStorage) -> Parameters {
    let mut weight = double(&trained.weight(id, Mode::Evaluate));
    let mut bias = trained.parameters(id).get("bias").map(double);
    if let Some(norm) = takes_in(&trained.graph, id) {
        let (gain, shift) = gain_and_shift(trained, norm);
        let mut shape = vec![1; weight.dim()];
        shape[outputs] = -1;
        weight *= gain.view(&shape[..]);
        bias = Some(bias.map_or_else(|| gain.zeros_like(), |bias| bias * &gain) + shift);
    }
    let mut parameters = HashMap::from([("weight", stored(weight, storage))]);
    if let Some(bias) = bias {
        parameters.insert("bias", stored(bias, storage));
    }
    parameters
}

fn stored(tensor: Tensor, storage: WeightStorage) -> Tensor {
    match storage {
        WeightStorage::Float32 => tensor.to_kind(Kind::Float),
        WeightStorage::Float16 => tensor.to_kind(Kind::Half).to_kind(Kind::Float),
    }
}

fn double(tensor: &Tensor) -> Tensor {
    tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double)
}

fn copies(parameters: &Parameters) -> Parameters {
    parameters.iter().map(|(name, tensor)| (*name, tensor.detach().to_device(Device::Cpu))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::architectures::{
        AlphaRamp, Family, PatchDiscriminator, derust, discriminator, segmenter,
    };
    use tch::nn;

    #[test]
    fn a_folded_network_computes_the_same() {
        tch::manual_seed(3);
        let ramp = AlphaRamp { from: 0.4, to: 0.6, grown: 2 };
        for graph in [
            segmenter(0.25),
            derust(Family::Unet, 0.25, 1.0, ramp),
            discriminator(PatchDiscriminator::default()),
        ] {
            let store = nn::VarStore::new(Device::Cpu);
            let network = Network::new(&store.root(), graph);
            let options = (Kind::Float, Device::Cpu);
            let inputs: Vec<Tensor> = network
                .graph
                .inputs()
                .map(|id| Tensor::rand([2, network.graph.channels(id), 48, 40], options))
                .collect();
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            // A training step's pass moves the running statistics away from where they start.
            tch::no_grad(|| network.forward(&inputs, Mode::Train));
            let expected = network.forward(&inputs, Mode::Evaluate);
            let distance = |storage| {
                let folded = FoldedNetwork::new(&network, storage).network;
                assert!(folded.graph.nodes.iter().all(|node| node.op != Op::BatchNorm));
                (&folded.forward(&inputs, Mode::Evaluate)[0] - &expected[0]).abs().max().double_value(&[])
            };
            assert!(distance(WeightStorage::Float32) < 1e-4);
            assert!(distance(WeightStorage::Float16) > 0.0);
        }
    }

    #[test]
    fn a_convolution_that_others_read_too_keeps_its_own_weights() {
        tch::manual_seed(3);
        let mut graph = Graph::default();
        let image = graph.input("image", 2);
        let convolved = graph.conv(image, 3, 3);
        let normal = graph.push(Op::BatchNorm, &[convolved]);
        let sum = graph.push(Op::Add, &[convolved, normal]);
        graph.output("sum", sum);
        let store = nn::VarStore::new(Device::Cpu);
        let network = Network::new(&store.root(), graph);
        let picture = Tensor::rand([2, 2, 9, 7], (Kind::Float, Device::Cpu));
        tch::no_grad(|| network.forward(&[&picture], Mode::Train));
        let folded = FoldedNetwork::new(&network, WeightStorage::Float32).network;
        let of = |network: &Network| network.forward(&[&picture], Mode::Evaluate).remove(0);
        assert!((of(&folded) - of(&network)).abs().max().double_value(&[]) < 1e-5);
    }
}
