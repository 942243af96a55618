//! `cargo xtask showcase`: the pictures of the README.

use std::process::ExitCode;
use std::slice;

use anyhow::Result;

use crate::demo::{self, Results};
use crate::prefix::Profile;
use crate::workspace::Workspace;
use crate::{gimp_root, install_gimp, onnxruntime, process, tools};

/// The sample picture, its mask and the sample without rust, side by side.
const PICTURE: &str = "tests/samples/before-mask-after.jpg";

/// Where the photographs of GIMP go.
const GIMP_PICTURES: &str = "tests/samples";

/// Makes the pictures from the sample with the shipped networks.
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
    photograph_gimp(workspace)?;
    Ok(ExitCode::SUCCESS)
}

/// Photographs the filters in GIMP 3.
fn photograph_gimp(workspace: &Workspace) -> Result<()> {
    [tools::XVFB, tools::XDOTOOL, tools::IMAGEMAGICK].iter().try_for_each(tools::Tool::require)?;
    gimp_root::provide(workspace, gimp_root::SUITE)?;
    // What the tests in GIMP use, with the networks as they are now.
    let plug_ins = workspace.target.join("test-plug-ins");
    install_gimp::install(workspace, Profile::Debug, slice::from_ref(&plug_ins))?;
    let mut cargo = process::cargo(workspace);
    cargo.args(["run", "--quiet", "--package", "derust-tests-gimp", "--bin", "gimp-showcase", "--"]);
    cargo.arg(workspace.root.join(demo::SAMPLE)).arg(workspace.root.join(GIMP_PICTURES));
    cargo.env("DERUST_GIMP_PLUG_INS", &plug_ins);
    cargo.env("DERUST_GIMP_ROOT", gimp_root::folder(workspace, gimp_root::SUITE));
    process::run(&mut cargo, "photographing GIMP")
}
