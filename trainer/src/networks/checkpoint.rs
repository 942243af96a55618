//! Checkpoints: one safetensors file that holds everything a run needs to go on.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tch::{Device, Kind, Tensor, nn};

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

    /// The mean of a section's tensors over several checkpoints; the other sections are those of the first.
    ///
    /// # Errors
    /// When a tensor is missing from one, or has another shape there.
    pub fn with_mean(mut self, section: &str, others: &[Checkpoint]) -> Result<Self> {
        let own: Vec<(String, Tensor)> =
            self.section(section).into_iter().map(|(name, own)| (name.into(), own.shallow_clone())).collect();
        for (name, own) in own {
            let mut sum = own.to_kind(Kind::Double);
            for other in others {
                let other = other.get(section, &name)?;
                // A single value would be spread over all.
                ensure!(
                    other.size() == own.size(),
                    "{section}/{name} has another shape in the other checkpoint: only networks that are alike have a mean"
                );
                sum += other;
            }
            let mean = (sum / (others.len() + 1) as f64).to_kind(own.kind());
            self.put(section, [(name, mean)]);
        }
        Ok(self)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(weights: &[f32], steps: i64) -> Checkpoint {
        let mut checkpoint = Checkpoint::default();
        checkpoint.put("weights", [("filter".into(), Tensor::from_slice(weights))]);
        checkpoint.put("run", [("steps".into(), Tensor::from_slice(&[steps]))]);
        checkpoint
    }

    #[test]
    fn a_mean_is_that_of_one_section_of_checkpoints_that_are_alike() {
        let others = [checkpoint(&[2.0, 8.0], 5), checkpoint(&[3.0, -3.0], 6)];
        let mean = checkpoint(&[1.0, 4.0], 4).with_mean("weights", &others).unwrap();
        assert_eq!(Vec::<f32>::try_from(mean.get("weights", "filter").unwrap()).unwrap(), [2.0, 3.0]);
        assert_eq!(mean.get("run", "steps").unwrap().int64_value(&[0]), 4);
        let alone = mean.with_mean("weights", &[]).unwrap();
        assert_eq!(Vec::<f32>::try_from(alone.get("weights", "filter").unwrap()).unwrap(), [2.0, 3.0]);
        // One value would be spread over all by libtorch's rules.
        for other in [checkpoint(&[1.0], 4), checkpoint(&[1.0, 2.0, 3.0], 4), Checkpoint::default()] {
            assert!(checkpoint(&[1.0, 4.0], 4).with_mean("weights", &[other]).is_err());
        }
    }
}
