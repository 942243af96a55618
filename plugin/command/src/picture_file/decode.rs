//! From a file to pixels.

use std::io::Cursor;

use anyhow::{anyhow, bail};
use derust_engine::pixels::{Depth, Meaning, Transfer};
use image::codecs::bmp::BmpDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::openexr::OpenExrDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder, Limits};

use super::metadata::{Metadata, Own};
use super::orientation::Orientation;
use super::{Format, PictureFile, Pixels, Source, bmp, colours, exif, exr, jpeg, png, tiff};
use crate::free_memory;

/// The most bytes that a picture may need in memory; a header that promises more is refused.
pub const MEMORY_LIMIT: u64 = 4 << 30;

/// The most pixels along a side.
const SIDE_LIMIT: u32 = 1 << 20;

/// What working on a picture needs beside the pixels of the picture and of the result.
const WORKING_MEMORY: u64 = 256 << 20;

/// A file whose header was looked at.
pub struct Opened {
    format: Format,
    size: (u32, u32),
    pixels: Pixels,
    metadata: Metadata,
    notes: Vec<String>,
    /// Bytes that decoding needs beside the pixels.
    beside: u64,
    coded: Coded,
}

/// What the pixels come from.
enum Coded {
    Image(Box<dyn ImageDecoder>),
    Tiff(Box<tiff::Reader>),
}

fn broken(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the picture cannot be decoded: {error}")
}

impl PictureFile {
    /// Looks at a file's header, whatever its name ends in.
    ///
    /// # Errors
    /// When it cannot be read, is no picture, or promises more than fits into memory.
    pub fn open(from: &Source) -> anyhow::Result<Opened> {
        let format = from.format()?;
        let unreadable = |error: std::io::Error| anyhow!("it cannot be read: {error}");
        let file = || from.open().map_err(unreadable);
        let mut notes = Vec::new();
        let mut metadata = Metadata::default();
        let mut beside = 0;
        let decoder = match format {
            Format::Jpeg => {
                let mut bytes = from.read_all()?;
                let header = jpeg::read(&bytes)?;
                if header.endless {
                    bytes.extend(jpeg::END);
                    notes.push("the last bytes of its file are missing, and none of its pixels".into());
                }
                beside = bytes.len() as u64;
                metadata = header.metadata;
                if header.components == 4 {
                    notes.push("its CMYK colours became RGB".into());
                    (metadata.icc, metadata.jpeg) = (None, None);
                }
                Coded::Image(Box::new(JpegDecoder::new(Cursor::new(bytes)).map_err(broken)?))
            }
            Format::Png => {
                let header = png::read(&mut file()?)?;
                metadata = header.metadata;
                if header.indexed {
                    notes.push("its indexed colours became RGB".into());
                }
                if metadata.further.frames.is_some() {
                    notes.push("only the first of its pictures was worked on".into());
                }
                let decoder = PngDecoder::with_limits(file()?, beside_pixels()).map_err(broken)?;
                Coded::Image(Box::new(decoder))
            }
            Format::WebP => {
                let decoder = WebPDecoder::new(file()?).map_err(broken)?;
                let coding = image_webp::WebPDecoder::new(file()?).map(|mut decoder| decoder.is_lossy());
                if coding.is_ok_and(|lossy| lossy) {
                    metadata.own = Own::LossyWebp;
                }
                if decoder.has_animation() {
                    notes.push("only the first of its pictures was worked on".into());
                    metadata.further.dropped.push("its further frames".into());
                }
                Coded::Image(Box::new(decoder))
            }
            Format::Bmp => {
                let (indexed, resolution) = bmp::read(&mut file()?).map_err(broken)?;
                metadata.resolution = resolution;
                if indexed {
                    notes.push("its indexed colours became RGB".into());
                }
                Coded::Image(Box::new(BmpDecoder::new(file()?).map_err(broken)?))
            }
            Format::Exr => {
                let decoder = OpenExrDecoder::new(file()?).map_err(broken)?;
                metadata.further.exr = Some(exr::open(from)?.into());
                Coded::Image(Box::new(decoder))
            }
            Format::Tiff => {
                let (reader, header) = tiff::open(from)?;
                let tiff::Header { size, pixels, mut metadata, notes, beside } = header;
                metadata.keep_true();
                return Opened {
                    format,
                    size,
                    pixels,
                    metadata,
                    notes,
                    beside,
                    coded: Coded::Tiff(Box::new(reader)),
                }
                .checked();
            }
        };
        let Coded::Image(mut decoder) = decoder else { bail!("the picture cannot be decoded") };
        let size = decoder.dimensions();
        let mut pixels = pixels(decoder.color_type())?;
        if format == Format::Exr {
            pixels.transfer = Transfer::Linear;
        }
        if let Format::WebP | Format::Png = format {
            metadata.icc = decoder.icc_profile().map_err(broken)?;
            metadata.xmp = decoder.xmp_metadata().map_err(broken)?;
        }
        if format == Format::WebP {
            metadata.exif = decoder.exif_metadata().map_err(broken)?;
        }
        metadata.keep_true();
        if metadata.resolution.is_none() {
            metadata.resolution = metadata.exif.as_deref().and_then(exif::resolution);
        }
        if format == Format::Jpeg {
            // Progressive files are decoded from the frequencies of the whole picture.
            beside += 2 * u64::from(size.0) * u64::from(size.1) * pixels.channels as u64;
        }
        Opened { format, size, pixels, metadata, notes, beside, coded: Coded::Image(decoder) }.checked()
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_LIMIT);
    limits.max_image_height = Some(SIDE_LIMIT);
    limits.max_alloc = Some(MEMORY_LIMIT);
    limits
}

/// What a PNG decoder may set aside beside the pixels: packed profiles and texts are favourites of bomb makers.
fn beside_pixels() -> Limits {
    let mut limits = limits();
    limits.max_alloc = Some(64 << 20);
    limits
}

fn pixels(colour: ColorType) -> anyhow::Result<Pixels> {
    let depth = match colour {
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => Depth::U8,
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => Depth::U16,
        ColorType::Rgb32F | ColorType::Rgba32F => Depth::F32,
        other => bail!("pixels of the kind {other:?} cannot be worked on"),
    };
    Ok(Pixels::new(usize::from(colour.channel_count()), depth))
}

impl Opened {
    /// Refuses what does not fit into memory, before anything is set aside for it.
    fn checked(self) -> anyhow::Result<Self> {
        let (width, height) = self.size;
        if width == 0 || height == 0 {
            bail!("a picture of {width} x {height} pixels has nothing in it");
        }
        if self.bytes() > MEMORY_LIMIT || width.max(height) > SIDE_LIMIT {
            bail!(
                "a picture of {width} x {height} pixels is too large; {} GB of memory are the limit",
                MEMORY_LIMIT >> 30
            );
        }
        Ok(self)
    }

    /// Bytes of the decoded pixels.
    fn bytes(&self) -> u64 {
        u64::from(self.size.0)
            .saturating_mul(u64::from(self.size.1))
            .saturating_mul(self.pixels.bytes() as u64)
    }

    /// Bytes of memory that working on the picture needs, about.
    pub fn memory(&self) -> u64 {
        self.bytes().saturating_mul(2).saturating_add(self.beside).saturating_add(WORKING_MEMORY)
    }

    /// Refuses what the memory that is free now does not suffice for.
    fn check_memory(&self) -> anyhow::Result<()> {
        let gigabytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let (width, height) = self.size;
        for (needed, free) in [
            (self.memory(), free_memory::available()),
            // What is asked for beyond the pixels and not given is an error then.
            (self.bytes().saturating_add(self.beside), free_memory::address_space()),
        ] {
            if let Some(free) = free.filter(|free| needed > *free) {
                bail!(
                    "a picture of {width} x {height} pixels needs {:.1} GB of memory and {:.1} GB are free; close other \
                     programs, or raise the limit that this one runs under",
                    gigabytes(needed),
                    gigabytes(free)
                );
            }
        }
        Ok(())
    }

    /// The file's format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Width and height in pixels as stored.
    pub(super) fn stored_size(&self) -> (u32, u32) {
        self.size
    }

    /// How the stored pixels are to be turned.
    pub(super) fn orientation(&self) -> Orientation {
        self.metadata.clone().take_orientation()
    }

    /// The picture, upright.
    ///
    /// # Errors
    /// When the file is broken, there is too little memory, or the work is to end.
    pub fn decode(self) -> anyhow::Result<PictureFile> {
        self.check_memory()?;
        let mut data = free_memory::zeros(usize::try_from(self.bytes())?)?;
        let (mut valid, mut bands) = (None, None);
        match self.coded {
            Coded::Image(mut decoder) => {
                if self.format != Format::Png {
                    decoder.set_limits(limits()).map_err(broken)?;
                }
                decoder.read_image_boxed(&mut data).map_err(broken)?;
            }
            Coded::Tiff(reader) => {
                let decoded = reader.decode(data)?;
                (data, valid, bands) = (decoded.data, decoded.valid, decoded.bands);
            }
        }
        let mut metadata = self.metadata;
        let orientation = metadata.take_orientation();
        let turned = |bands: tiff::Bands| bands.turned(orientation, self.size, self.pixels.depth).into();
        metadata.further.bands = bands.map(turned);
        if orientation != Orientation::UPRIGHT && metadata.further.frames.take().is_some() {
            metadata.further.dropped.push("its further frames".into());
        }
        let valid = valid.map(|valid| orientation.apply(self.size, 1, valid).1);
        let ((width, height), data) = orientation.apply(self.size, self.pixels.bytes(), data);
        let (pixels, mut notes) = (self.pixels, self.notes);
        let profile = colours::profile(&metadata, pixels.channels < 3).unwrap_or_else(|problem| {
            notes.push(format!("{problem}; its colours were taken for sRGB"));
            None
        });
        let meaning = Meaning { white_level: None, profile };
        let mut file = PictureFile { width, height, pixels, data, metadata, meaning, valid, notes };
        if pixels.channels == 2 {
            // The engine knows gray without alpha only.
            let opaque = |pixel| if file.is_opaque(pixel) { 255 } else { 0 };
            let opaque: Vec<u8> = file.data.chunks_exact(pixels.bytes()).map(opaque).collect();
            file.valid = Some(opaque).filter(|opaque| opaque.contains(&0));
        }
        Ok(file)
    }
}
