//! The networks of derust as layer graphs.

use crate::backbone::{self, channels};
use crate::graph::{Conv, Graph, NodeId, Op};

/// Names of inputs and outputs; manifests refer to them.
pub mod names {
    /// Picture, RGB in 0 to 1.
    pub const IMAGE: &str = "image";
    /// One channel: 1 treat, 0 leave, below 0 "find it yourself".
    pub const MASK: &str = "mask";
    /// Probability of rust.
    pub const PROBABILITY: &str = "probability";
    /// What the segmentation network's backbone saw.
    pub const FEATURES: [&str; 3] = ["quarter", "eighth", "sixteenth"];
    /// Picture without rust.
    pub const FILL: &str = "fill";
    /// How much of the fill replaces the picture.
    pub const ALPHA: &str = "alpha";
    /// Score of a discriminator.
    pub const SCORE: &str = "score";
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

/// The segmentation network with what its backbone saw: outputs `probability`, then the [`backbone::FEATURES`].
fn finder(width: f64) -> Graph {
    let mut g = Graph::default();
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
    let logits = g.conv(x, 1, 1);
    let logits = g.push(Op::ResizeLike, &[logits, image]);
    let probability = g.push(Op::Sigmoid, &[logits]);
    g.output(names::PROBABILITY, probability);
    for (name, features) in names::FEATURES.into_iter().zip([quarter, eighth, sixteenth]) {
        g.output(name, features);
    }
    g
}

/// Levels of the pyramid from which a first fill is made; the coarsest pixel covers 128 pixels.
const PYRAMID: usize = 7;

/// A first fill: the colours around the mask, spread into it. Averages of what is known are taken at ever coarser
/// levels, and where a level knows too little the next coarser one shows through (push-pull, Gortler et al. 1996,
/// "The Lumigraph").
fn spread_surroundings(g: &mut Graph, image: NodeId, mask: NodeId) -> NodeId {
    let mut known = g.affine(mask, -1.0, 1.0);
    let mut colour = g.push(Op::Multiply, &[image, known]);
    let mut levels = vec![];
    for _ in 0..PYRAMID {
        levels.push((colour, known));
        (colour, known) = (g.push(Op::Halve, &[colour]), g.push(Op::Halve, &[known]));
    }
    // Grey where nothing at all is known.
    let (sum, weight) = (g.affine(colour, 1.0, 0.5e-3), g.affine(known, 1.0, 1e-3));
    let mut fill = g.push(Op::Divide, &[sum, weight]);
    for (colour, known) in levels.into_iter().rev() {
        let coarser = g.push(Op::ResizeLike, &[fill, colour]);
        let unknown = g.affine(known, -1.0, 1.0);
        let shown = g.push(Op::Multiply, &[coarser, unknown]);
        fill = g.push(Op::Add, &[colour, shown]);
    }
    fill
}

/// The generator of the derust network: from the picture and a mask of what to treat it makes the picture without
/// rust. It starts from the colours around the mask, and sees what the rust left visible, so it can keep edges and
/// print that show through.
///
/// It also sees what the segmentation network's backbone saw in the picture, which knows rust from what it lies on.
///
/// `change` is the part of what it wants to change that it may change: 1 in training. `width` is the segmentation
/// network's.
///
/// Inputs `image` `[n, 3, h, w]` and `mask` `[n, 1, h, w]` in 0 to 1 and the [`backbone::FEATURES`] of `image`, output
/// `fill` `[n, 3, h, w]`.
pub fn generator(change: f64, width: f64) -> Graph {
    let mut g = Graph::default();
    let image = g.input(names::IMAGE, 3);
    let mask = g.input(names::MASK, 1);
    let seen: [NodeId; 3] =
        std::array::from_fn(|i| g.input(names::FEATURES[i], channels(backbone::FEATURES[i], width)));
    let surroundings = spread_surroundings(&mut g, image, mask);
    let centred = g.affine(image, 2.0, -1.0);
    let centred_surroundings = g.affine(surroundings, 2.0, -1.0);
    let full = g.push(Op::Concat, &[centred, mask, centred_surroundings]);

    let half = g.conv_norm_relu(full, 24, 2);
    let mut scales = vec![];
    let mut x = half;
    for (seen, outputs) in seen.into_iter().zip([48, 80, 104]) {
        x = g.conv_norm_relu(x, outputs, 2);
        x = g.push(Op::Concat, &[x, seen]);
        x = g.conv_norm_relu(x, outputs, 1);
        scales.push(x);
    }
    let [quarter, eighth, mut bottom] = scales[..] else { unreachable!("there are three") };
    // Growing steps let every pixel see past a wide patch of rust.
    for dilation in [1, 2, 4, 1] {
        bottom = g.residual(bottom, dilation);
    }
    let mut x = bottom;
    for (skip, outputs) in [(eighth, 80), (quarter, 48), (half, 24)] {
        let joined = g.join(x, skip);
        x = g.conv_norm_relu(joined, outputs, 1);
    }
    let joined = g.join(x, full);
    let x = g.conv_norm_relu(joined, 16, 1);
    let wanted = g.conv(x, 3, 3);
    // Small at first, so that training starts near the surroundings.
    let changed = g.affine(wanted, 0.1 * change, 0.0);
    let sum = g.push(Op::Add, &[surroundings, changed]);
    let fill = g.push(Op::Clip, &[sum]);
    g.output(names::FILL, fill);
    g
}

/// The patch discriminator (Isola et al. 2017, arXiv:1611.07004) with spectral normalisation: it sees
/// a picture and the mask of what was treated in it, and scores patches of about 45 pixels.
///
/// Input `image` `[n, 4, h, w]`, output `score` `[n, 1, h/8, w/8]`.
pub fn discriminator() -> Graph {
    let mut g = Graph::default();
    let mut x = g.input(names::IMAGE, 4);
    for outputs in [32, 64, 96] {
        x = spectral(&mut g, x, outputs, 5, 2);
        x = g.push(Op::LeakyRelu { slope: 0.2 }, &[x]);
    }
    let score = spectral(&mut g, x, 1, 3, 1);
    g.output(names::SCORE, score);
    g
}

fn spectral(g: &mut Graph, x: NodeId, outputs: i64, kernel: i64, stride: i64) -> NodeId {
    let inputs = g.channels(x);
    g.push(
        Op::Conv(Conv {
            inputs,
            outputs,
            kernel,
            stride,
            dilation: 1,
            groups: 1,
            bias: true,
            spectral: true,
        }),
        &[x],
    )
}

/// Where the alpha of the derust network begins and ends to rise with the probability of rust.
#[derive(Clone, Copy, Debug)]
pub struct AlphaRamp {
    /// Probability up to which alpha is 0.
    pub from: f64,
    /// Probability from which alpha is 1.
    pub to: f64,
}

/// The whole derust network in one graph: the segmenter finds, its probability becomes a crisp alpha that reaches a
/// little past the rust, the generator fills. A mask of zero or more takes the place of what was found.
///
/// Inputs `image` `[n, 3, h, w]` and `mask` `[n, 1, h, w]`, outputs `fill` `[n, 3, h, w]` and `alpha` `[n, 1, h, w]`.
pub fn derust(width: f64, change: f64, ramp: AlphaRamp) -> Graph {
    let mut g = Graph::default();
    let image = g.input(names::IMAGE, 3);
    let mask = g.input(names::MASK, 1);
    let [probability, quarter, eighth, sixteenth] = g.embed("find", &finder(width), &[image])[..] else {
        unreachable!("the finder has four outputs")
    };
    let scale = 1.0 / (ramp.to - ramp.from);
    let steep = g.affine(probability, scale, -ramp.from * scale);
    let found = g.push(Op::Clip, &[steep]);
    let grown = g.push(Op::MaxFilter { side: 3 }, &[found]);
    let soft = g.push(Op::MeanFilter { side: 3 }, &[grown]);
    let alpha = g.push(Op::ReplaceNegative, &[mask, soft]);
    let fill = g.embed("fill", &generator(change, width), &[image, alpha, quarter, eighth, sixteenth])[0];
    g.output(names::FILL, fill);
    g.output(names::ALPHA, alpha);
    g
}
