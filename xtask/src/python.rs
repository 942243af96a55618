//! `cargo xtask wheel`: the Python package as one file that pip installs, library and runtime inside.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::prefix::{self, Profile};
use crate::process;
use crate::workspace::Workspace;

/// Builds the library as users get it, and the wheel with it into `output`, or into `wheels` of the build folder.
pub fn wheel(workspace: &Workspace, output: Option<&Path>) -> Result<()> {
    let prefix = workspace.target.join("prefix");
    prefix::install(workspace, &prefix, Profile::Release)?;
    let folder = output.map_or_else(|| workspace.target.join("wheels"), Path::to_path_buf);
    let mut script = Command::new("python3");
    script.arg(workspace.root.join("ffi-headers").join("python").join("build_wheel.py"));
    script.arg("--prefix").arg(&prefix).arg("--output").arg(&folder);
    process::run(&mut script, "making the wheel").context("the wheel is made by Python 3.9 or newer")
}
