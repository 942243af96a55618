//! What the proofs share.
#![allow(dead_code, reason = "each proof uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use derust_engine::fixtures::Network;
use derust_test_support::{checkout, program, run};
use tempfile::TempDir;

/// The names of the programs of `tests/c`.
pub fn c_programs() -> Vec<String> {
    let main = fs::read_to_string(checkout().join("tests/c/c/main.c")).unwrap();
    let name = |line: &str| Some(line.trim().strip_prefix("{\"")?.split('"').next()?.to_owned());
    let mut names: Vec<String> = main.lines().filter_map(name).collect();
    assert!(names.len() >= 18, "{names:?}");
    // It needs a process in which no runtime was loaded yet.
    names.sort_by_key(|name| name != "missing-runtime");
    names
}

/// The sources of the programs of `tests/c`, which make one program.
pub fn c_sources() -> Vec<PathBuf> {
    let folder = checkout().join("tests/c/c");
    let mut sources: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    sources.retain(|file| file.extension().is_some_and(|extension| extension == "c"));
    sources
}

/// The sources of the checks of `tests/opencv` that use nothing of OpenCV but its matrices.
pub fn cpp_sources() -> Vec<PathBuf> {
    ["main.cpp", "handles.cpp"].map(|file| checkout().join("tests/opencv/cpp").join(file)).into()
}

/// A file of this crate.
pub fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// A folder with tiny networks: rust is what is red, and becomes gray.
pub fn models() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for network in [Network::red_is_rust(), Network::red_to_gray()] {
        let file = folder.path().join(format!("{}.onnx", network.manifest.name));
        fs::write(file, network.to_onnx()).unwrap();
    }
    folder
}

/// Fails unless the tool `name` is there.
pub fn require(name: &str, package: &str) {
    let found = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(found, "{name} is missing; on Debian and Ubuntu: apt-get install {package}");
}

/// Compiles C11 or C++17 sources into a program that finds libderust of `prefix` and its header.
pub fn compile(compiler: &str, flags: &[&str], sources: &[PathBuf], prefix: &Path, output: &Path) {
    let is_c = sources.iter().all(|source| source.extension().is_some_and(|extension| extension == "c"));
    let mut command = program(compiler);
    command.arg(if is_c { "-std=c11" } else { "-std=c++17" });
    command.args(["-D_POSIX_C_SOURCE=200809L", "-g", "-O1", "-pthread"]).args(sources);
    command.args(flags).arg("-I").arg(prefix.join("include")).arg("-L").arg(prefix.join("lib"));
    command.arg(format!("-Wl,-rpath,{}", prefix.join("lib").display())).args(["-lderust", "-lm"]);
    run(command.arg("-o").arg(output));
}

/// What compiles and links programs that use OpenCV's matrices.
pub fn opencv_flags() -> Vec<String> {
    let said = run(program("pkg-config").args(["--cflags", "opencv4"]));
    said.split_whitespace().map(str::to_owned).chain(["-lopencv_core".to_owned()]).collect()
}
