//! Rendered pictures of rusty metal, of which it is known where the rust is.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::Context;
use image::imageops::{FilterType, resize};
use image::{DynamicImage, GrayImage, ImageDecoder, ImageReader, RgbImage};
use ndarray::Array3;

const RUSTY: &[u8] = include_bytes!("../../../../tests/samples/rusty-panel.jpg");
const MASK: &[u8] = include_bytes!("../../../../tests/samples/rusty-panel-mask.png");

/// A picture, and where rust is in it, where that is known.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) picture: RgbImage,
    /// White where rust is.
    pub(super) mask: Option<GrayImage>,
}

/// The rendered panel.
pub(super) fn panel() -> &'static Sample {
    static PANEL: OnceLock<Sample> = OnceLock::new();
    PANEL.get_or_init(|| {
        let read = |bytes| image::load_from_memory(bytes).expect("the sample is part of this program");
        Sample { picture: read(RUSTY).into_rgb8(), mask: Some(read(MASK).into_luma8()) }
    })
}

/// A photo of the user's, upright, no larger than a network is shown at once.
///
/// # Errors
/// When it cannot be read.
pub(super) fn photo(path: &Path) -> anyhow::Result<Sample> {
    const LARGEST: u32 = 1600;
    let unreadable = || format!("cannot read {}", path.display());
    let mut decoder = ImageReader::open(path)
        .with_context(unreadable)?
        .with_guessed_format()
        .with_context(unreadable)?
        .into_decoder()
        .with_context(unreadable)?;
    let orientation = decoder.orientation().with_context(unreadable)?;
    let mut picture = DynamicImage::from_decoder(decoder).with_context(unreadable)?;
    picture.apply_orientation(orientation);
    if picture.width().max(picture.height()) > LARGEST {
        picture = picture.resize(LARGEST, LARGEST, FilterType::Triangle);
    }
    Ok(Sample { picture: picture.into_rgb8(), mask: None })
}

/// The panel, [3, height, width], 0 to 1, and its mask, [1, height, width], 0 or 1.
pub(super) fn resized(width: u32, height: u32) -> (Array3<f32>, Array3<f32>) {
    let Sample { picture, mask } = panel();
    let picture = resize(picture, width, height, FilterType::Triangle);
    let mask = resize(mask.as_ref().expect("the panel has one"), width, height, FilterType::Nearest);
    let size = (height as usize, width as usize);
    let colour = |(c, y, x): (usize, usize, usize)| f32::from(picture[(x as u32, y as u32)][c]) / 255.0;
    let rusty = |(_, y, x): (usize, usize, usize)| f32::from(u8::from(mask[(x as u32, y as u32)][0] > 127));
    (Array3::from_shape_fn((3, size.0, size.1), colour), Array3::from_shape_fn((1, size.0, size.1), rusty))
}
