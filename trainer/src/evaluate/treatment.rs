//! Where a picture was treated, told by what changed: so that every method is measured alike.

use image::RgbImage;

use crate::data::Plane;

/// Difference of a colour value, of 255, from which on a pixel counts as treated. Fainter changes are leaks, unless they
/// lie near one.
const VISIBLE: u8 = 6;
/// Narrower traces of treatment than twice this many pixels have no texture of their own.
const NARROWEST: usize = 1;
/// Where a picture was visibly changed.
pub fn treated(photo: &RgbImage, made: &RgbImage) -> Plane {
    let visible = |a: &image::Rgb<u8>, b: &image::Rgb<u8>| (0..3).any(|c| a.0[c].abs_diff(b.0[c]) >= VISIBLE);
    let values = photo.pixels().zip(made.pixels()).map(|(a, b)| if visible(a, b) { 1.0 } else { 0.0 });
    let (height, width) = (photo.height() as usize, photo.width() as usize);
    Plane { channels: 1, height, width, values: values.collect() }
}

/// An area without gaps, where the change happened to be small, and without specks.
pub fn solid(mut area: Plane) -> Plane {
    area.dilate(NARROWEST);
    area.erode(2 * NARROWEST);
    area.dilate(NARROWEST);
    area
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn only_visible_changes_count_and_specks_are_no_solid_area() {
        let photo = RgbImage::from_pixel(20, 20, Rgb([100; 3]));
        let mut made = photo.clone();
        for (x, y, pixel) in made.enumerate_pixels_mut() {
            if (4..12).contains(&x) && (4..12).contains(&y) {
                // One pixel within happens to be as it was.
                pixel.0[1] += if (x, y) == (8, 8) { 0 } else { 6 };
            }
        }
        made.get_pixel_mut(17, 17).0 = [0; 3];
        made.get_pixel_mut(0, 17).0[2] += 5;
        let found = treated(&photo, &made);
        assert_eq!(found.values.iter().sum::<f32>(), 64.0);
        let solid = solid(found);
        assert_eq!((solid.values.iter().sum::<f32>(), solid.values[8 * 20 + 8]), (64.0, 1.0));
    }
}
