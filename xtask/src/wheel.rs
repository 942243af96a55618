//! Native libraries come out of Python wheels: pip finds them wherever the machine gets its packages from,
//! and a pinned SHA-256 makes the same bytes of them everywhere.

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::workspace::Workspace;
use crate::{process, tools};

/// The version of Python whose wheels are taken, whatever the machine's own is: nothing of Python is run
/// from them, and one version means one file and one hash.
const PYTHON_VERSION: &str = "3.11";

/// One pinned wheel.
pub struct Wheel {
    /// Its file name, `NAME-VERSION-PYTHON-ABI-PLATFORM.whl` (PyPA binary distribution format).
    pub file: &'static str,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: &'static str,
    /// About how much is downloaded, in megabytes, for the message before it.
    pub megabytes: u32,
}

/// What a wheel's file name says.
struct Tags<'a> {
    name: &'a str,
    version: &'a str,
    abi: &'a str,
    platforms: Vec<&'a str>,
}

impl Wheel {
    fn tags(&self) -> Result<Tags<'static>> {
        let stem = self.file.strip_suffix(".whl").unwrap_or(self.file);
        match stem.split('-').collect::<Vec<_>>()[..] {
            [name, version, _python, abi, platform] => {
                Ok(Tags { name, version, abi, platforms: platform.split('.').collect() })
            }
            _ => bail!("{} is no wheel name of the form NAME-VERSION-PYTHON-ABI-PLATFORM.whl", self.file),
        }
    }

    /// The wheel's file, from the cache where its hash is right there, else downloaded.
    pub fn fetch(&self, workspace: &Workspace) -> Result<PathBuf> {
        let kept = workspace.cache.join(self.file);
        if kept.is_file() {
            if sha256(&kept)? == self.sha256 {
                return Ok(kept);
            }
            eprintln!("{} is damaged and is fetched again", kept.display());
        }
        tools::PIP.require()?;
        let cache = writable_folder(&workspace.cache)
            .or_else(|_| writable_folder(&workspace.target.join("downloads")))?;
        self.download_into(&cache)
    }

    fn download_into(&self, folder: &Path) -> Result<PathBuf> {
        let tags = self.tags()?;
        println!("fetching {} {} (about {} MB)", tags.name, tags.version, self.megabytes);
        let arriving = tempfile::Builder::new()
            .prefix("arriving-")
            .tempdir_in(folder)
            .with_context(|| format!("cannot write to {}", folder.display()))?;
        self.run_pip(&tags, arriving.path())?;

        let arrived = arriving.path().join(self.file);
        ensure!(arrived.is_file(), "pip ended well but brought no {}", self.file);
        let found = sha256(&arrived)?;
        ensure!(
            found == self.sha256,
            "{} has SHA-256 {found}, expected {}: not used. Is something changing downloads on the way?",
            self.file,
            self.sha256
        );
        let place = folder.join(self.file);
        fs::rename(&arrived, &place).with_context(|| format!("cannot write {}", place.display()))?;
        Ok(place)
    }

    fn run_pip(&self, tags: &Tags, folder: &Path) -> Result<()> {
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, format!("{}=={} --hash=sha256:{}\n", tags.name, tags.version, self.sha256))
            .with_context(|| format!("cannot write {}", requirements.display()))?;

        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]);
        // The file is kept here; pip's own cache would hold it a second time.
        pip.args(["--no-cache-dir", "--disable-pip-version-check"]);
        pip.args(["--python-version", PYTHON_VERSION, "--implementation", "cp", "--abi", tags.abi]);
        for platform in &tags.platforms {
            pip.args(["--platform", platform]);
        }
        pip.arg("--requirement").arg(&requirements).arg("--dest").arg(folder);

        let what = format!("fetching {} {}", tags.name, tags.version);
        let outcome = if io::stdout().is_terminal() {
            process::run(&mut pip, &what)
        } else {
            process::run_quietly(pip.arg("--quiet"), &what)
        };
        outcome.context("see to the network and to pip's settings (`python3 -m pip config list`)")
    }
}

/// SHA-256 of a file as lower-case hexadecimal.
pub fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut HashWriter(&mut hash))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Lets `io::copy` feed a hash.
struct HashWriter<'a>(&'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Unpacks those files of `wheel` for which `place` names a path below `folder`; returns how many.
/// Names that lead out of `folder` are refused.
pub fn unpack(wheel: &Path, folder: &Path, place: impl Fn(&str) -> Option<PathBuf>) -> Result<usize> {
    let whose = || format!("unpacking {}", wheel.display());
    let mut archive =
        ZipArchive::new(io::BufReader::new(File::open(wheel).with_context(whose)?)).with_context(whose)?;
    let mut unpacked = 0;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).with_context(whose)?;
        ensure!(
            entry.enclosed_name().is_some(),
            "{}: the entry {:?} leads out of the folder; the file is not used",
            whose(),
            entry.name()
        );
        if !entry.is_file() {
            continue;
        }
        let name = entry.name().with_context(whose)?;
        let Some(relative) = place(&name) else { continue };
        let path = folder.join(relative);
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| File::create(&path))
            .and_then(|mut file| io::copy(&mut entry, &mut file));
        written.with_context(|| format!("{}: cannot write {}", whose(), path.display()))?;
        unpacked += 1;
    }
    Ok(unpacked)
}

fn writable_folder(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)
        .and_then(|()| tempfile::tempfile_in(folder).map(drop))
        .with_context(|| format!("cannot write to the download folder {}", folder.display()))?;
    Ok(folder.to_path_buf())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(folder: &Path, entries: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("test.whl");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in entries {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap();
        path
    }

    #[test]
    fn hash_of_a_known_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        // FIPS 180-4, example "abc".
        assert_eq!(
            sha256(&path).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn unpacks_what_is_asked_for_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = archive(folder.path(), &[("pack/lib/a.so", b"library"), ("pack/b.py", b"python")]);
        let out = folder.path().join("out");
        let count =
            unpack(&wheel, &out, |name| name.ends_with(".so").then(|| PathBuf::from("deep/a.so"))).unwrap();
        assert_eq!(count, 1);
        assert_eq!(fs::read(out.join("deep/a.so")).unwrap(), b"library");
        assert!(!out.join("b.py").exists() && !out.join("pack").exists());
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        for name in ["../escaped", "pack/../../escaped"] {
            let folder = tempfile::tempdir().unwrap();
            let wheel = archive(folder.path(), &[(name, b"x")]);
            let out = folder.path().join("out");
            let error = unpack(&wheel, &out, |name| Some(PathBuf::from(name))).unwrap_err();
            assert!(error.to_string().contains("leads out of the folder"), "{error:#}");
            assert!(!folder.path().join("escaped").exists());
        }
    }

    #[test]
    fn a_kept_wheel_is_used_only_with_the_right_hash() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            root: folder.path().to_path_buf(),
            target: folder.path().join("target"),
            cache: folder.path().to_path_buf(),
        };
        let wheel = Wheel {
            file: "no_such_package_of_derust-1.0-py3-none-any.whl",
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            megabytes: 0,
        };
        let kept = folder.path().join(wheel.file);
        fs::write(&kept, "abc").unwrap();
        assert_eq!(wheel.fetch(&workspace).unwrap(), kept);

        fs::write(&kept, "abd").unwrap();
        // Nothing can bring this package; what matters is that the damaged file was not taken.
        assert_ne!(sha256(&kept).unwrap(), wheel.sha256);
        assert!(wheel.fetch(&workspace).is_err());
    }

    #[test]
    fn file_names_say_what_pip_is_asked_for() {
        let wheel =
            Wheel { file: "a_b-1.2-py3-none-manylinux2014_x.manylinux_2_17_x.whl", sha256: "", megabytes: 0 };
        let tags = wheel.tags().unwrap();
        assert_eq!((tags.name, tags.version, tags.abi), ("a_b", "1.2", "none"));
        assert_eq!(tags.platforms, ["manylinux2014_x", "manylinux_2_17_x"]);
        assert!(Wheel { file: "a-1.2.tar.gz", sha256: "", megabytes: 0 }.tags().is_err());
    }
}
