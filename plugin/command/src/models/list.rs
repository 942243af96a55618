//! `derust models list`.

use std::process::ExitCode;

use derust_engine::Engine;

use crate::advice;
use crate::console::say;
use crate::engine;

/// Lists the models and says which of them serve.
///
/// # Errors
/// None; a model that cannot be used is a line in the list.
pub fn run() -> anyhow::Result<ExitCode> {
    let engine = Engine::new(engine::options());
    let mut table = vec![["KIND", "NAME", "VERSION", "WHERE", "SERVES"].map(str::to_owned)];
    for entry in engine.models() {
        let [kind, name, version] = match &entry.candidate.model {
            Ok(model) => {
                let manifest = &model.manifest;
                [manifest.kind.to_string(), manifest.name.clone(), manifest.version.to_string()]
            }
            Err(_) => ["-"; 3].map(str::to_owned),
        };
        let serves = match (entry.idle_because, entry.serves_because) {
            (Some(reason), _) => format!("no: {}", advice::idle(&reason)),
            (None, because) => {
                let because = because.map(advice::serves).unwrap_or_default();
                // It comes first, and may yet fail.
                let serves = if entry.tried { "yes" } else { "not tried out yet" };
                format!("{serves}: {because}")
            }
        };
        table.push([kind, name, version, entry.candidate.origin.to_string(), serves]);
    }
    if table.len() == 1 {
        say("There are no models. They are looked for in:");
        engine.model_folders().for_each(|folder| say(folder.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    for row in &table {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line += &format!("{cell:width$}  ");
        }
        say(format_args!("{line}{}", row[4]));
    }
    say_missing_preferences(&engine);
    Ok(ExitCode::SUCCESS)
}

/// Says which chosen models are not there.
fn say_missing_preferences(engine: &Engine) {
    let preferences = match engine.preferences() {
        Ok((preferences, _)) => preferences,
        Err(error) => return say(error),
    };
    let entries = engine.models();
    for (kind, chosen) in preferences.iter() {
        let mut models = entries.iter().filter_map(|entry| entry.candidate.model.as_ref().ok());
        if !models.any(|model| model.manifest.kind == kind && chosen.fits(model)) {
            say(format_args!("`{chosen}`, chosen by `derust models use`, is no usable {kind} model"));
        }
    }
}
