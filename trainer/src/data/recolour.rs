//! Random light, colour and sharpness.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, RgbImage};

use crate::data::Plane;
use crate::data::augment::Augment;
use crate::data::random::{Random, chance, uniform};

/// Random light, colour and sharpness: the differences between cameras, lamps and weather.
pub fn recolour(colour: &mut Plane, augment: &Augment, random: &mut Random) {
    let around_one = |value: f32, strength: f32| (1.0 + (value - 1.0) * strength).max(0.0);
    let gamma = 2f32.powf(uniform(random, -0.7, 0.7) * augment.gamma);
    let contrast = around_one(uniform(random, 0.55, 1.3), augment.contrast);
    let brightness = uniform(random, -0.12, 0.12) * augment.brightness;
    // A quarter of the cameras have their white balance far off.
    let cast = if chance(random, 0.25) { 0.25 } else { 0.12 };
    let gains = [(); 3].map(|()| around_one(uniform(random, 1.0 - cast, 1.0 + cast), augment.white_balance));
    let saturation = if chance(random, 0.8) { uniform(random, 0.4, 1.5) } else { 1.0 };
    let saturation = around_one(saturation, augment.saturation);
    let gray = augment.gray > 0.0 && chance(random, augment.gray);
    let shade = Shade::random(colour.width, colour.height, augment.shadow, random);
    let area = colour.area();
    for i in 0..area {
        let mut pixel = [0, 1, 2].map(|channel| colour.values[channel * area + i]);
        for (value, gain) in pixel.iter_mut().zip(gains) {
            *value = (*value * gain).clamp(0.0, 1.0).powf(gamma);
        }
        let grey = luminance(pixel);
        let light = shade.at(i % colour.width, i / colour.width);
        for (channel, value) in pixel.iter().enumerate() {
            let vivid = grey + (value - grey) * saturation;
            let value = ((vivid - 0.5) * contrast + 0.5 + brightness) * light;
            colour.values[channel * area + i] = value.clamp(0.0, 1.0);
        }
    }
    if chance(random, augment.blur) {
        colour.box_blur(1 + usize::from(chance(random, 0.3)));
    }
    if chance(random, augment.noise) {
        let strength = uniform(random, 0.0, 0.05);
        for value in &mut colour.values {
            *value += strength * (uniform(random, -1.0, 1.0) + uniform(random, -1.0, 1.0));
        }
    }
    if gray {
        // A sensor without colours has one noise, not three.
        for i in 0..area {
            let grey = luminance([0, 1, 2].map(|channel| colour.values[channel * area + i]));
            (0..3).for_each(|channel| colour.values[channel * area + i] = grey);
        }
    }
    colour.values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    if augment.jpeg > 0.0 && chance(random, augment.jpeg) {
        compress(colour, uniform(random, 30.0, 95.0) as u8);
    }
}

/// What JPEG compression of a quality, 1 to 100, leaves of a picture of three channels.
fn compress(colour: &mut Plane, quality: u8) {
    let area = colour.area();
    let byte = |value: f32| (value * 255.0).round() as u8;
    let bytes =
        (0..area).flat_map(|i| [0, 1, 2].map(|channel| byte(colour.values[channel * area + i]))).collect();
    let picture = RgbImage::from_raw(colour.width as u32, colour.height as u32, bytes);
    let picture = picture.expect("three bytes for each pixel");
    let mut file = Cursor::new(vec![]);
    let encoded = picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, quality));
    encoded.expect("a square of a few hundred pixels fits a JPEG file");
    let decoded = image::load_from_memory_with_format(file.get_ref(), ImageFormat::Jpeg);
    let decoded = decoded.expect("what was just encoded can be decoded").into_rgb8();
    for (i, pixel) in decoded.pixels().enumerate() {
        for channel in 0..3 {
            colour.values[channel * area + i] = f32::from(pixel.0[channel]) / 255.0;
        }
    }
}

/// Relative luminance of sRGB primaries (ITU-R BT.709), here of encoded values.
pub fn luminance([red, green, blue]: [f32; 3]) -> f32 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// A soft shadow or light that falls across the picture.
struct Shade {
    normal: [f32; 2],
    offset: f32,
    softness: f32,
    depth: f32,
}

impl Shade {
    fn random(width: usize, height: usize, probability: f32, random: &mut Random) -> Self {
        let (sin, cos) = uniform(random, 0.0, std::f32::consts::TAU).sin_cos();
        let depth = if chance(random, probability) { uniform(random, 0.2, 0.65) } else { 0.0 };
        let through = [uniform(random, 0.0, width as f32), uniform(random, 0.0, height as f32)];
        let offset = cos * through[0] + sin * through[1];
        Shade { normal: [cos, sin], offset, softness: uniform(random, 3.0, width as f32), depth }
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        if self.depth == 0.0 {
            return 1.0;
        }
        let distance = self.normal[0] * x as f32 + self.normal[1] * y as f32 - self.offset;
        1.0 - self.depth / (1.0 + (-4.0 * distance / self.softness).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::{Purpose, stream};

    /// A gradient with a fine grain.
    fn picture() -> Plane {
        let side = 40;
        let mut plane = Plane::filled(3, side, side, 0.0);
        for channel in 0..3 {
            for (i, value) in plane.channel_mut(channel).iter_mut().enumerate() {
                let (x, y) = (i % side, i / side);
                let grain = ((x * 7 + y * 13 + channel * 5) % 11) as f32 * 0.02;
                *value = 0.2 + 0.012 * x as f32 + 0.05 * channel as f32 + grain;
            }
        }
        plane
    }

    #[test]
    fn every_kind_alone_changes_the_picture_and_none_leaves_it() {
        let none = Augment::NONE;
        let kinds: [(&str, Augment); 10] = [
            ("brightness", Augment { brightness: 1.0, ..none }),
            ("contrast", Augment { contrast: 1.0, ..none }),
            ("gamma", Augment { gamma: 1.0, ..none }),
            ("saturation", Augment { saturation: 1.0, ..none }),
            ("white balance", Augment { white_balance: 1.0, ..none }),
            ("blur", Augment { blur: 1.0, ..none }),
            ("noise", Augment { noise: 1.0, ..none }),
            ("jpeg", Augment { jpeg: 1.0, ..none }),
            ("shadow", Augment { shadow: 1.0, ..none }),
            ("all", Augment { jpeg: 0.5, ..Augment::STANDARD }),
        ];
        let change = |augment: &Augment, number: u64| {
            let mut colour = picture();
            recolour(&mut colour, augment, &mut stream(3, Purpose::Measuring, number));
            assert!(colour.values.iter().all(|value| (0.0..=1.0).contains(value)));
            colour.values.iter().zip(picture().values).map(|(a, b)| (a - b).abs()).sum::<f32>()
                / colour.values.len() as f32
        };
        for (kind, augment) in &kinds {
            let changed = (0..20).filter(|&number| change(augment, number) > 0.002).count();
            assert!(changed >= 12, "{kind} changed {changed} of 20 pictures");
        }
        for number in 0..20 {
            assert!(change(&none, number) < 1e-6);
        }
    }

    #[test]
    fn a_worse_jpeg_quality_loses_more_and_shows_its_blocks() {
        let lost = |quality| {
            let mut colour = picture();
            compress(&mut colour, quality);
            colour.values.iter().zip(picture().values).map(|(a, b)| (a - b).powi(2)).sum::<f32>()
        };
        assert!(lost(30) > 2.0 * lost(95), "{} {}", lost(30), lost(95));
        // At the least quality a block of 8 x 8 pixels keeps little more than its mean.
        let mut colour = picture();
        compress(&mut colour, 1);
        let steps = |column: usize| -> f32 {
            let green = colour.channel(1);
            (0..40).map(|y| (green[y * 40 + column] - green[y * 40 + column - 1]).abs()).sum()
        };
        assert!(steps(16) > 3.0 * steps(12).max(0.01), "{} {}", steps(16), steps(12));
    }
}
