//! Weights out of a model file, so that a training can begin where a shipped network ended, with no run at hand.
//!
//! In a model file every normalisation is folded into the convolution before it ([`crate::networks::fold`]). The training network
//! has it back: [`Weights::restore`] makes it the identity plus the folded bias, and
//! [`restore_statistics`](crate::run::statistics::restore_statistics) then gives it the statistics of real batches, and gain and bias that undo them, so that the network computes the same in training.

mod file;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use derust_engine::models::{ModelError, ModelFile};
use derust_manifest::onnx;
use derust_manifest::{Kind, Manifest};
use prost::Message;
use tch::{Device, Tensor, nn};

use crate::networks::architectures::{Family, generator, segmenter};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::finder::FrozenFinder;
use crate::networks::graph::{Conv, Graph, NodeId, Op};
use crate::networks::network::{NORM_EPSILON, Network};
use crate::run::files;

use file::Convolution;

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
        self.copy(network)
    }

    /// Copies the weights into the first convolutions of a network.
    fn copy(&self, network: &Network) -> Result<()> {
        tch::no_grad(|| {
            for ((id, _), own) in network.graph.convolutions().zip(&self.convolutions) {
                let set = |node: NodeId, name: &str, value: &Tensor| {
                    network.parameters(node)[name].shallow_clone().f_copy_(value).map(drop)
                };
                set(id, "weight", &own.weight)?;
                let zero = Tensor::zeros([own.weight.size()[0]], (tch::Kind::Float, Device::Cpu));
                let bias = own.bias.as_ref().unwrap_or(&zero);
                let Some(norm) = network.graph.norm_of(id) else {
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
        let long_side = self.manifest.long_side.unwrap_or(crate::data::LONG_SIDE);
        run.put("run", [("long_side".into(), Tensor::from_slice(&[i64::from(long_side)]))]);
        Ok(run)
    }

    /// Copies the weights into a network of which the file holds the first part, `smaller`; what it has beyond that stays as
    /// it is. Its normalisations become the identity plus the folded bias.
    ///
    /// # Errors
    /// When the file holds neither the one nor the other.
    pub fn restore_first(&self, network: &Network, smaller: &Graph) -> Result<()> {
        if self.misfit(&network.graph).is_none() {
            return self.restore(network);
        }
        self.check(smaller)?;
        self.copy(network)
    }

    /// The generator in the file, for a segmentation network of this width, if it is one that trainings know.
    pub fn family(&self, width: f64) -> Option<Family> {
        let fits = |family: &&Family| self.misfit(&generator(**family, 1.0, width)).is_none();
        Family::value_variants().iter().find(fits).copied()
    }

    fn check(&self, graph: &Graph) -> Result<()> {
        match self.misfit(graph) {
            Some(misfit) => bail!("{} holds another network: {misfit}", self.file),
            None => Ok(()),
        }
    }

    /// What in the file differs from the convolutions of a graph.
    fn misfit(&self, graph: &Graph) -> Option<String> {
        let wanted: Vec<(NodeId, &Conv)> = graph.convolutions().collect();
        if wanted.len() != self.convolutions.len() {
            return Some(format!("{} convolutions, not {}", self.convolutions.len(), wanted.len()));
        }
        let taken_in: Vec<NodeId> = wanted.iter().filter_map(|(id, _)| graph.norm_of(*id)).collect();
        let norms = (0..graph.nodes.len()).filter(|&id| graph.nodes[id].op == Op::BatchNorm);
        if norms.into_iter().any(|norm| !taken_in.contains(&norm)) {
            return Some(
                "the training network has normalisations in front of convolutions; begin with a run".into(),
            );
        }
        wanted.into_iter().zip(&self.convolutions).find_map(|((id, conv), own)| {
            let shape = [conv.outputs, conv.inputs / conv.groups, conv.kernel, conv.kernel];
            let settings = [conv.stride, conv.dilation, conv.groups];
            let other_shape = own.weight.size() != shape;
            let other_settings = [own.stride, own.dilation, own.groups] != settings;
            let bias_lost = own.bias.is_some() && graph.norm_of(id).is_none() && !conv.bias;
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

/// The best weights of a derust run, by its folder, or the generator out of a derust model, for a segmentation network of
/// this width.
///
/// # Errors
/// When there is neither, or the file holds another generator.
pub fn generation(path: &Path, width: f64) -> Result<Checkpoint> {
    if !path.is_file() {
        return Checkpoint::load(&path.join(files::BEST))
            .context("neither a derust run nor a derust model; train first");
    }
    let weights = Weights::read(path, Part::Fill)?;
    let family = weights.family(width).unwrap_or_default();
    let store = nn::VarStore::new(Device::Cpu);
    weights.restore(&Network::new(&store.root(), generator(family, 1.0, width)))?;
    let mut run = Checkpoint::default();
    run.put_store("weights", &store);
    run.put("run", [("family".into(), Tensor::from_slice(&[family as i64]))]);
    FrozenFinder::new(&segmentation(path)?, Device::Cpu)?.sign(&mut run);
    Ok(run)
}

/// The best weights of a segmentation run, by its folder, or a segmentation network out of a model file.
///
/// # Errors
/// When there is neither, or the file holds another network.
pub fn segmentation(path: &Path) -> Result<Checkpoint> {
    if path.is_file() {
        return Weights::read(path, Part::Find)?.as_segmentation_run();
    }
    Checkpoint::load(&path.join(files::BEST))
        .context("neither a segmentation run with weights nor a segment-rust or derust model; train first")
}

#[cfg(test)]
mod tests;
