//! Text in pictures, from letters that are drawn ahead: no font of the system is needed.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Height of the letters in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 16 pixels.
    Normal,
    /// 20 pixels.
    Large,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Height of the letters.
    pub size: Size,
    /// Whether they are bold.
    pub bold: bool,
    /// Their colour.
    pub colour: Rgb<u8>,
}

impl Style {
    fn raster(self) -> (FontWeight, RasterHeight) {
        let weight = if self.bold { FontWeight::Bold } else { FontWeight::Regular };
        (weight, if self.size == Size::Normal { RasterHeight::Size16 } else { RasterHeight::Size20 })
    }

    /// Width of one letter and height of a line in pixels.
    pub fn letter(self) -> (u32, u32) {
        let (weight, height) = self.raster();
        (get_raster_width(weight, height) as u32, height.val() as u32)
    }

    /// Width of a text in pixels.
    pub fn width(self, text: &str) -> u32 {
        text.chars().count() as u32 * self.letter().0
    }

    /// The text, cut with two dots at its end where it is wider than `width` pixels.
    pub fn fit(self, text: &str, width: u32) -> String {
        let letters = (width / self.letter().0) as usize;
        if text.chars().count() <= letters {
            return text.into();
        }
        let kept: String = text.chars().take(letters.saturating_sub(2)).collect();
        format!("{kept}..")
    }
}

/// Draws a text with its upper left corner at a point; what lies outside of the picture is left out. Letters beyond
/// Latin-1 become question marks.
pub fn draw(picture: &mut RgbImage, (left, top): (i32, i32), text: &str, style: Style) {
    draw_turned(picture, text, style, |x, y| (left + x, top + y));
}

/// Draws a text of which point (x, y), in pixels from its upper left corner, lies where `place` puts it.
pub fn draw_turned(picture: &mut RgbImage, text: &str, style: Style, place: impl Fn(i32, i32) -> (i32, i32)) {
    let (weight, height) = style.raster();
    let letter_width = style.letter().0 as i32;
    for (number, letter) in text.chars().enumerate() {
        let raster = get_raster(letter, weight, height).or_else(|| get_raster('?', weight, height));
        let Some(raster) = raster else { continue };
        for (y, row) in raster.rows().enumerate() {
            for (x, cover) in row.iter().enumerate() {
                let (x, y) = place(number as i32 * letter_width + x as i32, y as i32);
                blend(picture, (x, y), style.colour, f64::from(*cover) / 255.0);
            }
        }
    }
}

/// Mixes a colour into a pixel; points outside of the picture change nothing.
pub fn blend(picture: &mut RgbImage, (x, y): (i32, i32), colour: Rgb<u8>, cover: f64) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    if let Some(pixel) = picture.get_pixel_mut_checked(x, y) {
        for (value, colour) in pixel.0.iter_mut().zip(colour.0) {
            let mixed = f64::from(*value) * (1.0 - cover) + f64::from(colour) * cover;
            *value = mixed.round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style { size: Size::Normal, bold: false, colour: Rgb([0; 3]) };

    #[test]
    fn letters_darken_their_own_place_and_no_other() {
        let mut picture = RgbImage::from_pixel(60, 30, Rgb([255; 3]));
        draw(&mut picture, (10, 5), "Iou\u{4e00}", STYLE);
        let (width, height) = (STYLE.width("Iou?"), STYLE.letter().1);
        let dark = |x: u32, y: u32| picture.get_pixel(x, y).0[0] < 128;
        assert!((10..10 + width).any(|x| (5..5 + height).any(|y| dark(x, y))));
        let outside = |x: u32, y: u32| !(10..10 + width).contains(&x) || !(5..5 + height).contains(&y);
        assert!(picture.enumerate_pixels().all(|(x, y, p)| !outside(x, y) || p.0 == [255; 3]));
        // Beyond every edge.
        draw(&mut picture, (-20, -8), "long text that leaves the picture", STYLE);
    }

    #[test]
    fn long_texts_are_cut_to_their_place() {
        assert_eq!(STYLE.fit("abcdef", STYLE.width("abcdef")), "abcdef");
        assert_eq!(STYLE.fit("abcdef", STYLE.width("abcde")), "abc..");
    }
}
