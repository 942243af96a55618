//! The `derust` command: finds rust in picture files and takes it away.
//!
//! A call goes from [`cli`] through [`inputs`] and [`destination`] to [`segment`] or [`remove`], which read and
//! write files with [`picture_file`] and leave the pixels to the engine.

mod cli;
mod destination;
mod info;
mod inputs;
mod models;
mod picture_file;
mod remove;
mod report;
mod segment;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let outcome = match cli::Cli::parse().command {
        cli::Command::Segment(arguments) => segment::run(&arguments),
        cli::Command::Remove(arguments) => remove::run(&arguments),
        cli::Command::Models => models::run(),
        cli::Command::Info => info::run(),
    };
    outcome.unwrap_or_else(|error| report::failed(&error))
}
