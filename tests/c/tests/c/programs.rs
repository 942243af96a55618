//! The programs of `c/`, built by gcc and clang as C11 and as C++17, and run against an installed derust: as one compiler
//! makes them, or as all do where tests are thorough.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use derust_engine::fixtures::{Network, hostile};
use derust_test_support::{Outcome, is_thorough, prefix, program, run, run_to_end};

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
    frames_are_taken_as_cameras_give_them: "camera-frames";
    a_fill_looks_as_it_is_wished_for: "looks";
    halves_of_one_buffer_are_apart: "halves";
    an_analysis_is_composed_without_a_network: "composing";
    batches_give_what_single_calls_give: "batches";
    an_engine_warms_up: "warming-up";
    an_engine_says_how_it_fares: "health";
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
fn a_program_lives_with_models_that_kill_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    fs::create_dir(&models).unwrap();
    let put = |name: &str, onnx: &[u8]| fs::write(models.join(format!("{name}.onnx")), onnx).unwrap();
    for network in [Network::red_is_rust(), Network::red_to_gray()] {
        put(&network.manifest.name, &network.to_onnx());
    }
    // Each was added after the one before, so it comes before that.
    for (name, onnx) in [
        ("divides", hostile::divides_the_smallest_number("divides")),
        ("normalises", hostile::normalises_nothing("normalises")),
        ("fails", hostile::fails_on_red("fails")),
    ] {
        std::thread::sleep(std::time::Duration::from_millis(50));
        put(name, &onnx);
    }
    let own =
        |command: &mut std::process::Command| run(command.env("XDG_CACHE_HOME", folder.path().join("cache")));
    let list = list_of_models(folder.path());
    let listed = || own(program(&list).arg(&models));
    let said = listed();
    assert!(said.contains("fails.onnx: serves, but is not tried out yet\n"), "it comes first: {said}");
    put("fails", b"no model");
    for _ in 0..2 {
        let said = own(program(suite(0)).arg("finding").arg(&models));
        assert!(said.ends_with("finding: as it should be\n"), "{said}");
    }
    let said = listed();
    assert!(said.contains("red-is-rust.onnx: serves\n"), "{said}");
    let ended = said.lines().filter(|line| line.contains("ended the process")).count();
    assert_eq!(ended, 2, "{said}");
}

/// The example that lists models, built by a C compiler that objects to much.
fn list_of_models(folder: &Path) -> PathBuf {
    let source = prefix().join("share/derust/examples/untrusted_models.c");
    let path = folder.join("untrusted_models");
    let mut command = program("gcc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]);
    command.arg("-I").arg(prefix().join("include")).arg(source);
    command.arg("-L").arg(prefix().join("lib")).arg("-lderust");
    command.arg(format!("-Wl,-rpath,{}", prefix().join("lib").display())).arg("-o").arg(&path);
    run(&mut command);
    path
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
    let outcome = run_to_end(program(suite(0)).arg("finding").arg(empty.path()));
    assert_eq!(outcome.status.code(), Some(1));
    assert!(outcome.stderr.contains("DERUST_ERROR_MODEL"), "{}", outcome.stderr);
}

/// With ever more memory for the process: whatever a picture or a file decides the size of ends a call, and not the program.
///
/// What is small may end it: that the allocator has nothing left for a text or a handle. Nor is ONNX Runtime held to it.
#[test]
fn what_a_picture_needs_never_ends_a_program_that_is_short_of_memory() {
    /// The size from which on an allocation cannot be one of the small ones.
    const SMALL: u64 = 8192;
    let models = tempfile::tempdir().unwrap();
    for network in [Network::red_is_rust(), Network::red_to_gray()] {
        fs::write(models.path().join(format!("{}.onnx", network.manifest.name)), network.to_onnx()).unwrap();
    }
    let (step, most) = if is_thorough() { (16, 1000) } else { (75, 400) };
    let mut outcomes = (0, 0);
    for megabytes in (100..=most).step_by(step) {
        let mut limited = program("sh");
        limited.args([
            "-c",
            "ulimit -c 0; ulimit -v \"$1\"; shift; exec \"$@\"",
            "sh",
            &(megabytes << 10).to_string(),
        ]);
        let outcome = run_to_end(limited.arg(suite(0)).arg("short-of-memory").arg(models.path()));
        let said = format!("{megabytes} MB: {:?}\n{}", outcome.status, outcome.stderr);
        assert!(!outcome.stderr.contains("panicked"), "{said}");
        match outcome.stderr.split("memory allocation of ").nth(1) {
            Some(report) => {
                let bytes = report.split_whitespace().next().and_then(|bytes| bytes.parse().ok());
                assert!(bytes.is_some_and(|bytes: u64| bytes < SMALL), "{said}");
                eprintln!("a small one failed: {said}");
            }
            // Below a size the program cannot even be loaded.
            None if outcome.stderr.contains("error while loading shared libraries") => {}
            None => assert!(outcome.status.success(), "{said}"),
        }
        outcomes.0 += usize::from(outcome.stderr.contains("DERUST_ERROR_MEMORY"));
        outcomes.1 += usize::from(outcome.stderr.contains("remove: DERUST_OK"));
    }
    assert!(outcomes.0 > 0 && outcomes.1 > 0, "no limit was between too little and enough: {outcomes:?}");
}

/// Runs a program with models of its own and in a home of its own, without the variable that silences ONNX Runtime.
fn at_home(home: &Path, name: &str, before: &[&str]) -> Outcome {
    let models = tempfile::tempdir().unwrap();
    for network in [Network::red_is_rust(), Network::red_to_gray()] {
        fs::write(models.path().join(format!("{}.onnx", network.manifest.name)), network.to_onnx()).unwrap();
    }
    let suite = suite(0).to_str().unwrap();
    let mut words = before.iter().copied().chain([suite, name, models.path().to_str().unwrap()]);
    let mut command = program(words.next().unwrap());
    command.args(words).env_remove("ORT_DISABLE_TELEMETRY").env("MALLOC_PERTURB_", "165");
    // These make ONNX Runtime take the run for one of its own tests.
    for name in ["CI", "TF_BUILD", "GITHUB_ACTIONS", "XDG_CACHE_HOME", "XDG_DATA_HOME"] {
        command.env_remove(name);
    }
    run_to_end(command.env("HOME", home))
}

#[test]
fn the_list_of_the_environment_that_the_host_may_be_reading_stays() {
    let home = tempfile::tempdir().unwrap();
    let outcome = at_home(home.path(), "environment", &[]);
    assert!(outcome.status.success(), "{:?}: {}", outcome.status, outcome.stderr);
}

#[test]
fn a_program_that_sets_nothing_reports_to_nobody() {
    let (home, log) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let log = log.path().to_str().unwrap();
    if std::process::Command::new("strace").arg("--version").output().is_err() {
        return eprintln!("skipped: there is no `strace`");
    }
    let trace = ["strace", "-f", "-qq", "-e", "trace=socket,connect,sendto,sendmsg", "-o", log];
    let outcome = at_home(home.path(), "finding", &trace);
    assert!(outcome.status.success(), "{:?}: {}", outcome.status, outcome.stderr);
    let heard = fs::read_to_string(log).unwrap();
    assert!(!heard.contains("AF_INET") && !heard.contains("connect("), "{heard}");
    // What came of trials is all that is kept.
    let names = |folder: &Path| -> Vec<_> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let cache = home.path().join(".cache");
    assert_eq!((names(home.path()), names(&cache)), (vec![".cache".to_owned()], vec!["derust".to_owned()]));
    assert_eq!(names(&cache.join("derust")), ["trials"]);
}
