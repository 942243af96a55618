//! `derust models list`.

use std::process::ExitCode;

use derust_engine::{Engine, EngineOptions};

use crate::report::say;

/// Lists the models and says which of them serve.
///
/// # Errors
/// None; a model that cannot be used is a line in the list.
pub fn run() -> anyhow::Result<ExitCode> {
    let engine = Engine::new(EngineOptions::default());
    let mut table = vec![["KIND", "NAME", "VERSION", "WHERE", "SERVES"].map(str::to_owned)];
    for entry in engine.models() {
        let [kind, name, version] = match &entry.candidate.model {
            Ok(model) => {
                let manifest = &model.manifest;
                [manifest.kind.to_string(), manifest.name.clone(), manifest.version.to_string()]
            }
            Err(_) => ["-"; 3].map(str::to_owned),
        };
        let serves = entry.idle_because.map_or("yes".into(), |reason| format!("no: {reason}"));
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
    Ok(ExitCode::SUCCESS)
}
