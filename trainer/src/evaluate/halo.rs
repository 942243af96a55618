//! Halos: steps of brightness along the edge of what was treated.

use image::{GrayImage, RgbImage};

use super::files::area;
use super::similarity::luminance_plane;
use crate::data::Plane;

/// How far from the mask's edge, in pixels, a step counts.
const REACH: usize = 2;

/// Mean gradient of luma across the edge of `mask` over that of the `clean` picture there; 1 where the edge cannot be seen.
/// None where the mask has no edge or the clean picture is even there.
pub fn halo(after: &RgbImage, clean: &RgbImage, mask: &GrayImage) -> Option<f64> {
    let inside = area(mask);
    let (mut wide, mut narrow) = (inside.clone(), inside.clone());
    wide.dilate(REACH);
    narrow.erode(REACH);
    let mut soft = inside;
    soft.box_blur(REACH);
    soft.box_blur(REACH);
    let [after, clean] = [after, clean].map(luminance_plane);
    let (mut sums, mut counted) = ([0.0, 0.0], 0);
    for y in 1..soft.height.saturating_sub(1) {
        for x in 1..soft.width.saturating_sub(1) {
            let at = y * soft.width + x;
            if wide.values[at] == narrow.values[at] {
                continue;
            }
            let [dx, dy] = gradient(&soft, x, y);
            let length = dx.hypot(dy);
            if length < 1e-4 {
                continue;
            }
            counted += 1;
            for (sum, picture) in sums.iter_mut().zip([&after, &clean]) {
                let [px, py] = gradient(picture, x, y);
                *sum += f64::from(((px * dx + py * dy) / length).abs());
            }
        }
    }
    (counted > 0 && sums[1] > 1e-3 * f64::from(counted)).then(|| sums[0] / sums[1])
}

/// Half the differences between a pixel's neighbours, along the row and along the column.
fn gradient(plane: &Plane, x: usize, y: usize) -> [f32; 2] {
    let at = |x: usize, y: usize| plane.values[y * plane.width + x];
    [(at(x + 1, y) - at(x - 1, y)) / 2.0, (at(x, y + 1) - at(x, y - 1)) / 2.0]
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb};

    use super::*;

    #[test]
    fn a_step_at_the_masks_edge_is_a_halo_and_one_elsewhere_is_none() {
        let mask = GrayImage::from_fn(60, 40, |x, _| Luma([if x < 30 { 255 } else { 0 }]));
        let ramp = |step_at: u32| {
            RgbImage::from_fn(60, 40, |x, _| Rgb([(x * 2 + if x >= step_at { 40 } else { 0 }) as u8; 3]))
        };
        let clean = ramp(100);
        assert!((halo(&clean, &clean, &mask).unwrap() - 1.0).abs() < 1e-6);
        assert!(halo(&ramp(30), &clean, &mask).unwrap() > 3.0);
        assert!((halo(&ramp(45), &clean, &mask).unwrap() - 1.0).abs() < 1e-6);
        assert_eq!(halo(&clean, &clean, &GrayImage::new(60, 40)), None);
        // Even pictures have no gradients to compare with.
        let even = RgbImage::from_pixel(60, 40, Rgb([90; 3]));
        assert_eq!(halo(&clean, &even, &mask), None);
    }
}
