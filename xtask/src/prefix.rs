//! `cargo xtask install`: a folder from which programs in C, C++ and Python are built and run.
//!
//! ```text
//! PREFIX/include/                 derust.h, derust.hpp, derust_opencv.hpp
//! PREFIX/lib/libderust.so         -> libderust.so.ABI
//! PREFIX/lib/derust-trial         tries models out, which libderust looks for beside itself
//! PREFIX/lib/onnxruntime/         the runtime, which libderust looks for beside itself
//! PREFIX/lib/cmake/derust/        find_package(derust)
//! PREFIX/lib/pkgconfig/derust.pc  pkg-config derust
//! PREFIX/share/derust/            models, examples, the Python package's source, licences
//! ```
//!
//! Nothing in it names the prefix, so the folder may be moved.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{onnxruntime, process};

const HEADERS: [&str; 3] = ["derust.h", "derust.hpp", "derust_opencv.hpp"];

/// Files in which `@VERSION@` and `@ABI@` are filled in, and where they go.
const TEMPLATES: [(&str, &str); 4] = [
    ("cmake/derust-config.cmake.in", "lib/cmake/derust/derust-config.cmake"),
    ("cmake/derust-config-version.cmake.in", "lib/cmake/derust/derust-config-version.cmake"),
    ("cmake/derust-targets.cmake.in", "lib/cmake/derust/derust-targets.cmake"),
    ("pkgconfig/derust.pc.in", "lib/pkgconfig/derust.pc"),
];

/// Names that tools leave in source folders; nobody wants them installed.
const LEFT_BY_TOOLS: [&str; 5] = ["__pycache__", ".pytest_cache", ".venv", "build", "dist"];

/// How the library is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As users get it.
    Release,
    /// Quickly, with checks; for tests.
    Debug,
}

impl Profile {
    /// What tells cargo.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Profile::Release => &["--release"],
            Profile::Debug => &[],
        }
    }

    /// Where cargo puts what it built, in its build folder.
    fn folder(self) -> &'static str {
        match self {
            Profile::Release => "release",
            Profile::Debug => "debug",
        }
    }
}

/// Builds what belongs into `prefix` and puts it there. What is there already and is the same stays untouched.
pub fn install(workspace: &Workspace, prefix: &Path, profile: Profile) -> Result<()> {
    let runtime = onnxruntime::provide(workspace)?;
    let library = build(workspace, profile)?;
    install_built(workspace, prefix, &library, &runtime)
}

/// Puts a libderust that was built before into `prefix`, with this ONNX Runtime and everything else that belongs there.
pub fn install_built(workspace: &Workspace, prefix: &Path, library: &Path, runtime: &Path) -> Result<()> {
    let headers = workspace.root.join("ffi-headers");
    let abi = abi_number(&headers.join("include").join("derust.h"))?;

    fs::create_dir_all(prefix).with_context(|| format!("cannot make {}", prefix.display()))?;
    let prefix =
        prefix.canonicalize().with_context(|| format!("cannot find {} after making it", prefix.display()))?;
    put_library(library, &prefix.join("lib"), abi)?;
    put_program(&trial_beside(library), &prefix.join("lib"))?;
    put_runtime(runtime, &prefix.join("lib").join("onnxruntime"))?;
    for header in HEADERS {
        copy(&headers.join("include").join(header), &prefix.join("include").join(header))?;
    }
    for (template, place) in TEMPLATES {
        let template = headers.join(template);
        let text = fs::read_to_string(&template)
            .with_context(|| format!("cannot read {}", template.display()))?
            .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
            .replace("@ABI@", &abi.to_string());
        put(&prefix.join(place), text.as_bytes())?;
    }
    let share = prefix.join("share").join("derust");
    mirror(&workspace.root.join("plugin").join("models"), &share.join("models"))?;
    mirror(&headers.join("examples"), &share.join("examples"))?;
    mirror(&headers.join("python"), &share.join("python"))?;
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&workspace.root.join(licence), &share.join("licenses").join(licence))?;
    }
    println!("derust {} (ABI {abi}) is installed in {}", env!("CARGO_PKG_VERSION"), prefix.display());
    Ok(())
}

/// The number in `#define DERUST_ABI 1`.
pub fn abi_number(header: &Path) -> Result<u32> {
    let text = fs::read_to_string(header).with_context(|| format!("cannot read {}", header.display()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("#define DERUST_ABI ")?.trim().parse().ok())
        .with_context(|| format!("{} does not say `#define DERUST_ABI …`", header.display()))
}

/// Compiles libderust and the program that lies beside it; returns the library file.
pub fn build(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    println!("building libderust (the first time takes some minutes)");
    let mut cargo = process::cargo(workspace);
    cargo.args(["build", "--package", "derust-capi", "--package", "derust-trial"]);
    cargo.arg("--target-dir").arg(&workspace.target);
    cargo.args(profile.arguments());
    process::run(&mut cargo, "building libderust")?;
    let library = workspace.target.join(profile.folder()).join("libderust.so");
    ensure!(library.is_file(), "cargo built derust-capi, but not {}", library.display());
    Ok(library)
}

/// The program that tries models out for this libderust, as cargo builds it.
pub fn trial_beside(library: &Path) -> PathBuf {
    library.with_file_name("derust-trial")
}

/// Copies a program; returns its name.
pub fn put_program(program: &Path, folder: &Path) -> Result<String> {
    let name = program.file_name().context("a program has a name")?.to_string_lossy().into_owned();
    let copied = folder.join(&name);
    copy(program, &copied)?;
    executable_by_all(&copied).with_context(|| format!("cannot make {} a program", copied.display()))?;
    Ok(name)
}

fn put_library(library: &Path, folder: &Path, abi: u32) -> Result<()> {
    let name = format!("libderust.so.{abi}");
    copy(library, &folder.join(&name))?;
    link(&folder.join("libderust.so"), &name)
}

/// Copies the runtime under the name that its soname has, with the licence texts that lie beside it. Returns the names
/// of the copies.
pub fn put_runtime(library: &Path, folder: &Path) -> Result<Vec<&'static str>> {
    let name = "libonnxruntime.so.1";
    copy(library, &folder.join(name))?;
    let mut names = vec![name];
    for name in ["LICENSE", "ThirdPartyNotices.txt"] {
        let text = library.with_file_name(name);
        if text.is_file() {
            copy(&text, &folder.join(name))?;
            names.push(name);
        }
    }
    Ok(names)
}

/// Makes `target` hold the files of `source`, and no others.
fn mirror(source: &Path, target: &Path) -> Result<()> {
    let files = files_below(source)?;
    for file in &files {
        copy(&source.join(file), &target.join(file))?;
    }
    if target.is_dir() {
        for file in files_below(target)?.difference(&files) {
            let file = target.join(file);
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    Ok(())
}

/// The files in `folder` and its folders, relative to it.
pub fn files_below(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        let place = folder.join(&relative);
        let cannot_read = || format!("cannot read {}", place.display());
        for entry in fs::read_dir(&place).with_context(cannot_read)? {
            let entry = entry.with_context(cannot_read)?;
            let name = entry.file_name();
            let text = name.to_string_lossy();
            if LEFT_BY_TOOLS.contains(&&*text) || text.ends_with(".egg-info") {
                continue;
            }
            let kind = entry.file_type().with_context(cannot_read)?;
            if kind.is_dir() {
                open.push(relative.join(name));
            } else {
                files.insert(relative.join(name));
            }
        }
    }
    Ok(files)
}

/// Copies a file as [`put`] writes it.
pub fn copy(source: &Path, target: &Path) -> Result<()> {
    let content = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
    put(target, &content)
}

/// Writes a whole file, or none. One that has this content already stays as it is, and so does its date.
pub fn put(path: &Path, content: &[u8]) -> Result<()> {
    let cannot_write = || format!("cannot write {}", path.display());
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_file())
        && fs::read(path).is_ok_and(|found| found == content)
    {
        return Ok(());
    }
    let folder = path.parent().with_context(cannot_write)?;
    fs::create_dir_all(folder).with_context(cannot_write)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).with_context(cannot_write)?;
    file.write_all(content).with_context(cannot_write)?;
    readable_by_all(file.path()).with_context(cannot_write)?;
    file.persist(path).with_context(cannot_write)?;
    Ok(())
}

#[cfg(unix)]
fn readable_by_all(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn executable_by_all(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable_by_all(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Makes `path` a symbolic link to its neighbour `name`.
fn link(path: &Path, name: &str) -> Result<()> {
    if fs::read_link(path).is_ok_and(|found| found == Path::new(name)) {
        return Ok(());
    }
    let mut ln = Command::new("ln");
    // Without -n a link to a folder would be followed.
    process::run_quietly(ln.args(["-s", "-n", "-f", name]).arg(path), "linking the library's name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_abi_number_comes_from_the_header() {
        let folder = tempfile::tempdir().unwrap();
        let header = folder.path().join("derust.h");
        fs::write(&header, "#define DERUST_ABI_X 3\n#define DERUST_ABI 12\n").unwrap();
        assert_eq!(abi_number(&header).unwrap(), 12);
        fs::write(&header, "#define DERUST_ABI many\n").unwrap();
        assert!(abi_number(&header).unwrap_err().to_string().contains("DERUST_ABI"));
    }

    #[test]
    fn what_is_the_same_stays_and_what_differs_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/er/file");
        put(&file, b"one").unwrap();
        let date = || fs::metadata(&file).unwrap().modified().unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
        put(&file, b"one").unwrap();
        assert_eq!(date(), old);
        put(&file, b"two").unwrap();
        assert_ne!(date(), old);
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_mirror_forgets_what_the_source_no_longer_has() {
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for file in ["a/one.py", "two.py", "a/__pycache__/one.pyc", "x.egg-info/PKG-INFO"] {
            put(&source.path().join(file), b"text").unwrap();
        }
        put(&target.path().join("a/gone.py"), b"text").unwrap();
        mirror(source.path(), target.path()).unwrap();
        let found: Vec<_> = files_below(target.path()).unwrap().into_iter().collect();
        assert_eq!(found, [Path::new("a/one.py"), Path::new("two.py")]);
        assert!(!target.path().join("x.egg-info").exists());
    }

    #[cfg(unix)]
    #[test]
    fn the_link_follows_the_abi_number() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("built.so");
        let lib = folder.path().join("lib");
        for (abi, content) in [(1, "first"), (1, "again"), (2, "second")] {
            fs::write(&library, content).unwrap();
            put_library(&library, &lib, abi).unwrap();
            assert_eq!(fs::read_to_string(lib.join("libderust.so")).unwrap(), content);
        }
        assert_eq!(fs::read_to_string(lib.join("libderust.so.1")).unwrap(), "again");
    }
}
