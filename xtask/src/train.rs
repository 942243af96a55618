//! `cargo xtask train`: makes the shipped models again, from the training photos to the model files, by their recipes
//! (`plugin/models/*.toml`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::Args;

use crate::workspace::Workspace;
use crate::{backbone, libtorch, onnxruntime, photos, process};

/// The leg of the finder's recipe beside whose network the generator learns: the last one.
const FINDER: &str = "third";

/// Options of `train`; the defaults make the shipped models.
#[derive(Args)]
pub struct Options {
    /// Folder for the runs and the models.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where to compute: `cpu` or `cuda`.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Go on from the checkpoints of an interrupted call.
    #[arg(long)]
    resume: bool,
}

/// Trains both networks, one after the other, and exports them.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let (photos, out) = prepare(workspace, options.out.as_deref(), "train")?;
    let backbone = backbone::provide(workspace)?;
    let finder = out.join("segment-rust").join(FINDER);
    let follow = |name: &str, definition: &str, value: &Path| {
        let mut command = trainer(workspace);
        command.arg("recipe").arg(workspace.root.join("plugin/models").join(name).with_extension("toml"));
        command.arg("--data").arg(&photos).args(["--device", &options.device]);
        command.arg("--out").arg(out.join(name)).arg("--output").arg(out.join(name).with_extension("onnx"));
        command.arg("--with").arg(format!("{definition}={}", value.display()));
        if options.resume {
            command.arg("--resume");
        }
        process::run(&mut command, &format!("making {name}.onnx"))
    };
    follow("segment-rust", "backbone", &backbone)?;
    follow("derust", "finder", &finder)?;
    println!("the models are in {}; copy them into plugin/models to ship them", out.display());
    Ok(ExitCode::SUCCESS)
}

/// Provides what trainings need; the training photos, and the folder for the runs: `out`, or `name` in the build folder.
pub fn prepare(workspace: &Workspace, out: Option<&Path>, name: &str) -> Result<(PathBuf, PathBuf)> {
    let photos = photos::training()?;
    onnxruntime::provide(workspace)?;
    libtorch::provide(workspace)?;
    let out = out.map_or_else(|| workspace.target.join(name), Path::to_owned);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok((photos, out))
}

/// The trainer, built in release.
pub fn trainer(workspace: &Workspace) -> Command {
    let mut cargo = process::cargo(workspace);
    // Waiting threads of libgomp would take the processor from those that work.
    cargo.env("GOMP_SPINCOUNT", "0");
    cargo.args(["run", "--quiet", "--release", "--package", "derust-trainer", "--"]);
    cargo
}
