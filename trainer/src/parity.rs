//! Whether ONNX Runtime computes from a model file what libtorch computes from the weights.

use anyhow::{Context, Result, ensure};
use derust_engine::runtime::{Runtime, SessionOptions};
use ndarray::{ArrayD, IxDyn};
use tch::{Device, Kind, Tensor};

use crate::architectures::names;
use crate::network::{Mode, Network};

/// Largest difference of any output value that passes.
pub const TOLERANCE: f64 = 1e-4;

/// Batch, height and width of the pictures that are compared; the odd ones fit no multiple of the network's strides.
const SIZES: [[i64; 3]; 3] = [[1, 128, 128], [2, 133, 97], [1, 17, 250]];

/// Runs both on random pictures and returns the largest difference.
///
/// # Errors
/// When ONNX Runtime is not there, refuses the file, or differs by more than [`TOLERANCE`].
pub fn check(network: &Network, onnx: &[u8]) -> Result<f64> {
    let _no_grad = tch::no_grad_guard();
    let runtime = Runtime::load(None).context("the exported model cannot be checked without ONNX Runtime")?;
    let mut session = runtime.session(onnx, &SessionOptions::default())?;
    let mut largest = 0.0f64;
    for size in SIZES {
        for mask in [Mask::FindYourself, Mask::Given] {
            let inputs = random_inputs(network, size, mask);
            let expected =
                network.forward(&inputs.iter().map(|(_, t)| t).collect::<Vec<_>>(), Mode::Evaluate);
            let arrays: Vec<(&str, ArrayD<f32>)> =
                inputs.iter().map(|(name, tensor)| Ok((*name, to_array(tensor)?))).collect::<Result<_>>()?;
            let views: Vec<_> = arrays.iter().map(|(name, array)| (*name, array.view())).collect();
            let outputs = session.run(&views)?;
            for ((name, _), expected) in network.graph.outputs.iter().zip(expected) {
                let expected = to_array(&expected)?;
                let output = outputs.get(name).with_context(|| format!("the model has no output {name}"))?;
                ensure!(
                    output.shape() == expected.shape(),
                    "output {name} has shape {:?} in ONNX Runtime and {:?} in libtorch",
                    output.shape(),
                    expected.shape()
                );
                let difference = output.iter().zip(&expected).map(|(a, b)| f64::from((a - b).abs()));
                largest = difference.fold(largest, f64::max);
            }
        }
    }
    ensure!(
        largest <= TOLERANCE,
        "ONNX Runtime {} and libtorch differ by {largest:.1e}, more than {TOLERANCE:.0e}; no file was written",
        runtime.version()
    );
    Ok(largest)
}

#[derive(Clone, Copy)]
enum Mask {
    FindYourself,
    Given,
}

fn random_inputs(network: &Network, [batch, height, width]: [i64; 3], mask: Mask) -> Vec<(&str, Tensor)> {
    let options = (Kind::Float, Device::Cpu);
    let graph = &network.graph;
    graph
        .inputs()
        .map(|id| {
            let shape = [batch, graph.channels(id), height, width];
            let name = graph.nodes[id].name.as_str();
            let values = match (name, mask) {
                (names::MASK, Mask::FindYourself) => -Tensor::ones(shape, options),
                _ => Tensor::rand(shape, options),
            };
            (name, values)
        })
        .collect()
}

fn to_array(tensor: &Tensor) -> Result<ArrayD<f32>> {
    let shape: Vec<usize> = tensor.size().iter().map(|side| *side as usize).collect();
    let values = Vec::<f32>::try_from(tensor.contiguous().view([-1]))?;
    Ok(ArrayD::from_shape_vec(IxDyn(&shape), values)?)
}
