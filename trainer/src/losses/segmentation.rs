//! How far a probability map, or the scores of classes, are from the labels.

use tch::{Kind, Reduction, Tensor};

/// The class number of pixels and pictures that nobody labelled: they count nowhere.
pub const UNLABELLED: i64 = 255;

/// Binary cross-entropy plus the soft Dice loss over the whole batch (Milletari et al. 2016, arXiv:1606.04797):
/// the first makes every pixel's probability right, the second weighs the rare rust up.
pub fn segmentation(probability: &Tensor, mask: &Tensor) -> Tensor {
    let clamped = probability.clamp(1e-5, 1.0 - 1e-5);
    // Written out, since libtorch's own breaks off where a diverged network's probabilities are no numbers.
    let (clean, unlikely): (Tensor, Tensor) = (1.0 - mask, 1.0 - &clamped);
    let likelihood = mask * clamped.log() + clean * unlikely.log();
    let cross_entropy = -likelihood.mean(Kind::Float);
    let common = (probability * mask).sum(Kind::Float);
    let all = probability.sum(Kind::Float) + mask.sum(Kind::Float);
    cross_entropy + 1.0 - (common * 2.0 + 1.0) / (all + 1.0)
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
