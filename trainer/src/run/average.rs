//! A running average of the weights: it serves in place of the last weights, which still swing from step to step
//! (Polyak and Juditsky 1992).

use tch::{Tensor, nn};

/// Averaged copy of all variables of a store, running statistics included.
pub struct WeightAverage {
    copies: Vec<(String, Tensor)>,
    sources: Vec<Tensor>,
    decay: f64,
}

impl WeightAverage {
    /// Starts as a copy; `decay` is the part kept per step once the average has warmed up.
    pub fn new(store: &nn::VarStore, decay: f64) -> Self {
        let mut variables: Vec<(String, Tensor)> = store.variables().into_iter().collect();
        variables.sort_by(|a, b| a.0.cmp(&b.0));
        let sources = variables.iter().map(|(_, tensor)| tensor.shallow_clone()).collect();
        let copies = variables.into_iter().map(|(name, tensor)| (name, tensor.detach().copy())).collect();
        WeightAverage { copies, sources, decay }
    }

    /// Takes in the weights after step number `step` (from 0).
    pub fn update(&mut self, step: u64) {
        let decay = self.decay.min((1.0 + step as f64) / (10.0 + step as f64));
        tch::no_grad(|| {
            for ((_, copy), source) in self.copies.iter_mut().zip(&self.sources) {
                let _ = copy.g_mul_scalar_(decay).g_add_(&(source.detach() * (1.0 - decay)));
            }
        });
    }

    /// Begins anew with the weights as they are now.
    pub fn restart(&mut self) {
        tch::no_grad(|| {
            for ((_, copy), source) in self.copies.iter_mut().zip(&self.sources) {
                copy.copy_(source);
            }
        });
    }

    /// The averaged weights by name.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        self.copies.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect()
    }

    /// Takes back a state; `find` looks up a tensor by its name.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn restore(&mut self, find: impl Fn(&str) -> anyhow::Result<Tensor>) -> anyhow::Result<()> {
        for (name, copy) in &mut self.copies {
            copy.f_copy_(&find(name)?)?;
        }
        Ok(())
    }

    /// Copies the averaged weights into a store with the same variables.
    ///
    /// # Errors
    /// When the other store lacks a variable or has it in another shape.
    pub fn copy_to(&self, store: &nn::VarStore) -> anyhow::Result<()> {
        let mut variables = store.variables();
        tch::no_grad(|| {
            for (name, copy) in &self.copies {
                let target = variables
                    .get_mut(name)
                    .ok_or_else(|| anyhow::anyhow!("the network has no variable {name}"))?;
                target.f_copy_(copy)?;
            }
            Ok(())
        })
    }
}
