//! How far a probability map, or the scores of classes, are from the labels.

use tch::{Kind, Reduction, Tensor};

/// The class number of pixels and pictures that nobody labelled: they count nowhere.
pub const UNLABELLED: i64 = 255;

/// Binary cross-entropy plus the soft Dice loss over the whole batch (Milletari et al. 2016, arXiv:1606.04797):
/// the first makes every pixel's probability right, the second weighs the rare rust up.
///
/// Within `band` pixels of an edge of the mask nothing counts: nobody draws rust's edge to the pixel.
pub fn segmentation(probability: &Tensor, mask: &Tensor, band: i64) -> Tensor {
    let clamped = probability.clamp(1e-5, 1.0 - 1e-5);
    // Written out, since libtorch's own breaks off where a diverged network's probabilities are no numbers.
    let (clean, unlikely): (Tensor, Tensor) = (1.0 - mask, 1.0 - &clamped);
    let likelihood = mask * clamped.log() + &clean * unlikely.log();
    if band == 0 {
        return -likelihood.mean(Kind::Float) + dice(probability, mask);
    }
    let widest = |map: &Tensor| map.max_pool2d([2 * band + 1; 2], [1; 2], [band; 2], [1; 2], false);
    let sure: Tensor = 2.0 - widest(mask) - widest(&clean);
    let cross_entropy = -(likelihood * &sure).sum(Kind::Float) / (sure.sum(Kind::Float) + 1.0);
    cross_entropy + dice(&(probability * &sure), &(mask * &sure))
}

fn dice(probability: &Tensor, mask: &Tensor) -> Tensor {
    let common = (probability * mask).sum(Kind::Float);
    let all = probability.sum(Kind::Float) + mask.sum(Kind::Float);
    1.0 - (common * 2.0 + 1.0) / (all + 1.0)
}

/// The same for several classes, of which one is right for a pixel: cross-entropy of the soft-max plus the mean over
/// the classes of the soft Dice loss over the whole batch.
///
/// `logits` `[n, classes, h, w]`; `classes` `[n, h, w]`, whole numbers from 0 on or [`UNLABELLED`].
pub fn class_segmentation(logits: &Tensor, classes: &Tensor) -> Tensor {
    let count = logits.size()[1];
    let labelled = classes.ne(UNLABELLED);
    let wanted = classes.where_self(&labelled, &classes.zeros_like()).one_hot(count).permute([0, 3, 1, 2]);
    let labelled = labelled.unsqueeze(1).to_kind(Kind::Float);
    let wanted = wanted.to_kind(Kind::Float) * &labelled;
    let probability = logits.softmax(1, Kind::Float) * labelled;
    let over_pixels = |values: &Tensor| values.sum_dim_intlist([0, 2, 3].as_slice(), false, Kind::Float);
    let common = over_pixels(&(&probability * &wanted));
    let all = over_pixels(&probability) + over_pixels(&wanted);
    let dice: Tensor = 1.0 - (common * 2.0 + 1.0) / (all + 1.0);
    cross_entropy(logits, classes, None) + dice.mean(Kind::Float)
}

/// Cross-entropy of the soft-max over `logits` `[n, classes, ...]`, with whole numbers `[n, ...]` from 0 on or
/// [`UNLABELLED`]. With a weight for each class it is the weighted mean.
pub fn cross_entropy(logits: &Tensor, classes: &Tensor, weight: Option<&Tensor>) -> Tensor {
    logits.cross_entropy_loss(classes, weight, Reduction::Mean, UNLABELLED, 0.0)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn what_lies_in_the_band_around_an_edge_does_not_count() {
        let plane = |rust_from: i64| {
            let plane = Tensor::full([1, 1, 40, 40], 0.02, (Kind::Float, Device::Cpu));
            let _ = plane.narrow(3, rust_from, 40 - rust_from).fill_(0.98);
            plane
        };
        let mask = plane(20).round();
        let loss = |found: i64, band: i64| segmentation(&plane(found), &mask, band).double_value(&[]);
        let right = loss(20, 3);
        assert!((loss(18, 3) - right).abs() < 1e-4 && (loss(23, 3) - right).abs() < 1e-4);
        assert!(loss(15, 3) > right + 0.05 && loss(26, 3) > right + 0.05);
        assert!(loss(18, 0) > loss(20, 0) + 0.05, "without a band every pixel counts");
    }
}
