//! Picture files to pixels in memory and back, with all that belongs to the picture.
//!
//! [`PictureFile::open`] looks at a file's header ([`Format`], size), `Opened::decode` brings its pixels and
//! its metadata, upright; [`PictureFile::write`] puts both into a file of the same or of another format. What only
//! one format has is in the file of its name; `tags` reads TIFF's directories, `exif` changes them in their place, `xmp` and
//! `photoshop` are what several formats carry. `further` says what becomes of all else that lies in a file, and `foreign` which
//! kinds of pictures are known and not read.

mod bmp;
mod colours;
mod decode;
mod encode;
mod exif;
mod exr;
mod foreign;
mod format;
mod further;
mod jpeg;
mod mask;
mod metadata;
mod orientation;
mod photoshop;
mod png;
mod scan;
mod source;
mod tags;
mod tiff;
mod xmp;
mod ycbcr;

use anyhow::bail;
use derust_engine::pixels::{
    AlphaKind, Channels, Depth, Layout, Meaning, Picture, PictureMut, PixelsError, Transfer,
};

pub use decode::MEMORY_LIMIT;
pub use encode::{Coding, Target};
pub use foreign::Foreign;
pub use format::Format;
use metadata::Metadata;
pub use source::Source;
pub use xmp::Mark;

use crate::free_memory;

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
#[derive(Debug)]
pub struct PictureFile {
    width: u32,
    height: u32,
    pixels: Pixels,
    /// Values in the machine's byte order.
    data: Vec<u8>,
    metadata: Metadata,
    /// What the numbers mean.
    meaning: Meaning,
    /// A byte for every pixel: white for those that count, black for those without data or outside of the region; absent
    /// where nothing but alpha says so.
    valid: Option<Vec<u8>>,
    /// What a person should know about how the file was read.
    notes: Vec<String>,
}

impl PictureFile {
    /// An 8-bit gray picture of this one's size, black, to be written as PNG.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn blank_gray(&self) -> anyhow::Result<Self> {
        Ok(PictureFile {
            width: self.width,
            height: self.height,
            pixels: Pixels::new(1, Depth::U8),
            data: free_memory::zeros(self.width as usize * self.height as usize)?,
            metadata: Metadata { geography: self.metadata.geography(), ..Metadata::default() },
            meaning: Meaning::default(),
            valid: None,
            notes: Vec::new(),
        })
    }

    /// The same once more.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn try_clone(&self) -> anyhow::Result<Self> {
        let data = free_memory::copy(&self.data)?;
        Ok(PictureFile {
            data,
            metadata: self.metadata.clone(),
            meaning: self.meaning.clone(),
            valid: self.valid.clone(),
            notes: self.notes.clone(),
            ..*self
        })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// What was made by a network in the picture, as it says itself; `None` where it says nothing of the kind.
    pub fn treatment(&self) -> Option<String> {
        xmp::treatment(self.metadata.xmp.as_deref()?)
    }

    /// What a person should know about how the file was read; told once.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// What a person should know about how the file was read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Says which stored number is white.
    pub fn set_white_level(&mut self, white: Option<f32>) {
        self.meaning.white_level = white;
    }

    /// Leaves only those pixels that are white in `region`, a mask.
    ///
    /// # Errors
    /// When it has another size.
    pub fn limit_to(&mut self, region: &PictureFile) -> anyhow::Result<()> {
        let (needed, got) = (self.size(), region.size());
        if needed != got {
            return Err(PixelsError::Size { what: "region", got, needed }.into());
        }
        match &mut self.valid {
            Some(valid) => valid.iter_mut().zip(&region.data).for_each(|(valid, inside)| *valid &= *inside),
            None => self.valid = Some(region.data.clone()),
        }
        Ok(())
    }

    /// The pixels, to read.
    ///
    /// # Errors
    /// When the picture is too large for this machine.
    pub fn picture(&self) -> anyhow::Result<Picture<'_>> {
        let picture = Picture::new(&self.data, self.layout()?)?.meaning(&self.meaning);
        match self.valid.as_deref() {
            Some(valid) => Ok(picture.within(&of_bytes(valid, self.size())?)?),
            None => Ok(picture),
        }
    }

    /// The pixels, to write.
    ///
    /// # Errors
    /// When the picture is too large for this machine.
    pub fn picture_mut(&mut self) -> anyhow::Result<PictureMut<'_>> {
        let (layout, size) = (self.layout()?, self.size());
        let picture = PictureMut::new(&mut self.data, layout)?.meaning(&self.meaning);
        match self.valid.as_deref() {
            Some(valid) => Ok(picture.within(&of_bytes(valid, size)?)?),
            None => Ok(picture),
        }
    }

    /// The part of the pixels that count, 0 to 1, that differ from those of `other`, a picture of the same kind.
    pub fn changed_fraction(&self, other: &PictureFile) -> f64 {
        let stride = self.pixels.bytes();
        let (mut counted, mut changed) = (0_u64, 0_u64);
        for (i, (a, b)) in self.data.chunks(stride).zip(other.data.chunks(stride)).enumerate() {
            if self.is_opaque(a) && self.valid.as_ref().is_none_or(|valid| valid[i] >= 128) {
                counted += 1;
                changed += u64::from(a != b);
            }
        }
        changed as f64 / counted.max(1) as f64
    }

    /// Whether a pixel is not wholly transparent.
    fn is_opaque(&self, pixel: &[u8]) -> bool {
        let Pixels { depth, .. } = self.pixels;
        if !self.pixels.has_alpha() {
            return true;
        }
        let alpha = &pixel[pixel.len() - depth.bytes()..];
        match depth {
            Depth::F32 => f32::from_ne_bytes([alpha[0], alpha[1], alpha[2], alpha[3]]) > 0.0,
            _ => alpha.iter().any(|byte| *byte != 0),
        }
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

/// A byte for every pixel as a picture.
fn of_bytes(bytes: &[u8], (width, height): (u32, u32)) -> anyhow::Result<Picture<'_>> {
    Ok(Picture::new(bytes, Layout::packed(width, height, Channels::Gray, Depth::U8))?)
}
