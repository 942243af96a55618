//! Masks as people make them: white is what is meant, and so is what an annotator's file marks in another way.

use std::collections::BTreeSet;
use std::path::Path;

use ::png::{ColorType, Transformations};
use derust_engine::pixels::Depth;
use image::ImageDecoder;
use image::codecs::bmp::BmpDecoder;

use super::tiff::{self, Indexed};
use super::{Format, PictureFile, Pixels, Source};

/// Values up to this one are numbers of classes and not brightnesses.
const LABELS: f32 = 15.0;
/// Pixels whose class nobody knows, in palettes of more than two colours (PASCAL VOC).
const VOID: u8 = 255;
/// Pictures of more colours than this are no drawings of classes.
const DRAWN: usize = 24;

impl PictureFile {
    /// Reads a mask: an 8-bit gray picture in which white is meant, and notes on how it was understood.
    ///
    /// A transparent mask means its opaque parts, one with a palette every colour but the first, one of small numbers
    /// every number but 0.
    ///
    /// # Errors
    /// See [`PictureFile::open`].
    pub fn read_mask(path: &Path) -> anyhow::Result<Self> {
        let source = Source::from(path);
        let opened = PictureFile::open(&source)?;
        let format = opened.format();
        let orientation = opened.orientation();
        let stored = opened.stored_size();
        let mut file = opened.decode()?;
        file.notes.clear();
        let mut notes = Vec::new();
        let mut note = |text: String| notes.push(format!("{}: {text}", path.display()));
        let coverage = if let Some(alpha) = file.varying_alpha() {
            note("its alpha is the mask".into());
            alpha
        } else if let Some(Indexed { numbers, colours }) = indexed(&source, format)?.filter(|i| !i.is_gray())
        {
            let (_, numbers) = orientation.apply(stored, 1, numbers);
            let void = colours.len() > 2;
            note("it has a palette, of which every colour but the first is the mask".into());
            let marks = |number: &u8| *number != 0 && !(void && *number == VOID);
            numbers.iter().map(|number| if marks(number) { 255 } else { 0 }).collect()
        } else {
            let (coverage, said) = file.brightness();
            said.into_iter().for_each(&mut note);
            coverage
        };
        match (coverage.iter().min(), coverage.iter().max()) {
            (_, Some(0)) => note("nothing in it is white, so that nothing is meant".into()),
            (Some(255), _) => note("all of it is white, so that everything is meant".into()),
            _ => {}
        }
        let mut mask = file.blank_gray()?;
        mask.data = coverage;
        mask.notes = notes;
        Ok(mask)
    }

    /// Alpha as a mask, if it is not the same everywhere.
    fn varying_alpha(&self) -> Option<Vec<u8>> {
        if !self.pixels.has_alpha() {
            return None;
        }
        let alpha: Vec<f32> =
            self.numbers().skip(self.pixels.channels - 1).step_by(self.pixels.channels).collect();
        alpha.iter().any(|value| *value != alpha[0]).then(|| {
            let white = white(self.pixels);
            alpha.iter().map(|value| byte(value / white)).collect()
        })
    }

    /// How bright pixels are, and what was taken for white where it is not the greatest number.
    fn brightness(&self) -> (Vec<u8>, Option<String>) {
        let Pixels { channels, depth, .. } = self.pixels;
        let numbers: Vec<f32> = self.numbers().collect();
        let colours = channels - usize::from(self.pixels.has_alpha());
        let pixels = || numbers.chunks_exact(channels).map(|pixel| &pixel[..colours]);
        let most = pixels().flatten().fold(0.0_f32, |most, value| most.max(*value));
        let whole = pixels().flatten().all(|value| value.fract() == 0.0);
        let is_gray = pixels().all(|pixel| pixel.iter().all(|value| *value == pixel[0]));
        let marked = |pixel: &[f32]| if pixel.iter().any(|value| *value > 0.0) { 255 } else { 0 };
        let labels = most <= LABELS && whole && (depth != Depth::F32 || most > 1.0);
        if most > 0.0 && labels {
            let text = format!("its values go to {most} only; everything above 0 is the mask");
            return (pixels().map(marked).collect(), Some(text));
        }
        let drawn = || {
            let mut seen = BTreeSet::new();
            pixels().all(|pixel| {
                seen.insert(pixel.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
                seen.len() <= DRAWN
            })
        };
        if !is_gray && drawn() {
            return (pixels().map(marked).collect(), Some("every colour in it but black is the mask".into()));
        }
        let (white, text) = match depth {
            Depth::F32 if most > 1.0 => {
                let white = if most <= 255.0 { 255.0 } else { most };
                (white, Some(format!("its values go to {most}; {white} was taken for white")))
            }
            _ => (white(self.pixels), None),
        };
        // Luma with the weights of ITU-R BT.709.
        let luma = |pixel: &[f32]| match pixel {
            [red, green, blue] => 0.2126 * red + 0.7152 * green + 0.0722 * blue,
            gray => gray[0],
        };
        (pixels().map(|pixel| byte(luma(pixel) / white)).collect(), text)
    }

    /// All stored numbers.
    fn numbers(&self) -> impl Iterator<Item = f32> {
        let depth = self.pixels.depth;
        self.data.chunks_exact(depth.bytes()).map(move |value| match depth {
            Depth::U8 => f32::from(value[0]),
            Depth::U16 => f32::from(u16::from_ne_bytes([value[0], value[1]])),
            Depth::F32 => f32::from_ne_bytes([value[0], value[1], value[2], value[3]]),
        })
    }
}

impl Indexed {
    /// Whether the colours that are used are grays of which one is bright: then brightness says what is meant.
    fn is_gray(&self) -> bool {
        let mut used = [false; 256];
        self.numbers.iter().for_each(|number| used[usize::from(*number)] = true);
        let used = || self.colours.iter().zip(used).filter(|(_, used)| *used).map(|(colour, _)| colour);
        used().all(|[red, green, blue]| red == green && green == blue) && used().any(|[red, ..]| *red > 127)
    }
}

/// The number that is white.
fn white(pixels: Pixels) -> f32 {
    match pixels.depth {
        Depth::U8 => 255.0,
        Depth::U16 => 65_535.0,
        Depth::F32 => 1.0,
    }
}

fn byte(part: f32) -> u8 {
    (part.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

/// The colours' numbers, as stored, of a file whose pixels are such.
fn indexed(source: &Source, format: Format) -> anyhow::Result<Option<Indexed>> {
    let file = || source.open();
    match format {
        Format::Png => {
            let mut decoder = ::png::Decoder::new(file()?);
            decoder.set_transformations(Transformations::IDENTITY);
            let mut reader = decoder.read_info()?;
            let info = reader.info();
            let Some(palette) = info.palette.as_deref().filter(|_| info.color_type == ColorType::Indexed)
            else {
                return Ok(None);
            };
            let colours = palette.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect();
            let (width, bits) = (info.width as usize, info.bit_depth as usize);
            let Some(size) = reader.output_buffer_size() else { return Ok(None) };
            let mut packed = vec![0; size];
            let row = reader.next_frame(&mut packed)?.line_size;
            let number = |row: &[u8], x: usize| {
                let bit = x * bits;
                row[bit / 8] >> (8 - bits - bit % 8) & (0xFF >> (8 - bits))
            };
            let numbers = packed
                .chunks_exact(row)
                .flat_map(|row| (0..width).map(|x| number(row, x)).collect::<Vec<_>>());
            Ok(Some(Indexed { numbers: numbers.collect(), colours }))
        }
        Format::Bmp => {
            let mut decoder = BmpDecoder::new(file()?)?;
            decoder.set_indexed_color(true);
            let Some(colours) = decoder.get_palette().map(<[_]>::to_vec) else { return Ok(None) };
            let mut numbers = vec![0; usize::try_from(decoder.total_bytes())?];
            decoder.read_image(&mut numbers)?;
            Ok(Some(Indexed { numbers, colours }))
        }
        Format::Tiff => {
            let (reader, _) = tiff::open(source)?;
            reader.decode_numbers()
        }
        _ => Ok(None),
    }
}
