//! AdamW with its state in tensors of our own, so that a run can be resumed (the binding's optimisers cannot save
//! theirs).

use tch::{Tensor, nn};

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101).
pub struct AdamW {
    parameters: Vec<(String, Tensor)>,
    /// Factor on the learning rate of each parameter.
    rates: Vec<f64>,
    first: Vec<Tensor>,
    second: Vec<Tensor>,
    steps: i64,
    settings: AdamSettings,
}

/// Constants of [`AdamW`].
#[derive(Clone, Copy, Debug)]
pub struct AdamSettings {
    /// Decay of the mean of gradients, per step.
    pub beta1: f64,
    /// Decay of the mean of squared gradients, per step.
    pub beta2: f64,
    /// Part of each weight that is taken away per step, times the learning rate; biases and gains are spared.
    pub weight_decay: f64,
    /// Norm over all gradients above which they are scaled down.
    pub clip_norm: f64,
}

impl Default for AdamSettings {
    fn default() -> Self {
        AdamSettings { beta1: 0.9, beta2: 0.999, weight_decay: 0.01, clip_norm: 5.0 }
    }
}

impl AdamW {
    /// For all trainable variables of the store.
    pub fn new(store: &nn::VarStore, settings: AdamSettings) -> Self {
        AdamW::with_rates(store, settings, |_| 1.0)
    }

    /// For all trainable variables of the store; `rate` says by a variable's name the factor on its learning rate.
    pub fn with_rates(store: &nn::VarStore, settings: AdamSettings, rate: impl Fn(&str) -> f64) -> Self {
        let mut parameters: Vec<(String, Tensor)> =
            store.variables().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect();
        parameters.sort_by(|a, b| a.0.cmp(&b.0));
        let zeros = || parameters.iter().map(|(_, tensor)| tensor.zeros_like()).collect();
        let rates = parameters.iter().map(|(name, _)| rate(name)).collect();
        AdamW { first: zeros(), second: zeros(), rates, parameters, steps: 0, settings }
    }

    /// Moves every parameter along its gradient and clears the gradients. A gradient that is not finite is
    /// dropped, and `false` returned.
    pub fn step(&mut self, learning_rate: f64) -> bool {
        tch::no_grad(|| {
            let norm = self.gradient_norm();
            let finite = norm.is_finite();
            if finite {
                self.steps += 1;
                self.update(learning_rate, (self.settings.clip_norm / (norm + 1e-12)).min(1.0));
            }
            self.clear_gradients();
            finite
        })
    }

    fn gradient_norm(&self) -> f64 {
        let squares: Vec<Tensor> = self
            .parameters
            .iter()
            .map(|(_, parameter)| parameter.grad())
            .filter(Tensor::defined)
            .map(|gradient| gradient.square().sum(tch::Kind::Float))
            .collect();
        if squares.is_empty() {
            0.0
        } else {
            Tensor::stack(&squares, 0).sum(tch::Kind::Float).sqrt().double_value(&[])
        }
    }

    fn update(&mut self, learning_rate: f64, factor: f64) {
        let AdamSettings { beta1, beta2, weight_decay, .. } = self.settings;
        let correction1 = 1.0 - beta1.powi(self.steps as i32);
        let correction2 = 1.0 - beta2.powi(self.steps as i32);
        for ((((_, parameter), first), second), rate) in
            self.parameters.iter_mut().zip(&mut self.first).zip(&mut self.second).zip(&self.rates)
        {
            let learning_rate = learning_rate * rate;
            let gradient = parameter.grad();
            if !gradient.defined() {
                continue;
            }
            let gradient = gradient * factor;
            let _ = first.g_mul_scalar_(beta1).g_add_(&(&gradient * (1.0 - beta1)));
            let _ = second.g_mul_scalar_(beta2).g_add_(&(gradient.square() * (1.0 - beta2)));
            if weight_decay > 0.0 && parameter.dim() > 1 {
                let _ = parameter.g_mul_scalar_(1.0 - learning_rate * weight_decay);
            }
            let denominator = (&*second / correction2).sqrt() + 1e-8;
            let _ = parameter.g_sub_(&(&*first / denominator * (learning_rate / correction1)));
        }
    }

    /// Forgets all gradients.
    pub fn clear_gradients(&mut self) {
        for (_, parameter) in &mut self.parameters {
            parameter.zero_grad();
        }
    }

    /// The state by name, for a checkpoint.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_string(), Tensor::from_slice(&[self.steps]))];
        for (((name, _), first), second) in self.parameters.iter().zip(&self.first).zip(&self.second) {
            state.push((format!("first.{name}"), first.shallow_clone()));
            state.push((format!("second.{name}"), second.shallow_clone()));
        }
        state
    }

    /// Takes back a state; `find` looks up a tensor by its name.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn restore(&mut self, find: impl Fn(&str) -> anyhow::Result<Tensor>) -> anyhow::Result<()> {
        self.steps = find("steps")?.int64_value(&[0]);
        for (((name, _), first), second) in self.parameters.iter().zip(&mut self.first).zip(&mut self.second)
        {
            first.f_copy_(&find(&format!("first.{name}"))?)?;
            second.f_copy_(&find(&format!("second.{name}"))?)?;
        }
        Ok(())
    }
}
