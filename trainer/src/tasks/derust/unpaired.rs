//! Trains a pair of generators on folders of rusty and of clean pictures of which none belong together: what one
//! makes, the other must be able to undo (Zhu et al. 2017, arXiv:1703.10593).
//!
//! The discriminator of the clean side also sees the rusty pictures as what they are, so it learns to tell rust, and
//! can be exported as a network that finds it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, ensure};
use tch::{Device, Kind, Tensor};

use super::DerustOptions;
use crate::data::LONG_SIDE;
use crate::data::augment::Augment;
use crate::data::batches::{Samples, stack};
use crate::data::geometry::{Geometry, GeometryRange};
use crate::data::mix::Mix;
use crate::data::random::{Purpose, index, stream};
use crate::data::recolour::recolour;
use crate::data::source::{ReadingOptions, load_unpaired};
use crate::data::{Photo, PhotoSet, Plane};
use crate::evaluate::distance::sliced_wasserstein;
use crate::networks::architectures::{PatchDiscriminator, discriminator, translator};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::network::{Mode, Network};
use crate::report::sheet::sheet_of_planes;
use crate::run::collapse::DISCRIMINATOR;
use crate::run::{Figures, Learner, LearnerOptions, Measurement, Moment, Outcome, Task, fit};
use crate::tasks::adversary::Adversary;

const GEOMETRY: GeometryRange =
    GeometryRange { long_side: [256.0, 512.0], stretch: 1.2, turn: 10.0, ..GeometryRange::FREE };
/// Pictures of either kind that are measured.
const MEASURED: u64 = 24;
const SHOWN: usize = 12;

/// One rusty and one clean picture that have nothing to do with each other.
struct Unpaired {
    rusty: Vec<Photo>,
    clean: Vec<Photo>,
    side: usize,
    seed: u64,
    purpose: Purpose,
    augment: Augment,
}

impl Samples for Unpaired {
    fn sample(&self, number: u64) -> Vec<Plane> {
        let mut random = stream(self.seed, self.purpose, number);
        let geometry = self.augment.geometry(GEOMETRY);
        let crops = [&self.rusty, &self.clean].map(|photos| {
            let photo = &photos[index(&mut random, photos.len())];
            let mut colour = Geometry::random(photo, self.side, &geometry, &mut random).apply(photo).0;
            if matches!(self.purpose, Purpose::Training) {
                recolour(&mut colour, &self.augment, &mut random);
            }
            colour
        });
        crops.into()
    }
}

/// Trains until the budget is spent and leaves the best weights in the run's folder.
///
/// # Errors
/// When a folder cannot be read or holds too few pictures, the run's folder cannot be written, or the training
/// diverges.
pub fn train(options: &DerustOptions) -> Result<Outcome> {
    let (device, kind) = options.run.prepare(Kind::BFloat16)?;
    let [rusty, clean] = [0, 1].map(|i| read(&options.unpaired[i], &options.run.data.reading));
    let divide = |set: PhotoSet| set.divide(options.run.held_out, options.run.split_seed);
    let ((rusty, rusty_aside), (clean, clean_aside)) = (divide(rusty?), divide(clean?));
    println!("{} rusty and {} clean pictures to learn from", rusty.photos.len(), clean.photos.len());
    let augment = options.samples.choose(Mix::DERUST)?.augment;
    let side = options.run.side;
    let samples = |rusty, clean, seed, purpose| Unpaired { rusty, clean, side, seed, purpose, augment };
    let measured = samples(rusty_aside.photos, clean_aside.photos, 0, Purpose::Measuring);
    let samples = samples(rusty.photos, clean.photos, options.run.seed, Purpose::Training);

    let about = |name, averaged| LearnerOptions {
        adversarial: true,
        averaged,
        ..options.run.learner(name, (device, kind))
    };
    let judge = PatchDiscriminator { inputs: 3, spectral: options.game.cures.spectral_norm, norm: false };
    let adversary =
        |name, number| Adversary::new(discriminator(judge), &about(name, true), &options.game, number);
    let generator = |name| Learner::new(translator(options.generator, 1.0), &about(name, true));
    let mut task = Cycle {
        to_clean: generator("to_clean"),
        to_rusty: generator("to_rusty"),
        clean_judge: adversary(DISCRIMINATOR, 0)?,
        rusty_judge: adversary("rusty_discriminator", 1)?,
        measured: measured.batch(device),
        options: options.clone(),
    };
    fit(&mut task, Arc::new(samples), device, &options.run, options)
}

/// Reads any pictures of a folder.
fn read(folder: &Path, reading: &ReadingOptions) -> Result<PhotoSet> {
    let (photos, report) = load_unpaired(folder, LONG_SIDE, reading)?;
    reading.settle(&report, folder)?;
    let set = PhotoSet { photos, classes: vec![] };
    ensure!(set.photos.len() >= 2, "{} holds fewer than two pictures", folder.display());
    Ok(set)
}

impl Unpaired {
    /// Fixed pictures to measure on, rusty and clean.
    fn batch(&self, device: Device) -> [Tensor; 2] {
        if self.rusty.is_empty() || self.clean.is_empty() {
            return [(); 2].map(|()| Tensor::zeros([0, 3, 8, 8], (Kind::Float, device)));
        }
        let batch = stack((0..MEASURED).map(|number| self.sample(number)).collect());
        let batch: Vec<Tensor> = batch.into_iter().map(|tensor| tensor.to_device(device)).collect();
        batch.try_into().unwrap_or_else(|_| unreachable!("a sample has two planes"))
    }
}

/// Two generators and their discriminators in training.
struct Cycle {
    to_clean: Learner,
    to_rusty: Learner,
    clean_judge: Adversary,
    rusty_judge: Adversary,
    measured: [Tensor; 2],
    options: DerustOptions,
}

impl Task for Cycle {
    fn learners(&mut self) -> Vec<&mut Learner> {
        vec![
            &mut self.to_clean,
            &mut self.to_rusty,
            &mut self.clean_judge.learner,
            &mut self.rusty_judge.learner,
        ]
    }

    fn step(&mut self, batch: Vec<Tensor>, moment: &Moment) -> Result<Figures> {
        let (rusty, clean) = (&batch[0], &batch[1]);
        let cleaned = make(&self.to_clean.network, rusty);
        let rusted = make(&self.to_rusty.network, clean);
        let back = l1(&make(&self.to_rusty.network, &cleaned), rusty)
            + l1(&make(&self.to_clean.network, &rusted), clean);
        let same =
            l1(&make(&self.to_clean.network, clean), clean) + l1(&make(&self.to_rusty.network, rusty), rusty);
        let mut loss = &back * self.options.cycle + &same * self.options.identity;
        let mut figures =
            Figures::from([("cycle", back.double_value(&[])), ("identity", same.double_value(&[]))]);
        if moment.progress >= self.options.adversarial_from {
            let everywhere = |_: &Tensor| None;
            let played = self.clean_judge.learn(clean, None, &cleaned, &everywhere, moment)?
                + self.rusty_judge.learn(rusty, None, &rusted, &everywhere, moment)?;
            let (clean_term, score) = self.clean_judge.judge(clean, &cleaned, None);
            let rusty_term = self.rusty_judge.judge(rusty, &rusted, None).0;
            loss += clean_term + rusty_term;
            figures.set(DISCRIMINATOR, played);
            figures.set("generator_score", score);
        }
        loss.backward();
        self.to_clean.update(moment)?;
        self.to_rusty.update(moment)?;
        // The generators' loss left gradients in the discriminators.
        self.clean_judge.learner.clear_gradients();
        self.rusty_judge.learner.clear_gradients();
        Ok(figures)
    }

    fn measure(&mut self) -> Result<Measurement> {
        let [rusty, clean] = &self.measured;
        if rusty.size()[0] == 0 {
            return Ok(Measurement::unknown());
        }
        let _no_grad = tch::no_grad_guard();
        let run = |learner: &Learner, picture: &Tensor| {
            learner.averaged().forward(&[picture], Mode::Evaluate).remove(0)
        };
        let cleaned = run(&self.to_clean, rusty);
        let rusted = run(&self.to_rusty, clean);
        let cycle = l1(&run(&self.to_rusty, &cleaned), rusty).double_value(&[]);
        let (to_clean, to_rusty) = (sliced_wasserstein(clean, &cleaned), sliced_wasserstein(rusty, &rusted));
        let figures = Figures::from([
            ("cycle_held_out", cycle),
            ("distance_clean", to_clean),
            ("distance_rusty", to_rusty),
        ]);
        let shown = (0..SHOWN.min(rusty.size()[0] as usize)).map(|i| {
            let i = i as i64;
            [rusty, &cleaned, clean, &rusted].map(|one| Plane::from_tensor(&one.get(i))).into()
        });
        let samples = Some(sheet_of_planes(&shown.collect::<Vec<_>>(), 3));
        // A generator that leaves everything as it is cycles perfectly: what counts is how far it gets.
        Ok(Measurement { figures, score: -to_clean - cycle, samples })
    }

    fn describe(&self, best: &mut Checkpoint) {
        best.put("run", [("family".into(), Tensor::from_slice(&[self.options.generator as i64]))]);
        best.put("run", [("unpaired".into(), Tensor::from_slice(&[1i64]))]);
    }

    fn save(&self, checkpoint: &mut Checkpoint) {
        self.clean_judge.save(checkpoint);
        self.rusty_judge.save(checkpoint);
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.clean_judge.restore(checkpoint)?;
        self.rusty_judge.restore(checkpoint)
    }
}

fn make(generator: &Network, picture: &Tensor) -> Tensor {
    generator.forward(&[picture], Mode::Train).remove(0)
}

fn l1(a: &Tensor, b: &Tensor) -> Tensor {
    (a - b).abs().mean(Kind::Float)
}
