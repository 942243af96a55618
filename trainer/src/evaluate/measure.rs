//! Figures of merit.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use crate::data::Photo;
use crate::networks::network::{Mode, Network};

/// Bins of probability.
const BINS: usize = 200;

/// How probabilities of rust and labels agree, over all pixels of all photos.
#[derive(Clone)]
pub struct Detection {
    rust: [u64; BINS],
    clean: [u64; BINS],
}

impl Default for Detection {
    fn default() -> Self {
        Detection { rust: [0; BINS], clean: [0; BINS] }
    }
}

impl Detection {
    /// Counts the pixels of one photo; both tensors have as many values, on the CPU.
    pub fn add(&mut self, probability: &Tensor, mask: &Tensor) {
        let flat = |tensor: &Tensor| {
            Vec::<f32>::try_from(tensor.to_kind(Kind::Float).contiguous().view([-1]))
                .expect("a flat float tensor")
        };
        self.add_values(&flat(probability), &flat(mask));
    }

    /// Counts pixels; a mask value of at least one half means rust.
    pub fn add_values(&mut self, probability: &[f32], mask: &[f32]) {
        for (probability, mask) in probability.iter().zip(mask) {
            let bin = ((probability.clamp(0.0, 1.0) * BINS as f32) as usize).min(BINS - 1);
            let counts = if *mask >= 0.5 { &mut self.rust } else { &mut self.clean };
            counts[bin] += 1;
        }
    }

    /// Counts at a threshold, which is rounded to a bin.
    pub fn counts(&self, threshold: f32) -> Counts {
        let from = ((threshold * BINS as f32).round() as usize).min(BINS);
        let sum = |counts: &[u64]| counts.iter().sum::<u64>();
        Counts {
            hit: sum(&self.rust[from..]),
            false_alarm: sum(&self.clean[from..]),
            missed: sum(&self.rust[..from]),
        }
    }

    /// The thresholds that are told apart.
    pub fn thresholds() -> impl Iterator<Item = f32> {
        (1..BINS).map(|bin| bin as f32 / BINS as f32)
    }

    /// The threshold with the highest IoU, and that IoU.
    pub fn best_threshold(&self) -> (f32, f64) {
        Detection::thresholds()
            .map(|threshold| (threshold, self.counts(threshold).iou()))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .expect("there are bins")
    }

    /// Recall and precision at every threshold, from the highest on; thresholds from which on nothing is found are
    /// left out.
    pub fn precision_recall(&self) -> Vec<Operation> {
        (0..BINS)
            .rev()
            .map(|bin| bin as f32 / BINS as f32)
            .map(|threshold| (threshold, self.counts(threshold)))
            .filter(|(_, counts)| counts.hit + counts.false_alarm > 0)
            .map(|(threshold, counts)| Operation {
                threshold,
                recall: counts.recall(),
                precision: counts.precision(),
                iou: counts.iou(),
            })
            .collect()
    }

    /// The area below precision over recall, as the sum of steps (Salton and McGill 1983; the form that PASCAL VOC and
    /// others use without interpolation). Zero where there is no rust.
    pub fn average_precision(&self) -> f64 {
        let mut recall = 0.0;
        let mut area = 0.0;
        for at in self.precision_recall() {
            area += (at.recall - recall) * at.precision;
            recall = at.recall;
        }
        area
    }

    /// In ten bins of probability what was believed and what was so (DeGroot and Fienberg 1983); empty bins are left
    /// out.
    pub fn reliability(&self) -> Vec<Reliability> {
        let width = BINS / RELIABILITY_BINS;
        let bins = (0..RELIABILITY_BINS).map(|bin| {
            let range = bin * width..(bin + 1) * width;
            let rust: u64 = self.rust[range.clone()].iter().sum();
            let believed = range
                .clone()
                .map(|fine| (self.rust[fine] + self.clean[fine]) as f64 * (fine as f64 + 0.5) / BINS as f64);
            let believed: f64 = believed.sum();
            let pixels = rust + self.clean[range].iter().sum::<u64>();
            Reliability { believed: believed / pixels as f64, rust: rust as f64 / pixels as f64, pixels }
        });
        bins.filter(|bin| bin.pixels > 0).collect()
    }

    /// Expected calibration error over ten bins of probability (Naeini et al. 2015).
    pub fn calibration_error(&self) -> f64 {
        let bins = self.reliability();
        let total: u64 = bins.iter().map(|bin| bin.pixels).sum();
        let error: f64 = bins.iter().map(|bin| (bin.believed - bin.rust).abs() * bin.pixels as f64).sum();
        error / total.max(1) as f64
    }
}

impl<'a> std::iter::Sum<&'a Detection> for Detection {
    fn sum<I: Iterator<Item = &'a Detection>>(photos: I) -> Self {
        photos.fold(Detection::default(), |mut sum, photo| {
            let both = [(&mut sum.rust, &photo.rust), (&mut sum.clean, &photo.clean)];
            for (sum, photo) in both {
                sum.iter_mut().zip(photo).for_each(|(sum, count)| *sum += count);
            }
            sum
        })
    }
}

/// Bins of probability in which belief and truth are compared.
const RELIABILITY_BINS: usize = 10;

/// How a detector does from a threshold on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operation {
    /// Probability from which on a pixel counts as rust.
    pub threshold: f32,
    /// Part of the rust that is found.
    pub recall: f64,
    /// Part of what is found that is rust.
    pub precision: f64,
    /// Intersection over union.
    pub iou: f64,
}

/// Pixels of about the same probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reliability {
    /// Their mean probability.
    pub believed: f64,
    /// Part of them that is rust.
    pub rust: f64,
    /// How many there are.
    pub pixels: u64,
}

/// Pixels by label and finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rust and found.
    pub hit: u64,
    /// Clean and taken for rust.
    pub false_alarm: u64,
    /// Rust and not found.
    pub missed: u64,
}

impl Counts {
    /// Intersection over union of found and labelled rust.
    pub fn iou(&self) -> f64 {
        ratio(self.hit, self.hit + self.false_alarm + self.missed)
    }

    /// Harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        ratio(2 * self.hit, 2 * self.hit + self.false_alarm + self.missed)
    }

    /// Part of what was found that is rust.
    pub fn precision(&self) -> f64 {
        ratio(self.hit, self.hit + self.false_alarm)
    }

    /// Part of the rust that was found.
    pub fn recall(&self) -> f64 {
        ratio(self.hit, self.hit + self.missed)
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(counts: I) -> Counts {
        counts.fold(Counts::default(), |sum, one| Counts {
            hit: sum.hit + one.hit,
            false_alarm: sum.false_alarm + one.false_alarm,
            missed: sum.missed + one.missed,
        })
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Photo `[1, 3, h, w]` in 0 to 1 and mask `[1, 1, h, w]`: 1 where any class is labelled, 0 elsewhere.
pub fn photo_tensors(photo: &Photo) -> (Tensor, Tensor) {
    let size = [1, photo.height as i64, photo.width as i64];
    let rgb = Tensor::from_slice(&photo.rgb).view([size[0], size[1], size[2], 3]).permute([0, 3, 1, 2]);
    let labels = Tensor::from_slice(&photo.labels).view([1, 1, size[1], size[2]]);
    ((rgb.to_kind(Kind::Float) / 255.0).contiguous(), labels.ge(1).to_kind(Kind::Float))
}

/// Runs a segmentation network over whole photos, reduced to a long side, and compares at the photos' own size, photo by
/// photo.
pub fn detect_each(network: &Network, photos: &[Photo], long_side: u32, device: Device) -> Vec<Detection> {
    let _no_grad = tch::no_grad_guard();
    let detect = |photo: &Photo| {
        let probability = analyse(network, photo, long_side, device);
        let mut detection = Detection::default();
        detection.add(&probability.to_device(Device::Cpu), &photo_tensors(photo).1);
        detection
    };
    photos.iter().map(detect).collect()
}

/// The same over all photos.
pub fn detect(network: &Network, photos: &[Photo], long_side: u32, device: Device) -> Detection {
    detect_each(network, photos, long_side, device).iter().sum()
}

/// The same with anything that makes a probability `[1, 1, h, w]` of an image `[1, 3, h, w]`.
///
/// # Errors
/// Those of what makes the probability.
pub fn detect_by(
    mut probability: impl FnMut(Tensor) -> Result<Tensor>,
    photos: &[Photo],
    long_side: u32,
) -> Result<Detection> {
    let mut detection = Detection::default();
    for photo in photos {
        let (image, mask) = photo_tensors(photo);
        let own = [photo.height as i64, photo.width as i64];
        let found = probability(reduced(&image, long_side))?;
        detection.add(&found.upsample_bilinear2d(own, false, None, None), &mask);
    }
    Ok(detection)
}

/// Runs a network of several classes over whole photos as [`detect`] does, and counts for each class, the background
/// first, where it is likeliest.
pub fn classify(
    network: &Network,
    photos: &[Photo],
    long_side: u32,
    device: Device,
    classes: usize,
) -> Vec<Counts> {
    let _no_grad = tch::no_grad_guard();
    let mut counts = vec![Counts::default(); classes];
    for photo in photos {
        let logits = analyse(network, photo, long_side, device);
        let found = logits.argmax(1, false).contiguous().view([-1]).to_device(Device::Cpu);
        let found = Vec::<i64>::try_from(found).expect("flat whole numbers");
        for (found, label) in found.into_iter().zip(&photo.labels) {
            let (found, label) = (found as usize, usize::from(*label));
            if found == label {
                counts[label].hit += 1;
            } else {
                counts[found].false_alarm += 1;
                counts[label].missed += 1;
            }
        }
    }
    counts
}

/// What a network makes of a photo reduced to a long side, at the photo's own size.
fn analyse(network: &Network, photo: &Photo, long_side: u32, device: Device) -> Tensor {
    let image = reduced(&photo_tensors(photo).0, long_side);
    let answer = network.forward(&[&image.to_device(device)], Mode::Evaluate).remove(0);
    answer.upsample_bilinear2d([photo.height as i64, photo.width as i64], false, None, None)
}

/// A picture `[1, c, h, w]` with a long side of at most so many pixels.
pub fn reduced(picture: &Tensor, long_side: u32) -> Tensor {
    let own = [picture.size()[2], picture.size()[3]];
    let scale = (f64::from(long_side) / own[0].max(own[1]) as f64).min(1.0);
    let sides = own.map(|side| ((side as f64 * scale).round() as i64).max(1));
    picture.internal_upsample_bilinear2d_aa(sides, false, None, None)
}

/// Peak signal-to-noise ratio in dB of values in 0 to 1 with this mean squared error.
pub fn psnr(mean_squared_error: f64) -> f64 {
    -10.0 * mean_squared_error.max(1e-10).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detection_counts_what_one_counts_by_hand() {
        let mut detection = Detection::default();
        detection.add_values(&[0.9, 0.8, 0.3, 0.7, 0.1], &[1.0, 1.0, 1.0, 0.0, 0.0]);
        let counts = detection.counts(0.5);
        assert_eq!(counts, Counts { hit: 2, false_alarm: 1, missed: 1 });
        assert_eq!((counts.iou(), counts.f1()), (0.5, 4.0 / 6.0));
        assert_eq!(detection.best_threshold().1, 0.75);
        assert!((psnr(0.01) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn precision_recall_and_its_area_are_those_of_a_calculation_by_hand() {
        // From the highest on: rust, clean, rust, clean. Precision 1, 1/2, 2/3, 1/2 at recall 1/2, 1/2, 1, 1.
        let mut detection = Detection::default();
        detection.add_values(&[0.9, 0.7, 0.5, 0.1], &[1.0, 0.0, 1.0, 0.0]);
        assert!((detection.average_precision() - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
        let curve = detection.precision_recall();
        let first = curve[0];
        assert_eq!((first.threshold, first.recall, first.precision, first.iou), (0.9, 0.5, 1.0, 0.5));
        let last = curve[curve.len() - 1];
        assert_eq!((last.threshold, last.recall, last.precision, last.iou), (0.0, 1.0, 0.5, 0.5));
        assert!(curve.iter().any(|at| at.recall == 1.0 && (at.precision - 2.0 / 3.0).abs() < 1e-12));
        assert_eq!(Detection::default().average_precision(), 0.0);
    }

    #[test]
    fn reliability_compares_belief_and_truth_bin_by_bin() {
        let mut detection = Detection::default();
        detection
            .add_values(&[0.8425, 0.8425, 0.8425, 0.8425, 0.1025, 0.1025], &[1.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
        let [low, high] = detection.reliability().try_into().unwrap();
        assert_eq!((low.pixels, low.rust, high.pixels, high.rust), (2, 0.5, 4, 0.75));
        assert!((low.believed - 0.1025).abs() < 1e-9 && (high.believed - 0.8425).abs() < 1e-9);
        let error = (2.0 * (0.5 - 0.1025) + 4.0 * (0.8425 - 0.75)) / 6.0;
        assert!((detection.calibration_error() - error).abs() < 1e-9);
    }

    #[test]
    fn honest_probabilities_have_no_calibration_error() {
        let mut detection = Detection::default();
        let labels: Vec<f32> = (0..1000).map(|i| if i < 250 { 1.0 } else { 0.0 }).collect();
        detection.add_values(&vec![0.2475; 1000], &labels);
        assert!(detection.calibration_error() < 0.003);
        let mut liar = Detection::default();
        liar.add_values(&vec![0.95; 1000], &labels);
        assert!((liar.calibration_error() - 0.7).abs() < 0.01);
    }
}
