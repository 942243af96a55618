//! `derust models use`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use derust_engine::models::{Model, Preferences, Selector};
use derust_engine::{Engine, Kind};

use crate::advice;
use crate::cli::Use;
use crate::console::say;
use crate::engine;
use crate::whole_file;

/// Keeps what the user has chosen, or forgets it, and says what serves from now on.
///
/// # Errors
/// When no usable model is meant, or the choice cannot be kept.
pub fn run(arguments: &Use) -> anyhow::Result<ExitCode> {
    let engine = Engine::new(engine::options());
    let (mut preferences, file) = engine.preferences()?;
    let file = file.context("there is no home folder to keep the choice in; set HOME or XDG_CONFIG_HOME")?;
    let kinds = match &arguments.model {
        Some(wanted) => choose(&engine, wanted, arguments.kind.map(Kind::from), &mut preferences)?,
        None => forget(arguments.kind.map(Kind::from), &mut preferences),
    };
    keep(&preferences, file).with_context(|| format!("{} cannot be written", file.display()))?;
    for entry in engine.models() {
        if let (Ok(model), Some(because)) = (&entry.candidate.model, entry.serves_because)
            && kinds.contains(&model.manifest.kind)
        {
            let (manifest, origin) = (&model.manifest, &entry.candidate.origin);
            say(format_args!(
                "{}: {} {} {origin} serves: {}",
                manifest.kind,
                manifest.name,
                manifest.version,
                advice::serves(because)
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn keep(preferences: &Preferences, file: &Path) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    whole_file::write(file, &preferences.to_json())
}

/// Notes the wanted model for every kind, or the given one, of which there is one.
fn choose(
    engine: &Engine,
    wanted: &Selector,
    kind: Option<Kind>,
    preferences: &mut Preferences,
) -> anyhow::Result<Vec<Kind>> {
    let entries = engine.models();
    let usable = || entries.iter().filter_map(|entry| entry.candidate.model.as_ref().ok());
    let is_meant = |model: &&Model| wanted.fits(model) && kind.is_none_or(|kind| kind == model.manifest.kind);
    let mut kinds: Vec<Kind> = usable().filter(is_meant).map(|model| model.manifest.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        let names: Vec<String> =
            usable().map(|model| format!("{}@{}", model.manifest.name, model.manifest.version)).collect();
        bail!("there is no usable model `{wanted}`; there are {}", names.join(", "));
    }
    kinds.iter().for_each(|kind| preferences.set(*kind, Some(wanted.clone())));
    Ok(kinds)
}

fn forget(kind: Option<Kind>, preferences: &mut Preferences) -> Vec<Kind> {
    let kinds = kind.map_or_else(|| vec![Kind::Derust, Kind::SegmentRust], |kind| vec![kind]);
    kinds.iter().for_each(|kind| preferences.set(*kind, None));
    kinds
}
