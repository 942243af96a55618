//! Programs in C++ with OpenCV, built by CMake and by pkg-config, by gcc and by clang, and run: as one of each makes them,
//! or as all do where tests are thorough.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use derust_engine::fixtures::{Convolution, Network};
use derust_test_support::{build_folder, checkout, is_thorough, prefix, program, run, run_to_end};
use serde_json::Value;
use tempfile::TempDir;

/// The sources of the test programs.
fn sources() -> PathBuf {
    checkout().join("tests/opencv/cpp")
}

fn sample(name: &str) -> PathBuf {
    checkout().join("tests/samples").join(name)
}

/// A folder with tiny networks whose answers can be worked out by hand.
fn models() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for network in [
        // The one that was added last serves, so the order counts.
        Network::segment("bright-is-rust", Convolution::mean(1)),
        Network::red_is_rust(),
        Network::red_to_gray(),
    ] {
        let file = folder.path().join(format!("{}.onnx", network.manifest.name));
        fs::write(file, network.to_onnx()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    folder
}

/// Configures and builds the CMake project in `source`; returns the folder of the programs. The folder is kept from
/// one run to the next, so that only what changed is compiled.
fn cmake(source: &Path, name: &str, compiler: &str) -> PathBuf {
    let build = build_folder().join("opencv-tests").join(name);
    configure(source, &build, compiler);
    run(program("cmake").arg("--build").arg(&build));
    build
}

fn configure(source: &Path, build: &Path, compiler: &str) {
    let mut cmake = program("cmake");
    cmake.arg("-S").arg(source).arg("-B").arg(build);
    cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix().display()));
    cmake.arg(format!("-DCMAKE_CXX_COMPILER={compiler}"));
    run(&mut cmake);
}

/// Compiles without CMake: with what pkg-config says, by hand.
fn compile(compiler: &str, files: &[PathBuf], output: &Path) {
    let mut asking = program("pkg-config");
    asking.args(["--cflags", "--libs", "derust", "opencv4"]);
    asking.env("PKG_CONFIG_PATH", prefix().join("lib/pkgconfig"));
    let flags = run(&mut asking);
    let flags = flags.split_whitespace().map(|flag| match flag.strip_prefix("-I/usr/") {
        // Warnings in OpenCV's own headers are not ours.
        Some(folder) => format!("-isystem/usr/{folder}"),
        None => flag.to_owned(),
    });
    let mut command = program(compiler);
    command.args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-o"]).arg(output);
    command.args(files).args(flags).arg(format!("-Wl,-rpath,{}", prefix().join("lib").display()));
    run(&mut command);
}

/// Builds the checks by pkg-config; returns their folder.
fn pkg_config(name: &str, compiler: &str) -> PathBuf {
    let folder = build_folder().join("opencv-tests").join(name);
    fs::create_dir_all(&folder).unwrap();
    let files = ["main.cpp", "pictures.cpp", "contours.cpp", "handles.cpp"].map(|file| sources().join(file));
    compile(compiler, &files, &folder.join("checks"));
    folder
}

/// Runs all cases of a build; every one has to be reported as held.
fn run_checks(programs: &Path) {
    let models = models();
    let said = run(program(programs.join("checks")).arg(models.path()).arg(sample("rusty-panel.jpg")));
    let cases = ["main", "pictures", "contours", "handles"]
        .iter()
        .map(|file| fs::read_to_string(sources().join(file).with_extension("cpp")).unwrap())
        .map(|text| text.lines().filter(|line| line.starts_with("CASE(")).count())
        .sum::<usize>();
    assert!(cases > 20, "{cases}");
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), cases, "{said}");
}

/// The build with CMake and gcc, which several tests use.
fn gcc_build() -> &'static Path {
    static BUILD: OnceLock<PathBuf> = OnceLock::new();
    BUILD.get_or_init(|| cmake(&sources(), "cmake-gcc", "g++"))
}

#[test]
fn checks_hold_when_built_by_cmake_and_gcc() {
    run_checks(gcc_build());
}

/// Both ways to build and both compilers are in this and the one before; the other two pairs are for thorough tests.
#[test]
fn checks_are_built_by_pkg_config_and_clang() {
    let programs = pkg_config("pkg-config-clang", "clang++");
    if is_thorough() {
        run_checks(&programs);
        run_checks(&cmake(&sources(), "cmake-clang", "clang++"));
        run_checks(&pkg_config("pkg-config-gcc", "g++"));
    }
}

/// Programs may ask for more warnings than most do; the headers give none.
#[test]
fn the_headers_are_clean_with_stricter_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("strict.cpp");
    // Templates are only looked at where they are used.
    let uses = "#include <derust_opencv.hpp>\ntemplate struct derust::basic_image<void>;\n\
                template struct derust::basic_image<const void>;\ntemplate class derust::result<int>;\n\
                int main() { return derust::opencv::view(cv::Mat(2, 2, CV_8UC3)).c().width != 2; }\n";
    fs::write(&source, uses).unwrap();
    let flags = run(program("pkg-config").args(["--cflags", "opencv4"])).replace("-I/", "-isystem/");
    for compiler in ["g++", "clang++"] {
        let mut command = program(compiler);
        command.args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]);
        command.args(flags.split_whitespace()).arg("-I").arg(prefix().join("include"));
        run(command.arg("-fsyntax-only").arg(&source));
    }
}

/// What the README shows is a program.
#[test]
fn the_first_program_of_the_readme_is_built_and_runs() {
    let readme = fs::read_to_string(checkout().join("ffi-headers/README.md")).unwrap();
    let code = readme.split("```cpp\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("first.cpp");
    fs::write(&source, code).unwrap();
    let first = folder.path().join("first");
    compile("g++", &[source], &first);
    fs::copy(sample("rusty-panel.jpg"), folder.path().join("gate.jpg")).unwrap();
    let said = run(program(&first).current_dir(folder.path()));
    assert!(said.contains("% rust"), "{said}");
    assert!(folder.path().join("gate-clean.jpg").is_file());
}

/// A copy of the prefix under another name serves without the first one.
#[test]
fn an_installed_derust_may_be_moved() {
    let folder = tempfile::tempdir().unwrap();
    let moved = folder.path().join("moved here");
    run(Command::new("cp").arg("-a").arg(prefix()).arg(&moved));
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(
        source.join("CMakeLists.txt"),
        "cmake_minimum_required(VERSION 3.16)\nproject(p CXX)\nset(CMAKE_CXX_STANDARD 17)\n\
         find_package(derust REQUIRED)\nadd_executable(p p.cpp)\ntarget_link_libraries(p derust::derust)\n",
    )
    .unwrap();
    fs::write(
        source.join("p.cpp"),
        "#include <derust.hpp>\n#include <iostream>\n\
         int main() { derust::engine engine; std::cout << engine.runtime().path << '\\n'; }\n",
    )
    .unwrap();
    let build = folder.path().join("build");
    let mut cmake = program("cmake");
    cmake.arg("-S").arg(&source).arg("-B").arg(&build);
    cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", moved.display()));
    run(&mut cmake);
    run(program("cmake").arg("--build").arg(&build));
    let runtime = run(&mut program(build.join("p")));
    let moved = moved.canonicalize().unwrap();
    assert!(runtime.starts_with(moved.to_str().unwrap()), "{runtime}");

    let mut asking = program("pkg-config");
    asking.args(["--variable=libdir", "derust"]).env("PKG_CONFIG_PATH", moved.join("lib/pkgconfig"));
    let libraries = run(&mut asking);
    let libraries = libraries.trim().replace('\\', "");
    assert_eq!(Path::new(&libraries).canonicalize().unwrap(), moved.join("lib"));
}

/// What `find_package` says of wishes that cannot be met.
#[test]
fn cmake_refuses_other_versions_and_unknown_components() {
    for (wish, expected) in [
        ("99", "0.1.0"),
        ("0.1 REQUIRED COMPONENTS telescope", "no usable component telescope"),
        ("0.2...0.9", "0.1.0"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let project = format!(
            "cmake_minimum_required(VERSION 3.19)\nproject(p CXX)\nfind_package(derust {wish})\n\
             if(NOT derust_FOUND)\nmessage(FATAL_ERROR \"none: ${{derust_CONSIDERED_VERSIONS}}\")\nendif()\n"
        );
        fs::write(folder.path().join("CMakeLists.txt"), project).unwrap();
        let mut cmake = program("cmake");
        cmake.arg("-S").arg(folder.path()).arg("-B").arg(folder.path().join("build"));
        cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix().display()));
        let outcome = run_to_end(&mut cmake);
        assert!(!outcome.status.success(), "{wish}: {outcome:?}");
        assert!(outcome.stderr.contains(expected), "{wish}: {}", outcome.stderr);
    }
    for wish in ["0.1", "0.0.9", "0.1.0 EXACT", "0.0.1...0.2"] {
        let folder = tempfile::tempdir().unwrap();
        let project = format!(
            "cmake_minimum_required(VERSION 3.19)\nproject(p CXX)\nfind_package(derust {wish} REQUIRED)\n"
        );
        fs::write(folder.path().join("CMakeLists.txt"), project).unwrap();
        configure(folder.path(), &folder.path().join("build"), "g++");
    }
}

/// The example as a user builds it, on a video with rusty and clean frames.
#[test]
fn a_video_is_inspected_and_the_alarm_is_raised() {
    let examples = cmake(&prefix().join("share/derust/examples"), "examples", "g++");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let video = gcc_build().join("video");
    let mut making = program(&video);
    making.arg("make").args([sample("rusty-panel.jpg"), sample("rusty-panel-clean.jpg"), file("in.avi")]);
    run(&mut making);

    let inspect = |limit: &str| {
        let mut command = program(examples.join("inspect_video"));
        command.args([file("in.avi"), file("out.avi")]).args(["--limit", limit, "--threads", "1"]);
        command
    };
    let outcome = run_to_end(&mut inspect("0.02"));
    assert_eq!(outcome.status.code(), Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("frames per second"), "{}", outcome.stderr);
    let lines: Vec<Value> = outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 12);
    for (i, line) in lines.iter().enumerate() {
        let fraction = line["fraction"].as_f64().unwrap();
        assert_eq!(line["frame"], i);
        assert!((line["seconds"].as_f64().unwrap() - i as f64 / 10.0).abs() < 1e-6);
        assert!((0.0..1.0).contains(&fraction), "{line}");
        assert_eq!(line["alarm"], fraction > 0.02, "{line}");
        assert_eq!(line["regions"] == 0, fraction == 0.0, "{line}");
        assert_eq!(line["iso_4628_3"] == 0, fraction == 0.0, "{line}");
        assert!(line["milliseconds"].as_f64().unwrap() > 0.0);
    }
    // Eight frames of the rusty picture, then four of the same without rust.
    let fractions: Vec<f64> = lines.iter().map(|line| line["fraction"].as_f64().unwrap()).collect();
    let least_rusty = fractions[..8].iter().copied().fold(1.0, f64::min);
    let most_clean = fractions[8..].iter().copied().fold(0.0, f64::max);
    assert!(least_rusty > 0.02 && least_rusty > 3.0 * most_clean, "{fractions:?}");
    let most = fractions.iter().copied().fold(0.0, f64::max);

    // What is coloured differs from the input more than compressing it again does.
    let compared = run(program(&video).arg("compare").args([file("in.avi"), file("out.avi")]));
    let compared: Value = serde_json::from_str(&compared).unwrap();
    let differences: Vec<f64> =
        compared["differences"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert_eq!(differences.len(), 12);
    let (rusty, clean) = differences.split_at(8);
    let least_coloured = rusty.iter().copied().fold(f64::MAX, f64::min);
    let most_compressed = clean.iter().copied().fold(0.0, f64::max);
    assert!(least_coloured > most_compressed, "{differences:?}");

    // No frame has more than the most.
    let limit = format!("{}", most + 1e-6);
    assert_eq!(run_to_end(inspect(&limit).arg("--log").arg(file("log"))).status.code(), Some(0));
    assert_eq!(fs::read_to_string(file("log")).unwrap().lines().count(), 12);
    assert_eq!(run_to_end(&mut inspect("much")).status.code(), Some(2));
    let mut missing = program(examples.join("inspect_video"));
    let outcome = run_to_end(missing.args([file("none.avi"), file("out.avi")]));
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("none.avi"), "{}", outcome.stderr);
}
