//! What a model loses by other numbers, measured through ONNX Runtime on what the run set aside.

use anyhow::{Result, ensure};
use tch::{Kind, Tensor};

use crate::data::Photo;
use crate::data::batches::{Samples, stack};
use crate::data::removal::{Pairs, Source};
use crate::evaluate::measure::{detect_by, photo_tensors, psnr, reduced};
use crate::model_file::parity::FileNetwork;
use crate::networks::architectures::names;

/// The most IoU that a segment-rust model may lose.
const IOU_LOSS: f64 = 0.01;
/// The most PSNR inside the rust, in dB, that a derust model may lose.
const PSNR_LOSS: f64 = 0.25;
/// Photos on which scales are chosen.
const CALIBRATION_PHOTOS: usize = 48;
/// Pairs on which a derust model is measured.
const PAIRS: u64 = 48;
/// Height and width of each in pixels.
const PAIR_SIDE: usize = 256;

/// A figure with one model and with the other.
pub struct Proof {
    /// What was measured, as a manifest calls it.
    pub name: &'static str,
    /// The same, as a person does.
    pub figure: &'static str,
    /// With the model in float32.
    pub float32: f64,
    /// With the model in eight bits.
    pub int8: f64,
    /// The most that it may lose.
    bound: f64,
}

impl Proof {
    /// Lets pass what loses little enough.
    ///
    /// # Errors
    /// When it loses more.
    pub fn check(&self) -> Result<()> {
        // What is no number passes no comparison.
        ensure!(
            self.float32 - self.int8 <= self.bound,
            "int8 makes of {} {:.4} only {:.4}, which is more than {} lost; no file was written, use --precision \
             float32 or float16",
            self.figure,
            self.float32,
            self.int8,
            self.bound
        );
        Ok(())
    }
}

/// What the inputs of a network see: photos at its working scale; half of the masks, where it takes one, ask for what
/// is labelled, and half to find it.
pub fn calibration_inputs(photos: &[Photo], long_side: u32, takes_mask: bool) -> Vec<Vec<Tensor>> {
    let step = photos.len().div_ceil(CALIBRATION_PHOTOS).max(1);
    let chosen = photos.iter().step_by(step).enumerate();
    chosen
        .map(|(number, photo)| {
            let (image, label) = photo_tensors(photo);
            let image = reduced(&image, long_side);
            let mask = reduced(&label, long_side);
            let mask = if number % 2 == 0 { mask } else { mask.full_like(-1.0) };
            if takes_mask { vec![image, mask] } else { vec![image] }
        })
        .collect()
}

/// The IoU of two segment-rust models on photos, at their threshold.
///
/// # Errors
/// When ONNX Runtime fails.
pub fn prove_segment(models: [&[u8]; 2], photos: &[Photo], long_side: u32, threshold: f32) -> Result<Proof> {
    let iou = |model: &[u8]| -> Result<f64> {
        let mut file = FileNetwork::load(model)?;
        let probability =
            |image: Tensor| Ok(file.run(&[(names::IMAGE, image)], &[names::PROBABILITY])?.remove(0));
        Ok(detect_by(probability, photos, long_side)?.counts(threshold).iou())
    };
    let figure = "the IoU on photos set aside";
    Ok(Proof { name: "iou", figure, float32: iou(models[0])?, int8: iou(models[1])?, bound: IOU_LOSS })
}

/// The PSNR of two derust models inside the rust of made pairs: that which they are told of, and that which they find.
///
/// # Errors
/// When ONNX Runtime fails.
pub fn prove_derust(models: [&[u8]; 2], photos: Vec<Photo>) -> Result<[Proof; 2]> {
    let pairs = Pairs::for_measuring(Source::Photos(photos), PAIR_SIDE);
    let [float32, int8] = models.map(|model| measure_fill(model, &pairs));
    let (float32, int8) = (float32?, int8?);
    let figures = [
        ("psnr_told", "the PSNR inside rust that is told of"),
        ("psnr_found", "the PSNR inside rust that is found"),
    ];
    Ok([0, 1].map(|i| {
        let (name, figure) = figures[i];
        Proof { name, figure, float32: float32[i], int8: int8[i], bound: PSNR_LOSS }
    }))
}

fn measure_fill(model: &[u8], pairs: &Pairs) -> Result<[f64; 2]> {
    let mut file = FileNetwork::load(model)?;
    let (mut errors, mut weight) = ([0.0; 2], 0.0);
    for number in 0..PAIRS {
        let planes = stack(vec![pairs.sample(number)]);
        let [rusty, target, mask, pasted, _known] = &planes[..] else {
            unreachable!("a pair has five planes")
        };
        let inside = pasted.gt(0.1).to_kind(Kind::Float);
        weight += inside.sum(Kind::Float).double_value(&[]) * 3.0;
        for (error, mask) in errors.iter_mut().zip([mask.shallow_clone(), mask.full_like(-1.0)]) {
            let inputs = [(names::IMAGE, rusty.shallow_clone()), (names::MASK, mask)];
            let [fill, alpha] = &file.run(&inputs, &[names::FILL, names::ALPHA])?[..] else {
                unreachable!("two outputs were asked for")
            };
            let result = rusty + alpha * (fill - rusty);
            *error += ((result - target).square() * &inside).sum(Kind::Float).double_value(&[]);
        }
    }
    Ok(errors.map(|error| psnr(error / weight.max(1.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_loses_too_much_is_refused_with_both_figures() {
        let proof = |int8: f64| Proof { name: "iou", figure: "the IoU", float32: 0.6, int8, bound: IOU_LOSS };
        assert!(proof(0.595).check().is_ok() && proof(0.7).check().is_ok());
        let said = proof(0.58).check().unwrap_err().to_string();
        assert!(said.contains("0.6000") && said.contains("0.5800") && said.contains("no file"), "{said}");
        assert!(proof(f64::NAN).check().is_err());
    }
}
