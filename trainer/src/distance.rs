//! How far made pictures are, as a crowd, from true ones.

use tch::{Kind, Tensor};

/// Side in pixels of the patches that are described.
const PATCH: i64 = 8;

/// Fréchet distance between two crowds of patches (Dowson and Landau 1982, Journal of Multivariate Analysis 12(3), for
/// normal distributions), each patch described by the means and standard deviations of its colours and by the mean
/// steps between neighbouring pixels. It is zero for the same crowd, and grows with differences of colour, contrast
/// and texture. Unlike the Fréchet Inception Distance (Heusel et al. 2017, arXiv:1706.08500) it needs no other network.
///
/// Pictures `[n, 3, h, w]` in 0 to 1, sides of at least 8 pixels.
pub fn patch_distance(made: &Tensor, real: &Tensor) -> f64 {
    let _no_grad = tch::no_grad_guard();
    let ((mean, covariance), (other_mean, other_covariance)) = (crowd(made), crowd(real));
    let apart = (mean - other_mean).square().sum(Kind::Double);
    let root = square_root(&covariance);
    let joined = root.matmul(&other_covariance).matmul(&root);
    let common = square_root(&joined).trace() * 2.0;
    let distance = apart + covariance.trace() + other_covariance.trace() - common;
    distance.double_value(&[]).max(0.0)
}

/// Mean `[d]` and covariance `[d, d]` of the descriptions.
fn crowd(pictures: &Tensor) -> (Tensor, Tensor) {
    let described = describe(pictures);
    let mean = described.mean_dim([0].as_slice(), false, Kind::Double);
    let centred = &described - &mean;
    let count = (described.size()[0] - 1).max(1) as f64;
    (mean, centred.tr().matmul(&centred) / count)
}

/// One row per patch, `[patches, 7]`.
fn describe(pictures: &Tensor) -> Tensor {
    let pictures = pictures.to_kind(Kind::Double);
    let pool = |x: &Tensor| x.avg_pool2d([PATCH; 2], [PATCH; 2], [0; 2], false, true, None::<i64>);
    let mean = pool(&pictures);
    let deviation = (pool(&pictures.square()) - mean.square()).clamp_min(0.0).sqrt();
    let [_, _, height, width] = pictures.size()[..] else { unreachable!("pictures have four dimensions") };
    let down = (pictures.narrow(2, 1, height - 1) - pictures.narrow(2, 0, height - 1)).abs();
    let right = (pictures.narrow(3, 1, width - 1) - pictures.narrow(3, 0, width - 1)).abs();
    let steps = down.constant_pad_nd([0, 0, 0, 1]) + right.constant_pad_nd([0, 1, 0, 0]);
    let steps = pool(&steps.mean_dim([1].as_slice(), true, Kind::Double));
    let described = Tensor::cat(&[mean, deviation, steps], 1);
    described.permute([0, 2, 3, 1]).reshape([-1, described.size()[1]])
}

/// Of a symmetric matrix without negative eigenvalues.
fn square_root(matrix: &Tensor) -> Tensor {
    let symmetric = (matrix + matrix.tr()) * 0.5;
    let (values, vectors) = symmetric.linalg_eigh("L");
    let roots = values.clamp_min(0.0).sqrt();
    (&vectors * roots).matmul(&vectors.tr())
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn noise(seed: i64, low: f64, high: f64) -> Tensor {
        tch::manual_seed(seed);
        Tensor::rand([8, 3, 64, 64], (Kind::Float, Device::Cpu)) * (high - low) + low
    }

    #[test]
    fn the_distance_is_that_of_colours_contrast_and_texture() {
        let (a, b) = (noise(1, 0.2, 0.6), noise(2, 0.2, 0.6));
        assert!(patch_distance(&a, &a) < 1e-9);
        let alike = patch_distance(&a, &b);
        // Three channels apart by a tenth: the distance of the means alone.
        let brighter = patch_distance(&a, &(&a + 0.1));
        assert!((brighter - 0.03).abs() < 1e-6, "{brighter}");
        let duller = patch_distance(&a, &(&a * 0.5 + 0.2));
        let smoother = patch_distance(&a, &a.avg_pool2d([3; 2], [1; 2], [1; 2], false, false, None::<i64>));
        for other in [brighter, duller, smoother] {
            assert!(alike * 20.0 < other, "{alike} {other}");
        }
    }
}
