//! What a variational autoencoder is asked to make small (Kingma and Welling 2014, arXiv:1312.6114).

use tch::{Kind, Tensor};

/// Squared difference summed over each picture and halved, mean over the batch: up to a constant the negative
/// logarithm of the likelihood of a normal distribution of variance one around `made`. Both `[n, c, h, w]`.
pub fn reconstruction(made: &Tensor, wanted: &Tensor) -> Tensor {
    (made - wanted).square().sum(Kind::Float) / (2.0 * made.size()[0] as f64)
}

/// Kullback-Leibler divergence of normal distributions from the standard one, summed over the dimensions, mean over
/// the batch. Both `[n, dimensions]`.
pub fn divergence(mean: &Tensor, log_variance: &Tensor) -> Tensor {
    let twice: Tensor = mean.square() + log_variance.exp() - log_variance - 1.0;
    twice.sum(Kind::Float) / (2.0 * mean.size()[0] as f64)
}

/// Draws from the distribution by way of standard normal `noise`, so that gradients reach mean and variance. All
/// `[n, dimensions]`.
pub fn draw(mean: &Tensor, log_variance: &Tensor, noise: &Tensor) -> Tensor {
    mean + (log_variance * 0.5).exp() * noise
}
