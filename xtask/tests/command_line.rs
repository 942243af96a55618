//! `cargo xtask` as a person types it: mistakes are told in one line, before anything is fetched or compiled.

use std::path::Path;
use std::process::{Command, Output};

/// Runs xtask with an empty cache and without a runtime of the machine's.
fn xtask(cache: &Path, arguments: &[&str], runtime: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).env("XDG_CACHE_HOME", cache).env_remove("ORT_DYLIB_PATH");
    if let Some(runtime) = runtime {
        command.env("ORT_DYLIB_PATH", runtime);
    }
    command.output().expect("xtask starts")
}

/// The one line on standard error.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn a_wrong_picture_path_costs_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let missing = cache.path().join("missing.jpg");
    let output = xtask(cache.path(), &["demo", missing.to_str().unwrap()], None);
    assert!(complaint(&output).contains("missing.jpg"));
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_is_no_picture() {
    let cache = tempfile::tempdir().unwrap();
    let output = xtask(cache.path(), &["demo", cache.path().to_str().unwrap()], None);
    assert!(complaint(&output).contains("one PNG or JPEG"));
}

#[test]
fn a_wrong_runtime_path_is_told_and_nothing_fetched() {
    let cache = tempfile::tempdir().unwrap();
    let text = cache.path().join("libonnxruntime.so");
    std::fs::write(&text, "only a text").unwrap();
    for (path, reason) in [(cache.path().join("missing.so"), "cannot read"), (text, "ELF")] {
        let output = xtask(cache.path(), &["setup"], Some(&path));
        let complaint = complaint(&output);
        assert!(complaint.contains("ORT_DYLIB_PATH") && complaint.contains(reason), "{complaint}");
    }
    assert!(!cache.path().join("derust").exists());
}
