//! Networks from picture to picture.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::names;
use crate::networks::backbone::{self, channels};
use crate::networks::graph::{Graph, NodeId, Op};

/// What a generator is built like, between its inputs and the picture that it makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Down to a sixteenth of the sides and up again, what was seen on the way down joined in on the way up
    /// (Ronneberger et al. 2015, arXiv:1505.04597).
    #[default]
    Unet,
    /// The U-Net, and what it makes takes as much of the picture's own relief inside the mask as the network asks for, place
    /// by place and band by band: rust follows the shape that it lies on.
    Relief,
    /// Residual blocks at a quarter of the sides (Johnson et al. 2016, arXiv:1603.08155; Zhu et al. 2017,
    /// arXiv:1703.10593), with batch normalisation: statistics of a tile would show as seams between tiles.
    Resnet,
    /// Dense blocks in place of a U-Net's convolutions (Jégou et al. 2017, arXiv:1611.09326).
    Densenet,
}

/// Levels of the pyramid from which a first fill is made; the coarsest pixel covers 128 pixels.
const PYRAMID: usize = 7;

/// Mean filters at each level of the pyramid, so that no square of a coarser level shows.
const SMOOTHING: usize = 4;

/// Probability of rust from and up to which a pixel's colour loses its say in the first fill.
const DOUBTED: [f64; 2] = [0.05, 0.3];
/// Side of the window through which a doubt reaches the pixels around it.
const DOUBTFUL_SIDE: i64 = 11;
/// What is left of the say of a doubtful pixel: where there is nothing better within 16 pixels or so, since a level of the
/// pyramid lets it count for four times as much as the one before, it decides after all.
const LEAST_SAY: f64 = 1e-3;

/// How far the colour of each pixel is to be spread: not at all inside the mask, and little where it may be rust that
/// the mask misses, for that would be spread as if it were what the rust lies on.
fn trusted(g: &mut Graph, mask: NodeId, doubt: NodeId) -> NodeId {
    let doubted = g.ramp(doubt, DOUBTED[0], DOUBTED[1]);
    let wide = g.push(Op::MaxFilter { side: DOUBTFUL_SIDE }, &[doubted]);
    let say = g.affine(wide, LEAST_SAY - 1.0, 1.0);
    let unmasked = g.affine(mask, -1.0, 1.0);
    g.push(Op::Multiply, &[unmasked, say])
}

/// A first fill: the colours of what is known, 0 to 1, spread over the rest. Averages of what is known are taken at
/// ever coarser levels, and where a level knows too little the next coarser one shows through (push-pull, Gortler et al.
/// 1996, "The Lumigraph"). A pixel counts as known from a quarter of its surroundings on, so that what lies near decides.
/// What shows through is smoothed between what is known, towards the membrane that heat makes (Bertalmio et al. 2000,
/// "Image Inpainting", cites its origin).
fn spread_surroundings(g: &mut Graph, image: NodeId, mut known: NodeId) -> NodeId {
    let mut colour = g.push(Op::Multiply, &[image, known]);
    let mut levels = vec![];
    for _ in 0..PYRAMID {
        levels.push((colour, known));
        let [seen, part] = [colour, known].map(|node| g.push(Op::Halve, &[node]));
        let four = g.affine(part, 4.0, 0.0);
        let enough = g.push(Op::Clip, &[four]);
        let some = g.affine(part, 1.0, 1e-4);
        let factor = g.push(Op::Divide, &[enough, some]);
        [colour, known] = [seen, part].map(|node| g.push(Op::Multiply, &[node, factor]));
    }
    // Grey where nothing at all is known.
    let (sum, weight) = (g.affine(colour, 1.0, 0.5e-3), g.affine(known, 1.0, 1e-3));
    let mut fill = g.push(Op::Divide, &[sum, weight]);
    for (colour, known) in levels.into_iter().rev() {
        let unknown = g.affine(known, -1.0, 1.0);
        let mut coarser = g.push(Op::ResizeLike, &[fill, colour]);
        for _ in 0..SMOOTHING {
            let shown = g.push(Op::Multiply, &[coarser, unknown]);
            fill = g.push(Op::Add, &[colour, shown]);
            coarser = g.push(Op::MeanFilter { side: 3 }, &[fill]);
        }
        let shown = g.push(Op::Multiply, &[coarser, unknown]);
        fill = g.push(Op::Add, &[colour, shown]);
    }
    fill
}

/// The generator of the derust network: from the picture and a mask of what to treat it makes the picture without
/// rust. It starts from the colours around the mask that are hardly rust, and sees what the rust left visible, so it can
/// keep edges and print that show through.
///
/// It also sees what the segmentation network's backbone saw in the picture, which knows rust from what it lies on.
///
/// `change` is the part of what it wants to change that it may change: 1 in training. `width` is the segmentation
/// network's.
///
/// Inputs `image` `[n, 3, h, w]`, `mask` and `doubt` `[n, 1, h, w]` in 0 to 1 and the
/// [`backbone::FEATURES`] of `image`, output `fill` `[n, 3, h, w]`.
pub fn generator(family: Family, change: f64, width: f64) -> Graph {
    let mut g = Graph::default();
    let image = g.input(names::IMAGE, 3);
    let mask = g.input(names::MASK, 1);
    let doubt = g.input(names::DOUBT, 1);
    let seen: [NodeId; 3] =
        std::array::from_fn(|i| g.input(names::FEATURES[i], channels(backbone::FEATURES[i], width)));
    let known = trusted(&mut g, mask, doubt);
    let surroundings = spread_surroundings(&mut g, image, known);
    let centred = g.affine(image, 2.0, -1.0);
    let centred_surroundings = g.affine(surroundings, 2.0, -1.0);
    let full = g.push(Op::Concat, &[centred, mask, centred_surroundings]);
    let own = Some(Own { image, mask });
    change_picture(&mut g, family, [full, surroundings], &seen, change, own);
    g
}

/// A generator that takes a picture alone: from one kind of picture to another, without pairs.
///
/// Input `image` `[n, 3, h, w]` in 0 to 1, output `fill` `[n, 3, h, w]`, near `image` before any training.
pub fn translator(family: Family, change: f64) -> Graph {
    let mut g = Graph::default();
    let image = g.input(names::IMAGE, 3);
    let full = g.affine(image, 2.0, -1.0);
    change_picture(&mut g, family, [full, image], &[], change, None);
    g
}

/// Adds a network that sees `full` and changes `picture`, and names the result.
fn change_picture(
    g: &mut Graph,
    family: Family,
    [full, picture]: [NodeId; 2],
    seen: &[NodeId],
    change: f64,
    own: Option<Own>,
) {
    let x = match family {
        Family::Unet | Family::Relief => unet(g, full, seen),
        Family::Resnet => resnet(g, full, seen),
        Family::Densenet => densenet(g, full, seen),
    };
    let wanted = g.conv(x, 3, 3);
    // Small at first, so that training starts near the picture.
    let changed = g.affine(wanted, 0.1 * change, 0.0);
    let sum = g.push(Op::Add, &[picture, changed]);
    let mut fill = g.push(Op::Clip, &[sum]);
    if let (Family::Relief, Some(own)) = (family, own) {
        let relief = own_relief(g, own, x);
        let lit = g.push(Op::Multiply, &[fill, relief]);
        fill = g.push(Op::Clip, &[lit]);
    }
    g.output(names::FILL, fill);
}

/// The picture that is to be treated, and where.
#[derive(Clone, Copy)]
struct Own {
    image: NodeId,
    mask: NodeId,
}

/// Bands of relief, from details of one pixel to those of sixteen.
const BANDS: usize = 5;
/// Added to brightness before it is compared, so that noise in the dark is no relief.
const DARK: f64 = 0.03;
/// Largest factor of a band.
const BRIGHTEST: f64 = 4.0;

/// How much brighter each pixel is than what lies around it inside the mask, as a factor: the product over bands of
/// `1 + gain x (ratio - 1)`, where `ratio` is what a level of a pyramid of means has over the next coarser one, and the gains,
/// 0 to 1.25, are read from `x`. Means count what is masked alone, lest a bright ground beside dark rust become a halo of
/// it (normalised convolution, Knutsson and Westin 1993, CVPR). A ratio of brightness is what light and shape make, whatever
/// the colour (retinex, Land and McCann 1971, J. Opt. Soc. Am. 61(1)).
fn own_relief(g: &mut Graph, own: Own, x: NodeId) -> NodeId {
    let mean = g.push(Op::ChannelMean, &[own.image]);
    let bright = g.affine(mean, 1.0, DARK);
    let mut inside = g.affine(own.mask, 1.0, 1e-3);
    let mut sum = g.push(Op::Multiply, &[bright, inside]);
    let mut level = bright;
    let mut relief = None;
    for _ in 0..BANDS {
        let [coarser_sum, coarser_inside] = [sum, inside].map(|node| g.push(Op::Halve, &[node]));
        let [wide_sum, wide_inside] =
            [coarser_sum, coarser_inside].map(|node| g.push(Op::ResizeLike, &[node, level]));
        let around = g.push(Op::Divide, &[wide_sum, wide_inside]);
        let ratio = g.push(Op::Divide, &[level, around]);
        let part = g.affine(ratio, 1.0 / BRIGHTEST, 0.0);
        let part = g.push(Op::Clip, &[part]);
        let step = g.affine(part, BRIGHTEST, -1.0);
        let step = if level == bright { step } else { enlarge_inside(g, step, inside, own.mask) };
        let gain = g.conv(x, 1, 3);
        let gain = g.push(Op::Sigmoid, &[gain]);
        let gain = g.affine(gain, 1.25, 0.0);
        let kept = g.push(Op::Multiply, &[step, gain]);
        let factor = g.affine(kept, 1.0, 1.0);
        relief = Some(match relief {
            Some(finer) => g.push(Op::Multiply, &[finer, factor]),
            None => factor,
        });
        level = g.push(Op::Divide, &[coarser_sum, coarser_inside]);
        (sum, inside) = (coarser_sum, coarser_inside);
    }
    relief.expect("there are bands")
}

/// `values` at the size of `like`; those of pixels that are little `inside` count as little.
fn enlarge_inside(g: &mut Graph, values: NodeId, inside: NodeId, like: NodeId) -> NodeId {
    let counted = g.push(Op::Multiply, &[values, inside]);
    let [sum, weight] = [counted, inside].map(|node| g.push(Op::ResizeLike, &[node, like]));
    g.push(Op::Divide, &[sum, weight])
}

/// From the full picture to 16 channels of the same size. `seen` are features at a quarter, an eighth and a sixteenth
/// of the sides, or nothing.
fn unet(g: &mut Graph, full: NodeId, seen: &[NodeId]) -> NodeId {
    let half = g.conv_norm_relu(full, 24, 2);
    let mut scales = vec![];
    let mut x = half;
    for (scale, outputs) in [48, 80, 104].into_iter().enumerate() {
        x = g.conv_norm_relu(x, outputs, 2);
        x = with_seen(g, x, seen.get(scale));
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
    g.conv_norm_relu(joined, 16, 1)
}

/// As [`unet`]; all features are seen at a quarter of the sides.
fn resnet(g: &mut Graph, full: NodeId, seen: &[NodeId]) -> NodeId {
    let stem = g.wide_conv_norm_relu(full, 16, 7);
    let half = g.conv_norm_relu(stem, 32, 2);
    let mut x = g.conv_norm_relu(half, 64, 2);
    if !seen.is_empty() {
        let quarter = x;
        for &features in seen {
            let features = g.push(Op::ResizeLike, &[features, quarter]);
            x = g.push(Op::Concat, &[x, features]);
        }
        x = g.conv_norm_relu(x, 64, 1);
    }
    // With steps of one alone, 27 of these would see as far.
    for dilation in [1, 1, 2, 4, 8, 2, 1, 1] {
        x = g.residual(x, dilation);
    }
    // Enlarged and convolved: transposed convolutions leave checkerboards (Odena et al. 2016, "Deconvolution and
    // Checkerboard Artifacts"), and know only sizes that are multiples of their stride.
    for (like, outputs) in [(half, 32), (stem, 16)] {
        x = g.push(Op::ResizeLike, &[x, like]);
        x = g.conv_norm_relu(x, outputs, 1);
    }
    x
}

/// Channels that each layer of a dense block adds.
const GROWTH: i64 = 12;
/// Layers of the dense blocks at a half, a quarter and an eighth of the sides.
const DENSE_LAYERS: [usize; 3] = [3, 4, 4];
/// Layers of the dense block at a sixteenth of the sides.
const BOTTOM_LAYERS: usize = 5;

/// As [`unet`].
fn densenet(g: &mut Graph, full: NodeId, seen: &[NodeId]) -> NodeId {
    let mut x = g.conv_norm_relu(full, 24, 2);
    let mut skips = vec![];
    for (scale, layers) in DENSE_LAYERS.into_iter().enumerate() {
        let new = dense_block(g, x, layers);
        let block = g.push(Op::Concat, &[x, new]);
        skips.push(block);
        let half_the_channels = g.channels(block) / 2;
        let narrow = g.norm_relu_conv(block, half_the_channels, 1);
        x = g.push(Op::Halve, &[narrow]);
        x = with_seen(g, x, seen.get(scale));
    }
    let mut new = dense_block(g, x, BOTTOM_LAYERS);
    for (skip, layers) in skips.into_iter().zip(DENSE_LAYERS).rev() {
        let joined = g.join(new, skip);
        new = dense_block(g, joined, layers);
    }
    let joined = g.join(new, full);
    g.conv_norm_relu(joined, 16, 1)
}

/// What the layers of a dense block add: each sees the block's input and all layers before it.
fn dense_block(g: &mut Graph, x: NodeId, layers: usize) -> NodeId {
    let mut all = x;
    let mut new = vec![];
    for _ in 0..layers {
        if let Some(&last) = new.last() {
            all = g.push(Op::Concat, &[all, last]);
        }
        let layer = g.norm_relu_conv(all, GROWTH, 3);
        new.push(layer);
    }
    g.push(Op::Concat, &new)
}

fn with_seen(g: &mut Graph, x: NodeId, seen: Option<&NodeId>) -> NodeId {
    match seen {
        Some(&seen) => g.push(Op::Concat, &[x, seen]),
        None => x,
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor, nn};

    use super::*;
    use crate::networks::fold::{FoldedNetwork, WeightStorage};
    use crate::networks::network::{Mode, Network};

    /// A picture, red on its left and blue on its right, whose middle is to be filled: the mean colour of the first fill
    /// there, for the probability of rust on the left.
    fn filled_between_red_and_blue(probability_of_red: f64) -> [f64; 3] {
        let mut g = Graph::default();
        let [image, mask, doubt] =
            [(names::IMAGE, 3), (names::MASK, 1), (names::DOUBT, 1)].map(|(name, n)| g.input(name, n));
        let known = trusted(&mut g, mask, doubt);
        let fill = spread_surroundings(&mut g, image, known);
        g.output(names::FILL, fill);
        let store = nn::VarStore::new(Device::Cpu);
        let network = Network::new(&store.root(), g);
        let stripe = |from: i64, to: i64| {
            let plane = Tensor::zeros([1, 1, 64, 96], (Kind::Float, Device::Cpu));
            let _ = plane.narrow(3, from, to - from).fill_(1.0);
            plane
        };
        let (left, middle, right) = (stripe(0, 44), stripe(44, 52), stripe(52, 96));
        let image = Tensor::cat(&[&left, &left.zeros_like(), &right], 1);
        let fill =
            network.forward(&[&image, &middle, &(left * probability_of_red)], Mode::Evaluate).remove(0);
        [0, 1, 2].map(|channel| fill.get(0).get(channel).narrow(1, 44, 8).mean(Kind::Float).double_value(&[]))
    }

    #[test]
    fn a_first_fill_takes_its_colours_from_what_is_hardly_rust() {
        let [red, green, blue] = filled_between_red_and_blue(0.04);
        assert!(
            (0.48..0.52).contains(&red) && (red + blue - 1.0).abs() < 0.01 && green < 0.01,
            "{red} {green} {blue}"
        );
        let [red, _, blue] = filled_between_red_and_blue(0.35);
        assert!(blue > 0.75 && red < 0.25, "{red} {blue}");
    }

    /// The relief of a picture `[1, 3, 64, 64]` under a mask, all gains the same.
    fn relief(image: &Tensor, mask: &Tensor) -> Tensor {
        let mut g = Graph::default();
        let [image_id, mask_id] = [(names::IMAGE, 3), (names::MASK, 1)].map(|(name, n)| g.input(name, n));
        let relief = own_relief(&mut g, Own { image: image_id, mask: mask_id }, mask_id);
        g.output(names::FILL, relief);
        let store = nn::VarStore::new(Device::Cpu);
        let network = Network::new(&store.root(), g);
        tch::no_grad(|| store.variables().into_values().for_each(|mut variable| drop(variable.zero_())));
        network.forward(&[image, mask], Mode::Evaluate).remove(0).get(0).get(0)
    }

    #[test]
    fn relief_is_the_shape_inside_the_mask_and_no_halo_around_it() {
        // A dark thing on bright ground, without and with darker lines on its left.
        let mask = Tensor::zeros([1, 1, 64, 64], (Kind::Float, Device::Cpu));
        let _ = mask.narrow(2, 10, 44).narrow(3, 10, 44).fill_(1.0);
        let image = (&mask * -0.7 + 0.9).repeat([1, 3, 1, 1]);
        let plain = relief(&image, &mask);
        for x in (12..28).step_by(4) {
            let _ = image.narrow(2, 10, 44).narrow(3, x, 2).fill_(0.1);
        }
        let lined = relief(&image, &mask);
        for y in [11, 30, 52] {
            for x in [10, 11, 30, 50, 53] {
                let halo = plain.double_value(&[y, x]);
                assert!((halo - 1.0).abs() < 0.03, "a halo at {y}, {x}: {halo}");
            }
            let [line, beside] = [12, 14].map(|x| lined.double_value(&[y, x]));
            assert!(line < 0.92 && beside > 1.05, "{y}: {line} {beside}");
        }
    }

    #[test]
    fn every_family_makes_a_picture_near_what_it_starts_from() {
        tch::manual_seed(2);
        for family in Family::value_variants() {
            for graph in [generator(*family, 1.0, 0.25), translator(*family, 1.0)] {
                let store = nn::VarStore::new(Device::Cpu);
                let network = Network::new(&store.root(), graph);
                let sides = [(45, 70), (45, 70), (45, 70), (12, 18), (6, 9), (3, 5)];
                let inputs: Vec<Tensor> = network
                    .graph
                    .inputs()
                    .zip(sides)
                    .map(|(id, (height, width))| {
                        let shape = [2, network.graph.channels(id), height, width];
                        Tensor::rand(shape, (Kind::Float, Device::Cpu))
                    })
                    .collect();
                let inputs: Vec<&Tensor> = inputs.iter().collect();
                let fill = network.forward(&inputs, Mode::Train).remove(0);
                assert_eq!(fill.size(), [2, 3, 45, 70]);
                if inputs.len() == 1 {
                    let change = (&fill - inputs[0]).abs().mean(Kind::Float).double_value(&[]);
                    assert!(change > 0.001 && change < 0.15, "{family:?} starts {change} from its input");
                }
                // Every parameter takes part: one that does not would never learn.
                fill.square().sum(Kind::Float).backward();
                for (name, variable) in store.variables() {
                    let learns = variable.requires_grad();
                    assert!(!learns || variable.grad().defined(), "{family:?}: nothing reaches {name}");
                }
                let expected = network.forward(&inputs, Mode::Evaluate).remove(0);
                let folded = FoldedNetwork::new(&network, WeightStorage::Float32).network;
                let difference = (folded.forward(&inputs, Mode::Evaluate).remove(0) - expected).abs().max();
                assert!(difference.double_value(&[]) < 1e-4, "{family:?} folds into another network");
            }
        }
    }
}
