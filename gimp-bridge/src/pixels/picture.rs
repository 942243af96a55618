//! A picture in memory.

use std::alloc::alloc_zeroed;

use derust_client::{Image, ImageMut, Layout, Transfer};

use super::{Depth, Format};
use crate::text::{Problem, tr};

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
