//! Files of real exporters beside what their own programs make of them.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{demo, onnxruntime, process};

/// What the environment holds, pinned, with what it asks for.
const PACKAGES: [&str; 15] = [
    "torch==2.8.0",
    "torchvision==0.23.0",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "numpy==2.4.6",
    "pillow==13.0.0",
    "matplotlib==3.11.2",
    "opencv-python-headless==5.0.0.93",
    "polars==2.1.0",
    "psutil==7.2.2",
    "PyYAML==6.0.4",
    "requests==2.34.2",
    "scipy==1.17.1",
    "setuptools",
    "sympy==1.14.0",
];
/// And by itself, since it asks for an OpenCV with windows. AGPL-3.0: it is used here only, and nothing of it is passed on.
const ALONE: [&str; 2] = ["ultralytics==8.4.190", "ultralytics-thop==2.2.3"];

/// Trains networks for minutes, exports them in every form, and compares masks; returns the table.
pub fn compare(workspace: &Workspace) -> Result<String> {
    let runtime = onnxruntime::provide(workspace)?;
    let derust = demo::build(workspace)?;
    let folder = workspace.target.join("verify").join("exporters");
    let environment = folder.join("environment");
    let python = environment.join("bin").join("python");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if !python.is_file() {
        let mut making = Command::new("python3");
        making.args(["-m", "venv"]).arg(&environment);
        process::run(&mut making, "making an environment for Python")?;
    }
    for (options, packages) in [(&[][..], &PACKAGES[..]), (&["--no-deps"], &ALONE)] {
        let mut installing = Command::new(&python);
        installing.args(["-m", "pip", "install", "--quiet"]).args(options).args(packages);
        process::run(&mut installing, "installing what exports (some gigabytes, once)")?;
    }
    let script = workspace.root.join("plugin/command/tests/exporters/yolo.py");
    let mut comparing = Command::new(&python);
    comparing.arg(script).arg(&derust).arg(folder.join("yolo")).env("ORT_DYLIB_PATH", runtime);
    let said = process::run_and_read(&mut comparing, "comparing YOLO's exports with their own program")?;
    let rows: Vec<&str> = said.lines().filter(|line| line.starts_with("| ")).collect();
    ensure!(rows.len() > 2, "the comparison printed no table");
    Ok(rows[1..].join(" "))
}
