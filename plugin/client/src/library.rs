//! Finding libderust, loading it once, and what its calls answer.

use std::env;
use std::ffi::{CStr, CString, c_char};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

use derust_interface as c;
use once_cell::sync::OnceCell;

use crate::error::{Error, LibraryError};

/// Names a library file that is taken instead of any other.
const VARIABLE: &str = "DERUST_LIBRARY";

/// The library of this process. Whoever installs what was missing may try again: only success is kept.
static LIBRARY: OnceCell<Library> = OnceCell::new();

/// The functions of a library that stays loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Library {
    functions: c::Library,
    path: &'static Path,
}

/// The names that the library file has on this system, the best first. The first one carries the number of the ABI.
pub fn file_names() -> [String; 2] {
    if cfg!(windows) {
        [format!("derust-{}.dll", c::DERUST_ABI), "derust.dll".into()]
    } else if cfg!(target_os = "macos") {
        [format!("libderust.{}.dylib", c::DERUST_ABI), "libderust.dylib".into()]
    } else {
        [format!("libderust.so.{}", c::DERUST_ABI), "libderust.so".into()]
    }
}

/// Loads the library file at `file` for this process, instead of searching for one.
///
/// # Errors
/// When it cannot be loaded, is something else or does not fit this program, or when the process uses another one.
pub fn load(file: &Path) -> Result<(), LibraryError> {
    let library = LIBRARY.get_or_try_init(|| open(file))?;
    let (loaded, wanted) = (real(library.path), real(file));
    if loaded == wanted { Ok(()) } else { Err(LibraryError::AnotherIsLoaded { loaded, wanted }) }
}

/// Loads the library that lies in `folder`, for programs that bring their own.
///
/// # Errors
/// See [`load`]; and when there is none.
pub fn load_from(folder: &Path) -> Result<(), LibraryError> {
    let looked_at = file_names().map(|name| folder.join(name)).to_vec();
    match looked_at.iter().find(|file| file.is_file()) {
        Some(file) => load(file),
        None => Err(LibraryError::Missing { looked_at }),
    }
}

/// The version of the library, such as `0.1.0`.
///
/// # Errors
/// When there is no library that this program can use.
#[doc(alias = "derust_version")]
pub fn version() -> Result<&'static str, LibraryError> {
    let library = library()?;
    // SAFETY: a text without a lifetime of its own: the library stays loaded.
    Ok(unsafe { fixed((library.functions.version())()) })
}

/// The library file that this process uses.
///
/// # Errors
/// When there is none that this program can use.
pub fn path() -> Result<&'static Path, LibraryError> {
    Ok(library()?.path)
}

/// The library of this process: the one that was loaded; else the file that `DERUST_LIBRARY` names; else the one beside the
/// program or in `lib` beside the program's folder; else what the system's loader finds.
pub(crate) fn library() -> Result<Library, LibraryError> {
    LIBRARY.get_or_try_init(search).copied()
}

fn search() -> Result<Library, LibraryError> {
    if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return open(Path::new(&named));
    }
    let looked_at = places();
    if let Some(file) = looked_at.iter().find(|file| file.is_file()) {
        return open(file);
    }
    // A name without a folder is searched for by the system's loader.
    match open(Path::new(&file_names()[0])) {
        Err(LibraryError::Refused(c::LoadError::Open { .. })) => Err(LibraryError::Missing { looked_at }),
        other => other,
    }
}

/// The files that may be the library, in the order of their rank, whether they are there or not.
fn places() -> Vec<PathBuf> {
    let program = env::current_exe().and_then(std::fs::canonicalize).unwrap_or_default();
    let beside = program.parent();
    // As in an install prefix, where programs are in `bin`.
    let lib = beside.and_then(Path::parent).map(|prefix| prefix.join("lib"));
    let folders = beside.map(Path::to_path_buf).into_iter().chain(lib);
    folders.flat_map(|folder| file_names().map(|name| folder.join(name))).collect()
}

fn open(file: &Path) -> Result<Library, LibraryError> {
    let functions = c::load(file).map_err(LibraryError::Refused)?;
    // It is loaded for good, so its path is kept for good.
    Ok(Library { functions, path: Box::leak(file.to_path_buf().into_boxed_path()) })
}

fn real(file: &Path) -> PathBuf {
    std::fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf())
}

impl Library {
    /// The table of functions.
    pub(crate) fn functions(self) -> c::Library {
        self.functions
    }

    /// Calls a function that answers with a status and can fill an error.
    pub(crate) fn call(
        self,
        function: impl FnOnce(c::Library, *mut *mut c::Error) -> c::Status,
    ) -> Result<(), Error> {
        let mut error = null_mut();
        let status = function(self.functions, &mut error);
        if status == c::DERUST_OK {
            return Ok(());
        }
        // SAFETY: NULL, or an error of this call, whose text lives until it is freed.
        let message = unsafe {
            let message = owned(self.functions.error_message()(error));
            self.functions.error_free()(error);
            message
        };
        // SAFETY: the names of statuses are part of the library, which stays loaded.
        let name = unsafe { fixed(self.functions.status_name()(status)) };
        Err(Error::new(status, name, message))
    }
}

/// A copy of a text of the library's; NULL is the empty one.
///
/// # Safety
/// `text` is NULL or ends with a zero byte.
pub(crate) unsafe fn owned(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// A text that is part of the library; NULL is the empty one.
///
/// # Safety
/// `text` is NULL, or ends with a zero byte and lives as long as the process.
unsafe fn fixed(text: *const c_char) -> &'static str {
    if text.is_null() {
        return "";
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or_default()
}

/// A text as C has them.
///
/// # Errors
/// When there is a zero byte in it; `what` is what the caller calls it.
pub(crate) fn c_text(text: &str, what: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|error| {
        Error::argument(format!("{what} has a zero byte at {}, which no text may have", error.nul_position()))
    })
}

/// A path as libderust takes them.
///
/// # Errors
/// When it is not UTF-8, or has a zero byte in it.
pub(crate) fn c_path(path: &Path, what: &str) -> Result<CString, Error> {
    match path.to_str() {
        Some(text) => c_text(text, what),
        None => Err(Error::argument(format!("{what} is not UTF-8: {}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one.so", "other.so"] {
            let file = folder.path().join(name);
            std::fs::write(&file, "no library").unwrap();
            let error = load(&file).unwrap_err();
            assert!(
                matches!(&error, LibraryError::Refused(c::LoadError::Open { path, .. }) if *path == file),
                "{error}"
            );
        }
        let missing = load_from(folder.path()).unwrap_err();
        let looked_at = file_names().map(|name| folder.path().join(name)).to_vec();
        assert_eq!(missing, LibraryError::Missing { looked_at });
    }

    #[test]
    fn texts_that_c_does_not_take_are_refused() {
        let error = c_text("mod\0el", "options.model").unwrap_err();
        assert_eq!(error.to_string(), "options.model has a zero byte at 3, which no text may have");
        assert_eq!(c_path(Path::new("models"), "folder").unwrap().to_bytes(), b"models");
    }
}
