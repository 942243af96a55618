//! How far a made picture is from the wanted one.

use tch::{Kind, Tensor};

/// Mean of `values` `[n, c, h, w]` under `weight` `[n, 1, h, w]`; near zero where the weight is zero everywhere.
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

/// Side of the squares over which [`coarse_difference`] takes means.
const COARSE: i64 = 16;

/// Mean absolute difference between the colours of two pictures `[n, c, h, w]` that are left when both are averaged over
/// squares of 16 pixels, each pixel as much as its `weight` `[n, 1, h, w]` says.
pub fn coarse_difference(a: &Tensor, b: &Tensor, weight: &Tensor) -> Tensor {
    let square =
        |map: &Tensor| map.avg_pool2d([COARSE; 2], [COARSE / 2; 2], [0, 0], true, false, None::<i64>);
    let share = square(weight);
    let difference = square(&((a - b) * weight)) / (&share + 1e-4);
    weighted_mean(&difference.abs(), &share)
}

/// Mean over the batch of `log(1 + e / 0.001)`, `e` each picture's mean squared error under `weight` `[n, 1, h, w]`: a
/// pair's PSNR falls with it (Chen et al. 2022, arXiv:2204.04676), up to about 30 dB.
pub fn log_squared_error(a: &Tensor, b: &Tensor, weight: &Tensor) -> Tensor {
    let over_picture = |values: &Tensor| values.sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float);
    let channels = a.size()[1] as f64;
    let error = over_picture(&((a - b).square() * weight)) / (over_picture(weight) * channels + 1.0);
    (error * 1e3).log1p().mean(Kind::Float)
}

/// Feature matching for pairs: mean absolute difference between what a discriminator's layers see in the made and in
/// the true picture, averaged over the layers (Wang et al. 2018, arXiv:1711.11585). Nothing flows back into `real`.
pub fn feature_matching(real: &[Tensor], fake: &[Tensor]) -> Tensor {
    let layers = real.iter().zip(fake).map(|(real, fake)| (fake - real.detach()).abs().mean(Kind::Float));
    mean(layers)
}

/// Feature matching without pairs: squared difference between the means over the batch of what a discriminator's
/// layers see, averaged over the layers (Salimans et al. 2016, arXiv:1606.03498). Nothing flows back into `real`.
pub fn feature_means(real: &[Tensor], fake: &[Tensor]) -> Tensor {
    let over_batch = |features: &Tensor| features.mean_dim([0].as_slice(), false, Kind::Float);
    let layers = real
        .iter()
        .zip(fake)
        .map(|(real, fake)| (over_batch(fake) - over_batch(real).detach()).square().mean(Kind::Float));
    mean(layers)
}

/// Mean of at least one number.
fn mean(numbers: impl Iterator<Item = Tensor>) -> Tensor {
    Tensor::stack(&numbers.collect::<Vec<_>>(), 0).mean(Kind::Float)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn coarse_differences_are_those_of_the_means_under_the_weight() {
        let plane = |value: f64| Tensor::full([1, 3, 64, 64], value, (Kind::Float, Device::Cpu));
        let weight = Tensor::zeros([1, 1, 64, 64], (Kind::Float, Device::Cpu));
        let _ = weight.narrow(3, 0, 32).fill_(1.0);
        // A step of 0.2 everywhere, and a checkerboard that has no mean.
        let (a, b) = (plane(0.5), plane(0.3));
        let checks = Tensor::arange(64 * 64, (Kind::Float, Device::Cpu)).view([1, 1, 64, 64]);
        let checks: Tensor = (checks.remainder(2.0) - 0.5) * 0.4;
        let coarse = |a: &Tensor, b: &Tensor| coarse_difference(a, b, &weight).double_value(&[]);
        assert!((coarse(&a, &b) - 0.2).abs() < 0.005, "{}", coarse(&a, &b));
        assert!((coarse(&(&a + &checks), &b) - 0.2).abs() < 0.005);
        assert!(coarse(&(&b + &checks), &b) < 0.005);
        // What is not weighed does not count.
        let other = b.copy();
        let _ = other.narrow(3, 40, 24).fill_(1.0);
        assert!(coarse(&b, &other) < 1e-6);
    }
}
