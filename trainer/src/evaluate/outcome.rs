//! Pictures that show what was found and what was missed.

use image::{Rgb, RgbImage};

/// Rust that was found, rust that was missed, and false alarms; told apart by people who see fewer colours as well.
const HIT: [f32; 3] = [0.0, 190.0, 140.0];
const MISSED: [f32; 3] = [70.0, 160.0, 255.0];
const FALSE_ALARM: [f32; 3] = [255.0, 80.0, 30.0];
/// What the colours mean, in words.
pub const LEGEND: &str =
    "Green: rust that was found. Blue: rust that was missed. Red: found where none is labelled.";
/// Part of the colour in a tinted pixel.
const TINT: f32 = 0.55;

/// The photo in gray, coloured where rust is labelled (`label`) or found (`found`), per pixel.
pub fn outcome(photo: &RgbImage, label: &[bool], found: &[bool]) -> RgbImage {
    let mut picture = photo.clone();
    for ((pixel, label), found) in picture.pixels_mut().zip(label).zip(found) {
        let [r, g, b] = pixel.0.map(f32::from);
        let gray = 0.3 * r + 0.59 * g + 0.11 * b;
        let colour = match (label, found) {
            (true, true) => Some(HIT),
            (true, false) => Some(MISSED),
            (false, true) => Some(FALSE_ALARM),
            (false, false) => None,
        };
        let mixed = |channel: usize| match colour {
            Some(colour) => gray * (1.0 - TINT) + colour[channel] * TINT,
            None => gray,
        };
        *pixel = Rgb([0, 1, 2].map(|channel| mixed(channel).round() as u8));
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_colour() {
        let photo = RgbImage::from_pixel(4, 1, Rgb([100; 3]));
        let picture = outcome(&photo, &[true, true, false, false], &[true, false, true, false]);
        let strongest = |x: u32| {
            let pixel = picture.get_pixel(x, 0).0;
            (0..3).max_by_key(|c| pixel[*c]).unwrap()
        };
        assert_eq!((strongest(0), strongest(1), strongest(2)), (1, 2, 0));
        assert_eq!(picture.get_pixel(3, 0).0, [100; 3]);
    }
}
