//! What only JPEG files have (ITU-T T.81): segments, and how the picture was coded.

use anyhow::{Context, anyhow, bail};
use jpeg_encoder::{
    ColorType, Encoder, PixelDensity, PixelDensityUnit, QuantizationTableType, SamplingFactor,
};

use super::metadata::{Metadata, Own, Resolution, Unit};
use super::{photoshop, scan, xmp};

const EXIF: &[u8] = b"Exif\0\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
/// Offsets of further pictures in the same file, which are not written again (CIPA DC-007).
const MULTI_PICTURE: &[u8] = b"MPF\0";
/// How bright the picture is on brighter screens; the map itself is a further picture (ISO 21496-1).
const GAIN_MAP: &[u8] = b"urn:iso:std:iso:ts:21496:-1\0";
/// Adobe Photoshop's image resources.
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

/// What files end with.
pub const END: [u8; 2] = [0xFF, 0xD9];

/// The most bytes that a segment can hold.
const SEGMENT_LIMIT: usize = 65_533;

/// The most bytes of XMP that a segment can hold.
pub const XMP_LIMIT: usize = SEGMENT_LIMIT - XMP.len();

const QUALITY: u8 = 95;

/// From the order in which a block's frequencies are stored to rows and columns (T.81, figure 5).
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// How the picture in a file was coded; enough to code another one alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// Quantisation of brightness and of colour, row by row.
    quantisation: [[u16; 64]; 2],
    /// Pixels that share one colour value, across and down.
    subsampling: (u8, u8),
    progressive: bool,
}

/// What the segments of a file say.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// Whether the file lacks its end, though all pixels are there.
    pub endless: bool,
    /// 1 gray, 3 colour, 4 CMYK.
    pub components: usize,
    /// What belongs to the picture.
    pub metadata: Metadata,
}

/// Reads all segments of a file.
///
/// # Errors
/// When the file ends before the picture does.
pub fn read(bytes: &[u8]) -> anyhow::Result<Header> {
    let mut header = Header::default();
    let mut tables = [None; 4];
    let mut frame: Option<(bool, Vec<[u8; 4]>)> = None;
    let (mut profile, mut own) = (Vec::new(), Vec::new());
    let (mut gain_map, mut pictures) = (false, false);
    let mut at = 2;
    loop {
        let marker = match next_marker(bytes, &mut at) {
            Err(_) if scan::is_whole(bytes) => {
                header.endless = true;
                at = bytes.len();
                break;
            }
            marker => marker?,
        };
        match marker {
            0xD9 => break,
            // Markers without content.
            0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let content = segment(bytes, &mut at)?;
        match marker {
            0xDB => quantisation(content, &mut tables),
            // Start of frame, but for the markers of other things in this range.
            0xC0..=0xCF if ![0xC4, 0xC8, 0xCC].contains(&marker) && frame.is_none() => {
                let components = content.get(6..).unwrap_or_default().chunks_exact(3);
                let component = |c: &[u8]| [c[0], c[1] >> 4, c[1] & 15, c[2]];
                frame = Some((marker == 0xC2, components.map(component).collect()));
            }
            0xE0 if content.starts_with(b"JFIF\0") => header.metadata.resolution = density(content),
            // What is too long for one segment goes on in the next.
            0xE1 if content.starts_with(EXIF) => {
                header.metadata.exif.get_or_insert_default().extend(&content[EXIF.len()..]);
            }
            0xE1 if content.starts_with(XMP) => {
                header.metadata.xmp.get_or_insert_with(|| content[XMP.len()..].to_vec());
            }
            0xE2 if content.starts_with(ICC) && content.len() > ICC.len() + 2 => {
                profile.push((content[ICC.len()], &content[ICC.len() + 2..]));
            }
            // JFIF's own segments and Adobe's note on colours are written by the encoder.
            0xE0 | 0xEE => {}
            0xE2 if content.starts_with(MULTI_PICTURE) => pictures = true,
            0xE2 if content.starts_with(GAIN_MAP) => gain_map = true,
            0xED if content.starts_with(PHOTOSHOP) => {
                let resources = &content[PHOTOSHOP.len()..];
                header.metadata.iptc = header.metadata.iptc.or_else(|| photoshop::iptc(resources));
                let kept = photoshop::without_thumbnails(resources);
                own.push((marker, kept.map_or(content.to_vec(), |kept| [PHOTOSHOP, &kept].concat())));
            }
            0xE1..=0xEF | 0xFE => own.push((marker, content.to_vec())),
            _ => {}
        }
    }
    let promised = header.metadata.xmp.as_deref().map_or((false, false), xmp::promises);
    header.metadata.further.dropped = behind(&bytes[at..], gain_map || promised.0, pictures, promised.1);
    profile.sort_by_key(|(number, _)| *number);
    let profile: Vec<u8> = profile.into_iter().flat_map(|(_, part)| part.iter().copied()).collect();
    header.metadata.icc = Some(profile).filter(|profile| !profile.is_empty());
    header.metadata.own = Own::Jpeg(own);
    let (progressive, components) = frame.context("the JPEG file holds no picture")?;
    header.components = components.len();
    header.metadata.jpeg = coding(progressive, &components, &tables);
    Ok(header)
}

/// What lies behind the picture in its file, which no result has, in words.
fn behind(rest: &[u8], gain_map: bool, pictures: bool, video: bool) -> Vec<String> {
    let mut found = Vec::new();
    // The start of an MP4 file (ISO/IEC 14496-12), which phones put behind the moment that a picture shows.
    let video = video || rest.windows(4).take(1 << 16).any(|window| window == b"ftyp");
    if gain_map {
        found.push("its gain map (HDR)".to_owned());
    }
    if video {
        found.push("its video".to_owned());
    }
    if pictures && !gain_map {
        found.push("the further pictures behind it".to_owned());
    }
    if found.is_empty() && rest.iter().any(|byte| *byte != 0) {
        found.push(format!("what follows it in its file, {} bytes", rest.len()));
    }
    found
}

/// The marker at or after `at`, past which it leaves `at`. Coded pixels on the way are skipped.
fn next_marker(bytes: &[u8], at: &mut usize) -> anyhow::Result<u8> {
    loop {
        let rest = bytes.get(*at..).unwrap_or_default();
        let found = rest.iter().position(|byte| *byte == 0xFF).map(|i| *at + i);
        let marker = found.and_then(|i| Some((i, *bytes.get(i + 1)?)));
        let Some((start, marker)) = marker else {
            bail!("the picture cannot be decoded: the file is cut off");
        };
        // 0xFF00 is a coded 0xFF, 0xFFFF a filling.
        *at = if marker == 0xFF { start + 1 } else { start + 2 };
        if marker != 0 && marker != 0xFF {
            return Ok(marker);
        }
    }
}

fn segment<'a>(bytes: &'a [u8], at: &mut usize) -> anyhow::Result<&'a [u8]> {
    let cut = || anyhow!("the picture cannot be decoded: the file is cut off");
    let length = bytes.get(*at..*at + 2).ok_or_else(cut)?;
    let end = *at + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
    let content = bytes.get(*at + 2..end).ok_or_else(cut)?;
    *at = end;
    Ok(content)
}

fn quantisation(mut content: &[u8], tables: &mut [Option<[u16; 64]>; 4]) {
    while let [kind, rest @ ..] = content {
        let wide = kind >> 4 != 0;
        let length = if wide { 128 } else { 64 };
        let (Some(stored), slot) = (rest.get(..length), usize::from(kind & 3)) else { return };
        let mut table = [0; 64];
        for (i, place) in ZIGZAG.iter().enumerate() {
            table[*place] = match wide {
                true => u16::from_be_bytes([stored[2 * i], stored[2 * i + 1]]),
                false => u16::from(stored[i]),
            };
        }
        tables[slot] = Some(table);
        content = &rest[length..];
    }
}

fn density(jfif: &[u8]) -> Option<Resolution> {
    let number = |at: usize| Some(f64::from(u16::from_be_bytes(jfif.get(at..at + 2)?.try_into().ok()?)));
    let unit = match jfif.get(7)? {
        1 => Unit::Inch,
        2 => Unit::Centimetre,
        _ => Unit::None,
    };
    Some(Resolution { x: number(8)?, y: number(10)?, unit })
}

fn coding(progressive: bool, components: &[[u8; 4]], tables: &[Option<[u16; 64]>; 4]) -> Option<Coding> {
    let table = |component: Option<&[u8; 4]>| tables.get(usize::from(component?[3])).copied().flatten();
    let luma = table(components.first())?;
    let quantisation = [luma, table(components.get(1)).unwrap_or(luma)];
    let subsampling = match components {
        [[_, across, down, _], [_, colour_across, colour_down, _], _] => {
            (across.checked_div(*colour_across)?, down.checked_div(*colour_down)?)
        }
        _ => (1, 1),
    };
    Some(Coding { quantisation, subsampling, progressive })
}

/// A whole file. `quality` 1 to 100 decides how it is coded; without it the picture is coded as the one was that
/// it comes from. Answers with notes too.
///
/// # Errors
/// When the picture is too large for the format.
pub fn write(
    (width, height): (u32, u32),
    gray: bool,
    data: &[u8],
    metadata: &Metadata,
    quality: Option<u8>,
) -> anyhow::Result<(Vec<u8>, Vec<String>)> {
    let (Ok(width), Ok(height)) = (u16::try_from(width), u16::try_from(height)) else {
        bail!("JPEG holds no more than 65535 pixels along a side; name a .png or .tif file");
    };
    let mut coded = Vec::new();
    let mut encoder = Encoder::new(&mut coded, quality.unwrap_or(QUALITY));
    if let Some(coding) = &metadata.jpeg {
        let (across, down) = coding.subsampling;
        encoder
            .set_sampling_factor(SamplingFactor::from_factors(across, down).unwrap_or(SamplingFactor::F_1_1));
        encoder.set_progressive(coding.progressive);
        if quality.is_none() {
            let [luma, chroma] =
                coding.quantisation.map(|table| QuantizationTableType::Custom(Box::new(table)));
            encoder.set_quantization_tables(luma, chroma);
        }
    }
    if let Some(Resolution { x, y, unit }) = metadata.resolution {
        let unit = match unit {
            Unit::None => PixelDensityUnit::PixelAspectRatio,
            Unit::Inch => PixelDensityUnit::Inches,
            Unit::Centimetre => PixelDensityUnit::Centimeters,
        };
        let density = [x, y].map(|value| value.round().clamp(1.0, 65_535.0) as u16);
        encoder.set_density(PixelDensity { density: (density[0], density[1]), unit });
    }
    let colour = if gray { ColorType::Luma } else { ColorType::Rgb };
    encoder.encode(data, width, height, colour).map_err(|error| anyhow!("it cannot be coded: {error}"))?;
    Ok(with_segments(&coded, metadata))
}

/// The coded picture with what belongs to it after the first segment, which is JFIF's.
fn with_segments(coded: &[u8], metadata: &Metadata) -> (Vec<u8>, Vec<String>) {
    let mut too_long = Vec::new();
    let first = 4 + usize::from(u16::from_be_bytes([coded[4], coded[5]])) - 2 + 2;
    let mut file = coded[..first].to_vec();
    let mut put = |marker: u8, what: &str, parts: &[&[u8]]| {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > SEGMENT_LIMIT {
            too_long.push(what.to_owned());
            return;
        }
        file.extend([0xFF, marker]);
        file.extend(((length + 2) as u16).to_be_bytes());
        parts.iter().for_each(|part| file.extend_from_slice(part));
    };
    for part in metadata.exif.iter().flat_map(|exif| exif.chunks(SEGMENT_LIMIT - EXIF.len())) {
        put(0xE1, "EXIF", &[EXIF, part]);
    }
    if let Some(xmp) = &metadata.xmp {
        put(0xE1, "XMP", &[XMP, xmp]);
    }
    if let Some(profile) = &metadata.icc {
        let parts: Vec<&[u8]> = profile.chunks(SEGMENT_LIMIT - ICC.len() - 2).collect();
        match u8::try_from(parts.len()) {
            Ok(count) => {
                for (number, part) in (1..=count).zip(&parts) {
                    put(0xE2, "the colour profile", &[ICC, &[number, count], part]);
                }
            }
            // Refused as a whole.
            Err(_) => put(0xE2, "the colour profile", &[profile]),
        }
    }
    if let (Some(iptc), false) = (&metadata.iptc, matches!(metadata.own, Own::Jpeg(_))) {
        put(0xED, "its IPTC captions", &[PHOTOSHOP, &photoshop::of_iptc(iptc)]);
    }
    if let Own::Jpeg(segments) = &metadata.own {
        segments.iter().for_each(|(marker, content)| put(*marker, "a segment", &[content]));
    }
    file.extend_from_slice(&coded[first..]);
    let note = |what: &String| format!("{what} is too long for JPEG and was left out");
    let notes = too_long.iter().map(note).collect();
    (file, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(quality: u8, sampling: SamplingFactor, progressive: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(progressive);
        let data: Vec<u8> = (0..40 * 24 * 3).map(|i| (i * 7 % 251) as u8).collect();
        encoder.encode(&data, 40, 24, ColorType::Rgb).unwrap();
        bytes
    }

    #[test]
    fn a_picture_is_coded_as_the_one_that_it_comes_from() {
        for (quality, sampling, progressive) in [
            (50, SamplingFactor::F_2_2, false),
            (83, SamplingFactor::F_2_1, true),
            (97, SamplingFactor::F_1_1, false),
        ] {
            let mut header = read(&coded(quality, sampling, progressive)).unwrap();
            header.metadata.icc = Some((0..200_000_u32).map(|i| i as u8).collect());
            header.metadata.exif = Some((0..150_000_u32).map(|i| (i % 253) as u8).collect());
            header.metadata.own = Own::Jpeg(vec![(0xFE, b"a comment".to_vec())]);
            let data = vec![99; 40 * 24 * 3];
            let (again, notes) = write((40, 24), false, &data, &header.metadata, None).unwrap();
            assert!(notes.is_empty());
            let after = read(&again).unwrap();
            assert_eq!(after.metadata.jpeg, header.metadata.jpeg, "{quality}");
            assert_eq!(after.metadata.jpeg.as_ref().unwrap().progressive, progressive);
            assert_eq!(after.metadata.icc, header.metadata.icc);
            assert_eq!(after.metadata.exif, header.metadata.exif);
            let Own::Jpeg(own) = after.metadata.own else { panic!() };
            assert_eq!(own, [(0xFE, b"a comment".to_vec())]);
            let (worse, _) = write((40, 24), false, &data, &header.metadata, Some(10)).unwrap();
            let worse = read(&worse).unwrap().metadata.jpeg.unwrap();
            assert!(worse.quantisation[0][0] > header.metadata.jpeg.unwrap().quantisation[0][0]);
        }
    }

    #[test]
    fn what_lies_behind_a_picture_is_told_by_its_kind() {
        assert!(
            behind(b"", false, false, false).is_empty() && behind(&[0; 9], false, false, false).is_empty()
        );
        assert_eq!(behind(b"\xFF\xD8", true, true, false), ["its gain map (HDR)"]);
        assert_eq!(behind(b"\0\0\0\x18ftypmp42", false, false, false), ["its video"]);
        assert_eq!(behind(b"\xFF\xD8", false, true, false), ["the further pictures behind it"]);
        assert_eq!(behind(b"more", false, false, false), ["what follows it in its file, 4 bytes"]);
    }

    #[test]
    fn a_file_that_ends_early_is_told_from_a_whole_one() {
        let whole = coded(80, SamplingFactor::F_1_1, false);
        for length in 2..whole.len() - 2 {
            assert!(read(&whole[..length]).is_err(), "{length} of {}", whole.len());
        }
        // Only the two bytes of the end may be missing, in every subsampling.
        for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_2_2] {
            let whole = coded(80, sampling, false);
            let endless = |less: usize| read(&whole[..whole.len() - less]).map(|header| header.endless).ok();
            assert_eq!([0, 1, 2, 3].map(endless), [Some(false), Some(true), Some(true), None]);
        }
        assert!(read(&[&whole[..], b"more"].concat()).is_ok());
    }
}
