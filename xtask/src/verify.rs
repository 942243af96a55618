//! `cargo xtask verify`: what is worth knowing before a release and takes too long for every change.

use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{demo, photos, process, test};

/// Runs all tests strictly, then measures the shipped networks on photos with known rust.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let photos = photos::validation()?;
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
