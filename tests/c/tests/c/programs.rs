//! The programs of `c/`, built by gcc and clang as C11 and as C++17, and run against an installed derust: as one compiler
//! makes them, or as all do where tests are thorough.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use derust_engine::fixtures::Network;
use derust_test_support::{is_thorough, prefix, program, run};

/// Compilers and languages.
const BUILDS: [(&str, &str, &str); 4] =
    [("gcc", "c", "c11"), ("clang", "c", "c11"), ("g++", "c++", "c++17"), ("clang++", "c++", "c++17")];

const SOURCES: [&str; 6] = ["checks.c", "control.c", "filters.c", "main.c", "threads.c", "wrong.c"];

/// The programs as one build made them; built once.
fn suite(build: usize) -> &'static Path {
    static BUILT: [OnceLock<(tempfile::TempDir, PathBuf)>; 4] = [const { OnceLock::new() }; 4];
    let (_, path) = BUILT[build].get_or_init(|| {
        let (compiler, language, standard) = BUILDS[build];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suite");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("c");
        let mut command = program(compiler);
        command.args(["-x", language, &format!("-std={standard}"), "-D_POSIX_C_SOURCE=200809L"]);
        command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-O1", "-pthread"]);
        command.arg("-I").arg(prefix().join("include"));
        command.args(SOURCES.map(|name| sources.join(name)));
        command.arg("-L").arg(prefix().join("lib")).args(["-lderust", "-lm"]);
        command.arg(format!("-Wl,-rpath,{}", prefix().join("lib").display()));
        command.arg("-o").arg(&path);
        run(&mut command);
        (folder, path)
    });
    path
}

/// Runs one of the programs, each time with models of its own.
fn run_program(name: &str) {
    for build in 0..if is_thorough() { BUILDS.len() } else { 1 } {
        let models = tempfile::tempdir().unwrap();
        for network in [Network::red_is_rust(), Network::red_to_gray()] {
            let file = models.path().join(format!("{}.onnx", network.manifest.name));
            fs::write(file, network.to_onnx()).unwrap();
        }
        let said = run(program(suite(build)).arg(name).arg(models.path()));
        assert!(said.ends_with(&format!("{name}: as it should be\n")), "{said}");
    }
}

macro_rules! programs {
    ($($test:ident: $name:literal;)*) => {
        $(#[test]
        fn $test() {
            run_program($name);
        })*
    };
}

programs! {
    wrong_engines_are_refused: "wrong-engines";
    wrong_images_are_refused: "wrong-images";
    wrong_options_are_refused: "wrong-options";
    wrong_handles_are_refused: "wrong-handles";
    wrong_batches_are_refused: "wrong-batches";
    structs_of_other_ages_are_understood_or_refused: "structs-of-other-ages";
    a_memory_limit_holds: "small-memory";
    a_missing_runtime_is_told: "missing-runtime";
    rust_is_found: "finding";
    every_format_is_read_and_written: "formats";
    what_cannot_be_judged_is_refused: "judging";
    rust_is_removed: "removing";
    what_pictures_say_of_themselves_counts: "meanings";
    halves_of_one_buffer_are_apart: "halves";
    an_analysis_is_composed_without_a_network: "composing";
    batches_give_what_single_calls_give: "batches";
    an_engine_warms_up: "warming-up";
    lists_tell_what_is_there: "lists";
    calls_are_stopped_within_a_tile: "stopping";
    a_call_has_a_deadline: "deadlines";
    a_callback_cannot_come_back: "coming-back";
    a_forked_process_is_refused_and_can_start_anew: "after-fork";
    threads_share_an_engine_bit_for_bit: "threads";
    threads_work_on_while_models_are_swapped: "swapping";
    an_engine_is_freed_while_its_callback_runs: "freeing";
}

#[test]
fn every_compiler_takes_them_as_every_language() {
    for build in 0..BUILDS.len() {
        assert!(suite(build).is_file());
    }
}

#[test]
fn a_program_that_fails_says_so() {
    // Without models the first check of a filter fails; a suite that cannot fail would prove nothing.
    let empty = tempfile::tempdir().unwrap();
    let outcome = derust_test_support::run_to_end(program(suite(0)).arg("finding").arg(empty.path()));
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("DERUST_ERROR_MODEL"), "{}", outcome.stderr);
}
