//! What `derust models check` says about good and bad files.

use std::fs;

use derust_engine::fixtures::Network;
use serde_json::Value;

use crate::desk::Desk;

/// `Conv` becomes an operator of the same length that no program knows.
fn odd() -> Vec<u8> {
    let mut onnx = Network::red_is_rust().to_onnx();
    let place = onnx.windows(4).position(|bytes| bytes == b"Conv").unwrap();
    onnx[place..place + 4].copy_from_slice(b"Dig!");
    onnx
}

#[test]
fn a_good_file_is_described_tried_out_and_timed() {
    let desk = Desk::new();
    let said = desk.succeed(&["models", "check", "models/red-is-rust.onnx"]);
    for words in [
        "file        models/red-is-rust.onnx\n",
        "format      ONNX IR 8, operator sets ai.onnx 17, written by derust fixture\n",
        "manifest    in the file: segment-rust red-is-rust 1.0.0, tiles of 64 with an overlap of 16, threshold 0.5\n",
        "input       image: float32 [batch, 3, height, width]\n",
        "output      probability: float32 [batch, 1, height, width]\n",
        // A convolution of three channels with its bias, and the two ends of a range.
        "parameters  6\n",
        "operators   Clip 1, Conv 1\n",
        "limits      nodes: 2 of 50000\n",
        "inspection  passed\n",
        "device      cpu: ",
        "trial       64 x 64 pixels: loading ",
        "usable      yes\n",
    ] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
    let json = desk.succeed(&["models", "check", "models/red-is-rust.onnx", "--json", "--device", "cpu"]);
    assert_eq!(json.lines().count(), 1);
    let facts: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&facts["usable"], &facts["problem"]), (&true.into(), &Value::Null));
    assert_eq!((&facts["operators"]["Conv"], &facts["manifest"]["name"]), (&1.into(), &"red-is-rust".into()));
    assert_eq!((&facts["limits"]["nodes"]["used"], &facts["inputs"][0]["shape"][1]), (&2.into(), &3.into()));
    let trial = |name: &str| facts["trial"][name].as_f64().unwrap();
    assert!((trial("ms_per_megapixel") * 64.0 * 64.0 / 1e6 - trial("median_run_ms")).abs() < 0.1, "{json}");
    let sum =
        std::process::Command::new("sha256sum").arg(desk.at("models/red-is-rust.onnx")).output().unwrap();
    assert!(String::from_utf8(sum.stdout).unwrap().starts_with(facts["sha256"].as_str().unwrap()));
}

#[test]
fn a_bad_file_is_described_as_far_as_it_can_be_read() {
    let desk = Desk::new();
    fs::write(desk.at("odd.onnx"), odd()).unwrap();
    let output = desk.run(&["models", "check", "odd.onnx"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let reason =
        "node 0 (`Dig!`): derust does not run the operator `Dig!` of ONNX's operator set [operators]";
    for words in
        ["input       image: float32", "operators   Clip 1, Dig! 1", &format!("usable      no: {reason}\n")]
    {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
    assert!(!said.contains("trial"), "{said}");
    let facts = desk.run(&["models", "check", "odd.onnx", "--json"]).stdout;
    let facts: Value = serde_json::from_slice(&facts).unwrap();
    assert_eq!((&facts["usable"], &facts["problem"]), (&false.into(), &reason.into()));
    assert_eq!(
        (&facts["refusal"]["rule"], &facts["refusal"]["place"]),
        (&"operators".into(), &"node 0 (`Dig!`)".into())
    );

    fs::write(desk.at("text.onnx"), "no model").unwrap();
    let output = desk.run(&["models", "check", "text.onnx"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("usable      no: it is no ONNX file"));
}

#[test]
fn a_manifest_beside_the_file_is_taken_and_its_mistakes_are_named() {
    let desk = Desk::new();
    let mut network = Network::red_is_rust();
    network.manifest.name = "beside".into();
    let sidecar = desk.at("models/red-is-rust.onnx.json");
    fs::write(&sidecar, network.manifest.to_json()).unwrap();
    let said = desk.succeed(&["models", "check", "models/red-is-rust.onnx"]);
    assert!(said.contains("manifest    beside the file: segment-rust beside 1.0.0"), "{said}");
    assert!(said.contains(" (with the manifest beside it)\n"), "{said}");
    network.manifest.threshold = 7.0;
    fs::write(&sidecar, network.manifest.to_json()).unwrap();
    let output = desk.run(&["models", "check", "models/red-is-rust.onnx"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("inspection  passed\n"), "{said}");
    assert!(said.contains("usable      no: the manifest's `threshold` is 7"), "{said}");
}

#[test]
fn without_onnx_runtime_the_rest_is_said() {
    let desk = Desk::new();
    let output = desk
        .command(&["models", "check", "models/red-is-rust.onnx"])
        .env("ORT_DYLIB_PATH", "/nowhere/x.so")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for words in [
        "operators   Clip 1, Conv 1\n",
        "inspection  passed\n",
        "trial       failed: ONNX Runtime at /nowhere/x.so",
    ] {
        assert!(said.contains(words), "{words:?} is missing in {said}");
    }
}

#[test]
fn what_is_no_file_is_an_error() {
    let desk = Desk::new();
    for (name, reason) in [("models", "no regular file"), ("absent.onnx", "cannot be read")] {
        let complaint = desk.fail(1, &["models", "check", name]);
        assert!(complaint.contains(name) && complaint.contains(reason), "{complaint}");
        assert_eq!(complaint.lines().count(), 1);
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/zero", desk.at("zero.onnx")).unwrap();
        assert!(desk.fail(1, &["models", "check", "zero.onnx"]).contains("leads out of its folder"));
        let facts: Value =
            serde_json::from_slice(&desk.run(&["models", "check", "zero.onnx", "--json"]).stdout).unwrap();
        assert_eq!(facts["usable"], false);
    }
}
