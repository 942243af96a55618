//! `derust models adopt`: a manifest for a network that others trained.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use derust_engine::models::{
    Contents, Examination, Limits, Rule, SIZE_LIMIT, examine, inspect, sidecar_path, with_weights,
};
use derust_engine::runtime::{Runtime, SessionOptions};
use derust_engine::{Control, Engine, EngineOptions, Kind, Manifest, Trial};
use derust_manifest::Tile;

use super::guess::{Guess, Known, guess};
use crate::cli::Adopt;
use crate::console::say;
use crate::engine;
use crate::report::on_building;
use crate::whole_file::WholeFile;

/// Guesses a manifest, tries the network with it, and writes it beside the file. A file whose weights lie in another one
/// becomes one with them.
///
/// # Errors
/// When the file cannot be read or is no network that derust can use, when it does not run, or when something cannot be
/// written; then nothing is.
pub fn run(arguments: &Adopt) -> anyhow::Result<ExitCode> {
    let file = open(arguments)?;
    let File { path, onnx, packed } = &file;
    let sidecar = sidecar_path(path);
    let known = Known {
        name: arguments.name.clone().unwrap_or_else(|| name_for(&arguments.file)),
        kind: arguments.kind.map(Kind::from),
        classes: arguments.classes.clone(),
        rust: arguments.rust.clone(),
    };
    let unusable = || format!("{} cannot be used", arguments.file.display());
    let runtime = Runtime::load(None).ok();
    let has_runtime = runtime.is_some();
    let mut session = runtime.and_then(|runtime| runtime.session(onnx, &SessionOptions::default()).ok());
    let Guess { mut manifest, reasons, doubts } =
        guess(onnx, &known, session.as_mut()).with_context(unusable)?;
    drop(session);
    let tried = if has_runtime { Some(try_out(onnx, &mut manifest).with_context(unusable)?) } else { None };

    if *packed {
        write(path, onnx, arguments.force)?;
        say(format_args!(
            "Written: {}, {} with the weights that lie beside it, in one file.",
            path.display(),
            arguments.file.display()
        ));
    }
    let mut text = manifest.to_json();
    text.push('\n');
    write(&sidecar, text.as_bytes(), arguments.force)?;
    say(format_args!("{}: what the file tells", path.display()));
    reasons.iter().for_each(|reason| say(format_args!("- {reason}")));
    say("What it does not tell:");
    doubts.iter().for_each(|doubt| say(format_args!("- {doubt}")));
    say(format_args!("Written: {}. Edit it where it is wrong.", sidecar.display()));
    let Some(trial) = tried else {
        say("It could not be tried out: there is no ONNX Runtime that can be used.");
        return Ok(ExitCode::FAILURE);
    };
    let ((width, height), seconds) = (trial.size, trial.median_run().as_secs_f64());
    say(format_args!(
        "It runs: a picture of {width} x {height} pixels took {seconds:.2} s. It serves where both files lie in a folder of \
         models; `derust models` lists them."
    ));
    Ok(ExitCode::SUCCESS)
}

/// A file that passed inspection.
struct File {
    /// Where it lies, or is to lie.
    path: PathBuf,
    onnx: Vec<u8>,
    /// Whether it was made of several.
    packed: bool,
}

/// Reads the file, and what belongs to it.
fn open(arguments: &Adopt) -> anyhow::Result<File> {
    let path = &arguments.file;
    let unusable = || format!("{} cannot be used", path.display());
    let onnx = read(path)?;
    let Examination { contents, verdict } = examine(&onnx, &Limits::default());
    // ONNX Runtime sees nothing that inspection refuses.
    match verdict {
        Ok(()) => {
            if !arguments.force {
                refuse_what_has_one(path, &contents, &sidecar_path(path))?;
            }
            Ok(File { path: path.clone(), onnx, packed: false })
        }
        Err(refusal) if refusal.rule == Rule::ExternalData => {
            let packed = with_weights(path, &onnx).with_context(unusable)?;
            examine(&packed, &Limits::default()).verdict.with_context(unusable)?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let place = path.with_file_name(format!("{stem}-packed.onnx"));
            if !arguments.force && (place.exists() || sidecar_path(&place).exists()) {
                bail!(
                    "{} was packed before, into {}; write over that with --force",
                    path.display(),
                    place.display()
                );
            }
            Ok(File { path: place, onnx: packed, packed: true })
        }
        Err(refusal) => Err(refusal).with_context(unusable),
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

fn write(path: &Path, bytes: &[u8], replace: bool) -> anyhow::Result<()> {
    let write = || {
        let mut file = WholeFile::begin(path)?;
        file.as_file_mut().write_all(bytes)?;
        if replace { file.replace() } else { file.put() }
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The largest multiple that height and width of tiles are tried with.
const LARGEST_MULTIPLE: u32 = 256;

/// Has an engine run the network on a picture of the size of its tiles, and on smaller ones. Where it fails at those, and
/// its sides may be any, the multiple of tiles grows until it does not.
fn try_out(onnx: &[u8], manifest: &mut Manifest) -> anyhow::Result<Trial> {
    let mut first = None;
    loop {
        let model = inspect(onnx, Some(&manifest.to_json()))?;
        let log = on_building(Arc::default());
        let engine = Engine::new(EngineOptions { log, ..engine::options() });
        let failure = match engine.try_out(&model, onnx, 1, Control::default()) {
            Ok(trial) => return Ok(trial),
            Err(failure) => failure,
        };
        let Tile { size, multiple, .. } = manifest.tile;
        let larger = 2 * multiple;
        let is_fixed = model.fixed_size.iter().all(Option::is_some);
        let failure = first.get_or_insert(failure);
        if is_fixed || larger > LARGEST_MULTIPLE {
            bail!("{failure}");
        }
        let size = size.next_multiple_of(larger);
        manifest.tile = Tile { size, overlap: size / 8, multiple: larger };
    }
}
