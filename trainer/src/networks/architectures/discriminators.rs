//! Networks that tell true pictures from made ones, patch by patch.

use super::names;
use crate::networks::graph::{Conv, Graph, NodeId, Op};

/// How a patch discriminator is built.
#[derive(Clone, Copy, Debug)]
pub struct PatchDiscriminator {
    /// Channels that it sees: 4 for a picture and the mask of what was treated in it, 3 for a picture alone.
    pub inputs: i64,
    /// Whether batch normalisations follow all but the first and the last convolution. Not for a loss with gradient
    /// penalty, which is about single pictures.
    pub norm: bool,
    /// Whether weights are divided by their largest singular value (Miyato et al. 2018, arXiv:1802.05957).
    pub spectral: bool,
}

impl Default for PatchDiscriminator {
    fn default() -> Self {
        PatchDiscriminator { inputs: 4, norm: false, spectral: true }
    }
}

/// Pixels of the picture, across and down, for each score.
pub const SCORE_STRIDE: i64 = 8;

/// The patch discriminator (Isola et al. 2017, arXiv:1611.07004): it scores patches of about 45 pixels.
///
/// Input `image` `[n, inputs, h, w]`, outputs `score` `[n, 1, h/8, w/8]`, then what its three layers saw, for feature
/// matching: `features1` to `features3`, at a half, a quarter and an eighth of the sides.
pub fn discriminator(options: PatchDiscriminator) -> Graph {
    let PatchDiscriminator { inputs, norm, spectral } = options;
    let mut g = Graph::default();
    let mut x = g.input(names::IMAGE, inputs);
    let mut features = vec![];
    for (layer, outputs) in [32, 64, 96].into_iter().enumerate() {
        let norm = norm && layer > 0;
        x = convolution(&mut g, x, (outputs, 5, 2), !norm, spectral);
        if norm {
            x = g.push(Op::BatchNorm, &[x]);
        }
        x = g.push(Op::LeakyRelu { slope: 0.2 }, &[x]);
        features.push(x);
    }
    let score = convolution(&mut g, x, (1, 3, 1), true, spectral);
    g.output(names::SCORE, score);
    for (layer, features) in features.into_iter().enumerate() {
        g.output(&format!("features{}", layer + 1), features);
    }
    g
}

/// Convolution of outputs, kernel and stride.
fn convolution(
    g: &mut Graph,
    x: NodeId,
    (outputs, kernel, stride): (i64, i64, i64),
    bias: bool,
    spectral: bool,
) -> NodeId {
    let inputs = g.channels(x);
    g.push(Op::Conv(Conv { inputs, outputs, kernel, stride, dilation: 1, groups: 1, bias, spectral }), &[x])
}

/// Under this name a discriminator's variables stand in the store of its [`detector`].
pub const DETECTOR_PREFIX: &str = "discriminator";

/// A discriminator that learned to tell clean pictures from rusty ones, as a network that finds rust: the probability
/// is the logistic function of `scale * score + shift`, so `scale` is below zero where clean pictures score high.
///
/// Input `image` `[n, 3, h, w]` in 0 to 1, output `probability` `[n, 1, h, w]`.
pub fn detector(options: PatchDiscriminator, scale: f64, shift: f64) -> Graph {
    let mut g = Graph::default();
    let image = g.input(names::IMAGE, 3);
    let options = PatchDiscriminator { inputs: 3, ..options };
    let score = g.embed(DETECTOR_PREFIX, &discriminator(options), &[image])[0];
    let logits = g.affine(score, scale, shift);
    let logits = g.push(Op::ResizeLike, &[logits, image]);
    let probability = g.push(Op::Sigmoid, &[logits]);
    g.output(names::PROBABILITY, probability);
    g
}
