//! What a model file says of itself, read without its graph.

use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use derust_manifest::{Kind, METADATA_KEY, Manifest};
use semver::Version;

use super::ModelError;
use super::file::{self, open_inside};
use super::inspect::property;

/// What a file says that it is; nothing has checked it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glimpse {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) version: Version,
}

/// More fields than a model has at its top level: beyond them a file is not read on.
const MOST_FIELDS: usize = 10_000;
/// The longest manifest that is looked for, in bytes.
const LONGEST_MANIFEST: u64 = 1 << 20;

/// Looks at the manifest of a model of `folder`: the one beside the file, or else the one inside, to which it skips.
///
/// # Errors
/// When there is none that can be read, or it breaks the contract.
pub(super) fn glimpse(folder: &Path, path: &Path) -> Result<Glimpse, ModelError> {
    let text = match file::sidecar(folder, path)? {
        Some(text) => text,
        None => {
            manifest_inside(&mut BufReader::new(open_inside(folder, path)?))?.ok_or(ModelError::NoManifest)?
        }
    };
    Ok(Glimpse::of(&Manifest::from_json(&text)?))
}

impl Glimpse {
    pub(super) fn of(manifest: &Manifest) -> Self {
        Glimpse { kind: manifest.kind, name: manifest.name.clone(), version: manifest.version.clone() }
    }
}

/// The manifest among the model's properties; of several, which inspection refuses, the last.
fn manifest_inside(file: &mut (impl BufRead + Seek)) -> Result<Option<String>, ModelError> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let mut found = None;
    for _ in 0..MOST_FIELDS {
        if file.fill_buf()?.is_empty() {
            return Ok(found);
        }
        let tag = number(file)?;
        let length = match tag & 7 {
            0 => {
                number(file)?;
                continue;
            }
            1 => 8,
            2 => number(file)?,
            5 => 4,
            _ => return Err(broken().into()),
        };
        const METADATA_PROPS: u64 = 14;
        if tag >> 3 == METADATA_PROPS && length <= LONGEST_MANIFEST {
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes)?;
            match property(&bytes) {
                Some((METADATA_KEY, value)) => {
                    found = Some(String::from_utf8(value.to_owned()).map_err(|_| broken())?);
                }
                Some(_) => {}
                None => return Err(broken().into()),
            }
        } else {
            file.seek_relative(i64::try_from(length).map_err(|_| broken())?)?;
        }
    }
    Err(broken().into())
}

/// A number of variable length, as Protocol Buffers write it.
fn number(file: &mut impl Read) -> io::Result<u64> {
    let mut number = 0;
    for i in 0..10 {
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << (7 * i);
        if byte[0] & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::fixtures::Network;
    use crate::models::{MODELS, inspect};

    fn of(onnx: &[u8]) -> Result<Glimpse, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        fs::write(&path, onnx).unwrap();
        glimpse(folder.path(), &path)
    }

    #[test]
    fn it_says_what_inspection_says() {
        for onnx in MODELS.iter().map(|(_, onnx)| onnx.to_vec()).chain([Network::red_is_rust().to_onnx()]) {
            assert_eq!(of(&onnx).unwrap(), Glimpse::of(&inspect(&onnx, None).unwrap().manifest));
        }
    }

    #[test]
    fn the_manifest_beside_the_file_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        let network = Network::red_is_rust();
        fs::write(&path, network.to_onnx()).unwrap();
        let mut other = network.manifest;
        other.name = "other".into();
        fs::write(super::super::sidecar_path(&path), other.to_json()).unwrap();
        assert_eq!(glimpse(folder.path(), &path).unwrap().name, "other");
    }

    #[test]
    fn what_is_no_model_is_told() {
        let good = Network::red_is_rust().to_onnx();
        for bytes in
            [&b""[..], b"no model", &[0xff; 64], &good[..good.len() - 5], &[0x08, 0x01].repeat(20_000)]
        {
            assert!(of(bytes).is_err(), "{} bytes", bytes.len());
        }
    }
}
