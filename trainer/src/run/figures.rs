//! Named numbers: what a step cost, what a measurement gave.

use serde_json::{Map, Value};
use tch::Tensor;

use crate::networks::checkpoint::Checkpoint;

/// Numbers by name, in the order in which they are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<(String, f64)>);

impl<'a, const N: usize> From<[(&'a str, f64); N]> for Figures {
    fn from(figures: [(&'a str, f64); N]) -> Self {
        Figures(figures.map(|(name, value)| (name.to_string(), value)).into())
    }
}

impl Figures {
    /// Adds one, or replaces it.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// The number of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The numbers with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The first one that is not finite.
    pub fn not_finite(&self) -> Option<&str> {
        self.iter().find(|(_, value)| !value.is_finite()).map(|(name, _)| name)
    }

    /// As one line of JSON after a step's number and the seconds that the run has taken.
    pub fn line(&self, step: u64, seconds: f64) -> String {
        let mut object = Map::new();
        object.insert("step".into(), step.into());
        object.insert("seconds".into(), Value::from((seconds * 10.0).round() / 10.0));
        for (name, value) in self.iter() {
            object.insert(name.into(), Value::from(value));
        }
        Value::Object(object).to_string()
    }

    /// For people, on one line.
    pub fn text(&self) -> String {
        self.iter().map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join("  ")
    }
}

/// Means of the figures of several steps.
#[derive(Clone, Debug, Default)]
pub struct Means {
    sums: Figures,
    counts: Figures,
}

const SUMS: &str = "sums";
const COUNTS: &str = "counts";

impl Means {
    /// Takes in one step's figures.
    pub fn add(&mut self, figures: &Figures) {
        for (name, value) in figures.iter() {
            self.sums.set(name, self.sums.get(name).unwrap_or(0.0) + value);
            self.counts.set(name, self.counts.get(name).unwrap_or(0.0) + 1.0);
        }
    }

    /// The means so far, and begins anew.
    pub fn take(&mut self) -> Figures {
        let means = std::mem::take(self);
        let mut figures = Figures::default();
        for (name, sum) in means.sums.iter() {
            figures.set(name, sum / means.counts.get(name).unwrap_or(1.0));
        }
        figures
    }

    /// Keeps them for a run that goes on later.
    pub fn save(&self, checkpoint: &mut Checkpoint) {
        for (section, figures) in [(SUMS, &self.sums), (COUNTS, &self.counts)] {
            // The number keeps the order.
            let tensors = figures
                .iter()
                .enumerate()
                .map(|(order, (name, value))| (format!("{order:03}.{name}"), Tensor::from_slice(&[value])));
            checkpoint.put(section, tensors);
        }
    }

    /// What was kept.
    pub fn restore(checkpoint: &Checkpoint) -> Self {
        let figures = |section| {
            let mut figures = Figures::default();
            for (name, tensor) in checkpoint.section(section) {
                figures.set(name.split_once('.').map_or(name, |(_, name)| name), tensor.double_value(&[0]));
            }
            figures
        };
        Means { sums: figures(SUMS), counts: figures(COUNTS) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_count_only_the_steps_that_had_a_figure_and_survive_a_checkpoint() {
        let mut means = Means::default();
        means.add(&Figures::from([("loss", 2.0)]));
        means.add(&Figures::from([("loss", 4.0), ("discriminator", 1.0)]));
        let mut checkpoint = Checkpoint::default();
        means.save(&mut checkpoint);
        let mut restored = Means::restore(&checkpoint);
        for means in [&mut means, &mut restored] {
            assert_eq!(means.take(), Figures::from([("loss", 3.0), ("discriminator", 1.0)]));
            assert_eq!(means.take(), Figures::default());
        }
    }

    #[test]
    fn a_number_that_is_not_finite_is_named() {
        assert_eq!(Figures::from([("loss", 1.0), ("score", f64::NAN)]).not_finite(), Some("score"));
        assert_eq!(Figures::from([("loss", 1.0)]).not_finite(), None);
    }
}
