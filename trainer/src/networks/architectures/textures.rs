//! Networks that make rust textures from noise, those that judge them, and those that describe them.

use super::names;
use crate::networks::graph::{Conv, Graph, NodeId, Op};

/// Sizes that the networks of a texture model share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextureSize {
    /// Height and width of a texture in pixels: 16, 32, 64 and so on.
    pub side: i64,
    /// Numbers of noise that a texture is made from.
    pub noise: i64,
    /// Channels at half of the side; the number doubles wherever the side halves, up to eight times as many.
    pub channels: i64,
}

impl Default for TextureSize {
    fn default() -> Self {
        TextureSize { side: 64, noise: 100, channels: 32 }
    }
}

impl TextureSize {
    /// Channels at a half of the side, a quarter and so on down to the side of 4 pixels.
    fn widths(&self) -> Vec<i64> {
        let levels = (self.side / 4).ilog2();
        (0..levels).map(|level| self.channels << level.min(3)).collect()
    }
}

/// The generator (DCGAN, Radford et al. 2016, arXiv:1511.06434): a dense layer makes a picture of 4x4 pixels of the
/// noise, transposed convolutions double it.
///
/// Input `noise` `[n, noise, 1, 1]`, standard normal; output `texture` `[n, 3, side, side]` in 0 to 1.
pub fn texture_generator(size: TextureSize) -> Graph {
    let mut g = Graph::default();
    let noise = g.square_input(names::NOISE, size.noise, 1);
    let mut widths = size.widths();
    let widest = widths.pop().unwrap_or(size.channels);
    let row = g.push(Op::Flatten { features: size.noise }, &[noise]);
    let dense = g.dense(row, widest * 16, false);
    let mut x = g.push(Op::Reshape { channels: widest, side: 4 }, &[dense]);
    x = g.push(Op::BatchNorm, &[x]);
    x = g.push(Op::Relu, &[x]);
    for outputs in widths.into_iter().rev() {
        x = g.double(x, outputs, false);
        x = g.push(Op::BatchNorm, &[x]);
        x = g.push(Op::Relu, &[x]);
    }
    x = g.double(x, 3, true);
    x = g.push(Op::Tanh, &[x]);
    let texture = g.affine(x, 0.5, 0.5);
    g.output(names::TEXTURE, texture);
    g
}

/// The discriminator of the same paper: one score for a whole texture.
///
/// `norm` and `spectral` as in [`PatchDiscriminator`](super::PatchDiscriminator). Input `image` `[n, 3, side, side]`
/// in 0 to 1, outputs `score` `[n, 1]`, then what its layers saw: `features1`, `features2` and so on.
pub fn texture_discriminator(size: TextureSize, norm: bool, spectral: bool) -> Graph {
    let mut g = Graph::default();
    let (row, features) = contract(&mut g, size, norm, spectral);
    let score = g.dense(row, 1, spectral);
    g.output(names::SCORE, score);
    for (layer, features) in features.into_iter().enumerate() {
        g.output(&format!("features{}", layer + 1), features);
    }
    g
}

/// The encoder of a variational autoencoder whose decoder is [`texture_generator`] (Kingma and Welling 2014,
/// arXiv:1312.6114): for each texture a normal distribution of the noise that makes it.
///
/// Input `image` `[n, 3, side, side]` in 0 to 1, outputs `mean` and `log_variance`, both `[n, noise]`.
pub fn texture_encoder(size: TextureSize) -> Graph {
    let mut g = Graph::default();
    let (row, _) = contract(&mut g, size, true, false);
    for name in [names::MEAN, names::LOG_VARIANCE] {
        let output = g.dense(row, size.noise, false);
        g.output(name, output);
    }
    g
}

/// Adds convolutions that halve a texture down to 4x4 pixels; answers with these in a row, and with every layer.
fn contract(g: &mut Graph, size: TextureSize, norm: bool, spectral: bool) -> (NodeId, Vec<NodeId>) {
    let image = g.square_input(names::IMAGE, 3, size.side);
    let mut x = g.affine(image, 2.0, -1.0);
    let mut layers = vec![];
    for (layer, outputs) in size.widths().into_iter().enumerate() {
        let norm = norm && layer > 0;
        let inputs = g.channels(x);
        let conv =
            Conv { inputs, outputs, kernel: 4, stride: 2, dilation: 1, groups: 1, bias: !norm, spectral };
        x = g.push(Op::Conv(conv), &[x]);
        if norm {
            x = g.push(Op::BatchNorm, &[x]);
        }
        x = g.push(Op::LeakyRelu { slope: 0.2 }, &[x]);
        layers.push(x);
    }
    let features = g.channels(x) * 16;
    (g.push(Op::Flatten { features }, &[x]), layers)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor, nn};

    use super::*;
    use crate::networks::graph::Extent;
    use crate::networks::network::{Mode, Network};

    #[test]
    fn textures_and_what_judges_and_describes_them_fit_together() {
        for side in [16, 64, 128] {
            let size = TextureSize { side, noise: 10, channels: 8 };
            let run = |graph: Graph, input: &Tensor| {
                let store = nn::VarStore::new(Device::Cpu);
                let network = Network::new(&store.root(), graph);
                let results = network.forward(&[input], Mode::Train);
                // What the graph says of its results is what they are: the exported file says the same.
                let extents = network.graph.extents();
                for ((_, id), result) in network.graph.outputs.iter().zip(&results) {
                    let channels = network.graph.channels(*id);
                    let expected = match extents[*id] {
                        Extent::Side(side) => vec![2, channels, side, side],
                        Extent::Row => vec![2, channels],
                        Extent::Free => panic!("a texture has a size"),
                    };
                    assert_eq!(result.size(), expected);
                }
                results
            };
            let noise = Tensor::randn([2, 10, 1, 1], (Kind::Float, Device::Cpu));
            let texture = run(texture_generator(size), &noise).remove(0);
            assert_eq!(texture.size(), [2, 3, side, side]);
            assert!(texture.min().double_value(&[]) >= 0.0 && texture.max().double_value(&[]) <= 1.0);
            let judged = run(texture_discriminator(size, true, true), &texture);
            assert_eq!(judged[0].size(), [2, 1]);
            assert_eq!(judged.last().unwrap().size()[2..], [4, 4]);
            let described = run(texture_encoder(size), &texture);
            assert_eq!(described.iter().map(Tensor::size).collect::<Vec<_>>(), [[2, 10], [2, 10]]);
        }
    }
}
