//! From which probability on a pixel is to count as rust.

use crate::data::photos::NEIGHBOURS;
use crate::data::random::{Purpose, bootstrap};
use crate::evaluate::measure::Detection;

/// Draws from which a standard error is estimated.
const DRAWS: u64 = 400;

/// Of the thresholds that the photos cannot tell from the one with the highest IoU, the one closest to one half: where
/// its IoU lies below the highest by at most the standard error of that difference (Breiman et al. 1984, "Classification
/// and Regression Trees", chapter 3). On few photos the best one itself is a matter of luck.
///
/// The error is estimated by drawing groups of neighbouring photos, since neighbours are often alike.
pub fn steady_threshold(photos: &[Detection]) -> f32 {
    let groups: Vec<Detection> = photos.chunks(NEIGHBOURS).map(|group| group.iter().sum()).collect();
    let all: Detection = groups.iter().sum();
    let (best, highest) = all.best_threshold();
    let mut lost: Vec<Vec<f64>> = Detection::thresholds().map(|_| vec![]).collect();
    for drawn in bootstrap(Purpose::Draw, DRAWS, groups.len()) {
        let drawn: Detection = drawn.iter().map(|&group| &groups[group]).sum();
        let reached = drawn.counts(best).iou();
        for (lost, threshold) in lost.iter_mut().zip(Detection::thresholds()) {
            lost.push(reached - drawn.counts(threshold).iou());
        }
    }
    let tied = Detection::thresholds().zip(lost).filter(|(threshold, lost)| {
        let loss = highest - all.counts(*threshold).iou();
        loss <= 0.0 || loss <= deviation(lost)
    });
    let closest =
        tied.map(|(threshold, _)| threshold).min_by(|a, b| (a - 0.5).abs().total_cmp(&(b - 0.5).abs()));
    closest.unwrap_or(best)
}

/// Standard deviation.
fn deviation(values: &[f64]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A photo of a hundred pixels, half of them rust; a fifth has `doubtful` and is rust or not.
    fn photo(doubtful: f32, is_rust: bool) -> Detection {
        let mut detection = Detection::default();
        let doubtful_label = if is_rust { 1.0 } else { 0.0 };
        for (pixels, probability, label) in [(40, 0.9, 1.0), (40, 0.1, 0.0), (20, doubtful, doubtful_label)] {
            detection.add_values(&vec![probability; pixels], &vec![label; pixels]);
        }
        detection
    }

    #[test]
    fn a_threshold_that_few_groups_more_ask_for_than_for_another_is_not_taken() {
        let mut photos: Vec<Detection> = (0..8 * NEIGHBOURS).map(|_| photo(0.8, false)).collect();
        photos.extend((0..5 * NEIGHBOURS).map(|_| photo(0.7, true)));
        let all: Detection = photos.iter().sum();
        assert!(all.best_threshold().0 > 0.8);
        assert_eq!(steady_threshold(&photos), 0.5);
    }

    #[test]
    fn a_threshold_that_all_groups_ask_for_is_taken() {
        let photos: Vec<Detection> = (0..12 * NEIGHBOURS).map(|_| photo(0.8, false)).collect();
        assert_eq!(steady_threshold(&photos), 0.805);
    }
}
