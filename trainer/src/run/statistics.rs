//! Statistics of normalisations that were folded away.

use tch::{Device, Kind, Tensor};

use crate::data::batches::{Samples, stack};
use crate::networks::graph::NodeId;
use crate::networks::network::{Mode, NORM_EPSILON, Network, Parameters};

/// Passes over the batches. The first sees the network as it is evaluated; in the second the layers before a
/// normalisation compute as in training too, from which its statistics follow.
const PASSES: [Mode; 2] = [Mode::Evaluate, Mode::Train];

/// Gives every normalisation the mean over batches of a convolution's mean and variance, and gain and bias that undo
/// them: evaluation stays as it is, and training, where each batch has its own statistics, computes nearly the same.
/// For a network whose normalisations were folded into its convolutions, as in a model file; each batch holds one tensor per input, as many
/// samples as a step of training.
pub fn restore_statistics(network: &Network, batches: &[Vec<Tensor>]) {
    let _no_grad = tch::no_grad_guard();
    let normalised: Vec<(NodeId, NodeId)> = network
        .graph
        .convolutions()
        .filter_map(|(id, _)| network.graph.norm_of(id).map(|norm| (id, norm)))
        .collect();
    let folded_biases: Vec<Tensor> =
        normalised.iter().map(|(_, norm)| network.parameters(*norm)["bias"].detach().copy()).collect();
    let probe = network.showing(normalised.iter().map(|(convolution, _)| *convolution));
    for mode in PASSES {
        let statistics = mean_statistics(&probe, batches, mode);
        for (((_, norm), folded), [mean, variance]) in normalised.iter().zip(&folded_biases).zip(statistics) {
            let of_norm = |name: &str| network.parameters(*norm)[name].shallow_clone();
            // A channel that hardly varies gets a gain as small as its spread, so noise in it is not blown up.
            of_norm("weight").copy_(&(&variance + NORM_EPSILON).sqrt());
            of_norm("bias").copy_(&(folded + &mean));
            of_norm("running_mean").copy_(&mean);
            of_norm("running_var").copy_(&variance);
        }
    }
    for &(convolution, norm) in &normalised {
        rescale(network.parameters(convolution), network.parameters(norm));
    }
}

/// Brings every filter to the spread with which weights begin (He et al. 2015, arXiv:1502.01852). The normalisation after
/// it makes a filter's scale meaningless, but not the pace at which it learns: folding made filters many times
/// smaller, and steps that were fit for the original ones would undo them.
fn rescale(convolution: &Parameters, norm: &Parameters) {
    let weight = &convolution["weight"];
    let fan_in: i64 = weight.size()[1..].iter().product();
    let spread = (2.0 / fan_in as f64).sqrt();
    let over = [1, 2, 3].as_slice();
    let own = (weight * weight).mean_dim(over, false, None).sqrt();
    let factor = (own.clamp_min(1e-6).reciprocal() * spread).clamp(1e-3, 1e3);
    let _ = weight.shallow_clone().f_mul_(&factor.view([-1, 1, 1, 1])).expect("one factor per filter");
    let of_norm = |name: &str| norm[name].shallow_clone();
    let variance = of_norm("running_var") * &factor * &factor;
    of_norm("weight").copy_(&((&variance + NORM_EPSILON).sqrt() / &factor));
    of_norm("running_mean").copy_(&(of_norm("running_mean") * &factor));
    of_norm("running_var").copy_(&variance);
}

/// Mean and variance of each channel of each output, averaged over batches.
fn mean_statistics(network: &Network, batches: &[Vec<Tensor>], mode: Mode) -> Vec<[Tensor; 2]> {
    let of_batch = |batch: &Vec<Tensor>| -> Vec<[Tensor; 2]> {
        let inputs: Vec<&Tensor> = batch.iter().collect();
        network.forward(&inputs, mode).iter().map(mean_and_variance).collect()
    };
    let sums = batches
        .iter()
        .map(of_batch)
        .reduce(|sums, batch| sums.iter().zip(&batch).map(|(a, b)| [&a[0] + &b[0], &a[1] + &b[1]]).collect());
    let mean = |sum: Tensor| sum / batches.len() as f64;
    sums.unwrap_or_default().into_iter().map(|of_output| of_output.map(mean)).collect()
}

/// Samples for [`restore_statistics`], at least: with few, chance decides on the variances of the deepest layers.
const STATISTICS_SAMPLES: usize = 128;

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
    let x = x.to_kind(Kind::Double);
    let over = [0, 2, 3].as_slice();
    [x.mean_dim(over, false, None), x.var_dim(over, false, false)]
}
