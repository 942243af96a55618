//! Picture files: checked before they are decoded, and turned as the camera says.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use super::report::{Reason, Size};

/// Pixels of the largest picture that is decoded.
const LARGEST: u64 = 100_000_000;

/// A decoded picture.
pub struct Picture {
    /// The pixels, upright.
    pub pixels: DynamicImage,
    /// Width and height as stored, before the camera's orientation was applied.
    pub stored: Size,
    /// What was done to make it upright.
    pub orientation: Orientation,
}

impl Picture {
    /// Reads a PNG or JPEG file.
    ///
    /// # Errors
    /// When it cannot be read, is of another kind, has too many pixels, or is broken or cut off.
    pub fn open(path: &Path) -> Result<Self, Reason> {
        let bytes = std::fs::read(path).map_err(|error| Reason::Corrupt(error.to_string()))?;
        Self::decode(&bytes)
    }

    /// The same from a file's content.
    ///
    /// # Errors
    /// As [`Picture::open`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        let corrupt = |error: image::ImageError| Reason::Corrupt(error.to_string());
        let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
        let reader = reader.map_err(|error| Reason::Corrupt(error.to_string()))?;
        let format = reader.format().filter(|format| matches!(format, ImageFormat::Png | ImageFormat::Jpeg));
        let format = format.ok_or(Reason::NoPictureFile)?;
        let mut decoder = reader.into_decoder().map_err(corrupt)?;
        let stored = decoder.dimensions();
        if u64::from(stored.0) * u64::from(stored.1) > LARGEST {
            return Err(Reason::TooLarge(stored));
        }
        // Decoders fill what is missing at the end of a JPEG file with grey.
        if format == ImageFormat::Jpeg && !is_complete_jpeg(bytes) {
            return Err(Reason::Corrupt("the JPEG file is cut off".into()));
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut pixels = DynamicImage::from_decoder(decoder).map_err(corrupt)?;
        pixels.apply_orientation(orientation);
        Ok(Picture { pixels, stored, orientation })
    }

    /// Width and height of the upright picture.
    pub fn size(&self) -> Size {
        (self.pixels.width(), self.pixels.height())
    }

    /// The colours, eight bits each.
    pub fn into_rgb(self) -> RgbImage {
        self.pixels.into_rgb8()
    }

    /// Turns labels that were drawn on the picture as stored, so that they lie on the upright one.
    pub fn upright(&self, labels: GrayImage) -> Result<GrayImage, Reason> {
        if labels.dimensions() == self.size() {
            return Ok(labels);
        }
        if labels.dimensions() == self.stored {
            let mut labels = DynamicImage::ImageLuma8(labels);
            labels.apply_orientation(self.orientation);
            return Ok(labels.into_luma8());
        }
        let size = labels.dimensions();
        Err(Reason::SizeDiffers { picture: self.size(), other: "its labels", size })
    }
}

/// Whether a JPEG file goes on to its end-of-image marker (ITU-T T.81, B.1.1). Segments are skipped by their length, as
/// a preview inside of one has a marker of its own.
fn is_complete_jpeg(bytes: &[u8]) -> bool {
    const START: u8 = 0xd8;
    const END: u8 = 0xd9;
    const SCAN: u8 = 0xda;
    let mut at = 0;
    loop {
        // To the next marker: entropy-coded data escapes 0xff by a 0 after it, and restart markers belong to it.
        while !(bytes.get(at) == Some(&0xff) && bytes.get(at + 1).is_some_and(|b| !matches!(b, 0 | 0xff))) {
            if at >= bytes.len() {
                return false;
            }
            at += 1;
        }
        let marker = bytes[at + 1];
        at += 2;
        match marker {
            END => return true,
            START | 0x01 | 0xd0..=0xd7 => {}
            _ => {
                let Some(&[high, low]) = bytes.get(at..at + 2) else { return false };
                at += usize::from(u16::from_be_bytes([high, low])).max(2);
                debug_assert!(marker != SCAN || at <= bytes.len() + usize::from(u16::MAX));
            }
        }
    }
}
