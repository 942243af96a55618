//! `cargo xtask release`: what users download. Nothing leaves that is not proven.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::prefix::{self, Profile};
use crate::verify::Report;
use crate::workspace::Workspace;
use crate::{demo, git, install_gimp, process, python, wheel};

/// What to do.
#[derive(clap::Args)]
pub struct Options {
    /// Begin a release: set this version everywhere and give the changelog's unreleased part its heading. Commit that, prove
    /// it (`cargo xtask verify`), and call this again without it.
    #[arg(long, value_name = "VERSION")]
    cut: Option<String>,
}

/// Cuts a release, or packs the one that was cut.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    match &options.cut {
        Some(version) => cut(workspace, version),
        None => pack(workspace),
    }
}

fn cut(workspace: &Workspace, version: &str) -> Result<()> {
    ensure!(git::is_clean(workspace)?, "there are changes that are not committed; commit them first");
    let (manifest, changelog) = (workspace.root.join("Cargo.toml"), workspace.root.join("CHANGELOG.md"));
    let date = process::run_and_read(Command::new("date").arg("+%F"), "asking for the date")?;
    let manifest_text = with_version(&read(&manifest)?, version)?;
    let changelog_text = with_heading(&read(&changelog)?, version, date.trim())?;
    prefix::put(&manifest, manifest_text.as_bytes())?;
    prefix::put(&changelog, changelog_text.as_bytes())?;
    // Writes the packages' versions into Cargo.lock.
    let mut cargo = process::cargo(workspace);
    process::run(cargo.args(["update", "--workspace", "--quiet"]), "renewing Cargo.lock")?;
    println!(
        "derust is {version} now: read CHANGELOG.md, commit, prove it with `cargo xtask verify`, then pack it"
    );
    Ok(())
}

fn pack(workspace: &Workspace) -> Result<()> {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), git::commit(workspace)?);
    check(workspace, version, &commit)?;
    let name = format!("derust-{version}-{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let folder = workspace.target.join("release-files");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let place = folder.join(&name);
    prefix::install(workspace, &place, Profile::Release)?;
    let command = demo::build(workspace)?;
    prefix::put_program(&command, &place.join("bin"))?;
    // Where the command looks for it: beside itself.
    process::run_quietly(
        Command::new("ln").args(["-s", "../lib/onnxruntime"]).arg(place.join("bin").join("onnxruntime")),
        "linking ONNX Runtime",
    )?;
    install_gimp::install(workspace, Profile::Release, &[place.join("gimp-plug-ins")])?;
    prefix::copy(&workspace.root.join("CHANGELOG.md"), &place.join("share/derust/CHANGELOG.md"))?;
    prefix::copy(&Report::read(workspace, &commit).page(workspace), &place.join("share/derust/PROVEN.md"))?;

    let tarball = folder.join(format!("{name}.tar.gz"));
    let date = git::ask(workspace, &["log", "-1", "--format=%cI"])?;
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--use-compress-program=gzip -9n"]);
    tar.arg(format!("--mtime={}", date.trim())).arg("-C").arg(&folder).arg("-cf").arg(&tarball).arg(&name);
    process::run_quietly(&mut tar, "packing the tarball")?;
    python::wheel(workspace, Some(&folder))?;
    fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
    let sums = sums(&folder)?;
    prefix::put(&folder.join("SHA256SUMS"), sums.as_bytes())?;
    println!("derust {version} is in {}:\n{sums}", folder.display());
    Ok(())
}

/// What keeps a release from being packed.
fn check(workspace: &Workspace, version: &str, commit: &str) -> Result<()> {
    ensure!(git::is_clean(workspace)?, "there are changes that are not committed");
    let changelog = read(&workspace.root.join("CHANGELOG.md"))?;
    ensure!(
        changelog.contains(&format!("## [{version}] - ")),
        "CHANGELOG.md has no part for {version}; `cargo xtask release --cut VERSION` begins a release"
    );
    let missing = Report::read(workspace, commit).missing();
    ensure!(
        missing.is_empty(),
        "not everything is proven for {commit}: `cargo xtask verify --only {}`",
        missing.join(",")
    );
    Ok(())
}

/// `Cargo.toml` with another version of the workspace.
fn with_version(manifest: &str, version: &str) -> Result<String> {
    let numbers: Vec<_> = version.split('.').map(str::parse::<u32>).collect();
    ensure!(
        numbers.len() == 3 && numbers.iter().all(Result::is_ok),
        "{version:?} is no version such as 0.2.0"
    );
    let (before, after) =
        manifest.split_once("[workspace.package]\nversion = \"").context("Cargo.toml has no version")?;
    let (old, rest) = after.split_once('"').context("Cargo.toml's version has no end")?;
    ensure!(old != version, "derust is {version} already");
    Ok(format!("{before}[workspace.package]\nversion = \"{version}\"{rest}"))
}

/// The changelog in which what was unreleased has a heading.
fn with_heading(changelog: &str, version: &str, date: &str) -> Result<String> {
    const UNRELEASED: &str = "## [Unreleased]\n";
    let Some((before, after)) = changelog.split_once(UNRELEASED) else {
        bail!("CHANGELOG.md has no {UNRELEASED:?}")
    };
    let next = after.find("\n## [").unwrap_or(after.len());
    ensure!(!after[..next].trim().is_empty(), "CHANGELOG.md says nothing of what is new");
    Ok(format!("{before}{UNRELEASED}\n## [{version}] - {date}\n{after}"))
}

/// SHA-256 of every file, as `sha256sum --check` reads them.
fn sums(folder: &Path) -> Result<String> {
    let cannot_read = || format!("cannot read {}", folder.display());
    let mut files: Vec<PathBuf> = vec![];
    for entry in fs::read_dir(folder).with_context(cannot_read)? {
        files.push(entry.with_context(cannot_read)?.path());
    }
    files.sort();
    let line = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(format!("{}  {name}\n", wheel::sha256(file)?))
    };
    files.iter().map(line).collect()
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_sets_the_version_and_gives_the_changes_their_heading() {
        let manifest = "[workspace]\n\n[workspace.package]\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        let cut = with_version(manifest, "0.2.0").unwrap();
        assert_eq!(cut, manifest.replace("0.1.0", "0.2.0"));
        for wrong in ["0.1.0", "1.0", "0.2.x", "v0.2.0"] {
            assert!(with_version(manifest, wrong).is_err(), "{wrong}");
        }
        let changelog = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- All.\n";
        let cut = with_heading(changelog, "0.2.0", "2030-01-02").unwrap();
        assert!(cut.contains("## [Unreleased]\n\n## [0.2.0] - 2030-01-02\n\n### Added\n\n- All.\n"), "{cut}");
        assert!(with_heading(&cut, "0.3.0", "2030-01-03").is_err(), "nothing is new");
        assert!(with_heading("# Changelog\n", "0.3.0", "2030-01-03").is_err());
    }

    #[test]
    fn what_is_not_proven_is_not_packed() {
        let folder = tempfile::tempdir().unwrap();
        let (root, target) = (folder.path().join("root"), folder.path().join("target"));
        fs::create_dir(&root).unwrap();
        let workspace = Workspace { root: root.clone(), target, cache: folder.path().join("cache") };
        let git = |arguments: &[&str]| git::ask(&workspace, arguments).unwrap();
        git(&["init", "--quiet"]);
        let person = ["-c", "user.name=Test", "-c", "user.email=test@localhost"];
        fs::write(root.join("CHANGELOG.md"), "## [Unreleased]\n").unwrap();
        let refused =
            || check(&workspace, "1.0.0", &git::commit(&workspace).unwrap()).unwrap_err().to_string();
        git(&["add", "."]);
        git(&[&person[..], &["commit", "--quiet", "-m", "First"]].concat());
        assert!(refused().contains("no part for 1.0.0"));
        fs::write(root.join("CHANGELOG.md"), "## [1.0.0] - 2030-01-02\n").unwrap();
        assert!(refused().contains("not committed"));
        git(&[&person[..], &["commit", "--quiet", "-a", "-m", "Second"]].concat());
        assert!(refused().contains("--only tests,"));
        let commit = git::commit(&workspace).unwrap();
        let mut report = Report::read(&workspace, &commit);
        for section in report.missing() {
            report.add(&workspace, section, 1, "").unwrap();
        }
        check(&workspace, "1.0.0", &commit).unwrap();
        // What is proven for one commit says nothing of the next.
        git(&[&person[..], &["commit", "--quiet", "--allow-empty", "-m", "Third"]].concat());
        assert!(refused().contains("not everything is proven"));
    }
}
