//! Which colours the numbers of a file stand for, as far as it says.

use derust_engine::pixels::{Profile, ProfileError};

use super::exif;
use super::metadata::{Metadata, Own};

/// The gamma and the chromaticities of PNG are whole numbers, 100 000 for 1.
const PNG_UNIT: f32 = 100_000.0;
/// What PNG calls the gamma of sRGB.
const PNG_SRGB_GAMMA: u32 = 45_455;

/// The profile of a picture with these metadata, of one channel (`gray`) or more; `None` for sRGB, and where nothing is
/// said.
///
/// # Errors
/// When it cannot be used.
pub fn profile(metadata: &Metadata, gray: bool) -> Result<Option<Profile>, ProfileError> {
    let chunks: &[([u8; 4], Vec<u8>)] = match &metadata.own {
        Own::Png(chunks) => chunks,
        _ => &[],
    };
    let chunk =
        |kind: &[u8; 4]| chunks.iter().find(|(known, _)| known == kind).map(|(_, content)| &content[..]);
    // In the order of their rank (PNG, third edition, 4.3).
    if let Some([primaries, transfer, ..]) = chunk(b"cICP").filter(|_| !gray) {
        return Profile::from_code_points(*primaries, *transfer);
    }
    if let Some(icc) = &metadata.icc {
        return Profile::from_icc(icc, gray);
    }
    if chunk(b"sRGB").is_some() {
        return Ok(None);
    }
    let number = |content: &[u8], i: usize| {
        let bytes = content.get(4 * i..4 * i + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    let gamma = chunk(b"gAMA").and_then(|content| number(content, 0));
    if let Some(gamma) = gamma.filter(|gamma| *gamma > 0 && !gray) {
        let chromaticities = chunk(b"cHRM").and_then(|content| {
            let numbers: Option<Vec<f32>> =
                (0..8).map(|i| Some(number(content, i)? as f32 / PNG_UNIT)).collect();
            let numbers = numbers?;
            Some([0, 2, 4, 6].map(|i| [numbers[i], numbers[i + 1]]))
        });
        // What is nearly sRGB's gamma is meant to be sRGB, whose curve is no power.
        if gamma.abs_diff(PNG_SRGB_GAMMA) < 500 {
            return match chromaticities {
                Some(chromaticities) => Profile::from_chromaticities(chromaticities),
                None => Ok(None),
            };
        }
        return Profile::from_gamma(PNG_UNIT / gamma as f32, chromaticities);
    }
    let adobe = metadata.exif.as_deref().is_some_and(exif::is_adobe_rgb);
    Ok(if adobe && !gray { Profile::adobe_rgb() } else { None })
}
