//! Whether ONNX Runtime computes from a model file what libtorch computes from the weights.

use anyhow::{Context, Result, ensure};
use derust_engine::runtime::{Runtime, Session, SessionOptions};
use ndarray::{ArrayD, IxDyn};
use tch::{Device, Kind, Tensor};

use crate::networks::architectures::names;
use crate::networks::graph::Op;
use crate::networks::network::{Mode, Network};

/// Largest difference of any output value that passes in float32.
pub const TOLERANCE: f64 = 1e-4;
/// The same in float16.
pub const HALF_TOLERANCE: f64 = 2e-2;

/// Batch, height and width of the pictures that are compared; the odd ones fit no multiple of the network's strides.
const SIZES: [[i64; 3]; 3] = [[1, 128, 128], [2, 133, 97], [1, 17, 250]];

/// Runs both on random pictures and returns the largest difference.
///
/// # Errors
/// When ONNX Runtime is not there, refuses the file, or differs by more than `tolerance`.
pub fn check(network: &Network, onnx: &[u8], tolerance: f64) -> Result<f64> {
    let largest = difference(network, onnx)?;
    ensure!(
        largest <= tolerance,
        "ONNX Runtime and libtorch differ by {largest:.1e}, more than {tolerance:.0e}; no file was written"
    );
    Ok(largest)
}

/// The largest difference between what ONNX Runtime computes from a file and libtorch from a network, on random
/// pictures.
///
/// # Errors
/// When ONNX Runtime is not there or refuses the file, or an output is missing or has another shape.
pub fn difference(network: &Network, onnx: &[u8]) -> Result<f64> {
    let _no_grad = tch::no_grad_guard();
    let mut file = FileNetwork::load(onnx)?;
    let names: Vec<&str> = network.graph.outputs.iter().map(|(name, _)| name.as_str()).collect();
    let mut largest = 0.0f64;
    for size in SIZES {
        for mask in [Mask::FindYourself, Mask::Given] {
            let inputs = random_inputs(network, size, mask);
            let expected =
                network.forward(&inputs.iter().map(|(_, t)| t).collect::<Vec<_>>(), Mode::Evaluate);
            for ((output, expected), name) in file.run(&inputs, &names)?.iter().zip(expected).zip(&names) {
                ensure!(
                    output.size() == expected.size(),
                    "output {name} has shape {:?} in ONNX Runtime and {:?} in libtorch",
                    output.size(),
                    expected.size()
                );
                // A maximum would leave out what is no number.
                let difference = (output - &expected).abs().nan_to_num(f64::MAX, f64::MAX, f64::MAX);
                largest = largest.max(difference.max().double_value(&[]));
            }
        }
    }
    Ok(largest)
}

/// A network in a model file, run by ONNX Runtime.
pub struct FileNetwork {
    session: Session,
}

impl FileNetwork {
    /// Loads the content of a file.
    ///
    /// # Errors
    /// When ONNX Runtime is not there or refuses the file.
    pub fn load(onnx: &[u8]) -> Result<Self> {
        let runtime =
            Runtime::load(None).context("the exported model cannot be checked without ONNX Runtime")?;
        Ok(FileNetwork { session: runtime.session(onnx, &SessionOptions::default())? })
    }

    /// The outputs of these names, for inputs by name.
    ///
    /// # Errors
    /// When it fails or has no such output.
    pub fn run(&mut self, inputs: &[(&str, Tensor)], outputs: &[&str]) -> Result<Vec<Tensor>> {
        let arrays: Vec<(&str, ArrayD<f32>)> =
            inputs.iter().map(|(name, tensor)| Ok((*name, to_array(tensor)?))).collect::<Result<_>>()?;
        let views: Vec<_> = arrays.iter().map(|(name, array)| (*name, array.view())).collect();
        let made = self.session.run(&views)?;
        let find = |name: &&str| {
            let array = made.get(*name).with_context(|| format!("the model has no output {name}"))?;
            let shape: Vec<i64> = array.shape().iter().map(|side| *side as i64).collect();
            let values: Vec<f32> = array.iter().copied().collect();
            Ok(Tensor::from_slice(&values).view(&shape[..]))
        };
        outputs.iter().map(find).collect()
    }
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
            let (height, width) = match graph.nodes[id].op {
                Op::SquareInput { side } => (side, side),
                _ => (height, width),
            };
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

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use derust_engine::models::inspect;
    use derust_manifest::{Input, InputRole, Kind as ModelKind, Manifest, Output, OutputRole, SCHEMA, Tile};
    use tch::nn;

    use super::*;
    use crate::model_file::onnx::{Form, encode};
    use crate::networks::architectures::*;
    use crate::networks::fold::{FoldedNetwork, WeightStorage};
    use crate::networks::graph::Graph;

    fn manifest(kind: ModelKind, graph: &Graph) -> Manifest {
        let role = |name: &str| match name {
            names::MASK => InputRole::Mask,
            names::NOISE => InputRole::Noise,
            _ => InputRole::Image,
        };
        let inputs = graph.inputs().map(|id| graph.nodes[id].name.clone());
        let outputs = graph.outputs.iter().filter_map(|(name, _)| match name.as_str() {
            names::PROBABILITY => Some(Output::new(name, OutputRole::Probability)),
            names::FILL | names::TEXTURE => Some(Output::new(name, OutputRole::Rgb)),
            names::ALPHA => Some(Output::new(name, OutputRole::Alpha)),
            names::LOGITS if kind == ModelKind::SegmentRust => Some(Output {
                classes: ["background", "rust", "paint"].map(String::from).to_vec(),
                rust: vec!["rust".into()],
                ..Output::new(name, OutputRole::Classes)
            }),
            _ => None,
        });
        Manifest {
            schema: SCHEMA,
            kind,
            name: "test".into(),
            version: semver::Version::new(1, 0, 0),
            licence: String::new(),
            trained_on: String::new(),
            metrics: Default::default(),
            inputs: inputs.map(|name| Input::new(name.clone(), role(&name))).collect(),
            outputs: outputs.collect(),
            tile: Tile::default(),
            long_side: None,
            threshold: 0.5,
            views: 1,
            mirror_scale: None,
        }
    }

    /// One of each network that is exported.
    fn models() -> Vec<(ModelKind, Graph)> {
        let ramp = AlphaRamp { from: 0.4, to: 0.6, grown: 2 };
        let size = TextureSize { side: 32, noise: 20, channels: 8 };
        let patches = PatchDiscriminator { inputs: 3, norm: true, spectral: true };
        let mut models = vec![
            (ModelKind::SegmentRust, segmenter(0.25)),
            (ModelKind::SegmentRust, class_segmenter(0.25, 3)),
            (ModelKind::SegmentRust, detector(patches, -2.0, 0.1)),
            (ModelKind::RustTexture, texture_generator(size)),
            (ModelKind::RustGrade, grader(0.25, 4)),
        ];
        for family in Family::value_variants() {
            models.push((ModelKind::Derust, derust(*family, 0.25, 1.0, ramp)));
            models.push((ModelKind::Derust, translator(*family, 1.0)));
        }
        models
    }

    #[test]
    fn onnx_runtime_computes_what_libtorch_computes_and_inspection_lets_every_network_in() {
        tch::manual_seed(5);
        tch::set_num_threads(1);
        for (kind, graph) in models() {
            let store = nn::VarStore::new(Device::Cpu);
            let network = Network::new(&store.root(), graph);
            // Two passes move the running statistics and the singular vectors away from where they start.
            for size in [[2, 64, 48], [2, 40, 72]] {
                let inputs = random_inputs(&network, size, Mask::Given);
                let inputs: Vec<&Tensor> = inputs.iter().map(|(_, tensor)| tensor).collect();
                tch::no_grad(|| network.forward(&inputs, Mode::Train));
            }
            for (storage, form, tolerance) in [
                (WeightStorage::Float32, Form::Float32, TOLERANCE),
                (WeightStorage::Float16, Form::Float32, TOLERANCE),
                (WeightStorage::Float16, Form::Float16, HALF_TOLERANCE),
            ] {
                let folded = FoldedNetwork::new(&network, storage);
                let onnx = encode(&folded, form, &manifest(kind, &network.graph));
                if let Err(error) = check(&folded.network, &onnx, tolerance) {
                    panic!("{kind} of {:?}: {error:#}", network.graph.outputs);
                }
                // Textures are the trainer's own: no filter has noise to feed.
                if kind != ModelKind::RustTexture
                    && let Err(error) = inspect(&onnx, None)
                {
                    panic!("{kind} of {:?}: {error}", network.graph.outputs);
                }
            }
        }
    }
}
