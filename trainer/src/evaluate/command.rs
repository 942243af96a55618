//! The `derust` command as a program of its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use derust_engine::models::{ModelFile, sidecar_path};
use tempfile::TempDir;

/// Which command and model to measure.
#[derive(Args, Clone, Debug)]
pub struct CommandOptions {
    /// The `derust` program.
    #[arg(long, default_value = "derust")]
    pub command: PathBuf,
    /// Model, in place of the one that serves: its name, or a file FILE.onnx.
    #[arg(long)]
    pub model: Option<String>,
}

impl CommandOptions {
    /// The program with its model.
    ///
    /// # Errors
    /// When a model file cannot be read.
    pub fn derust(&self) -> Result<Derust> {
        Derust::new(&self.command, self.model.as_deref())
    }

    /// The program with another model, which judges.
    ///
    /// # Errors
    /// When a model file cannot be read.
    pub fn judge(&self, model: &str) -> Result<Derust> {
        Derust::new(&self.command, Some(model))
    }

    /// What is measured, in words.
    pub fn subject(&self) -> String {
        match &self.model {
            Some(model) => model.clone(),
            None => "the model that serves".into(),
        }
    }
}

/// What `derust segment` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// White where rust is.
    Mask,
    /// Gray, white is 1.
    Probability,
}

/// The program with a model.
pub struct Derust {
    command: PathBuf,
    model: Vec<OsString>,
    /// Holds the model's file.
    _folder: Option<TempDir>,
}

impl Derust {
    fn new(command: &Path, model: Option<&str>) -> Result<Self> {
        match model {
            Some(file) if file.ends_with(".onnx") => {
                let file = Path::new(file);
                let complaint = || format!("cannot read the model {}", file.display());
                let onnx = std::fs::read(file).with_context(complaint)?;
                let sidecar = std::fs::read_to_string(sidecar_path(file)).ok();
                Derust::with_file(command, ModelFile { onnx, sidecar })
            }
            model => {
                let model = model.map(|name| vec!["--model".into(), name.into()]).unwrap_or_default();
                Ok(Derust { command: command.into(), model, _folder: None })
            }
        }
    }

    /// The program with the content of a model file.
    ///
    /// # Errors
    /// When the temporary folder cannot be written to.
    pub fn with_file(command: &Path, file: ModelFile) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the model")?;
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, &file.onnx).context("cannot copy the model")?;
        if let Some(sidecar) = &file.sidecar {
            std::fs::write(sidecar_path(&path), sidecar).context("cannot copy the model's manifest")?;
        }
        let digest: String = file.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        let model = vec![
            "--models".into(),
            folder.path().into(),
            "--model".into(),
            format!("sha256:{digest}").into(),
        ];
        Ok(Derust { command: command.into(), model, _folder: Some(folder) })
    }

    /// Finds the rust in pictures; `folder`, which is made, gets NAME.png of each.
    ///
    /// # Errors
    /// When the program cannot be started or fails; the text ends with what it said.
    pub fn segment(&self, pictures: &[PathBuf], output: Output, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let output = if output == Output::Mask { "mask" } else { "probability" };
        let mut arguments: Vec<&OsStr> = vec!["segment".as_ref(), "--output".as_ref(), output.as_ref()];
        arguments.extend(["--force".as_ref(), "--out-dir".as_ref(), folder.as_os_str()]);
        arguments.extend(pictures.iter().map(|path| path.as_os_str()));
        self.run(&arguments)
    }

    /// Takes the rust out of pictures; `folder`, which is made, gets a picture of the same name for each.
    ///
    /// # Errors
    /// As [`Derust::segment`].
    pub fn remove(&self, pictures: &[PathBuf], more: &[&OsStr], folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut arguments: Vec<&OsStr> = vec!["remove".as_ref()];
        arguments.extend(pictures.iter().map(|path| path.as_os_str()));
        arguments.extend(["--force".as_ref(), "--out-dir".as_ref(), folder.as_os_str()]);
        arguments.extend(more);
        self.run(&arguments)
    }

    fn run(&self, arguments: &[&OsStr]) -> Result<()> {
        let output = Command::new(&self.command).args(arguments).args(&self.model).output();
        let output = output.with_context(|| {
            format!("cannot start {}; name the derust program with --command", self.command.display())
        })?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} failed: {}", self.command.display(), said.trim());
        Ok(())
    }
}
