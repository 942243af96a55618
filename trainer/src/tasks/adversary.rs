//! The discriminator's part of a training.

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tch::{Kind, Tensor};

use crate::losses::cures::StepRandom;
use crate::losses::{self, AdversarialLoss, CureOptions, ImagePool, Scores};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::graph::Graph;
use crate::run::{Learner, LearnerOptions, Moment};

/// Which game is played, and what keeps it in balance.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AdversarialOptions {
    /// What discriminator and generator are asked to make small.
    #[arg(long, value_enum, default_value = "hinge", help_heading = ADVERSARIAL)]
    pub adversarial_loss: AdversarialLoss,
    #[command(flatten, next_help_heading = ADVERSARIAL)]
    #[serde(flatten)]
    pub cures: CureOptions,
}

const ADVERSARIAL: &str = "Discriminator";

/// The colours among a discriminator's input channels.
const COLOURS: i64 = 3;

/// A discriminator that learns against a generator.
pub struct Adversary {
    /// Its network: scores, then what its layers saw.
    pub learner: Learner,
    loss: AdversarialLoss,
    cures: CureOptions,
    pool: ImagePool,
    /// Whether each made picture should look like the true one of the same number, for feature matching.
    pub paired: bool,
    /// Sets its random numbers apart from those of another discriminator in the same run.
    number: u64,
}

/// Under what weights the scores of pictures count, from the pictures themselves; `None` where all count the same.
pub type WeightOf<'a> = &'a dyn Fn(&Tensor) -> Option<Tensor>;

impl Adversary {
    /// With fresh weights. `number` is this discriminator's among those of the run.
    ///
    /// # Errors
    /// When the options do not go together.
    pub fn new(
        graph: Graph,
        about: &LearnerOptions,
        options: &AdversarialOptions,
        number: u64,
    ) -> Result<Self> {
        let learner = Learner::new(graph, about);
        Adversary::with_learner(learner, options, number)
    }

    /// With weights as they are.
    ///
    /// # Errors
    /// When the options do not go together.
    pub fn with_learner(mut learner: Learner, options: &AdversarialOptions, number: u64) -> Result<Self> {
        options.cures.check(options.adversarial_loss)?;
        learner.rate = options.cures.discriminator_rate;
        Ok(Adversary {
            learner,
            loss: options.adversarial_loss,
            cures: options.cures.clone(),
            pool: ImagePool::new(options.cures.image_pool),
            paired: false,
            number,
        })
    }

    /// A step of the discriminator on true and made pictures `[n, c, h, w]`, as many of each; returns its loss.
    ///
    /// # Errors
    /// When a gradient is not finite.
    pub fn learn(
        &mut self,
        real: &Tensor,
        real_weight: Option<&Tensor>,
        fake: &Tensor,
        fake_weight: WeightOf,
        moment: &Moment,
    ) -> Result<f64> {
        let mut random = StepRandom::new(moment.seed.wrapping_add(self.number), moment.step);
        let fake = self.pool.exchange(fake, random.stream());
        let weight = fake_weight(&fake);
        let deviation = self.cures.noise(moment.progress);
        let (real, fake) = (noisy(real, deviation, &mut random), noisy(&fake, deviation, &mut random));
        let (real_score, fake_score) = (self.score(&real), self.score(&fake));
        let mut loss = self.loss.discriminator(
            Scores::new(&real_score, real_weight),
            Scores::new(&fake_score, weight.as_ref()),
            self.cures.label_smoothing,
        );
        let played = loss.double_value(&[]);
        let penalty = self.cures.penalty(self.loss);
        if penalty > 0.0 {
            let place = random.uniform(&[real.size()[0], 1, 1, 1]).to_device(real.device());
            loss += losses::gradient_penalty(&real, &fake, &place, |picture| self.score(picture)) * penalty;
        }
        loss.backward();
        self.learner.update(moment)?;
        Ok(played)
    }

    /// What a generator is asked to make small, so that this discriminator takes what it made for true, and the mean
    /// score of what it made. `real` are the true pictures beside it, for feature matching.
    pub fn judge(&self, real: &Tensor, fake: &Tensor, weight: Option<&Tensor>) -> (Tensor, f64) {
        let mut seen = self.learner.forward(&[fake]);
        let score = seen.remove(0);
        let mut loss = self.loss.generator(Scores::new(&score, weight));
        if self.cures.feature_matching > 0.0 {
            let wanted = tch::no_grad(|| self.learner.forward(&[real])).split_off(1);
            let compare = if self.paired { losses::feature_matching } else { losses::feature_means };
            loss += compare(&wanted, &seen) * self.cures.feature_matching;
        }
        let mean = match weight {
            Some(weight) => losses::weighted_mean(&score, weight),
            None => score.mean(Kind::Float),
        };
        (loss, mean.double_value(&[]))
    }

    /// High where it takes pictures for true.
    pub fn score(&self, pictures: &Tensor) -> Tensor {
        self.learner.forward(&[pictures]).remove(0)
    }

    /// Adds what it remembers beside its network to a checkpoint.
    pub fn save(&self, checkpoint: &mut Checkpoint) {
        checkpoint.put(&self.section(), self.pool.state());
    }

    /// Takes back what [`save`](Self::save) kept.
    ///
    /// # Errors
    /// When it is not there, or the pool had another size.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let section = self.section();
        self.pool.restore(|name| checkpoint.get(&section, name))
    }

    fn section(&self) -> String {
        format!("{}.pool", self.learner.name)
    }
}

/// With noise on the colours; a mask beside them stays as it is.
fn noisy(pictures: &Tensor, deviation: f64, random: &mut StepRandom) -> Tensor {
    let channels = pictures.size()[1];
    if deviation == 0.0 || channels == COLOURS {
        return random.with_noise(pictures, deviation);
    }
    let colours = random.with_noise(&pictures.narrow(1, 0, COLOURS), deviation);
    Tensor::cat(&[colours, pictures.narrow(1, COLOURS, channels - COLOURS)], 1)
}
