//! Whether what was treated kept its shape.

use image::RgbImage;

use super::similarity::luminance_plane;
use crate::data::Plane;

/// How far from the edge of what was treated, in pixels, shape is compared.
const EDGE: usize = 8;
/// Fewest pixels that tell something.
const FEWEST: usize = 256;
/// Luminance that is added before the logarithm, so that noise in the dark is no shape.
const DARK: f32 = 0.02;

/// Correlation of the log luminance of two pictures between sigma 1.5 and 8 pixels, inside `area` and eight pixels away from
/// its edge; none where too little lies there. 1 where every edge, rivet and shadow is where it was, whatever its colour;
/// the grain of rust counts as shape, so that 1 is not the aim.
pub fn shape_kept(before: &RgbImage, after: &RgbImage, area: &Plane) -> Option<f64> {
    let mut inner = area.clone();
    inner.erode(EDGE);
    let [before, after] = [before, after].map(relief);
    let inside = || (0..inner.values.len()).filter(|&i| inner.values[i] > 0.5);
    let count = inside().count();
    if count < FEWEST {
        return None;
    }
    let mean = |plane: &Plane| inside().map(|i| f64::from(plane.values[i])).sum::<f64>() / count as f64;
    let means = [mean(&before), mean(&after)];
    let [mut both, mut first, mut second] = [0.0; 3];
    for i in inside() {
        let [a, b] = [&before, &after].map(|plane| f64::from(plane.values[i]));
        let (a, b) = (a - means[0], b - means[1]);
        both += a * b;
        first += a * a;
        second += b * b;
    }
    (first > 0.0 && second > 0.0).then(|| both / (first * second).sqrt())
}

/// Log luminance without what is finer than sigma 1.5 and coarser than sigma 8; three box filters stand for each Gaussian.
fn relief(picture: &RgbImage) -> Plane {
    let mut fine = luminance_plane(picture);
    fine.values.iter_mut().for_each(|value| *value = (*value + DARK).ln());
    let mut coarse = fine.clone();
    [1; 3].into_iter().for_each(|radius| fine.box_blur(radius));
    [7, 8, 8].into_iter().for_each(|radius| coarse.box_blur(radius));
    fine.values.iter_mut().zip(&coarse.values).for_each(|(fine, coarse)| *fine -= coarse);
    fine
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn shape_is_kept_whatever_the_colour_and_lost_by_a_blur() {
        let relief = |x: u32, y: u32| (x * 7 / 5 % 13 + y * 3 / 2 % 11) as f32;
        let picture = |colour: [f32; 3], flat: f32| {
            RgbImage::from_fn(80, 80, |x, y| {
                let light = 0.5 + (1.0 - flat) * relief(x, y) / 40.0 + flat * (x % 5) as f32 / 40.0;
                Rgb(colour.map(|value| (value * light * 200.0) as u8))
            })
        };
        let area = Plane::filled(1, 80, 80, 1.0);
        let rusty = picture([0.9, 0.4, 0.2], 0.0);
        let kept = |after: &RgbImage| shape_kept(&rusty, after, &area).unwrap();
        assert!(kept(&picture([0.8, 0.8, 0.9], 0.0)) > 0.98);
        let other = kept(&picture([0.8, 0.8, 0.9], 1.0));
        assert!(other.abs() < 0.4, "{other}");
        // Too little is treated to tell.
        let mut small = Plane::filled(1, 80, 80, 0.0);
        small.values[..80 * 20].fill(1.0);
        small.erode(1);
        small.values[80 * 10..].fill(0.0);
        assert_eq!(shape_kept(&rusty, &rusty, &small), None);
    }
}
