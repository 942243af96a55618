//! Which models the user has chosen to serve.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use derust_manifest::Kind;

use super::Selector;

/// The most bytes that the file may have.
const SIZE_LIMIT: u64 = 64 << 10;

/// The models that a user has chosen, one for each kind. They are kept in a JSON file such as
/// `{"segment-rust": "rust-finder@1.2.0"}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    chosen: BTreeMap<Kind, Selector>,
}

/// Why the user's choice cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PreferencesError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file says something else than which models to use.
    #[error("{} is broken: {problem}; correct it, or delete it to choose anew", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl Preferences {
    /// What is chosen for this kind.
    pub fn get(&self, kind: Kind) -> Option<&Selector> {
        self.chosen.get(&kind)
    }

    /// Chooses for a kind, or leaves the choice to the rules.
    pub fn set(&mut self, kind: Kind, selector: Option<Selector>) {
        match selector {
            Some(selector) => self.chosen.insert(kind, selector),
            None => self.chosen.remove(&kind),
        };
    }

    /// Every kind for which something is chosen.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &Selector)> {
        self.chosen.iter().map(|(kind, selector)| (*kind, selector))
    }

    /// Reads a file; one that does not exist chooses nothing.
    ///
    /// # Errors
    /// When the file cannot be read or says something else.
    pub fn read(path: &Path) -> Result<Self, PreferencesError> {
        let text = match read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Preferences::default()),
            Err(source) => return Err(PreferencesError::Read { path: path.into(), source }),
        };
        let broken = |problem: String| PreferencesError::Broken { path: path.into(), problem };
        let written: BTreeMap<Kind, String> =
            serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        let parse = |(kind, text): (Kind, String)| Ok((kind, text.parse::<Selector>()?));
        let chosen = written.into_iter().map(parse).collect::<Result<_, super::SelectorError>>();
        Ok(Preferences { chosen: chosen.map_err(|error| broken(error.to_string()))? })
    }

    /// What [`Preferences::read`] reads.
    pub fn to_json(&self) -> String {
        let texts: BTreeMap<Kind, String> =
            self.chosen.iter().map(|(kind, selector)| (*kind, selector.to_string())).collect();
        serde_json::to_string_pretty(&texts).expect("kinds and texts are JSON") + "\n"
    }
}

/// The file's text. Never waits, whatever the file is.
fn read(path: &Path) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // To open a pipe must not wait for someone to write into it.
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut text = String::new();
    file.take(SIZE_LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > SIZE_LIMIT {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {} KiB; a choice has a line for each kind of model", SIZE_LIMIT >> 10),
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_pipe_a_device_or_a_huge_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |path: &Path| Preferences::read(path).unwrap_err().to_string();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(refusal(&pipe).contains("no regular file"), "{}", refusal(&pipe));
        for device in ["/dev/zero", "/dev/tty", "/"] {
            let _ = refusal(Path::new(device));
        }
        let huge = folder.path().join("models.json");
        fs::File::create(&huge).unwrap().set_len(1 << 40).unwrap();
        assert!(refusal(&huge).contains("more than 64 KiB"), "{}", refusal(&huge));
    }

    #[test]
    fn a_choice_is_kept_and_what_is_no_choice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("models.json");
        assert_eq!(Preferences::read(&path).unwrap(), Preferences::default());
        let mut preferences = Preferences::default();
        preferences.set(Kind::SegmentRust, Some("finder@1.0.0".parse().unwrap()));
        preferences.set(Kind::Derust, Some("cleaner".parse().unwrap()));
        preferences.set(Kind::Derust, None);
        fs::write(&path, preferences.to_json()).unwrap();
        assert_eq!(Preferences::read(&path).unwrap(), preferences);
        for text in ["", "[]", r#"{"segment": "a"}"#, r#"{"segment-rust": "a b"}"#, r#"{"segment-rust": 1}"#]
        {
            fs::write(&path, text).unwrap();
            let refusal = Preferences::read(&path).unwrap_err().to_string();
            assert!(refusal.contains("models.json is broken"), "{text}: {refusal}");
        }
    }
}
