//! The `derust` command as a program of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

/// Which command and model to measure.
#[derive(Args, Clone, Debug)]
pub struct CommandOptions {
    /// The `derust` program.
    #[arg(long, default_value = "derust")]
    pub command: PathBuf,
    /// Model, in place of the one that serves.
    #[arg(long)]
    pub model: Option<String>,
}

impl CommandOptions {
    /// Runs the program and waits for it.
    ///
    /// # Errors
    /// When it cannot be started or fails; the text ends with what it said.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<()> {
        let mut command = Command::new(&self.command);
        command.args(arguments);
        if let Some(model) = &self.model {
            command.arg("--model").arg(model);
        }
        let output = command.output().with_context(|| {
            format!("cannot start {}; name the derust program with --command", self.command.display())
        })?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} failed: {}", self.command.display(), said.trim());
        Ok(())
    }
}

/// The files of a folder in the order of their names.
///
/// # Errors
/// When the folder cannot be read or is empty.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = listing
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()
        .context("cannot list the folder")?;
    paths.sort();
    ensure!(!paths.is_empty(), "{} is empty", folder.display());
    Ok(paths)
}

/// A picture as 8-bit gray.
///
/// # Errors
/// When it cannot be read.
pub fn open_gray(path: &Path) -> Result<image::GrayImage> {
    Ok(image::open(path).with_context(|| format!("cannot read {}", path.display()))?.into_luma8())
}

/// The PNG of this name in a folder.
pub fn png(folder: &Path, stem: &OsStr) -> PathBuf {
    folder.join(stem).with_extension("png")
}
