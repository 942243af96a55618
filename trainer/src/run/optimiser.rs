//! Optimisers whose state lies in tensors of our own, so that a run can be resumed (the binding's cannot save theirs).

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tch::{Kind, Tensor, nn};

/// The rule by which weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimiserKind {
    /// Gradient descent (Robbins and Monro 1951).
    Sgd,
    /// Gradient descent with a heavy ball (Polyak 1964).
    Momentum,
    /// Gradients over the root of their mean square (Tieleman and Hinton 2012).
    Rmsprop,
    /// Adam (Kingma and Ba 2015, arXiv:1412.6980).
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101).
    Adamw,
}

/// How weights follow their gradients. The numbers mean what they mean in PyTorch.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct OptimiserOptions {
    /// The rule by which weights follow their gradients.
    #[arg(long, value_enum, default_value = "adamw", help_heading = OPTIMISER)]
    pub optimiser: OptimiserKind,
    /// Part of each weight that is taken away per step, times the learning rate; biases and gains are spared.
    #[arg(long, default_value_t = 0.01, help_heading = OPTIMISER)]
    pub weight_decay: f64,
    /// Part of the velocity that `momentum` keeps per step.
    #[arg(long, default_value_t = 0.9, help_heading = OPTIMISER)]
    pub momentum: f64,
    /// Part of the mean of gradients that `adam` and `adamw` keep per step [default: 0.9; 0.5 beside a discriminator].
    #[arg(long, help_heading = OPTIMISER)]
    pub beta1: Option<f64>,
    /// Part of the mean of squared gradients that `adam`, `adamw` and `rmsprop` keep per step [default: 0.999; 0.99
    /// beside a discriminator and with `rmsprop`].
    #[arg(long, help_heading = OPTIMISER)]
    pub beta2: Option<f64>,
    /// Norm over all gradients above which they are scaled down; 0 for never.
    #[arg(long, default_value_t = 5.0, help_heading = OPTIMISER)]
    pub clip_norm: f64,
    /// Every number of the gradients is brought to between minus and plus this; 0 for never.
    #[arg(long, default_value_t = 0.0, help_heading = OPTIMISER)]
    pub clip_value: f64,
    /// Bring the norm over all gradients to one at every step.
    #[arg(long, num_args = 0..=1, default_value_t = false, default_missing_value = "true", help_heading = OPTIMISER)]
    pub normalise_gradients: bool,
    /// Part of the averaged weights that stays per step; they are what is measured and exported. 0 for the last ones.
    #[arg(long, default_value_t = 0.999, help_heading = OPTIMISER)]
    pub average_decay: f64,
}

const OPTIMISER: &str = "Optimiser";

impl OptimiserOptions {
    /// The constants of one network's optimiser; networks that learn against each other want shorter memories.
    pub fn settings(&self, adversarial: bool) -> OptimiserSettings {
        let second = if adversarial || self.optimiser == OptimiserKind::Rmsprop { 0.99 } else { 0.999 };
        OptimiserSettings {
            kind: self.optimiser,
            beta1: self.beta1.unwrap_or(if adversarial { 0.5 } else { 0.9 }),
            beta2: self.beta2.unwrap_or(second),
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            clip_value: self.clip_value,
            normalise: self.normalise_gradients,
        }
    }
}

/// Constants of an [`Optimiser`]; see [`OptimiserOptions`].
#[derive(Clone, Copy, Debug)]
pub struct OptimiserSettings {
    /// The rule.
    pub kind: OptimiserKind,
    /// Decay of the mean of gradients, per step.
    pub beta1: f64,
    /// Decay of the mean of squared gradients, per step.
    pub beta2: f64,
    /// Decay of the velocity, per step.
    pub momentum: f64,
    /// Part of each weight of two or more dimensions that is taken away per step, times the learning rate.
    pub weight_decay: f64,
    /// Norm over all gradients above which they are scaled down; 0 for never.
    pub clip_norm: f64,
    /// Largest magnitude of a number in the gradients; 0 for any.
    pub clip_value: f64,
    /// Whether the norm over all gradients is brought to one.
    pub normalise: bool,
}

/// Added to a root before something is divided by it.
const EPSILON: f64 = 1e-8;

/// What trains the variables of one store.
pub struct Optimiser {
    parameters: Vec<Parameter>,
    steps: i64,
    settings: OptimiserSettings,
}

struct Parameter {
    name: String,
    value: Tensor,
    /// Factor on the learning rate.
    rate: f64,
    /// Mean of gradients, or velocity.
    first: Option<Tensor>,
    /// Mean of squared gradients.
    second: Option<Tensor>,
}

impl Optimiser {
    /// For all trainable variables of the store; `rate` says by a variable's name the factor on its learning rate.
    pub fn new(store: &nn::VarStore, settings: OptimiserSettings, rate: impl Fn(&str) -> f64) -> Self {
        use OptimiserKind::*;
        let has_first = matches!(settings.kind, Momentum | Adam | Adamw);
        let has_second = matches!(settings.kind, Rmsprop | Adam | Adamw);
        let mut variables: Vec<(String, Tensor)> =
            store.variables().into_iter().filter(|(_, tensor)| tensor.requires_grad()).collect();
        variables.sort_by(|a, b| a.0.cmp(&b.0));
        let parameters = variables.into_iter().map(|(name, value)| Parameter {
            rate: rate(&name),
            first: has_first.then(|| value.zeros_like()),
            second: has_second.then(|| value.zeros_like()),
            name,
            value,
        });
        Optimiser { parameters: parameters.collect(), steps: 0, settings }
    }

    /// Moves every parameter along its gradient and clears the gradients. A gradient that is not finite is dropped,
    /// and `false` returned.
    pub fn step(&mut self, learning_rate: f64) -> bool {
        tch::no_grad(|| {
            let norm = self.gradient_norm();
            let finite = norm.is_finite();
            if finite {
                self.steps += 1;
                self.update(learning_rate, self.factor(norm));
            }
            self.clear_gradients();
            finite
        })
    }

    /// Over all gradients, after each number of them was limited.
    fn gradient_norm(&self) -> f64 {
        let mut squares = vec![];
        for parameter in &self.parameters {
            let mut gradient = parameter.value.grad();
            if gradient.defined() {
                if self.settings.clip_value > 0.0 {
                    let limit = self.settings.clip_value;
                    let _ = gradient.clamp_(-limit, limit);
                }
                squares.push(gradient.square().sum(Kind::Float));
            }
        }
        if squares.is_empty() {
            0.0
        } else {
            Tensor::stack(&squares, 0).sum(Kind::Float).sqrt().double_value(&[])
        }
    }

    fn factor(&self, norm: f64) -> f64 {
        if self.settings.normalise {
            1.0 / (norm + 1e-12)
        } else if self.settings.clip_norm > 0.0 {
            (self.settings.clip_norm / (norm + 1e-12)).min(1.0)
        } else {
            1.0
        }
    }

    fn update(&mut self, learning_rate: f64, factor: f64) {
        for parameter in &mut self.parameters {
            let gradient = parameter.value.grad();
            if gradient.defined() {
                let gradient = if factor == 1.0 { gradient } else { gradient * factor };
                parameter.follow(gradient, learning_rate * parameter.rate, self.steps, &self.settings);
            }
        }
    }

    /// Forgets all gradients.
    pub fn clear_gradients(&mut self) {
        for parameter in &mut self.parameters {
            parameter.value.zero_grad();
        }
    }

    /// The state by name, for a checkpoint.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_string(), Tensor::from_slice(&[self.steps]))];
        for parameter in &self.parameters {
            for (order, tensor) in [("first", &parameter.first), ("second", &parameter.second)] {
                if let Some(tensor) = tensor {
                    state.push((format!("{order}.{}", parameter.name), tensor.shallow_clone()));
                }
            }
        }
        state
    }

    /// Takes back a state; `find` looks up a tensor by its name.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape.
    pub fn restore(&mut self, find: impl Fn(&str) -> Result<Tensor>) -> Result<()> {
        self.steps = find("steps")?.int64_value(&[0]);
        for Parameter { name, first, second, .. } in &mut self.parameters {
            for (order, tensor) in [("first", first), ("second", second)] {
                if let Some(tensor) = tensor {
                    tensor.f_copy_(&find(&format!("{order}.{name}"))?)?;
                }
            }
        }
        Ok(())
    }
}

impl Parameter {
    fn follow(&mut self, gradient: Tensor, rate: f64, steps: i64, settings: &OptimiserSettings) {
        let OptimiserSettings { kind, beta1, beta2, momentum, weight_decay, .. } = *settings;
        let value = &mut self.value;
        let decays = weight_decay > 0.0 && value.dim() > 1;
        let gradient = match kind {
            OptimiserKind::Adamw if decays => {
                let _ = value.g_mul_scalar_(1.0 - rate * weight_decay);
                gradient
            }
            OptimiserKind::Adamw => gradient,
            _ if decays => gradient + &*value * weight_decay,
            _ => gradient,
        };
        let mean_square = |second: &mut Option<Tensor>| {
            let second = second.as_mut().expect("made for this rule");
            let _ = second.g_mul_scalar_(beta2).addcmul_(&(&gradient * (1.0 - beta2)), &gradient);
            second.shallow_clone()
        };
        match kind {
            OptimiserKind::Sgd => {
                let _ = value.g_sub_(&(gradient * rate));
            }
            OptimiserKind::Momentum => {
                let velocity = self.first.as_mut().expect("made for this rule");
                let _ = velocity.g_mul_scalar_(momentum).g_add_(&gradient);
                let _ = value.g_sub_(&(&*velocity * rate));
            }
            OptimiserKind::Rmsprop => {
                let root = mean_square(&mut self.second).sqrt() + EPSILON;
                let _ = value.g_sub_(&(gradient / root * rate));
            }
            OptimiserKind::Adam | OptimiserKind::Adamw => {
                let first = self.first.as_mut().expect("made for this rule");
                let _ = first.g_mul_scalar_(beta1).g_add_(&(&gradient * (1.0 - beta1)));
                let correction1 = 1.0 - beta1.powi(steps as i32);
                let correction2 = 1.0 - beta2.powi(steps as i32);
                let root = (mean_square(&mut self.second) / correction2).sqrt() + EPSILON;
                let _ = value.g_sub_(&(&*first / root * (rate / correction1)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn settings(kind: OptimiserKind) -> OptimiserSettings {
        OptimiserSettings {
            kind,
            beta1: 0.9,
            beta2: 0.99,
            momentum: 0.8,
            weight_decay: 0.0,
            clip_norm: 0.0,
            clip_value: 0.0,
            normalise: false,
        }
    }

    /// One weight of 1 whose loss is `slope` times it, after `steps` steps of 0.1.
    fn after(settings: OptimiserSettings, slope: f64, steps: usize) -> f64 {
        let store = nn::VarStore::new(Device::Cpu);
        let weight = store.root().ones("weight", &[1, 1]);
        let mut optimiser = Optimiser::new(&store, settings, |_| 1.0);
        for _ in 0..steps {
            (&weight * slope).sum(Kind::Float).backward();
            assert!(optimiser.step(0.1));
        }
        weight.double_value(&[0, 0])
    }

    #[test]
    fn each_rule_takes_the_steps_that_one_works_out_by_hand() {
        let close =
            |value: f64, expected: f64| assert!((value - expected).abs() < 1e-6, "{value} {expected}");
        close(after(settings(OptimiserKind::Sgd), 2.0, 2), 1.0 - 0.2 - 0.2);
        close(after(settings(OptimiserKind::Momentum), 2.0, 2), 1.0 - 0.2 - 0.36);
        let root = |steps: i32| (4.0 * (1.0 - 0.99f64.powi(steps))).sqrt();
        close(after(settings(OptimiserKind::Rmsprop), 2.0, 2), 1.0 - 0.2 / root(1) - 0.2 / root(2));
        close(after(settings(OptimiserKind::Adam), 2.0, 3), 0.7);
        let decayed = OptimiserSettings { weight_decay: 0.5, ..settings(OptimiserKind::Sgd) };
        close(after(decayed, 2.0, 1), 1.0 - 0.1 * 2.5);
        let decayed = OptimiserSettings { weight_decay: 0.5, ..settings(OptimiserKind::Adamw) };
        close(after(decayed, 2.0, 1), 0.95 - 0.1);
    }

    #[test]
    fn gradients_are_limited_as_asked() {
        let plain = settings(OptimiserKind::Sgd);
        let close = |settings, expected: f64| assert!((after(settings, 20.0, 1) - expected).abs() < 1e-6);
        close(plain, -1.0);
        close(OptimiserSettings { clip_norm: 5.0, ..plain }, 0.5);
        close(OptimiserSettings { clip_value: 3.0, ..plain }, 0.7);
        close(OptimiserSettings { normalise: true, ..plain }, 0.9);
    }

    #[test]
    fn a_gradient_that_is_not_finite_moves_nothing() {
        let store = nn::VarStore::new(Device::Cpu);
        let weight = store.root().ones("weight", &[1]);
        let mut optimiser = Optimiser::new(&store, settings(OptimiserKind::Adam), |_| 1.0);
        (&weight * f64::INFINITY).sum(Kind::Float).backward();
        assert!(!optimiser.step(0.1));
        assert_eq!(weight.double_value(&[0]), 1.0);
    }

    #[test]
    fn each_rule_takes_the_steps_that_pytorch_takes() {
        use crate::losses::reference::{reference, tensor};
        let all = &reference()["optimisers"];
        for (name, after) in all["after"].as_object().unwrap() {
            let decays = name.ends_with("-decay") || name == "adamw";
            let kind = OptimiserKind::from_str(name.trim_end_matches("-decay"), false).unwrap();
            let (beta1, beta2) = if name == "adam-decay" { (0.5, 0.99) } else { (0.9, 0.999) };
            let beta2 = if kind == OptimiserKind::Rmsprop { 0.99 } else { beta2 };
            let weight_decay = if decays { 0.05 } else { 0.0 };
            let settings = OptimiserSettings { beta1, beta2, momentum: 0.9, weight_decay, ..settings(kind) };
            let store = nn::VarStore::new(Device::Cpu);
            let parameters: Vec<Tensor> =
                (0..2).map(|i| store.root().var_copy(&format!("p{i}"), &tensor(&all["start"][i]))).collect();
            let mut optimiser = Optimiser::new(&store, settings, |_| 1.0);
            let slow = matches!(kind, OptimiserKind::Sgd | OptimiserKind::Momentum);
            for (gradients, after) in
                all["gradients"].as_array().unwrap().iter().zip(after.as_array().unwrap())
            {
                let products = (0..2).map(|i| (&parameters[i] * tensor(&gradients[i])).sum(Kind::Float));
                products.sum::<Tensor>().backward();
                assert!(optimiser.step(if slow { 0.1 } else { 0.01 }));
                // Ours spares vectors, biases and gains, from decay; PyTorch was told no such thing.
                for i in 0..if decays { 1 } else { 2 } {
                    let difference = (&parameters[i] - tensor(&after[i])).abs().max().double_value(&[]);
                    assert!(difference < 1e-5, "{name} differs by {difference}");
                }
            }
        }
    }
}
