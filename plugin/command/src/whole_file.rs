//! Files that are there whole or not at all.

use std::fs::{self, File, FileTimes, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use tempfile::NamedTempFile;

/// A file that is written beside its place, under another name, and moved there once it is whole. When it is dropped
/// before that, nothing is left of it.
#[derive(Debug)]
pub struct WholeFile {
    place: PathBuf,
    unfinished: NamedTempFile,
    _counted: Counted,
}

/// When a file was last read and changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    accessed: SystemTime,
    modified: SystemTime,
}

impl Times {
    /// Those of a file.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Times { accessed: metadata.accessed()?, modified: metadata.modified()? })
    }
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
    /// Begins a file that is to lie at `place`. Where that is a link, the link stays, and the file lies where it leads.
    ///
    /// # Errors
    /// When its folder cannot be written to.
    pub fn begin(place: &Path) -> io::Result<Self> {
        let place = behind_links(place);
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".derust-").suffix(".part");
        // What the user's mask leaves of it; temporary files have less.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let counted = Counted::new();
        Ok(WholeFile { unfinished: builder.tempfile_in(folder)?, place, _counted: counted })
    }

    /// To be written to.
    pub fn as_file_mut(&mut self) -> &mut File {
        self.unfinished.as_file_mut()
    }

    /// Gives the file the times of another one.
    ///
    /// # Errors
    /// When the system refuses to.
    pub fn set_times(&mut self, times: Times) -> io::Result<()> {
        let Times { accessed, modified } = times;
        self.as_file_mut().set_times(FileTimes::new().set_accessed(accessed).set_modified(modified))
    }

    /// Moves the file to its place. A file that is replaced leaves its permissions, and its owner and group where this
    /// process may give them.
    ///
    /// # Errors
    /// When that cannot be done; what lies there stays.
    pub fn replace(self) -> io::Result<()> {
        self.unfinished.as_file().sync_data()?;
        if let Ok(old) = fs::metadata(&self.place) {
            keep_owner(self.unfinished.as_file(), &old);
            // After that: a new owner takes some permissions away.
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

/// Where a chain of links leads; the last file need not be there.
fn behind_links(place: &Path) -> PathBuf {
    let mut place = place.to_owned();
    // As many as the system follows (path_resolution(7)).
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&place) else { break };
        place = place.parent().unwrap_or(Path::new("")).join(next);
    }
    place
}

/// Only root may give files away; members of a group may give them to it.
#[cfg(unix)]
fn keep_owner(file: &File, old: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let Ok(new) = file.metadata() else { return };
    let group = Some(old.gid()).filter(|group| *group != new.gid());
    let owner = Some(old.uid()).filter(|owner| *owner != new.uid());
    if (owner.is_some() || group.is_some()) && fchown(file, owner, group).is_err() {
        let _ = fchown(file, None, group);
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) {}

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
    fn links_stay_and_what_they_lead_to_is_replaced() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("there")).unwrap();
        fs::write(at("there/a"), "old").unwrap();
        symlink("there/a", at("b")).unwrap();
        symlink(at("b"), at("c")).unwrap();
        symlink("there/new", at("d")).unwrap();
        write(&at("c"), "new").unwrap();
        write(&at("d"), "made").unwrap();
        let text = |name: &str| fs::read_to_string(at(name)).unwrap();
        assert_eq!([text("there/a"), text("there/new")], ["new", "made"]);
        assert!(["b", "c", "d"].iter().all(|name| at(name).is_symlink()));
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
