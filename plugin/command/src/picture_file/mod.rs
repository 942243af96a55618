//! Picture files to pixels in memory and back, with all that belongs to the picture.
//!
//! [`PictureFile::open`] looks at a file's header ([`Format`], size), `Opened::decode` brings its pixels and
//! its metadata, upright; [`PictureFile::write`] puts both into a file of the same or of another format. What only
//! one format has is in the file of its name.

mod bmp;
mod decode;
mod encode;
mod exif;
mod format;
mod jpeg;
mod metadata;
mod orientation;
mod png;
mod tags;
mod tiff;
mod ycbcr;

use anyhow::bail;
use derust_engine::pixels::{AlphaKind, Channels, Depth, Layout, Picture, PictureMut, Transfer};

pub use decode::MEMORY_LIMIT;
pub use encode::Coding;
pub use format::Format;
use metadata::Metadata;

/// What the pixels of a picture are; they lie without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pixels {
    /// 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
    channels: usize,
    depth: Depth,
    transfer: Transfer,
    alpha: AlphaKind,
}

impl Pixels {
    /// sRGB-encoded, straight alpha.
    fn new(channels: usize, depth: Depth) -> Self {
        Pixels { channels, depth, transfer: Transfer::Srgb, alpha: AlphaKind::Straight }
    }

    fn bytes(self) -> usize {
        self.channels * self.depth.bytes()
    }

    fn has_alpha(self) -> bool {
        self.channels.is_multiple_of(2)
    }
}

/// A picture out of a file, or on its way into one.
#[derive(Clone, Debug)]
pub struct PictureFile {
    width: u32,
    height: u32,
    pixels: Pixels,
    /// Values in the machine's byte order.
    data: Vec<u8>,
    metadata: Metadata,
    /// What a person should know about how the file was read.
    notes: Vec<String>,
}

impl PictureFile {
    /// An 8-bit gray picture of this one's size, black, to be written as PNG.
    pub fn blank_gray(&self) -> Self {
        PictureFile {
            width: self.width,
            height: self.height,
            pixels: Pixels::new(1, Depth::U8),
            data: vec![0; self.width as usize * self.height as usize],
            metadata: Metadata::default(),
            notes: Vec::new(),
        }
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// What a person should know about how the file was read; told once.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The pixels, to read.
    ///
    /// # Errors
    /// When the picture is too large for this machine.
    pub fn picture(&self) -> anyhow::Result<Picture<'_>> {
        Ok(Picture::new(&self.data, self.layout()?)?)
    }

    /// The pixels, to write.
    ///
    /// # Errors
    /// When the picture is too large for this machine.
    pub fn picture_mut(&mut self) -> anyhow::Result<PictureMut<'_>> {
        let layout = self.layout()?;
        Ok(PictureMut::new(&mut self.data, layout)?)
    }

    /// The part of the pixels, 0 to 1, that differ from those of `other`, a picture of the same kind.
    pub fn changed_fraction(&self, other: &PictureFile) -> f64 {
        let stride = self.pixels.bytes();
        let pixels = self.data.chunks(stride).zip(other.data.chunks(stride));
        let changed = pixels.filter(|(a, b)| a != b).count();
        changed as f64 / (self.data.len() / stride) as f64
    }

    fn layout(&self) -> anyhow::Result<Layout> {
        let channels = match self.pixels.channels {
            // Gray with alpha is gray with a gap between the pixels, so its alpha stays as it is.
            1 | 2 => Channels::Gray,
            3 => Channels::Rgb,
            4 => Channels::Rgba,
            other => bail!("pixels of {other} channels cannot be worked on"),
        };
        let pixel_stride = self.pixels.bytes();
        let row_stride = isize::try_from(self.width as usize * pixel_stride)?;
        let packed = Layout::packed(self.width, self.height, channels, self.pixels.depth);
        let (transfer, alpha) = (self.pixels.transfer, self.pixels.alpha);
        Ok(Layout { pixel_stride, row_stride, transfer, alpha, ..packed })
    }
}
