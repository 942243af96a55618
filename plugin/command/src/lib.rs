//! The `derust` command: finds rust in picture files and takes it away.
//!
//! A call goes from `cli` to `segment` or `remove`. `batch` finds the pictures (`inputs`), decides where
//! results go (`destination`), has several pictures worked on at a time within the memory that there is, and
//! reports; `claim` keeps several processes from the same picture. `engine` is how this command sets the engine up. The verbs
//! read and write files with [`picture_file`] and leave the pixels to the engine. `stop` is Ctrl-C.
//!
//! It is a library for the sake of its fuzz target; nothing in it is meant for other programs.

mod advice;
mod batch;
mod claim;
mod cli;
mod console;
mod destination;
mod documents;
mod engine;
mod free_memory;
mod info;
mod inputs;
mod judging;
mod models;
pub mod picture_file;
mod progress;
mod remove;
mod report;
mod segment;
mod stop;
mod whole_file;

use std::process::ExitCode;

use clap::Parser;

/// Runs the command with the arguments of this process.
pub fn run() -> ExitCode {
    #[cfg(target_os = "linux")]
    if std::env::args_os().nth(1).is_some_and(|argument| argument == engine::TRY) {
        return derust_engine::trial::serve();
    }
    let outcome = match cli::Cli::parse().command {
        cli::Command::Segment(arguments) => segment::run(&arguments),
        cli::Command::Remove(arguments) => remove::run(&arguments),
        cli::Command::Models { verb } => models::run(verb.as_ref()),
        cli::Command::Info => info::run(),
        cli::Command::Completions { shell } => documents::completions(shell),
        cli::Command::Man { out_dir } => documents::manual(out_dir.as_deref()),
    };
    let code = outcome.unwrap_or_else(|error| report::failed(&error));
    if console::was_heard() { code } else { ExitCode::FAILURE }
}
