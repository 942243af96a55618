//! Choosing among models.

use std::fs;

use derust_engine::fixtures::{Convolution, Network};

use crate::desk::{Desk, open, rusty};

/// Puts a network there that sees rust everywhere, with this probability.
fn put(desk: &Desk, name: &str, version: &str, probability: f32) {
    let mut network = Network::segment(name, Convolution::pointwise(&[&[0.0; 3]], &[probability]));
    network.manifest.version = version.parse().unwrap();
    fs::write(desk.at(&format!("models/{name}-{version}.onnx")), network.to_onnx()).unwrap();
}

/// The probability that the serving network sees, or that of the given one.
fn probability(desk: &Desk, model: Option<&str>) -> u8 {
    let mut arguments = vec!["segment", "p.png", "--output", "probability", "-o", "map.png", "--force"];
    arguments.extend(model.iter().flat_map(|model| ["--model", model]));
    desk.succeed(&arguments);
    open(&desk.at("map.png")).to_luma8().get_pixel(5, 5).0[0]
}

#[test]
fn a_person_chooses_the_model_that_serves() {
    let desk = Desk::new();
    rusty(20, 20).save(desk.at("p.png")).unwrap();
    fs::remove_file(desk.at("models/red-is-rust.onnx")).unwrap();
    put(&desk, "old", "1.0.0", 0.2);
    put(&desk, "old", "2.0.0", 0.4);
    std::thread::sleep(std::time::Duration::from_millis(20));
    put(&desk, "new", "1.0.0", 0.6);
    assert_eq!(probability(&desk, None), 153, "the one that was added last");

    let said = desk.succeed(&["models", "use", "old"]);
    assert!(said.starts_with("segment-rust: old 2.0.0 "), "{said}");
    assert_eq!(probability(&desk, None), 102);
    let list = desk.succeed(&["models"]);
    assert!(list.contains("yes: it was chosen by `derust models use`"), "{list}");
    assert!(list.contains("no: `old` was chosen by `derust models use`"), "{list}");

    desk.succeed(&["models", "use", "old@1.0.0", "--kind", "segment-rust"]);
    assert_eq!(probability(&desk, None), 51);
    assert_eq!(probability(&desk, Some("new")), 153, "a call can ask for another one");
    fs::remove_file(desk.at("models/old-1.0.0.onnx")).unwrap();
    assert_eq!(probability(&desk, None), 153, "the chosen one is gone");
    let list = desk.succeed(&["models"]);
    assert!(list.contains("`old@1.0.0`, chosen by `derust models use`, is no usable segment-rust model"));

    desk.succeed(&["models", "use", "old"]);
    desk.succeed(&["models", "use", "--automatic"]);
    assert_eq!(probability(&desk, None), 153);
}

#[test]
fn a_choice_that_cannot_be_made_is_refused_and_changes_nothing() {
    let desk = Desk::new();
    let refusal = desk.fail(1, &["models", "use", "nonesuch"]);
    assert!(refusal.contains("no usable model `nonesuch`") && refusal.contains("red-is-rust@"), "{refusal}");
    let refusal = desk.fail(1, &["models", "use", "red-is-rust", "--kind", "derust"]);
    assert!(refusal.contains("no usable model `red-is-rust`"), "{refusal}");
    assert!(!desk.at("home/.config/derust/models.json").exists());
    let refusal = desk.fail(2, &["segment", "p.png", "--model", "a b"]);
    assert!(refusal.contains("NAME@VERSION"), "{refusal}");

    fs::create_dir_all(desk.at("home/.config/derust")).unwrap();
    fs::write(desk.at("home/.config/derust/models.json"), "{").unwrap();
    let refusal = desk.fail(1, &["models", "use", "red-is-rust"]);
    assert!(refusal.contains("models.json is broken"), "{refusal}");
    rusty(20, 20).save(desk.at("p.png")).unwrap();
    desk.succeed(&["segment", "p.png"]);
}

#[test]
fn a_pinned_model_is_that_one_or_none() {
    let desk = Desk::new();
    rusty(20, 20).save(desk.at("p.png")).unwrap();
    put(&desk, "pinned", "1.0.0", 0.2);
    let sum =
        std::process::Command::new("sha256sum").arg(desk.at("models/pinned-1.0.0.onnx")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let pin = format!("sha256:{}", sum.split(' ').next().unwrap());
    assert_eq!(probability(&desk, Some(&pin)), 51);
    put(&desk, "pinned", "1.0.0", 0.3);
    let refusal = desk.fail(1, &["segment", "p.png", "-o", "again.png", "--model", &pin]);
    assert!(refusal.contains(&pin), "{refusal}");
}
