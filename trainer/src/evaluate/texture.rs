//! Whether a filled area has the texture of what lies around it.

use image::RgbImage;

use crate::data::Plane;
use crate::data::recolour::luminance;

/// Pixels at the rim of a treated area that count neither as inside nor as around: where the two blend.
const RIM: usize = 2;
/// How far around a treated area reaches, in pixels.
const AROUND: usize = 24;
/// Fewer pixels say nothing about a texture.
const FEWEST: usize = 64;

/// The spread of gradient magnitudes inside a treated area over that of what lies around it: 1 where they are alike,
/// 0 where the area is smooth. `None` where one of the two is too small to say, or flat around.
///
/// `treated` and `rust` have one channel of the picture's size, above one half where something was done and where
/// there is rust, which does not count as around.
pub fn spread_ratio(picture: &RgbImage, treated: &Plane, rust: &Plane) -> Option<f64> {
    let mut inside = treated.clone();
    inside.erode(RIM);
    let mut near = treated.clone();
    near.dilate(RIM);
    let mut around = near.clone();
    around.dilate(AROUND);
    let mut rust = rust.clone();
    rust.dilate(RIM);
    for (i, value) in around.values.iter_mut().enumerate() {
        *value *= if near.values[i] > 0.5 || rust.values[i] > 0.5 { 0.0 } else { 1.0 };
    }
    let gradients = gradient_magnitudes(picture);
    let inside = spread(&gradients, &inside)?;
    let around = spread(&gradients, &around)?;
    (around > 0.0).then_some(inside / around)
}

/// Lengths of the gradients of luminance per pixel, in parts of white per pixel, by central differences; borders are
/// repeated.
pub fn gradient_magnitudes(picture: &RgbImage) -> Vec<f32> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let light: Vec<f32> =
        picture.pixels().map(|pixel| luminance(pixel.0.map(|value| f32::from(value) / 255.0))).collect();
    let at = |x: usize, y: usize| light[y * width + x];
    (0..width * height)
        .map(|i| {
            let (x, y) = (i % width, i / width);
            let across = at((x + 1).min(width - 1), y) - at(x.saturating_sub(1), y);
            let down = at(x, (y + 1).min(height - 1)) - at(x, y.saturating_sub(1));
            (across * across + down * down).sqrt() / 2.0
        })
        .collect()
}

/// The standard deviation of the values in an area.
fn spread(values: &[f32], area: &Plane) -> Option<f64> {
    let chosen = || values.iter().zip(&area.values).filter(|(_, a)| **a > 0.5).map(|(v, _)| f64::from(*v));
    let count = chosen().count();
    if count < FEWEST {
        return None;
    }
    let mean = chosen().sum::<f64>() / count as f64;
    Some((chosen().map(|value| (value - mean).powi(2)).sum::<f64>() / count as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// A square in the middle of 80 by 80 pixels.
    fn square(side: usize) -> Plane {
        let mut plane = Plane::filled(1, 80, 80, 0.0);
        let from = (80 - side) / 2;
        for y in from..from + side {
            plane.values[y * 80 + from..y * 80 + from + side].fill(1.0);
        }
        plane
    }

    /// Noise of this strength outside of the square and that strength inside.
    fn noisy(outside: f32, inside: f32) -> RgbImage {
        let square = square(40);
        RgbImage::from_fn(80, 80, |x, y| {
            let noise = ((x * 7919 + y * 104_729 + x * y * 31) % 101) as f32 - 50.0;
            let strength = if square.values[(y * 80 + x) as usize] > 0.5 { inside } else { outside };
            Rgb([(128.0 + noise * strength).round() as u8; 3])
        })
    }

    #[test]
    fn gradients_are_those_of_a_calculation_by_hand() {
        let ramp = RgbImage::from_fn(5, 3, |x, _| Rgb([(x * 51) as u8; 3]));
        let found = gradient_magnitudes(&ramp);
        assert!((found[5 + 2] - 0.2).abs() < 1e-6, "{found:?}");
        assert!((found[5] - 0.1).abs() < 1e-6, "at the border half of the difference counts");
    }

    #[test]
    fn the_ratio_is_one_for_the_same_texture_and_falls_with_what_is_smoothed() {
        let none = Plane::filled(1, 80, 80, 0.0);
        let ratio = |picture: &RgbImage| spread_ratio(picture, &square(40), &none).unwrap();
        let (same, half, smooth) =
            (ratio(&noisy(1.0, 1.0)), ratio(&noisy(1.0, 0.5)), ratio(&noisy(1.0, 0.0)));
        assert!(
            (same - 1.0).abs() < 0.1 && (half - 0.5).abs() < 0.06 && smooth < 0.01,
            "{same} {half} {smooth}"
        );
    }

    #[test]
    fn rust_around_does_not_count_and_small_areas_say_nothing() {
        let none = Plane::filled(1, 80, 80, 0.0);
        // The right half, away from the treated square, is rust with a texture four times as strong.
        let mut rust = none.clone();
        let mut picture = noisy(0.25, 0.25);
        let strong = noisy(1.0, 0.25);
        for (x, y, pixel) in picture.enumerate_pixels_mut().filter(|(x, ..)| *x >= 62) {
            *pixel = *strong.get_pixel(x, y);
            rust.values[(y * 80 + x) as usize] = 1.0;
        }
        let with = spread_ratio(&picture, &square(40), &rust).unwrap();
        let without = spread_ratio(&picture, &square(40), &none).unwrap();
        assert!((with - 1.0).abs() < 0.1 && without < 0.8, "{with} {without}");
        assert_eq!(spread_ratio(&picture, &square(8), &none), None);
        assert_eq!(spread_ratio(&picture, &square(40), &Plane::filled(1, 80, 80, 1.0)), None);
    }
}
