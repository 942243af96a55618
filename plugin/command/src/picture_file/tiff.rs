//! TIFF files (TIFF 6.0): many kinds of pixels, and tags, which are EXIF's too.

use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom, Write};

use ::tiff::ColorType;
use ::tiff::decoder::{Decoder, Limits};
use ::tiff::encoder::colortype::{self, ColorType as Written};
use ::tiff::encoder::{Compression, DeflateLevel, Rational, TiffEncoder, TiffValue};
use ::tiff::tags::{
    CompressionMethod, ExtraSamples, IfdPointer, PhotometricInterpretation, Predictor, SampleFormat, Tag,
};
use anyhow::{anyhow, bail};
use derust_engine::pixels::{AlphaKind, Depth};
use half::f16;

use super::decode::MEMORY_LIMIT;
use super::metadata::{Metadata, Own, Resolution, Unit};
use super::orientation::Orientation;
use super::source::{self, Source};
use super::tags::{Directory, Tags};
use super::ycbcr::{Blocks, YCbCr};
use super::{Foreign, Pixels, exif};
use crate::free_memory;

const XMP: Tag = Tag::Unknown(700);
const IPTC: Tag = Tag::Unknown(33_723);

/// The tag that says what values mean, and two of its values.
const PHOTOMETRIC: u16 = 262;
const GRAY: u32 = 1;
const PALETTE: u64 = 3;
const RGB: u64 = 2;
/// What a camera's sensor saw: behind a mosaic of filters, and without it (TIFF/EP, DNG).
const SENSOR: [u64; 2] = [32_803, 34_892];

/// Compression by JPEG.
pub const JPEG: u16 = 7;

/// What a directory is: a mask of the picture before it has this bit.
const SUBFILE: u16 = 254;
const IS_MASK: u64 = 4;
const IS_REDUCED: u64 = 1;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PLANES: u16 = 284;
const SAMPLE_FORMAT: u16 = 339;
/// Where tiles and strips lie, and how long they are.
const TILE_OFFSETS: [u16; 2] = [324, 325];
const TILE_SIDES: [u16; 2] = [322, 323];
const STRIP_OFFSETS: [u16; 2] = [273, 279];
const SAMPLES: u16 = 277;
/// Directories below this one.
const SUBDIRECTORIES: u16 = 330;
/// What channels beyond the colours are.
const EXTRA_SAMPLES: u16 = 338;
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const ORIENTATION: u16 = 274;
/// More pages than this are a broken file.
const PAGES: usize = 65_536;
/// Directories after the first in which a mask is looked for.
const DIRECTORIES: usize = 32;

/// Channels beside colours and alpha, and where they lie among them.
#[derive(Clone, Debug)]
pub struct Bands {
    /// What each channel after the colours is: alpha or one of these (tag 338).
    kinds: Vec<u16>,
    /// Which of them is alpha.
    alpha: Option<usize>,
    /// Values of all pixels, without colours and alpha.
    data: Vec<u8>,
}

impl Bands {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.kinds.len() - usize::from(self.alpha.is_some())
    }

    /// Turned as the picture is.
    pub fn turned(self, orientation: Orientation, size: (u32, u32), depth: Depth) -> Self {
        let bytes = self.count() * depth.bytes();
        Bands { data: orientation.apply(size, bytes, self.data).1, ..self }
    }

    /// The pixels with these among their channels.
    fn among(&self, data: &[u8], pixels: Pixels) -> anyhow::Result<Vec<u8>> {
        let value = pixels.depth.bytes();
        let colours = pixels.channels - usize::from(self.alpha.is_some());
        let (own, further) = (pixels.channels * value, self.count() * value);
        let mut all = free_memory::list(data.len() + self.data.len())?;
        for (pixel, bands) in data.chunks_exact(own).zip(self.data.chunks_exact(further)) {
            all.extend_from_slice(&pixel[..colours * value]);
            let mut bands = bands.chunks_exact(value);
            for i in 0..self.kinds.len() {
                match self.alpha == Some(i) {
                    true => all.extend_from_slice(&pixel[colours * value..]),
                    false => bands.next().into_iter().for_each(|band| all.extend_from_slice(band)),
                }
            }
        }
        Ok(all)
    }
}

/// The pages after the first one.
#[derive(Clone, Debug)]
pub struct Pages {
    source: Source,
    /// Those that are written again as they are: pages, and masks of the first page.
    kept: Vec<Directory>,
    /// How many pages cannot be.
    unkept: usize,
    /// How many show the first page smaller, as it was.
    reduced: usize,
}

impl Pages {
    /// How many a TIFF file gets.
    pub fn copied(&self) -> usize {
        self.kept.len()
    }

    /// How many there are.
    pub fn all(&self) -> usize {
        self.kept.len() + self.unkept
    }
}

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
    /// Bytes that decoding needs beside the pixels.
    pub beside: u64,
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
    /// Whether values are stored as half floats.
    half: bool,
    /// What channels after the colours are, and which of them is alpha, where some are neither.
    bands: Option<(Vec<u16>, Option<usize>)>,
    /// What the file is read from again, for planes in tiles.
    again: Again,
    /// A byte for every pixel, black for those that lie nowhere in the file; absent where all lie somewhere.
    stored: Option<Vec<u8>>,
    /// The number of the directory that holds a mask of what counts.
    mask: Option<usize>,
    /// The value of pixels without data.
    no_data: Option<f64>,
}

/// What a file is read from once more.
struct Again {
    source: Source,
    directory: Option<Directory>,
    patches: Vec<(u64, Vec<u8>)>,
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

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MEMORY_LIMIT as usize;
    limits.intermediate_buffer_size = MEMORY_LIMIT as usize;
    limits.ifd_value_size = 64 << 20;
    limits
}

fn broken(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the picture cannot be decoded: {error}")
}

/// Looks at the first picture of a file.
///
/// # Errors
/// When the file is broken or its pixels are of a kind that nobody expects in a photograph.
pub fn open(source: &Source) -> anyhow::Result<(Reader, Header)> {
    let mut file = source.open().map_err(|error| anyhow!("it cannot be read: {error}"))?;
    let mut tags = Tags::read(&mut file);
    let directory = Directory::read(&mut file);
    if directory.as_ref().is_some_and(is_camera_raw) {
        return Err(Foreign::CameraRaw.into());
    }
    if let Some(name) = directory.as_ref().and_then(unknown_compression) {
        bail!(
            "its pixels are packed with {name}, which cannot be read; pack them with Deflate or LZW, as in \
             `gdal_translate -co COMPRESS=DEFLATE` or `tiffcp -c zip`"
        );
    }
    let bands = directory.as_ref().and_then(|directory| bands_of(directory, &mut file));
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
    // It cuts off what is neither colour nor alpha; of grays it does not.
    if let (Some(_), Some(directory)) = (&bands, &directory) {
        patches.extend(directory.replaced(PHOTOMETRIC, GRAY));
    }
    // Nor has it masks.
    patches.extend(mask.as_ref().and_then(|(_, mask)| mask.replaced(PHOTOMETRIC, GRAY)));
    let mask = mask.map(|(number, _)| number);
    let pages = directory.as_ref().and_then(|directory| pages_of(directory, source, &mut file));
    file.rewind()?;
    let again = Again { source: source.clone(), directory: directory.clone(), patches: patches.clone() };
    let file = Patched { file, patches, at: 0 };
    let mut decoder = Decoder::new(file).map_err(broken)?.with_limits(limits());
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
        ColorType::Multiband { bit_depth, num_samples } if bands.is_some() => {
            let (kinds, alpha) = bands.as_ref().expect("there are some");
            (usize::from(num_samples) - kinds.len() + usize::from(alpha.is_some()), bit_depth)
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
    let half = (bits, float) == (16, true);
    let depth = match (bits, float) {
        (16, true) => Depth::F32,
        (8, false) => Depth::U8,
        (16, false) => Depth::U16,
        (32, true) => Depth::F32,
        _ => bail!("TIFF pixels of {bits} bits cannot be worked on; 8 and 16, and floats of 16 and 32 can"),
    };
    let mut pixels = Pixels::new(channels, depth);
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(broken)?;
    let place = bands.as_ref().and_then(|(_, alpha)| *alpha).unwrap_or(0);
    if pixels.has_alpha() && extra.as_deref().and_then(|kinds| kinds.get(place)) == Some(&1) {
        pixels.alpha = AlphaKind::Premultiplied;
    }
    let no_data = decoder.find_tag(Tag::GdalNodata).ok().flatten().and_then(|value| value.into_string().ok());
    let no_data = no_data.and_then(|text| text.trim_matches(['\0', ' ']).parse::<f64>().ok());
    let others = pages.as_ref().is_some_and(|pages| pages.all() > usize::from(mask.is_some()));
    match (others, mask) {
        (true, _) => notes.push("only the first of its pictures was worked on".into()),
        (false, Some(_)) => notes.push("its mask was heeded".into()),
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
    metadata.own = Own::Tiff { compression, predicted, half };
    metadata.iptc = tags.as_mut().and_then(Tags::take_iptc);
    metadata.further.pages = pages.map(Into::into);
    metadata.exif = tags.and_then(|tags| tags.to_exif().ok());
    metadata.resolution = metadata.exif.as_deref().and_then(exif::resolution);
    let stored = bands.as_ref().map_or(0, |(kinds, _)| kinds.len() + 3) as u64 + u64::from(half) * 4;
    let beside = u64::from(size.0) * u64::from(size.1) * stored * depth.bytes() as u64;
    let reader = Reader { decoder, conversion, size, depth, half, bands, again, stored: None, mask, no_data };
    Ok((reader, Header { size, pixels, metadata, notes, beside }))
}

/// Whether what lies here is the small preview of a camera raw, or the sensor's own values.
fn is_camera_raw(directory: &Directory) -> bool {
    let first = |tag: u16| directory.numbers(tag).and_then(|numbers| numbers.first().copied());
    let preview = first(SUBFILE).is_some_and(|kind| kind & IS_REDUCED != 0) && directory.has(SUBDIRECTORIES);
    preview || first(PHOTOMETRIC).is_some_and(|kind| SENSOR.contains(&kind))
}

/// The name of a way to pack pixels that is known and cannot be read.
fn unknown_compression(directory: &Directory) -> Option<&'static str> {
    Some(match directory.numbers(COMPRESSION)?.first()? {
        6 => "the oldest kind of JPEG in TIFF",
        33_003 | 33_004 | 33_005 | 34_712 => "JPEG 2000",
        34_661 => "JBIG",
        34_887 => "LERC",
        34_925 => "LZMA",
        50_000 | 34_926 => "Zstandard (ZSTD)",
        50_001 | 34_927 => "WebP",
        50_002 | 52_546 => "JPEG XL",
        _ => return None,
    })
}

/// What the channels after the colours are, and which of them is alpha; `None` where there is nothing else than colours, or
/// alpha after red, green and blue.
fn bands_of(directory: &Directory, file: &mut (impl Read + Seek)) -> Option<(Vec<u16>, Option<usize>)> {
    let first = |tag: u16| directory.numbers(tag).and_then(|numbers| numbers.first().copied());
    let colours = match first(PHOTOMETRIC)? {
        RGB => 3,
        gray if gray == u64::from(GRAY) => 1,
        _ => return None,
    };
    let count = usize::try_from(first(SAMPLES)?).ok()?.checked_sub(colours).filter(|count| *count > 0)?;
    let said = directory.all_numbers(EXTRA_SAMPLES, file);
    let mut kinds: Vec<u16> = said.iter().flatten().map(|kind| *kind as u16).collect();
    if said.is_none() && !directory.has(EXTRA_SAMPLES) && count == 1 {
        // Many programs leave out that it is alpha.
        kinds.push(ExtraSamples::UnassociatedAlpha.to_u16());
    }
    kinds.resize(count, 0);
    let alpha = kinds.iter().position(|kind| matches!(kind, 1 | 2));
    let decoder_knows = colours == 3 && count == 1 && alpha.is_some();
    let jpeg = first(COMPRESSION) == Some(JPEG.into());
    (!decoder_knows && !jpeg && count <= usize::from(u8::MAX)).then_some((kinds, alpha))
}

/// The pages after the first one; `None` where there are none.
fn pages_of(first: &Directory, source: &Source, file: &mut (impl Read + Seek)) -> Option<Pages> {
    let mut pages = Pages { source: source.clone(), kept: Vec::new(), unkept: 0, reduced: 0 };
    let turned = first.numbers(ORIENTATION).is_some_and(|orientation| orientation.first() > Some(&1));
    let mut next = first.next(file);
    for _ in 0..PAGES {
        let Some(page) = next else { break };
        next = page.next(file);
        let kind = page.numbers(SUBFILE).and_then(|kinds| kinds.first().copied()).unwrap_or_default();
        match () {
            () if kind & IS_REDUCED != 0 => pages.reduced += 1,
            () if kind & IS_MASK != 0 && turned || !page.can_be_copied(file) => pages.unkept += 1,
            () => pages.kept.push(page),
        }
    }
    (pages.all() + pages.reduced > 0).then_some(pages)
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
    pub fn decode(mut self, data: Vec<u8>) -> anyhow::Result<Decoded> {
        let (data, bands) = match self.bands.take() {
            Some((kinds, alpha)) => self.decode_bands(data, kinds, alpha)?,
            None => (self.decode_pixels(data)?, None),
        };
        let mut valid = self.with_data(&data);
        match (&mut valid, self.stored.take()) {
            (Some(valid), Some(stored)) => {
                valid.iter_mut().zip(stored).for_each(|(valid, stored)| *valid &= stored)
            }
            (valid, stored) => *valid = valid.take().or(stored),
        }
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
        Ok(Decoded { data, valid: valid.filter(|valid| valid.contains(&0)), bands })
    }

    /// Tells colours and alpha from the other channels.
    fn decode_bands(
        &mut self,
        mut data: Vec<u8>,
        kinds: Vec<u16>,
        alpha: Option<usize>,
    ) -> anyhow::Result<(Vec<u8>, Option<Bands>)> {
        let value = self.depth.bytes();
        let pixels = self.size.0 as usize * self.size.1 as usize;
        let own = data.len() / (pixels * value);
        let colours = own - usize::from(alpha.is_some());
        let stored = colours + kinds.len();
        let mut all = free_memory::zeros(pixels * stored * value)?;
        self.read(&mut all, stored)?;
        let mut bands = free_memory::list((all.len()).saturating_sub(data.len()))?;
        for (pixel, all) in data.chunks_exact_mut(own * value).zip(all.chunks_exact(stored * value)) {
            let (own_colours, own_alpha) = pixel.split_at_mut(colours * value);
            own_colours.copy_from_slice(&all[..colours * value]);
            for (i, channel) in all[colours * value..].chunks_exact(value).enumerate() {
                match alpha == Some(i) {
                    true => own_alpha.copy_from_slice(channel),
                    false => bands.extend_from_slice(channel),
                }
            }
        }
        let bands = Bands { kinds, alpha, data: bands };
        Ok((data, Some(bands).filter(|bands| bands.count() > 0)))
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
        if !self.half {
            return self.read_stored(data, channels, self.depth.bytes());
        }
        let mut halves = free_memory::zeros(data.len() / 2)?;
        self.read_stored(&mut halves, channels, 2)?;
        for (value, half) in data.chunks_exact_mut(4).zip(halves.chunks_exact(2)) {
            value.copy_from_slice(&f16::from_ne_bytes([half[0], half[1]]).to_f32().to_ne_bytes());
        }
        Ok(())
    }

    /// The same with values of this many bytes, as they are stored.
    fn read_stored(&mut self, data: &mut [u8], channels: usize, value: usize) -> anyhow::Result<()> {
        let planes = self.decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration).map_err(broken)?;
        let apart = planes == Some(2) && channels > 1;
        let tiled = self.decoder.find_tag(Tag::TileWidth).map_err(broken)?.is_some();
        let lengths = if tiled { Tag::TileByteCounts } else { Tag::StripByteCounts };
        let lengths = self.decoder.find_tag_unsigned_vec::<u64>(lengths).map_err(broken)?.unwrap_or_default();
        // The decoder has tiles of one channel that reach beyond the picture in some packings only.
        if lengths.contains(&0) || tiled && (apart || channels == 1) {
            return self.read_chunks(data, channels, value, (apart, &lengths));
        }
        if planes != Some(2) || channels == 1 {
            return self.decoder.read_image_bytes(data).map_err(broken);
        }
        let mut planes = free_memory::zeros(data.len())?;
        self.decoder.read_image_bytes(&mut planes).map_err(broken)?;
        for (c, plane) in planes.chunks_exact(data.len() / channels).enumerate() {
            let places = data.chunks_exact_mut(value).skip(c).step_by(channels);
            places.zip(plane.chunks_exact(value)).for_each(|(to, from)| to.copy_from_slice(from));
        }
        Ok(())
    }
}

impl Reader {
    /// Reads tile by tile, or strip by strip: those that lie nowhere in the file are without data, and those of planes that
    /// lie `apart` are read as pictures of one channel, whole tiles across and down, which the decoder knows. `lengths` are those of all in the file.
    fn read_chunks(
        &mut self,
        data: &mut [u8],
        channels: usize,
        value: usize,
        (apart, lengths): (bool, &[u64]),
    ) -> anyhow::Result<()> {
        let width = self.size.0 as usize;
        let planes = if apart { channels } else { 1 };
        let chunks = lengths.len() / planes;
        let together = channels / planes;
        let no_data = self.no_data.unwrap_or_default();
        let nothing: Vec<u8> = match (value, self.depth) {
            (1, _) => vec![no_data as u8],
            (2, Depth::U16) => (no_data as u16).to_ne_bytes().into(),
            (2, _) => f16::from_f64(no_data).to_ne_bytes().into(),
            _ => (no_data as f32).to_ne_bytes().into(),
        };
        for plane in 0..planes {
            let mut of_plane =
                if channels == planes { Some(self.plane(plane, chunks, channels)?) } else { None };
            let decoder = of_plane.as_mut().unwrap_or(&mut self.decoder);
            let (chunk_width, chunk_height) = decoder.chunk_dimensions();
            let across = self.size.0.div_ceil(chunk_width.max(1)) as usize;
            for chunk in 0..chunks {
                let (left, top) =
                    (chunk % across * chunk_width as usize, chunk / across * chunk_height as usize);
                if top >= self.size.1 as usize {
                    bail!("the picture cannot be decoded: it has more tiles or strips than it needs");
                }
                let (columns, rows) = decoder.chunk_data_dimensions(u32::try_from(chunk)?);
                let (columns, rows) = (columns as usize, rows as usize);
                let mut pixels = free_memory::zeros(columns * rows * together * value)?;
                if lengths[plane * chunks + chunk] == 0 {
                    let stored = match &mut self.stored {
                        Some(stored) => stored,
                        none => none.insert(vec![255; width * self.size.1 as usize]),
                    };
                    let (right, bottom) =
                        ((left + columns).min(width), (top + rows).min(self.size.1 as usize));
                    (top..bottom).for_each(|y| stored[y * width..][left..right].fill(0));
                    pixels.chunks_exact_mut(value).for_each(|pixel| pixel.copy_from_slice(&nothing[..value]));
                } else {
                    decoder.read_chunk_bytes(chunk as u32, &mut pixels).map_err(broken)?;
                }
                let height = self.size.1 as usize;
                for (y, row) in pixels.chunks_exact(columns * together * value).take(height - top).enumerate()
                {
                    for (x, from) in row.chunks_exact(together * value).take(width - left).enumerate() {
                        let at = (((top + y) * width + left + x) * channels + plane * together) * value;
                        data[at..at + from.len()].copy_from_slice(from);
                    }
                }
            }
        }
        Ok(())
    }

    /// A plane of this file, as a picture of its own.
    fn plane(
        &self,
        plane: usize,
        chunks: usize,
        channels: usize,
    ) -> anyhow::Result<Decoder<Patched<source::Reader>>> {
        let unknown = || anyhow!("the planes of the TIFF file lie in a way that is not understood");
        let Again { source, directory, patches } = &self.again;
        let directory = directory.as_ref().ok_or_else(unknown)?;
        let mut patches = patches.clone();
        let first = (plane * chunks) as u64;
        let bits = match (self.half, self.depth) {
            (true, _) | (_, Depth::U16) => 16,
            (_, Depth::U8) => 8,
            _ => 32,
        };
        let float = if self.depth == Depth::F32 { 3 } else { 1 };
        let mut numbers = vec![(BITS, bits), (SAMPLES, 1), (PLANES, 1), (SAMPLE_FORMAT, float)];
        if channels > 1 {
            numbers.push((PHOTOMETRIC, GRAY));
        }
        for (side, tile, pixels) in
            [(WIDTH, TILE_SIDES[0], self.size.0), (HEIGHT, TILE_SIDES[1], self.size.1)]
        {
            let tile = directory.numbers(tile).and_then(|sides| u32::try_from(*sides.first()?).ok());
            numbers.extend(
                tile.filter(|tile| *tile > 0)
                    .and_then(|tile| Some((side, pixels.checked_next_multiple_of(tile)?))),
            );
        }
        for (tag, number) in numbers {
            patches.extend(directory.replaced(tag, number));
        }
        patches.extend(directory.without(EXTRA_SAMPLES));
        let tags = if directory.has(TILE_OFFSETS[0]) { TILE_OFFSETS } else { STRIP_OFFSETS };
        for tag in tags {
            patches.push(directory.part(tag, first, chunks as u64).ok_or_else(unknown)?);
        }
        let file = source.open().map_err(|error| anyhow!("it cannot be read: {error}"))?;
        Ok(Decoder::new(Patched { file, patches, at: 0 }).map_err(broken)?.with_limits(limits()))
    }
}

/// What a file's first picture holds.
#[derive(Debug)]
pub struct Decoded {
    /// Its pixels.
    pub data: Vec<u8>,
    /// A byte for every pixel, black for those without data, where the file tells them apart.
    pub valid: Option<Vec<u8>>,
    /// Its further channels.
    pub bands: Option<Bands>,
}

/// Floats of 16 bits in TIFF, as the bits that they are made of.
struct Half<const CHANNELS: usize>;

macro_rules! half {
    ($channels:literal, $photometric:ident) => {
        impl Written for Half<$channels> {
            type Inner = u16;
            const TIFF_VALUE: PhotometricInterpretation = PhotometricInterpretation::$photometric;
            const BITS_PER_SAMPLE: &'static [u16] = &[16; $channels];
            const SAMPLE_FORMAT: &'static [SampleFormat] = &[SampleFormat::IEEEFP; $channels];

            fn horizontal_predict(row: &[u16], result: &mut Vec<u16>) {
                // Never asked for of floats.
                result.extend_from_slice(row);
            }
        }
    };
}

half!(1, BlackIsZero);
half!(3, RGB);

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
    let further = metadata.further.bands.as_deref();
    let all = further.map(|bands| bands.among(data, pixels)).transpose()?;
    let data = all.as_deref().unwrap_or(data);
    if let (Depth::F32, Own::Tiff { half: true, .. }) = (pixels.depth, &metadata.own) {
        let mut halves = free_memory::list(data.len() / 2)?;
        for value in data.chunks_exact(4) {
            let value = f32::from_ne_bytes([value[0], value[1], value[2], value[3]]);
            halves.extend_from_slice(&f16::from_f32(value).to_ne_bytes());
        }
        return match gray {
            true => encode::<Half<1>>(writer, size, pixels, &halves, metadata),
            false => encode::<Half<3>>(writer, size, pixels, &halves, metadata),
        };
    }
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
        Own::Tiff { compression, predicted, .. } => (compression, predicted),
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
        && metadata.further.bands.is_none()
        && pixels.depth != Depth::F32;
    let predictor = if predicted && can_predict { Predictor::Horizontal } else { Predictor::None };
    let mut tiff = TiffEncoder::new(writer)?.with_compression(compression).with_predictor(predictor);
    let mut notes = Vec::new();
    let tags = metadata.exif.as_deref().and_then(|exif| Tags::read(&mut io::Cursor::new(exif)));
    let tags = tags.or_else(|| metadata.geography.clone());
    if metadata.exif.is_some() && tags.is_none() {
        notes.push("its EXIF is broken and was left out".into());
    }
    let directories = tags.as_ref().map(|tags| tags.write_details(&mut tiff)).transpose()?;
    let mut image = tiff.new_image::<C>(width, height)?;
    let alpha = match pixels.alpha {
        AlphaKind::Straight => ExtraSamples::UnassociatedAlpha,
        AlphaKind::Premultiplied => ExtraSamples::AssociatedAlpha,
    };
    if let Some(bands) = &metadata.further.bands {
        let kind = |(i, kind): (usize, &u16)| match kind {
            _ if bands.alpha == Some(i) => alpha,
            1 => ExtraSamples::AssociatedAlpha,
            2 => ExtraSamples::UnassociatedAlpha,
            _ => ExtraSamples::Unspecified,
        };
        image.extra_samples(&bands.kinds.iter().enumerate().map(kind).collect::<Vec<_>>())?;
    } else if pixels.has_alpha() {
        image.extra_samples(&[alpha])?;
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
    if let Some(iptc) = &metadata.iptc {
        let entry = directory.write_entry_bytes(::tiff::tags::Type::UNDEFINED, iptc)?;
        directory.extend_from(&[(IPTC, entry)].into_iter().collect());
    }
    // A vector of bytes may lie at any address; copied only where it does not fit the numbers.
    let numbers: Cow<'_, [C::Inner]> = match bytemuck::try_cast_slice(data) {
        Ok(numbers) => Cow::Borrowed(numbers),
        Err(_) => Cow::Owned(bytemuck::pod_collect_to_vec(data)),
    };
    image.write_data(&numbers)?;
    if let Some(pages) = &metadata.further.pages {
        let mut file = pages.source.open()?;
        for page in &pages.kept {
            page.copy(&mut file, &mut tiff)?;
        }
        if pages.reduced > 0 {
            notes.push("smaller copies in its file, which show it as it was, were left out".into());
        }
    }
    Ok(notes)
}

fn rational(value: f64) -> Rational {
    let d = if value.fract() == 0.0 { 1 } else { 10_000 };
    Rational { n: (value * f64::from(d)).round().clamp(0.0, f64::from(u32::MAX)) as u32, d }
}
