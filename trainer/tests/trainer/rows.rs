//! Everything that can be trained, and every rule, loss and cure: a short training beats its own start, and a twin whose
//! weights are frozen by more than what chance makes of it.
//!
//! Those that no other test trains in every test run; all of them, from three seeds each, where tests are thorough.

use crate::common::{Photos, lines, metrics, photos, succeed, text};
use derust_test_support::is_thorough;
use serde_json::Value;

/// Trainings whose figures must get better.
struct Rows {
    /// Subcommand of `train` and settings of all.
    shared: &'static [&'static str],
    figures: &'static [Figure],
    /// Settings of each, and whether it is among the few.
    own: &'static [(bool, &'static [&'static str])],
}

/// A figure of a run.
struct Figure {
    /// Of the run's measurements, or with `steps.` of its steps.
    name: &'static str,
    /// Whether more is better.
    higher: bool,
    /// How far ahead of its twin with frozen weights one training is at least. Five seeds were ahead by twice as much.
    ahead: f64,
}

/// Each figure at a run's start and end.
fn starts_and_ends(photos: &Photos, rows: &Rows, own: &[&str], seed: u64, more: &[&str]) -> Vec<(f64, f64)> {
    let name = format!("{}{}{seed}{}", rows.shared[0], own.join(""), more.join(""));
    let run = photos.folder().join(name.replace(['/', '.'], ""));
    let seed = seed.to_string();
    let [rusty, clean, severity] = ["rusty", "clean", "severity"].map(|name| photos.folder().join(name));
    let fixed = ["--run", text(&run), "--seed", &seed, "--held-out", "0.4", "--every", "1000"];
    let mut arguments = vec!["train"];
    let replaced = |argument: &&&str| more == FROZEN && argument.starts_with("--learning-rate");
    for argument in rows.shared.iter().chain(own).filter(|argument| !replaced(argument)) {
        match *argument {
            "PHOTOS" => arguments.extend(["--data", text(photos.folder())]),
            "CLASSES" => arguments.extend(["--data", text(&severity), "--classes=light=100,heavy=200"]),
            "FINDER" => arguments.extend(["--segment-run", text(photos.finder())]),
            "UNPAIRED" => arguments.extend(["--unpaired", text(&rusty), text(&clean)]),
            argument => arguments.push(argument),
        }
    }
    arguments.extend(fixed);
    arguments.extend(more);
    succeed(&arguments);
    let (steps, measured) = (lines(&run.join("steps.jsonl")), metrics(&run));
    let figure = |line: &Value, name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name}: {line}"));
    let start_and_end = |Figure { name, .. }: &Figure| match name.strip_prefix("steps.") {
        Some(name) => {
            let losses: Vec<f64> = steps.iter().map(|line| figure(line, name)).collect();
            (mean(&losses[..ENDS]), mean(&losses[losses.len() - ENDS..]))
        }
        None => (figure(measured.first().unwrap(), name), figure(measured.last().unwrap(), name)),
    };
    rows.figures.iter().map(start_and_end).collect()
}

/// Steps at either end of a run over which a loss is averaged.
const ENDS: usize = 5;

/// What stops the weights; the statistics of normalisations still follow the pictures.
const FROZEN: [&str; 1] = ["--learning-rate=0"];

fn must_learn(rows: &Rows) {
    let photos = photos(24, 160);
    for (_, own) in rows.own.iter().filter(|(quick, _)| *quick || is_thorough()) {
        // The twin with frozen weights sees the same samples from the same start.
        let seeds = if is_thorough() { 1..=3 } else { 1..=1 };
        let runs: Vec<_> = seeds
            .map(|seed| [&[][..], &FROZEN].map(|more| starts_and_ends(&photos, rows, own, seed, more)))
            .collect();
        for (i, Figure { name, higher, ahead: least }) in rows.figures.iter().enumerate() {
            let sign = if *higher { 1.0 } else { -1.0 };
            let (gains, ahead): (Vec<f64>, Vec<f64>) = runs
                .iter()
                .map(|[trained, frozen]| {
                    let (start, end) = trained[i];
                    (sign * (end - start), sign * (end - frozen[i].1))
                })
                .unzip();
            let text = format!(
                "{own:?}: {name} better by {gains:.4?} than at its start, by {ahead:.4?} than with frozen weights"
            );
            println!("{text}");
            let least = if is_thorough() { spread(&ahead).max(1e-3) } else { *least };
            assert!(mean(&gains) > 0.0 && mean(&ahead) > least, "{text}");
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard deviation; none of a single value.
fn spread(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (values.len() - 1).max(1) as f64).sqrt()
}

#[test]
fn every_optimiser_and_schedule_learns() {
    must_learn(&Rows {
        shared: &[
            "segment",
            "PHOTOS",
            "--side=64",
            "--batch=4",
            "--steps=70",
            "--width=0.25",
            "--average-decay=0.9",
        ],
        figures: &[Figure { name: "steps.loss", higher: false, ahead: 0.12 }],
        own: &[
            (true, &["--optimiser=sgd", "--learning-rate=0.1"]),
            (false, &["--optimiser=momentum", "--learning-rate=0.02"]),
            (false, &["--optimiser=rmsprop", "--learning-rate=1e-3"]),
            (false, &["--optimiser=adam", "--schedule=linear"]),
            (false, &["--optimiser=adamw", "--schedule=constant"]),
            (false, &["--schedule=plateau", "--patience=0", "--clip-value=0.1", "--clip-norm=0"]),
            (false, &["--normalise-gradients", "--warm-up=0.2"]),
        ],
    });
}

#[test]
fn every_generator_adversarial_loss_and_cure_learns() {
    must_learn(&Rows {
        shared: &[
            "derust",
            "PHOTOS",
            "FINDER",
            "--side=64",
            "--batch=3",
            "--steps=24",
            "--average-decay=0.8",
        ],
        figures: &[Figure { name: "psnr", higher: true, ahead: 0.5 }],
        own: &[
            (false, &["--generator=resnet", "--adversarial-loss=minimax"]),
            (true, &["--generator=densenet", "--adversarial-loss=non-saturating"]),
            (false, &["--adversarial-loss=least-squares", "--label-smoothing=0.1"]),
            (false, &["--adversarial-loss=hinge", "--image-pool=8", "--feature-matching=0.1"]),
            (false, &["--adversarial-loss=wasserstein", "--spectral-norm=false"]),
            (false, &["--instance-noise=0.1", "--discriminator-rate=2"]),
        ],
    });
}

#[test]
fn generators_learn_from_pictures_that_do_not_belong_together() {
    must_learn(&Rows {
        shared: &[
            "derust",
            "UNPAIRED",
            "--side=64",
            "--batch=3",
            "--steps=30",
            "--cycle=1",
            "--identity=0",
            "--average-decay=0.8",
            "--adversarial-from=0",
        ],
        // What one generator makes, the other learns to undo, and the discriminators learn to tell made from true. Whether
        // so few steps come nearer to clean pictures is chance.
        figures: &[
            Figure { name: "steps.cycle", higher: false, ahead: 0.08 },
            Figure { name: "steps.discriminator", higher: false, ahead: 0.15 },
        ],
        own: &[(true, &["--learning-rate=2e-3", "--adversarial-loss=least-squares", "--image-pool=8"])],
    });
}

#[test]
fn several_classes_are_told_apart() {
    must_learn(&Rows {
        shared: &["segment", "CLASSES", "--side=64", "--batch=4", "--width=0.25", "--average-decay=0.9"],
        figures: &[Figure { name: "steps.loss", higher: false, ahead: 0.15 }],
        own: &[(true, &["--steps=40"])],
    });
}
