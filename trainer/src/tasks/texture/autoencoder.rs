//! A variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114).

use anyhow::Result;
use tch::{Kind, Tensor};

use super::{Bench, fresh};
use crate::evaluate::measure::psnr;
use crate::losses::cures::StepRandom;
use crate::losses::variational;
use crate::networks::architectures::{texture_encoder, texture_generator};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::network::Mode;
use crate::run::{Figures, Learner, LearnerOptions, Measurement, Moment, Task};

/// Encoder and decoder in training.
pub struct Autoencoder {
    bench: Bench,
    decoder: Learner,
    encoder: Learner,
    divergence: f64,
}

impl Autoencoder {
    /// Makes both; `about` as for [`Duel::new`](super::duel::Duel::new), `divergence` is the weight of that term.
    pub fn new<'a>(
        bench: Bench,
        about: &dyn Fn(&'static str, bool, bool) -> LearnerOptions<'a>,
        divergence: f64,
    ) -> Self {
        let decoder = fresh(texture_generator(bench.size), &about("generator", false, true));
        let encoder = fresh(texture_encoder(bench.size), &about("encoder", false, true));
        Autoencoder { bench, decoder, encoder, divergence }
    }

    /// A row of noise in the shape that the decoder takes.
    fn as_noise(&self, row: &Tensor) -> Tensor {
        row.view([-1, self.bench.size.noise, 1, 1])
    }
}

impl Task for Autoencoder {
    fn learners(&mut self) -> Vec<&mut Learner> {
        vec![&mut self.decoder, &mut self.encoder]
    }

    fn step(&mut self, batch: Vec<Tensor>, moment: &Moment) -> Result<Figures> {
        let real = &batch[0];
        let mut random = StepRandom::new(moment.seed, moment.step);
        let noise = random.normal(&[real.size()[0], self.bench.size.noise]).to_device(real.device());
        let [mean, log_variance] = &self.encoder.forward(&[real])[..] else {
            unreachable!("the encoder has two outputs")
        };
        let drawn = self.as_noise(&variational::draw(mean, log_variance, &noise));
        let made = self.decoder.forward(&[&drawn]).remove(0);
        let reconstruction = variational::reconstruction(&made, real);
        let divergence = variational::divergence(mean, log_variance);
        let loss = &reconstruction + &divergence * self.divergence;
        loss.backward();
        self.decoder.update(moment)?;
        self.encoder.update(moment)?;
        let figures = [("loss", loss), ("reconstruction", reconstruction), ("divergence", divergence)];
        Ok(Figures::from(figures.map(|(name, value)| (name, value.double_value(&[])))))
    }

    fn measure(&mut self) -> Result<Measurement> {
        let mut measurement = self.bench.measure(self.decoder.averaged());
        let _no_grad = tch::no_grad_guard();
        let real = &self.bench.real;
        let mean = self.encoder.averaged().forward(&[real], Mode::Evaluate).remove(0);
        let made = self.decoder.averaged().forward(&[&self.as_noise(&mean)], Mode::Evaluate).remove(0);
        let error = (made - real).square().mean(Kind::Float).double_value(&[]);
        measurement.figures.set("psnr", psnr(error));
        Ok(measurement)
    }

    fn describe(&self, best: &mut Checkpoint) {
        self.bench.sign(best);
    }
}
