//! What is kept of trials: a file for each network, runtime and device.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Verdict;
use super::message::VERSION;
use crate::models::Digest;
use crate::runtime::SessionOptions;
use crate::user_folders;

/// The folder of the files, if there is one.
#[derive(Debug)]
pub(super) struct Record {
    folder: Option<PathBuf>,
}

/// The file for one network.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Absent before a trial came to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Kept>,
    /// Trials that were begun and, as far as this file knows, not ended.
    #[serde(default)]
    pub(super) begun: u32,
}

/// A verdict that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kept {
    Passed,
    Failed(String),
}

/// More bytes than a file has.
const LONGEST_FILE: u64 = 64 << 10;
/// As many files are kept; beyond them the oldest go.
const MOST_FILES: usize = 1000;

impl Entry {
    pub(super) fn of(verdict: &Verdict) -> Self {
        let verdict = match verdict {
            Verdict::Passed => Some(Kept::Passed),
            Verdict::Failed(reason) => Some(Kept::Failed(reason.clone())),
            Verdict::Postponed(_) => None,
        };
        Entry { verdict, begun: 0 }
    }

    pub(super) fn begun(begun: u32) -> Self {
        Entry { verdict: None, begun }
    }

    /// What was found, or what has to be concluded from trials that never ended.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        match &self.verdict {
            Some(Kept::Passed) => Some(Verdict::Passed),
            Some(Kept::Failed(reason)) => Some(Verdict::Failed(reason.clone())),
            None if self.begun >= super::DEATHS => Some(Verdict::Failed(format!(
                "{} trials of it ended the program that tried it out",
                self.begun
            ))),
            None => None,
        }
    }
}

impl Record {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Record { folder }
    }

    /// The file for a network on this runtime library and this device; another library, also one that was put in the same
    /// place, is another file.
    pub(super) fn file(&self, digest: &Digest, runtime: &Path, session: &SessionOptions) -> Option<File> {
        let metadata = fs::metadata(runtime).ok();
        let identity = metadata.map(|metadata| (metadata.len(), metadata.modified().ok()));
        let SessionOptions { device, half_precision, .. } = session;
        let mut hash = Sha256::new();
        hash.update(format!("{VERSION}|{}|{identity:?}|{device}|{half_precision}", runtime.display()));
        let name = format!("{}-{}.json", hexadecimal(digest), hexadecimal(&hash.finalize()[..8]));
        Some(File { path: self.folder.as_ref()?.join(name) })
    }

    /// Removes the files for a network.
    pub(super) fn forget(&self, digest: &Digest) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let prefix = hexadecimal(digest);
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

impl File {
    pub(super) fn read(&self) -> Option<Entry> {
        let mut text = String::new();
        fs::File::open(&self.path).ok()?.take(LONGEST_FILE).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes the whole file, or none; an entry that says nothing removes it.
    pub(super) fn write(&self, entry: &Entry) -> io::Result<()> {
        if *entry == Entry::default() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let folder = self.path.parent().unwrap_or(Path::new(""));
        user_folders::make_private(folder)?;
        let own = self.path.with_extension(format!("{}.new", std::process::id()));
        let mut file = fs::File::create(&own)?;
        serde_json::to_writer(&mut file, entry)?;
        file.flush()?;
        // A mark must be there after this process has died, and is; it need not outlive the system.
        drop(file);
        fs::rename(&own, &self.path)?;
        thin_out(folder)
    }
}

/// Removes the oldest files where there are too many.
fn thin_out(folder: &Path) -> io::Result<()> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    if files.len() > MOST_FILES {
        files.sort_by_cached_key(|path| {
            fs::metadata(path).and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
        });
        for path in &files[..MOST_FILES / 4] {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_holds_for_one_network_runtime_and_device() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::new(Some(folder.path().join("trials")));
        let runtime = folder.path().join("libonnxruntime.so");
        fs::write(&runtime, "one").unwrap();
        let cpu = SessionOptions::default();
        let gpu = SessionOptions { device: "cuda".parse().unwrap(), ..cpu.clone() };
        let file = |digest, session: &SessionOptions| record.file(&[digest; 32], &runtime, session).unwrap();
        let failed = Verdict::Failed("it is slow".into());
        file(1, &cpu).write(&Entry::of(&failed)).unwrap();
        file(2, &cpu).write(&Entry::of(&Verdict::Passed)).unwrap();
        let known =
            |digest, session: &SessionOptions| file(digest, session).read().and_then(|entry| entry.verdict());
        assert!(matches!(known(1, &cpu), Some(Verdict::Failed(reason)) if reason == "it is slow"));
        assert!(matches!(known(2, &cpu), Some(Verdict::Passed)));
        assert!(known(3, &cpu).is_none() && known(1, &gpu).is_none());
        record.forget(&[1; 32]).unwrap();
        assert!(known(1, &cpu).is_none() && known(2, &cpu).is_some());
        fs::write(&runtime, "another").unwrap();
        assert!(known(2, &cpu).is_none(), "the runtime is another");
    }

    #[test]
    fn trials_that_never_end_are_the_networks_fault_the_second_time() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::new(Some(folder.path().into()));
        let file = record.file(&[1; 32], Path::new("/nowhere"), &SessionOptions::default()).unwrap();
        file.write(&Entry::begun(1)).unwrap();
        assert!(file.read().unwrap().verdict().is_none());
        file.write(&Entry::begun(2)).unwrap();
        assert!(matches!(file.read().unwrap().verdict(), Some(Verdict::Failed(_))));
        file.write(&Entry::default()).unwrap();
        assert_eq!(file.read(), None);
        file.write(&Entry::default()).unwrap();
        for text in ["", "no JSON", "[1]", &"x".repeat(100_000)] {
            fs::write(&file.path, text).unwrap();
            assert_eq!(file.read(), None, "{text}");
        }
    }

    #[test]
    fn files_do_not_pile_up() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::new(Some(folder.path().into()));
        for i in 0..=MOST_FILES + 10 {
            fs::write(folder.path().join(format!("{i}.json")), "").unwrap();
        }
        let file = record.file(&[1; 32], Path::new("/nowhere"), &SessionOptions::default()).unwrap();
        file.write(&Entry::of(&Verdict::Passed)).unwrap();
        assert!(fs::read_dir(folder.path()).unwrap().count() < MOST_FILES);
        assert!(file.read().is_some(), "the newest stays");
    }
}
