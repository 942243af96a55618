//! Which device computes, and what is said about it, on machines with and without a GPU.

use std::path::PathBuf;
use std::process::Command;

use crate::desk::{Desk, rusty};

/// What the devices are called, the best one first, and the first words about where a network runs.
const GPUS: [&str; 2] = ["tensorrt", "cuda"];

/// ONNX Runtimes to try: the one of all tests, and a build for GPUs where there is one.
fn runtimes() -> Vec<Option<PathBuf>> {
    let gpu = gpu_runtime();
    if gpu.is_none() {
        println!("not tried: the GPU build of ONNX Runtime; `cargo xtask runtime --gpu` fetches it");
    }
    std::iter::once(None).chain(gpu.map(Some)).collect()
}

/// `$DERUST_GPU_RUNTIME`, or what `cargo xtask runtime --gpu` put into the build folder.
fn gpu_runtime() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("DERUST_GPU_RUNTIME").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let command = PathBuf::from(env!("CARGO_BIN_EXE_derust"));
    let folder = command.ancestors().nth(2)?.join("onnxruntime-gpu");
    let files = folder.read_dir().ok()?.flatten().map(|entry| entry.path());
    files.into_iter().find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so"))
    })
}

fn desk() -> Desk {
    let desk = Desk::new();
    rusty(40, 30).save(desk.at("a.png")).unwrap();
    desk
}

fn with(mut command: Command, runtime: Option<&PathBuf>) -> Command {
    if let Some(path) = runtime {
        command.env("ORT_DYLIB_PATH", path);
    }
    command
}

/// A device that was named computes, or the call fails and says why before it touches a picture.
#[test]
fn a_named_device_computes_or_nothing_does() {
    for runtime in runtimes() {
        for device in GPUS {
            let desk = desk();
            let arguments = ["segment", "a.png", "--device", device, "--json"];
            let output = with(desk.command(&arguments), runtime.as_ref()).output().unwrap();
            let (said, complained) =
                (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
            if output.status.success() {
                assert!(said.contains(&format!("\"device\":\"{device}:0\"")), "{said}");
                continue;
            }
            assert_eq!(output.status.code(), Some(1), "{complained}");
            assert!(!desk.at("a-mask.png").exists() && said.is_empty(), "{said}");
            let reason = complained.split_once(&format!("the device {device} cannot be used: "));
            let (_, reason) = reason.unwrap_or_else(|| panic!("{complained}"));
            if runtime.is_none() {
                assert!(reason.contains("CPU build") || reason.contains("lib"), "{reason}");
            } else {
                // What is missing by name, and all of it: the driver, and CUDA's own libraries.
                assert!(reason.contains("NVIDIA driver") || reason.contains(".so"), "{reason}");
            }
        }
    }
}

#[test]
fn the_automatic_device_always_computes_and_says_where_and_why() {
    for runtime in runtimes() {
        let desk = desk();
        let command = desk.command(&["segment", "a.png", "--verbose"]);
        let output = with(command, runtime.as_ref()).output().unwrap();
        let detail = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && desk.at("a-mask.png").exists(), "{detail}");
        let line = detail.lines().find_map(|line| line.split_once("the segment-rust network runs on "));
        let (_, placement) = line.unwrap_or_else(|| panic!("{detail}"));
        assert!(placement.contains("; asked for automatic"), "{placement}");
        let used = GPUS.iter().position(|gpu| placement.starts_with(gpu));
        for unused in &GPUS[..used.unwrap_or(GPUS.len())] {
            assert!(placement.contains(&format!("{unused} is not used: ")), "{placement}");
        }
        assert!(used.is_some() || placement.starts_with("cpu: "), "{placement}");
    }
}

#[test]
fn the_processor_is_used_when_it_is_named() {
    for runtime in runtimes() {
        let desk = desk();
        let command = desk.command(&["remove", "a.png", "--json", "--device", "cpu"]);
        let output = with(command, runtime.as_ref()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("\"device\":\"cpu\""), "{said}{:?}", String::from_utf8(output.stderr));
    }
}

#[test]
fn info_tells_of_every_device() {
    for runtime in runtimes() {
        let output = with(Desk::new().command(&["info"]), runtime.as_ref()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("  cpu: "), "{said}");
        for gpu in GPUS {
            let line = said.lines().find(|line| line.starts_with(&format!("  {gpu}: "))).unwrap();
            assert!(line.len() > 20, "{line}");
        }
        assert_eq!(said.matches("the one that is used").count(), 1, "{said}");
    }
}
