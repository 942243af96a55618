//! Trains the network that grades pictures by their rust.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;
use tch::{Device, Kind, Tensor, nn};

use crate::data::LONG_SIDE;
use crate::data::augment::{Augment, AugmentOptions};
use crate::data::batches::{Samples, stack};
use crate::data::geometry::{Geometry, GeometryRange};
use crate::data::random::{Purpose, Random, chance, index, stream};
use crate::data::recolour::recolour;
use crate::data::{Photo, Plane};
use crate::losses;
use crate::model_file::import;
use crate::networks::architectures::grader;
use crate::networks::backbone;
use crate::networks::checkpoint::Checkpoint;
use crate::networks::description::{self, GRADES};
use crate::networks::network::{Mode, Network};
use crate::report::sheet::{Group, contact_sheet, picture_of};
use crate::run::{Figures, Learner, Measurement, Moment, Outcome, RunOptions, Task, fit};

/// Part of the area from which on rust is light, moderate, severe: ISO 4628-3 counts 0.05 % as Ri 1, its next steps to
/// 1 % as Ri 3, to 8 % as Ri 4.
const AREAS: [f32; 3] = [0.0005, 0.01, 0.08];
/// Depth from which on rust is moderate, severe: how far the middle of a patch is from clean metal, as part of the
/// picture's short side. Rust that has eaten its way in has grown together; a picture shows no other depth.
const DEPTHS: [f32; 2] = [0.04, 0.1];

/// The grade of a picture by its labels: by the part of the area that is rust, or by the depth of its deepest patch,
/// whichever is worse. An index into [`GRADES`].
pub fn grade(labels: &Plane) -> usize {
    let rust = labels.clone().any_class();
    let area = rust.mean();
    let by_area = AREAS.iter().filter(|least| area >= **least).count();
    if by_area == 0 || by_area == GRADES.len() - 1 {
        return by_area;
    }
    let side = labels.width.min(labels.height) as f32;
    let reaches = |depth: f32| {
        let mut core = rust.clone();
        core.erode((depth * side).round() as usize);
        core.values.iter().any(|value| *value > 0.0)
    };
    let by_depth = 1 + DEPTHS.iter().take_while(|depth| reaches(**depth)).count();
    by_area.max(by_depth)
}

/// Options of `train grade`.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GradeOptions {
    #[command(flatten)]
    #[serde(flatten)]
    pub run: RunOptions,
    #[command(flatten)]
    #[serde(flatten)]
    pub augment: AugmentOptions,
    /// Width of the network, that of `--segment-run` where one is given.
    #[arg(long, default_value_t = 1.0)]
    pub width: f64,
    /// Weights that the backbone begins with: EfficientNet-Lite0's, as `trainer/pretrained.py` writes them.
    #[arg(long, conflicts_with = "segment_run")]
    pub backbone: Option<PathBuf>,
    /// Folder of a segmentation run, or a segment-rust model of this trainer, with whose backbone to begin.
    #[arg(long)]
    pub segment_run: Option<PathBuf>,
}

const GEOMETRY: GeometryRange =
    GeometryRange { long_side: [224.0, 700.0], stretch: 1.3, turn: 15.0, ..GeometryRange::FREE };
/// Crops that are tried until one has the grade whose turn it is.
const TRIES: usize = 12;
/// Pictures on which a run is measured.
const MEASURED: u64 = 128;

/// Crops of photos and their grades, each grade as often where the photos have it.
pub struct GradeSamples {
    photos: Vec<Photo>,
    side: usize,
    seed: u64,
    purpose: Purpose,
    augment: Augment,
}

impl GradeSamples {
    fn crop(&self, wanted: usize, random: &mut Random) -> (Plane, usize) {
        let geometry = self.augment.geometry(GEOMETRY);
        let mut last = None;
        for _ in 0..TRIES {
            let photo = &self.photos[index(random, self.photos.len())];
            let (colour, labels) = Geometry::random(photo, self.side, &geometry, random).apply(photo);
            let found = grade(&labels);
            last = Some((colour, found));
            if found == wanted {
                break;
            }
        }
        last.expect("one was tried")
    }
}

impl Samples for GradeSamples {
    /// The picture, and its grade as a plane of one pixel.
    fn sample(&self, number: u64) -> Vec<Plane> {
        let mut random = stream(self.seed, self.purpose, number);
        let wanted = (number % GRADES.len() as u64) as usize;
        let (mut colour, found) = self.crop(wanted, &mut random);
        if matches!(self.purpose, Purpose::Training) && chance(&mut random, 0.8) {
            recolour(&mut colour, &self.augment, &mut random);
        }
        vec![colour, Plane::filled(1, 1, 1, found as f32)]
    }
}

/// Trains until the budget is spent and leaves the best weights in the run's folder.
///
/// # Errors
/// When the data cannot be read, the run's folder cannot be written, or the training diverges.
pub fn train(options: &GradeOptions) -> Result<Outcome> {
    let (device, kind) = options.run.prepare(Kind::Float)?;
    let augment = options.augment.choose()?;
    let (learn, held_out) = options.run.photos(LONG_SIDE)?;
    println!("{} photos to learn from, {} held out", learn.photos.len(), held_out.photos.len());
    ensure!(!held_out.photos.is_empty(), "no photos are held out to measure on; see --held-out");
    let segmentation = match &options.segment_run {
        Some(run) => Some(import::segmentation(run)?),
        None => None,
    };
    let width = match &segmentation {
        Some(best) => best.get("run", "width")?.double_value(&[0]),
        None => options.width,
    };
    let store = nn::VarStore::new(device);
    let network = Network::new(&store.root(), grader(width, GRADES.len() as i64)).training_in(kind);
    let mut rate: fn(&str) -> f64 = |_| 1.0;
    if let Some(file) = &options.backbone {
        backbone::restore_pretrained(&store, file)?;
    }
    if let Some(best) = &segmentation {
        backbone::restore_from_run(&store, best)?;
    }
    if options.backbone.is_some() || segmentation.is_some() {
        rate = backbone::gentle_rate;
    }
    let about = options.run.learner("grader", (device, kind));
    let learner = Learner::with_network(network, store, &about, rate);
    let side = options.run.side;
    let of = |photos, seed, purpose, augment| GradeSamples { photos, side, seed, purpose, augment };
    let measured = of(held_out.photos, 0, Purpose::Measuring, Augment::STANDARD);
    let measured = stack((0..MEASURED).map(|number| measured.sample(number)).collect());
    let mut task = Grading { learner, measured, width, side, device };
    let samples = of(learn.photos, options.run.seed, Purpose::Training, augment);
    fit(&mut task, Arc::new(samples), device, &options.run, options)
}

/// A grader in training.
struct Grading {
    learner: Learner,
    /// Pictures that nobody learned from, and their grades.
    measured: Vec<Tensor>,
    width: f64,
    side: usize,
    device: Device,
}

/// Pictures that pass through the network together where nothing is learned.
const TOGETHER: i64 = 16;

impl Task for Grading {
    fn learners(&mut self) -> Vec<&mut Learner> {
        vec![&mut self.learner]
    }

    fn step(&mut self, batch: Vec<Tensor>, moment: &Moment) -> Result<Figures> {
        let logits = self.learner.forward(&[&batch[0]]).remove(0);
        let loss = losses::cross_entropy(&logits, &batch[1].view([-1]).to_kind(Kind::Int64), None);
        loss.backward();
        self.learner.update(moment)?;
        Ok(Figures::from([("loss", loss.double_value(&[]))]))
    }

    fn measure(&mut self) -> Result<Measurement> {
        let _no_grad = tch::no_grad_guard();
        let answers: Vec<Tensor> = self.measured[0]
            .split(TOGETHER, 0)
            .iter()
            .map(|pictures| {
                let pictures = pictures.to_device(self.device);
                self.learner.averaged().forward(&[&pictures], Mode::Evaluate).remove(0).to_device(Device::Cpu)
            })
            .collect();
        let logits = Tensor::cat(&answers, 0);
        let wanted = self.measured[1].view([-1]).to_kind(Kind::Int64);
        let loss = losses::cross_entropy(&logits, &wanted, None).double_value(&[]);
        let off = (logits.argmax(1, false) - &wanted).abs();
        let part = |most: i64| off.le(most).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
        let figures =
            Figures::from([("held_out_loss", loss), ("accuracy", part(0)), ("within_one_grade", part(1))]);
        Ok(Measurement { figures, score: -loss, samples: Some(self.samples(&logits)) })
    }

    fn describe(&self, best: &mut Checkpoint) {
        description::put_grader(best, self.width, self.side);
    }
}

/// Pictures on a sample sheet.
const SHOWN: i64 = 12;

impl Grading {
    /// Pictures with their grades and the answers to them.
    fn samples(&self, logits: &Tensor) -> image::RgbImage {
        let (likely, answers) = logits.softmax(1, Kind::Float).max_dim(1, false);
        let groups: Vec<Group> = (0..SHOWN)
            .map(|i| {
                let right = GRADES[self.measured[1].double_value(&[i, 0, 0, 0]) as usize];
                let answer = GRADES[answers.int64_value(&[i]) as usize];
                let picture = picture_of(&Plane::from_tensor(&self.measured[0].get(i)));
                let caption = format!("{right}: {answer} {:.2}", likely.double_value(&[i]));
                Group { pictures: vec![picture], caption }
            })
            .collect();
        contact_sheet(&groups, 4, u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Labels of 200x200 pixels with rectangles of rust, each left, top, width and height.
    fn labels(patches: &[[usize; 4]]) -> Plane {
        let mut labels = Plane::filled(1, 200, 200, 0.0);
        for [left, top, width, height] in patches {
            for y in *top..top + height {
                labels.values[y * 200 + left..y * 200 + left + width].fill(1.0);
            }
        }
        labels
    }

    #[test]
    fn grades_follow_area_and_depth() {
        let name = |patches: &[[usize; 4]]| GRADES[grade(&labels(patches))];
        assert_eq!(name(&[]), "none");
        // 19 and 20 of 40,000 pixels.
        assert_eq!(name(&[[3, 3, 19, 1]]), "none");
        assert_eq!(name(&[[3, 3, 20, 1]]), "light");
        // 399 and 400 pixels, thin.
        assert_eq!(name(&[[0, 9, 133, 3]]), "light");
        assert_eq!(name(&[[0, 9, 200, 2]]), "moderate");
        // As few pixels, but 8 pixels deep: 0.04 of 200.
        assert_eq!(name(&[[50, 50, 17, 17]]), "moderate");
        assert_eq!(name(&[[50, 50, 16, 16]]), "light");
        // 3,199 and 3,200 pixels in thin lines, then fewer in one patch 20 pixels deep.
        let lines: Vec<[usize; 4]> = (0..16).map(|i| [0, i * 12, 199, 1]).collect();
        assert_eq!(name(&lines), "moderate");
        assert_eq!(name(&[[0, 0, 200, 8], [0, 50, 200, 8]]), "severe");
        assert_eq!(name(&[[50, 50, 41, 41]]), "severe");
    }
}
