//! How the learning rate changes in the course of a run.

use clap::{Args, ValueEnum};
use serde::Serialize;

/// The course of the learning rate after it has warmed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// The same to the end.
    Constant,
    /// Half a cosine down to 1 % (Loshchilov and Hutter 2017, arXiv:1608.03983).
    Cosine,
    /// A straight line down to 0.
    Linear,
    /// Multiplied by `--plateau-factor` whenever the measurement has not become better for `--patience` measurements.
    Plateau,
}

/// Options of the learning rate.
#[derive(Args, Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScheduleOptions {
    /// Highest learning rate.
    #[arg(long, default_value_t = 2e-3, help_heading = SCHEDULE)]
    pub learning_rate: f64,
    /// The course of the learning rate.
    #[arg(long, value_enum, default_value = "cosine", help_heading = SCHEDULE)]
    pub schedule: ScheduleKind,
    /// Part of the run in which the learning rate rises from next to nothing.
    #[arg(long, default_value_t = 0.02, help_heading = SCHEDULE)]
    pub warm_up: f64,
    /// `plateau`: what the learning rate is multiplied by.
    #[arg(long, default_value_t = 0.3, help_heading = SCHEDULE)]
    pub plateau_factor: f64,
    /// `plateau`: measurements without a better one that are borne.
    #[arg(long, default_value_t = 3, help_heading = SCHEDULE)]
    pub patience: u64,
}

const SCHEDULE: &str = "Learning rate";

/// Where the cosine ends.
const COSINE_END: f64 = 0.01;
/// Least part of the learning rate while it warms up.
const WARM_UP_START: f64 = 0.02;

/// The course of the learning rate, with what it remembers.
#[derive(Debug)]
pub struct Schedule {
    options: ScheduleOptions,
    /// What plateaus have made of the learning rate.
    plateau: f64,
    best: f64,
    without_better: u64,
}

impl Schedule {
    /// Begins.
    pub fn new(options: &ScheduleOptions) -> Self {
        Schedule { options: options.clone(), plateau: 1.0, best: f64::NEG_INFINITY, without_better: 0 }
    }

    /// The learning rate when a run is that far, 0 to 1.
    pub fn rate(&self, progress: f64) -> f64 {
        let warm = if self.options.warm_up > 0.0 { progress / self.options.warm_up } else { 1.0 }
            .clamp(WARM_UP_START, 1.0);
        let course = match self.options.schedule {
            ScheduleKind::Constant => 1.0,
            ScheduleKind::Cosine => {
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
                COSINE_END + (1.0 - COSINE_END) * cosine
            }
            ScheduleKind::Linear => 1.0 - progress,
            ScheduleKind::Plateau => self.plateau,
        };
        self.options.learning_rate * warm * course
    }

    /// Takes note of a measurement; higher is better.
    pub fn measured(&mut self, score: f64) {
        if score > self.best {
            self.best = score;
            self.without_better = 0;
            return;
        }
        self.without_better += 1;
        if self.without_better > self.options.patience {
            self.plateau *= self.options.plateau_factor;
            self.without_better = 0;
        }
    }

    /// What has to be kept to go on.
    pub fn state(&self) -> [f64; 3] {
        [self.plateau, self.best, self.without_better as f64]
    }

    /// Goes on from a kept state.
    pub fn restore(&mut self, [plateau, best, without_better]: [f64; 3]) {
        (self.plateau, self.best, self.without_better) = (plateau, best, without_better as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: ScheduleKind) -> Schedule {
        Schedule::new(&ScheduleOptions {
            learning_rate: 2.0,
            schedule: kind,
            warm_up: 0.1,
            plateau_factor: 0.5,
            patience: 1,
        })
    }

    #[test]
    fn the_courses_are_those_that_their_names_say() {
        let at = |kind, progress| schedule(kind).rate(progress);
        assert_eq!([0.0, 0.05, 0.1, 1.0].map(|p| at(ScheduleKind::Constant, p)), [0.04, 1.0, 2.0, 2.0]);
        assert_eq!([0.1, 0.5, 1.0].map(|p| at(ScheduleKind::Linear, p)), [1.8, 1.0, 0.0]);
        assert!((at(ScheduleKind::Cosine, 0.5) - 1.01).abs() < 1e-12);
        assert!((at(ScheduleKind::Cosine, 1.0) - 0.02).abs() < 1e-12);
    }

    #[test]
    fn a_plateau_lowers_the_rate_and_is_remembered() {
        let mut one = schedule(ScheduleKind::Plateau);
        for (score, rate) in [(0.5, 2.0), (0.4, 2.0), (0.5, 1.0), (0.6, 1.0), (0.5, 1.0), (0.5, 0.5)] {
            one.measured(score);
            assert_eq!(one.rate(0.5), rate, "after {score}");
        }
        let mut other = schedule(ScheduleKind::Plateau);
        other.restore(one.state());
        assert_eq!(other.rate(0.9), 0.5);
    }
}
