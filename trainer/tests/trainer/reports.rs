//! Measurements as users make them: the real command with networks whose answers are known.

use std::path::Path;

use crate::common::{succeed, text, trainer};
use derust_engine::fixtures::{Convolution, Network};
use derust_manifest::{OutputRole, Scores};
use image::{GrayImage, Luma, Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;

const SIDE: u32 = 96;

/// A folder with images/ and masks/, two of each.
fn photos(colour: impl Fn(u32, u32) -> [u8; 3], label: impl Fn(u32, u32) -> u8) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["images", "masks"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    for name in ["a.png", "b.png"] {
        let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb(colour(x, y)));
        picture.save(folder.path().join("images").join(name)).unwrap();
        let mask = GrayImage::from_fn(SIDE, SIDE, |x, y| Luma([label(x, y)]));
        mask.save(folder.path().join("masks").join(name)).unwrap();
    }
    folder
}

/// Gray with a little texture, and a red square of a quarter of the area.
fn red_square() -> TempDir {
    let inside = |x: u32, y: u32| (24..72).contains(&x) && (24..72).contains(&y);
    let colour = move |x: u32, y: u32| {
        let gray = 120 + ((x * 7 + y * 13) % 9) as u8;
        if inside(x, y) { [gray + 110, gray - 90, gray - 90] } else { [gray; 3] }
    };
    photos(colour, move |x, y| if inside(x, y) { 255 } else { 0 })
}

fn model(folder: &TempDir, name: &str, network: &Network) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, network.to_onnx()).unwrap();
    text(&path).to_owned()
}

/// The `derust` command. `cargo xtask test` has built it beside the trainer; on its own this test builds it first.
fn derust() -> String {
    static BUILT: std::sync::Once = std::sync::Once::new();
    if std::env::var_os("DERUST_PREFIX").is_none() {
        BUILT.call_once(|| {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let built = std::process::Command::new(cargo)
                .current_dir(derust_test_support::checkout())
                .env("CARGO_TARGET_DIR", derust_test_support::build_folder())
                .args(["build", "--quiet", "--package", "derust-command"])
                .status();
            assert!(built.unwrap().success(), "the derust command cannot be built");
        });
    }
    let command = derust_test_support::build_folder().join("debug").join("derust");
    assert!(command.is_file(), "{} is missing", command.display());
    text(&command).to_owned()
}

/// Runs `evaluate` and answers with its JSON file and its page.
fn evaluate(folder: &TempDir, arguments: &[&str]) -> (Value, String) {
    let [json, html] = ["out.json", "out.html"].map(|name| text(&folder.path().join(name)).to_owned());
    let command = derust();
    let all = [&["eval"], arguments, &["--command", &command, "--json", &json, "--html", &html]].concat();
    let said = succeed(&all);
    let last: Value = serde_json::from_str(said.lines().next_back().unwrap()).unwrap();
    let json: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    for (name, value) in last.as_object().unwrap() {
        assert_eq!(&json[name], value, "{name}");
    }
    (json, std::fs::read_to_string(html).unwrap())
}

fn close(json: &Value, name: &str, wanted: f64, by: f64) {
    let found = json[name].as_f64().unwrap_or_else(|| panic!("no {name} in {json:#}"));
    assert!((found - wanted).abs() <= by, "{name} is {found}, wanted is {wanted}");
}

#[test]
fn rust_that_is_found_rightly_is_measured_as_such() {
    let data = red_square();
    let file = model(&data, "red.onnx", &Network::red_is_rust());
    let (json, html) = evaluate(&data, &["segment", "--model", &file, "--data", text(data.path())]);
    assert_eq!((json["kind"].as_str(), json["photos"].as_u64()), (Some("segment"), Some(2)));
    close(&json, "iou", 1.0, 0.03);
    close(&json, "average_precision", 1.0, 0.03);
    assert_eq!(json["pictures"][1]["name"], "b");
    assert!(
        json["curves"]["reliability"]["lines"]["rust"].as_array().is_some_and(|points| points.len() >= 2)
    );
    assert!(html.contains("Precision and recall") && html.contains("data:image/jpeg;base64,"));
    // Nothing on the page comes from elsewhere.
    for part in html.split("src=\"").skip(1) {
        assert!(part.starts_with("data:image/"), "{}", &part[..40]);
    }
    assert!(!["<script", "<link", "href=", "url(", "@import"].iter().any(|tag| html.contains(tag)));
}

#[test]
fn every_class_of_a_model_is_measured() {
    // Red, blue and green thirds; the lower half of the blue one is labelled as red.
    let third = |x: u32| (x * 3 / SIDE) as usize;
    let colour = move |x: u32, _| [[255, 0, 0], [0, 0, 255], [0, 255, 0]][third(x)];
    let label = move |x: u32, y: u32| if third(x) == 1 && y >= SIDE / 2 { 1 } else { [1, 2, 0][third(x)] };
    let data = photos(colour, label);
    let rows: [&[f32]; 3] = [&[0.0, 1.0, 0.0], &[1.0, 0.0, 0.0], &[0.0, 0.0, 1.0]];
    let mut network = Network::segment("colours", Convolution::pointwise(&rows, &[0.0; 3]));
    let output = &mut network.manifest.outputs[0];
    (output.role, output.scores) = (OutputRole::Classes, Scores::Probabilities);
    output.classes = ["background", "red", "blue"].map(String::from).to_vec();
    output.rust = vec!["red".into(), "blue".into()];
    let file = model(&data, "colours.onnx", &network);
    let arguments = ["segment", "--classes", "--model", &file, "--data", text(data.path())];
    let (json, html) = evaluate(&data, &arguments);
    let classes = json["classes"].as_array().unwrap();
    assert_eq!(
        classes.iter().map(|class| class["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["background", "red", "blue"]
    );
    close(&classes[0], "iou", 1.0, 0.03);
    close(&classes[1], "iou", 2.0 / 3.0, 0.03);
    close(&classes[1], "precision", 1.0, 0.03);
    close(&classes[2], "iou", 0.5, 0.03);
    close(&classes[2], "recall", 1.0, 0.03);
    close(&json, "mean_iou", (2.0 / 3.0 + 0.5) / 2.0, 0.03);
    assert!(html.contains("<td>blue</td>"));

    let red = model(&data, "red.onnx", &Network::red_is_rust());
    let refused = trainer(&["eval", "segment", "--classes", "--model", &red, "--data", text(data.path())]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("leave out --classes"), "{said}");
}

#[test]
fn real_rust_is_judged_before_and_after() {
    let data = red_square();
    let [file, judge] = [
        model(&data, "gray.onnx", &Network::red_to_gray()),
        model(&data, "judge.onnx", &Network::red_is_rust()),
    ];
    // Another method that leaves everything as it is.
    let idle = format!("idle={}", text(&data.path().join("images")));
    let arguments =
        ["real", "--model", &file, "--judge", &judge, "--data", text(data.path()), "--results", &idle];
    let (json, html) = evaluate(&data, &arguments);
    close(&json, "rust_before", 1.0, 0.03);
    close(&json, "fall", 1.0, 0.03);
    close(&json, "treated", 0.25, 0.03);
    assert_eq!(json["pixels_changed_outside"], 0);
    let idle = &json["methods"]["idle"];
    close(idle, "fall", 0.0, 0.0);
    close(idle, "treated", 0.0, 0.0);
    assert!(html.contains("Beside other methods") && html.contains("% seen, a"));
}

#[test]
fn pairs_are_measured_told_where_the_rust_is_and_without_texture() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |x: u32, y: u32| (24..72).contains(&x) && (24..72).contains(&y);
    let gray = |x: u32, y: u32| [120 + ((x * 7 + y * 13) % 29) as u8; 3];
    let write = |name: &str, colour: &dyn Fn(u32, u32) -> [u8; 3]| {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        let picture = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb(colour(x, y)));
        picture.save(folder.path().join(name).join("000.png")).unwrap();
    };
    let white_where = |there: bool| [if there { 255 } else { 0 }; 3];
    write("rusty", &|x, y| if inside(x, y) { [250, 10, 10] } else { gray(x, y) });
    write("clean", &|x, y| if inside(x, y) { [10; 3] } else { gray(x, y) });
    write("pasted", &|x, y| white_where(inside(x, y)));
    write("mask", &|x, y| white_where(inside(x, y) && x < 48));
    write("own", &|_, _| white_where(false));
    let file = model(&folder, "gray.onnx", &Network::red_to_gray());
    let measure = |more: &[&str]| {
        let arguments = ["derust", "--model", &file, "--pairs", text(folder.path())];
        evaluate(&folder, &[&arguments, more].concat()).0
    };
    let [found, plain, told] = [&[][..], &["--plain-fill"], &["--plain-fill", "--given-mask"]].map(measure);
    let gain = |json: &Value| json["psnr"].as_f64().unwrap() - json["input_psnr"].as_f64().unwrap();
    // Half of the red is under the mask.
    close(&told, "psnr", told["input_psnr"].as_f64().unwrap() + 10.0 * 2_f64.log10(), 0.2);
    assert!(gain(&plain) > 10.0, "{plain:#}");
    // What is even here should be even, and what surrounds it is not.
    assert!(gain(&found) < gain(&plain) - 1.0, "{} {}", gain(&found), gain(&plain));
}

#[test]
fn what_cannot_be_measured_is_said_in_one_line() {
    let data = red_square();
    let here = text(data.path());
    std::fs::remove_file(data.path().join("masks/b.png")).unwrap();
    let file = model(&data, "red.onnx", &Network::red_is_rust());
    let command = derust();
    let missing = data.path().join("missing");
    let missing = |name: &str| text(&missing.join(Path::new(name))).to_owned();
    let cases = [
        (vec!["segment", "--command", &command, "--model", &file, "--data", here], "b.png".to_owned()),
        (vec!["segment", "--data", here, "--command", "no-such-derust"], "--command".into()),
        (vec!["segment", "--data", here, "--model", "none.onnx"], "none.onnx".into()),
        (vec!["real", "--data", here, "--command", &command, "--judge", "none.onnx"], "none.onnx".into()),
    ];
    for (arguments, hint) in &cases {
        let output = trainer(&[&["evaluate"], &arguments[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said.contains(hint) && said.trim_end().lines().count() == 1, "{arguments:?}: {said}");
    }
    let output = trainer(&["compare", &missing("run")]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("neither a run's folder"));
}
