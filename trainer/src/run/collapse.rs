//! Notices when a training goes nowhere, and says what to try.

use super::figures::Figures;

/// The figure by which a discriminator's loss goes.
pub const DISCRIMINATOR: &str = "discriminator";

/// Below this a discriminator's loss teaches its generator nothing.
const WON: f64 = 1e-3;
/// Steps in a row after which that is no accident.
const LONG: u64 = 200;

/// Watches the figures of every step.
#[derive(Debug, Default)]
pub struct Watch {
    won: u64,
}

impl Watch {
    /// What is wrong after this step, if it is just now that it shows.
    pub fn see(&mut self, figures: &Figures) -> Option<String> {
        let loss = figures.get(DISCRIMINATOR)?;
        self.won = if loss.abs() < WON { self.won + 1 } else { 0 };
        (self.won == LONG).then(|| {
            format!(
                "the discriminator has won: its loss has been below {WON} for {LONG} steps, and the generator learns \
                 nothing from it; try --discriminator-rate 0.25, --instance-noise 0.1, --label-smoothing 0.1 or \
                 --adversarial-loss hinge"
            )
        })
    }
}

/// What to say of a loss that is no longer finite.
pub fn not_finite(what: &str, step: u64) -> String {
    format!(
        "the training diverged: the loss of the {what} is no longer finite at step {step}; try a smaller \
         --learning-rate, --clip-norm 1 or --precision float32; --resume goes on from the last checkpoint"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discriminator_that_has_won_is_named_once() {
        let mut watch = Watch::default();
        let mut see = |loss: f64| watch.see(&Figures::from([(DISCRIMINATOR, loss)]));
        for _ in 1..LONG {
            assert_eq!(see(1e-5), None);
        }
        assert!(see(1e-5).is_some_and(|text| text.contains("--instance-noise")));
        assert_eq!(see(1e-5), None);
        for _ in 0..LONG - 1 {
            see(0.0);
        }
        assert_eq!(see(0.7), None);
        assert_eq!(Watch::default().see(&Figures::from([("loss", 0.0)])), None);
    }
}
