//! TIFF tags as they stand in files and in EXIF, to be written again elsewhere.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use ::tiff::TiffResult;
use ::tiff::encoder::{DirectoryEncoder, TiffEncoder, TiffKindStandard};
use ::tiff::tags::{IfdPointer, Tag, Type};

use super::photoshop;

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

/// Captions of the International Press Telecommunications Council.
const IPTC: u16 = 33_723;
/// Adobe Photoshop's image resources.
const PHOTOSHOP: u16 = 34_377;

/// Scale, tie points, transformation, keys, and the numbers and texts of keys.
const GEOGRAPHY: [u16; 6] = [33_550, 33_922, 34_264, 34_735, 34_736, 34_737];

/// Where the data of strips and tiles lie, and how long they are.
const DATA: [[u16; 2]; 2] = [[273, 279], [324, 325]];
/// What points to other places in a file, and is not copied.
const POINTERS: [u16; 6] = [288, 289, 330, 513, 514, LAYERS];

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

impl Entry {
    /// Its numbers, if it holds whole ones.
    fn numbers(&self) -> Option<Vec<u64>> {
        let width = match self.kind {
            Type::BYTE => 1,
            Type::SHORT => 2,
            Type::LONG | Type::IFD => 4,
            Type::LONG8 | Type::IFD8 => 8,
            _ => return None,
        };
        let big_endian = cfg!(target_endian = "big");
        Some(self.value.chunks_exact(width).map(|bytes| number(bytes, big_endian)).collect())
    }

    /// The same for files with 32-bit offsets; `None` where numbers are too large for them.
    fn narrowed(self) -> Option<Self> {
        let kind = match self.kind {
            Type::LONG8 => Type::LONG,
            Type::SLONG8 => Type::SLONG,
            Type::IFD8 => Type::IFD,
            _ => return Some(self),
        };
        let narrow = |bytes: &[u8]| {
            let wide = i64::from_ne_bytes(bytes.try_into().ok()?);
            match kind {
                Type::SLONG => i32::try_from(wide).ok().map(i32::to_ne_bytes),
                _ => u32::try_from(wide).ok().map(u32::to_ne_bytes),
            }
        };
        let value = self.value.chunks_exact(8).map(narrow).collect::<Option<Vec<_>>>()?.concat();
        Some(Entry { kind, value, ..self })
    }
}

/// The tags of a picture: its own, EXIF's, and those of its position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tags {
    main: Vec<Entry>,
    exif: Vec<Entry>,
    gps: Vec<Entry>,
}

impl Tags {
    /// Reads the tags of a TIFF structure; `None` where it is broken.
    pub fn read(file: &mut (impl Read + Seek)) -> Option<Self> {
        let first = Directory::read(file)?;
        let mut main = first.entries(file);
        let mut details = |tag: u16| {
            let at = main.iter().find(|entry| entry.tag == tag)?.numbers()?.first().copied()?;
            Some(first.elsewhere(file, at)?.entries(file))
        };
        let (exif, gps) = (details(EXIF_DIRECTORY), details(GPS_DIRECTORY));
        let own =
            |tag: u16| !STRUCTURE.contains(&tag) && ![EXIF_DIRECTORY, GPS_DIRECTORY, LAYERS].contains(&tag);
        main.retain(|entry| own(entry.tag));
        for entry in main.iter_mut().filter(|entry| entry.tag == PHOTOSHOP) {
            if let Some(kept) = photoshop::without_thumbnails(&entry.value) {
                (entry.kind, entry.value) = (Type::UNDEFINED, kept);
            }
        }
        Some(Tags { main, exif: exif.unwrap_or_default(), gps: gps.unwrap_or_default() })
    }

    /// Takes out the captions as IPTC's own records (IIM).
    pub fn take_iptc(&mut self) -> Option<Vec<u8>> {
        let found = self.main.iter().position(|entry| entry.tag == IPTC)?;
        Some(self.main.remove(found).value)
    }

    /// Where on earth the picture lies (OGC GeoTIFF 1.1), alone; `None` where nothing says so.
    pub fn geography(&self) -> Option<Self> {
        let main: Vec<Entry> =
            self.main.iter().filter(|entry| GEOGRAPHY.contains(&entry.tag)).cloned().collect();
        (!main.is_empty()).then(|| Tags { main, ..Tags::default() })
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
#[derive(Clone, Debug)]
pub struct Directory {
    big_endian: bool,
    /// Bytes of an offset: 4 or 8.
    wide: usize,
    entries: Vec<RawEntry>,
    /// Where the next directory is; 0 where there is none.
    next: u64,
}

#[derive(Clone, Debug)]
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

    /// Another directory of the same file.
    fn elsewhere(&self, file: &mut (impl Read + Seek), at: u64) -> Option<Self> {
        Self::at(file, at, self.big_endian, self.wide)
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

    /// Whether there is such a tag.
    pub fn has(&self, tag: u16) -> bool {
        self.find(tag).is_some()
    }

    /// All tags with their values; those that cannot be read are left out.
    fn entries(&self, file: &mut (impl Read + Seek)) -> Vec<Entry> {
        self.entries.iter().filter_map(|raw| self.entry(file, raw)?.narrowed()).collect()
    }

    fn entry(&self, file: &mut (impl Read + Seek), raw: &RawEntry) -> Option<Entry> {
        let kind = Type::from_u16(raw.kind)?;
        let bytes = match kind {
            Type::BYTE | Type::ASCII | Type::SBYTE | Type::UNDEFINED => 1,
            Type::SHORT | Type::SSHORT => 2,
            Type::LONG | Type::SLONG | Type::FLOAT | Type::IFD => 4,
            Type::RATIONAL | Type::SRATIONAL | Type::DOUBLE | Type::LONG8 | Type::SLONG8 | Type::IFD8 => 8,
            _ => return None,
        };
        let length = raw.count.checked_mul(bytes).filter(|length| *length <= VALUE_LIMIT)?;
        let mut value = Vec::new();
        if length <= self.wide as u64 {
            value.extend_from_slice(&raw.value[..length as usize]);
        } else {
            file.seek(SeekFrom::Start(number(&raw.value[..self.wide], self.big_endian))).ok()?;
            file.by_ref().take(length).read_to_end(&mut value).ok()?;
        }
        // Fractions are two numbers of four bytes.
        let unit = if matches!(kind, Type::RATIONAL | Type::SRATIONAL) { 4 } else { bytes as usize };
        if self.big_endian != cfg!(target_endian = "big") {
            value.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
        }
        (value.len() as u64 == length).then_some(Entry { tag: raw.tag, kind, value })
    }

    /// Where the data of its strips or tiles lie, with the tags of both, in a file of this length; `None` where they
    /// cannot be copied as they are.
    fn data(&self, entries: &[Entry], length: u64) -> Option<([u16; 2], Vec<[u64; 2]>)> {
        let numbers = |tag: u16| entries.iter().find(|entry| entry.tag == tag)?.numbers();
        let [at, lengths] = DATA.into_iter().find(|[at, _]| numbers(*at).is_some())?;
        let (offsets, counts) = (numbers(at)?, numbers(lengths)?);
        let data: Vec<[u64; 2]> = offsets.iter().zip(&counts).map(|(at, length)| [*at, *length]).collect();
        let inside = data.iter().all(|[at, count]| at.checked_add(*count).is_some_and(|end| end <= length));
        let compression = numbers(259).and_then(|values| values.first().copied());
        let wide = numbers(258).is_some_and(|bits| bits.iter().any(|bits| *bits > 8));
        // The order of bytes is the file's, but in JPEG data; the oldest kind of those lies elsewhere.
        let turned = self.big_endian != cfg!(target_endian = "big") && wide && compression != Some(7);
        (offsets.len() == counts.len() && inside && !turned && compression != Some(6))
            .then_some(([at, lengths], data))
    }

    /// Whether the picture of this directory can be copied into another file as it is.
    pub fn can_be_copied(&self, file: &mut (impl Read + Seek)) -> bool {
        let Ok(length) = file.seek(SeekFrom::End(0)) else { return false };
        self.data(&self.entries(file), length).is_some()
    }

    /// Writes the picture of this directory as it is.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn copy(
        &self,
        file: &mut (impl Read + Seek),
        tiff: &mut TiffEncoder<impl Write + Seek, TiffKindStandard>,
    ) -> TiffResult<()> {
        let length = file.seek(SeekFrom::End(0))?;
        let entries = self.entries(file);
        let Some((tags, data)) = self.data(&entries, length) else {
            return Err(io::Error::other("a page of the file is broken").into());
        };
        let mut below = Vec::new();
        for tag in [EXIF_DIRECTORY, GPS_DIRECTORY] {
            let at = entries
                .iter()
                .find(|entry| entry.tag == tag)
                .and_then(|entry| entry.numbers()?.first().copied());
            if let Some(found) = at.and_then(|at| self.elsewhere(file, at)) {
                let mut directory = tiff.extra_directory()?;
                write(&found.entries(file), &mut directory)?;
                below.push((tag, directory.finish_with_offsets()?.pointer));
            }
        }
        let mut directory = tiff.image_directory()?;
        let mut offsets = Vec::new();
        for [at, count] in &data {
            // Tiles without data have no place.
            if *count == 0 {
                offsets.push(0);
                continue;
            }
            file.seek(SeekFrom::Start(*at))?;
            let mut bytes = Vec::new();
            file.by_ref().take(*count).read_to_end(&mut bytes)?;
            offsets.push(u32::try_from(directory.write_data(bytes.as_slice())?)?);
        }
        let elsewhere = |tag: u16| {
            tags[0] == tag || POINTERS.contains(&tag) || [EXIF_DIRECTORY, GPS_DIRECTORY].contains(&tag)
        };
        let kept: Vec<Entry> = entries.into_iter().filter(|entry| !elsewhere(entry.tag)).collect();
        write(&kept, &mut directory)?;
        directory.write_tag(Tag::from_u16_exhaustive(tags[0]), offsets.as_slice())?;
        for (tag, IfdPointer(at)) in below {
            directory.write_tag(Tag::from_u16_exhaustive(tag), u32::try_from(at)?)?;
        }
        directory.finish()
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

    /// The numbers of a tag, wherever they lie.
    pub fn all_numbers(&self, tag: u16, file: &mut (impl Read + Seek)) -> Option<Vec<u64>> {
        self.entry(file, self.find(tag)?)?.numbers()
    }

    /// What is to be read in the place of a tag's entry, and where, for the tag to have only some of its numbers: `count`
    /// from `first` on; `None` where there is no such tag, or not so many.
    pub fn part(&self, tag: u16, first: u64, count: u64) -> Option<(u64, Vec<u8>)> {
        let entry = self.find(tag)?;
        let bytes = match entry.kind {
            3 => 2,
            LONG => 4,
            16 => 8,
            _ => return None,
        };
        first.checked_add(count).filter(|end| *end <= entry.count)?;
        let wide = self.wide as u64;
        let ordered = |number: u64| {
            let mut bytes = number.to_le_bytes()[..self.wide].to_vec();
            if self.big_endian {
                bytes.reverse();
            }
            bytes
        };
        let value = match (entry.count * bytes <= wide, count * bytes <= wide) {
            (true, _) => {
                let mut value = entry.value[(first * bytes) as usize..self.wide].to_vec();
                value.resize(self.wide, 0);
                value
            }
            (false, false) => {
                let place = number(&entry.value[..self.wide], self.big_endian);
                ordered(place.checked_add(first * bytes)?)
            }
            // It would have to lie in the entry, and lies elsewhere.
            (false, true) => return None,
        };
        let mut bytes = ordered(count);
        bytes.extend(value);
        Some((entry.at + 4, bytes))
    }

    /// What is to be read in the place of a tag's number, and where, for there to be no such tag.
    pub fn without(&self, tag: u16) -> Option<(u64, Vec<u8>)> {
        self.find(tag).map(|entry| (entry.at, vec![0xFE; 2]))
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
    fn numbers_of_files_with_64_bit_offsets_become_narrow_where_they_fit() {
        let entry = |kind, value: &[i64]| Entry {
            tag: 1,
            kind,
            value: value.iter().flat_map(|value| value.to_ne_bytes()).collect(),
        };
        let narrowed = entry(Type::LONG8, &[7, 4_000_000_000]).narrowed().unwrap();
        assert_eq!((narrowed.kind, narrowed.numbers()), (Type::LONG, Some(vec![7, 4_000_000_000])));
        assert_eq!(entry(Type::SLONG8, &[-1]).narrowed().unwrap().value, (-1_i32).to_ne_bytes());
        assert_eq!(entry(Type::LONG8, &[5_000_000_000]).narrowed(), None);
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
            let (at, bytes) = directory.part(530, 1, 1).unwrap();
            let mut other = file.clone();
            other[at as usize..][..bytes.len()].copy_from_slice(&bytes);
            assert_eq!(read(&other).unwrap().numbers(530), Some(vec![1]));
            assert!(directory.part(530, 1, 2).is_none());
            let (at, bytes) = directory.without(530).unwrap();
            other[at as usize..][..bytes.len()].copy_from_slice(&bytes);
            assert!(!read(&other).unwrap().has(530));
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
