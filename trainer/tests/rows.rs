//! Everything that can be trained, and every rule, loss and cure: a short training beats its own start, and a twin whose
//! weights are frozen by more than what chance makes of it.
//!
//! A few in every test run; all of them, from three seeds each, with `DERUST_EVERY_ROW=1` (`cargo xtask verify`).

mod common;

use common::{Photos, lines, metrics, photos, succeed, text};
use serde_json::Value;

/// Trainings whose figure must get better.
struct Rows {
    /// Subcommand of `train` and settings of all.
    shared: &'static [&'static str],
    /// The figure of the run's measurements, or with `steps.` that of its steps.
    figure: &'static str,
    /// Whether more is better.
    higher: bool,
    /// Settings of each, and whether it is among the few.
    own: &'static [(bool, &'static [&'static str])],
}

fn is_full() -> bool {
    std::env::var_os("DERUST_EVERY_ROW").is_some()
}

/// The figure at a run's start and end.
fn start_and_end(photos: &Photos, rows: &Rows, own: &[&str], seed: u64, more: &[&str]) -> (f64, f64) {
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
    if let Some(name) = rows.figure.strip_prefix("steps.") {
        let losses: Vec<f64> =
            lines(&run.join("steps.jsonl")).iter().map(|line| line[name].as_f64().unwrap()).collect();
        return (mean(&losses[..ENDS]), mean(&losses[losses.len() - ENDS..]));
    }
    let measured = metrics(&run);
    let figure =
        |line: &Value| line[rows.figure].as_f64().unwrap_or_else(|| panic!("{}: {line}", rows.figure));
    (figure(measured.first().unwrap()), figure(measured.last().unwrap()))
}

/// Steps at either end of a run over which a loss is averaged.
const ENDS: usize = 5;

/// What stops the weights; the statistics of normalisations still follow the pictures.
const FROZEN: [&str; 1] = ["--learning-rate=0"];

fn must_learn(rows: &Rows) {
    let photos = photos(24, 160);
    let sign = if rows.higher { 1.0 } else { -1.0 };
    for (_, own) in rows.own.iter().filter(|(quick, _)| *quick || is_full()) {
        // The twin with frozen weights sees the same samples from the same start.
        let seeds = if is_full() { 1..=3 } else { 1..=1 };
        let (gains, ahead): (Vec<f64>, Vec<f64>) = seeds
            .map(|seed| {
                let (start, end) = start_and_end(&photos, rows, own, seed, &[]);
                let frozen = start_and_end(&photos, rows, own, seed, &FROZEN).1;
                (sign * (end - start), sign * (end - frozen))
            })
            .unzip();
        let text = format!(
            "{own:?}: {} better by {gains:.4?} than at its start, by {ahead:.4?} than with frozen weights",
            rows.figure
        );
        println!("{text}");
        assert!(mean(&gains) > 0.0 && mean(&ahead) > spread(&ahead).max(1e-3), "{text}");
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
        figure: "steps.loss",
        higher: false,
        own: &[
            (true, &["--optimiser=sgd", "--learning-rate=0.1"]),
            (false, &["--optimiser=momentum", "--learning-rate=0.02"]),
            (false, &["--optimiser=rmsprop", "--learning-rate=1e-3"]),
            (true, &["--optimiser=adam", "--schedule=linear"]),
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
        figure: "psnr",
        higher: true,
        own: &[
            (false, &["--generator=resnet", "--adversarial-loss=minimax"]),
            (true, &["--generator=densenet", "--adversarial-loss=non-saturating"]),
            (false, &["--adversarial-loss=least-squares", "--label-smoothing=0.1"]),
            (false, &["--adversarial-loss=hinge", "--image-pool=8", "--feature-matching=0.1"]),
            (true, &["--adversarial-loss=wasserstein", "--spectral-norm=false"]),
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
        figure: "score",
        higher: true,
        own: &[(true, &["--learning-rate=2e-3", "--adversarial-loss=least-squares", "--image-pool=8"])],
    });
}

#[test]
fn several_classes_are_told_apart() {
    must_learn(&Rows {
        shared: &["segment", "CLASSES", "--side=64", "--batch=4", "--width=0.25", "--average-decay=0.9"],
        figure: "steps.loss",
        higher: false,
        own: &[(true, &["--steps=40"])],
    });
}
