//! A photo of 24 megapixels with rust in it.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use derust_test_support::checkout;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::imageops;
use image::{ImageEncoder, RgbaImage};

/// Width and height in pixels.
pub const SIZE: (u32, u32) = (6000, 4000);

/// The rendered sample, enlarged, with grain and an alpha.
pub fn make() -> RgbaImage {
    let sample = checkout().join("tests/samples/rusty-panel.jpg");
    let sample = image::open(&sample).unwrap_or_else(|error| panic!("{}: {error}", sample.display()));
    let mut photo = imageops::resize(&sample.into_rgba8(), SIZE.0, SIZE.1, imageops::FilterType::Triangle);
    for (x, y, pixel) in photo.enumerate_pixels_mut() {
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)) >> 29;
        pixel.0[..3].iter_mut().for_each(|value| *value = value.saturating_add(grain as u8));
        pixel.0[3] = (255 - x * 100 / SIZE.0) as u8;
    }
    photo
}

/// Writes a PNG file.
pub fn write(photo: &RgbaImage, path: &Path) {
    let file = BufWriter::new(File::create(path).expect("a file for the photo"));
    PngEncoder::new_with_quality(file, CompressionType::Fast, FilterType::Sub)
        .write_image(photo.as_raw(), SIZE.0, SIZE.1, image::ExtendedColorType::Rgba8)
        .expect("the photo as a file");
}
