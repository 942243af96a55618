//! `cargo xtask fuzz`: arbitrary files for what reads files from outside, guided by coverage.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::process;
use crate::workspace::Workspace;

const CARGO_FUZZ: &str = "0.13.2";

/// What is fuzzed: the crate's folder, and the target in it.
const TARGETS: [(&str, &str); 2] = [("plugin/engine", "models"), ("plugin/command", "pictures")];

/// A single input may take no longer, in seconds.
const SLOWEST: u32 = 10;
/// The memory that the fuzzer with its input may hold, in megabytes.
const MEMORY: u32 = 2048;

/// Fuzzes every target for `seconds`; inputs that were worth keeping stay in the build folder for the next time.
pub fn run(workspace: &Workspace, seconds: u32) -> Result<ExitCode> {
    let cargo_fuzz = provide(workspace)?;
    for (folder, target) in TARGETS {
        let folder = workspace.root.join(folder);
        let corpus = workspace.target.join("fuzz-corpus").join(target);
        fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        let mut command = Command::new(&cargo_fuzz);
        command.current_dir(&folder).args(["fuzz", "run", "--fuzz-dir", "fuzz", "--target-dir"]);
        command.arg(workspace.target.join("fuzz")).arg(target).arg(&corpus);
        command.arg(folder.join("fuzz/seeds").join(target)).arg("--").args([
            format!("-max_total_time={seconds}"),
            format!("-timeout={SLOWEST}"),
            format!("-rss_limit_mb={MEMORY}"),
        ]);
        // Instrumentation is not part of the stable compiler's options yet.
        command.env("RUSTC_BOOTSTRAP", "1").env_remove("CARGO_TARGET_DIR");
        process::run(&mut command, &format!("fuzzing {target}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The path of cargo-fuzz, installed where it is missing.
fn provide(workspace: &Workspace) -> Result<PathBuf> {
    let tools = workspace.cache.join("tools");
    let program = tools.join("bin/cargo-fuzz");
    if !program.is_file() {
        let mut install = process::cargo(workspace);
        install
            .args(["install", "--locked", "--version", CARGO_FUZZ, "--root"])
            .arg(&tools)
            .arg("cargo-fuzz");
        process::run(&mut install, "installing cargo-fuzz")?;
    }
    Ok(program)
}
