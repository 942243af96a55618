//! A program that is compiled once runs with every library of the same `DERUST_ABI`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{compile, models, own};
use derust_test_support::{is_thorough, prefix, program, run};

/// Compiles a program and runs it with the models.
fn runs(sources: &[PathBuf], include: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    let include = format!("-I{}", include.display());
    for compiler in if is_thorough() { &["gcc", "clang"][..] } else { &["gcc"] } {
        compile(compiler, &["-Wall", "-Wextra", "-Werror", &include], sources, prefix(), &path);
        let said = run(program(&path).arg(models().path()));
        assert_eq!(said, "as it should be\n", "{compiler}");
    }
}

/// Neither the header nor the program beside it is ever changed.
#[test]
fn a_program_of_the_first_version_runs_with_the_library_of_today() {
    runs(&[own("first/program.c")], &own("first"));
}

#[test]
fn a_program_of_a_later_version_runs_unless_it_uses_what_is_new() {
    let header = fs::read_to_string(prefix().join("include/derust.h")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("derust.h"), later(&header)).unwrap();
    runs(&[own("future/program.c")], folder.path());
}

/// A header in which every struct has one more field at its end.
fn later(header: &str) -> String {
    let mut text = String::new();
    let (mut structs, mut initialisers) = (0, 0);
    for line in header.lines() {
        if line.starts_with("} derust_") {
            structs += 1;
            text += "    uint64_t added;\n";
        }
        if let Some(initialiser) = line.strip_suffix(" }").filter(|line| line.starts_with("#define DERUST_"))
        {
            initialisers += 1;
            text += &format!("{initialiser}, 0 }}\n");
        } else if !line.starts_with("DERUST_SAME_SIZE(") {
            text += &format!("{line}\n");
        }
    }
    assert_eq!((structs, initialisers), (12, 12), "{header}");
    text
}
