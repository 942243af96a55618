//! EXIF is a TIFF structure (TIFF 6.0): directories of tags. Only a few values are changed, each in its place, so
//! that everything else, makers' notes with their absolute offsets included, stays as it is.

use super::metadata::{Resolution, Unit};
use super::orientation::Orientation;

const ORIENTATION: u16 = 0x0112;
const X_RESOLUTION: u16 = 0x011A;
const Y_RESOLUTION: u16 = 0x011B;
const RESOLUTION_UNIT: u16 = 0x0128;
/// The small copy of the picture, a JPEG file, in the second directory.
const THUMBNAIL: u16 = 0x0201;
const THUMBNAIL_LENGTH: u16 = 0x0202;
const EXIF_DIRECTORY: u16 = 0x8769;
const COLOUR_SPACE: u16 = 0xA001;
const ADOBE: u32 = 2;
const UNCALIBRATED: u32 = 0xFFFF;
const INTEROPERABILITY: u16 = 0xA005;
const INTEROPERABILITY_INDEX: u16 = 1;
const PIXELS_ACROSS: u16 = 0xA002;
const PIXELS_DOWN: u16 = 0xA003;

const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;

/// Bytes of an entry in a directory.
const ENTRY: usize = 12;

/// Bytes that are read and changed in place.
struct Structure<'a> {
    bytes: &'a mut [u8],
    big_endian: bool,
}

/// Where a directory's entries start and how many there are.
#[derive(Clone, Copy)]
struct Directory {
    start: usize,
    entries: usize,
}

/// Resets what no longer holds for a picture that has been turned upright and changed, and answers with how it was
/// to be turned: the orientation becomes 1, the thumbnail of the old picture is no longer pointed at, and what
/// is said of across and down changes places if the sides do. A broken structure stays as it is.
pub fn make_upright(exif: &mut [u8]) -> Orientation {
    let Some((mut structure, first)) = Structure::open(exif) else { return Orientation::UPRIGHT };
    let entry = structure.find(first, ORIENTATION);
    let number = entry.and_then(|entry| structure.unsigned(entry)).unwrap_or(1);
    let orientation = Orientation::from_exif(number.try_into().unwrap_or(1));
    if let Some(entry) = entry.filter(|_| orientation != Orientation::UPRIGHT) {
        structure.set_unsigned(entry, 1);
    }
    let next = first.start + first.entries * ENTRY;
    structure.clear_thumbnail(next);
    if let Some(next) = structure.bytes.get_mut(next..next + 4) {
        next.fill(0);
    }
    if orientation.swaps_sides()
        && let (Some(x), Some(y)) = (structure.find(first, X_RESOLUTION), structure.find(first, Y_RESOLUTION))
    {
        // Fractions lie elsewhere; the entries swap the places that they point at.
        (0..ENTRY).skip(2).for_each(|byte| structure.bytes.swap(x + byte, y + byte));
    }
    let details = structure.find(first, EXIF_DIRECTORY).and_then(|entry| structure.unsigned(entry));
    if let Some(details) = details.and_then(|at| structure.directory(at as usize))
        && orientation.swaps_sides()
        && let (Some(across), Some(down)) =
            (structure.find(details, PIXELS_ACROSS), structure.find(details, PIXELS_DOWN))
        && let (Some(width), Some(height)) = (structure.unsigned(across), structure.unsigned(down))
    {
        structure.set_unsigned(across, height);
        structure.set_unsigned(down, width);
    }
    orientation
}

/// Whether EXIF says that colours are Adobe RGB's: uncalibrated, and by the rule R03 (DCF 2.0), or by a number of its own.
pub fn is_adobe_rgb(exif: &[u8]) -> bool {
    let colours = || {
        let mut exif = exif.to_vec();
        let (structure, first) = Structure::open(&mut exif)?;
        let inner = |directory: Directory, tag: u16| {
            let at = structure.unsigned(structure.find(directory, tag)?)?;
            structure.directory(at as usize)
        };
        let details = inner(first, EXIF_DIRECTORY)?;
        let space = structure.unsigned(structure.find(details, COLOUR_SPACE)?)?;
        let rule = inner(details, INTEROPERABILITY)
            .and_then(|directory| structure.find(directory, INTEROPERABILITY_INDEX))
            .and_then(|entry| structure.bytes.get(entry + 8..entry + 11));
        Some(space == ADOBE || space == UNCALIBRATED && rule == Some(b"R03"))
    };
    colours().unwrap_or(false)
}

/// The resolution that EXIF gives.
pub fn resolution(exif: &[u8]) -> Option<Resolution> {
    let mut exif = exif.to_vec();
    let (structure, first) = Structure::open(&mut exif)?;
    let [x, y] = [X_RESOLUTION, Y_RESOLUTION]
        .map(|tag| structure.find(first, tag).and_then(|entry| structure.rational(entry)));
    let unit = structure.find(first, RESOLUTION_UNIT).and_then(|entry| structure.unsigned(entry));
    let unit = match unit {
        Some(1) => Unit::None,
        Some(3) => Unit::Centimetre,
        _ => Unit::Inch,
    };
    Some(Resolution { x: x?, y: y?, unit })
}

impl<'a> Structure<'a> {
    /// The structure and its first directory.
    fn open(bytes: &'a mut [u8]) -> Option<(Self, Directory)> {
        let big_endian = match bytes.get(..4)? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let structure = Structure { bytes, big_endian };
        let first = structure.directory(structure.u32(4)? as usize)?;
        Some((structure, first))
    }

    /// Fills the small copy of the picture with zeros, to whose directory the four bytes at `next` point.
    fn clear_thumbnail(&mut self, next: usize) {
        let place = |structure: &Self| {
            let at = structure.u32(next).filter(|at| *at > 0)?;
            let directory = structure.directory(at as usize)?;
            let number = |tag| structure.unsigned(structure.find(directory, tag)?);
            let (start, length) = (number(THUMBNAIL)? as usize, number(THUMBNAIL_LENGTH)? as usize);
            Some(start..start.checked_add(length)?)
        };
        let Some(place) = place(self) else { return };
        // Nothing else is touched where the numbers are wrong.
        if let Some(thumbnail) = self.bytes.get_mut(place).filter(|bytes| bytes.starts_with(&[0xFF, 0xD8])) {
            thumbnail.fill(0);
        }
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn directory(&self, at: usize) -> Option<Directory> {
        let (start, entries) = (at.checked_add(2)?, usize::from(self.u16(at)?));
        self.bytes.get(start..start.checked_add(entries * ENTRY)?)?;
        Some(Directory { start, entries })
    }

    /// Where the entry of a tag starts.
    fn find(&self, directory: Directory, tag: u16) -> Option<usize> {
        let mut entries = (0..directory.entries).map(|i| directory.start + i * ENTRY);
        entries.find(|entry| self.u16(*entry) == Some(tag))
    }

    /// The number in an entry that holds one.
    fn unsigned(&self, entry: usize) -> Option<u32> {
        match (self.u16(entry + 2)?, self.u32(entry + 4)?) {
            (SHORT, 1) => self.u16(entry + 8).map(u32::from),
            (LONG, 1) => self.u32(entry + 8),
            _ => None,
        }
    }

    fn set_unsigned(&mut self, entry: usize, value: u32) {
        let short = self.u16(entry + 2) == Some(SHORT);
        let bytes = match (short, self.big_endian) {
            (true, true) => (value as u16).to_be_bytes().to_vec(),
            (true, false) => (value as u16).to_le_bytes().to_vec(),
            (false, true) => value.to_be_bytes().to_vec(),
            (false, false) => value.to_le_bytes().to_vec(),
        };
        self.bytes[entry + 8..entry + 8 + bytes.len()].copy_from_slice(&bytes);
    }

    fn rational(&self, entry: usize) -> Option<f64> {
        if (self.u16(entry + 2)?, self.u32(entry + 4)?) != (RATIONAL, 1) {
            return None;
        }
        let at = self.u32(entry + 8)? as usize;
        let (numerator, denominator) = (self.u32(at)?, self.u32(at.checked_add(4)?)?);
        (denominator != 0).then(|| f64::from(numerator) / f64::from(denominator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Orientation 6 and a pointer to a directory with 40 x 30 pixels, then a pointer to a thumbnail.
    fn sample(big_endian: bool) -> Vec<u8> {
        let short = |v: u16| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() }.to_vec();
        let long = |v: u32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() }.to_vec();
        let entry = |tag, kind, value: Vec<u8>| {
            let mut entry = [short(tag), short(kind), long(1), value].concat();
            entry.resize(ENTRY, 0);
            entry
        };
        let magic = if big_endian { b"MM\0*" } else { b"II*\0" };
        [
            magic.to_vec(),
            long(8),
            short(2),
            entry(ORIENTATION, SHORT, short(6)),
            entry(EXIF_DIRECTORY, LONG, long(38)),
            long(999),
            short(2),
            entry(PIXELS_ACROSS, LONG, long(40)),
            entry(PIXELS_DOWN, SHORT, short(30)),
            long(0),
        ]
        .concat()
    }

    #[test]
    fn what_no_longer_holds_is_reset_in_place() {
        for big_endian in [false, true] {
            let mut exif = sample(big_endian);
            let orientation = make_upright(&mut exif);
            assert_eq!(orientation, Orientation::from_exif(6));
            assert_eq!(make_upright(&mut exif.clone()), Orientation::UPRIGHT);
            let (structure, first) = Structure::open(&mut exif).unwrap();
            let details = structure.directory(38).unwrap();
            let number = |tag| structure.unsigned(structure.find(details, tag).unwrap());
            assert_eq!([number(PIXELS_ACROSS), number(PIXELS_DOWN)], [Some(30), Some(40)]);
            assert_eq!(structure.u32(first.start + 2 * ENTRY), Some(0), "the thumbnail");
        }
    }

    #[test]
    fn the_small_copy_of_the_picture_goes_with_its_bytes() {
        let entry = |tag: u16, value: u32| {
            [&tag.to_le_bytes()[..], b"\x04\0\x01\0\0\0", &value.to_le_bytes()].concat()
        };
        let exif = |length: u32| {
            let first = [&b"II*\0\x08\0\0\0\0\0"[..], &14_u32.to_le_bytes()].concat();
            let second =
                [&b"\x02\0"[..], &entry(THUMBNAIL, 44), &entry(THUMBNAIL_LENGTH, length), &[0; 4]].concat();
            [first, second, b"\xFF\xD8rust\xFF\xD9".to_vec()].concat()
        };
        let mut cleared = exif(8);
        make_upright(&mut cleared);
        assert_eq!(cleared[44..], [0; 8]);
        let mut wrong = exif(80);
        make_upright(&mut wrong);
        assert_eq!(wrong[44..], exif(80)[44..]);
    }

    #[test]
    fn adobe_rgb_is_told_from_other_colours() {
        // Two directories below the first: the details with a colour space, and the rule.
        let exif = |space: u16, rule: &[u8; 4]| {
            let entry = |tag: u16, kind: u16, value: [u8; 4]| {
                let count = if kind == 2 { 4_u32 } else { 1 };
                [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
            };
            let at = |at: u32| at.to_le_bytes();
            [
                b"II*\0\x08\0\0\0\x01\0".to_vec(),
                entry(EXIF_DIRECTORY, LONG, at(26)),
                at(0).to_vec(),
                b"\x02\0".to_vec(),
                entry(COLOUR_SPACE, LONG, at(space.into())),
                entry(INTEROPERABILITY, LONG, at(56)),
                at(0).to_vec(),
                b"\x01\0".to_vec(),
                entry(INTEROPERABILITY_INDEX, 2, *rule),
                at(0).to_vec(),
            ]
            .concat()
        };
        assert!(is_adobe_rgb(&exif(0xFFFF, b"R03\0")) && is_adobe_rgb(&exif(2, b"R98\0")));
        assert!(!is_adobe_rgb(&exif(0xFFFF, b"R98\0")) && !is_adobe_rgb(&exif(1, b"R03\0")));
        let whole = exif(0xFFFF, b"R03\0");
        assert!((0..70).all(|length| !is_adobe_rgb(&whole[..length])));
        assert!(!is_adobe_rgb(&sample(true)));
    }

    #[test]
    fn broken_structures_are_left_alone() {
        let whole = sample(false);
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            make_upright(&mut cut);
            resolution(&cut);
        }
        for position in 0..whole.len() {
            for value in [0, 0x7F, 0xFF] {
                let mut changed = whole.clone();
                changed[position] = value;
                make_upright(&mut changed);
                resolution(&changed);
            }
        }
    }
}
