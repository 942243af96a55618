//! Pictures that go into GIMP and come out of it.

use std::f32::consts::TAU;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageBuffer};

/// What a pixel is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only lightness.
    Gray,
    /// Lightness and alpha.
    GrayAlpha,
    /// Red, green and blue.
    Rgb,
    /// Red, green, blue and alpha.
    Rgba,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 4] = [Kind::Gray, Kind::GrayAlpha, Kind::Rgb, Kind::Rgba];

    /// Values of a pixel that are colours.
    pub fn colours(self) -> usize {
        if matches!(self, Kind::Gray | Kind::GrayAlpha) { 1 } else { 3 }
    }

    /// Values of a pixel, alpha included.
    pub fn channels(self) -> usize {
        self.colours() + usize::from(matches!(self, Kind::GrayAlpha | Kind::Rgba))
    }
}

/// A picture as GIMP writes it: values of 0 to 1, sRGB-encoded, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What its pixels are made of.
    pub kind: Kind,
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `height * width * kind.channels()` values.
    pub values: Vec<f32>,
}

impl Picture {
    /// A picture of soft spots in all colours, in which the networks of [`crate::networks`] find something nearly
    /// everywhere, but not everything.
    pub fn spots(kind: Kind, width: usize, height: usize) -> Self {
        let mut values = Vec::with_capacity(width * height * kind.channels());
        for y in 0..height {
            for x in 0..width {
                let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
                let wave = |a: f32, b: f32, c: f32| 0.5 + 0.5 * (TAU * (a * u + b * v + c)).sin();
                let colours = [wave(2.0, 1.0, 0.0), wave(-1.0, 2.0, 0.3), wave(1.0, -1.0, 0.6)];
                values.extend(&colours[..kind.colours()]);
                if kind.channels() > kind.colours() {
                    values.push(0.3 + 0.7 * wave(0.5, 0.5, 0.1));
                }
            }
        }
        Picture { kind, width, height, values }
    }

    /// Reads a PNG file.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn read(path: &Path) -> Self {
        let picture = image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let kind = match picture.color() {
            ColorType::L8 | ColorType::L16 => Kind::Gray,
            ColorType::La8 | ColorType::La16 => Kind::GrayAlpha,
            ColorType::Rgb8 | ColorType::Rgb16 => Kind::Rgb,
            _ => Kind::Rgba,
        };
        let part = |values: &[u16]| values.iter().map(|value| f32::from(*value) / 65535.0).collect();
        let values = match kind {
            Kind::Gray => part(picture.into_luma16().as_raw()),
            Kind::GrayAlpha => part(picture.into_luma_alpha16().as_raw()),
            Kind::Rgb => part(picture.into_rgb16().as_raw()),
            Kind::Rgba => part(picture.into_rgba16().as_raw()),
        };
        Picture { kind, width, height, values }
    }

    /// Writes a PNG file with 16 bits.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &Path) {
        let (width, height) = (self.width as u32, self.height as u32);
        let values: Vec<u16> = self.values.iter().map(|value| (value * 65535.0).round() as u16).collect();
        let picture = match self.kind {
            Kind::Gray => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLuma16),
            Kind::GrayAlpha => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageLumaA16),
            Kind::Rgb => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageRgb16),
            Kind::Rgba => ImageBuffer::from_raw(width, height, values).map(DynamicImage::ImageRgba16),
        };
        let picture = picture.expect("as many values as the size says");
        picture.save(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The greatest difference of two pictures of the same kind and size.
    ///
    /// # Panics
    /// When kind or size differ.
    pub fn difference(&self, other: &Picture) -> f32 {
        let shape = |picture: &Picture| (picture.kind, picture.width, picture.height);
        assert_eq!(shape(self), shape(other));
        self.values.iter().zip(&other.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// The part of the values that differ by more than `tolerance`.
    ///
    /// # Panics
    /// When the numbers of values differ.
    pub fn part_beyond(&self, other: &Picture, tolerance: f32) -> f64 {
        assert_eq!(self.values.len(), other.values.len());
        let beyond = self.values.iter().zip(&other.values).filter(|(a, b)| (**a - **b).abs() > tolerance);
        beyond.count() as f64 / self.values.len() as f64
    }

    /// The part of this picture that lies over one of another size: its left upper corner is at `(x, y)` here. What
    /// lies outside this picture is 0.
    pub fn window(&self, x: i32, y: i32, width: usize, height: usize) -> Picture {
        let channels = self.kind.channels();
        let mut values = vec![0.0; width * height * channels];
        for row in 0..height {
            for column in 0..width {
                let (from_x, from_y) = (x + column as i32, y + row as i32);
                let inside =
                    (0..self.width as i32).contains(&from_x) && (0..self.height as i32).contains(&from_y);
                if inside {
                    let from = (from_y as usize * self.width + from_x as usize) * channels;
                    let to = (row * width + column) * channels;
                    values[to..to + channels].copy_from_slice(&self.values[from..from + channels]);
                }
            }
        }
        Picture { kind: self.kind, width, height, values }
    }
}

/// Light from an sRGB-encoded value (IEC 61966-2-1).
pub fn decoded(value: f32) -> f32 {
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// The sRGB-encoded value of light.
pub fn encoded(light: f32) -> f32 {
    if light <= 0.0031308 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}
