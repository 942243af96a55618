//! Weights out of a model file, so that a training can begin where a shipped network ended, with no run at hand.
//!
//! In a model file every normalisation is folded into the convolution before it ([`crate::fold`]). The training network
//! has it back: [`Weights::restore`] makes it the identity plus the folded bias, and [`restore_statistics`] then gives it
//! the statistics of real batches, and gain and bias that undo them, so that the network computes the same in training.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use derust_engine::models::{ModelError, ModelFile};
use derust_manifest::onnx::{self, Attribute, Node, data_type};
use derust_manifest::{Kind, Manifest};
use half::f16;
use prost::Message;
use tch::{Device, Tensor, nn};

use crate::architectures::segmenter;
use crate::checkpoint::Checkpoint;
use crate::data::batches::{Samples, stack};
use crate::graph::{Conv, Graph, NodeId, Op};
use crate::network::{Mode, NORM_EPSILON, Network};
use crate::run::files;

/// Which of the networks that a model file can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The segmentation network: a segment-rust model, or the first stage of a derust model.
    Find,
    /// The generator: the second stage of a derust model.
    Fill,
}

/// The convolutions of one network out of a model file, in the order in which they are computed.
pub struct Weights {
    convolutions: Vec<Convolution>,
    manifest: Manifest,
    /// The file's name, for errors.
    file: String,
}

struct Convolution {
    name: String,
    /// `[outputs, inputs of a group, height, width]`.
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    dilation: i64,
    groups: i64,
}

impl Weights {
    /// Reads a network out of a model file that this trainer has exported.
    ///
    /// # Errors
    /// When the file cannot be read, is no model that derust would run, or does not hold such a network.
    pub fn read(path: &Path, part: Part) -> Result<Self> {
        let file = path.display().to_string();
        let (manifest, bytes) = path
            .canonicalize()
            .map_err(ModelError::from)
            .and_then(|target| ModelFile::read(target.parent().unwrap_or(&target), &target))
            .and_then(|read| Ok((read.inspect()?.manifest, read.onnx)))
            .with_context(|| format!("the model file {file} cannot be used"))?;
        let model = onnx::Model::decode(&bytes[..]).with_context(|| format!("{file} is no ONNX file"))?;
        let graph = model.graph.with_context(|| format!("{file} holds no network"))?;
        let prefix = match (manifest.kind, part) {
            (Kind::SegmentRust, Part::Find) => "",
            (Kind::Derust, Part::Find) => "find.",
            (Kind::Derust, Part::Fill) => "fill.",
            (kind, Part::Find) => bail!("{file} is a {kind} model: nothing in it finds rust"),
            (kind, Part::Fill) => {
                bail!("{file} is a {kind} model: nothing in it fills the place of rust; name a derust model")
            }
        };
        let nodes = graph.node.iter().filter(|node| node.op_type == "Conv");
        let nodes = nodes.filter(|node| node.output.iter().any(|name| name.starts_with(prefix)));
        let convolutions: Vec<Convolution> = nodes
            .map(|node| Convolution::read(&graph, node))
            .collect::<Result<_>>()
            .with_context(|| format!("the weights in {file} cannot be read"))?;
        ensure!(
            !convolutions.is_empty(),
            "{file} holds no convolutions{}: derust-trainer did not export it",
            if prefix.is_empty() { String::new() } else { format!(" under `{prefix}`") }
        );
        Ok(Weights { convolutions, manifest, file })
    }

    /// Width of the segmentation network in the file.
    ///
    /// # Errors
    /// When the file's network is another one.
    pub fn segmenter_width(&self) -> Result<f64> {
        // The first convolution has 32 channels at width 1, in steps of 8; between two steps the others decide.
        let outputs = self.convolutions[0].weight.size()[0] as f64;
        let near =
            (-16..=16).map(|step| outputs / 32.0 + f64::from(step) / 128.0).filter(|width| *width > 0.0);
        let mut widths: Vec<f64> = near.collect();
        widths.sort_by_key(|width| ((width - outputs / 32.0).abs() * 1024.0) as i64);
        let fitting = widths.iter().find(|width| self.misfit(&segmenter(**width)).is_none());
        let width = fitting.copied().unwrap_or(outputs / 32.0);
        self.check(&segmenter(width))?;
        Ok(width)
    }

    /// Copies the weights into a network; its normalisations become the identity plus the folded bias.
    ///
    /// # Errors
    /// When the network has other convolutions than the file.
    pub fn restore(&self, network: &Network) -> Result<()> {
        self.check(&network.graph)?;
        tch::no_grad(|| {
            for ((id, _), own) in convolutions(&network.graph).zip(&self.convolutions) {
                let set = |node: NodeId, name: &str, value: &Tensor| {
                    network.parameters(node)[name].shallow_clone().f_copy_(value).map(drop)
                };
                set(id, "weight", &own.weight)?;
                let zero = Tensor::zeros([own.weight.size()[0]], (tch::Kind::Float, Device::Cpu));
                let bias = own.bias.as_ref().unwrap_or(&zero);
                let Some(norm) = norm_of(&network.graph, id) else {
                    if network.parameters(id).contains_key("bias") {
                        set(id, "bias", bias)?;
                    }
                    continue;
                };
                set(norm, "weight", &zero.ones_like())?;
                set(norm, "bias", bias)?;
                set(norm, "running_mean", &zero)?;
                set(norm, "running_var", &zero.full_like(1.0 - NORM_EPSILON))?;
            }
            Ok(())
        })
    }

    /// The segmentation network as the best weights of a run would hold it, its normalisations the identity.
    fn as_segmentation_run(&self) -> Result<Checkpoint> {
        let width = self.segmenter_width()?;
        let store = nn::VarStore::new(Device::Cpu);
        self.restore(&Network::new(&store.root(), segmenter(width)))?;
        let mut run = Checkpoint::default();
        run.put_store("weights", &store);
        run.put("run", [("width".into(), Tensor::from_slice(&[width]))]);
        run.put("run", [("threshold".into(), Tensor::from_slice(&[self.manifest.threshold]))]);
        let long_side = self.manifest.long_side.unwrap_or(crate::segment::LONG_SIDE);
        run.put("run", [("long_side".into(), Tensor::from_slice(&[i64::from(long_side)]))]);
        Ok(run)
    }

    fn check(&self, graph: &Graph) -> Result<()> {
        match self.misfit(graph) {
            Some(misfit) => bail!("{} holds another network: {misfit}", self.file),
            None => Ok(()),
        }
    }

    /// What in the file differs from the convolutions of a graph.
    fn misfit(&self, graph: &Graph) -> Option<String> {
        let wanted: Vec<(NodeId, &Conv)> = convolutions(graph).collect();
        if wanted.len() != self.convolutions.len() {
            return Some(format!("{} convolutions, not {}", self.convolutions.len(), wanted.len()));
        }
        wanted.into_iter().zip(&self.convolutions).find_map(|((id, conv), own)| {
            let shape = [conv.outputs, conv.inputs / conv.groups, conv.kernel, conv.kernel];
            let settings = [conv.stride, conv.dilation, conv.groups];
            let other_shape = own.weight.size() != shape;
            let other_settings = [own.stride, own.dilation, own.groups] != settings;
            let bias_lost = own.bias.is_some() && norm_of(graph, id).is_none() && !conv.bias;
            (other_shape || other_settings || bias_lost || conv.spectral).then(|| {
                format!(
                    "its `{}` has weights {:?} and stride, dilation, groups {:?}, not {shape:?} and {settings:?}",
                    own.name,
                    own.weight.size(),
                    [own.stride, own.dilation, own.groups]
                )
            })
        })
    }
}

/// The best weights of a segmentation run, by its folder, or a segmentation network out of a model file.
///
/// # Errors
/// When there is neither, or the file holds another network.
pub fn segmentation(path: &Path) -> Result<Checkpoint> {
    if path.is_file() {
        return Weights::read(path, Part::Find)?.as_segmentation_run();
    }
    Checkpoint::load(&path.join(files::BEST)).context(
        "neither a segmentation run nor a segment-rust or derust model; train a segmentation network first",
    )
}

/// Gives every normalisation the mean over batches of a convolution's mean and variance, and gain and bias that undo
/// them: evaluation stays as it is, and training, where each batch has its own statistics, computes nearly the same.
/// For a network fresh from [`Weights::restore`]; each batch holds one tensor per input, as many samples as a step of
/// training.
pub fn restore_statistics(network: &Network, batches: &[Vec<Tensor>]) {
    let _no_grad = tch::no_grad_guard();
    let normalised: Vec<(NodeId, NodeId)> = convolutions(&network.graph)
        .filter_map(|(id, _)| norm_of(&network.graph, id).map(|norm| (id, norm)))
        .collect();
    let mut graph = network.graph.clone();
    graph.outputs = normalised.iter().map(|(id, _)| (String::new(), *id)).collect();
    let parameters = (0..graph.nodes.len()).map(|id| network.parameters(id).iter());
    let parameters = parameters.map(|own| own.map(|(name, one)| (*name, one.shallow_clone())).collect());
    let probe = Network::with_parameters(graph, parameters.collect());
    let mut sums: Vec<[Tensor; 2]> = vec![];
    for batch in batches {
        let inputs: Vec<&Tensor> = batch.iter().collect();
        let statistics: Vec<[Tensor; 2]> =
            probe.forward(&inputs, Mode::Evaluate).iter().map(mean_and_variance).collect();
        sums = match sums.is_empty() {
            true => statistics,
            false => sums.iter().zip(&statistics).map(|(a, b)| [&a[0] + &b[0], &a[1] + &b[1]]).collect(),
        };
    }
    for ((_, norm), [mean, variance]) in normalised.iter().zip(&sums) {
        let (mean, variance) = (mean / batches.len() as f64, variance / batches.len() as f64);
        let of_norm = |name: &str| network.parameters(*norm)[name].shallow_clone();
        // A channel that hardly varies gets a gain as small as its spread, so noise in it is not blown up.
        of_norm("weight").copy_(&(&variance + NORM_EPSILON).sqrt());
        let _ = of_norm("bias").g_add_(&mean.to_kind(tch::Kind::Float));
        of_norm("running_mean").copy_(&mean);
        of_norm("running_var").copy_(&variance);
    }
}

/// Samples for [`restore_statistics`], at least.
const STATISTICS_SAMPLES: usize = 64;

/// The first batches of a training, for [`restore_statistics`].
pub struct FirstBatches<'a> {
    samples: &'a dyn Samples,
    batch: usize,
    device: Device,
}

impl<'a> FirstBatches<'a> {
    /// Batches of this many samples, on this device.
    pub fn new(samples: &'a dyn Samples, batch: usize, device: Device) -> Self {
        FirstBatches { samples, batch, device }
    }

    /// Each with one tensor `[batch, channels, height, width]` per plane of a sample.
    pub fn iter(&self) -> impl Iterator<Item = Vec<Tensor>> + '_ {
        let batches = STATISTICS_SAMPLES.div_ceil(self.batch);
        (0..batches).map(|number| {
            let numbers = (number * self.batch) as u64..((number + 1) * self.batch) as u64;
            let planes = stack(numbers.map(|number| self.samples.sample(number)).collect());
            planes.into_iter().map(|plane| plane.to_device(self.device)).collect()
        })
    }
}

/// Mean and variance of each channel of `[n, c, h, w]`, in double precision.
fn mean_and_variance(x: &Tensor) -> [Tensor; 2] {
    let x = x.to_kind(tch::Kind::Double);
    let over = [0, 2, 3].as_slice();
    [x.mean_dim(over, false, None), x.var_dim(over, false, false)]
}

fn convolutions(graph: &Graph) -> impl Iterator<Item = (NodeId, &Conv)> {
    graph.nodes.iter().enumerate().filter_map(|(id, node)| match &node.op {
        Op::Conv(conv) => Some((id, conv)),
        _ => None,
    })
}

/// The normalisation behind a convolution.
fn norm_of(graph: &Graph, id: NodeId) -> Option<NodeId> {
    graph.readers(id).find(|&reader| graph.nodes[reader].op == Op::BatchNorm)
}

impl Convolution {
    fn read(graph: &onnx::Graph, node: &Node) -> Result<Self> {
        let name = node.output.first().cloned().unwrap_or_default();
        let input = |i: usize| node.input.get(i).filter(|name| !name.is_empty());
        let weight = input(1).with_context(|| format!("`{name}` has no weight"))?;
        let weight = constant(graph, weight)?;
        ensure!(weight.dim() == 4, "the weight of `{name}` has {} dimensions, not 4", weight.dim());
        let attribute = |wanted: &str| node.attribute.iter().find(|one| one.name == wanted);
        let first = |wanted: &str| attribute(wanted).and_then(|one: &Attribute| one.ints.first().copied());
        Ok(Convolution {
            weight,
            bias: input(2).map(|bias| constant(graph, bias)).transpose()?,
            stride: first("strides").unwrap_or(1),
            dilation: first("dilations").unwrap_or(1),
            groups: attribute("group").map_or(1, |one| one.i),
            name,
        })
    }
}

/// The values of a constant tensor, in whatever form the file stores it.
fn constant(graph: &onnx::Graph, name: &str) -> Result<Tensor> {
    if let Some(stored) = graph.initializer.iter().find(|one| one.name == name) {
        return decode(stored);
    }
    let maker = graph.node.iter().find(|node| node.output.first().is_some_and(|output| output == name));
    match maker {
        Some(node) if node.op_type == "Cast" && !node.input.is_empty() => constant(graph, &node.input[0]),
        _ => bail!("`{name}` is no constant"),
    }
}

fn decode(stored: &onnx::Tensor) -> Result<Tensor> {
    let bytes = &stored.raw_data;
    let values: Vec<f32> = match stored.data_type {
        data_type::FLOAT => {
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
        }
        data_type::FLOAT16 => {
            bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
        }
        other => bail!("`{}` has elements of type {other}, not float32 or float16", stored.name),
    };
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "`{}` holds numbers that are not finite",
        stored.name
    );
    Tensor::from_slice(&values)
        .f_view(&stored.dims[..])
        .with_context(|| format!("`{}` is not whole", stored.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architectures::{AlphaRamp, Family, PatchDiscriminator, derust, discriminator, generator};
    use crate::fold::{FoldedNetwork, WeightStorage};
    use crate::onnx::encode;
    use crate::parity;
    use derust_manifest::{Input, InputRole, Output, OutputRole};

    const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin/models");

    fn shipped(name: &str) -> std::path::PathBuf {
        Path::new(SHIPPED).join(name)
    }

    fn manifest(kind: Kind) -> Manifest {
        let roles = match kind {
            Kind::Derust => vec![("fill", OutputRole::Rgb), ("alpha", OutputRole::Alpha)],
            _ => vec![("probability", OutputRole::Probability)],
        };
        let masks = (kind == Kind::Derust).then(|| Input::new("mask", InputRole::Mask));
        Manifest {
            schema: 1,
            kind,
            name: "tiny".into(),
            version: semver::Version::new(1, 0, 0),
            licence: String::new(),
            trained_on: String::new(),
            metrics: Default::default(),
            inputs: std::iter::once(Input::new("image", InputRole::Image)).chain(masks).collect(),
            outputs: roles.into_iter().map(|(name, role)| Output::new(name, role)).collect(),
            tile: Default::default(),
            long_side: Some(320),
            threshold: 0.375,
        }
    }

    /// A network whose normalisations have statistics, gains and biases of their own.
    fn trained(graph: Graph) -> (nn::VarStore, Network) {
        let store = nn::VarStore::new(Device::Cpu);
        let network = Network::new(&store.root(), graph);
        tch::no_grad(|| {
            for (name, mut variable) in store.variables() {
                if name.contains("norm") && !name.contains("running") {
                    let _ = variable.g_add_(&(variable.randn_like() * 0.2));
                }
            }
            for _ in 0..30 {
                let inputs = pictures(&network, 4);
                network.forward(&inputs.iter().collect::<Vec<_>>(), Mode::Train);
            }
        });
        (store, network)
    }

    fn pictures(network: &Network, count: i64) -> Vec<Tensor> {
        let channels =
            network.graph.inputs().map(|id| (network.graph.channels(id), &network.graph.nodes[id].name));
        channels
            .map(|(channels, name)| {
                let side = match name.as_str() {
                    "quarter" => 16,
                    "eighth" => 8,
                    "sixteenth" => 4,
                    _ => 64,
                };
                Tensor::rand([count, channels, side, side], (tch::Kind::Float, Device::Cpu))
            })
            .collect()
    }

    fn largest(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    fn run(network: &Network, inputs: &[Tensor], mode: Mode) -> Tensor {
        tch::no_grad(|| network.forward(&inputs.iter().collect::<Vec<_>>(), mode).remove(0))
    }

    #[test]
    fn an_exported_segmenter_comes_back_and_computes_the_same_in_training_too() {
        tch::manual_seed(5);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tiny.onnx");
        let (_store, original) = trained(segmenter(0.5));
        let folded = FoldedNetwork::new(&original, WeightStorage::Float16);
        std::fs::write(&file, encode(&folded, &manifest(Kind::SegmentRust))).unwrap();

        let weights = Weights::read(&file, Part::Find).unwrap();
        assert_eq!(weights.segmenter_width().unwrap(), 0.5);
        let store = nn::VarStore::new(Device::Cpu);
        let imported = Network::new(&store.root(), segmenter(0.5));
        weights.restore(&imported).unwrap();
        let batch = pictures(&imported, 6);
        let expected = run(&folded.network, &batch, Mode::Evaluate);
        assert!(largest(&run(&imported, &batch, Mode::Evaluate), &expected) < 1e-4);
        // Without statistics a training step would see another network.
        let foreign = largest(&run(&imported, &batch, Mode::Train), &expected);
        assert!(foreign > 0.05, "{foreign}");

        weights.restore(&imported).unwrap();
        restore_statistics(&imported, &[batch.iter().map(Tensor::shallow_clone).collect()]);
        let evaluated = largest(&run(&imported, &batch, Mode::Evaluate), &expected);
        assert!(evaluated < 1e-3, "{evaluated}");
        let again = FoldedNetwork::new(&imported, WeightStorage::Float16);
        let again = encode(&again, &manifest(Kind::SegmentRust));
        let exported = parity::difference(&folded.network, &again).unwrap();
        assert!(exported < 1e-3, "{exported}");
        let in_training = largest(&run(&imported, &batch, Mode::Train), &expected);
        assert!(in_training < 1e-2, "{in_training}");

        let taken = segmentation(&file).unwrap();
        assert_eq!(taken.get("run", "threshold").unwrap().double_value(&[0]), 0.375);
        assert_eq!(taken.get("run", "long_side").unwrap().int64_value(&[0]), 320);
    }

    #[test]
    fn both_parts_of_a_derust_model_come_back() {
        tch::manual_seed(6);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tiny.onnx");
        let (_store, original) = trained(derust(Family::Unet, 0.25, 1.0, AlphaRamp { from: 0.4, to: 0.6 }));
        let folded = FoldedNetwork::new(&original, WeightStorage::Float32);
        std::fs::write(&file, encode(&folded, &manifest(Kind::Derust))).unwrap();

        let run_of_file = segmentation(&file).unwrap();
        assert_eq!(run_of_file.get("run", "width").unwrap().double_value(&[0]), 0.25);
        let backbone = crate::backbone::FrozenBackbone::new(&run_of_file, Device::Cpu).unwrap();
        let store = nn::VarStore::new(Device::Cpu);
        let fill = Network::new(&store.root(), generator(Family::Unet, 1.0, 0.25));
        let weights = Weights::read(&file, Part::Fill).unwrap();
        weights.restore(&fill).unwrap();
        let mut inputs = pictures(&original, 3);
        let expected = run(&folded.network, &inputs, Mode::Evaluate);
        inputs.extend(backbone.features(&inputs[0]));
        restore_statistics(&fill, &[inputs.iter().map(Tensor::shallow_clone).collect()]);
        let difference = largest(&run(&fill, &inputs, Mode::Evaluate), &expected);
        assert!(difference < 1e-3, "{difference}");

        let said =
            format!("{:#}", weights.restore(&Network::new(&store.root(), segmenter(0.25))).unwrap_err());
        assert!(said.contains("tiny.onnx holds another network"), "{said}");
    }

    #[test]
    fn the_shipped_networks_come_in_whole() {
        for name in ["segment-rust.onnx", "derust.onnx"] {
            let run = segmentation(&shipped(name)).unwrap();
            assert_eq!(run.get("run", "width").unwrap().double_value(&[0]), 1.0);
            let store = nn::VarStore::new(Device::Cpu);
            let network = Network::new(&store.root(), segmenter(1.0));
            run.restore_store("weights", &store).unwrap();
            // Both files hold the same network; one says what it finds.
            let onnx = std::fs::read(shipped("segment-rust.onnx")).unwrap();
            let difference = parity::difference(&network, &onnx).unwrap();
            assert!(difference < 1e-4, "{name}: {difference}");
        }
        let store = nn::VarStore::new(Device::Cpu);
        let fill = Network::new(&store.root(), generator(Family::Unet, 1.0, 1.0));
        Weights::read(&shipped("derust.onnx"), Part::Fill).unwrap().restore(&fill).unwrap();
    }

    #[test]
    fn a_wrong_file_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tiny.onnx");
        let refusal = |part| format!("{:#}", Weights::read(&file, part).err().unwrap());
        assert!(refusal(Part::Find).contains("cannot be read"));
        std::fs::write(&file, "no network").unwrap();
        assert!(refusal(Part::Find).contains("tiny.onnx cannot be used"), "{}", refusal(Part::Find));
        let whole = std::fs::read(shipped("segment-rust.onnx")).unwrap();
        std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        assert!(refusal(Part::Find).contains("tiny.onnx cannot be used"), "{}", refusal(Part::Find));
        std::fs::write(&file, whole).unwrap();
        assert!(refusal(Part::Fill).contains("nothing in it fills"), "{}", refusal(Part::Fill));

        let network = discriminator(PatchDiscriminator::default());
        let store = nn::VarStore::new(Device::Cpu);
        let folded = FoldedNetwork::new(&Network::new(&store.root(), network), WeightStorage::Float16);
        let about = Manifest {
            outputs: vec![Output::new("score", OutputRole::Probability)],
            ..manifest(Kind::SegmentRust)
        };
        std::fs::write(&file, encode(&folded, &about)).unwrap();
        let said = format!("{:#}", segmentation(&file).err().unwrap());
        assert!(said.contains("tiny.onnx") && said.lines().count() == 1, "{said}");
    }
}
