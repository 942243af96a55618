//! Recognising an ONNX Runtime without loading it.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// The oldest ONNX Runtime that the engine works with (its C API number 24).
pub const LOWEST: Version = Version { major: 1, minor: 24 };

/// Where distributions put libraries; the engine looks into the same ones, in the same order.
const FOLDERS: [&str; 8] = [
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/opt/onnxruntime/lib",
    "/opt/homebrew/lib",
];

/// The library's file name; a version may follow.
const NAME: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };

/// A version of ONNX Runtime, as far as it decides about use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The system's ONNX Runtime and whether it can serve; `None` where there is none.
pub fn find() -> Option<(PathBuf, Result<Version>)> {
    find_in(&FOLDERS.map(Path::new))
}

/// The first folder with a library decides, as it does in the engine.
fn find_in(folders: &[&Path]) -> Option<(PathBuf, Result<Version>)> {
    let path = folders.iter().find_map(|folder| library_in(folder))?;
    let verdict = check(&path);
    Some((path, verdict))
}

/// The library in `folder`, the one with the longest version where there are several names of it.
pub fn library_in(folder: &Path) -> Option<PathBuf> {
    let is_library = |name: &str| {
        name.strip_prefix(NAME).is_some_and(|version| version.is_empty() || version.starts_with('.'))
    };
    let names = fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_library(name)).max().map(|name| folder.join(name))
}

/// Checks that `path` is an ONNX Runtime for this machine and new enough.
pub fn check(path: &Path) -> Result<Version> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    if cfg!(target_os = "linux") {
        check_elf(&bytes).with_context(|| format!("{} cannot be loaded", path.display()))?;
    }
    let version = version(&bytes)
        .with_context(|| format!("{} does not say which ONNX Runtime it is", path.display()))?;
    ensure!(version >= LOWEST, "{} is ONNX Runtime {version}, needed is {LOWEST} or newer", path.display());
    Ok(version)
}

/// Header fields as the System V ABI lays them out: magic, class, byte order, machine.
fn check_elf(bytes: &[u8]) -> Result<()> {
    ensure!(bytes.len() >= 20 && bytes.starts_with(b"\x7fELF"), "it is no Linux library (no ELF header)");
    let machine = u16::from_le_bytes([bytes[18], bytes[19]]);
    let own = match std::env::consts::ARCH {
        "x86_64" => 62,
        "aarch64" => 183,
        // Nothing is known against other processors; the loader has the last word.
        _ => return Ok(()),
    };
    let is_64_bit_little_endian = bytes[4] == 2 && bytes[5] == 1;
    ensure!(
        is_64_bit_little_endian && machine == own,
        "it is for another processor than this {} machine",
        std::env::consts::ARCH
    );
    Ok(())
}

/// The version that ONNX Runtime's build gives to its symbols (`VERS_1.32.0`, the linker's version script).
fn version(bytes: &[u8]) -> Result<Version> {
    const MARK: &[u8] = b"\0VERS_";
    let marks = bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    for (at, _) in marks {
        let rest = &bytes[at + MARK.len()..];
        let text = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut numbers =
            text.split(|byte| *byte == b'.').map(|number| std::str::from_utf8(number).ok()?.parse().ok());
        if let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) {
            return Ok(Version { major, minor });
        }
    }
    bail!("no version mark of ONNX Runtime in it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(version: &str, machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes.extend_from_slice(format!("name\0VERS_{version}\0more").as_bytes());
        bytes
    }

    const OWN_MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

    fn verdict(bytes: &[u8]) -> Result<Version> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        fs::write(&path, bytes).unwrap();
        check(&path)
    }

    #[test]
    fn new_enough_libraries_serve() {
        for (text, minor) in [("1.24.0", 24), ("1.32.1", 32), ("1.100.0", 100)] {
            assert_eq!(verdict(&library(text, OWN_MACHINE)).unwrap(), Version { major: 1, minor });
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        let refused = |bytes: &[u8]| format!("{:#}", verdict(bytes).unwrap_err());
        assert!(refused(&library("1.9.0", OWN_MACHINE)).contains("ONNX Runtime 1.9, needed is 1.24"));
        assert!(refused(&library("x", OWN_MACHINE)).contains("does not say which"));
        assert!(refused(b"").contains("ELF"));
        assert!(refused(b"a text that is no library at all").contains("ELF"));
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            assert!(refused(&library("1.32.0", 243)).contains("another processor"));
        }
    }

    #[test]
    fn the_first_folder_with_a_library_decides() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folders = [first.path(), second.path()];
        assert!(find_in(&folders).is_none());

        fs::write(second.path().join(format!("{NAME}.1.32.0")), library("1.32.0", OWN_MACHINE)).unwrap();
        fs::write(second.path().join("libonnxruntime_providers_shared.so"), "").unwrap();
        let (path, verdict) = find_in(&folders).unwrap();
        assert!(path.ends_with(format!("{NAME}.1.32.0")) && verdict.is_ok());

        fs::write(first.path().join(NAME), library("1.20.0", OWN_MACHINE)).unwrap();
        let (path, verdict) = find_in(&folders).unwrap();
        assert!(path.starts_with(first.path()) && verdict.is_err());
    }
}
