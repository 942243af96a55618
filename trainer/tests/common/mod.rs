//! What the tests of the trainer share.

#![allow(dead_code, reason = "each test program uses a part")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of rendered photos with masks, `side` pixels wide and high.
pub fn data(count: u64, side: u32) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["images", "masks"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    for seed in 0..count {
        let scene = derust_render::scene(seed + 100, side, side);
        scene.rusty.save(folder.path().join(format!("images/{seed:03}.png"))).unwrap();
        scene.mask.save(folder.path().join(format!("masks/{seed:03}.png"))).unwrap();
    }
    folder
}

/// Runs the trainer.
pub fn trainer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_derust-trainer")).args(arguments).output().unwrap()
}

/// Runs the trainer and answers with what it printed.
pub fn succeed(arguments: &[&str]) -> String {
    let output = trainer(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The objects of a file of JSON lines; none while it is not there.
pub fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // The last line may just be being written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of a run's metrics file.
pub fn metrics(run: &Path) -> Vec<Value> {
    lines(&run.join("metrics.jsonl"))
}
