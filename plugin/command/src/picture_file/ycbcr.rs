//! TIFF's YCbCr: brightness and two differences of colour, which several pixels may share (TIFF 6.0, section 21).

use std::io::{Read, Seek};

use ::tiff::decoder::Decoder;
use ::tiff::decoder::ifd::Value;
use ::tiff::tags::Tag;
use anyhow::{Context, bail};

use super::tags::Directory;

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const SAMPLES: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const PLANES: u16 = 284;
const PREDICTOR: u16 = 317;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const SUBSAMPLING: u16 = 530;

const YCBCR: u64 = 6;
const GRAY: u32 = 1;
/// JPEG spreads shared colours itself.
const JPEG: u64 = 7;

/// The parts of red, green and blue in brightness where the file does not say (ITU-R BT.601).
const COEFFICIENTS: [f32; 3] = [0.299, 0.587, 0.114];
/// Black and white of brightness, and zero and the most of both differences, where the file does not say.
const REFERENCE: [f32; 6] = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];

/// Bytes that tiles may reach beyond their picture.
const SPARE: u64 = 64 << 20;

/// What the three numbers of a pixel mean.
#[derive(Clone, Debug)]
pub struct YCbCr {
    coefficients: [f32; 3],
    /// Two numbers for each channel.
    reference: [f32; 6],
    /// Present where pixels share their colours and lie in blocks.
    blocks: Option<Blocks>,
}

impl YCbCr {
    /// As the file says.
    pub fn of<R: Read + Seek>(decoder: &mut Decoder<R>, blocks: Option<Blocks>) -> Self {
        let mut numbers = |tag| match decoder.find_tag(tag).ok().flatten()? {
            Value::List(values) => values.into_iter().map(fraction).collect::<Option<Vec<f32>>>(),
            _ => None,
        };
        let coefficients = numbers(Tag::Unknown(529)).and_then(|values| <[f32; 3]>::try_from(values).ok());
        let reference = numbers(Tag::Unknown(532)).and_then(|values| <[f32; 6]>::try_from(values).ok());
        YCbCr {
            coefficients: coefficients.filter(|parts| parts[1] > 0.0).unwrap_or(COEFFICIENTS),
            reference: reference.filter(|r| (0..3).all(|c| r[2 * c + 1] > r[2 * c])).unwrap_or(REFERENCE),
            blocks,
        }
    }

    /// How the pixels lie where they share their colours.
    pub fn blocks(&self) -> Option<&Blocks> {
        self.blocks.as_ref()
    }

    /// One pixel in its place.
    pub fn to_rgb(&self, pixel: &mut [u8]) {
        let [red, green, blue] = self.coefficients;
        let full = |c: usize, most: f32| {
            let [zero, end] = [self.reference[2 * c], self.reference[2 * c + 1]];
            (f32::from(pixel[c]) - zero) * most / (end - zero)
        };
        let (y, cb, cr) = (full(0, 255.0), full(1, 127.0), full(2, 127.0));
        let r = y + cr * (2.0 - 2.0 * red);
        let b = y + cb * (2.0 - 2.0 * blue);
        let g = (y - red * r - blue * b) / green;
        pixel.iter_mut().zip([r, g, b]).for_each(|(value, colour)| *value = (colour + 0.5) as u8);
    }
}

fn fraction(value: Value) -> Option<f32> {
    match value {
        Value::Rational(_, 0) => None,
        Value::Rational(numerator, denominator) => Some(numerator as f32 / denominator as f32),
        other => other.into_f32().ok(),
    }
}

/// How pixels lie that share their colours: in blocks, each the brightnesses of its pixels row by row and then the two
/// differences.
#[derive(Clone, Debug)]
pub struct Blocks {
    /// Width and height of the picture in pixels.
    pub size: (u32, u32),
    /// Width and height of a block in pixels.
    block: (u32, u32),
    /// Width and height of a tile, or of a strip, in pixels.
    chunk: (u32, u32),
    tiled: bool,
}

impl Blocks {
    /// The blocks of a file that has some and leaves them to its reader.
    ///
    /// # Errors
    /// When they lie in a way that is not understood.
    pub fn of(directory: &Directory) -> anyhow::Result<Option<Self>> {
        let number = |tag: u16| directory.numbers(tag).and_then(|numbers| numbers.first().copied());
        if number(PHOTOMETRIC) != Some(YCBCR) || number(COMPRESSION) == Some(JPEG) {
            return Ok(None);
        }
        let block = match directory.numbers(SUBSAMPLING).as_deref() {
            Some([across @ (1 | 2 | 4), down @ (1 | 2 | 4)]) => (*across as u32, *down as u32),
            Some(_) => bail!("the TIFF file shares its colours between pixels in an unknown way"),
            None => (2, 2),
        };
        if block == (1, 1) {
            return Ok(None);
        }
        if number(PLANES) == Some(2) || number(PREDICTOR).is_some_and(|predictor| predictor != 1) {
            bail!(
                "TIFF pixels that share colours, with separate planes or a predictor, cannot be worked on; save it as RGB"
            );
        }
        let side = |tag: u16| number(tag).and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0);
        let size =
            side(WIDTH).zip(side(HEIGHT)).context("the TIFF file does not say how large its picture is")?;
        let tile = side(TILE_WIDTH).zip(side(TILE_HEIGHT));
        let strip = (size.0, side(ROWS_PER_STRIP).unwrap_or(size.1).min(size.1));
        let blocks = Blocks { size, block, chunk: tile.unwrap_or(strip), tiled: tile.is_some() };
        let pixels = u64::from(size.0) * u64::from(size.1);
        if blocks.bytes() as u64 > pixels.saturating_mul(4).saturating_add(SPARE) {
            bail!("the TIFF file's tiles or strips are far larger than its picture");
        }
        Ok(Some(blocks))
    }

    /// Bytes of a block.
    fn block_bytes(&self) -> u32 {
        self.block.0 * self.block.1 + 2
    }

    /// Width and height of a tile or strip, read as grays of one byte: a row for each row of blocks.
    fn gray_chunk(&self) -> (u64, u64) {
        let across = u64::from(self.chunk.0.div_ceil(self.block.0)) * u64::from(self.block_bytes());
        (across, self.chunk.1.div_ceil(self.block.1).into())
    }

    /// Width and height of the picture that the grays of all tiles or strips make.
    fn gray_size(&self) -> (u64, u64) {
        let (width, height) = self.gray_chunk();
        let whole = |size: u32, chunk: u32| u64::from(size.div_ceil(chunk));
        let down = whole(self.size.1, self.chunk.1);
        if self.tiled {
            return (width * whole(self.size.0, self.chunk.0), height * down);
        }
        let last = u64::from(self.size.1) - (down - 1) * u64::from(self.chunk.1);
        (width, height * (down - 1) + last.div_ceil(self.block.1.into()))
    }

    /// Bytes of all grays.
    pub fn bytes(&self) -> usize {
        let (width, height) = self.gray_size();
        usize::try_from(width.saturating_mul(height)).unwrap_or(usize::MAX)
    }

    /// What a decoder is to read instead of some entries, so that it takes every byte for a gray pixel.
    pub fn as_grays(&self, directory: &Directory) -> Vec<(u64, Vec<u8>)> {
        let (width, height) = self.gray_size();
        let chunk = self.gray_chunk();
        let replaced = [
            (WIDTH, width),
            (HEIGHT, height),
            (BITS, 8),
            (PHOTOMETRIC, GRAY.into()),
            (SAMPLES, 1),
            (ROWS_PER_STRIP, chunk.1),
            (TILE_WIDTH, chunk.0),
            (TILE_HEIGHT, chunk.1),
        ];
        let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        replaced.into_iter().filter_map(|(tag, value)| directory.replaced(tag, number(value))).collect()
    }

    /// Spreads the grays to three numbers for each pixel.
    pub fn spread(&self, grays: &[u8], pixels: &mut [u8]) {
        let [block_width, block_height, chunk_width, chunk_height] =
            [self.block.0, self.block.1, self.chunk.0, self.chunk.1].map(|side| side as usize);
        let (gray_chunk, row_bytes) = (self.gray_chunk(), self.gray_size().0 as usize);
        let (block_bytes, width) = (self.block_bytes() as usize, self.size.0 as usize);
        for (y, row) in pixels.chunks_exact_mut(3 * width).enumerate() {
            let (in_chunk, chunk) = (y % chunk_height, y / chunk_height);
            let gray_row = chunk * gray_chunk.1 as usize + in_chunk / block_height;
            let grays = &grays[gray_row * row_bytes..][..row_bytes];
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let (column, chunk) = (x % chunk_width, x / chunk_width);
                let start = chunk * gray_chunk.0 as usize + column / block_width * block_bytes;
                let block = &grays[start..start + block_bytes];
                let brightness = in_chunk % block_height * block_width + column % block_width;
                pixel.copy_from_slice(&[block[brightness], block[block_bytes - 2], block[block_bytes - 1]]);
            }
        }
    }
}
