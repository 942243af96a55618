//! The programs of other crates, and random calls, under AddressSanitizer: the library and the programs that use it are
//! both instrumented.

use std::time::Duration;

use crate::common::{c_programs, c_sources, cpp_sources, models, opencv_flags, own};
use crate::instrumented::{FOUND, compile_instrumented, instrumented, watched};
use derust_test_support::{run, run_to_end, run_to_end_within};

#[test]
fn c_programs_touch_and_leak_nothing_under_address_sanitizer() {
    let folder = tempfile::tempdir().unwrap();
    let suite = folder.path().join("suite");
    compile_instrumented("clang", &[], &c_sources(), &suite);
    let (names, models) = (c_programs(), models());
    let said = run(watched(&suite).args(&names).arg(models.path()));
    for name in names {
        assert!(said.contains(&format!("{name}: as it should be")), "{said}");
    }
}

#[test]
fn cpp_programs_touch_and_leak_nothing_under_address_sanitizer() {
    let folder = tempfile::tempdir().unwrap();
    let checks = folder.path().join("checks");
    let flags = opencv_flags();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    compile_instrumented("clang++", &flags, &cpp_sources(), &checks);
    let said = run(watched(&checks).arg(models().path()).arg("no picture"));
    assert!(said.contains(" cases, 0 failed"), "{said}");
}

#[test]
fn address_sanitizer_sees_a_leaked_handle_and_a_read_behind_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    compile_instrumented("clang", &[], &[own("broken.c")], &broken);
    for (what, seen) in [("leak", "detected memory leaks"), ("read", "heap-buffer-overflow")] {
        let outcome = run_to_end(watched(&broken).arg(what));
        assert_eq!(outcome.status.code(), Some(FOUND), "{outcome:?}");
        // Seen in the library: it is instrumented too. Functions have names where there is an llvm-symbolizer.
        let place = ["derust_engine_create", "libderust.so"];
        let is_placed = place.iter().any(|place| outcome.stderr.contains(place));
        assert!(outcome.stderr.contains(seen) && is_placed, "{outcome:?}");
    }
    run(watched(&broken).arg("nothing"));
}

/// `DERUST_RANDOM_SECONDS` says for how long, `DERUST_RANDOM_SEED` which calls.
#[test]
fn random_calls_do_no_harm() {
    let seconds: u64 = std::env::var("DERUST_RANDOM_SECONDS")
        .map_or(10, |seconds| seconds.parse().expect("DERUST_RANDOM_SECONDS is a whole number"));
    let models = models();
    let mut command = watched(&instrumented().random_calls);
    // ONNX Runtime throws where it is told to end; the sanitizer finds what throws in libraries that are there from the start.
    command.env("LD_PRELOAD", "libstdc++.so.6");
    command.arg(instrumented().prefix.join("lib/libderust.so.1")).arg(models.path()).arg(seconds.to_string());
    command.args(std::env::var("DERUST_RANDOM_SEED").ok());
    let outcome = run_to_end_within(&mut command, Duration::from_secs(seconds + 120));
    println!("{}{}", outcome.stdout, outcome.stderr);
    assert!(outcome.status.success(), "{outcome:?}");
}
