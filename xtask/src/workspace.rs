//! Where things lie: the checkout, the build folder, the download cache.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folders that the tasks work in.
pub struct Workspace {
    /// The root of the checkout.
    pub root: PathBuf,
    /// Cargo's build folder (`target/`, or wherever cargo was told to build).
    pub target: PathBuf,
    /// Where downloads are kept between checkouts. It may be deleted at any time.
    pub cache: PathBuf,
}

impl Workspace {
    /// Finds the folders from what cargo tells the program that it runs.
    pub fn locate() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest)
            .parent()
            .context("the xtask crate has no parent folder; run `cargo xtask` from a checkout of derust")?
            .to_path_buf();
        // This program lies in the build folder, and so do the binaries that look for ONNX Runtime there:
        // reading the place off its own holds for every way of moving that folder.
        let program = env::current_exe().context("the operating system does not say where xtask runs")?;
        let target = build_folder(&program)
            .with_context(|| format!("{} does not lie in a build folder of cargo", program.display()))?
            .to_path_buf();
        let cache = cache_folder(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"), &target);
        Ok(Self { root, target, cache })
    }
}

/// The build folder that holds `program`: the one that cargo tagged as a cache.
fn build_folder(program: &Path) -> Option<&Path> {
    program
        .ancestors()
        .skip(1)
        .find(|above| above.join("CACHEDIR.TAG").is_file() || above.ends_with("target"))
}

/// `$XDG_CACHE_HOME/derust`, else `~/.cache/derust`; without a home the build folder serves.
/// A relative `XDG_CACHE_HOME` is ignored, as the XDG Base Directory Specification asks.
fn cache_folder(xdg: Option<OsString>, home: Option<OsString>, target: &Path) -> PathBuf {
    let absolute = |value: Option<OsString>| value.map(PathBuf::from).filter(|path| path.is_absolute());
    match (absolute(xdg), absolute(home)) {
        (Some(cache), _) => cache.join("derust"),
        (None, Some(home)) => home.join(".cache").join("derust"),
        (None, None) => target.join("downloads"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_folder_is_the_tagged_one() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("x86_64-unknown-linux-gnu/debug/xtask");
        assert_eq!(build_folder(&program), None);
        std::fs::write(folder.path().join("CACHEDIR.TAG"), "").unwrap();
        assert_eq!(build_folder(&program), Some(folder.path()));
        assert_eq!(build_folder(Path::new("/x/target/debug/xtask")), Some(Path::new("/x/target")));
    }

    #[test]
    fn cache_follows_xdg_then_home_then_the_build_folder() {
        let place = |xdg: &str, home: Option<&str>| {
            cache_folder(Some(xdg.into()), home.map(OsString::from), Path::new("/target"))
        };
        assert_eq!(place("/cache", Some("/home/u")), Path::new("/cache/derust"));
        assert_eq!(place("relative", Some("/home/u")), Path::new("/home/u/.cache/derust"));
        assert_eq!(place("", None), Path::new("/target/downloads"));
    }
}
