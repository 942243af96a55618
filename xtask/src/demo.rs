//! `cargo xtask demo`: both filters on one picture, from nothing but the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{onnxruntime, process};

/// A picture that the project rendered itself.
const SAMPLE: &str = "tests/samples/rusty-panel.jpg";

/// Runs the demonstration on `photo`, or on the sample.
pub fn run(workspace: &Workspace, photo: Option<&Path>) -> Result<ExitCode> {
    let sample = workspace.root.join(SAMPLE);
    let picture = photo.unwrap_or(&sample);
    check_picture(picture)?;
    onnxruntime::provide(workspace)?;
    let derust = build(workspace)?;

    let results = Results::new(&workspace.target.join("demo"), picture)?;
    println!("\nderust on {}", picture.display());
    let started = Instant::now();
    for (what, arguments, output) in [
        ("finding rust", &["segment", "--output", "mask"][..], &results.mask),
        ("drawing the overlay", &["segment", "--output", "overlay"], &results.overlay),
        ("taking the rust away", &["remove"], &results.derusted),
    ] {
        process::run(
            Command::new(&derust).args(arguments).arg("-o").arg(output).arg("--").arg(picture),
            what,
        )?;
    }
    println!("\nBoth filters ran in {:.1} s. The results:", started.elapsed().as_secs_f32());
    println!("  where the rust is     {}", results.mask.display());
    println!("  the same, over it     {}", results.overlay.display());
    println!("  without the rust      {}", results.derusted.display());
    println!("The command itself is {}; `derust --help` says what else it does.", derust.display());
    Ok(ExitCode::SUCCESS)
}

/// Says what is wrong with a path before anything is downloaded or compiled for it.
fn check_picture(path: &Path) -> Result<()> {
    let metadata =
        fs::metadata(path).with_context(|| format!("cannot read the picture {}", path.display()))?;
    ensure!(metadata.is_file(), "{} is no picture file; name one PNG or JPEG picture", path.display());
    fs::File::open(path).with_context(|| format!("cannot read the picture {}", path.display()))?;
    Ok(())
}

/// Builds the `derust` command as users get it; returns where it lies.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    println!("building derust (the first time takes some minutes)");
    let mut cargo = process::cargo(workspace);
    cargo.args(["build", "--release", "--package", "derust-command"]);
    process::run(&mut cargo, "building derust")?;
    let derust = workspace.target.join("release").join(format!("derust{}", std::env::consts::EXE_SUFFIX));
    ensure!(derust.is_file(), "cargo built derust, but not at {}", derust.display());
    Ok(derust)
}

/// Where the results go.
struct Results {
    mask: PathBuf,
    overlay: PathBuf,
    derusted: PathBuf,
}

impl Results {
    /// Names the results after `picture` and removes those of an earlier run.
    fn new(folder: &Path, picture: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot write to {}", folder.display()))?;
        let stem = picture.file_stem().context("the picture has no name")?.to_string_lossy();
        let file = |ending: &str| folder.join(format!("{stem}-{ending}"));
        let extension = picture.extension().map_or_else(|| "png".into(), |text| text.to_string_lossy());
        let results = Self {
            mask: file("mask.png"),
            overlay: file("overlay.png"),
            derusted: file(&format!("derusted.{extension}")),
        };
        for old in [&results.mask, &results.overlay, &results.derusted] {
            if old.exists() {
                fs::remove_file(old).with_context(|| format!("cannot replace {}", old.display()))?;
            }
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_path_is_told_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.jpg");
        let told = format!("{:#}", check_picture(&missing).unwrap_err());
        assert!(told.contains("missing.jpg") && !told.contains('\n'), "{told}");
        assert!(check_picture(folder.path()).unwrap_err().to_string().contains("no picture file"));
    }

    #[test]
    fn results_are_named_after_the_picture_and_replace_old_ones() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gate-mask.png"), "old").unwrap();
        let results = Results::new(folder.path(), Path::new("somewhere/gate.jpeg")).unwrap();
        assert_eq!(results.derusted, folder.path().join("gate-derusted.jpeg"));
        assert!(!results.mask.exists());
    }
}
