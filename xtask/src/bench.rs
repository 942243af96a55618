//! `cargo xtask bench`: everything that measures speed or memory, by name.
//!
//! Each is a program beside what it measures; its first lines say what its figures mean. Nothing here is a test: times on a
//! busy machine say little, and each program measures against something else in the same run.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::prefix::{self, Profile};
use crate::workspace::Workspace;
use crate::{libtorch, onnxruntime, process, runtime};

/// Something to measure.
struct Benchmark {
    name: &'static str,
    measures: &'static str,
    /// Provides what it needs; returns the call.
    prepare: fn(&Workspace) -> Result<Command>,
}

const BENCHMARKS: [Benchmark; 7] = [
    Benchmark {
        name: "engine",
        measures: "what the engine costs beside a network that hardly computes, per megapixel",
        prepare: |workspace| example(workspace, "derust-engine", "cost", &["--features", "fixtures"]),
    },
    Benchmark {
        name: "command",
        measures: "time and peak memory of the command at 24 and 96 megapixels",
        prepare: |workspace| {
            onnxruntime::provide(workspace)?;
            let mut cargo = process::cargo(workspace);
            cargo.args(["build", "--release", "--package", "derust-command", "--bin", "derust"]);
            process::run(&mut cargo, "building derust")?;
            example(workspace, "derust-command", "measure", &[])
        },
    },
    Benchmark {
        name: "devices",
        measures: "speed and answers of every device beside the processor's (fetches ONNX Runtime for GPUs)",
        prepare: |workspace| {
            runtime::run(workspace, true)?;
            example(workspace, "derust-command", "devices", &[])
        },
    },
    Benchmark {
        name: "threads",
        measures: "what many threads get out of one engine through the C interface",
        prepare: |workspace| with_prefix(workspace, "derust-tests-abi", "throughput"),
    },
    Benchmark {
        name: "boundary",
        measures: "what a call of the C interface costs beside the bare network",
        prepare: |workspace| with_prefix(workspace, "derust-tests-opencv", "boundary"),
    },
    Benchmark {
        name: "gimp",
        measures: "a filter on 24 megapixels in GIMP beside the engine alone",
        prepare: |workspace| {
            onnxruntime::provide(workspace)?;
            let mut cargo = process::cargo(workspace);
            cargo.args(["run", "--release", "--package", "derust-tests-gimp", "--bin", "gimp-speed", "--"]);
            Ok(cargo)
        },
    },
    Benchmark {
        name: "trainer",
        measures: "steps of a training beside Python's PyTorch (which python3 has to have)",
        prepare: |workspace| {
            libtorch::provide(workspace)?;
            let mut cargo = process::cargo(workspace);
            process::run(
                cargo.args(["build", "--release", "--package", "derust-trainer"]),
                "building the trainer",
            )?;
            let mut python = Command::new("python3");
            python.env("GOMP_SPINCOUNT", "0").arg(workspace.root.join("trainer/benchmarks/speed.py"));
            python.arg("--trainer").arg(workspace.target.join("release/derust-trainer"));
            python.args(["unet", "resnet", "densenet", "segment"]);
            Ok(python)
        },
    },
];

/// What to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Which; without a name they are listed.
    #[arg(value_parser = BENCHMARKS.map(|benchmark| benchmark.name))]
    name: Option<String>,
    /// Arguments of its own.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Lists what can be measured, or measures it.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let Some(name) = &options.name else {
        for Benchmark { name, measures, .. } in &BENCHMARKS {
            println!("{name:<10} {measures}");
        }
        return Ok(());
    };
    for benchmark in BENCHMARKS.iter().filter(|benchmark| benchmark.name == name) {
        let mut command = (benchmark.prepare)(workspace)?;
        process::run(command.args(&options.arguments), &format!("measuring {}", benchmark.measures))?;
    }
    Ok(())
}

/// A call of an example, optimised.
fn example(workspace: &Workspace, package: &str, name: &str, features: &[&str]) -> Result<Command> {
    onnxruntime::provide(workspace)?;
    let mut cargo = process::cargo(workspace);
    cargo.args(["run", "--release", "--package", package]).args(features).args(["--example", name, "--"]);
    Ok(cargo)
}

/// A call of an example whose first argument is an installed derust.
fn with_prefix(workspace: &Workspace, package: &str, name: &str) -> Result<Command> {
    let prefix: PathBuf = workspace.target.join("prefix");
    prefix::install(workspace, &prefix, Profile::Release)?;
    let mut cargo = example(workspace, package, name, &[])?;
    cargo.arg(prefix);
    Ok(cargo)
}
