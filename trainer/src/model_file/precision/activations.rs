//! What values pass between the layers of a network, and the scale of eight bits that keeps most of them.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use crate::networks::graph::NodeId;
use crate::networks::network::{Mode, Network};

/// Bins of a histogram of values.
const BINS: usize = 2048;
/// The highest whole number of eight bits.
const LEVELS: f64 = 255.0;

/// How a number `n` of eight bits stands for a value: `(n - zero_point) * scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activation {
    /// Step between two numbers.
    pub scale: f32,
    /// The number that stands for 0.
    pub zero_point: u8,
}

/// The values of one node over all calibration pictures.
#[derive(Clone, Debug)]
pub struct Values {
    low: f64,
    high: f64,
    counts: Vec<f64>,
    /// Mean of each channel.
    pub channel_means: Vec<f64>,
}

impl Activation {
    /// From `low`, at most 0, to `high`, at least 0.
    fn between(low: f64, high: f64) -> Self {
        let scale = ((high - low) / LEVELS).max(1e-12);
        Activation { scale: scale as f32, zero_point: (-low / scale).round().clamp(0.0, LEVELS) as u8 }
    }

    /// The value that is left of one.
    fn rounded(self, value: f64) -> f64 {
        let (scale, zero) = (f64::from(self.scale), f64::from(self.zero_point));
        ((value / scale).round() + zero).clamp(0.0, LEVELS).mul_add(scale, -zero * scale)
    }
}

impl Values {
    /// The scale with the least mean squared error: a few values far out may be cut off for finer steps between the rest.
    pub fn activation(&self) -> Activation {
        let parts = (0..=35).map(|step| 1.0 - f64::from(step) * 0.02);
        let candidates = parts.map(|part| Activation::between(self.low * part, self.high * part));
        candidates.min_by(|a, b| self.error(*a).total_cmp(&self.error(*b))).expect("there are candidates")
    }

    fn error(&self, activation: Activation) -> f64 {
        let width = (self.high - self.low) / BINS as f64;
        let centres = (0..BINS).map(|bin| self.low + (bin as f64 + 0.5) * width);
        let squares = centres.zip(&self.counts);
        squares.map(|(value, count)| count * (value - activation.rounded(value)).powi(2)).sum()
    }
}

/// Runs the network over pictures, one set of inputs each, and counts the values of some of its nodes.
pub fn observe(network: &Network, nodes: &[NodeId], pictures: &[Vec<Tensor>]) -> HashMap<NodeId, Values> {
    let _no_grad = tch::no_grad_guard();
    let probe = network.showing(nodes.iter().copied());
    let run = |inputs: &Vec<Tensor>| {
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        probe.forward(&inputs, Mode::Evaluate)
    };
    let mut seen: Vec<Values> = vec![];
    for inputs in pictures {
        for (i, x) in run(inputs).iter().enumerate() {
            let (low, high) = (x.min().double_value(&[]).min(0.0), x.max().double_value(&[]).max(0.0));
            let means = x.mean_dim([0, 2, 3].as_slice(), false, Kind::Double) / pictures.len() as f64;
            let means = Vec::<f64>::try_from(means).expect("a row of numbers");
            match seen.get_mut(i) {
                Some(values) => {
                    (values.low, values.high) = (values.low.min(low), values.high.max(high));
                    values.channel_means.iter_mut().zip(means).for_each(|(sum, mean)| *sum += mean);
                }
                None => seen.push(Values { low, high, counts: vec![0.0; BINS], channel_means: means }),
            }
        }
    }
    for inputs in pictures {
        for (x, values) in run(inputs).iter().zip(&mut seen) {
            let per_value = BINS as f64 / (values.high - values.low).max(1e-12);
            let bins = ((x.flatten(0, -1) - values.low) * per_value).clamp(0.0, BINS as f64 - 1.0);
            let counts = bins.to_kind(Kind::Int64).bincount(None::<&Tensor>, BINS as i64);
            let counts = Vec::<f64>::try_from(counts.to_kind(Kind::Double)).expect("a row of numbers");
            values.counts.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    nodes.iter().copied().zip(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bits_keep_zero_and_both_ends() {
        let signed = Activation::between(-1.0, 3.0);
        assert_eq!(signed.rounded(0.0), 0.0);
        assert!((signed.rounded(3.0) - 3.0).abs() < 0.02 && (signed.rounded(-1.0) + 1.0).abs() < 0.02);
        assert!((signed.rounded(1.234) - 1.234).abs() < 0.01);
        assert!(signed.rounded(9.0) < 3.1);
        assert_eq!(Activation::between(0.0, 6.0).zero_point, 0);
    }

    #[test]
    fn a_lonely_outlier_is_cut_off() {
        let values = |outliers: f64| {
            let mut counts = vec![0.0; BINS];
            counts[..BINS / 4].fill(1000.0);
            counts[BINS - 1] = outliers;
            Values { low: 0.0, high: 8.0, counts, channel_means: vec![] }.activation().scale * 255.0
        };
        assert!(values(1e-3) < 3.5, "{}", values(1e-3));
        assert!(values(1e6) > 7.5, "{}", values(1e6));
    }
}
