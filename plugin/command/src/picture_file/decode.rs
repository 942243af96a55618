//! From a file to pixels.

use std::fs::{self, File};
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

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
use super::{Format, PictureFile, Pixels, bmp, colours, exif, jpeg, png, tiff};
use crate::stop::Stoppable;

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
    source: Source,
}

/// What the pixels come from.
enum Source {
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
    pub fn open(path: &Path) -> anyhow::Result<Opened> {
        let format = Format::of_file(path)?;
        let unreadable = |error: std::io::Error| anyhow!("it cannot be read: {error}");
        let file = || File::open(path).map(|file| BufReader::new(Stoppable(file))).map_err(unreadable);
        let mut notes = Vec::new();
        let mut metadata = Metadata::default();
        let source = match format {
            Format::Jpeg => {
                let bytes = read_all(path).map_err(unreadable)?;
                let header = jpeg::read(&bytes)?;
                metadata = header.metadata;
                if header.components == 4 {
                    notes.push("its CMYK colours became RGB".into());
                    (metadata.icc, metadata.jpeg) = (None, None);
                }
                Source::Image(Box::new(JpegDecoder::new(Cursor::new(bytes)).map_err(broken)?))
            }
            Format::Png => {
                let header = png::read(&mut file()?)?;
                metadata = header.metadata;
                if header.indexed {
                    notes.push("its indexed colours became RGB".into());
                }
                if header.animated {
                    notes.push("only the first of its pictures was worked on".into());
                }
                let decoder = PngDecoder::with_limits(file()?, beside_pixels()).map_err(broken)?;
                Source::Image(Box::new(decoder))
            }
            Format::WebP => {
                let decoder = WebPDecoder::new(file()?).map_err(broken)?;
                let coding = image_webp::WebPDecoder::new(file()?).map(|mut decoder| decoder.is_lossy());
                if coding.is_ok_and(|lossy| lossy) {
                    metadata.own = Own::LossyWebp;
                }
                if decoder.has_animation() {
                    notes.push("only the first of its pictures was worked on".into());
                }
                Source::Image(Box::new(decoder))
            }
            Format::Bmp => {
                let (indexed, resolution) = bmp::read(&mut file()?).map_err(broken)?;
                metadata.resolution = resolution;
                if indexed {
                    notes.push("its indexed colours became RGB".into());
                }
                Source::Image(Box::new(BmpDecoder::new(file()?).map_err(broken)?))
            }
            Format::Exr => Source::Image(Box::new(OpenExrDecoder::new(file()?).map_err(broken)?)),
            Format::Tiff => {
                let (reader, header) = tiff::open(file()?)?;
                let tiff::Header { size, pixels, metadata, notes } = header;
                return Opened {
                    format,
                    size,
                    pixels,
                    metadata,
                    notes,
                    source: Source::Tiff(Box::new(reader)),
                }
                .checked();
            }
        };
        let Source::Image(mut decoder) = source else { bail!("the picture cannot be decoded") };
        let size = decoder.dimensions();
        let mut pixels = pixels(decoder.color_type())?;
        if format == Format::Exr {
            pixels.transfer = Transfer::Linear;
            notes.push("attributes of the OpenEXR file are not kept".into());
        }
        if let Format::WebP | Format::Png = format {
            metadata.icc = decoder.icc_profile().map_err(broken)?;
            metadata.xmp = decoder.xmp_metadata().map_err(broken)?;
        }
        if format == Format::WebP {
            metadata.exif = decoder.exif_metadata().map_err(broken)?;
        }
        if metadata.resolution.is_none() {
            metadata.resolution = metadata.exif.as_deref().and_then(exif::resolution);
        }
        Opened { format, size, pixels, metadata, notes, source: Source::Image(decoder) }.checked()
    }
}

fn read_all(path: &Path) -> std::io::Result<Vec<u8>> {
    let length = fs::metadata(path)?.len();
    let mut bytes = Vec::with_capacity(length.min(MEMORY_LIMIT) as usize);
    Stoppable(File::open(path)?).take(MEMORY_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
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
        if let Some(available) = available_memory().filter(|available| self.memory() > *available) {
            let gigabytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
            bail!(
                "a picture of {width} x {height} pixels needs {:.1} GB of memory and {:.1} GB are free; close other \
                 programs",
                gigabytes(self.memory()),
                gigabytes(available)
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
        self.bytes().saturating_mul(2).saturating_add(WORKING_MEMORY)
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
    /// When the file is broken or the work is to end.
    pub fn decode(self) -> anyhow::Result<PictureFile> {
        let mut data = vec![0; usize::try_from(self.bytes())?];
        let mut valid = None;
        match self.source {
            Source::Image(mut decoder) => {
                if self.format != Format::Png {
                    decoder.set_limits(limits()).map_err(broken)?;
                }
                decoder.read_image_boxed(&mut data).map_err(broken)?;
            }
            Source::Tiff(reader) => (data, valid) = reader.decode(data)?,
        }
        let mut metadata = self.metadata;
        let orientation = metadata.take_orientation();
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

/// Bytes that programs can still have, where the system says so.
fn available_memory() -> Option<u64> {
    let list = fs::read_to_string("/proc/meminfo").ok()?;
    let line = list.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
