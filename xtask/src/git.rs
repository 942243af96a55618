//! What git says of the checkout.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;

/// The commit that is checked out, as forty hexadecimal digits.
pub fn commit(workspace: &Workspace) -> Result<String> {
    ask(workspace, &["rev-parse", "HEAD"]).map(|text| text.trim().into())
}

/// Whether the checkout is that commit, without changes and without files that git does not know.
pub fn is_clean(workspace: &Workspace) -> Result<bool> {
    Ok(ask(workspace, &["status", "--porcelain"])?.is_empty())
}

/// What git answers.
pub fn ask(workspace: &Workspace, arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    let output = git.current_dir(&workspace.root).args(arguments).output().context("cannot start git")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {}: {}", arguments[0], said.trim());
    String::from_utf8(output.stdout).context("git's answer is no text")
}
