//! Miri, which interprets what works on others' memory without foreign calls: pixels, strides, handles, sized structs.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::workspace::Workspace;
use crate::{process, test};

/// The packages, and the tests of each that make no foreign call.
const PARTS: [(&str, &[&str]); 3] = [
    ("derust-capi", &["sized::", "image::", "guard::", "engine::", "info::"]),
    ("derust-engine", &["pixels::camera::", "pixels::tests::"]),
    ("derust-client", &["image::", "canvas::", "options::"]),
];

/// Interprets the tests; returns how many there were.
pub fn interpret(workspace: &Workspace) -> Result<String> {
    ensure!(
        process::succeeds("cargo", &["+nightly", "miri", "--version"]),
        "Miri is missing; `rustup toolchain install nightly --component miri,rust-src` puts it in place"
    );
    let mut counts = vec![];
    for (package, filters) in PARTS {
        let mut miri = Command::new("cargo");
        miri.current_dir(&workspace.root).args(["+nightly", "miri", "test", "--lib", "--package", package]);
        miri.arg("--target-dir").arg(workspace.target.join("miri")).arg("--").args(filters);
        // What a panic carries is left alone on purpose: dropping it could panic again.
        miri.args(["--skip", "a_panic_becomes_an_error"]);
        // Which process this is, and what time it is, are asked of the system.
        miri.env("MIRIFLAGS", "-Zmiri-disable-isolation").env_remove("CARGO_TARGET_DIR");
        let said = process::run_and_read(&mut miri, &format!("interpreting {package}"))?;
        let tally = test::Tally::of(&said);
        ensure!(tally.passed > 0 && tally.failed == 0, "{package}: {tally}");
        counts.push(format!("{package}: {tally}"));
    }
    Ok(counts.join("; "))
}
