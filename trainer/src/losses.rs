//! What the networks are asked to make small.

use tch::{Kind, Reduction, Tensor};

/// Binary cross-entropy plus the soft Dice loss over the whole batch (Milletari et al. 2016, arXiv:1606.04797):
/// the first makes every pixel's probability right, the second weighs the rare rust up.
pub fn segmentation(probability: &Tensor, mask: &Tensor) -> Tensor {
    let clamped = probability.clamp(1e-5, 1.0 - 1e-5);
    let cross_entropy = clamped.binary_cross_entropy::<Tensor>(mask, None, Reduction::Mean);
    let common = (probability * mask).sum(Kind::Float);
    let all = probability.sum(Kind::Float) + mask.sum(Kind::Float);
    cross_entropy + 1.0 - (common * 2.0 + 1.0) / (all + 1.0)
}

/// Mean of `values` `[n, c, h, w]` under `weight` `[n, 1, h, w]`.
pub fn weighted_mean(values: &Tensor, weight: &Tensor) -> Tensor {
    let channels = values.size()[1] as f64;
    (values * weight).sum(Kind::Float) / (weight.sum(Kind::Float) * channels + 1.0)
}

/// Weighted mean of the absolute differences between the gradients of two pictures, along rows and columns.
pub fn gradient_difference(a: &Tensor, b: &Tensor, weight: &Tensor) -> Tensor {
    let difference = a - b;
    let [_, _, height, width] = difference.size()[..] else { unreachable!("pictures have four dimensions") };
    let down = difference.slice(2, 1, height, 1) - difference.slice(2, 0, height - 1, 1);
    let right = difference.slice(3, 1, width, 1) - difference.slice(3, 0, width - 1, 1);
    weighted_mean(&down.abs(), &weight.slice(2, 1, height, 1))
        + weighted_mean(&right.abs(), &weight.slice(3, 1, width, 1))
}

/// The discriminator's hinge loss (Lim and Ye 2017, arXiv:1705.02894), each score under a weight.
pub fn hinge_discriminator(
    real: &Tensor,
    real_weight: &Tensor,
    fake: &Tensor,
    fake_weight: &Tensor,
) -> Tensor {
    let short: Tensor = 1.0 - real;
    weighted_mean(&short.relu(), real_weight) + weighted_mean(&(fake + 1.0).relu(), fake_weight)
}

/// The generator's hinge loss, each score under a weight.
pub fn hinge_generator(fake: &Tensor, fake_weight: &Tensor) -> Tensor {
    -weighted_mean(fake, fake_weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(values: &[f32]) -> Tensor {
        Tensor::from_slice(values).view([1, 1, 2, 2])
    }

    fn close(loss: Tensor, expected: f64) {
        let loss = loss.double_value(&[]);
        assert!((loss - expected).abs() < 1e-5, "{loss} instead of {expected}");
    }

    #[test]
    fn the_losses_equal_numbers_worked_out_by_hand() {
        let p = picture(&[0.9, 0.2, 0.6, 0.5]);
        let m = picture(&[1.0, 0.0, 1.0, 0.0]);
        let cross_entropy = -(0.9f64.ln() + 0.8f64.ln() + 0.6f64.ln() + 0.5f64.ln()) / 4.0;
        close(segmentation(&p, &m), cross_entropy + 1.0 - (2.0 * 1.5 + 1.0) / (2.2 + 2.0 + 1.0));
        close(weighted_mean(&p, &m), 1.5 / 3.0);
        // Differences 0.1 -0.2 / 0.4 -0.5: downwards 0.3 -0.3 under 1 0, to the right -0.3 -0.9 under 0 0.
        close(gradient_difference(&m, &p, &m), 0.3 / (1.0 + 1.0));
        close(hinge_discriminator(&p, &m, &p, &m), (0.1 + 0.4) / 3.0 + (1.9 + 1.6) / 3.0);
        close(hinge_generator(&p, &m), -0.5);
    }
}
