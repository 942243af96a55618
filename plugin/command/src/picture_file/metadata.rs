//! What belongs to a picture besides its pixels.

use std::io::Cursor;

use super::exif;
use super::further::Further;
use super::orientation::Orientation;
use super::tags::Tags;
use super::{jpeg, xmp};

/// What belongs to a picture besides its pixels.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// The colour profile, as the International Color Consortium defines it.
    pub icc: Option<Vec<u8>>,
    /// EXIF: a TIFF structure, without anything before it.
    pub exif: Option<Vec<u8>>,
    /// XMP: an XML packet.
    pub xmp: Option<Vec<u8>>,
    /// Pixels per length.
    pub resolution: Option<Resolution>,
    /// Captions as IPTC's records (IIM).
    pub iptc: Option<Vec<u8>>,
    /// Where on earth a picture lies that has nothing else of its file: a mask.
    pub geography: Option<Tags>,
    /// What lies in its file beside the picture.
    pub further: Further,
    /// How the JPEG file was coded.
    pub jpeg: Option<jpeg::Coding>,
    /// What only files of the same format have a place for: segments, chunks, or tags.
    pub own: Own,
}

/// What only one format has a place for, as it lies in the file.
#[derive(Clone, Debug, Default)]
pub enum Own {
    /// Nothing.
    #[default]
    None,
    /// JPEG segments: marker and content.
    Jpeg(Vec<(u8, Vec<u8>)>),
    /// PNG chunks: type and content.
    Png(Vec<([u8; 4], Vec<u8>)>),
    /// A WebP file that was coded with loss.
    LossyWebp,
    /// How a TIFF file was compressed: the number of the method, and whether rows were predicted; whether values are half floats.
    #[allow(missing_docs, reason = "said above")]
    Tiff { compression: u16, predicted: bool, half: bool },
}

/// Pixels per length, across and down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resolution {
    /// Across.
    pub x: f64,
    /// Down.
    pub y: f64,
    /// Of what.
    pub unit: Unit,
}

/// A length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// None: only the ratio of both numbers counts.
    None,
    /// 25.4 mm.
    Inch,
    /// 10 mm.
    Centimetre,
}

impl Resolution {
    /// Across and down in pixels per metre; `None` where there is no length.
    pub fn per_metre(self) -> Option<(u32, u32)> {
        let factor = match self.unit {
            Unit::None => return None,
            Unit::Inch => 1.0 / 0.0254,
            Unit::Centimetre => 100.0,
        };
        Some(((self.x * factor).round() as u32, (self.y * factor).round() as u32))
    }

    /// From pixels per metre.
    pub fn from_per_metre(x: u32, y: u32) -> Self {
        Resolution { x: f64::from(x) / 100.0, y: f64::from(y) / 100.0, unit: Unit::Centimetre }
    }
}

impl Metadata {
    /// Where on earth the picture lies, alone.
    pub fn geography(&self) -> Option<Tags> {
        Tags::read(&mut Cursor::new(self.exif.as_deref()?))?.geography()
    }

    /// Whether something says where on earth the picture lies, more than a camera does.
    pub fn is_on_earth(&self) -> bool {
        self.geography().is_some()
    }

    /// Takes out what does not hold for a picture that is changed and written alone.
    pub fn keep_true(&mut self) {
        if let Some(kept) = self.xmp.as_deref().and_then(xmp::kept_true) {
            self.xmp = Some(kept);
        }
    }

    /// How the pixels must be turned to be upright; afterwards nothing says so any more.
    pub fn take_orientation(&mut self) -> Orientation {
        let orientation = self.exif.as_deref_mut().map_or(Orientation::UPRIGHT, exif::make_upright);
        if orientation != Orientation::UPRIGHT {
            self.xmp.as_deref_mut().into_iter().for_each(reset_xmp_orientation);
        }
        if orientation.swaps_sides()
            && let Some(resolution) = &mut self.resolution
        {
            (resolution.x, resolution.y) = (resolution.y, resolution.x);
        }
        orientation
    }
}

/// XMP repeats the orientation as `tiff:Orientation`, an attribute or an element; the value becomes 1 in its place.
fn reset_xmp_orientation(xmp: &mut [u8]) {
    const NAME: &[u8] = b"tiff:Orientation";
    for start in 0..xmp.len().saturating_sub(NAME.len() + 2) {
        let value = match &xmp[start..] {
            rest if !rest.starts_with(NAME) => continue,
            rest => match &rest[NAME.len()..] {
                [b'=', b'"' | b'\'', b'1'..=b'8', ..] => start + NAME.len() + 2,
                [b'>', b'1'..=b'8', ..] => start + NAME.len() + 1,
                _ => continue,
            },
        };
        xmp[value] = b'1';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orientation_in_xmp_is_reset_in_both_spellings() {
        for (before, after) in [
            (&b"<a tiff:Orientation=\"6\" b='6'/>"[..], &b"<a tiff:Orientation=\"1\" b='6'/>"[..]),
            (b"<tiff:Orientation>8</tiff:Orientation>", b"<tiff:Orientation>1</tiff:Orientation>"),
            (b"tiff:Orientation=", b"tiff:Orientation="),
            (b"", b""),
        ] {
            let mut xmp = before.to_vec();
            reset_xmp_orientation(&mut xmp);
            assert_eq!(xmp, after);
        }
    }
}
