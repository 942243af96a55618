//! Shell completions and manual pages, made from the definition of the command.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::Cli;

/// Writes the completions for `shell` to standard output.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "derust", &mut script);
    to_standard_output(&script)
}

/// Writes the manual page to standard output, or one page for the command and each of its verbs into `folder`.
///
/// # Errors
/// When they cannot be written.
pub fn manual(folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    let command = Cli::command();
    let Some(folder) = folder else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        return to_standard_output(&page);
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command, folder))
        .with_context(|| format!("{}: the pages cannot be written", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn to_standard_output(text: &[u8]) -> anyhow::Result<ExitCode> {
    match io::stdout().write_all(text) {
        // Whoever reads it may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        other => other.context("standard output cannot be written").map(|()| ExitCode::SUCCESS),
    }
}
