//! Loading libderust into a Rust program.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use abi_stable::library::{AbiHeader, LibraryError, RawLibrary, RootModule, abi_header_from_raw_library};
use abi_stable::sabi_types::VersionNumber;

use crate::Library;

/// Why a library cannot be used by this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file cannot be loaded at all.
    Open {
        /// The library file.
        path: PathBuf,
        /// What the system's loader says.
        problem: String,
    },
    /// The file is a library, but not libderust, or one from before Rust programs could load it.
    NotDerust {
        /// The library file.
        path: PathBuf,
    },
    /// The library is older than what the program was built for.
    LibraryIsOlder(Mismatch),
    /// The program was built for something older than the library.
    ProgramIsOlder(Mismatch),
    /// They say that they are of the same age, and differ all the same.
    Differs(Mismatch),
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The library file.
    pub path: PathBuf,
    /// What the library has.
    pub library: String,
    /// What the program needs.
    pub program: String,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (start, mismatch, end) = match self {
            LoadError::Open { path, problem } => {
                return write!(f, "{} cannot be loaded: {problem}", path.display());
            }
            LoadError::NotDerust { path } => {
                return write!(f, "{} is not libderust, or one that is too old to be loaded", path.display());
            }
            LoadError::LibraryIsOlder(mismatch) => {
                ("the library is older than this program", mismatch, "install a newer libderust")
            }
            LoadError::ProgramIsOlder(mismatch) => (
                "this program is older than the library",
                mismatch,
                "install a newer version of the program, or the libderust that came with it",
            ),
            LoadError::Differs(mismatch) => (
                "this program and the library were built from sources that do not fit",
                mismatch,
                "build both from the same source",
            ),
        };
        write!(
            f,
            "{start}: {} has {}, and {} is needed; {end}",
            mismatch.path.display(),
            mismatch.library,
            mismatch.program
        )
    }
}

impl std::error::Error for LoadError {}

/// Loads the library file at `path` and compares its table of functions with the one that this program was built with.
/// The library stays loaded to the end of the process.
///
/// # Errors
/// When the file cannot be loaded, is something else, or does not fit; the error says which side is older.
pub fn load(path: &Path) -> Result<Library, LoadError> {
    let open =
        |error: &dyn std::fmt::Display| LoadError::Open { path: path.into(), problem: one_line(error) };
    let mismatch = |library: String, program: String| Mismatch { path: path.into(), library, program };
    let raw = RawLibrary::load_at(path).map_err(|error| match &error {
        LibraryError::OpenError { err, .. } => open(err),
        other => open(other),
    })?;
    // It must not be unloaded: threads of ONNX Runtime may run in it, and answers may point into it.
    let raw = Box::leak(Box::new(raw));
    // SAFETY: the library stays loaded.
    let header = unsafe { abi_header_from_raw_library(raw) }
        .map_err(|_| LoadError::NotDerust { path: path.into() })?;
    if !header.is_valid() {
        let own = AbiHeader::VALUE;
        if header.magic_string != own.magic_string {
            return Err(LoadError::NotDerust { path: path.into() });
        }
        let text = |(major, minor): (u32, u32)| format!("version {major}.{minor} of the abi_stable tables");
        let [library, program] = [*header, own].map(|header| (header.abi_major, header.abi_minor));
        return Err(by_age(library.cmp(&program), mismatch(text(library), text(program))));
    }
    let header = header.upgrade().map_err(|error| open(&error))?;
    let version = |strings| VersionNumber::new(strings).map_err(|error| open(&error));
    let (library, program) = (version(header.version_strings())?, version(Library::VERSION_STRINGS)?);
    let text = |version: VersionNumber| format!("ABI {} with table {}", version.major, version.minor);
    let age = (library.major, library.minor).cmp(&(program.major, program.minor));
    if library.major != program.major {
        return Err(by_age(age, mismatch(text(library), text(program))));
    }
    header
        .ensure_layout::<Library>()
        .and_then(|()| header.init_root_module::<Library>())
        .map_err(|_| by_age(age, mismatch(text(library), text(program))))
}

/// The error for a library that is older than, newer than or as old as the program.
fn by_age(library_to_program: Ordering, mismatch: Mismatch) -> LoadError {
    match library_to_program {
        Ordering::Less => LoadError::LibraryIsOlder(mismatch),
        Ordering::Greater => LoadError::ProgramIsOlder(mismatch),
        Ordering::Equal => LoadError::Differs(mismatch),
    }
}

fn one_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
