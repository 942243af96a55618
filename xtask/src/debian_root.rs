//! A Debian in a folder of its own, made by mmdebstrap.
//!
//! The packages are fetched once, into a tarball in the cache; the build folder holds what is unpacked from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::workspace::Workspace;
use crate::{install, process, tools};

/// Settings of apt that the way to the packages depends on.
const APT_SETTINGS: [&str; 6] = [
    "Acquire::http::",
    "Acquire::https::",
    "Acquire::Retries",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::Force",
];

/// What a root is made of.
pub struct Root<'a> {
    /// What its folder and its tarball are called, before the suite.
    pub name: &'a str,
    /// The Debian, such as `trixie`.
    pub suite: &'a str,
    /// The packages beside apt and what is essential, with commas between them.
    pub packages: &'a str,
}

/// Unpacks the root, making its tarball first where the cache has none; returns the folder.
///
/// # Errors
/// When this is not root, may not mount, or cannot get the packages.
pub fn provide(workspace: &Workspace, root: &Root<'_>) -> Result<PathBuf> {
    let Root { name, suite, .. } = *root;
    let is_name = !suite.is_empty() && suite.bytes().all(|byte| byte.is_ascii_lowercase());
    ensure!(is_name, "{suite:?} is no Debian suite; one is called trixie");
    ensure!(
        tools::is_root() && process::succeeds("unshare", &["--mount", "--pid", "--fork", "true"]),
        "{name} runs in a Debian of its own here, and only root on a machine that lets it mount can make one"
    );
    let recipe = recipe(root);
    let stamp = fingerprint(&recipe);
    let root = folder(workspace, name, suite);
    if !install::is_installed(&root, &stamp) {
        let tarball = workspace.cache.join(format!("{name}-{suite}-{stamp}.tar.zst"));
        if !tarball.is_file() {
            tools::install_missing(&[tools::MMDEBSTRAP, tools::ZSTD])?;
            tools::MMDEBSTRAP.require()?;
            make(&recipe, &tarball)?;
        }
        install::install(&root, &stamp, |fresh| unpack(&tarball, fresh))?;
    }
    Ok(root)
}

/// Where the root is, once it is there.
pub fn folder(workspace: &Workspace, name: &str, suite: &str) -> PathBuf {
    workspace.target.join(format!("{name}-{suite}"))
}

/// The arguments of mmdebstrap that say what is in the root.
fn recipe(root: &Root<'_>) -> Vec<String> {
    let mut recipe = vec!["--variant=apt".into(), format!("--include={}", root.packages)];
    recipe.push("--aptopt=Apt::Install-Recommends false".into());
    for unused in ["doc", "man", "info", "locale"] {
        recipe.push(format!("--dpkgopt=path-exclude=/usr/share/{unused}/*"));
    }
    // The translations that the plug-in has.
    recipe.push("--dpkgopt=path-include=/usr/share/locale/zh_CN/*".into());
    recipe.push(root.suite.into());
    recipe
}

/// Another recipe makes another tarball.
fn fingerprint(recipe: &[String]) -> String {
    let digest = Sha256::digest(recipe.join("\n"));
    digest[..6].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn make(recipe: &[String], tarball: &Path) -> Result<()> {
    let folder = tarball.parent().context("the cache has no folder")?;
    let cannot_write = || format!("cannot write {}", tarball.display());
    fs::create_dir_all(folder).with_context(cannot_write)?;
    let unfinished = tempfile::Builder::new()
        .prefix(".new-")
        .suffix(".tar.zst")
        .tempfile_in(folder)
        .with_context(cannot_write)?;
    let mut command = Command::new("mmdebstrap");
    command.arg("--quiet").args(apt_settings()?.iter().map(|setting| format!("--aptopt={setting}")));
    // They are this machine's, and may hold what is not to lie in a cache.
    command.arg("--customize-hook=rm -f \"$1\"/etc/apt/apt.conf.d/99mmdebstrap");
    command.args(recipe).arg(unfinished.path());
    command.args(mirror());
    process::run_quietly(&mut command, "making a Debian in a folder")?;
    unfinished.persist(tarball).with_context(cannot_write)?;
    Ok(())
}

/// How apt reaches its servers here: proxies, certificates and the like.
fn apt_settings() -> Result<Vec<String>> {
    let output = Command::new("apt-config").arg("dump").output().context("cannot start apt-config")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let matters = |line: &&str| APT_SETTINGS.iter().any(|name| line.starts_with(name));
    Ok(text.lines().filter(matters).map(String::from).collect())
}

/// Where this machine gets Debian's packages from; nothing on one that is not Debian.
fn mirror() -> Option<String> {
    let format = "$(ORIGIN)|$(SUITE)|$(REPO_URI)";
    let output = Command::new("apt-get").args(["indextargets", "--format", format]).output().ok()?;
    main_archive(&String::from_utf8_lossy(&output.stdout)).map(String::from)
}

/// The address of Debian itself among lines of origin, suite and address.
fn main_archive(targets: &str) -> Option<&str> {
    targets.lines().find_map(|line| {
        let (suite, address) = line.strip_prefix("Debian|")?.split_once('|')?;
        (!suite.contains("security")).then_some(address)
    })
}

fn unpack(tarball: &Path, folder: &Path) -> Result<()> {
    let mut tar = Command::new("tar");
    // The devices are the machine's own where the root is used.
    tar.args(["--zstd", "--exclude=./dev/*", "-xf"]).arg(tarball).arg("-C").arg(folder);
    process::run_quietly(&mut tar, &format!("unpacking {}", tarball.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_has_a_tarball_of_its_own() {
        let of = |suite| fingerprint(&recipe(&Root { name: "gimp", suite, packages: "gimp" }));
        let one = of("trixie");
        assert_eq!(one, of("trixie"));
        assert_ne!(one, of("forky"));
        assert_eq!(one.len(), 12);
    }

    #[test]
    fn the_mirror_is_that_of_the_main_archive() {
        let targets = "Node|nodistro|https://nodes.test/\nDebian|stable-security|http://mirror.test/security/\n\
            Debian|stable|http://mirror.test/debian/\n";
        assert_eq!(main_archive(targets), Some("http://mirror.test/debian/"));
        assert_eq!(main_archive("Ubuntu|noble|http://ubuntu.test/\n"), None);
    }
}
