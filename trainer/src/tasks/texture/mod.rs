//! Trains networks that make rust textures of noise: an adversarial one, or a variational autoencoder of the same size.

mod autoencoder;
mod duel;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tch::{Device, Kind, Tensor};

use crate::data::LONG_SIDE;
use crate::data::batches::{Samples, stack};
use crate::data::geometry::{Geometry, GeometryRange};
use crate::data::random::{Purpose, index, stream};
use crate::data::{Photo, Plane};
use crate::evaluate::distance::sliced_wasserstein;
use crate::losses::cures::StepRandom;
use crate::networks::architectures::TextureSize;
use crate::networks::checkpoint::Checkpoint;
use crate::networks::description;
use crate::networks::graph::Graph;
use crate::networks::network::{Mode, Network};
use crate::report::sheet::{picture_of, sheet_of_planes};
use crate::run::{Figures, Learner, LearnerOptions, Measurement, Outcome, RunOptions, fit};
use crate::tasks::adversary::AdversarialOptions;
use crate::whole_file;

/// Options of `train texture`.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(
    mut_arg("side", |side| side.default_value("64")),
    mut_arg("batch", |batch| batch.default_value("32")),
    mut_arg("learning_rate", |rate| rate.default_value("5e-4")),
    mut_arg("adversarial_loss", |loss| loss.default_value("non-saturating"))
)]
pub struct TextureOptions {
    #[command(flatten)]
    #[serde(flatten)]
    pub run: RunOptions,
    /// What learns.
    #[arg(long, value_enum, default_value = "gan")]
    pub model: TextureModel,
    /// Numbers of noise that a texture is made from.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=4096))]
    pub noise: i64,
    /// Channels of the networks at half of the side; they double wherever the side halves.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(i64).range(1..=512))]
    pub channels: i64,
    /// `vae`: weight of the divergence beside the reconstruction.
    #[arg(long, default_value_t = 0.1)]
    pub divergence: f64,
    #[command(flatten)]
    #[serde(flatten)]
    pub game: AdversarialOptions,
    /// When the run is finished, write textures as PNG files into this folder.
    #[arg(long)]
    pub samples: Option<PathBuf>,
    /// How many textures to write.
    #[arg(long, default_value_t = 64)]
    pub sample_count: u64,
}

/// The kinds of networks that make textures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextureModel {
    /// A generator against a discriminator (DCGAN, Radford et al. 2016, arXiv:1511.06434).
    Gan,
    /// A variational autoencoder (Kingma and Welling 2014, arXiv:1312.6114) whose decoder is the same generator.
    Vae,
}

/// Around the scale at which the other networks see photos.
const GEOMETRY: GeometryRange =
    GeometryRange { long_side: [200.0, 420.0], stretch: 1.3, turn: 45.0, ..GeometryRange::FREE };
/// Part of a crop that should be rust.
const RUSTY: f32 = 0.85;
/// Crops that are tried for that.
const TRIES: usize = 16;
/// Textures on which a run is measured.
const MEASURED: u64 = 64;
/// Standard deviation of fresh weights, as in the DCGAN paper.
const DEVIATION: f64 = 0.02;

/// Crops of photos that are full of rust.
pub struct TextureSamples {
    photos: Vec<Photo>,
    side: usize,
    seed: u64,
    purpose: Purpose,
}

impl Samples for TextureSamples {
    fn sample(&self, number: u64) -> Vec<Plane> {
        let mut random = stream(self.seed, self.purpose, number);
        let mut best: Option<(f32, Plane)> = None;
        for _ in 0..TRIES {
            let photo = &self.photos[index(&mut random, self.photos.len())];
            let (colour, labels) = Geometry::random(photo, self.side, &GEOMETRY, &mut random).apply(photo);
            let rust = labels.any_class().mean();
            if best.as_ref().is_none_or(|(most, _)| rust > *most) {
                best = Some((rust, colour));
            }
            if rust >= RUSTY {
                break;
            }
        }
        vec![best.expect("one was tried").1]
    }
}

/// Trains until the budget is spent and leaves the best weights in the run's folder.
///
/// # Errors
/// When options do not fit, the data cannot be read, a folder cannot be written, or the training diverges.
pub fn train(options: &TextureOptions) -> Result<Outcome> {
    let side = options.run.side;
    ensure!(
        side.is_power_of_two() && (16..=256).contains(&side),
        "--side is {side}; textures have sides of 16, 32, 64, 128 or 256 pixels"
    );
    let (device, kind) = options.run.prepare(Kind::Float)?;
    let (learn, held_out) = options.run.photos(LONG_SIDE)?;
    let rusty =
        |photos: Vec<Photo>| photos.into_iter().filter(|photo| photo.rust_fraction() > 0.02).collect();
    let (learn, held_out): (Vec<Photo>, Vec<Photo>) = (rusty(learn.photos), rusty(held_out.photos));
    println!("{} photos with rust to learn from, {} held out", learn.len(), held_out.len());
    ensure!(
        !learn.is_empty() && !held_out.is_empty(),
        "textures need photos with rust, both to learn from and held out; see --held-out"
    );
    let of = |photos, purpose, seed| TextureSamples { photos, side, seed, purpose };
    let bench = Bench::new(&of(held_out, Purpose::Measuring, 0), options, device);
    let about = |name, adversarial, averaged| LearnerOptions {
        adversarial,
        averaged,
        ..options.run.learner(name, (device, kind))
    };
    let samples = Arc::new(of(learn, Purpose::Training, options.run.seed));
    let outcome = match options.model {
        TextureModel::Gan => {
            let mut task = duel::Duel::new(bench, &about, &options.game)?;
            fit(&mut task, samples, device, &options.run, options)?
        }
        TextureModel::Vae => {
            let mut task = autoencoder::Autoencoder::new(bench, &about, options.divergence);
            fit(&mut task, samples, device, &options.run, options)?
        }
    };
    if let (Outcome::Finished, Some(folder)) = (outcome, &options.samples) {
        write_textures(&options.run.run, folder, options.sample_count, device)?;
    }
    Ok(outcome)
}

/// A network with fresh weights as the DCGAN paper draws them.
fn fresh(graph: Graph, about: &LearnerOptions) -> Learner {
    let store = tch::nn::VarStore::new(about.device);
    let network = Network::new(&store.root(), graph).training_in(about.kind);
    network.draw_weights(DEVIATION);
    Learner::with_network(network, store, about, |_| 1.0)
}

/// What textures are measured on.
struct Bench {
    size: TextureSize,
    /// True textures that nobody learned from.
    real: Tensor,
    /// The noise that textures are made from for measuring.
    noise: Tensor,
}

impl Bench {
    fn new(held_out: &TextureSamples, options: &TextureOptions, device: Device) -> Self {
        let real = stack((0..MEASURED).map(|number| held_out.sample(number)).collect()).remove(0);
        let size =
            TextureSize { side: options.run.side as i64, noise: options.noise, channels: options.channels };
        let noise = StepRandom::new(0, 0).normal(&[MEASURED as i64, size.noise, 1, 1]);
        Bench { size, real: real.to_device(device), noise: noise.to_device(device) }
    }

    /// How far a generator's textures are from true ones.
    fn measure(&self, generator: &Network) -> Measurement {
        let _no_grad = tch::no_grad_guard();
        let made = generator.forward(&[&self.noise], Mode::Evaluate).remove(0);
        let distance = sliced_wasserstein(&self.real, &made);
        let variety = |pictures: &Tensor| {
            let deviation = pictures.std_dim([0i64].as_slice(), true, false);
            deviation.mean(Kind::Float).double_value(&[])
        };
        let variety = variety(&made) / variety(&self.real).max(1e-9);
        let shown: Vec<Vec<Plane>> = (0..32).map(|i| vec![Plane::from_tensor(&made.get(i))]).collect();
        Measurement {
            // Standard deviation of a pixel from texture to texture, over that of true ones: near 0 where a generator
            // has collapsed to one texture.
            figures: Figures::from([("distance", distance), ("variety", variety)]),
            score: -distance,
            samples: Some(sheet_of_planes(&shown, 8)),
        }
    }

    /// Adds to the best weights what making and exporting textures needs to know.
    fn sign(&self, best: &mut Checkpoint) {
        description::put_texture_size(best, self.size);
    }
}

/// Writes textures of a run's best generator as `texture-NNNN.png`.
///
/// # Errors
/// When the weights cannot be read or the folder cannot be written.
fn write_textures(run: &Path, folder: &Path, count: u64, device: Device) -> Result<()> {
    let _no_grad = tch::no_grad_guard();
    let best = Checkpoint::load(&run.join(crate::run::files::BEST))?;
    let size = description::texture_size(&best)?;
    let store = tch::nn::VarStore::new(device);
    let generator = Network::new(&store.root(), crate::networks::architectures::texture_generator(size));
    best.restore_store("weights", &store)?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for number in 0..count {
        let noise = StepRandom::new(1, number).normal(&[1, size.noise, 1, 1]).to_device(device);
        let texture = generator.forward(&[&noise], Mode::Evaluate).remove(0);
        let picture = picture_of(&Plane::from_tensor(&texture.get(0)));
        whole_file::write_png(&folder.join(format!("texture-{number:04}.png")), picture)?;
    }
    println!("{count} textures are in {}", folder.display());
    Ok(())
}
