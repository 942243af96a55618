//! Which models the user has chosen to serve.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use derust_manifest::Kind;

use super::Selector;

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
        let text = match fs::read_to_string(path) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
