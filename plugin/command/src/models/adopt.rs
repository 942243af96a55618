//! `derust models adopt`: a manifest for a network that others trained.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use derust_engine::models::{Contents, Examination, Limits, SIZE_LIMIT, examine, inspect, sidecar_path};
use derust_engine::runtime::{Runtime, SessionOptions};
use derust_engine::{Control, Engine, EngineOptions, Kind, Manifest, Trial};

use super::guess::{Guess, Known, guess};
use crate::cli::Adopt;
use crate::console::say;
use crate::engine;
use crate::report::on_building;
use crate::whole_file::WholeFile;

/// Guesses a manifest, writes it beside the file, and tries the network with it.
///
/// # Errors
/// When the file cannot be read or is no network that derust can use, or the manifest cannot be written; then nothing
/// is.
pub fn run(arguments: &Adopt) -> anyhow::Result<ExitCode> {
    let path = &arguments.file;
    let onnx = read(path)?;
    let sidecar = sidecar_path(path);
    let Examination { contents, verdict } = examine(&onnx, &Limits::default());
    if !arguments.force {
        refuse_what_has_one(path, &contents, &sidecar)?;
    }
    let known = Known {
        name: arguments.name.clone().unwrap_or_else(|| name_for(path)),
        kind: arguments.kind.map(Kind::from),
        classes: arguments.classes.clone(),
        rust: arguments.rust.clone(),
    };
    let unusable = || format!("{} cannot be used", path.display());
    // ONNX Runtime sees nothing that inspection refuses.
    verdict.with_context(unusable)?;
    let runtime = Runtime::load(None).ok();
    let mut session = runtime.and_then(|runtime| runtime.session(&onnx, &SessionOptions::default()).ok());
    let Guess { manifest, reasons, doubts } =
        guess(&onnx, &known, session.as_mut()).with_context(unusable)?;
    write(&sidecar, &manifest, arguments.force)?;

    say(format_args!("{}: what the file tells", path.display()));
    reasons.iter().for_each(|reason| say(format_args!("- {reason}")));
    say("What it does not tell:");
    doubts.iter().for_each(|doubt| say(format_args!("- {doubt}")));
    say(format_args!("Written: {}. Edit it where it is wrong.", sidecar.display()));
    match try_out(&onnx, &manifest) {
        Ok(trial) => {
            let ((width, height), seconds) = (trial.size, trial.median_run().as_secs_f64());
            say(format_args!(
                "It runs: a picture of {width} x {height} pixels took {seconds:.2} s. It serves where both files lie \
                 in a folder of models; `derust models` lists them."
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(problem) => {
            say(format_args!("It does not run yet: {problem}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let what = || format!("cannot read {}", path.display());
    let metadata = fs::metadata(path).with_context(what)?;
    if !metadata.is_file() {
        bail!("{} is no file", path.display());
    }
    if metadata.len() > SIZE_LIMIT {
        bail!("{} has more than {} MB", path.display(), SIZE_LIMIT >> 20);
    }
    fs::read(path).with_context(what)
}

fn refuse_what_has_one(path: &Path, contents: &Contents, sidecar: &Path) -> anyhow::Result<()> {
    if sidecar.exists() {
        bail!("{} exists already; edit it, or write over it with --force", sidecar.display());
    }
    if contents.manifest.is_some() {
        bail!(
            "{} has a manifest inside, so that it needs none beside it; with --force one is written, which then counts \
             instead",
            path.display()
        );
    }
    Ok(())
}

/// A model's name made of the file's.
fn name_for(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = stem.chars().map(plain).take(64).collect();
    if name.is_empty() { "model".into() } else { name }
}

fn write(path: &Path, manifest: &Manifest, replace: bool) -> anyhow::Result<()> {
    let write = || {
        let mut file = WholeFile::begin(path)?;
        file.as_file_mut().write_all(manifest.to_json().as_bytes())?;
        file.as_file_mut().write_all(b"\n")?;
        if replace { file.replace() } else { file.put() }
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Has an engine run the network on a picture of the size of its tiles.
fn try_out(onnx: &[u8], manifest: &Manifest) -> anyhow::Result<Trial> {
    let model = inspect(onnx, Some(&manifest.to_json()))?;
    let log = on_building(Arc::default());
    let engine = Engine::new(EngineOptions { log, ..engine::options() });
    Ok(engine.try_out(&model, onnx, 1, Control::default())?)
}
