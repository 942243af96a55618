//! Checkpoints: one safetensors file that holds everything a run needs to go on.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tch::{Device, Tensor, nn};

/// Counts up whenever older checkpoints can no longer be read.
const FORMAT: i64 = 1;
const FORMAT_KEY: &str = "format";

/// Tensors by section and name.
#[derive(Default)]
pub struct Checkpoint {
    tensors: HashMap<String, Tensor>,
}

impl Checkpoint {
    /// Adds the variables of a store.
    pub fn put_store(&mut self, section: &str, store: &nn::VarStore) {
        self.put(section, store.variables());
    }

    /// Adds tensors under a section.
    pub fn put(&mut self, section: &str, tensors: impl IntoIterator<Item = (String, Tensor)>) {
        for (name, tensor) in tensors {
            self.tensors
                .insert(format!("{section}/{name}"), tensor.detach().to_device(Device::Cpu).contiguous());
        }
    }

    /// Looks up a tensor.
    ///
    /// # Errors
    /// When the checkpoint has none of that name.
    pub fn get(&self, section: &str, name: &str) -> Result<Tensor> {
        let key = format!("{section}/{name}");
        let found = self.tensors.get(&key);
        found.map(Tensor::shallow_clone).with_context(|| {
            format!(
                "the checkpoint has no tensor {key}; it was written for another network or by another version"
            )
        })
    }

    /// The tensors of a section by name, in the order of their names.
    pub fn section<'a>(&'a self, section: &str) -> Vec<(&'a str, &'a Tensor)> {
        let mut found: Vec<(&str, &Tensor)> = self
            .tensors
            .iter()
            .filter_map(|(key, tensor)| Some((key.strip_prefix(section)?.strip_prefix('/')?, tensor)))
            .collect();
        found.sort_by_key(|(name, _)| *name);
        found
    }

    /// Copies a section into a store.
    ///
    /// # Errors
    /// When a variable is missing or has another shape.
    pub fn restore_store(&self, section: &str, store: &nn::VarStore) -> Result<()> {
        tch::no_grad(|| {
            for (name, mut variable) in store.variables() {
                let saved = self.get(section, &name)?;
                variable
                    .f_copy_(&saved)
                    .with_context(|| format!("{section}/{name} has another shape in the checkpoint"))?;
            }
            Ok(())
        })
    }

    /// Writes the file beside its final name and moves it into place, so that it is never half there.
    ///
    /// # Errors
    /// When the folder cannot be written to or the disk is full.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors: Vec<(&String, &Tensor)> = self.tensors.iter().collect();
        let format = (FORMAT_KEY.to_string(), Tensor::from_slice(&[FORMAT]));
        tensors.push((&format.0, &format.1));
        tensors.sort_by_key(|(name, _)| *name);
        let partial = path.with_extension("partial");
        let written = Tensor::write_safetensors(&tensors, &partial)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(File::open(&partial)?.sync_all()?))
            .and_then(|()| Ok(std::fs::rename(&partial, path)?));
        if written.is_err() {
            // Half a checkpoint helps nobody, least of all on a full disk.
            let _ = std::fs::remove_file(&partial);
        }
        written.with_context(|| format!("cannot write the checkpoint {}", path.display()))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is missing, no checkpoint, or one that another version wrote.
    pub fn load(path: &Path) -> Result<Self> {
        let tensors = Tensor::read_safetensors(path)
            .with_context(|| format!("cannot read the checkpoint {}", path.display()))?;
        let mut tensors: HashMap<String, Tensor> = tensors.into_iter().collect();
        let format = tensors.remove(FORMAT_KEY).map(|format| format.int64_value(&[0]));
        ensure!(
            format == Some(FORMAT),
            "{} is a checkpoint of format {}, and this version reads format {FORMAT}; train with the version that \
             wrote it, or begin anew",
            path.display(),
            format.map_or("0".to_string(), |format| format.to_string())
        );
        Ok(Checkpoint { tensors })
    }
}
