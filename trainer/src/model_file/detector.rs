//! A discriminator as a detector: one that learned to tell clean pictures from rusty ones knows where rust is. Its
//! scores become probabilities by a logistic function that is fitted on labelled photos (Platt 1999, "Probabilistic
//! outputs for support vector machines").

use std::path::Path;

use anyhow::{Context, Result, ensure};
use tch::{Device, Kind, Tensor, nn};

use crate::data::LONG_SIDE;
use crate::data::{Photo, PhotoSet};
use crate::evaluate::measure::{Detection, detect, photo_tensors};
use crate::networks::architectures::{DETECTOR_PREFIX, PatchDiscriminator, detector, discriminator};
use crate::networks::checkpoint::Checkpoint;
use crate::networks::network::{Mode, Network};
use crate::run::collapse::DISCRIMINATOR;
use crate::run::files;

/// A detector, and from which probability on it counts rust.
pub struct Detector {
    /// Picture in, probability out.
    pub network: Network,
    /// The probability.
    pub threshold: f32,
    /// How it agrees with the labels that it was fitted on.
    pub detection: Detection,
}

impl Detector {
    /// Takes the clean side's discriminator out of an unpaired run and fits it on labelled photos.
    ///
    /// # Errors
    /// When the run has no such discriminator, or the photos show no rust or nothing else.
    pub fn fit(run: &Path, photos: &PhotoSet) -> Result<Self> {
        let best = Checkpoint::load(&run.join(files::BEST))
            .context("the run has no weights to export; train first")?;
        ensure!(
            best.get("run", "unpaired").is_ok(),
            "{} is no run of `train derust --unpaired`: other discriminators see the mask of what was treated",
            run.display()
        );
        let spectral = best.section(DISCRIMINATOR).iter().any(|(name, _)| name.ends_with("left"));
        let shape = PatchDiscriminator { inputs: 3, spectral, norm: false };
        let store = nn::VarStore::new(Device::Cpu);
        let judge = Network::new(&store.root(), discriminator(shape));
        best.restore_store(DISCRIMINATOR, &store)?;
        let (scores, labels) = scores(&judge, &photos.photos);
        let (scale, shift) = fit_logistic(&scores, &labels)?;

        let joined = nn::VarStore::new(Device::Cpu);
        let network = Network::new(&joined.root(), detector(shape, scale, shift));
        for (name, mut variable) in joined.variables() {
            let inner = name.strip_prefix(&format!("{DETECTOR_PREFIX}/")).unwrap_or(&name);
            tch::no_grad(|| variable.f_copy_(&best.get(DISCRIMINATOR, inner)?).map_err(anyhow::Error::from))?;
        }
        let detection = detect(&network, &photos.photos, LONG_SIDE, Device::Cpu);
        Ok(Detector { network, threshold: detection.best_threshold().0, detection })
    }
}

/// Every so manyth pixel of a photo is fitted on.
const STRIDE: usize = 37;

/// Scores at the photos' own size, and whether there is rust.
fn scores(judge: &Network, photos: &[Photo]) -> (Vec<f64>, Vec<bool>) {
    let _no_grad = tch::no_grad_guard();
    let (mut scores, mut labels) = (vec![], vec![]);
    for photo in photos {
        let (image, label) = photo_tensors(photo);
        let score = judge.forward(&[&image], Mode::Evaluate).remove(0);
        let score = score.upsample_bilinear2d([photo.height as i64, photo.width as i64], false, None, None);
        let flat = |tensor: &Tensor| {
            Vec::<f32>::try_from(tensor.to_kind(Kind::Float).contiguous().view([-1]))
                .expect("a flat float tensor")
        };
        let pixels = flat(&score).into_iter().zip(flat(&label)).step_by(STRIDE);
        for (score, label) in pixels {
            scores.push(f64::from(score));
            labels.push(label >= 0.5);
        }
    }
    (scores, labels)
}

/// Scale and shift of the logistic function that makes labels most likely, by Newton's method.
fn fit_logistic(scores: &[f64], labels: &[bool]) -> Result<(f64, f64)> {
    ensure!(
        labels.contains(&true) && labels.contains(&false),
        "the photos show no rust, or nothing else; probabilities can only be fitted where there is both"
    );
    let (mut scale, mut shift) = (0.0, 0.0);
    for _ in 0..50 {
        // Gradient and Hessian of the log-likelihood, a little regular so that separable scores stay finite.
        let (mut gradient, mut hessian) = ([-RIDGE * scale, -RIDGE * shift], [RIDGE, 0.0, RIDGE]);
        for (score, label) in scores.iter().zip(labels) {
            let probability = 1.0 / (1.0 + (-(scale * score + shift)).exp());
            let short = f64::from(u8::from(*label)) - probability;
            let weight = probability * (1.0 - probability);
            gradient[0] += short * score;
            gradient[1] += short;
            hessian[0] += weight * score * score;
            hessian[1] += weight * score;
            hessian[2] += weight;
        }
        let determinant = hessian[0] * hessian[2] - hessian[1] * hessian[1];
        let step = [
            (gradient[0] * hessian[2] - gradient[1] * hessian[1]) / determinant,
            (gradient[1] * hessian[0] - gradient[0] * hessian[1]) / determinant,
        ];
        (scale, shift) = (scale + step[0], shift + step[1]);
        if step[0].abs() + step[1].abs() < 1e-9 {
            break;
        }
    }
    ensure!(scale.is_finite() && shift.is_finite(), "the discriminator's scores tell nothing about rust");
    Ok((scale, shift))
}

const RIDGE: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::{Purpose, chance, stream, uniform};

    #[test]
    fn the_fitted_function_is_the_one_that_made_the_labels() {
        let mut random = stream(5, Purpose::Measuring, 0);
        let scores: Vec<f64> = (0..20_000).map(|_| f64::from(uniform(&mut random, -3.0, 3.0))).collect();
        let probability = |score: f64| 1.0 / (1.0 + (1.5 * score + 0.7).exp());
        let labels: Vec<bool> =
            scores.iter().map(|score| chance(&mut random, probability(*score) as f32)).collect();
        let (scale, shift) = fit_logistic(&scores, &labels).unwrap();
        assert!((scale + 1.5).abs() < 0.1 && (shift + 0.7).abs() < 0.1, "{scale} {shift}");
        assert!(fit_logistic(&scores, &vec![true; scores.len()]).is_err());
        let (scale, _) = fit_logistic(&[-1.0, 1.0], &[true, false]).unwrap();
        assert!(scale.is_finite() && scale < -1.0);
    }
}
