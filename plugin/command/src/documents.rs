//! Shell completions and manual pages, made from the definition of the command.

use std::fs;
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
        let examples = examples(&command);
        Man::new(command).render(&mut page)?;
        page.extend_from_slice(examples.as_bytes());
        return to_standard_output(&page);
    };
    write_pages(command, folder)
        .with_context(|| format!("{}: the pages cannot be written", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn write_pages(command: clap::Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut pages = vec![("derust.1".to_owned(), examples(&command))];
    pages.extend(
        command.get_subcommands().map(|verb| (format!("derust-{}.1", verb.get_name()), examples(verb))),
    );
    clap_mangen::generate_to(command, folder)?;
    for (page, examples) in pages {
        fs::OpenOptions::new().append(true).open(folder.join(page))?.write_all(examples.as_bytes())?;
    }
    Ok(())
}

/// The examples as a section of a manual page, line by line as they are.
fn examples(command: &clap::Command) -> String {
    let Some(help) = command.get_before_help() else { return String::new() };
    let help = help.to_string();
    let lines = help.lines().skip(1).map(|line| line.trim_start().replace('\\', r"\e").replace('-', r"\-"));
    format!(".SH EXAMPLES\n.nf\n{}\n.fi\n", lines.collect::<Vec<_>>().join("\n"))
}

fn to_standard_output(text: &[u8]) -> anyhow::Result<ExitCode> {
    match io::stdout().write_all(text) {
        // Whoever reads it may have seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        other => other.context("standard output cannot be written").map(|()| ExitCode::SUCCESS),
    }
}
