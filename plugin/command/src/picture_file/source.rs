//! Where the bytes of a picture come from: a file, or standard input, which was read into memory.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail};

use super::Format;
use super::foreign::Foreign;
use crate::free_memory;
use crate::stop::Stoppable;

/// The most bytes that a file may have.
const LIMIT: u64 = 4 << 30;

/// The bytes of a picture, to be read as often as needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Its content.
    Memory(Arc<[u8]>),
}

/// Bytes that are being read.
#[derive(Debug)]
pub enum Bytes {
    /// Those of a file.
    File(File),
    /// Those in memory.
    Memory(Cursor<Arc<[u8]>>),
}

/// What decoders read from.
pub type Reader = BufReader<Stoppable<Bytes>>;

impl Source {
    /// What standard input holds.
    ///
    /// # Errors
    /// When it cannot be read, or holds nothing or too much.
    pub fn standard_input() -> anyhow::Result<Self> {
        let mut bytes = Vec::new();
        Stoppable(io::stdin().lock())
            .take(LIMIT)
            .read_to_end(&mut bytes)
            .map_err(|error| anyhow!("standard input cannot be read: {error}"))?;
        match bytes.len() as u64 {
            0 => bail!("standard input holds nothing"),
            LIMIT => bail!("standard input holds more than {} GB", LIMIT >> 30),
            _ => Ok(Source::Memory(bytes.into())),
        }
    }

    /// From the first byte on.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self) -> io::Result<Reader> {
        let bytes = match self {
            Source::File(path) => Bytes::File(File::open(path)?),
            Source::Memory(bytes) => Bytes::Memory(Cursor::new(Arc::clone(bytes))),
        };
        Ok(BufReader::new(Stoppable(bytes)))
    }

    /// How many bytes there are.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn length(&self) -> io::Result<u64> {
        match self {
            Source::File(path) => Ok(fs::metadata(path)?.len()),
            Source::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// All bytes.
    ///
    /// # Errors
    /// When they cannot be read, or there is no memory for them.
    pub fn read_all(&self) -> anyhow::Result<Vec<u8>> {
        let unreadable = |error: io::Error| anyhow!("it cannot be read: {error}");
        let length = self.length().map_err(unreadable)?;
        if length > LIMIT {
            bail!("it has more than {} GB", LIMIT >> 30);
        }
        let mut bytes = free_memory::list(usize::try_from(length)?)?;
        self.open().map_err(unreadable)?.take(LIMIT).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    /// The format, by the content.
    ///
    /// # Errors
    /// When it cannot be read or is no picture of ours; [`Foreign`] when it is one of another kind.
    pub fn format(&self) -> anyhow::Result<Format> {
        if let Source::File(path) = self {
            check_is_file(path)?;
        }
        let mut start = Vec::new();
        self.open()
            .and_then(|file| file.take(64).read_to_end(&mut start))
            .map_err(|error| anyhow!("it cannot be read: {error}"))?;
        if let Some(foreign) = Foreign::of_content(&start) {
            return Err(foreign.into());
        }
        Format::of_content(&start).ok_or_else(|| {
            anyhow!("it is no picture that can be read; PNG, JPEG, TIFF, WebP, BMP and OpenEXR can")
        })
    }
}

fn check_is_file(path: &Path) -> anyhow::Result<()> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => bail!("it is a folder; name a picture"),
        // Waiting for what comes out of a pipe or a device would be waiting forever.
        Ok(metadata) if !metadata.is_file() => {
            bail!("it is no file; name a picture, or `-` for what comes from standard input")
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("there is no such file"),
        Err(error) => bail!("it cannot be read: {error}"),
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Source::File(path.to_owned())
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Bytes::File(file) => file.read(buffer),
            Bytes::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Bytes {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            Bytes::File(file) => file.seek(position),
            Bytes::Memory(bytes) => bytes.seek(position),
        }
    }
}
