//! Checkpoints: one safetensors file that holds everything a run needs to go on.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use tch::{Device, Tensor, nn};

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
    /// When the folder cannot be written to.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors: Vec<(&String, &Tensor)> = self.tensors.iter().collect();
        tensors.sort_by_key(|(name, _)| *name);
        let partial = path.with_extension("partial");
        Tensor::write_safetensors(&tensors, &partial)
            .with_context(|| format!("cannot write the checkpoint {}", partial.display()))?;
        std::fs::rename(&partial, path)
            .with_context(|| format!("cannot write the checkpoint {}", path.display()))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is missing or no checkpoint.
    pub fn load(path: &Path) -> Result<Self> {
        let tensors = Tensor::read_safetensors(path)
            .with_context(|| format!("cannot read the checkpoint {}", path.display()))?;
        Ok(Checkpoint { tensors: tensors.into_iter().collect() })
    }
}
