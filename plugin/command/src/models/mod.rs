//! `derust models`: what the model folders hold, and what becomes of it. A file for each verb; none lists.

mod adopt;
mod check;
mod guess;
mod list;
mod readings;
mod retry;
mod samples;
mod sheet;
mod use_model;

use std::process::ExitCode;

use crate::cli::ModelsVerb;

/// Does what the verb says; lists the models where there is none.
///
/// # Errors
/// Those of the verbs.
pub fn run(verb: Option<&ModelsVerb>) -> anyhow::Result<ExitCode> {
    match verb {
        None | Some(ModelsVerb::List) => list::run(),
        Some(ModelsVerb::Check(arguments)) => check::run(arguments),
        Some(ModelsVerb::Retry(arguments)) => retry::run(arguments),
        Some(ModelsVerb::Use(arguments)) => use_model::run(arguments),
        Some(ModelsVerb::Adopt(arguments)) => adopt::run(arguments),
    }
}
