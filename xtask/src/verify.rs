//! `cargo xtask verify`: what is worth knowing before a release and takes too long for every change.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{demo, process, test};

/// The variable that names the folder with the photos.
const DATA: &str = "DERUST_DATA";

/// Runs all tests strictly, then measures the shipped networks on photos with known rust.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let photos = photos()?;
    let tests = test::run(workspace, true)?;
    if tests != ExitCode::SUCCESS {
        return Ok(tests);
    }
    let derust = demo::build(workspace)?;
    let mut cargo = process::cargo(workspace);
    cargo.args(["run", "--quiet", "--release", "--package", "derust-tests", "--bin", "validation", "--"]);
    cargo.arg("--derust").arg(derust).arg("--data").arg(photos);
    cargo.arg("--out-dir").arg(workspace.target.join("verify").join("masks"));
    process::run(&mut cargo, "measuring the rust found in photos")?;
    Ok(ExitCode::SUCCESS)
}

fn photos() -> Result<PathBuf> {
    let data = env::var_os(DATA).with_context(|| {
        format!("{DATA} is not set: name the folder that holds corrosion/val/images and corrosion/val/masks")
    })?;
    let photos = Path::new(&data).join("corrosion").join("val");
    ensure!(
        photos.join("images").is_dir() && photos.join("masks").is_dir(),
        "{} lacks images/ or masks/; {DATA} names the folder above corrosion/val",
        photos.display()
    );
    // cargo runs in the root of the checkout; the variable may be relative to where the task was started.
    photos.canonicalize().with_context(|| format!("cannot read {}", photos.display()))
}
