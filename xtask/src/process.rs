//! Running other programs.

use std::env;
use std::ffi::OsString;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// A cargo command in the root of the checkout, by the same cargo that runs this task.
pub fn cargo(workspace: &Workspace) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(&workspace.root);
    command
}

/// Whether `program` can be started with `arguments` and then succeeds; its output is dropped.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs `command` with its output shown; an error unless it succeeds. `what` names the step.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command, what))?;
    if !status.success() {
        bail!("{what} failed: {} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs `command` with its output caught; the error text ends in what it said of its failure.
pub fn run_quietly(command: &mut Command, what: &str) -> Result<()> {
    let output = command.output().with_context(|| cannot_start(command, what))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{what} failed: {}: {}", shown(command), complaint(&said));
    }
    Ok(())
}

/// Runs `command` with its standard output shown and returned.
pub fn run_and_read(command: &mut Command, what: &str) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| cannot_start(command, what))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{text}");
    if !output.status.success() {
        bail!("{what} failed: {} ended with {}", shown(command), output.status);
    }
    Ok(text)
}

/// The line of `text` that says most: the first one that calls itself an error, else the last one.
fn complaint(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let is_error = |line: &&str| line.to_ascii_lowercase().starts_with("error") || line.starts_with("E:");
    lines.clone().find(is_error).or_else(|| lines.next_back()).unwrap_or("it said nothing")
}

fn cannot_start(command: &Command, what: &str) -> String {
    format!("{what}: cannot start {}", shown(command))
}

fn shown(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_step_and_what_was_said() {
        let error = run_quietly(
            Command::new("sh").args(["-c", "echo first >&2; echo ' last words' >&2; exit 3"]),
            "trying",
        )
        .unwrap_err();
        assert_eq!(error.to_string(), "trying failed: sh: last words");
        assert_eq!(complaint("warning: slow\nERROR: no such package\n  details\n"), "ERROR: no such package");
        assert_eq!(complaint("\n"), "it said nothing");
    }

    #[test]
    fn a_missing_program_does_not_succeed() {
        let error = run_quietly(&mut Command::new("no-such-program-of-derust"), "trying").unwrap_err();
        assert!(format!("{error:#}").contains("cannot start no-such-program-of-derust"));
        assert!(!succeeds("no-such-program-of-derust", &[]));
        assert!(!succeeds("sh", &["-c", "exit 1"]));
        assert!(succeeds("sh", &["-c", "exit 0"]));
    }
}
