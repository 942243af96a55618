//! What discriminator and generator are asked to make small.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::weighted_mean;

/// Scores of a discriminator, high where it takes a picture for true: `[n, 1]` for whole pictures or `[n, 1, h, w]`
/// for patches, and of the same shape the weights under which they count; without weights all count the same.
#[derive(Clone, Copy)]
pub struct Scores<'a> {
    /// The scores.
    pub values: &'a Tensor,
    /// Their weights, 0 or more.
    pub weight: Option<&'a Tensor>,
}

impl<'a> Scores<'a> {
    /// Scores under weights, or without.
    pub fn new(values: &'a Tensor, weight: Option<&'a Tensor>) -> Self {
        Scores { values, weight }
    }

    /// Mean of what a function makes of the scores.
    fn mean(&self, function: impl Fn(&Tensor) -> Tensor) -> Tensor {
        let values = function(self.values);
        match self.weight {
            Some(weight) => weighted_mean(&values, weight),
            None => values.mean(Kind::Float),
        }
    }
}

/// A game of discriminator against generator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdversarialLoss {
    /// Both play for the same value, as first described: the discriminator raises log D(x) + log(1 - D(G(z))), the
    /// generator lowers it (Goodfellow et al. 2014, arXiv:1406.2661).
    Minimax,
    /// The generator raises log D(G(z)) instead, which does not fade where the discriminator is sure (same paper).
    NonSaturating,
    /// Squared distances from 1 and 0 (Mao et al. 2017, arXiv:1611.04076).
    LeastSquares,
    /// Scores count up to a margin of 1 (Lim and Ye 2017, arXiv:1705.02894).
    #[default]
    Hinge,
    /// Difference of mean scores; needs a gradient penalty (Gulrajani et al. 2017, arXiv:1704.00028).
    Wasserstein,
}

impl AdversarialLoss {
    /// What the discriminator makes small. `smoothing` takes that much off what true pictures should score, and leaves
    /// made ones alone (one-sided label smoothing, Salimans et al. 2016, arXiv:1606.03498); it is in 0 to 1 and means
    /// nothing to Wasserstein's.
    pub fn discriminator(self, real: Scores, fake: Scores, smoothing: f64) -> Tensor {
        let wanted = 1.0 - smoothing;
        match self {
            AdversarialLoss::Minimax | AdversarialLoss::NonSaturating => {
                // Cross-entropy against `wanted`, of scores that the logistic function would make probabilities.
                let true_ones = real.mean(|score| score.softplus() - score * wanted);
                true_ones + fake.mean(Tensor::softplus)
            }
            AdversarialLoss::LeastSquares => {
                let true_ones = real.mean(|score| (score - wanted).square());
                (true_ones + fake.mean(Tensor::square)) * 0.5
            }
            AdversarialLoss::Hinge => {
                let true_ones = real.mean(|score| (-score + wanted).relu());
                true_ones + fake.mean(|score| (score + 1.0).relu())
            }
            AdversarialLoss::Wasserstein => {
                fake.mean(Tensor::shallow_clone) - real.mean(Tensor::shallow_clone)
            }
        }
    }

    /// What the generator makes small.
    pub fn generator(self, fake: Scores) -> Tensor {
        match self {
            AdversarialLoss::Minimax => -fake.mean(Tensor::softplus),
            AdversarialLoss::NonSaturating => fake.mean(|score| (-score).softplus()),
            AdversarialLoss::LeastSquares => fake.mean(|score| (score - 1.0).square()) * 0.5,
            AdversarialLoss::Hinge | AdversarialLoss::Wasserstein => -fake.mean(Tensor::shallow_clone),
        }
    }
}

/// Mean squared distance from one of the length of the score's gradient by the picture, at points between true and
/// made pictures (Gulrajani et al. 2017, arXiv:1704.00028). A picture's score is the mean over its patches.
///
/// `real` and `fake` `[n, c, h, w]`; `place` `[n, 1, 1, 1]` in 0 to 1 says where between the two the point lies, 1 at
/// the true picture; `critic` gives scores `[n, ...]`. Gradients flow through the gradient into the critic's weights.
pub fn gradient_penalty(
    real: &Tensor,
    fake: &Tensor,
    place: &Tensor,
    critic: impl Fn(&Tensor) -> Tensor,
) -> Tensor {
    let point = fake.detach().lerp_tensor(&real.detach(), place).set_requires_grad(true);
    let score = critic(&point).flatten(1, -1).mean_dim([1].as_slice(), false, Kind::Float).sum(Kind::Float);
    let gradient = Tensor::run_backward(&[score], &[&point], true, true).remove(0);
    let length =
        (gradient.square().flatten(1, -1).sum_dim_intlist([1].as_slice(), false, Kind::Float) + SMALL).sqrt();
    (length - 1.0).square().mean(Kind::Float)
}

/// Keeps the derivative of the root finite where a gradient vanishes.
const SMALL: f64 = 1e-12;
