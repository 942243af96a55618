//! How far made textures are from true ones, as sets.

use tch::{Kind, Tensor};

use crate::losses::cures::StepRandom;

/// Side of the patches that are compared, in pixels.
const PATCH: i64 = 7;
/// Pixels from one patch to the next.
const STEP: i64 = 4;
/// Directions along which patches are compared.
const DIRECTIONS: i64 = 128;
/// Below this side pictures are not halved again.
const COARSEST: i64 = 16;

/// Sliced Wasserstein distance between the patches of two sets of pictures, mean over the levels of a Laplacian pyramid
/// (Karras et al. 2018, arXiv:1710.10196, there times 1000): 0 for the same patches. Values are in units of the true
/// pictures' standard deviation, by channel and level, so that colours and their contrast count too.
///
/// Both `[n, 3, side, side]`, of the same shape.
pub fn sliced_wasserstein(real: &Tensor, made: &Tensor) -> f64 {
    let mut levels = vec![];
    let mut pictures = [real.shallow_clone(), made.shallow_clone()];
    loop {
        let side = pictures[0].size()[2];
        let last = side / 2 < COARSEST;
        let halves = pictures.each_ref().map(|one| one.avg_pool2d([2; 2], [2; 2], [0; 2], false, true, None));
        let details = if last {
            pictures
        } else {
            let enlarge = |half: &Tensor| half.upsample_bilinear2d([side; 2], false, None, None);
            [&pictures[0] - enlarge(&halves[0]), &pictures[1] - enlarge(&halves[1])]
        };
        levels.push(level_distance(&details, levels.len() as u64));
        if last {
            return levels.iter().sum::<f64>() / levels.len() as f64;
        }
        pictures = halves;
    }
}

fn level_distance([real, made]: &[Tensor; 2], level: u64) -> f64 {
    let over = [0i64, 2, 3];
    let mean = real.mean_dim(over.as_slice(), true, Kind::Float);
    let deviation = real.std_dim(over.as_slice(), true, true) + 1e-4;
    let directions = StepRandom::new(0, level).normal(&[real.size()[1] * PATCH * PATCH, DIRECTIONS]);
    let directions = directions.to_device(real.device());
    let length = directions.square().sum_dim_intlist([0i64].as_slice(), true, Kind::Float).sqrt();
    let directions = directions / length;
    let along = |pictures: &Tensor| {
        let patches = ((pictures - &mean) / &deviation).im2col([PATCH; 2], [1; 2], [0; 2], [STEP; 2]);
        let rows = patches.permute([0, 2, 1]).flatten(0, 1);
        rows.matmul(&directions).sort(0, false).0
    };
    (along(real) - along(made)).abs().mean(Kind::Float).double_value(&[])
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn the_distance_grows_with_colour_contrast_and_grain() {
        tch::manual_seed(1);
        let set = || Tensor::rand([16, 3, 32, 32], (Kind::Float, Device::Cpu)) * 0.4 + 0.2;
        let real = set();
        assert_eq!(sliced_wasserstein(&real, &real), 0.0);
        let alike = sliced_wasserstein(&real, &set());
        let far = |made: Tensor| {
            let distance = sliced_wasserstein(&real, &made);
            assert!(distance > 3.0 * alike, "{distance}, and {alike} between two sets alike");
        };
        far(set() + 0.1);
        far(set() * 0.5 + 0.2);
        far(set().avg_pool2d([3; 2], [1; 2], [1; 2], false, true, None));
    }
}
