//! Which figures are to be raised and which are to be lowered.

use crate::report::plot::is_loss;

/// Which of two values is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The higher one.
    Higher,
    /// The lower one.
    Lower,
}

/// Which values of a figure are better, by its name; `None` for what is a setting or a count.
pub fn better(name: &str) -> Option<Better> {
    const HIGHER: [&str; 12] = [
        "iou",
        "f1",
        "precision",
        "recall",
        "psnr",
        "ssim",
        "gain",
        "fall",
        "accuracy",
        "texture",
        "untouched",
        "kappa",
    ];
    const LOWER: [&str; 5] = ["error", "alarm", "residual", "changed", "divergence"];
    let parts: Vec<String> =
        name.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
    let has = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    // What was so before is the data's, and what adversaries score is for no one to raise or lower.
    if has(&["input", "score", "discriminator", "generator", "threshold"]) {
        None
    } else if has(&LOWER) || is_loss(name) {
        Some(Better::Lower)
    } else if has(&HIGHER) {
        Some(Better::Higher)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_by_their_names() {
        for name in [
            "iou",
            "held_out_iou, best",
            "severe: f1",
            "average_precision",
            "outside_psnr",
            "fall",
            "texture",
        ] {
            assert_eq!(better(name), Some(Better::Higher), "{name}");
        }
        for name in
            ["loss", "l1", "calibration_error", "residual_rust", "false_alarm_area", "pixels_changed_outside"]
        {
            assert_eq!(better(name), Some(Better::Lower), "{name}");
        }
        for name in [
            "input_psnr",
            "generator_score",
            "discriminator",
            "best_threshold",
            "photos",
            "steps",
            "rust_before",
        ] {
            assert_eq!(better(name), None, "{name}");
        }
    }
}
