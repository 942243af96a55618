//! TIFF tags as they stand in files and in EXIF, to be written again elsewhere.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use ::tiff::encoder::{DirectoryEncoder, TiffEncoder, TiffKindStandard};
use ::tiff::tags::{IfdPointer, Tag, Type};
use ::tiff::{Directory, TiffResult};

/// Larger values are no description of a picture.
const VALUE_LIMIT: u64 = 16 << 20;

const EXIF_DIRECTORY: u16 = 34_665;
const GPS_DIRECTORY: u16 = 34_853;

/// Tags that say how pixels are stored, that are written from elsewhere, or that point to other places in the file.
const STRUCTURE: [u16; 53] = [
    254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289, 290,
    291, 292, 293, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 334, 336, 337, 338, 339,
    340, 341, 347, 513, 514, 529, 530, 531, 532, 700, 34_675,
];

/// Resolution: kept in EXIF; in a TIFF file written from the picture.
const RESOLUTION: [u16; 3] = [282, 283, 296];

/// The layers of a picture editor: they still show the old picture.
const LAYERS: u16 = 37_724;

/// A tag with its value, in the machine's byte order.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    tag: u16,
    kind: Type,
    value: Vec<u8>,
}

/// The tags of a picture: its own, EXIF's, and those of its position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tags {
    main: Vec<Entry>,
    exif: Vec<Entry>,
    gps: Vec<Entry>,
}

impl Tags {
    /// Reads the tags of a TIFF structure; `None` where it is broken or of the kind with 64-bit offsets.
    pub fn read(file: &mut (impl Read + Seek)) -> Option<Self> {
        let mut start = [0; 8];
        file.rewind().ok()?;
        file.read_exact(&mut start).ok()?;
        let big_endian = match &start[..4] {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        let mut source = Source { file, big_endian };
        let at = source.u32(&start[4..])?;
        let mut main = source.directory(at)?;
        let mut details = |tag: u16| {
            let at = main.iter().find(|entry| entry.tag == tag)?.value.get(..4)?.try_into().ok()?;
            source.directory(u32::from_ne_bytes(at))
        };
        let (exif, gps) = (details(EXIF_DIRECTORY), details(GPS_DIRECTORY));
        let own =
            |tag: u16| !STRUCTURE.contains(&tag) && ![EXIF_DIRECTORY, GPS_DIRECTORY, LAYERS].contains(&tag);
        main.retain(|entry| own(entry.tag));
        Some(Tags { main, exif: exif.unwrap_or_default(), gps: gps.unwrap_or_default() })
    }

    /// The tags as EXIF: a TIFF structure without pixels.
    ///
    /// # Errors
    /// When there are more than the structure can hold.
    pub fn to_exif(&self) -> TiffResult<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut tiff = TiffEncoder::new(Cursor::new(&mut bytes))?;
        let details = self.write_details(&mut tiff)?;
        let mut directory = tiff.image_directory()?;
        write(&self.main, &mut directory)?;
        for (tag, IfdPointer(at)) in details {
            directory.write_tag(tag, u32::try_from(at)?)?;
        }
        directory.finish()?;
        Ok(bytes)
    }

    /// Writes the directories that the main one points to, and answers with the tags that do.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_details(
        &self,
        tiff: &mut TiffEncoder<impl Write + Seek, TiffKindStandard>,
    ) -> TiffResult<Vec<(Tag, IfdPointer)>> {
        let mut written = Vec::new();
        for (tag, entries) in [(EXIF_DIRECTORY, &self.exif), (GPS_DIRECTORY, &self.gps)] {
            if !entries.is_empty() {
                let mut directory = tiff.extra_directory()?;
                write(entries, &mut directory)?;
                let pointer = directory.finish_with_offsets()?.pointer;
                written.push((Tag::from_u16_exhaustive(tag), pointer));
            }
        }
        Ok(written)
    }

    /// Writes the picture's own tags into the directory of a picture, but for the resolution.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_main(
        &self,
        directory: &mut DirectoryEncoder<'_, impl Write + Seek, TiffKindStandard>,
    ) -> TiffResult<()> {
        let entries: Vec<Entry> =
            self.main.iter().filter(|entry| !RESOLUTION.contains(&entry.tag)).cloned().collect();
        write(&entries, directory)
    }
}

/// Where the lower byte of a tag's first small number lies in a TIFF structure, and what it is.
pub fn place(file: &mut (impl Read + Seek), tag: u16) -> Option<(u64, u8)> {
    let mut start = [0; 8];
    file.rewind().ok()?;
    file.read_exact(&mut start).ok()?;
    let source = Source { big_endian: start.starts_with(b"MM"), file };
    if !matches!(&start[..4], b"II*\0" | b"MM\0*") {
        return None;
    }
    let mut at = u64::from(source.u32(&start[4..])?);
    let mut count = [0; 2];
    source.file.seek(SeekFrom::Start(at)).ok()?;
    source.file.read_exact(&mut count).ok()?;
    at += 2;
    for _ in 0..source.u16(&count)? {
        let mut raw = [0; 12];
        source.file.read_exact(&mut raw).ok()?;
        if source.u16(&raw)? == tag {
            let lower = if source.big_endian { 9 } else { 8 };
            return Some((at + lower, raw[lower as usize]));
        }
        at += 12;
    }
    None
}

fn write(
    entries: &[Entry],
    directory: &mut DirectoryEncoder<'_, impl Write + Seek, TiffKindStandard>,
) -> TiffResult<()> {
    for Entry { tag, kind, value } in entries {
        let entry = directory.write_entry_bytes(*kind, value)?;
        directory.extend_from(&Directory::from_iter([(Tag::from_u16_exhaustive(*tag), entry)]));
    }
    Ok(())
}

/// Where tags are read from.
struct Source<'a, F> {
    file: &'a mut F,
    big_endian: bool,
}

impl<F: Read + Seek> Source<'_, F> {
    fn u16(&self, bytes: &[u8]) -> Option<u16> {
        let bytes = bytes.get(..2)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, bytes: &[u8]) -> Option<u32> {
        let bytes = bytes.get(..4)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// The tags of a directory; those with a value that cannot be read are left out.
    fn directory(&mut self, at: u32) -> Option<Vec<Entry>> {
        let mut count = [0; 2];
        self.file.seek(SeekFrom::Start(at.into())).ok()?;
        self.file.read_exact(&mut count).ok()?;
        let mut raw = vec![0; usize::from(self.u16(&count)?) * 12];
        self.file.read_exact(&mut raw).ok()?;
        Some(raw.chunks_exact(12).filter_map(|raw| self.entry(raw)).collect())
    }

    fn entry(&mut self, raw: &[u8]) -> Option<Entry> {
        let (tag, kind) = (self.u16(raw)?, Type::from_u16(self.u16(&raw[2..])?)?);
        let bytes = match kind {
            Type::BYTE | Type::ASCII | Type::SBYTE | Type::UNDEFINED => 1,
            Type::SHORT | Type::SSHORT => 2,
            Type::LONG | Type::SLONG | Type::FLOAT | Type::IFD => 4,
            Type::RATIONAL | Type::SRATIONAL | Type::DOUBLE => 8,
            _ => return None,
        };
        let length = u64::from(self.u32(&raw[4..])?) * bytes;
        if length > VALUE_LIMIT {
            return None;
        }
        let mut value = Vec::new();
        if length <= 4 {
            value.extend_from_slice(&raw[8..8 + length as usize]);
        } else {
            self.file.seek(SeekFrom::Start(self.u32(&raw[8..])?.into())).ok()?;
            self.file.by_ref().take(length).read_to_end(&mut value).ok()?;
        }
        // Fractions are two numbers of four bytes.
        let unit = if matches!(kind, Type::RATIONAL | Type::SRATIONAL) { 4 } else { bytes as usize };
        if self.big_endian != cfg!(target_endian = "big") {
            value.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
        }
        (value.len() as u64 == length).then_some(Entry { tag, kind, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_back_as_they_were() {
        let entry = |tag, kind, value: &[u8]| Entry { tag, kind, value: value.to_vec() };
        let tags = Tags {
            main: vec![
                entry(271, Type::ASCII, b"Maker of cameras\0"),
                entry(282, Type::RATIONAL, &[72_u32.to_ne_bytes(), 1_u32.to_ne_bytes()].concat()),
            ],
            exif: vec![entry(34_855, Type::SHORT, &400_u16.to_ne_bytes())],
            gps: vec![entry(1, Type::ASCII, b"N\0")],
        };
        let exif = tags.to_exif().unwrap();
        assert_eq!(Tags::read(&mut Cursor::new(&exif)).unwrap(), tags);
        for length in 0..exif.len() {
            Tags::read(&mut Cursor::new(&exif[..length]));
        }
    }
}
