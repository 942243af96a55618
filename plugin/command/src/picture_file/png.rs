//! What only PNG files have (ISO/IEC 15948): chunks.

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom, Write};

use ::png::chunk::ChunkType;
use ::png::{BitDepth, ColorType, Compression, Encoder, Filter, Info, PixelDimensions, Unit};
use anyhow::{anyhow, bail};
use derust_engine::pixels::Depth;

use super::metadata::{Metadata, Own, Resolution};
use super::{Pixels, photoshop};
use crate::free_memory;

/// More than this in chunks beside the pixels is no picture any more.
const CHUNKS_LIMIT: u64 = 64 << 20;

/// Chunks that are written from elsewhere, or that mean something in one file only.
const NOT_KEPT: [&[u8; 4]; 13] = [
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"hIST", b"sPLT", b"sBIT", b"bKGD", b"acTL", b"fcTL",
    b"fdAT", b"eXIf",
];

/// The most bytes of further frames that are kept.
const FRAMES_LIMIT: u64 = 512 << 20;

/// Captions, in hexadecimal digits, as ImageMagick and exiftool write and read them.
const IPTC_KEYWORD: &[u8] = b"Raw profile type iptc\0";

const XMP_KEYWORD: &[u8] = b"XML:com.adobe.xmp\0";

/// A chunk: its type and its content.
type Chunk = ([u8; 4], Vec<u8>);

/// Pictures after the first one of an animation, as they are stored.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    /// How many there are.
    pub count: usize,
    /// The kind of pixels and the bits of each channel, as the header has them.
    kind: [u8; 2],
    before: Vec<Chunk>,
    after: Vec<Chunk>,
    /// Whether all of them are here.
    whole: bool,
}

impl Frames {
    /// Whether a file with such pixels can hold them.
    pub fn fit(&self, pixels: Pixels) -> bool {
        let kind = match pixels.channels {
            1 => 0,
            2 => 4,
            3 => 2,
            _ => 6,
        };
        self.whole && self.kind == [8 * pixels.depth.bytes().min(2) as u8, kind]
    }
}

/// What the chunks of a file say.
#[derive(Debug, Default)]
pub struct Header {
    /// Whether pixels are numbers of colours in a palette.
    pub indexed: bool,
    /// EXIF, resolution, and the chunks that only PNG has; the rest is the decoder's to say.
    pub metadata: Metadata,
}

/// Reads the chunks of a file, which `file` stands at the start of, without the pixels.
///
/// # Errors
/// When the file cannot be read, or holds far more beside the pixels than pictures do.
pub fn read(file: &mut (impl Read + Seek)) -> anyhow::Result<Header> {
    let mut header = Header::default();
    let mut own = Vec::new();
    let mut room = CHUNKS_LIMIT;
    let mut room_for_frames = FRAMES_LIMIT;
    let (mut frames, mut animated, mut pixels_came) =
        (Frames { whole: true, ..Frames::default() }, false, false);
    let mut pictures = 0_usize;
    let length = file.seek(SeekFrom::End(0))?;
    let mut at = 8;
    while at + 12 <= length {
        file.seek(SeekFrom::Start(at))?;
        let mut start = [0; 8];
        file.read_exact(&mut start)?;
        let [a, b, c, d, kind @ ..] = start;
        let size = u64::from(u32::from_be_bytes([a, b, c, d]));
        at += size + 12;
        if &kind == b"IEND" {
            break;
        }
        if [b"acTL", b"fcTL", b"fdAT"].contains(&&kind) {
            animated |= &kind == b"acTL";
            pictures += usize::from(&kind == b"fcTL");
            room_for_frames = room_for_frames.saturating_sub(size);
            frames.whole &= room_for_frames > 0 && at <= length;
            if frames.whole {
                let mut content = free_memory::zeros(size as usize)?;
                file.read_exact(&mut content)?;
                if pixels_came { &mut frames.after } else { &mut frames.before }.push((kind, content));
            }
            continue;
        }
        pixels_came |= &kind == b"IDAT";
        let wanted = [b"IHDR", b"eXIf"].contains(&&kind) || !NOT_KEPT.contains(&&kind);
        if !wanted || at > length {
            continue;
        }
        room = room
            .checked_sub(size)
            .ok_or_else(|| anyhow!("it holds more than {} MB beside its pixels", CHUNKS_LIMIT >> 20))?;
        let mut content = vec![0; size as usize];
        file.read_exact(&mut content)?;
        match &kind {
            b"IHDR" => {
                header.indexed = content.get(9) == Some(&3);
                frames.kind = [8, 9].map(|i| content.get(i).copied().unwrap_or_default());
            }
            b"eXIf" => header.metadata.exif = Some(content),
            b"pHYs" => header.metadata.resolution = physical(&content),
            b"tEXt" if content.starts_with(IPTC_KEYWORD) => {
                header.metadata.iptc = profile(&content[IPTC_KEYWORD.len()..]);
                own.push((kind, content));
            }
            b"iTXt" if content.starts_with(XMP_KEYWORD) => {}
            _ => own.push((kind, content)),
        }
    }
    header.metadata.own = Own::Png(own);
    // The first of them is the picture itself, if it is part of the animation.
    frames.count = pictures - usize::from(frames.before.iter().any(|(kind, _)| kind == b"fcTL"));
    if animated && frames.count > 0 {
        header.metadata.further.frames = Some(frames.into());
    }
    Ok(header)
}

/// The captions in a text: a name, a length, and hexadecimal digits.
fn profile(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let digits: String = text.split_whitespace().skip(2).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes = digits.as_bytes().chunks_exact(2).map(byte).collect::<Option<Vec<u8>>>()?;
    photoshop::iptc(&bytes)
}

fn text_of(iptc: &[u8]) -> Vec<u8> {
    let bytes = photoshop::of_iptc(iptc);
    let mut text = [IPTC_KEYWORD, b"\niptc\n"].concat();
    text.extend(format!("{:8}", bytes.len()).into_bytes());
    for row in bytes.chunks(36) {
        text.push(b'\n');
        text.extend(row.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    }
    text.push(b'\n');
    text
}

fn physical(content: &[u8]) -> Option<Resolution> {
    let number = |at: usize| Some(u32::from_be_bytes(content.get(at..at + 4)?.try_into().ok()?));
    let (x, y) = (number(0)?, number(4)?);
    Some(match content.get(8)? {
        1 => Resolution::from_per_metre(x, y),
        _ => Resolution { x: f64::from(x), y: f64::from(y), unit: super::metadata::Unit::None },
    })
}

/// Writes a whole file. `data` of 16 bits is in the machine's byte order, and in another one afterwards.
///
/// # Errors
/// When it cannot be written.
pub fn write(
    writer: impl Write,
    (width, height): (u32, u32),
    pixels: Pixels,
    data: &mut [u8],
    metadata: &Metadata,
) -> anyhow::Result<()> {
    let mut info = Info::with_size(width, height);
    info.color_type = match pixels.channels {
        1 => ColorType::Grayscale,
        2 => ColorType::GrayscaleAlpha,
        3 => ColorType::Rgb,
        _ => ColorType::Rgba,
    };
    info.bit_depth = match pixels.depth {
        Depth::U8 => BitDepth::Eight,
        Depth::U16 => BitDepth::Sixteen,
        Depth::F32 => bail!("PNG holds no float values; name a .tif file"),
    };
    if pixels.depth == Depth::U16 {
        data.chunks_exact_mut(2).for_each(|value| {
            let number = u16::from_ne_bytes([value[0], value[1]]);
            value.copy_from_slice(&number.to_be_bytes());
        });
    }
    let own: &[([u8; 4], Vec<u8>)] = match &metadata.own {
        Own::Png(chunks) => chunks,
        _ => &[],
    };
    if !own.iter().any(|(kind, _)| kind == b"iCCP") {
        info.icc_profile = metadata.icc.as_deref().map(Cow::Borrowed);
    }
    info.exif_metadata = metadata.exif.as_deref().map(Cow::Borrowed);
    info.pixel_dims = metadata.resolution.map(|resolution| match resolution.per_metre() {
        Some((xppu, yppu)) => PixelDimensions { xppu, yppu, unit: Unit::Meter },
        None => {
            let Resolution { x, y, .. } = resolution;
            PixelDimensions { xppu: x as u32, yppu: y as u32, unit: Unit::Unspecified }
        }
    });
    let mut encoder = Encoder::with_info(writer, info)?;
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    for (kind, content) in own {
        writer.write_chunk(ChunkType(*kind), content)?;
    }
    if let (Some(iptc), false) = (&metadata.iptc, matches!(metadata.own, Own::Png(_))) {
        writer.write_chunk(ChunkType(*b"tEXt"), &text_of(iptc))?;
    }
    if let Some(xmp) = &metadata.xmp {
        // Not compressed, without language and translated keyword.
        writer.write_chunk(ChunkType(*b"iTXt"), &[XMP_KEYWORD, &[0; 4], xmp].concat())?;
    }
    let frames = metadata.further.frames.as_ref().filter(|frames| frames.fit(pixels));
    let (before, after) = frames.map_or((&[][..], &[][..]), |frames| (&frames.before, &frames.after));
    for (kind, content) in before {
        writer.write_chunk(ChunkType(*kind), content)?;
    }
    writer.write_image_data(data)?;
    for (kind, content) in after {
        writer.write_chunk(ChunkType(*kind), content)?;
    }
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_come_back_out_of_their_text() {
        let iptc: Vec<u8> = (0..200).collect();
        let text = text_of(&iptc);
        assert_eq!(profile(&text[IPTC_KEYWORD.len()..]).unwrap(), iptc);
        assert!(
            (0..text.len()).all(|end| profile(&text[..end]).is_none_or(|found| found.len() <= iptc.len()))
        );
    }
}
