//! How a run behaves: settings, interruption, what is left on disk.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{data, metrics, succeed, text, trainer};
use derust_test_support::signal;

#[cfg(unix)]
#[test]
fn ctrl_c_finishes_the_step_and_the_run_goes_on_to_the_same_numbers() {
    let data = data(8, 96);
    let settings = data.path().join("settings.toml");
    std::fs::write(
        &settings,
        format!(
            "data = {:?}\nside = 64\nbatch = 4\nsteps = 24\nevery = 6\nwidth = 0.25\nheld-out = 0.5\n",
            data.path()
        ),
    )
    .unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| data.path().join(name));
    succeed(&["train", "segment", "--config", text(&settings), "--run", text(&whole)]);

    let mut child = Command::new(env!("CARGO_BIN_EXE_derust-trainer"))
        .args(["train", "segment", "--config", text(&settings), "--run", text(&parts)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The second line of metrics: it has learned for some steps.
    let begun = Instant::now();
    while metrics(&parts).len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(120), "the run never measured");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(signal(child.id(), "INT"));
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "it finished before it could be interrupted");
    assert!(metrics(&parts).len() < metrics(&whole).len());
    // What was saved is the last step, and no earlier one from which everything would be done again.
    let checkpoint = tch::Tensor::read_safetensors(parts.join("last.safetensors")).unwrap();
    let step = checkpoint.iter().find(|(name, _)| name == "run/step").unwrap().1.int64_value(&[0]);
    assert_eq!(step as usize, crate::common::lines(&parts.join("steps.jsonl")).len());
    assert!(step >= 6, "{step}");

    // The settings lie in the run's folder.
    succeed(&["train", "segment", "--resume", "--run", text(&parts)]);
    assert_eq!(without_time(&whole, "metrics.jsonl"), without_time(&parts, "metrics.jsonl"));
    assert_eq!(without_time(&whole, "steps.jsonl"), without_time(&parts, "steps.jsonl"));
    let weights = |run: &Path| std::fs::read(run.join("best.safetensors")).unwrap();
    assert!(weights(&whole) == weights(&parts), "the best weights differ");
}

fn without_time(run: &Path, file: &str) -> Vec<serde_json::Value> {
    let mut lines = crate::common::lines(&run.join(file));
    for line in &mut lines {
        line.as_object_mut().unwrap().remove("seconds");
    }
    assert!(!lines.is_empty());
    lines
}

#[test]
fn a_run_keeps_its_settings_metrics_checkpoints_curves_and_samples() {
    let data = data(8, 96);
    let run = data.path().join("run");
    let budget =
        ["--side", "64", "--batch", "4", "--steps", "6", "--every", "2", "--width", "0.25", "--keep", "1"];
    let said = succeed(
        &[&["train", "segment", "--data", text(data.path()), "--run", text(&run)], &budget[..]].concat(),
    );
    assert!(said.contains("\"step\":2") && !said.contains('\r'), "a log has lines: {said}");
    for file in ["last.safetensors", "best.safetensors", "step-0000006.safetensors", "samples/0000004.jpg"] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    assert!(!run.join("step-0000004.safetensors").exists(), "more checkpoints stayed than asked for");
    assert_eq!(crate::common::lines(&run.join("steps.jsonl")).len(), 6);
    assert_eq!(
        metrics(&run).iter().map(|line| line["step"].as_u64().unwrap()).collect::<Vec<_>>(),
        [0, 2, 4, 6]
    );
    let settings = std::fs::read_to_string(run.join("run.toml")).unwrap();
    assert!(settings.contains("width = 0.25") && settings.contains("optimiser = \"adamw\""), "{settings}");
    let samples = image::open(run.join("samples/0000006.jpg")).unwrap();
    assert!(samples.width() > 100);
    let curves = std::fs::read_dir(&run).unwrap().filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        path.extension().is_some_and(|extension| extension == "png") && image::open(path).is_ok()
    });
    assert!(curves.count() >= 2, "curves of losses and of measurements");
}

#[test]
fn a_finished_run_is_replaced_only_when_forced() {
    let data = data(8, 96);
    let run = data.path().join("run");
    let train = ["train", "segment", "--data", text(data.path()), "--run", text(&run)];
    let train = [&train[..], &["--side", "64", "--batch", "4", "--every", "1", "--width", "0.25"]].concat();
    succeed(&[&train[..], &["--steps", "2"]].concat());
    let best = || std::fs::read(run.join("best.safetensors")).unwrap();
    let before = best();
    let again = [&train[..], &["--seed", "2", "--steps", "1"]].concat();
    let refused = trainer(&again);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("--resume goes on") && said.trim_end().lines().count() == 1, "{said}");
    assert!(best() == before, "a refused training has changed the weights");
    succeed(&[&again[..], &["--force"]].concat());
    assert!(best() != before);
    assert_eq!(metrics(&run).len(), 2, "figures of the old run are left");
    assert!(!run.join("step-0000002.safetensors").exists(), "a checkpoint of the old run is left");
}

#[test]
fn what_is_wrong_with_settings_and_checkpoints_is_said_in_one_line() {
    let data = data(4, 96);
    let run = data.path().join("run");
    let settings = data.path().join("settings.toml");
    let refusal = |toml: &str, rest: &[&str]| {
        std::fs::write(&settings, toml).unwrap();
        let fixed = [
            "train",
            "segment",
            "--config",
            text(&settings),
            "--data",
            text(data.path()),
            "--run",
            text(&run),
        ];
        let output = trainer(&[&fixed[..], rest].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{toml}: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{toml}: {said}");
        said
    };
    let said = refusal("batch = 4\nstepps = 3\n", &[]);
    assert!(
        said.contains("settings.toml, line 2: there is no setting `stepps`; is `steps` meant?"),
        "{said}"
    );
    let said = refusal("optimiser = \"magic\"\n", &[]);
    assert!(said.contains("line 1: invalid value 'magic'") && said.contains("rmsprop"), "{said}");
    let said = refusal("steps = [\n", &[]);
    assert!(said.contains("settings.toml, line"), "{said}");
    let said = refusal("", &["--resume"]);
    assert!(said.contains("last.safetensors"), "{said}");

    std::fs::create_dir_all(&run).unwrap();
    let old = run.join("last.safetensors");
    tch::Tensor::write_safetensors(&[("weights/x", tch::Tensor::from_slice(&[1.0f32]))], &old).unwrap();
    let said = refusal("", &["--resume"]);
    assert!(said.contains("is a checkpoint of format 0, and this version reads format 1"), "{said}");
    std::fs::write(&old, b"no checkpoint").unwrap();
    assert!(refusal("", &["--resume"]).contains("cannot read the checkpoint"));
}

/// A limit of a file's size stands in for a full disk: both are an error in the middle of writing.
#[cfg(unix)]
#[test]
fn a_full_disk_is_said_in_one_line_and_leaves_no_broken_checkpoint() {
    let data = data(8, 96);
    let run = data.path().join("run");
    let script = format!(
        "trap '' XFSZ; ulimit -f 200; exec {} train segment --data {} --run {} --side 64 --batch 2 --steps 2 --width 0.25",
        env!("CARGO_BIN_EXE_derust-trainer"),
        text(data.path()),
        text(&run)
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write the checkpoint") && said.trim_end().lines().count() == 1, "{said}");
    let left =
        std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> =
        left.filter(|name| name.contains("partial") || name.ends_with("safetensors")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_killed_run_leaves_a_whole_checkpoint() {
    let data = data(4, 64);
    let run = data.path().join("run");
    let fixed = ["train", "segment", "--data", text(data.path()), "--run", text(&run)];
    let fixed =
        [&fixed[..], &["--side=32", "--batch=1", "--width=0.25", "--every=1", "--held-out=0.3"]].concat();
    for delay in [0, 7, 23] {
        let before = metrics(&run).len();
        let goes_on: &[&str] = if before > 0 { &["--resume"] } else { &[] };
        let mut child = Command::new(env!("CARGO_BIN_EXE_derust-trainer"))
            .args([&fixed[..], goes_on, &["--steps=100000"]].concat())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while metrics(&run).len() < before + 3 {
            assert!(begun.elapsed() < Duration::from_secs(120), "the run never saved");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Somewhere between two checkpoints, or in one.
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Over as soon as it has begun, since it has more steps behind it than these.
    succeed(&[&fixed[..], &["--resume", "--steps=1"]].concat());
}

#[test]
fn a_training_that_diverges_is_named_and_leaves_what_was_good() {
    let data = data(4, 64);
    let run = data.path().join("run");
    let fixed = ["train", "segment", "--data", text(data.path()), "--run", text(&run), "--held-out=0.3"];
    let wild = ["--side=32", "--batch=2", "--width=0.25", "--steps=40", "--every=1", "--optimiser=sgd"];
    let rate = ["--learning-rate=1e30", "--clip-norm=0", "--warm-up=0"];
    let output = trainer(&[&fixed[..], &wild, &rate].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the training diverged") && said.contains("--learning-rate"), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(run.join("best.safetensors").is_file() && run.join("last.safetensors").is_file());
}

#[test]
fn runs_that_began_alike_are_averaged_and_refined_on_every_photo() {
    let data = data(16, 96);
    let tiny = ["--side", "64", "--batch", "4", "--width", "0.25", "--data", text(data.path())];
    let train = |name: &str, more: &[&str]| {
        let run = data.path().join(name);
        let said = succeed(&[&["train", "segment", "--run", text(&run)], &tiny[..], more].concat());
        (run, said)
    };
    let (first, said) = train("first", &["--steps", "3", "--every", "0"]);
    assert!(said.contains("photos will be analysed at"), "{said}");
    let steps =
        |run: &Path| metrics(run).iter().map(|line| line["step"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(steps(&first), [3], "one measurement, at the end");

    let branch = |seed: &str| {
        let more = [
            "--start-from",
            text(&first),
            "--fixed-statistics",
            "--steps",
            "3",
            "--every",
            "0",
            "--seed",
            seed,
        ];
        train(seed, &[&more[..], &["--calibrate", "false"]].concat())
    };
    let ((one, said), (two, _)) = (branch("11"), branch("12"));
    assert!(!said.contains("photos will be analysed at"), "{said}");
    let (mean, _) = train("mean", &["--steps", "0", "--start-from", text(&one), text(&two)]);
    let weights = |run: &Path| {
        let all = tch::Tensor::read_safetensors(run.join("best.safetensors")).unwrap();
        all.into_iter()
            .filter(|(name, _)| name.starts_with("weights/"))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    let (one_weights, two_weights) = (weights(&one), weights(&two));
    for (name, mean) in weights(&mean) {
        let expected = (&one_weights[&name] + &two_weights[&name]) / 2.0;
        assert!(mean.allclose(&expected, 1e-5, 1e-7, false), "{name} is no mean");
    }

    // With nothing set aside, working scale and threshold stay those of the network begun with.
    let all = ["--held-out", "0", "--start-from", text(&mean), "--steps", "2", "--stop-after", "1"];
    let (refined, said) = train("refined", &all[..]);
    assert!(said.contains("16 photos to learn from, 0 held out"), "{said}");
    succeed(&["train", "segment", "--resume", "--run", text(&refined)]);
    let kept = |run: &Path, name: &str| {
        let all = tch::Tensor::read_safetensors(run.join("best.safetensors")).unwrap();
        all.iter().find(|(key, _)| key == name).map(|(_, value)| value.double_value(&[0])).unwrap()
    };
    for name in ["run/threshold", "run/long_side"] {
        assert_eq!(kept(&refined, name), kept(&mean, name), "{name}");
    }
    assert_eq!(metrics(&refined).last().unwrap()["step"], 2);

    let model = data.path().join("mean.onnx");
    succeed(&["export", "segment", "--run", text(&mean), "--name", "mean", "-o", text(&model)]);
    let other = data.path().join("mixed");
    let mixed = ["train", "segment", "--run", text(&other), "--start-from", text(&one), text(&model)];
    let refused = trainer(&[&mixed[..], &["--data", text(data.path())]].concat());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("averaged over folders of runs"), "{said}");
}
