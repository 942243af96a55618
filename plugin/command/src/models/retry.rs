//! `derust models retry`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use derust_engine::Engine;
use derust_engine::models::{Model, Selector};

use crate::cli::Retry;
use crate::console::say;
use crate::{engine, stop};

/// Forgets what came of a model's trial, and tries it out anew.
///
/// # Errors
/// When no such model lies in the folders, or what is kept of its trial cannot be removed. One that cannot serve is
/// reported with exit code 1.
pub fn run(arguments: &Retry) -> anyhow::Result<ExitCode> {
    let engine = Engine::new(engine::options());
    let entries = engine.models();
    let models = entries.iter().filter_map(|entry| entry.candidate.model.as_ref().ok());
    let meant: Vec<&Model> = models.filter(|model| arguments.model.fits(model)).collect();
    if meant.is_empty() {
        bail!("there is no model `{}` in the folders; `derust models` lists what there is", arguments.model);
    }
    stop::listen()?;
    let mut code = ExitCode::SUCCESS;
    for model in meant {
        let name = format!("{} {}", model.manifest.name, model.manifest.version);
        engine
            .forget_trial(&model.digest)
            .with_context(|| format!("what is kept of {name} cannot be removed"))?;
        let exactly = Selector::Sha256(model.digest);
        let control = stop::control();
        match engine.prepare(model.manifest.kind, Some(&exactly), control) {
            Ok(placement) => say(format_args!("{name}: passed, on {}", placement.device())),
            Err(_) if stop::requested() => return Ok(stop::exit_code()),
            Err(error) => {
                let reasons = engine.models().into_iter().filter(|entry| {
                    entry.candidate.model.as_ref().is_ok_and(|other| other.digest == model.digest)
                });
                let reason = reasons.into_iter().find_map(|entry| entry.idle_because);
                let text = reason.map_or_else(|| error.to_string(), |reason| reason.to_string());
                say(format_args!("{name}: failed: {text}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
