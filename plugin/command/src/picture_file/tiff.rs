//! TIFF files (TIFF 6.0): many kinds of pixels, and tags, which are EXIF's too.

use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom, Write};

use ::tiff::ColorType;
use ::tiff::decoder::{Decoder, Limits};
use ::tiff::encoder::colortype::{self, ColorType as Written};
use ::tiff::encoder::{Compression, DeflateLevel, Rational, TiffEncoder, TiffValue};
use ::tiff::tags::{CompressionMethod, ExtraSamples, IfdPointer, Predictor, Tag};
use anyhow::{anyhow, bail};
use derust_engine::pixels::{AlphaKind, Depth};

use super::Pixels;
use super::decode::MEMORY_LIMIT;
use super::exif;
use super::metadata::{Metadata, Own, Resolution, Unit};
use super::source;
use super::tags::{Directory, Tags};
use super::ycbcr::{Blocks, YCbCr};

const XMP: Tag = Tag::Unknown(700);

/// The tag that says what values mean, and two of its values.
const PHOTOMETRIC: u16 = 262;
const GRAY: u32 = 1;
const PALETTE: u64 = 3;

/// Compression by JPEG.
pub const JPEG: u16 = 7;

/// What a directory is: a mask of the picture before it has this bit.
const SUBFILE: u16 = 254;
const IS_MASK: u64 = 4;
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
/// Directories after the first in which a mask is looked for.
const DIRECTORIES: usize = 32;

/// A mask as its file has it: for every pixel the number of a colour, and the colours.
pub struct Indexed {
    pub numbers: Vec<u8>,
    pub colours: Vec<[u8; 3]>,
}

/// What a file says of its first picture.
#[derive(Debug)]
pub struct Header {
    /// Width and height in pixels, as stored.
    pub size: (u32, u32),
    /// What the decoded pixels are.
    pub pixels: Pixels,
    /// What belongs to the picture.
    pub metadata: Metadata,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// How pixels are stored that are decoded as something else.
enum Conversion {
    None,
    Cmyk,
    /// Numbers of colours; the colours are red, green, blue, 16 bits each.
    Palette(Vec<[u16; 3]>),
    /// One bit each.
    Bilevel,
    /// Brightness and two differences of colour.
    YCbCr(YCbCr),
}

/// A file whose pixels are still to be decoded.
pub struct Reader {
    decoder: Decoder<Patched<source::Reader>>,
    conversion: Conversion,
    size: (u32, u32),
    depth: Depth,
    /// The number of the directory that holds a mask of what counts.
    mask: Option<usize>,
    /// The value of pixels without data.
    no_data: Option<f64>,
}

/// A file in which some bytes read as others.
struct Patched<F> {
    file: F,
    /// Where they are, and what they read as.
    patches: Vec<(u64, Vec<u8>)>,
    /// Where the file is read from next.
    at: u64,
}

impl<F: Read> Read for Patched<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        for (place, bytes) in &self.patches {
            for (place, byte) in (*place..).zip(bytes) {
                if let Some(index) = place.checked_sub(self.at).filter(|index| *index < count as u64) {
                    buffer[index as usize] = *byte;
                }
            }
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl<F: Seek> Seek for Patched<F> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(position)?;
        Ok(self.at)
    }
}

fn broken(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the picture cannot be decoded: {error}")
}

/// Looks at the first picture of a file.
///
/// # Errors
/// When the file is broken or its pixels are of a kind that nobody expects in a photograph.
pub fn open(mut file: source::Reader) -> anyhow::Result<(Reader, Header)> {
    let tags = Tags::read(&mut file);
    let directory = Directory::read(&mut file);
    let mask = directory.as_ref().and_then(|directory| find_mask(directory, &mut file));
    file.rewind()?;
    let photometric = directory.as_ref().and_then(|directory| directory.numbers(PHOTOMETRIC));
    let indexed = photometric.is_some_and(|values| values.first() == Some(&PALETTE));
    let blocks = directory.as_ref().map_or(Ok(None), Blocks::of)?;
    // The decoder has no palettes; told that numbers are grays, it reads the numbers. It has no pixels that share colours
    // either, and reads their blocks as grays in the same way.
    let mut patches: Vec<(u64, Vec<u8>)> = match (&directory, &blocks) {
        (Some(directory), _) if indexed => directory.replaced(PHOTOMETRIC, GRAY).into_iter().collect(),
        (Some(directory), Some(blocks)) => blocks.as_grays(directory),
        _ => Vec::new(),
    };
    // Nor has it masks.
    patches.extend(mask.as_ref().and_then(|(_, mask)| mask.replaced(PHOTOMETRIC, GRAY)));
    let mask = mask.map(|(number, _)| number);
    let file = Patched { file, patches, at: 0 };
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MEMORY_LIMIT as usize;
    limits.intermediate_buffer_size = MEMORY_LIMIT as usize;
    limits.ifd_value_size = 64 << 20;
    let mut decoder = Decoder::new(file).map_err(broken)?.with_limits(limits);
    let size = match &blocks {
        Some(blocks) => blocks.size,
        None => decoder.dimensions().map_err(broken)?,
    };
    let colour = decoder.colortype().map_err(broken)?;
    let float = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).map_err(broken)?;
    let float = match float.as_deref().and_then(<[u16]>::first) {
        None | Some(1 | 4) => false,
        Some(3) => true,
        Some(_) => bail!("TIFF pixels with signed or complex values cannot be worked on"),
    };
    let mut notes = Vec::new();
    let mut conversion = Conversion::None;
    let (channels, bits) = match colour {
        ColorType::Gray(8) if indexed => {
            let colours = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(broken)?;
            let third = colours.len() / 3;
            let colour = |i: usize| [0, 1, 2].map(|c| colours[c * third + i]);
            conversion = Conversion::Palette((0..third).map(colour).collect());
            notes.push("its indexed colours became RGB".into());
            (3, 8)
        }
        ColorType::Gray(_) if indexed => bail!("a TIFF palette of other than 8 bits cannot be worked on"),
        ColorType::Gray(8) if blocks.is_some() => {
            conversion = Conversion::YCbCr(YCbCr::of(&mut decoder, blocks));
            (3, 8)
        }
        ColorType::Gray(1) => {
            conversion = Conversion::Bilevel;
            (1, 8)
        }
        ColorType::Gray(bits) => (1, bits),
        ColorType::GrayA(bits) => (2, bits),
        ColorType::RGB(bits) => (3, bits),
        ColorType::RGBA(bits) => (4, bits),
        ColorType::YCbCr(8) => {
            conversion = Conversion::YCbCr(YCbCr::of(&mut decoder, None));
            (3, 8)
        }
        ColorType::CMYK(bits @ (8 | 16)) => {
            conversion = Conversion::Cmyk;
            notes.push("its CMYK colours became RGB".into());
            (3, bits)
        }
        other => bail!("TIFF pixels of the kind {other:?} cannot be worked on"),
    };
    let depth = match (bits, float) {
        (8, false) => Depth::U8,
        (16, false) => Depth::U16,
        (32, true) => Depth::F32,
        _ => bail!("TIFF pixels of {bits} bits cannot be worked on; 8, 16 and 32-bit float can"),
    };
    let mut pixels = Pixels::new(channels, depth);
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(broken)?;
    if pixels.has_alpha() && extra.as_deref().and_then(<[u16]>::first) == Some(&1) {
        pixels.alpha = AlphaKind::Premultiplied;
    }
    let no_data = decoder.find_tag(Tag::GdalNodata).ok().flatten().and_then(|value| value.into_string().ok());
    let no_data = no_data.and_then(|text| text.trim_matches(['\0', ' ']).parse::<f64>().ok());
    match (decoder.more_images(), mask) {
        (true, Some(1)) => notes.push("its mask was heeded and is not written again".into()),
        (true, _) => notes.push("only the first of its pictures was worked on".into()),
        _ => {}
    }
    let bytes = |decoder: &mut Decoder<_>, tag| {
        decoder.find_tag(tag).ok().flatten().and_then(|value| value.into_u8_vec().ok())
    };
    let mut metadata = Metadata { xmp: bytes(&mut decoder, XMP), ..Metadata::default() };
    if !matches!(conversion, Conversion::Cmyk) {
        metadata.icc = bytes(&mut decoder, Tag::IccProfile);
    }
    let number = |decoder: &mut Decoder<_>, tag| decoder.find_tag_unsigned::<u16>(tag).ok().flatten();
    let compression = number(&mut decoder, Tag::Compression).unwrap_or(1);
    let predicted = number(&mut decoder, Tag::Predictor) == Some(Predictor::Horizontal.to_u16());
    metadata.own = Own::Tiff { compression, predicted };
    metadata.exif = tags.and_then(|tags| tags.to_exif().ok());
    metadata.resolution = metadata.exif.as_deref().and_then(exif::resolution);
    let reader = Reader { decoder, conversion, size, depth, mask, no_data };
    Ok((reader, Header { size, pixels, metadata, notes }))
}

/// The first mask of the picture after it: the number of its directory, and what is in it.
fn find_mask(first: &Directory, file: &mut (impl Read + Seek)) -> Option<(usize, Directory)> {
    let size = |directory: &Directory| Some([directory.numbers(WIDTH)?, directory.numbers(HEIGHT)?]);
    let mut next = first.next(file);
    for number in 1..=DIRECTORIES {
        let directory = next?;
        let kind = directory.numbers(SUBFILE).and_then(|kinds| kinds.first().copied()).unwrap_or_default();
        // Overviews have masks too.
        if kind & IS_MASK != 0 && size(&directory) == size(first) {
            return Some((number, directory));
        }
        next = directory.next(file);
    }
    None
}

impl Reader {
    /// Decodes the pixels into `data`, which has room for them. With them comes a byte for every pixel, black for those
    /// without data, where the file tells them apart.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn decode(mut self, data: Vec<u8>) -> anyhow::Result<(Vec<u8>, Option<Vec<u8>>)> {
        let data = self.decode_pixels(data)?;
        let mut valid = self.with_data(&data);
        if let Some(number) = self.mask {
            self.decoder.seek_to_image(number).map_err(broken)?;
            let (width, height) = (self.size.0 as usize, self.size.1 as usize);
            let mask = match self.decoder.colortype().map_err(broken)? {
                ColorType::Gray(1) => self.bits()?,
                ColorType::Gray(8) => {
                    let mut mask = vec![0; width * height];
                    self.decoder.read_image_bytes(&mut mask).map_err(broken)?;
                    mask.iter_mut().for_each(|value| *value = if *value == 0 { 0 } else { 255 });
                    mask
                }
                other => bail!("a TIFF mask of the kind {other:?} cannot be heeded"),
            };
            match &mut valid {
                Some(valid) => valid.iter_mut().zip(mask).for_each(|(valid, mask)| *valid &= mask),
                None => valid = Some(mask),
            }
        }
        Ok((data, valid.filter(|valid| valid.contains(&0))))
    }

    /// The numbers of colours, and the colours, where pixels are such.
    ///
    /// # Errors
    /// When the file is broken.
    pub fn decode_numbers(mut self) -> anyhow::Result<Option<Indexed>> {
        let Conversion::Palette(colours) = &self.conversion else { return Ok(None) };
        let colours = colours.iter().map(|colour| colour.map(|wide| (wide >> 8) as u8)).collect();
        let mut numbers = vec![0; self.size.0 as usize * self.size.1 as usize];
        self.decoder.read_image_bytes(&mut numbers).map_err(broken)?;
        Ok(Some(Indexed { numbers, colours }))
    }

    /// A byte for every pixel, black for those all of whose colours have the value that stands for no data.
    fn with_data(&self, data: &[u8]) -> Option<Vec<u8>> {
        let no_data = self.no_data.filter(|_| matches!(self.conversion, Conversion::None))?;
        let pixels = self.size.0 as usize * self.size.1 as usize;
        let channels = data.len() / (pixels * self.depth.bytes());
        let colours = if channels < 3 { 1 } else { 3 };
        let is_none = |value: &[u8]| match self.depth {
            Depth::U8 => f64::from(value[0]) == no_data,
            Depth::U16 => f64::from(u16::from_ne_bytes([value[0], value[1]])) == no_data,
            Depth::F32 => {
                let value = f32::from_ne_bytes([value[0], value[1], value[2], value[3]]);
                value == no_data as f32 || value.is_nan() && no_data.is_nan()
            }
        };
        let has_data = |pixel: &[u8]| {
            let values = pixel.chunks_exact(self.depth.bytes()).take(colours);
            if values.into_iter().all(is_none) { 0 } else { 255 }
        };
        Some(data.chunks_exact(channels * self.depth.bytes()).map(has_data).collect())
    }

    /// Pixels of one bit each as bytes, black and white.
    fn bits(&mut self) -> anyhow::Result<Vec<u8>> {
        let width = self.size.0 as usize;
        let row = width.div_ceil(8);
        let mut bits = vec![0; row * self.size.1 as usize];
        self.decoder.read_image_bytes(&mut bits).map_err(broken)?;
        let pixel = |bits: &[u8], x: usize| if bits[x / 8] & (0x80 >> (x % 8)) == 0 { 0 } else { 255 };
        Ok(bits.chunks_exact(row).flat_map(|bits| (0..width).map(move |x| pixel(bits, x))).collect())
    }

    fn decode_pixels(&mut self, mut data: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        let pixels = self.size.0 as usize * self.size.1 as usize;
        let channels = data.len() / (pixels * self.depth.bytes());
        match std::mem::replace(&mut self.conversion, Conversion::None) {
            Conversion::None => self.read(&mut data, channels)?,
            Conversion::YCbCr(ycbcr) => match ycbcr.blocks() {
                None => {
                    self.read(&mut data, channels)?;
                    data.chunks_exact_mut(3).for_each(|pixel| ycbcr.to_rgb(pixel));
                }
                Some(blocks) => {
                    let mut stored = vec![0; blocks.bytes()];
                    self.decoder.read_image_bytes(&mut stored).map_err(broken)?;
                    blocks.spread(&stored, &mut data);
                    data.chunks_exact_mut(3).for_each(|pixel| ycbcr.to_rgb(pixel));
                }
            },
            Conversion::Palette(colours) => {
                let mut numbers = vec![0; pixels];
                self.decoder.read_image_bytes(&mut numbers).map_err(broken)?;
                for (pixel, number) in data.chunks_exact_mut(3).zip(numbers) {
                    let colour = colours.get(usize::from(number)).copied().unwrap_or_default();
                    pixel.iter_mut().zip(colour).for_each(|(value, wide)| *value = (wide >> 8) as u8);
                }
            }
            Conversion::Bilevel => data = self.bits()?,
            Conversion::Cmyk => {
                let value = self.depth.bytes();
                let mut inks = vec![0; pixels * 4 * value];
                self.read(&mut inks, 4)?;
                for (rgb, cmyk) in data.chunks_exact_mut(3 * value).zip(inks.chunks_exact(4 * value)) {
                    let ink = |i: usize| match self.depth {
                        Depth::U8 => u32::from(cmyk[i]) * 257,
                        _ => u32::from(u16::from_ne_bytes([cmyk[2 * i], cmyk[2 * i + 1]])),
                    };
                    for c in 0..3 {
                        // Without a profile: what neither the ink nor black takes away.
                        let light = ((65_535 - ink(c)) * (65_535 - ink(3)) + 32_767) / 65_535;
                        match self.depth {
                            Depth::U8 => rgb[c] = ((light + 128) / 257) as u8,
                            _ => rgb[2 * c..2 * c + 2].copy_from_slice(&(light as u16).to_ne_bytes()),
                        }
                    }
                }
            }
        }
        Ok(data)
    }

    /// Reads the stored channels of every pixel, one pixel after another, however they lie in the file.
    fn read(&mut self, data: &mut [u8], channels: usize) -> anyhow::Result<()> {
        let planes = self.decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).map_err(broken)?;
        if planes != Some(2) || channels == 1 {
            return self.decoder.read_image_bytes(data).map_err(broken);
        }
        let mut planes = vec![0; data.len()];
        self.decoder.read_image_bytes(&mut planes).map_err(broken)?;
        let value = self.depth.bytes();
        for (c, plane) in planes.chunks_exact(data.len() / channels).enumerate() {
            let places = data.chunks_exact_mut(value).skip(c).step_by(channels);
            places.zip(plane.chunks_exact(value)).for_each(|(to, from)| to.copy_from_slice(from));
        }
        Ok(())
    }
}

/// Writes a whole file, compressed as the one that the picture comes from. Answers with notes.
///
/// # Errors
/// When it cannot be written.
pub fn write(
    writer: impl Write + Seek,
    size: (u32, u32),
    pixels: Pixels,
    data: &[u8],
    metadata: &Metadata,
) -> anyhow::Result<Vec<String>> {
    let gray = pixels.channels < 3;
    match pixels.depth {
        Depth::U8 if gray => encode::<colortype::Gray8>(writer, size, pixels, data, metadata),
        Depth::U8 => encode::<colortype::RGB8>(writer, size, pixels, data, metadata),
        Depth::U16 if gray => encode::<colortype::Gray16>(writer, size, pixels, data, metadata),
        Depth::U16 => encode::<colortype::RGB16>(writer, size, pixels, data, metadata),
        Depth::F32 if gray => encode::<colortype::Gray32Float>(writer, size, pixels, data, metadata),
        Depth::F32 => encode::<colortype::RGB32Float>(writer, size, pixels, data, metadata),
    }
}

fn encode<C: Written>(
    writer: impl Write + Seek,
    (width, height): (u32, u32),
    pixels: Pixels,
    data: &[u8],
    metadata: &Metadata,
) -> anyhow::Result<Vec<String>>
where
    C::Inner: bytemuck::Pod,
    [C::Inner]: TiffValue,
{
    let (compression, predicted) = match metadata.own {
        Own::Tiff { compression, predicted } => (compression, predicted),
        _ => (CompressionMethod::LZW.to_u16(), true),
    };
    let compression = match CompressionMethod::from_u16_exhaustive(compression) {
        CompressionMethod::None => Compression::Uncompressed,
        CompressionMethod::Deflate | CompressionMethod::OldDeflate => {
            Compression::Deflate(DeflateLevel::Balanced)
        }
        CompressionMethod::PackBits => Compression::Packbits,
        _ => Compression::Lzw,
    };
    // The encoder's prediction knows neither alpha nor float.
    let can_predict = matches!(compression, Compression::Lzw | Compression::Deflate(_))
        && !pixels.has_alpha()
        && pixels.depth != Depth::F32;
    let predictor = if predicted && can_predict { Predictor::Horizontal } else { Predictor::None };
    let mut tiff = TiffEncoder::new(writer)?.with_compression(compression).with_predictor(predictor);
    let mut notes = Vec::new();
    let tags = metadata.exif.as_deref().and_then(|exif| Tags::read(&mut io::Cursor::new(exif)));
    if metadata.exif.is_some() && tags.is_none() {
        notes.push("its EXIF is broken and was left out".into());
    }
    let directories = tags.as_ref().map(|tags| tags.write_details(&mut tiff)).transpose()?;
    let mut image = tiff.new_image::<C>(width, height)?;
    if pixels.has_alpha() {
        image.extra_samples(&[match pixels.alpha {
            AlphaKind::Straight => ExtraSamples::UnassociatedAlpha,
            AlphaKind::Premultiplied => ExtraSamples::AssociatedAlpha,
        }])?;
    }
    if let Some(Resolution { x, y, unit }) = metadata.resolution {
        use ::tiff::tags::ResolutionUnit;
        image.resolution_unit(match unit {
            Unit::None => ResolutionUnit::None,
            Unit::Inch => ResolutionUnit::Inch,
            Unit::Centimetre => ResolutionUnit::Centimeter,
        });
        image.x_resolution(rational(x));
        image.y_resolution(rational(y));
    }
    let directory = image.encoder();
    if let Some(tags) = &tags {
        tags.write_main(directory)?;
    }
    directories.iter().flatten().try_for_each(|(tag, IfdPointer(at))| {
        directory.write_tag(*tag, u32::try_from(*at).unwrap_or_default())
    })?;
    if let Some(icc) = &metadata.icc {
        let entry = directory.write_entry_bytes(::tiff::tags::Type::UNDEFINED, icc)?;
        directory.extend_from(&[(Tag::IccProfile, entry)].into_iter().collect());
    }
    if let Some(xmp) = &metadata.xmp {
        directory.write_tag(XMP, xmp.as_slice())?;
    }
    // A vector of bytes may lie at any address; copied only where it does not fit the numbers.
    let numbers: Cow<'_, [C::Inner]> = match bytemuck::try_cast_slice(data) {
        Ok(numbers) => Cow::Borrowed(numbers),
        Err(_) => Cow::Owned(bytemuck::pod_collect_to_vec(data)),
    };
    image.write_data(&numbers)?;
    Ok(notes)
}

fn rational(value: f64) -> Rational {
    let d = if value.fract() == 0.0 { 1 } else { 10_000 };
    Rational { n: (value * f64::from(d)).round().clamp(0.0, f64::from(u32::MAX)) as u32, d }
}
