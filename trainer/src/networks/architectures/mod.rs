//! The networks of derust as layer graphs.

mod discriminators;
mod generators;
mod grader;
mod textures;

pub use discriminators::{DETECTOR_PREFIX, PatchDiscriminator, SCORE_STRIDE, detector, discriminator};
pub use generators::{Family, generator, translator};
pub use grader::grader;
pub use textures::{TextureSize, texture_discriminator, texture_encoder, texture_generator};

use crate::networks::backbone::{self, channels};
use crate::networks::graph::{Graph, NodeId, Op};

/// Names of inputs and outputs; manifests refer to them.
pub mod names {
    /// Picture, RGB in 0 to 1.
    pub const IMAGE: &str = "image";
    /// One channel: 1 treat, 0 leave, below 0 "find it yourself".
    pub const MASK: &str = "mask";
    /// Probability of rust.
    pub const PROBABILITY: &str = "probability";
    /// Probability of rust where the mask is what was found, and may have missed some; 0 where a person drew it.
    pub const DOUBT: &str = "doubt";
    /// What the segmentation network's backbone saw.
    pub const FEATURES: [&str; 3] = ["quarter", "eighth", "sixteenth"];
    /// Picture without rust.
    pub const FILL: &str = "fill";
    /// How much of the fill replaces the picture.
    pub const ALPHA: &str = "alpha";
    /// Score of a discriminator.
    pub const SCORE: &str = "score";
    /// A number for each class.
    pub const LOGITS: &str = "logits";
    /// Noise that a texture is made from.
    pub const NOISE: &str = "noise";
    /// A texture, RGB in 0 to 1.
    pub const TEXTURE: &str = "texture";
    /// Mean of the normal distribution that an encoder finds.
    pub const MEAN: &str = "mean";
    /// Logarithm of its variance.
    pub const LOG_VARIANCE: &str = "log_variance";
}

/// Height and width of an input should be a multiple of this; other sizes work, a little less well.
pub const SIZE_MULTIPLE: u32 = 32;

/// The segmentation network: a U-Net (Ronneberger et al. 2015, arXiv:1505.04597) whose contracting half is
/// [`backbone::lite0`], so that it can begin with what a network learned from a million everyday photos. `width`
/// scales the channels (1.0: 3.6 million parameters; no other width fits pretrained weights).
///
/// Input `image` `[n, 3, h, w]` in 0 to 1, output `probability` `[n, 1, h, w]`.
pub fn segmenter(width: f64) -> Graph {
    let mut g = finder(width);
    g.outputs.truncate(1);
    g
}

/// The segmentation network for several classes, of which one is right for a pixel; class 0 is what is none of them.
///
/// Input `image` `[n, 3, h, w]` in 0 to 1, output `logits` `[n, classes, h, w]`.
pub fn class_segmenter(width: f64, classes: i64) -> Graph {
    let mut g = Graph::default();
    let (logits, _) = finder_logits(&mut g, width, classes);
    g.output(names::LOGITS, logits);
    g
}

/// The segmentation network with what its backbone saw.
///
/// Input `image` `[n, 3, h, w]` in 0 to 1, outputs `probability` `[n, 1, h, w]`, then the [`backbone::FEATURES`].
pub fn finder(width: f64) -> Graph {
    let mut g = Graph::default();
    let (logits, seen) = finder_logits(&mut g, width, 1);
    let probability = g.push(Op::Sigmoid, &[logits]);
    g.output(names::PROBABILITY, probability);
    for (name, features) in names::FEATURES.into_iter().zip(seen) {
        g.output(name, features);
    }
    g
}

/// Adds the segmentation network up to the logits of its classes, and the [`backbone::FEATURES`].
fn finder_logits(g: &mut Graph, width: f64, classes: i64) -> (NodeId, [NodeId; 3]) {
    let image = g.input(names::IMAGE, 3);
    let [half, quarter, eighth, sixteenth, bottom] =
        g.embed(backbone::PREFIX, &backbone::lite0(width), &[image])[..]
    else {
        unreachable!("the backbone has five outputs")
    };

    let mut x = g.conv_norm_relu(bottom, channels(128, width), 1);
    for (skip, outputs) in [(sixteenth, 96), (eighth, 64), (quarter, 40), (half, 24)] {
        let joined = g.join(x, skip);
        x = g.conv_norm_relu(joined, channels(outputs, width), 1);
    }
    let logits = g.conv(x, classes, 1);
    (g.push(Op::ResizeLike, &[logits, image]), [quarter, eighth, sixteenth])
}

/// Where the alpha of the derust network begins and ends to rise with the probability of rust.
#[derive(Clone, Copy, Debug)]
pub struct AlphaRamp {
    /// Probability up to which alpha is 0.
    pub from: f64,
    /// Probability from which alpha is 1.
    pub to: f64,
    /// Pixels by which what was found grows, since colours beside rust are often rust that was not found.
    pub grown: i64,
}

impl AlphaRamp {
    /// Beside which generators learn; where the alpha of a model rises is chosen when it is exported.
    pub const USUAL: AlphaRamp = AlphaRamp { from: 0.15, to: 0.45, grown: 1 };
}

/// How a probability of rust becomes a crisp alpha that reaches a little past the rust.
///
/// Input `probability` and output `alpha` `[n, 1, h, w]`, both 0 to 1.
pub fn alpha(ramp: AlphaRamp) -> Graph {
    let mut g = Graph::default();
    let probability = g.input(names::PROBABILITY, 1);
    let found = g.ramp(probability, ramp.from, ramp.to);
    let grown = g.push(Op::MaxFilter { side: 2 * ramp.grown + 1 }, &[found]);
    let soft = g.push(Op::MeanFilter { side: 3 }, &[grown]);
    g.output(names::ALPHA, soft);
    g
}

/// The whole derust network in one graph: the segmenter finds, its probability becomes a crisp alpha that reaches a
/// little past the rust, the generator fills. A mask of zero or more takes the place of what was found.
///
/// Inputs `image` `[n, 3, h, w]` and `mask` `[n, 1, h, w]`, outputs `fill` `[n, 3, h, w]` and `alpha` `[n, 1, h, w]`.
pub fn derust(family: Family, width: f64, change: f64, ramp: AlphaRamp) -> Graph {
    let mut g = Graph::default();
    let image = g.input(names::IMAGE, 3);
    let mask = g.input(names::MASK, 1);
    let [probability, quarter, eighth, sixteenth] = g.embed("find", &finder(width), &[image])[..] else {
        unreachable!("the finder has four outputs")
    };
    let found = g.embed("alpha", &alpha(ramp), &[probability])[0];
    let alpha = g.push(Op::ReplaceNegative, &[mask, found]);
    let left_to_find = g.affine(mask, -1.0, 0.0);
    let left_to_find = g.push(Op::Clip, &[left_to_find]);
    let doubt = g.push(Op::Multiply, &[probability, left_to_find]);
    let seen = [image, alpha, doubt, quarter, eighth, sixteenth];
    let fill = g.embed("fill", &generator(family, change, width), &seen)[0];
    g.output(names::FILL, fill);
    g.output(names::ALPHA, alpha);
    g
}
