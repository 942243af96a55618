//! Cures for unstable training of discriminator against generator.

use anyhow::{Result, ensure};
use clap::{ArgAction, Args};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::AdversarialLoss;
use crate::data::random::{Purpose, Random, normal, stream, uniform};

/// What keeps discriminator and generator in balance.
#[derive(Args, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CureOptions {
    /// Taken off what true pictures should score, so that the discriminator is never too sure; 0 to below 1.
    #[arg(long, default_value_t = 0.0)]
    pub label_smoothing: f64,
    /// Standard deviation of the noise added to all pictures that the discriminator sees, at the start; it falls
    /// to zero over the first half of the run.
    #[arg(long, default_value_t = 0.0)]
    pub instance_noise: f64,
    /// Whether the discriminator's weights are divided by their largest singular value.
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    pub spectral_norm: bool,
    /// Weight of the penalty that keeps the discriminator's gradient at length one; unless told otherwise 10 with
    /// wasserstein and 0 with every other loss.
    #[arg(long)]
    pub gradient_penalty: Option<f64>,
    /// Earlier pictures of the generator that the discriminator may see again; 0 for none.
    #[arg(long, default_value_t = 0)]
    pub image_pool: usize,
    /// Weight of the term that asks the generator to make the discriminator's layers see what they see in true
    /// pictures.
    #[arg(long, default_value_t = 0.0)]
    pub feature_matching: f64,
    /// The discriminator's learning rate over the generator's.
    #[arg(long, default_value_t = 0.5)]
    pub discriminator_rate: f64,
}

impl Default for CureOptions {
    fn default() -> Self {
        CureOptions {
            label_smoothing: 0.0,
            instance_noise: 0.0,
            spectral_norm: true,
            gradient_penalty: None,
            image_pool: 0,
            feature_matching: 0.0,
            discriminator_rate: 0.5,
        }
    }
}

/// Weight of the gradient penalty where none is given, as in Gulrajani et al. 2017.
const WASSERSTEIN_PENALTY: f64 = 10.0;
/// Part of the run over which instance noise falls to zero.
const NOISY: f64 = 0.5;

impl CureOptions {
    /// Checks the numbers, and whether they go together with a loss.
    ///
    /// # Errors
    /// Names the option that does not fit.
    pub fn check(&self, loss: AdversarialLoss) -> Result<()> {
        let wasserstein = loss == AdversarialLoss::Wasserstein;
        ensure!(
            (0.0..1.0).contains(&self.label_smoothing),
            "--label-smoothing is {}; it must be 0 or more and below 1",
            self.label_smoothing
        );
        ensure!(
            !wasserstein || self.label_smoothing == 0.0,
            "--label-smoothing means nothing to the wasserstein loss, which has no labels; leave it out"
        );
        ensure!(
            !wasserstein || self.penalty(loss) > 0.0,
            "the wasserstein loss needs a gradient penalty: leave --gradient-penalty out or set it above 0"
        );
        let amounts = [
            ("--instance-noise", self.instance_noise),
            ("--gradient-penalty", self.penalty(loss)),
            ("--feature-matching", self.feature_matching),
            ("--discriminator-rate", self.discriminator_rate),
        ];
        for (name, amount) in amounts {
            ensure!(amount.is_finite() && amount >= 0.0, "{name} is {amount}; it must be 0 or more");
        }
        Ok(())
    }

    /// Weight of the gradient penalty with this loss.
    pub fn penalty(&self, loss: AdversarialLoss) -> f64 {
        let usual = if loss == AdversarialLoss::Wasserstein { WASSERSTEIN_PENALTY } else { 0.0 };
        self.gradient_penalty.unwrap_or(usual)
    }

    /// Whether the discriminator may have batch normalisations: not under a gradient penalty, which is about single
    /// pictures.
    pub fn allow_norm(&self, loss: AdversarialLoss) -> bool {
        self.penalty(loss) == 0.0
    }

    /// Standard deviation of the instance noise when the run is `progress` (0 to 1) through.
    pub fn noise(&self, progress: f64) -> f64 {
        self.instance_noise * (1.0 - progress / NOISY).max(0.0)
    }
}

/// The random numbers that an adversarial step draws, by seed and step alone.
pub struct StepRandom(Random);

impl StepRandom {
    /// The numbers of step number `step`.
    pub fn new(seed: u64, step: u64) -> Self {
        StepRandom(stream(seed, Purpose::Adversarial, step))
    }

    /// Standard normal numbers of this shape, on the CPU.
    pub fn normal(&mut self, shape: &[i64]) -> Tensor {
        self.fill(shape, normal)
    }

    /// Uniform numbers in 0 to 1 of this shape, on the CPU.
    pub fn uniform(&mut self, shape: &[i64]) -> Tensor {
        self.fill(shape, |random| uniform(random, 0.0, 1.0))
    }

    fn fill(&mut self, shape: &[i64], draw: fn(&mut Random) -> f32) -> Tensor {
        let count = shape.iter().product::<i64>();
        let values: Vec<f32> = (0..count).map(|_| draw(&mut self.0)).collect();
        Tensor::from_slice(&values).view(shape)
    }

    /// A picture with noise of this standard deviation added (instance noise, Sønderby et al. 2017,
    /// arXiv:1610.04490), or as it is where that is zero.
    pub fn with_noise(&mut self, picture: &Tensor, deviation: f64) -> Tensor {
        if deviation == 0.0 {
            return picture.shallow_clone();
        }
        picture + self.normal(&picture.size()).to_device(picture.device()) * deviation
    }

    /// The stream itself.
    pub fn stream(&mut self) -> &mut Random {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use clap::{Parser, ValueEnum};
    use tch::Kind;

    use super::*;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        cures: CureOptions,
    }

    #[test]
    fn options_that_do_not_go_together_are_named() {
        let parse = |arguments: &str| {
            Arguments::try_parse_from(["x"].into_iter().chain(arguments.split_whitespace())).unwrap().cures
        };
        assert_eq!(parse(""), CureOptions::default());
        let sure = "--label-smoothing 0.1 --spectral-norm false --image-pool 50 --discriminator-rate 4";
        for loss in AdversarialLoss::value_variants() {
            parse("").check(*loss).unwrap();
            let refused = parse(sure).check(*loss);
            assert_eq!(refused.is_err(), *loss == AdversarialLoss::Wasserstein, "{loss:?}");
        }
        for (arguments, loss, hint) in [
            ("--label-smoothing 1", AdversarialLoss::Minimax, "--label-smoothing is 1"),
            ("--gradient-penalty 0", AdversarialLoss::Wasserstein, "needs a gradient penalty"),
            ("--instance-noise=-1", AdversarialLoss::Hinge, "--instance-noise is -1"),
            ("--feature-matching nan", AdversarialLoss::Hinge, "--feature-matching is NaN"),
        ] {
            let error = parse(arguments).check(loss).unwrap_err().to_string();
            assert!(error.contains(hint), "{arguments}: {error}");
        }
        assert_eq!(parse("").penalty(AdversarialLoss::Wasserstein), 10.0);
        assert!(!parse("").allow_norm(AdversarialLoss::Wasserstein));
        assert!(parse("").allow_norm(AdversarialLoss::Hinge));
    }

    #[test]
    fn instance_noise_fades_and_depends_on_seed_and_step_alone() {
        let cures = CureOptions { instance_noise: 0.2, ..Default::default() };
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|progress| cures.noise(progress)), [0.2, 0.1, 0.0, 0.0]);
        let picture = Tensor::zeros([2, 3, 32, 32], (Kind::Float, tch::Device::Cpu));
        let noisy = |seed, step| StepRandom::new(seed, step).with_noise(&picture, 0.2);
        assert!((noisy(1, 5).std(true).double_value(&[]) - 0.2).abs() < 0.01);
        assert!(noisy(1, 5).mean(Kind::Float).double_value(&[]).abs() < 0.01);
        assert_eq!(noisy(1, 5), noisy(1, 5));
        assert_ne!(noisy(1, 5), noisy(1, 6));
        assert_ne!(noisy(1, 5), noisy(2, 5));
        assert_eq!(StepRandom::new(1, 5).with_noise(&picture, 0.0), picture);
    }
}
