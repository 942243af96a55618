//! Trains the generator of the derust network as a conditional adversarial network on made pairs.

mod unpaired;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::builder::ArgPredicate;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::data::batches::{Samples, stack};
use crate::data::mix::Mix;
use crate::data::photos::division;
use crate::data::removal::{Pairs, Source};
use crate::data::source::load_paired;
use crate::data::{LONG_SIDE, Plane, SampleOptions};
use crate::evaluate::measure::psnr;
use crate::losses;
use crate::model_file::import::{self, Part, Weights};
use crate::networks::architectures::{Family, PatchDiscriminator, SCORE_STRIDE, discriminator, generator};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::finder::{Found, FrozenFinder};
use crate::networks::network::{Mode, Network};
use crate::report::sheet::sheet_of_planes;
use crate::run::collapse::DISCRIMINATOR;
use crate::run::statistics::FirstBatches;
use crate::run::{Figures, Learner, LearnerOptions, Measurement, Moment, Outcome, RunOptions, Task, fit};
use crate::tasks::adversary::{AdversarialOptions, Adversary};

/// Pairs on which a run is measured.
const MEASURED: u64 = 96;
/// Pairs on a sample sheet.
const SHOWN: u64 = 16;

/// Options of `train derust`.
#[derive(Args, Clone, Debug, Serialize)]
#[command(mut_arg("data", |data| {
    data.required_unless_present_any(["unpaired", "paired"]).required(false).default_value_ifs([
        ("unpaired", ArgPredicate::IsPresent, "-"),
        ("paired", ArgPredicate::IsPresent, "-"),
    ])
}))]
#[serde(rename_all = "kebab-case")]
pub struct DerustOptions {
    #[command(flatten)]
    #[serde(flatten)]
    pub run: RunOptions,
    #[command(flatten)]
    #[serde(flatten)]
    pub samples: SampleOptions,
    /// Folder of the segmentation run that finds the rust, or a segment-rust or derust model (.onnx): the generator sees
    /// what it finds.
    #[arg(long, required_unless_present = "unpaired")]
    pub segment_run: Option<PathBuf>,
    /// Learn from two folders of any pictures, rusty and clean, of which none belong together.
    #[arg(long, num_args = 2, value_names = ["RUSTY", "CLEAN"])]
    pub unpaired: Vec<PathBuf>,
    /// Learn from two folders of the same pictures with and without rust, RUSTY/NAME and CLEAN/NAME, in place of pairs made
    /// from photos.
    #[arg(long, num_args = 2, value_names = ["RUSTY", "CLEAN"], conflicts_with = "unpaired")]
    pub paired: Vec<PathBuf>,
    /// `--unpaired`: weight of coming back to where one began (Zhu et al. 2017).
    #[arg(long, default_value_t = 10.0)]
    pub cycle: f64,
    /// `--unpaired`: weight of leaving alone what is of the wanted kind already.
    #[arg(long, default_value_t = 5.0)]
    pub identity: f64,
    /// What the generator is built like.
    #[arg(long, value_enum, default_value = "unet")]
    pub generator: Family,
    /// Weight of the differences of colour from what is wanted.
    #[arg(long, default_value_t = 1.0)]
    pub l1: f64,
    /// Weight of the logarithm of each picture's mean squared error, which its PSNR falls with.
    #[arg(long, default_value_t = 0.0)]
    pub log_error: f64,
    /// Weight of the differences of colour that are coarser than about 16 pixels.
    #[arg(long, default_value_t = 0.0)]
    pub coarse: f64,
    /// Weight of the differences between neighbouring pixels' steps from those that are wanted.
    #[arg(long, default_value_t = 0.5)]
    pub gradient: f64,
    /// Weight of the adversarial term beside the L1 term.
    #[arg(long, default_value_t = 0.01)]
    pub adversarial: f64,
    /// Part of the run after which the discriminator joins in.
    #[arg(long, default_value_t = 0.2)]
    pub adversarial_from: f64,
    /// Part of each batch whose masks are what the segmentation network finds, with what it misses and what it is wrong
    /// about.
    #[arg(long, default_value_t = 0.0)]
    pub found: f64,
    #[command(flatten)]
    #[serde(flatten)]
    pub game: AdversarialOptions,
}

/// One batch of pairs, each `[n, c, h, w]`.
struct PairBatch {
    /// What the generator sees.
    rusty: Tensor,
    /// What it should make.
    target: Tensor,
    /// What it is told to treat, 0 to 1.
    mask: Tensor,
    /// Probability of rust that the mask may miss.
    doubt: Tensor,
    /// Where rust was pasted, 0 to 1.
    pasted: Tensor,
    /// 1 where the target is known to be without rust.
    known: Tensor,
}

impl PairBatch {
    fn new(planes: Vec<Tensor>) -> Self {
        let [rusty, target, mask, pasted, known]: [Tensor; 5] =
            planes.try_into().unwrap_or_else(|_| unreachable!("a pair has five planes"));
        PairBatch { doubt: mask.zeros_like(), rusty, target, mask, pasted, known }
    }

    /// Takes for the mask of the first `count` pairs the alpha of what was found. Where it covers rust that
    /// nobody pasted, the label may have missed it, and what should be there is not known.
    fn mask_as_found(&mut self, found: &Found, count: i64) {
        let others = self.mask.size()[0] - count;
        let joined = |found: &Tensor, told: &Tensor| {
            Tensor::cat(&[found.narrow(0, 0, count), told.narrow(0, count, others)], 0)
        };
        let doubtful = found.alpha.gt(0.5).to_kind(Kind::Float) * (1.0 - near(&self.pasted));
        self.known = joined(&(&self.known * (1.0 - doubtful)), &self.known);
        self.mask = joined(&found.alpha, &self.mask);
        self.doubt = joined(&found.probability, &self.doubt);
    }
}

/// Trains until the budget is spent and leaves the best weights in the run's folder.
///
/// # Errors
/// When the data cannot be read, the run's folder cannot be written, or the training diverges.
pub fn train(options: &DerustOptions) -> Result<Outcome> {
    if !options.unpaired.is_empty() {
        return unpaired::train(options);
    }
    let found = options.found;
    ensure!((0.0..=1.0).contains(&found), "--found {found} is not a part from 0 to 1");
    let (device, kind) = options.run.prepare(Kind::BFloat16)?;
    let seed = options.run.seed;
    let segment_run = options.segment_run.as_ref().context("--segment-run is missing")?;
    let segmentation =
        import::segmentation(segment_run).context("the generator learns beside a segmentation network")?;
    let finder = FrozenFinder::new(&segmentation, device)?;
    let recipe = options.samples.choose(Mix::DERUST)?;
    let (learn, held_out) = read(options)?;
    println!("{} {} to learn from, {} held out", learn.len(), learn.what(), held_out.len());
    let side = options.run.side;
    let about = |name, averaged| LearnerOptions {
        adversarial: true,
        averaged,
        ..options.run.learner(name, (device, kind))
    };
    let cures = &options.game.cures;
    let judge = PatchDiscriminator { spectral: cures.spectral_norm, ..Default::default() };
    let mut adversary = Adversary::new(discriminator(judge), &about(DISCRIMINATOR, false), &options.game, 0)?;
    adversary.paired = true;
    let mut task = Removal {
        generator: Learner::new(generator(options.generator, 1.0, finder.width), &about("generator", true)),
        adversary,
        finder,
        measured: Pairs::for_measuring(held_out, side),
        options: options.clone(),
        device,
    };
    let samples = Pairs::for_training(learn, side, seed, recipe);
    fit(&mut task, Arc::new(samples), device, &options.run, options)
}

/// Generator and discriminator in training.
struct Removal {
    finder: FrozenFinder,
    generator: Learner,
    adversary: Adversary,
    measured: Pairs,
    options: DerustOptions,
    device: Device,
}

impl Task for Removal {
    fn learners(&mut self) -> Vec<&mut Learner> {
        vec![&mut self.generator, &mut self.adversary.learner]
    }

    fn step(&mut self, batch: Vec<Tensor>, moment: &Moment) -> Result<Figures> {
        let mut batch = PairBatch::new(batch);
        let features = match (batch.mask.size()[0] as f64 * self.options.found).round() as i64 {
            0 => self.finder.features(&batch.rusty),
            first => {
                let found = self.finder.find(&batch.rusty);
                batch.mask_as_found(&found, first);
                found.features
            }
        };
        let fill = fill(&self.generator.network, &batch, &features, Mode::Train);
        let composite = &batch.rusty + &batch.mask * (&fill - &batch.rusty);
        let weight = &batch.mask * &batch.known;
        let everywhere = losses::weighted_mean(&(&fill - &batch.target).abs(), &batch.known);
        let l1 = losses::weighted_mean(&(&fill - &batch.target).abs(), &weight);
        let gradient = losses::gradient_difference(&composite, &batch.target, &weight);
        let weights = &self.options;
        let mut loss = &l1 * weights.l1 + everywhere * (0.1 * weights.l1) + &gradient * weights.gradient;
        if weights.coarse > 0.0 {
            loss += losses::coarse_difference(&fill, &batch.target, &weight) * weights.coarse;
        }
        if weights.log_error > 0.0 {
            loss += losses::log_squared_error(&fill, &batch.target, &weight) * weights.log_error;
        }
        let mut figures =
            Figures::from([("l1", l1.double_value(&[])), ("gradient", gradient.double_value(&[]))]);
        if moment.progress >= weights.adversarial_from && weights.adversarial > 0.0 {
            let with_mask = |picture: &Tensor| Tensor::cat(&[picture, &batch.mask], 1);
            let treated = patches(&batch.mask);
            let clean = patches(&batch.known).gt(0.99).to_kind(Kind::Float) * &treated;
            let real = with_mask(&(&batch.rusty + &batch.mask * (&batch.target - &batch.rusty)));
            let fake = with_mask(&composite);
            // An older picture from the pool has a mask of its own.
            let told = |judged: &Tensor| Some(patches(&judged.narrow(1, 3, 1)));
            let played = self.adversary.learn(&real, Some(&clean), &fake, &told, moment)?;
            let (term, score) = self.adversary.judge(&real, &fake, Some(&treated));
            figures.set(DISCRIMINATOR, played);
            figures.set("generator_score", score);
            loss += term * self.options.adversarial;
        }
        loss.backward();
        self.generator.update(moment)?;
        // The generator's loss left gradients in the discriminator.
        self.adversary.learner.clear_gradients();
        Ok(figures)
    }

    fn measure(&mut self) -> Result<Measurement> {
        if self.measured.is_empty() {
            return Ok(Measurement::unknown());
        }
        Ok(self.measure_pairs())
    }

    fn describe(&self, best: &mut Checkpoint) {
        best.put("run", [("family".into(), Tensor::from_slice(&[self.options.generator as i64]))]);
        self.finder.sign(best);
    }

    fn save(&self, checkpoint: &mut Checkpoint) {
        self.adversary.save(checkpoint);
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        self.adversary.restore(checkpoint)
    }

    /// The discriminator begins afresh: a model file has none.
    fn start_from_model(&mut self, file: &Path, batches: &FirstBatches) -> Result<()> {
        let weights = Weights::read(file, Part::Fill)?;
        let seen = batches.iter().map(|planes| {
            let PairBatch { rusty, mask, doubt, .. } = PairBatch::new(planes);
            let features = self.finder.features(&rusty);
            [rusty, mask, doubt].into_iter().chain(features).collect()
        });
        let seen: Vec<Vec<Tensor>> = seen.collect();
        let plain = generator(Family::Unet, 1.0, self.finder.width);
        let restore = |network: &Network| {
            weights.restore_first(network, &plain).map_err(|error| {
                let family = weights.family(self.finder.width).and_then(|family| family.to_possible_value());
                match family {
                    Some(family) => error.context(format!("begin with `--generator {}`", family.get_name())),
                    None => error,
                }
            })
        };
        self.generator.start_from_folded(restore, &seen)
    }
}

impl Removal {
    fn measure_pairs(&self) -> Measurement {
        let _no_grad = tch::no_grad_guard();
        let mut input = SquaredErrors::default();
        let [mut output, mut output_found] = [SquaredErrors::default(), SquaredErrors::default()];
        let (mut made, mut wanted) = (0.0, 0.0);
        let mut shown = vec![];
        for number in 0..MEASURED {
            let planes = stack(vec![self.measured.sample(number)]);
            let mut batch =
                PairBatch::new(planes.into_iter().map(|plane| plane.to_device(self.device)).collect());
            let found = self.finder.find(&batch.rusty);
            let treat = |batch: &PairBatch| {
                let fill = fill(self.generator.averaged(), batch, &found.features, Mode::Evaluate);
                &batch.rusty + &batch.mask * (fill - &batch.rusty)
            };
            let inside = batch.pasted.gt(0.1).to_kind(Kind::Float);
            let composite = treat(&batch);
            input.add(&batch.rusty, &batch.target, &inside);
            output.add(&composite, &batch.target, &inside);
            let zero = composite.zeros_like();
            made += losses::gradient_difference(&composite, &zero, &inside).double_value(&[]);
            wanted += losses::gradient_difference(&batch.target, &zero, &inside).double_value(&[]);
            if number % (MEASURED / SHOWN) == 0 {
                shown.push(
                    [&batch.rusty, &composite, &batch.target]
                        .map(|one| Plane::from_tensor(&one.get(0)))
                        .into(),
                );
            }
            batch.mask_as_found(&found, 1);
            output_found.add(&treat(&batch), &batch.target, &inside);
        }
        let (psnr, psnr_found) = (output.psnr(), output_found.psnr());
        let figures = Figures::from([
            ("input_psnr", input.psnr()),
            ("psnr", psnr),
            // With what the segmentation network finds for the mask.
            ("psnr_found", psnr_found),
            // Mean gradient magnitude inside the pasted rust over that of the target there.
            ("texture", made / f64::max(wanted, 1e-9)),
        ]);
        // Texture that the fill lacks is put in from the picture when the model serves.
        Measurement { figures, score: (psnr + psnr_found) / 2.0, samples: Some(sheet_of_planes(&shown, 4)) }
    }
}

/// Squared errors of colours in the part of pictures that counts.
#[derive(Default)]
struct SquaredErrors {
    sum: f64,
    values: f64,
}

impl SquaredErrors {
    /// Adds those of a picture `[1, 3, h, w]` where `inside` `[1, 1, h, w]` is 1.
    fn add(&mut self, picture: &Tensor, target: &Tensor, inside: &Tensor) {
        self.sum += ((picture - target).square() * inside).sum(Kind::Float).double_value(&[]);
        self.values += inside.sum(Kind::Float).double_value(&[]) * 3.0;
    }

    fn psnr(&self) -> f64 {
        psnr(self.sum / self.values.max(1.0))
    }
}

/// What a generator makes of a batch and the features that were found in it.
fn fill(generator: &Network, batch: &PairBatch, features: &[Tensor], mode: Mode) -> Tensor {
    let inputs: Vec<&Tensor> =
        [&batch.rusty, &batch.mask, &batch.doubt].into_iter().chain(features).collect();
    generator.forward(&inputs, mode).remove(0)
}

/// 1 within four pixels of where a map `[n, 1, h, w]` reaches 0.1, else 0.
fn near(map: &Tensor) -> Tensor {
    map.max_pool2d([9; 2], [1; 2], [4; 2], [1; 2], false).ge(0.1).to_kind(Kind::Float)
}

/// Reads what the options name: (to learn from, to measure on).
///
/// # Errors
/// When it cannot be read, or something in it cannot be used and is to be refused.
fn read(options: &DerustOptions) -> Result<(Source, Source)> {
    let [rusty, clean] = &options.paired[..] else {
        let (learn, held_out) = options.run.photos(LONG_SIDE)?;
        return Ok((Source::Photos(learn.photos), Source::Photos(held_out.photos)));
    };
    let reading = &options.run.data.reading;
    let (pairs, report) = load_paired(rusty, clean, LONG_SIDE, reading)?;
    reading.settle(&report, rusty)?;
    ensure!(pairs.len() >= 2, "{} and {} hold fewer than two pairs", rusty.display(), clean.display());
    let aside = division(pairs.len(), options.run.held_out, options.run.split_seed);
    let (mut learn, mut held_out) = (vec![], vec![]);
    for (pair, aside) in pairs.into_iter().zip(aside) {
        if aside { held_out.push(pair) } else { learn.push(pair) }
    }
    Ok((Source::Pairs(learn), Source::Pairs(held_out)))
}

/// A map brought to the size of the discriminator's scores.
fn patches(map: &Tensor) -> Tensor {
    map.avg_pool2d([SCORE_STRIDE; 2], [SCORE_STRIDE; 2], [0, 0], true, false, None::<i64>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_masks_take_the_place_of_the_first_and_unlabelled_rust_is_no_example() {
        let plane = |number: f64| Tensor::full([2, 1, 32, 32], number, (Kind::Float, Device::Cpu));
        let pasted = plane(0.0);
        let _ = pasted.narrow(3, 0, 8).fill_(0.5);
        let known = plane(1.0);
        let _ = known.narrow(2, 0, 4).fill_(0.0);
        let [rusty, target] = [0.2, 0.7].map(|colour| plane(colour).expand([2, 3, 32, 32], false));
        let mut batch = PairBatch::new(vec![rusty, target, plane(0.25), pasted, known]);
        let alpha = plane(0.0);
        let _ = alpha.narrow(3, 0, 20).fill_(1.0);
        let found = Found { probability: plane(0.5), alpha, features: vec![] };
        batch.mask_as_found(&found, 1);

        assert_eq!(batch.mask.get(0), found.alpha.get(0));
        assert_eq!(batch.mask.get(1).min().double_value(&[]), 0.25);
        assert_eq!(
            batch.doubt.sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Float),
            Tensor::from_slice(&[512.0f32, 0.0])
        );
        let known = |pair: i64, y: i64, x: i64| batch.known.double_value(&[pair, 0, y, x]);
        // On and beside what was pasted, on what is found alone, on what nobody finds, on the host's own rust.
        assert_eq!([known(0, 9, 4), known(0, 9, 11)], [1.0; 2]);
        assert_eq!([known(0, 9, 12), known(0, 9, 19)], [0.0; 2]);
        assert_eq!([known(0, 9, 20), known(0, 2, 20)], [1.0, 0.0]);
        assert_eq!([known(1, 9, 12), known(1, 2, 4)], [1.0, 0.0]);
    }
}
