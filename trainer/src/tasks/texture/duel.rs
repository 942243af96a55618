//! Generator against discriminator (Goodfellow et al. 2014, arXiv:1406.2661).

use anyhow::Result;
use tch::Tensor;

use super::{Bench, fresh};
use crate::losses::cures::StepRandom;
use crate::networks::architectures::{texture_discriminator, texture_generator};
use crate::networks::checkpoint::Checkpoint;
use crate::run::collapse::DISCRIMINATOR;
use crate::run::{Figures, Learner, LearnerOptions, Measurement, Moment, Task};
use crate::tasks::adversary::{AdversarialOptions, Adversary};

/// The two networks in training.
pub struct Duel {
    bench: Bench,
    generator: Learner,
    adversary: Adversary,
}

impl Duel {
    /// Makes both; `about` says by name, whether it learns against another and whether it is averaged, how a network
    /// learns. The discriminator has batch normalisations where neither spectral normalisation nor a gradient penalty
    /// holds it.
    ///
    /// # Errors
    /// When options do not go together.
    pub fn new<'a>(
        bench: Bench,
        about: &dyn Fn(&'static str, bool, bool) -> LearnerOptions<'a>,
        options: &AdversarialOptions,
    ) -> Result<Self> {
        let spectral = options.cures.spectral_norm;
        let norm = !spectral && options.cures.allow_norm(options.adversarial_loss);
        let generator = fresh(texture_generator(bench.size), &about("generator", true, true));
        let graph = texture_discriminator(bench.size, norm, spectral);
        let discriminator = fresh(graph, &about(DISCRIMINATOR, true, false));
        Ok(Duel { bench, generator, adversary: Adversary::with_learner(discriminator, options, 1)? })
    }
}

impl Task for Duel {
    fn learners(&mut self) -> Vec<&mut Learner> {
        vec![&mut self.generator, &mut self.adversary.learner]
    }

    fn step(&mut self, batch: Vec<Tensor>, moment: &Moment) -> Result<Figures> {
        let real = &batch[0];
        let mut random = StepRandom::new(moment.seed, moment.step);
        let noise = random.normal(&[real.size()[0], self.bench.size.noise, 1, 1]).to_device(real.device());
        let fake = self.generator.forward(&[&noise]).remove(0);
        let judged = self.adversary.learn(real, None, &fake, &|_| None, moment)?;
        let (loss, score) = self.adversary.judge(real, &fake, None);
        let figures =
            [(DISCRIMINATOR, judged), ("generator", loss.double_value(&[])), ("generator_score", score)];
        loss.backward();
        self.generator.update(moment)?;
        self.adversary.learner.clear_gradients();
        Ok(Figures::from(figures))
    }

    fn measure(&mut self) -> Result<Measurement> {
        Ok(self.bench.measure(self.generator.averaged()))
    }

    fn describe(&self, best: &mut Checkpoint) {
        self.bench.sign(best);
    }

    fn save(&self, checkpoint: &mut Checkpoint) {
        self.adversary.save(checkpoint);
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.adversary.restore(checkpoint)
    }
}
