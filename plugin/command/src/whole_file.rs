//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::NamedTempFile;

/// A file that is written beside its place, under another name, and moved there once it is whole. When it is dropped
/// before that, nothing is left of it.
#[derive(Debug)]
pub struct WholeFile {
    place: PathBuf,
    unfinished: NamedTempFile,
    _counted: Counted,
}

static UNFINISHED: AtomicUsize = AtomicUsize::new(0);

/// Whether files are being written at the moment.
pub fn any_unfinished() -> bool {
    UNFINISHED.load(Ordering::SeqCst) > 0
}

#[derive(Debug)]
struct Counted;

impl Counted {
    fn new() -> Self {
        UNFINISHED.fetch_add(1, Ordering::SeqCst);
        Counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        UNFINISHED.fetch_sub(1, Ordering::SeqCst);
    }
}

impl WholeFile {
    /// Begins a file that is to lie at `place`.
    ///
    /// # Errors
    /// When its folder cannot be written to.
    pub fn begin(place: &Path) -> io::Result<Self> {
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".derust-").suffix(".part");
        // What the user's mask leaves of it; temporary files have less.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let counted = Counted::new();
        Ok(WholeFile { place: place.to_owned(), unfinished: builder.tempfile_in(folder)?, _counted: counted })
    }

    /// To be written to.
    pub fn as_file_mut(&mut self) -> &mut File {
        self.unfinished.as_file_mut()
    }

    /// Moves the file to its place. A file that is replaced leaves its permissions.
    ///
    /// # Errors
    /// When that cannot be done; what lies there stays.
    pub fn replace(self) -> io::Result<()> {
        self.unfinished.as_file().sync_data()?;
        if let Ok(old) = fs::metadata(&self.place) {
            self.unfinished.as_file().set_permissions(old.permissions())?;
        }
        self.unfinished.persist(&self.place).map(drop).map_err(|failed| failed.error)
    }

    /// Moves the file to its place if nothing lies there.
    ///
    /// # Errors
    /// When something does, or that cannot be done.
    pub fn put(self) -> io::Result<()> {
        self.unfinished.as_file().sync_data()?;
        self.unfinished.persist_noclobber(&self.place).map(drop).map_err(|failed| failed.error)
    }
}

/// Writes a text to `place`, whatever lies there.
///
/// # Errors
/// When it cannot be written; what lies there stays.
pub fn write(place: &Path, text: &str) -> io::Result<()> {
    let mut file = WholeFile::begin(place)?;
    file.as_file_mut().write_all(text.as_bytes())?;
    file.replace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.json");
        let names = || fs::read_dir(folder.path()).unwrap().count();
        let begun = WholeFile::begin(&place).unwrap();
        assert_eq!((names(), place.exists()), (1, false));
        drop(begun);
        assert_eq!(names(), 0);
        write(&place, "a long text").unwrap();
        write(&place, "short").unwrap();
        let refused = WholeFile::begin(&place).unwrap().put().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read_to_string(&place).unwrap().as_str(), names()), ("short", 1));
    }

    #[test]
    #[cfg(unix)]
    fn permissions_are_those_of_other_files_or_of_the_one_that_is_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let mode = |place: &Path| fs::metadata(place).unwrap().permissions().mode() & 0o777;
        let (place, other) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&other, "").unwrap();
        write(&place, "").unwrap();
        assert_eq!(mode(&place), mode(&other));
        fs::set_permissions(&place, fs::Permissions::from_mode(0o640)).unwrap();
        write(&place, "").unwrap();
        assert_eq!(mode(&place), 0o640);
    }
}
