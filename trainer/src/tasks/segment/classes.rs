//! Trains a segmentation network of several classes: kinds or grades of rust, or rust beside other defects.

use anyhow::Result;
use image::RgbImage;
use tch::{Device, Kind, Tensor};

use crate::data::LONG_SIDE;
use crate::data::batches::stack;
use crate::data::geometry::Geometry;
use crate::data::{Photo, Plane};
use crate::evaluate::measure::{Counts, classify};
use crate::losses;
use crate::networks::checkpoint::Checkpoint;
use crate::networks::description;
use crate::networks::network::Mode;
use crate::report::sheet::sheet_of_planes;
use crate::run::{Figures, Learner, Measurement, Moment, Task};
use crate::tasks::segment::{MEASURED_SIDE, SHOWN, SHOWN_SIDE};

/// A network of several classes in training.
pub struct ClassSegmentation {
    /// Logits of the background and of each class.
    pub learner: Learner,
    /// Photos to measure on.
    pub held_out: Vec<Photo>,
    /// The classes' names, without the background.
    pub classes: Vec<String>,
    /// Width of the network.
    pub width: f64,
    /// Where it computes.
    pub device: Device,
}

impl Task for ClassSegmentation {
    fn learners(&mut self) -> Vec<&mut Learner> {
        vec![&mut self.learner]
    }

    fn step(&mut self, batch: Vec<Tensor>, moment: &Moment) -> Result<Figures> {
        let logits = self.learner.forward(&[&batch[0]]).remove(0);
        let loss = losses::class_segmentation(&logits, &batch[1].squeeze_dim(1).to_kind(Kind::Int64));
        loss.backward();
        self.learner.update(moment)?;
        Ok(Figures::from([("loss", loss.double_value(&[]))]))
    }

    fn measure(&mut self) -> Result<Measurement> {
        if self.held_out.is_empty() {
            return Ok(Measurement::unknown());
        }
        let labels = self.classes.len() + 1;
        let counts = classify(self.learner.averaged(), &self.held_out, MEASURED_SIDE, self.device, labels);
        let ious: Vec<f64> = counts[1..].iter().map(Counts::iou).collect();
        let mean = ious.iter().sum::<f64>() / ious.len() as f64;
        let mut figures = Figures::from([("mean_iou", mean)]);
        for (name, iou) in self.classes.iter().zip(ious) {
            figures.set(&format!("iou_{name}"), iou);
        }
        Ok(Measurement { figures, score: mean, samples: Some(self.samples()) })
    }

    fn describe(&self, best: &mut Checkpoint) {
        best.put("run", [("width".into(), Tensor::from_slice(&[self.width]))]);
        best.put("run", [("long_side".into(), Tensor::from_slice(&[i64::from(LONG_SIDE)]))]);
        best.put("run", [("threshold".into(), Tensor::from_slice(&[0.5f32]))]);
        description::put_classes(best, &self.classes);
    }
}

impl ClassSegmentation {
    /// Photos, their labels, and the likeliest classes, as shades of grey.
    fn samples(&self) -> RgbImage {
        let _no_grad = tch::no_grad_guard();
        let shade = |mut plane: Plane| {
            plane.values.iter_mut().for_each(|value| *value /= self.classes.len() as f32);
            plane
        };
        let sheet = self.held_out.iter().step_by(self.held_out.len().div_ceil(SHOWN).max(1)).map(|photo| {
            let (colour, labels) = Geometry::fit(photo, SHOWN_SIDE).apply(photo);
            let picture = stack(vec![vec![colour.clone()]]).remove(0).to_device(self.device);
            let found = self.learner.averaged().forward(&[&picture], Mode::Evaluate).remove(0);
            vec![colour, shade(labels), shade(Plane::from_tensor(&found.argmax(1, false)))]
        });
        sheet_of_planes(&sheet.collect::<Vec<_>>(), 3)
    }
}
