//! Pixels between GIMP and libderust: how they are stored, pictures, and planes of coverage.

use std::alloc::alloc_zeroed;
use std::ffi::CStr;

use derust_client::{Image, ImageMut, Layout, Transfer};

use crate::messages::tr;
use crate::problem::Problem;

/// An area of a drawable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// Columns left of it.
    pub x: i32,
    /// Rows above it.
    pub y: i32,
    /// Columns in it.
    pub width: u32,
    /// Rows in it.
    pub height: u32,
}

impl Rectangle {
    /// The rows down to the next border of GIMP's tiles, and what is left; nothing if there are none.
    pub fn split_band(self) -> Option<(Rectangle, Rectangle)> {
        const TILE: i32 = 128;
        let height = ((self.y.div_euclid(TILE) + 1) * TILE - self.y) as u32;
        let height = height.min(self.height);
        let rest = Rectangle { y: self.y + height as i32, height: self.height - height, ..self };
        (height > 0).then_some((Rectangle { height, ..self }, rest))
    }
}

/// The type of a channel's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 8-bit integers.
    U8,
    /// 16-bit integers.
    U16,
    /// 32-bit floats.
    F32,
}

/// How pixels lie in the memory of a [`Picture`]; colours are sRGB's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// One channel instead of red, green and blue.
    pub gray: bool,
    /// With a further channel for opacity.
    pub alpha: bool,
    /// Values are proportional to light.
    pub linear: bool,
    /// The type of the values.
    pub depth: Depth,
}

impl Format {
    /// babl's name.
    pub fn name(self) -> String {
        let alpha = if self.alpha { "A" } else { "" };
        let model = match (self.gray, self.linear) {
            (true, true) => "Y",
            (true, false) => "Y'",
            (false, true) => "RGB",
            (false, false) => "R'G'B'",
        };
        let depth = match self.depth {
            Depth::U8 => "u8",
            Depth::U16 => "u16",
            Depth::F32 => "float",
        };
        format!("{model}{alpha} {depth}")
    }

    /// Channels per pixel.
    pub fn channels(self) -> usize {
        (if self.gray { 1 } else { 3 }) + usize::from(self.alpha)
    }

    /// Bytes per channel.
    pub fn channel_bytes(self) -> usize {
        match self.depth {
            Depth::U8 => 1,
            Depth::U16 => 2,
            Depth::F32 => 4,
        }
    }

    /// Bytes per pixel.
    pub fn pixel_bytes(self) -> usize {
        self.channels() * self.channel_bytes()
    }

    /// What libderust calls it. Gray with alpha is gray whose pixels lie further apart.
    fn known_as(self) -> derust_client::Format {
        use derust_client::Format::*;
        let [gray, rgb, rgba] = match self.depth {
            Depth::U8 => [GrayU8, RgbU8, RgbaU8],
            Depth::U16 => [GrayU16, RgbU16, RgbaU16],
            Depth::F32 => [GrayF32, RgbF32, RgbaF32],
        };
        match (self.gray, self.alpha) {
            (true, _) => gray,
            (false, false) => rgb,
            (false, true) => rgba,
        }
    }
}

/// How GIMP stores the pixels of a drawable, and as what they are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The format that pixels are read in.
    pub working: Format,
    /// Bytes of a pixel as GIMP stores it.
    pub native_bytes: usize,
    exact: bool,
}

impl Encoding {
    /// From babl's name of a format, such as `R'G'B'A u8`; nothing for colours of a palette and other models.
    pub fn new(name: &str, is_srgb: bool, native_bytes: usize) -> Option<Self> {
        let (model, depth) = name.split_once(' ')?;
        let (colours, alpha) = match model.strip_suffix('A') {
            Some(colours) => (colours, true),
            None => (model, false),
        };
        let (gray, linear) = match colours {
            "Y" => (true, true),
            "Y'" | "Y~" => (true, false),
            "RGB" => (false, true),
            "R'G'B'" | "R~G~B~" => (false, false),
            _ => return None,
        };
        // In a colour space of its own, a perceptual encoding need not be sRGB's curve: conversion makes it so, in
        // float, because it would not come back from integers as it was.
        let (depth, same_depth) = match depth {
            "u8" if is_srgb => (Depth::U8, true),
            "u16" if is_srgb => (Depth::U16, true),
            "float" => (Depth::F32, true),
            "u8" | "u16" | "u32" | "half" | "double" => (Depth::F32, false),
            _ => return None,
        };
        let working = Format { gray, alpha, linear, depth };
        Some(Encoding { working, native_bytes, exact: is_srgb && same_depth })
    }

    /// Whether pixels come back from the working format bit for bit.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The format in which 0 to 255 become the values of a mask, a selection, a channel as they are stored.
    pub fn coverage(&self) -> &'static CStr {
        if self.working.linear { c"Y u8" } else { c"Y' u8" }
    }
}

/// A picture in memory, rows from top to bottom without gaps.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// How pixels are stored.
    pub format: Format,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Width x height pixels.
    pub data: Vec<u8>,
}

impl Picture {
    /// A black picture.
    pub fn new(format: Format, width: u32, height: u32) -> Result<Self, Problem> {
        let bytes = width as usize * height as usize * format.pixel_bytes();
        let data = zeros(bytes).ok_or_else(|| {
            let text = tr("There is not enough memory for a layer of {0} x {1} pixels.");
            Problem::new(text.replace("{0}", &width.to_string()).replace("{1}", &height.to_string()))
        })?;
        Ok(Picture { format, width, height, data })
    }

    /// A picture for a result of this one. libderust knows gray with alpha as gray with gaps, and leaves gaps alone: so they are
    /// what they are here.
    ///
    /// # Errors
    /// When memory is short.
    pub fn empty_like(&self) -> Result<Self, Problem> {
        let mut picture = Picture::new(self.format, self.width, self.height)?;
        if self.format.gray && self.format.alpha {
            picture.data.copy_from_slice(&self.data);
        }
        Ok(picture)
    }

    /// Bytes per row.
    pub fn row_bytes(&self) -> usize {
        self.width as usize * self.format.pixel_bytes()
    }

    /// Pixels of a row.
    pub fn pixels(&self, x: i32, y: i32, count: u32) -> &[u8] {
        let bytes = self.format.pixel_bytes();
        let first = y as usize * self.row_bytes() + x as usize * bytes;
        &self.data[first..first + count as usize * bytes]
    }

    /// What libderust reads.
    pub fn image(&self) -> Image<'_> {
        Image::new(&self.data, self.layout())
    }

    /// What libderust writes.
    pub fn image_mut(&mut self) -> ImageMut<'_> {
        let layout = self.layout();
        ImageMut::new(&mut self.data, layout)
    }

    /// Where the pixels lie, and what they mean.
    pub fn layout(&self) -> Layout {
        Layout {
            row_stride: self.row_bytes() as i64,
            pixel_stride: self.format.pixel_bytes() as u32,
            transfer: if self.format.linear { Transfer::Linear } else { Transfer::Srgb },
            ..Layout::new(self.width, self.height, self.format.known_as())
        }
    }

    /// Red, green, blue and opacity of a pixel as a screen shows them.
    pub fn shown(&self, x: u32, y: u32) -> [u8; 4] {
        let pixel = self.pixels(x as i32, y as i32, 1);
        let value = |channel: usize| {
            let at = |bytes: usize| &pixel[channel * bytes..(channel + 1) * bytes];
            match self.format.depth {
                Depth::U8 => f32::from(pixel[channel]) / 255.0,
                Depth::U16 => f32::from(u16::from_ne_bytes([at(2)[0], at(2)[1]])) / 65535.0,
                Depth::F32 => f32::from_ne_bytes([at(4)[0], at(4)[1], at(4)[2], at(4)[3]]),
            }
        };
        let colour = |channel: usize| {
            let value = value(channel);
            let encoded = if self.format.linear { encode_srgb(value) } else { value };
            // `as` takes care of what is out of range, and of NaN.
            (encoded * 255.0).round() as u8
        };
        let [red, green, blue] = if self.format.gray { [0; 3] } else { [0, 1, 2] }.map(colour);
        let alpha =
            if self.format.alpha { (value(self.format.channels() - 1) * 255.0).round() as u8 } else { 255 };
        [red, green, blue, alpha]
    }
}

/// As many zeros, as the system hands them out; none if there is not enough memory. `vec!` would end the program then, and
/// a vector that is filled would be written to once more.
fn zeros(length: usize) -> Option<Vec<u8>> {
    if length == 0 {
        return Some(Vec::new());
    }
    let layout = std::alloc::Layout::array::<u8>(length).ok()?;
    // SAFETY: the layout has a size. The memory is allocated as that of a vector is, and all of it is zero.
    unsafe {
        let start = alloc_zeroed(layout);
        (!start.is_null()).then(|| Vec::from_raw_parts(start, length, length))
    }
}

/// The curve of IEC 61966-2-1.
fn encode_srgb(linear: f32) -> f32 {
    if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

/// Coverage of every pixel, 0 to 255: a mask, a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Rows from top to bottom without gaps.
    pub values: Vec<u8>,
}

impl Plane {
    /// Nothing is covered.
    pub fn black(width: u32, height: u32) -> Self {
        Plane { width, height, values: vec![0; width as usize * height as usize] }
    }

    /// What libderust reads.
    pub fn image(&self) -> Image<'_> {
        Image::new(&self.values, self.layout())
    }

    /// What libderust writes.
    pub fn image_mut(&mut self) -> ImageMut<'_> {
        let layout = self.layout();
        ImageMut::new(&mut self.values, layout)
    }

    fn layout(&self) -> Layout {
        Layout::new(self.width, self.height, derust_client::Format::GrayU8)
    }

    /// Covers only what `other`, which has the same size, covers too.
    pub fn limit(&mut self, other: &Plane) {
        for (value, other) in self.values.iter_mut().zip(&other.values) {
            *value = ((u16::from(*value) * u16::from(*other) + 127) / 255) as u8;
        }
    }

    /// Softens edges over `radius` pixels to either side: three running means, which come close to a Gauss curve.
    pub fn soften(&mut self, radius: f64) {
        let (width, height) = (self.width as usize, self.height as usize);
        // Three means of `reach` reach three times as far.
        let reach = (radius / 3.0).round() as usize;
        let reach = if radius > 0.0 { reach.max(1) } else { return };
        let mut column = vec![0; height];
        let mut line = Vec::new();
        for _ in 0..3 {
            for row in self.values.chunks_exact_mut(width) {
                running_mean(row, reach, &mut line);
            }
            for x in 0..width {
                for (y, value) in column.iter_mut().enumerate() {
                    *value = self.values[y * width + x];
                }
                running_mean(&mut column, reach, &mut line);
                for (y, value) in column.iter().enumerate() {
                    self.values[y * width + x] = *value;
                }
            }
        }
    }
}

/// Replaces every value by the mean of those up to `reach` away; the first and the last value go on beyond the ends.
fn running_mean(values: &mut [u8], reach: usize, before: &mut Vec<u8>) {
    before.clear();
    before.extend_from_slice(values);
    let last = before.len() - 1;
    let at = |index: isize| u32::from(before[index.clamp(0, last as isize) as usize]);
    let reach = reach as isize;
    let count = 2 * reach as u32 + 1;
    let mut sum: u32 = (-reach..=reach).map(at).sum();
    for (index, value) in values.iter_mut().enumerate() {
        *value = ((sum + count / 2) / count) as u8;
        let index = index as isize;
        sum = sum + at(index + reach + 1) - at(index - reach);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_cover_an_area_once_and_end_where_tiles_do() {
        let area = Rectangle { x: 100, y: 120, width: 200, height: 137 };
        let next = |(_, rest): &(Rectangle, Rectangle)| rest.split_band();
        let bands: Vec<_> = std::iter::successors(area.split_band(), next).map(|(band, _)| band).collect();
        let at = |y, height| Rectangle { y, height, ..area };
        assert_eq!(bands, [at(120, 8), at(128, 128), at(256, 1)]);
    }

    #[test]
    fn every_precision_of_gimp_has_a_working_format() {
        let known = |name: &str, srgb| Encoding::new(name, srgb, 4).map(|e| (e.working.name(), e.is_exact()));
        for (name, working, exact) in [
            ("R'G'B' u8", "R'G'B' u8", true),
            ("R'G'B'A u16", "R'G'B'A u16", true),
            ("RGBA float", "RGBA float", true),
            ("R~G~B~A float", "R'G'B'A float", true),
            ("RGB u8", "RGB u8", true),
            ("RGB u32", "RGB float", false),
            ("R'G'B'A half", "R'G'B'A float", false),
            ("RGB double", "RGB float", false),
            ("Y' u8", "Y' u8", true),
            ("YA u16", "YA u16", true),
            ("Y'A double", "Y'A float", false),
        ] {
            assert_eq!(known(name, true), Some((working.into(), exact)), "{name}");
        }
        assert_eq!(known("R'G'B'A u8", false), Some(("R'G'B'A float".into(), false)));
        assert_eq!(known("RGB float", false), Some(("RGB float".into(), false)));
        for name in ["", "RGB", "_babl-int:5 u8", "CMYK float", "R'G'B' u24"] {
            assert_eq!(known(name, true), None, "{name}");
        }
    }

    #[test]
    fn memory_is_black_or_refused() {
        for length in [0, 1, 4097, 9 << 20] {
            let mut memory = zeros(length).unwrap();
            assert_eq!((memory.len(), memory.iter().any(|byte| *byte != 0)), (length, false));
            memory.extend_from_slice(&[7; 3]);
            assert_eq!(memory[length..], [7; 3]);
        }
        assert_eq!(zeros(isize::MAX as usize), None);
        assert_eq!(zeros(usize::MAX), None);
    }

    #[test]
    fn a_description_fits_its_buffer() {
        use derust_client::Format::*;
        for (gray, alpha, depth, format, bytes) in [
            (true, false, Depth::U8, GrayU8, 1),
            (true, true, Depth::U16, GrayU16, 4),
            (false, false, Depth::F32, RgbF32, 12),
            (false, true, Depth::U16, RgbaU16, 8),
        ] {
            let picture = Picture::new(Format { gray, alpha, linear: gray, depth }, 5, 3).unwrap();
            let layout = picture.layout();
            assert_eq!(
                (layout.format, layout.pixel_stride, layout.row_stride),
                (format, bytes, 5 * i64::from(bytes))
            );
            assert_eq!(layout.transfer == Transfer::Linear, gray);
            assert_eq!(picture.data.len(), 15 * bytes as usize);
        }
    }

    #[test]
    fn linear_and_float_pixels_are_shown_as_screens_do() {
        let format = Format { gray: true, alpha: true, linear: true, depth: Depth::F32 };
        let mut picture = Picture::new(format, 3, 1).unwrap();
        let values = [0.215_861, 0.5, f32::NAN, 1.0, 7.0, -1.0];
        picture.data = values.iter().flat_map(|value: &f32| value.to_ne_bytes()).collect();
        assert_eq!(
            [0, 1, 2].map(|x| picture.shown(x, 0)),
            [[128, 128, 128, 128], [0, 0, 0, 255], [255, 255, 255, 0]]
        );
    }

    #[test]
    fn a_softened_edge_is_a_slope_in_the_same_place() {
        let mut plane = Plane::black(40, 2);
        for row in plane.values.chunks_exact_mut(40) {
            row[20..].fill(255);
        }
        let hard = plane.clone();
        plane.soften(0.0);
        assert_eq!(plane, hard);
        plane.soften(6.0);
        let row = &plane.values[..40];
        assert!(row.is_sorted(), "{row:?}");
        assert_eq!((row[13], row[26]), (0, 255), "{row:?}");
        assert!((i16::from(row[19]) + i16::from(row[20]) - 255).abs() <= 4, "{row:?}");
        assert!(row[14..26].iter().all(|value| (1..255).contains(value)), "{row:?}");
    }

    #[test]
    fn a_limit_multiplies() {
        let plane = |values: [u8; 3]| Plane { width: 3, height: 1, values: values.into() };
        let mut one = plane([255, 128, 255]);
        one.limit(&plane([255, 255, 0]));
        assert_eq!(one, plane([255, 128, 0]));
    }
}
