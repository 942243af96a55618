//! Putting a folder in place as a whole: it is there with everything in it, or not at all.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The file in an installed folder that says what it was made from.
const STAMP: &str = "made-from";

/// Whether `folder` was completely made from what `stamp` names.
pub fn is_installed(folder: &Path, stamp: &str) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|found| found == stamp)
}

/// Lets `fill` fill a new folder and moves it to `folder`, in place of one that may be there.
pub fn install(folder: &Path, stamp: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let cannot_write = || format!("cannot write {}", folder.display());
    let parent = folder.parent().with_context(cannot_write)?;
    fs::create_dir_all(parent).with_context(cannot_write)?;
    let workshop =
        tempfile::Builder::new().prefix("installing-").tempdir_in(parent).with_context(cannot_write)?;
    let fresh = workshop.path().join("new");
    fs::create_dir(&fresh).with_context(cannot_write)?;
    fill(&fresh)?;
    fs::write(fresh.join(STAMP), stamp).with_context(cannot_write)?;
    if folder.symlink_metadata().is_ok() {
        fs::rename(folder, workshop.path().join("old")).with_context(cannot_write)?;
    }
    fs::rename(&fresh, folder).with_context(cannot_write)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_failed_filling_leaves_the_old_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("thing");
        let write = |content: &'static str| {
            move |folder: &Path| fs::write(folder.join("file"), content).map_err(Into::into)
        };
        install(&folder, "one", write("first")).unwrap();
        assert!(is_installed(&folder, "one") && !is_installed(&folder, "two"));

        install(&folder, "two", |_| bail!("no luck")).unwrap_err();
        assert!(is_installed(&folder, "one"));
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "first");

        install(&folder, "two", write("second")).unwrap();
        assert!(is_installed(&folder, "two"));
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "second");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
