//! Who makes a result, when several processes work on the same pictures.
//!
//! A claim is a locked file beside the result. The system takes the lock away from a process that ends, however it ends,
//! so that nothing stays claimed.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// A result that this thread makes and nobody else.
#[derive(Debug)]
pub struct Claim {
    file: PathBuf,
    /// Absent where files cannot be locked.
    _locked: Option<File>,
}

impl Claim {
    /// Claims a result; `None` while somebody else makes it.
    ///
    /// # Errors
    /// When nothing can be written beside it.
    pub fn take(result: &Path) -> io::Result<Option<Self>> {
        let place = result.with_file_name(name(result.file_name().unwrap_or_default()));
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&place)?;
            match file.try_lock() {
                // Whoever held it before may have removed it, so that others see another file.
                Ok(()) if !is_at(&file, &place) => {}
                Ok(()) => return Ok(Some(Claim { file: place, _locked: Some(file) })),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(_)) => return Ok(Some(Claim { file: place, _locked: None })),
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // While it is still locked: whoever waits for it looks again.
        let _ = fs::remove_file(&self.file);
    }
}

/// Short enough for every folder, and the same in every process.
fn name(result: &OsStr) -> String {
    // FNV-1a, 64 bits.
    let hash = result.as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!(".derust-{hash:016x}.claim")
}

#[cfg(unix)]
fn is_at(file: &File, place: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().ok().zip(fs::metadata(place).ok()).is_some_and(|(a, b)| same(a, b))
}

#[cfg(not(unix))]
fn is_at(_: &File, place: &Path) -> bool {
    place.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_claimed_once_and_again_when_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a.png"), folder.path().join("b.png"));
        let first = Claim::take(&a).unwrap().unwrap();
        assert!(Claim::take(&a).unwrap().is_none());
        assert!(Claim::take(&b).unwrap().is_some());
        drop(first);
        assert!(Claim::take(&a).unwrap().is_some());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // What a process left that did not end by itself.
        let left = a.with_file_name(name(OsStr::new("a.png")));
        fs::write(&left, "").unwrap();
        assert!(Claim::take(&a).unwrap().is_some() && !left.exists());
    }
}
