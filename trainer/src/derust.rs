//! Trains the generator of the derust network as a conditional adversarial network on made pairs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use clap::builder::ArgPredicate;
use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::adversary::{AdversarialOptions, Adversary};
use crate::architectures::{Family, PatchDiscriminator, discriminator, generator};
use crate::backbone::FrozenBackbone;
use crate::checkpoint::Checkpoint;
use crate::data::batches::{Samples, stack};
use crate::data::geometry::GeometryRange;
use crate::data::mix::{Mix, Origin};
use crate::data::recolour::recolour;
use crate::data::{Photo, Plane, Recipe, SampleOptions, pairs, rendered};
use crate::import::{self, FirstBatches, Part, Weights};
use crate::losses;
use crate::measure::psnr;
use crate::network::{Mode, Network};
use crate::random::{Purpose, Random, chance, index, stream, uniform};
use crate::run::collapse::DISCRIMINATOR;
use crate::run::{Figures, Learner, LearnerOptions, Measurement, Moment, Outcome, RunOptions, Task, fit};
use crate::segment::LONG_SIDE;
use crate::sheet::sheet_of_planes;
use crate::unpaired;

/// Around the scale at which the segmentation network, and so this one, sees photos.
const GEOMETRY: GeometryRange =
    GeometryRange { long_side: [300.0, 640.0], stretch: 1.4, turn: 15.0, ..GeometryRange::FREE };
/// Part of the masks that get spots where there is no rust. With 0.3 the generator learned to keep rust as well.
const SPOTTED: f32 = 0.1;
/// Pairs on which a run is measured.
const MEASURED: u64 = 96;
/// Pairs on a sample sheet.
const SHOWN: u64 = 16;

/// Options of `train derust`.
#[derive(Args, Clone, Debug, Serialize)]
#[command(mut_arg("data", |data| {
    data.required_unless_present("unpaired").required(false).default_value_if("unpaired", ArgPredicate::IsPresent, "-")
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
    /// what its backbone sees.
    #[arg(long, required_unless_present = "unpaired")]
    pub segment_run: Option<PathBuf>,
    /// Learn from two folders of any pictures, rusty and clean, of which none belong together.
    #[arg(long, num_args = 2, value_names = ["RUSTY", "CLEAN"])]
    pub unpaired: Vec<PathBuf>,
    /// What the generator is built like.
    #[arg(long, value_enum, default_value = "unet")]
    pub generator: Family,
    /// Weight of the differences of colour from what is wanted.
    #[arg(long, default_value_t = 1.0)]
    pub l1: f64,
    /// Weight of the differences between neighbouring pixels' steps from those that are wanted.
    #[arg(long, default_value_t = 0.5)]
    pub gradient: f64,
    /// Weight of the adversarial term beside the L1 term.
    #[arg(long, default_value_t = 0.01)]
    pub adversarial: f64,
    /// Part of the run after which the discriminator joins in.
    #[arg(long, default_value_t = 0.2)]
    pub adversarial_from: f64,
    #[command(flatten)]
    #[serde(flatten)]
    pub game: AdversarialOptions,
}

/// Samples of five planes; see [`PairBatch`].
pub struct Pairs {
    photos: Vec<Photo>,
    side: usize,
    seed: u64,
    purpose: Purpose,
    recipe: Recipe,
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
        let pair = match self.recipe.mix.origin(&mut random) {
            Origin::Rendered => rendered::random_pair(self.side, &mut random),
            Origin::Negative => {
                let host = rendered::random_negative(self.side, &mut random);
                self.pasted(host, &mut random)
            }
            Origin::Photo => {
                let geometry = self.recipe.augment.geometry(GEOMETRY);
                let host = pairs::pick(&self.photos, self.side, &geometry, 0.0..=0.5, &mut random);
                self.pasted(host, &mut random)
            }
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
    pub fn for_training(photos: Vec<Photo>, side: usize, seed: u64, recipe: Recipe) -> Self {
        Pairs { photos, side, seed, purpose: Purpose::Training, recipe }
    }

    /// A host with rust of one or two donors.
    fn pasted(&self, mut host: (Plane, Plane), random: &mut Random) -> pairs::Pair {
        let geometry = self.recipe.augment.geometry(GEOMETRY);
        recolour(&mut host.0, &self.recipe.augment, random);
        let donors: Vec<(Plane, Plane)> = (0..1 + index(random, 2))
            .map(|_| {
                self.recipe.donor(self.side, random, |random| {
                    pairs::pick(&self.photos, self.side, &geometry, 0.05..=1.0, random)
                })
            })
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
/// When the data cannot be read, the run's folder cannot be written, or the training diverges.
pub fn train(options: &DerustOptions) -> Result<Outcome> {
    if !options.unpaired.is_empty() {
        return unpaired::train(options);
    }
    let (device, kind) = options.run.prepare(Kind::BFloat16)?;
    let seed = options.run.seed;
    let segment_run = options.segment_run.as_ref().context("--segment-run is missing")?;
    let segmentation =
        import::segmentation(segment_run).context("the generator learns beside a segmentation network")?;
    let backbone = FrozenBackbone::new(&segmentation, device)?;
    let recipe = options.samples.choose(Mix::DERUST)?;
    let (learn, held_out) = options.run.photos(LONG_SIDE)?;
    println!("{} photos to make pairs of, {} held out", learn.photos.len(), held_out.photos.len());
    let side = options.run.side;
    let about = |name, averaged| LearnerOptions {
        name,
        device,
        kind,
        optimiser: &options.run.optimiser,
        adversarial: true,
        averaged,
    };
    let cures = &options.game.cures;
    let judge = PatchDiscriminator { spectral: cures.spectral_norm, ..Default::default() };
    let adversary = Adversary::new(discriminator(judge), &about(DISCRIMINATOR, false), &options.game, 0)?;
    let mut task = Removal {
        generator: Learner::new(generator(options.generator, 1.0, backbone.width), &about("generator", true)),
        adversary,
        backbone,
        measured: Pairs {
            photos: held_out.photos,
            side,
            seed: 0,
            purpose: Purpose::Measuring,
            recipe: Recipe::standard(Mix::DERUST),
        },
        options: options.clone(),
        device,
    };
    let samples = Pairs::for_training(learn.photos, side, seed, recipe);
    fit(&mut task, Arc::new(samples), device, &options.run, options)
}

/// Generator and discriminator in training.
struct Removal {
    backbone: FrozenBackbone,
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
        let batch = PairBatch::new(batch);
        let fill = self.fill(&self.generator.network, &batch, Mode::Train);
        let composite = &batch.rusty + &batch.mask * (&fill - &batch.rusty);
        let weight = &batch.mask * &batch.known;
        let everywhere = losses::weighted_mean(&(&fill - &batch.target).abs(), &batch.known);
        let l1 = losses::weighted_mean(&(&fill - &batch.target).abs(), &weight);
        let gradient = losses::gradient_difference(&composite, &batch.target, &weight);
        let weights = &self.options;
        let mut loss = &l1 * weights.l1 + everywhere * (0.1 * weights.l1) + &gradient * weights.gradient;
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
        Ok(self.measure_pairs())
    }

    fn best(&self) -> Checkpoint {
        let mut best = Checkpoint::default();
        self.generator.put_weights(&mut best, "weights");
        self.adversary.learner.put_weights(&mut best, DISCRIMINATOR);
        best.put("run", [("family".into(), Tensor::from_slice(&[self.options.generator as i64]))]);
        self.backbone.sign(&mut best);
        best
    }

    fn start_from(&mut self, weights: &Checkpoint) -> Result<()> {
        self.generator.start_from(weights, "weights")?;
        self.adversary.learner.start_from(weights, DISCRIMINATOR)
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
        let seen: Vec<Vec<Tensor>> =
            batches.iter().map(|planes| self.seen(&PairBatch::new(planes))).collect();
        self.generator.start_from_model(&weights, &seen)
    }
}

impl Removal {
    fn fill(&self, generator: &Network, batch: &PairBatch, mode: Mode) -> Tensor {
        let inputs = self.seen(batch);
        generator.forward(&inputs.iter().collect::<Vec<_>>(), mode).remove(0)
    }

    /// The inputs of the generator.
    fn seen(&self, batch: &PairBatch) -> Vec<Tensor> {
        let mut inputs = vec![batch.rusty.shallow_clone(), batch.mask.shallow_clone()];
        inputs.extend(self.backbone.features(&batch.rusty));
        inputs
    }

    fn measure_pairs(&self) -> Measurement {
        let _no_grad = tch::no_grad_guard();
        let (mut input, mut output, mut weight) = (0.0, 0.0, 0.0);
        let (mut made, mut wanted) = (0.0, 0.0);
        let mut shown = vec![];
        for number in 0..MEASURED {
            let planes = stack(vec![self.measured.sample(number)]);
            let batch =
                PairBatch::new(planes.into_iter().map(|plane| plane.to_device(self.device)).collect());
            let fill = self.fill(self.generator.averaged(), &batch, Mode::Evaluate);
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
            if number % (MEASURED / SHOWN) == 0 {
                shown.push(
                    [&batch.rusty, &composite, &batch.target]
                        .map(|one| Plane::from_tensor(&one.get(0)))
                        .into(),
                );
            }
        }
        let weight = weight.max(1.0);
        let (psnr, texture) = (psnr(output / weight), made / f64::max(wanted, 1e-9));
        let figures = Figures::from([
            ("input_psnr", self::psnr(input / weight)),
            ("psnr", psnr),
            // Mean gradient magnitude inside the pasted rust over that of the target there.
            ("texture", texture),
        ]);
        // Blurring wins on PSNR alone: texture up to the target's own counts too.
        let score = psnr + 2.0 * texture.min(1.0);
        Measurement { figures, score, samples: Some(sheet_of_planes(&shown, 4)) }
    }
}

/// A map brought to the size of the discriminator's scores.
fn patches(map: &Tensor) -> Tensor {
    map.avg_pool2d([8, 8], [8, 8], [0, 0], true, false, None::<i64>)
}
