//! The binary interface is compatible with the one on record, as libabigail judges it.

use std::fs;
use std::path::PathBuf;

use derust_interface::DERUST_ABI;
use derust_test_support::{Outcome, program, run, run_to_end};

use crate::common::{own, require};
use crate::description::{of_exported_functions, without_growth};
use crate::instrumented::instrumented;

/// The description of the interface on record.
fn recorded() -> PathBuf {
    own(&format!("libderust-{DERUST_ABI}.abi"))
}

/// The description of the library's interface: what abidw reads from the debugging information. The instrumented
/// library has all that is needed of it.
fn today() -> String {
    let library = instrumented().prefix.join("lib/libderust.so.1");
    require("abidw", "abigail-tools");
    let mut command = program("abidw");
    command.args(["--no-comp-dir-path", "--no-corpus-path", "--no-show-locs", "--no-elf-needed"]);
    of_exported_functions(&run(command.arg(library)))
}

/// Compares two descriptions; finds nothing where a program that was built for the first runs with the second.
fn compare(first: &str, second: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let mut command = program("abidiff");
    let second = without_growth(second, first);
    run_to_end(command.arg("--no-added-syms").args([file("first.abi", first), file("second.abi", &second)]))
}

fn is_compatible(outcome: &Outcome) -> bool {
    outcome.status.success()
}

/// With `DERUST_WRITE_ABI=1` the library's is put on record: for additions, and where another compiler calls the same
/// things by other names.
#[test]
fn the_interface_is_compatible_with_the_one_on_record() {
    let today = today();
    if std::env::var_os("DERUST_WRITE_ABI").is_some() {
        fs::write(recorded(), &today).unwrap();
    }
    let outcome = compare(&fs::read_to_string(recorded()).unwrap(), &today);
    assert!(
        is_compatible(&outcome),
        "programs that were compiled before would break:\n{}{}",
        outcome.stdout,
        outcome.stderr
    );
}

#[test]
fn what_breaks_programs_is_seen_and_additions_are_not() {
    let recorded = fs::read_to_string(recorded()).unwrap();
    let changed = |from: &str, to: &str| {
        let changed = recorded.replacen(from, to, 1);
        assert_ne!(changed, recorded, "{from}");
        changed
    };
    for (what, broken) in [
        ("derust_version", without_function(&recorded, "derust_version")),
        (
            "region_count",
            changed("name='region_count' type-id='", "name='region_count' type-id='type-id-1' was='"),
        ),
        (
            "fraction",
            changed(
                "layout-offset-in-bits='256'>\n            <var-decl name='fraction'",
                "layout-offset-in-bits='288'>\n            <var-decl name='fraction'",
            ),
        ),
        ("Summary", changed("name='Summary' size-in-bits='512'", "name='Summary' size-in-bits='448'")),
        ("derust_models_count", without_parameter(&recorded, "derust_models_count")),
    ] {
        let outcome = compare(&recorded, &broken);
        assert!(!is_compatible(&outcome) && outcome.stdout.contains(what), "{what}: {outcome:?}");
    }
    // A function more, and a field more at the end of a struct that says its size.
    let outcome = compare(&without_function(&recorded, "derust_version"), &recorded);
    assert!(is_compatible(&outcome), "{outcome:?}");
    let field = "<data-member access='public' layout-offset-in-bits='512'>\n\
                 <var-decl name='added' type-id='type-id-5' visibility='default'/>\n</data-member>\n";
    let longer = with_last_field(
        &changed("name='Summary' size-in-bits='512'", "name='Summary' size-in-bits='576'"),
        "Summary",
        field,
    );
    let outcome = compare(&recorded, &longer);
    assert!(is_compatible(&outcome), "{outcome:?}");
}

/// The description without a function that is exported.
fn without_function(description: &str, name: &str) -> String {
    let symbol = format!("<elf-symbol name='{name}'");
    let begin = format!("elf-symbol-id='{name}'");
    let (mut text, mut is_inside) = (String::new(), false);
    for line in description.lines() {
        is_inside |= line.contains(&begin);
        if !is_inside && !line.contains(&symbol) {
            text += &format!("{line}\n");
        }
        is_inside &= !line.contains("</function-decl>");
    }
    text
}

/// The description with one parameter less of a function.
fn without_parameter(description: &str, name: &str) -> String {
    let (before, after) = description.split_once(&format!("elf-symbol-id='{name}'")).unwrap();
    let (head, parameters) = after.split_once("<parameter").unwrap();
    let (_, rest) = parameters.split_once("/>").unwrap();
    format!("{before}elf-symbol-id='{name}'{head}{rest}")
}

/// The description with a field behind the last one of a struct.
fn with_last_field(description: &str, name: &str, field: &str) -> String {
    let (before, after) = description.split_once(&format!("<class-decl name='{name}'")).unwrap();
    let (inside, rest) = after.split_once("</class-decl>").unwrap();
    format!("{before}<class-decl name='{name}'{inside}{field}</class-decl>{rest}")
}
