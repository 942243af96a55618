//! TIFF tags as they stand in files and in EXIF, to be written again elsewhere.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};

use ::tiff::TiffResult;
use ::tiff::encoder::{DirectoryEncoder, TiffEncoder, TiffKindStandard};
use ::tiff::tags::{IfdPointer, Tag, Type};

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

/// The entries of a file's directory, where they lie. Knows the kind with 64-bit offsets, too.
#[derive(Debug)]
pub struct Directory {
    big_endian: bool,
    /// Bytes of an offset: 4 or 8.
    wide: usize,
    entries: Vec<RawEntry>,
    /// Where the next directory is; 0 where there is none.
    next: u64,
}

#[derive(Debug)]
struct RawEntry {
    /// Where it starts in the file.
    at: u64,
    tag: u16,
    kind: u16,
    count: u64,
    value: [u8; 8],
}

/// The type of whole numbers of four bytes.
const LONG: u16 = 4;

impl Directory {
    /// Reads the entries of the first directory; `None` where the file is broken.
    pub fn read(file: &mut (impl Read + Seek)) -> Option<Self> {
        let mut start = [0; 16];
        file.rewind().ok()?;
        file.read_exact(&mut start).ok()?;
        let (big_endian, wide) = match &start[..4] {
            b"II*\0" => (false, 4),
            b"MM\0*" => (true, 4),
            b"II+\0" => (false, 8),
            b"MM\0+" => (true, 8),
            _ => return None,
        };
        Self::at(file, number(&start[wide..2 * wide], big_endian), big_endian, wide)
    }

    /// Reads the entries of the directory after this one; `None` where there is none.
    pub fn next(&self, file: &mut (impl Read + Seek)) -> Option<Self> {
        if self.next == 0 { None } else { Self::at(file, self.next, self.big_endian, self.wide) }
    }

    fn at(file: &mut (impl Read + Seek), mut at: u64, big_endian: bool, wide: usize) -> Option<Self> {
        let number = |bytes: &[u8]| number(bytes, big_endian);
        let mut count = [0; 8];
        let count = &mut count[..if wide == 8 { 8 } else { 2 }];
        file.seek(SeekFrom::Start(at)).ok()?;
        file.read_exact(count).ok()?;
        at = at.checked_add(count.len() as u64)?;
        let mut entries = Vec::new();
        for _ in 0..number(count) {
            let mut raw = [0; 20];
            let raw = &mut raw[..4 + 2 * wide];
            file.read_exact(raw).ok()?;
            let mut value = [0; 8];
            value[..wide].copy_from_slice(&raw[4 + wide..]);
            let (tag, kind) = (number(&raw[..2]) as u16, number(&raw[2..4]) as u16);
            entries.push(RawEntry { at, tag, kind, count: number(&raw[4..4 + wide]), value });
            at += raw.len() as u64;
        }
        let mut next = [0; 8];
        // Files that end early here can be read all the same.
        let next = file.read_exact(&mut next[..wide]).map_or(0, |()| number(&next[..wide]));
        Some(Directory { big_endian, wide, entries, next })
    }

    fn find(&self, tag: u16) -> Option<&RawEntry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    /// The numbers of a tag that lie in the entry itself.
    pub fn numbers(&self, tag: u16) -> Option<Vec<u64>> {
        let entry = self.find(tag)?;
        let bytes = match entry.kind {
            1 => 1,
            3 => 2,
            LONG => 4,
            16 if self.wide == 8 => 8,
            _ => return None,
        };
        let count = usize::try_from(entry.count).ok().filter(|count| *count <= self.wide / bytes)?;
        Some(
            entry.value.chunks_exact(bytes).take(count).map(|bytes| number(bytes, self.big_endian)).collect(),
        )
    }

    /// What is to be read in the place of a tag's entry, and where, for the tag to be this one number; `None` where there
    /// is no such tag.
    pub fn replaced(&self, tag: u16, value: u32) -> Option<(u64, Vec<u8>)> {
        let entry = self.find(tag)?;
        let ordered = |mut bytes: Vec<u8>| {
            if self.big_endian {
                bytes.reverse();
            }
            bytes
        };
        let mut bytes = ordered(LONG.to_le_bytes().into());
        bytes.extend(ordered(1_u64.to_le_bytes()[..self.wide].into()));
        bytes.extend(ordered(value.to_le_bytes().into()));
        bytes.resize(2 + 2 * self.wide, 0);
        Some((entry.at + 2, bytes))
    }
}

/// An unsigned number of up to eight bytes.
fn number(bytes: &[u8], big_endian: bool) -> u64 {
    let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    if big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}

fn write(
    entries: &[Entry],
    directory: &mut DirectoryEncoder<'_, impl Write + Seek, TiffKindStandard>,
) -> TiffResult<()> {
    for Entry { tag, kind, value } in entries {
        let entry = directory.write_entry_bytes(*kind, value)?;
        directory.extend_from(&::tiff::Directory::from_iter([(Tag::from_u16_exhaustive(*tag), entry)]));
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
    #[test]
    fn entries_read_as_other_numbers_in_every_kind_of_file() {
        for (magic, wide) in
            [(&b"II*\0"[..], 4), (b"MM\0*", 4), (b"II+\0\x08\0\0\0", 8), (b"MM\0+\0\x08\0\0", 8)]
        {
            let ordered = |number: u64, bytes: usize| {
                let mut bytes = number.to_le_bytes()[..bytes].to_vec();
                if magic[0] == b'M' {
                    bytes.reverse();
                }
                bytes
            };
            let mut file = [magic.to_vec(), ordered(if wide == 4 { 8 } else { 16 }, wide)].concat();
            file.extend(ordered(2, if wide == 4 { 2 } else { 8 }));
            for (tag, value) in [(530, [2, 1]), (262, [6, 0])] {
                file.extend(
                    [ordered(tag, 2), ordered(3, 2), ordered(if tag == 530 { 2 } else { 1 }, wide)].concat(),
                );
                file.extend([ordered(value[0], 2), ordered(value[1], 2), vec![0; wide - 4]].concat());
            }
            let read = |file: &[u8]| Directory::read(&mut Cursor::new(file));
            let directory = read(&file).unwrap();
            assert_eq!(directory.numbers(530), Some(vec![2, 1]));
            assert_eq!((directory.numbers(262), directory.numbers(263)), (Some(vec![6]), None));
            let (at, bytes) = directory.replaced(262, 70_000).unwrap();
            file[at as usize..][..bytes.len()].copy_from_slice(&bytes);
            let directory = read(&file).unwrap();
            assert_eq!(
                (directory.numbers(530), directory.numbers(262)),
                (Some(vec![2, 1]), Some(vec![70_000]))
            );
            assert!((0..file.len() - 1).all(|length| read(&file[..length]).is_none()));
        }
    }
}
