//! The programs of other crates under valgrind: no access outside of a block, no use of what was never set, no leak.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::{c_programs, c_sources, compile, cpp_sources, models, opencv_flags, own, require};
use derust_test_support::{Outcome, prefix, program, run_to_end_within};

/// How valgrind ends when it found something; no program of the tests ends so.
const FOUND: i32 = 99;

/// Programs run some fifty times slower here, and alone.
const TIME_LIMIT: Duration = Duration::from_secs(900);

fn valgrind(path: &Path) -> Command {
    require("valgrind", "valgrind");
    let mut command = program("valgrind");
    command.args(["--leak-check=full", "--errors-for-leak-kinds=definite,possible", "--num-callers=40"]);
    command.args(["--fair-sched=try", &format!("--error-exitcode={FOUND}")]);
    command.arg(format!("--suppressions={}", own("valgrind.supp").display()));
    command.arg(path);
    command
}

fn run(command: &mut Command) -> Outcome {
    run_to_end_within(command, TIME_LIMIT)
}

fn found_nothing(outcome: &Outcome) {
    let Outcome { status, stdout, stderr } = outcome;
    assert!(status.success() && stderr.contains("ERROR SUMMARY: 0 errors"), "{status}\n{stdout}\n{stderr}");
}

#[test]
fn c_programs_touch_and_leak_nothing_under_valgrind() {
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("suite");
    compile("gcc", &[], &c_sources(), prefix(), &suite);
    let models = models();
    let mut names = c_programs();
    // Two are about what threads do at the same time, which valgrind runs one at a time and slowly. In a forked process
    // only one of them goes on, and what the others held counts as lost. AddressSanitizer watches all of them.
    names.retain(|name| !["threads", "swapping", "after-fork"].contains(&&**name));
    // One process for all: under valgrind ONNX Runtime needs seconds to start.
    let outcome = run(valgrind(&suite).args(&names).arg(models.path()));
    found_nothing(&outcome);
    for name in names {
        assert!(outcome.stdout.contains(&format!("{name}: as it should be")), "{outcome:?}");
    }
}

#[test]
fn cpp_programs_touch_and_leak_nothing_under_valgrind() {
    let folder = tempfile::tempdir().unwrap();
    let checks = folder.path().join("checks");
    let flags = opencv_flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    compile("g++", &flags, &cpp_sources(), prefix(), &checks);
    let outcome = run(valgrind(&checks).arg(models().path()).arg("no picture"));
    found_nothing(&outcome);
    assert!(outcome.stdout.contains(" cases, 0 failed"), "{outcome:?}");
}

#[test]
fn valgrind_sees_a_leaked_handle_and_a_read_behind_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    compile("gcc", &[], &[own("broken.c")], prefix(), &broken);
    for (what, seen) in [("leak", "definitely lost"), ("read", "Invalid read of size")] {
        let outcome = run(valgrind(&broken).arg(what));
        assert_eq!(outcome.status.code(), Some(FOUND), "{outcome:?}");
        assert!(outcome.stderr.contains(seen) && outcome.stderr.contains("derust_"), "{outcome:?}");
    }
    found_nothing(&run(valgrind(&broken).arg("nothing")));
}
