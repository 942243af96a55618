//! The trainer as its users run it: real trainings, small, on rendered pictures.

use std::path::{Path, PathBuf};

use crate::common::{data, metrics, succeed, text, trainer};
use serde_json::Value;
use tempfile::TempDir;

fn figure(metrics: &[Value], name: &str) -> f64 {
    metrics.last().unwrap()[name].as_f64().unwrap()
}

/// Trains with small samples and answers with the run's folder.
fn train(kind: &str, data: &TempDir, run: &str, options: &[&str]) -> PathBuf {
    let run = data.path().join(run);
    let mut arguments = vec!["train", kind, "--data", text(data.path()), "--run", text(&run), "--side", "96"];
    arguments.extend(["--batch", "6", "--held-out", "0.3"]);
    arguments.extend(options);
    succeed(&arguments);
    run
}

#[test]
fn segmentation_learns_and_frozen_weights_do_not() {
    let data = data(32, 320);
    let learn = ["--width", "0.5", "--steps", "120", "--every", "120"];
    let stay = ["--width", "0.5", "--steps", "30", "--every", "30", "--learning-rate", "0"];
    let learned = metrics(&train("segment", &data, "learned", &learn));
    let frozen = metrics(&train("segment", &data, "frozen", &stay));
    let (learned, frozen) = (figure(&learned, "best_iou"), figure(&frozen, "best_iou"));
    // Five seeds were ahead by 0.19 to 0.32.
    assert!(learned > frozen + 0.1, "IoU {learned} after training, {frozen} without");
}

/// A segmentation network that learned next to nothing, for a generator to learn beside.
fn finder(data: &TempDir) -> PathBuf {
    train("segment", data, "finder", &["--steps", "2", "--every", "2", "--width", "0.25"])
}

#[test]
fn derust_learns_with_its_discriminator_and_frozen_weights_do_not() {
    let data = data(32, 160);
    let finder = finder(&data);
    let finder = ["--segment-run", text(&finder)];
    let learn = [&finder[..], &["--steps", "80", "--every", "80", "--learning-rate", "2e-3"]].concat();
    let stay = [&finder[..], &["--steps", "20", "--every", "20", "--learning-rate", "0"]].concat();
    let learned = metrics(&train("derust", &data, "learned", &learn));
    let frozen = metrics(&train("derust", &data, "frozen", &stay));
    let gain = |metrics: &[Value]| figure(metrics, "psnr") - figure(metrics, "input_psnr");
    // Four seeds were ahead by 2.3 to 3.4 dB.
    assert!(gain(&learned) > gain(&frozen) + 1.0, "{} dB trained, {} dB not", gain(&learned), gain(&frozen));
    assert!(figure(&learned, "discriminator") > 0.0, "the discriminator never took part");
}

#[test]
fn a_resumed_run_ends_as_an_uninterrupted_one() {
    let data = data(16, 160);
    let finder = finder(&data);
    // What a discriminator remembers and draws goes on too.
    let game =
        ["--image-pool=4", "--instance-noise=0.1", "--adversarial-from=0", "--adversarial-loss=wasserstein"];
    let derust = [&["--segment-run", text(&finder)], &game[..]].concat();
    for (kind, own) in [("segment", vec!["--width", "0.25", "--schedule=plateau"]), ("derust", derust)] {
        let budget = [&["--steps", "8", "--every", "4"], &own[..]].concat();
        let whole = train(kind, &data, &format!("{kind}-whole"), &budget);
        let parts = format!("{kind}-parts");
        // Ends in the middle of the same schedule: the budget is that of the whole run.
        train(kind, &data, &parts, &[&budget[..], &["--stop-after", "4"]].concat());
        let parts = train(kind, &data, &parts, &[&budget[..], &["--resume"]].concat());
        let without_time = |run: &Path| {
            let mut lines = metrics(run);
            for line in &mut lines {
                line.as_object_mut().unwrap().remove("seconds");
            }
            lines
        };
        assert_eq!(without_time(&whole), without_time(&parts), "{kind}");
    }
}

#[test]
fn exported_models_carry_their_manifest_and_agree_with_onnx_runtime() {
    let data = data(16, 160);
    let short = ["--steps", "2", "--every", "2"];
    let find = finder(&data);
    let fill = train("derust", &data, "fill", &[&short[..], &["--segment-run", text(&find)]].concat());
    let (segment, derust) = (data.path().join("segment.onnx"), data.path().join("derust.onnx"));
    let about = ["--name", "tiny", "--threshold", "0.5", "--version", "1.2.3"];
    let export = |arguments: &[&str], output: &Path| {
        let said = succeed(&[&["export"], arguments, &["-o", text(output)], &about].concat());
        assert!(said.contains("ONNX Runtime agrees within"), "{said}");
        let onnx: derust_manifest::onnx::Model =
            prost::Message::decode(std::fs::read(output).unwrap().as_slice()).unwrap();
        let manifest = onnx.property(derust_manifest::METADATA_KEY).unwrap();
        let manifest = derust_manifest::Manifest::from_json(manifest).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.version.to_string().as_str()), ("tiny", "1.2.3"));
        manifest.kind
    };
    let kind = export(&["segment", "--run", text(&find)], &segment);
    assert_eq!(kind, derust_manifest::Kind::SegmentRust);
    let kind = export(&["derust", "--segment-run", text(&find), "--run", text(&fill)], &derust);
    assert_eq!(kind, derust_manifest::Kind::Derust);

    let other = train("segment", &data, "other", &[&short[..], &["--width", "0.25", "--seed", "2"]].concat());
    let mixed =
        ["export", "derust", "--segment-run", text(&other), "--run", text(&fill), "-o", text(&derust)];
    let refused = trainer(&[&mixed[..], &about].concat());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("beside another segmentation run"), "{said}");
}

#[test]
fn a_training_begins_with_a_model_file() {
    let data = data(32, 320);
    let learn = ["--width", "0.5", "--steps", "60", "--every", "60"];
    let find = train("segment", &data, "find", &learn);
    let short = ["--steps", "2", "--every", "2"];
    let fill = train("derust", &data, "fill", &[&short[..], &["--segment-run", text(&find)]].concat());
    let (segment, derust) = (data.path().join("segment.onnx"), data.path().join("derust.onnx"));
    let about = ["--name", "tiny", "--threshold", "0.5"];
    succeed(&[&["export", "segment", "--run", text(&find), "-o", text(&segment)], &about[..]].concat());
    let both = ["export", "derust", "--segment-run", text(&find), "--run", text(&fill), "-o", text(&derust)];
    succeed(&[&both[..], &about].concat());

    // Without learning, a few steps only let the statistics of the normalisations follow the batches.
    let stay = ["--steps", "20", "--every", "20", "--learning-rate", "0"];
    let iou = |run: &Path| figure(&metrics(run), "best_iou");
    for (name, file) in [("from-segment", &segment), ("from-derust", &derust)] {
        let run = train("segment", &data, name, &[&stay[..], &["--start-from", text(file)]].concat());
        assert!((iou(&run) - iou(&find)).abs() < 0.02, "IoU {} after {}", iou(&run), iou(&find));
    }
    let beside = ["--segment-run", text(&segment), "--start-from", text(&derust)];
    let run = train("derust", &data, "fill-again", &[&short[..], &beside].concat());
    let again = data.path().join("again.onnx");
    let both = ["export", "derust", "--segment-run", text(&segment), "--run", text(&run), "-o", text(&again)];
    succeed(&[&both[..], &about].concat());

    let (own, picture) = (data.path().join("run"), data.path().join("images/000.png"));
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugin/models/derust.onnx");
    let wrong = [
        (
            vec!["train", "derust", "--segment-run", shipped, "--start-from", shipped],
            "begin with `--generator relief`",
        ),
        (
            vec!["train", "derust", "--segment-run", text(&segment), "--start-from", text(&segment)],
            "nothing in it fills",
        ),
        (vec!["train", "segment", "--start-from", text(&segment), "--width", "1"], "has width 0.5"),
        (vec!["train", "segment", "--start-from", text(&picture)], "cannot be used"),
    ];
    for (arguments, hint) in wrong {
        let place = ["--data", text(data.path()), "--run", text(&own)];
        let output = trainer(&[&arguments[..], &place].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said.contains(hint) && said.trim_end().lines().count() == 1, "{arguments:?}: {said}");
    }
}

#[test]
fn a_recipe_trains_its_legs_and_exports_the_last() {
    let data = data(16, 96);
    let at = |name: &str| data.path().join(name);
    std::fs::write(
        at("recipe.toml"),
        "[[leg]]\nname = \"first\"\ntrain = \"segment\"\nwidth = 0.25\nside = 64\nbatch = 2\nsteps = 2\nheld-out = 0.3\n\n\
         [[leg]]\nname = \"second\"\ntrain = \"segment\"\nstart-from = \"@first\"\nside = 64\nbatch = 2\nsteps = \"$steps\"\n\
         fixed-statistics = true\nheld-out = 0.3\n\n\
         [export]\nkind = \"segment\"\nrun = \"@second\"\nname = \"mine\"\nviews = 2\n",
    )
    .unwrap();
    let (recipe, runs, model) = (at("recipe.toml"), at("runs"), at("mine.onnx"));
    let follow =
        ["recipe", text(&recipe), "--data", text(data.path()), "--out", text(&runs), "-o", text(&model)];
    let steps = |leg: &str| metrics(&runs.join(leg)).last().unwrap()["step"].as_u64();
    succeed(&[&follow[..], &["--with", "steps=1"]].concat());
    assert_eq!((steps("first"), steps("second")), (Some(2), Some(1)));
    let onnx: derust_manifest::onnx::Model =
        prost::Message::decode(std::fs::read(&model).unwrap().as_slice()).unwrap();
    let manifest = onnx.property(derust_manifest::METADATA_KEY).unwrap();
    let manifest = derust_manifest::Manifest::from_json(manifest).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.views), ("mine", 2));
    // What was trained is kept unless it is to be replaced, and gone on with if that is wanted.
    let refused = trainer(&[&follow[..], &["--with", "steps=1"]].concat());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(1) && said.contains("holds a run already"), "{said}");
    // As after an interruption before the second leg.
    std::fs::remove_dir_all(runs.join("second")).unwrap();
    std::fs::remove_file(&model).unwrap();
    succeed(&[&follow[..], &["--with", "steps=3", "--resume"]].concat());
    assert_eq!((steps("first"), steps("second")), (Some(2), Some(3)));
    assert!(model.is_file());
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let data = data(2, 64);
    let missing = data.path().join("missing");
    std::fs::write(data.path().join("images/broken.png"), "no picture").unwrap();
    let run = data.path().join("run");
    let cases = [
        (
            vec!["train", "segment", "--data", text(&missing), "--run", text(&run)],
            "images/NAME.jpg and masks/NAME.png",
        ),
        (vec!["train", "segment", "--data", text(data.path()), "--run", text(&run)], "broken"),
        (
            vec!["train", "segment", "--data", text(data.path()), "--run", text(&run), "--device", "abacus"],
            "use cpu or cuda",
        ),
        (vec!["export", "segment", "--run", text(&missing), "-o", "x.onnx", "--name", "x"], "train first"),
    ];
    for (arguments, hint) in cases {
        let output = trainer(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said.contains(hint) && said.trim_end().lines().count() == 1, "{arguments:?}: {said}");
    }
}
