//! `cargo xtask showcase`: the picture at the top of the README.

use std::process::ExitCode;

use anyhow::Result;

use crate::demo::{self, Results};
use crate::workspace::Workspace;
use crate::{onnxruntime, process};

/// The sample picture, its mask and the sample without rust, side by side.
const PICTURE: &str = "tests/samples/before-mask-after.jpg";

/// Makes the picture from the sample with the shipped networks.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    let sample = workspace.root.join(demo::SAMPLE);
    let ending = demo::check_picture(&sample)?;
    onnxruntime::provide(workspace)?;
    let derust = demo::build(workspace)?;
    let results = Results::new(&workspace.target.join("showcase"), &sample, ending)?;
    if !results.make(&derust, &sample)? {
        return Ok(ExitCode::FAILURE);
    }
    let picture = workspace.root.join(PICTURE);
    let mut cargo = process::cargo(workspace);
    cargo.args(["run", "--quiet", "--release", "--package", "derust-showcase", "--"]);
    cargo.arg("-o").arg(&picture).arg(sample).arg(results.mask).arg(results.derusted);
    process::run(&mut cargo, "putting the pictures side by side")?;
    println!("written: {}", picture.display());
    Ok(ExitCode::SUCCESS)
}
