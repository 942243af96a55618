//! How people say which model they mean.

use std::fmt;
use std::str::FromStr;

use semver::Version;

use super::{Digest, Model};

/// Which model a caller wants: `NAME` (its highest version), `NAME@VERSION` (exactly that), or `sha256:` and 64
/// hexadecimal digits (exactly that content; see [`Digest`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The highest version of this name.
    Name(String),
    /// This version of this name.
    Version(String, Version),
    /// The content with this digest.
    Sha256(Digest),
}

/// Why a text names no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no model: say NAME, NAME@VERSION such as derust@1.2.0, or sha256: and 64 hexadecimal digits"
)]
pub struct SelectorError(String);

const SHA256: &str = "sha256:";

impl Selector {
    /// Whether a model is one that is meant.
    pub fn fits(&self, model: &Model) -> bool {
        let manifest = &model.manifest;
        match self {
            Selector::Name(name) => *name == manifest.name,
            Selector::Version(name, version) => *name == manifest.name && *version == manifest.version,
            Selector::Sha256(digest) => *digest == model.digest,
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let refuse = || SelectorError(text.to_owned());
        if let Some(digits) = text.strip_prefix(SHA256) {
            return hexadecimal(digits).map(Selector::Sha256).ok_or_else(refuse);
        }
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        if !derust_manifest::is_name(name) {
            return Err(refuse());
        }
        match version {
            None => Ok(Selector::Name(name.to_owned())),
            Some(version) => {
                let version = Version::parse(version).map_err(|_| refuse())?;
                Ok(Selector::Version(name.to_owned(), version))
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Name(name) => f.write_str(name),
            Selector::Version(name, version) => write!(f, "{name}@{version}"),
            Selector::Sha256(digest) => {
                f.write_str(SHA256)?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

fn hexadecimal(digits: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if digits.len() != 2 * digest.len() || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).map(|value| value as u8);
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_model_is_read_and_written() {
        let digits = "0123456789abcdef".repeat(4);
        for text in ["derust", "a.b_c-9", "derust@1.2.0-rc.1", &format!("sha256:{digits}")] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), *text);
        }
        let Selector::Sha256(digest) = format!("sha256:{}", digits.to_uppercase()).parse().unwrap() else {
            panic!("no digest");
        };
        assert_eq!((digest[0], digest[7]), (0x01, 0xef));
    }

    #[test]
    fn what_names_no_model_is_refused_with_the_ways_to_name_one() {
        for text in
            ["", "a b", "../a", "a@", "a@1", "@1.0.0", "sha256:12", &format!("sha256:{}", "é".repeat(32))]
        {
            let refusal = text.parse::<Selector>().unwrap_err().to_string();
            assert!(refusal.contains("NAME@VERSION"), "{text}: {refusal}");
        }
    }
}
