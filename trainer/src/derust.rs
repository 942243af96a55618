//! Trains the generator of the derust network as a conditional adversarial network on made pairs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tch::{Device, Kind, Tensor, nn};

use crate::architectures::{Family, PatchDiscriminator, discriminator, generator};
use crate::average::WeightAverage;
use crate::backbone::FrozenBackbone;
use crate::checkpoint::Checkpoint;
use crate::data::augment::{GeometryRange, recolour};
use crate::data::batches::{Batches, Samples, stack};
use crate::data::{Photo, PhotoSet, Plane, pairs};
use crate::losses::{self, AdversarialLoss, Scores};
use crate::measure::psnr;
use crate::network::{Mode, Network};
use crate::optimiser::{AdamSettings, AdamW};
use crate::random::{Purpose, Random, chance, index, stream, uniform};
use crate::run::{Run, RunOptions, files, learning_rate};
use crate::segment::LONG_SIDE;

const AVERAGE_DECAY: f64 = 0.999;
/// Around the scale at which the segmentation network, and so this one, sees photos.
const GEOMETRY: GeometryRange = GeometryRange { long_side: [300.0, 640.0], stretch: 1.4, turn: 15.0 };
/// Part of the samples that is rendered.
const RENDERED: f32 = 0.2;
/// Part of the masks that get spots where there is no rust. With 0.3 the generator learned to keep rust as well.
const SPOTTED: f32 = 0.1;
/// Pairs on which a run is measured.
const MEASURED: u64 = 96;
/// Part of the run after which the discriminator joins in.
const ADVERSARIAL_FROM: f64 = 0.2;

/// Options of `derust`.
#[derive(Args, Clone, Debug)]
pub struct DerustOptions {
    #[command(flatten)]
    pub run: RunOptions,
    /// Folder of the segmentation run that finds the rust: the generator sees what its backbone sees.
    #[arg(long)]
    pub segment_run: PathBuf,
    /// Weight of the adversarial term beside the L1 term.
    #[arg(long, default_value_t = 0.01)]
    pub adversarial: f64,
}

/// Samples of five planes; see [`PairBatch`].
pub struct Pairs {
    photos: Vec<Photo>,
    side: usize,
    seed: u64,
    purpose: Purpose,
}

/// One batch of pairs, each `[n, c, h, w]`.
struct PairBatch {
    /// What the generator sees.
    rusty: Tensor,
    /// What it should make.
    target: Tensor,
    /// What it is told to treat, 0 to 1.
    mask: Tensor,
    /// Where rust was pasted, 0 to 1.
    pasted: Tensor,
    /// 1 where the target is known to be without rust.
    known: Tensor,
}

impl PairBatch {
    fn new(planes: Vec<Tensor>) -> Self {
        let [rusty, target, mask, pasted, known]: [Tensor; 5] =
            planes.try_into().unwrap_or_else(|_| unreachable!("a pair has five planes"));
        PairBatch { rusty, target, mask, pasted, known }
    }
}

impl Samples for Pairs {
    fn sample(&self, number: u64) -> Vec<Plane> {
        let mut random = stream(self.seed, self.purpose, number);
        let pair = if chance(&mut random, RENDERED) {
            crate::data::rendered::random_pair(self.side, &mut random)
        } else {
            self.pasted_photos(&mut random)
        };
        let mut known = pair.own.clone();
        known.dilate(4);
        for value in &mut known.values {
            *value = 1.0 - *value;
        }
        let mask = match self.purpose {
            Purpose::Training => told_mask(&pair, &mut random),
            _ => exact_mask(&pair),
        };
        vec![pair.rusty, pair.target, mask, pair.pasted, known]
    }
}

impl Pairs {
    /// The samples that the network learns from.
    pub fn for_training(photos: Vec<Photo>, side: usize, seed: u64) -> Self {
        Pairs { photos, side, seed, purpose: Purpose::Training }
    }

    fn pasted_photos(&self, random: &mut Random) -> pairs::Pair {
        let mut host = pairs::pick(&self.photos, self.side, &GEOMETRY, 0.0..=0.5, random);
        recolour(&mut host.0, random);
        let donors: Vec<(Plane, Plane)> = (0..1 + index(random, 2))
            .map(|_| pairs::pick(&self.photos, self.side, &GEOMETRY, 0.05..=1.0, random))
            .collect();
        pairs::paste(host, &donors, random)
    }
}

/// Everything that is rust, a little widened.
fn exact_mask(pair: &pairs::Pair) -> Plane {
    let mut mask = pair.own.clone();
    for (value, pasted) in mask.values.iter_mut().zip(&pair.pasted.values) {
        if *pasted >= 0.1 {
            *value = 1.0;
        }
    }
    mask.dilate(2);
    mask
}

/// A mask such as a detector or a hurried person makes: too wide, too narrow, with spots where there is no rust. There
/// the generator learns to leave things as they are.
fn told_mask(pair: &pairs::Pair, random: &mut Random) -> Plane {
    let mut mask = exact_mask(pair);
    match index(random, 5) {
        0 => mask.erode(1 + index(random, 2)),
        1 => {}
        _ => mask.dilate(index(random, 6)),
    }
    if chance(random, SPOTTED) {
        let (side, spots) = (mask.width as f32, 1 + index(random, 3));
        for _ in 0..spots {
            let centre = [uniform(random, 0.0, side), uniform(random, 0.0, side)];
            let radius = uniform(random, 3.0, side / 6.0);
            for (i, value) in mask.values.iter_mut().enumerate() {
                let (x, y) = ((i % side as usize) as f32 - centre[0], (i / side as usize) as f32 - centre[1]);
                if x * x + y * y < radius * radius {
                    *value = 1.0;
                }
            }
        }
    }
    if chance(random, 0.5) {
        mask.box_blur(1);
    }
    mask
}

/// Trains until the budget is spent and leaves the best weights in the run's folder.
///
/// # Errors
/// When the data cannot be read, the run's folder cannot be written, or a loss is no longer finite.
pub fn train(options: &DerustOptions) -> Result<()> {
    let (device, kind) = options.run.prepare(Kind::BFloat16)?;
    let seed = options.run.seed;
    let segmentation = Checkpoint::load(&options.segment_run.join(files::BEST))
        .context("the generator learns beside a segmentation network; train that first")?;
    let backbone = FrozenBackbone::new(&segmentation, device)?;
    let (learn, held_out) = PhotoSet::load(&options.run.data, LONG_SIDE)?.divide(options.run.held_out, seed);
    println!("{} photos to make pairs of, {} held out", learn.photos.len(), held_out.photos.len());
    let side = options.run.side;
    let measured = Pairs { photos: held_out.photos, side, seed: 0, purpose: Purpose::Measuring };

    let mut models = Models::new(device, kind, options.adversarial, backbone);
    let mut run = Run::start(&options.run)?;
    let mut step = 0;
    if options.run.resume {
        step = models.restore(&mut run)?;
    } else if let Some(other) = &options.run.start_from {
        models.start_from(other)?;
    }
    let samples = Pairs::for_training(learn.photos, side, seed);
    let batches = Batches::start(Arc::new(samples), options.run.batch, step, device);
    let mut sums = StepLosses::default();
    loop {
        let progress = run.progress(step);
        let done = progress >= 1.0;
        if run.is_due(step, progress) {
            models.average.copy_to(&models.average_store)?;
            let measured = models.measure(&measured, device);
            let steps = options.run.every as f64;
            let figures = [
                ("l1", sums.l1 / steps),
                ("discriminator", sums.discriminator / steps),
                ("generator_score", sums.score / steps),
                ("input_psnr", measured.input_psnr),
                ("psnr", measured.psnr),
                ("texture", measured.texture),
            ];
            sums = StepLosses::default();
            run.record(step, &figures)?;
            // Blurring wins on PSNR alone: texture up to the target's own counts too.
            if run.is_best(measured.psnr + 2.0 * measured.texture.min(1.0)) || done {
                let mut best = Checkpoint::default();
                best.put_store("weights", &models.average_store);
                models.backbone.sign(&mut best);
                best.save(&run.path(files::BEST))?;
            }
            models.save(&run, step)?;
        }
        if run.ends_before(step, progress) {
            break;
        }
        let batch = PairBatch::new(batches.next()?);
        let adversarial = progress >= ADVERSARIAL_FROM;
        let losses = models.step(&batch, learning_rate(options.run.learning_rate, progress), adversarial);
        ensure!(
            losses.l1.is_finite() && losses.discriminator.is_finite(),
            "the loss is no longer finite at step {step}: try a smaller --learning-rate or --adversarial"
        );
        sums.add(&losses);
        models.average.update(step);
        step += 1;
        run.show(step, format!("step {step} l1 {:.4} discriminator {:.2}", losses.l1, losses.discriminator));
    }
    run.finish(&run.path(files::BEST));
    Ok(())
}

/// Generator, discriminator and what trains them.
struct Models {
    backbone: FrozenBackbone,
    generator_store: nn::VarStore,
    generator: Network,
    discriminator_store: nn::VarStore,
    discriminator: Network,
    average_store: nn::VarStore,
    averaged: Network,
    average: WeightAverage,
    generator_optimiser: AdamW,
    discriminator_optimiser: AdamW,
    adversarial: f64,
}

#[derive(Default)]
struct StepLosses {
    l1: f64,
    discriminator: f64,
    score: f64,
}

impl StepLosses {
    fn add(&mut self, other: &StepLosses) {
        self.l1 += other.l1;
        self.discriminator += other.discriminator;
        self.score += other.score;
    }
}

/// Figures on the held-out pairs.
struct Measured {
    input_psnr: f64,
    psnr: f64,
    /// Mean gradient magnitude inside the pasted rust over that of the target there.
    texture: f64,
}

impl Models {
    fn new(device: Device, kind: Kind, adversarial: f64, backbone: FrozenBackbone) -> Self {
        let generator_store = nn::VarStore::new(device);
        let discriminator_store = nn::VarStore::new(device);
        let average_store = nn::VarStore::new(device);
        let settings = AdamSettings { beta1: 0.5, beta2: 0.99, weight_decay: 0.0, clip_norm: 5.0 };
        let graph = generator(Family::Unet, 1.0, backbone.width);
        Models {
            generator: Network::new(&generator_store.root(), graph.clone()).training_in(kind),
            discriminator: Network::new(
                &discriminator_store.root(),
                discriminator(PatchDiscriminator::default()),
            )
            .training_in(kind),
            averaged: Network::new(&average_store.root(), graph),
            backbone,
            average: WeightAverage::new(&generator_store, AVERAGE_DECAY),
            generator_optimiser: AdamW::new(&generator_store, settings),
            discriminator_optimiser: AdamW::new(&discriminator_store, settings),
            generator_store,
            discriminator_store,
            average_store,
            adversarial,
        }
    }

    fn step(&mut self, batch: &PairBatch, learning_rate: f64, adversarial: bool) -> StepLosses {
        let fill = self.fill(&self.generator, batch, Mode::Train);
        let composite = &batch.rusty + &batch.mask * (&fill - &batch.rusty);
        let weight = &batch.mask * &batch.known;
        let everywhere = losses::weighted_mean(&(&fill - &batch.target).abs(), &batch.known);
        let l1 = losses::weighted_mean(&(&fill - &batch.target).abs(), &weight);
        let gradient = losses::gradient_difference(&composite, &batch.target, &weight);
        let mut loss = &l1 + everywhere * 0.1 + gradient * 0.5;
        let mut losses = StepLosses { l1: l1.double_value(&[]), ..Default::default() };
        if adversarial {
            let treated = patches(&batch.mask);
            let clean = patches(&batch.known).gt(0.99).to_kind(Kind::Float) * &treated;
            losses.discriminator =
                self.discriminator_step(batch, &composite, &treated, &clean, learning_rate);
            let score = self.score(&composite, &batch.mask);
            let hinge = AdversarialLoss::Hinge.generator(Scores::weighted(&score, &treated));
            losses.score = -hinge.double_value(&[]);
            loss += hinge * self.adversarial;
        }
        loss.backward();
        if !self.generator_optimiser.step(learning_rate) {
            losses.l1 = f64::NAN;
        }
        // The generator's loss left gradients in the discriminator.
        self.discriminator_optimiser.clear_gradients();
        losses
    }

    fn fill(&self, generator: &Network, batch: &PairBatch, mode: Mode) -> Tensor {
        let seen = self.backbone.features(&batch.rusty);
        let inputs: Vec<&Tensor> = [&batch.rusty, &batch.mask].into_iter().chain(&seen).collect();
        generator.forward(&inputs, mode).remove(0)
    }

    fn discriminator_step(
        &mut self,
        batch: &PairBatch,
        composite: &Tensor,
        treated: &Tensor,
        clean: &Tensor,
        learning_rate: f64,
    ) -> f64 {
        let real = &batch.rusty + &batch.mask * (&batch.target - &batch.rusty);
        let real_score = self.score(&real, &batch.mask);
        let fake_score = self.score(&composite.detach(), &batch.mask);
        let (real, fake) = (Scores::weighted(&real_score, clean), Scores::weighted(&fake_score, treated));
        let loss = AdversarialLoss::Hinge.discriminator(real, fake, 0.0);
        loss.backward();
        let finite = self.discriminator_optimiser.step(learning_rate * 0.5);
        if finite { loss.double_value(&[]) } else { f64::NAN }
    }

    fn score(&self, picture: &Tensor, mask: &Tensor) -> Tensor {
        self.discriminator.forward(&[&Tensor::cat(&[picture, mask], 1)], Mode::Train).remove(0)
    }

    fn measure(&self, pairs: &Pairs, device: Device) -> Measured {
        let _no_grad = tch::no_grad_guard();
        let (mut input, mut output, mut weight) = (0.0, 0.0, 0.0);
        let (mut made, mut wanted) = (0.0, 0.0);
        for number in 0..MEASURED {
            let planes = stack(vec![pairs.sample(number)]);
            let batch = PairBatch::new(planes.into_iter().map(|plane| plane.to_device(device)).collect());
            let fill = self.fill(&self.averaged, &batch, Mode::Evaluate);
            let composite = &batch.rusty + &batch.mask * (fill - &batch.rusty);
            let inside = batch.pasted.gt(0.1).to_kind(Kind::Float);
            let error = |picture: &Tensor| {
                ((picture - &batch.target).square() * &inside).sum(Kind::Float).double_value(&[])
            };
            input += error(&batch.rusty);
            output += error(&composite);
            weight += inside.sum(Kind::Float).double_value(&[]) * 3.0;
            let zero = composite.zeros_like();
            made += losses::gradient_difference(&composite, &zero, &inside).double_value(&[]);
            wanted += losses::gradient_difference(&batch.target, &zero, &inside).double_value(&[]);
        }
        let weight = weight.max(1.0);
        Measured {
            input_psnr: psnr(input / weight),
            psnr: psnr(output / weight),
            texture: made / f64::max(wanted, 1e-9),
        }
    }

    fn save(&self, run: &Run, step: u64) -> Result<()> {
        let mut checkpoint = Checkpoint::default();
        checkpoint.put_store("generator", &self.generator_store);
        checkpoint.put_store("discriminator", &self.discriminator_store);
        checkpoint.put("average", self.average.state());
        checkpoint.put("generator_optimiser", self.generator_optimiser.state());
        checkpoint.put("discriminator_optimiser", self.discriminator_optimiser.state());
        run.put_progress(&mut checkpoint, step);
        checkpoint.save(&run.path(files::CHECKPOINT))
    }

    /// Takes over another run's generator, as averaged, and its discriminator.
    fn start_from(&mut self, folder: &Path) -> Result<()> {
        Checkpoint::load(&folder.join(files::BEST))?.restore_store("weights", &self.generator_store)?;
        Checkpoint::load(&folder.join(files::CHECKPOINT))?
            .restore_store("discriminator", &self.discriminator_store)
    }

    fn restore(&mut self, run: &mut Run) -> Result<u64> {
        let checkpoint = Checkpoint::load(&run.path(files::CHECKPOINT))?;
        checkpoint.restore_store("generator", &self.generator_store)?;
        checkpoint.restore_store("discriminator", &self.discriminator_store)?;
        self.average.restore(|name| checkpoint.get("average", name))?;
        self.generator_optimiser.restore(|name| checkpoint.get("generator_optimiser", name))?;
        self.discriminator_optimiser.restore(|name| checkpoint.get("discriminator_optimiser", name))?;
        run.take_progress(&checkpoint)
    }
}

/// A map brought to the size of the discriminator's scores.
fn patches(map: &Tensor) -> Tensor {
    map.avg_pool2d([8, 8], [8, 8], [0, 0], true, false, None::<i64>)
}
