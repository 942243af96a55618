//! Finding the library.

use std::fs;
use std::path::{Path, PathBuf};

use derust_client::{Engine, EngineOptions, ErrorKind, LibraryError};
use derust_test_support::{prefix, program, run, run_to_end};

use crate::{load, models};

/// The example program, which cargo builds for the tests of this package.
fn inspect() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples/inspect");
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

/// A picture with a red rectangle, as a file.
fn picture(folder: &Path) -> PathBuf {
    let file = folder.join("picture.png");
    image::RgbImage::from_raw(crate::WIDTH, crate::HEIGHT, crate::picture()).unwrap().save(&file).unwrap();
    file
}

#[test]
fn the_library_of_the_process_is_loaded_once() {
    load();
    load();
    assert_eq!(derust_client::version().unwrap(), env!("CARGO_PKG_VERSION"));
    assert!(derust_client::path().unwrap().ends_with("lib/libderust.so"));
    derust_client::load_from(&prefix().join("lib")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libderust.so");
    fs::copy(prefix().join("lib/libderust.so"), &copy).unwrap();
    let error = derust_client::load(&copy).unwrap_err();
    assert!(matches!(error, LibraryError::AnotherIsLoaded { .. }), "{error}");
    let missing = derust_client::load_from(&folder.path().join("nowhere")).unwrap_err();
    let [first, _] = derust_client::file_names();
    assert!(missing.to_string().contains(&first), "{missing}");
}

/// The program finds the library in another process, by each of the ways that there are.
#[test]
fn a_program_finds_the_library_beside_it_and_by_its_variable() {
    let (folder, models) = (tempfile::tempdir().unwrap(), models());
    let (picture, result) = (picture(folder.path()), folder.path().join("clean.png"));
    let library = prefix().join("lib/libderust.so.1");
    let arguments = |command: &mut std::process::Command| {
        command.env("DERUST_MODELS", models.path()).arg(&picture).arg(&result);
    };
    let mut named = program(inspect());
    arguments(named.env("DERUST_LIBRARY", &library));
    let said = run(&mut named);
    assert!(said.contains("16.7 % rust, ISO 4628-3 Ri 5"), "{said}");
    assert!(said.contains("200 pixels at 8, 5, 56 along the border"), "{said}");
    let clean = image::open(&result).unwrap().into_rgb8();
    assert_ne!(clean.get_pixel(8, 5), &image::Rgb([230, 0, 0]));
    assert_eq!(clean.get_pixel(7, 5), &image::Rgb([90, 90, 90]));

    // As in an install prefix: the program in bin, the library in lib.
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::copy(inspect(), bin.join("inspect")).unwrap();
    std::os::unix::fs::symlink(prefix().join("lib"), folder.path().join("lib")).unwrap();
    let mut beside = program(bin.join("inspect"));
    arguments(&mut beside);
    assert_eq!(run(&mut beside), said);
}

#[test]
fn a_library_that_is_missing_or_something_else_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture(folder.path());
    let lonely = folder.path().join("inspect");
    fs::copy(inspect(), &lonely).unwrap();
    let ends_with = |library: Option<&Path>| {
        let mut command = program(&lonely);
        if let Some(library) = library {
            command.env("DERUST_LIBRARY", library);
        }
        let outcome = run_to_end(command.arg(&picture).arg(folder.path().join("never.png")));
        assert_eq!(outcome.status.code(), Some(1));
        outcome.stderr
    };
    let missing = ends_with(None);
    assert!(
        missing.contains("libderust was not found") && missing.contains("set DERUST_LIBRARY"),
        "{missing}"
    );
    let text = folder.path().join("text.so");
    fs::write(&text, "no library").unwrap();
    let refused = ends_with(Some(&text));
    assert!(refused.contains("text.so cannot be loaded"), "{refused}");
    assert!(!folder.path().join("never.png").exists());
}

#[test]
fn a_file_that_is_no_runtime_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("libonnxruntime.so");
    fs::write(&wrong, "no library").unwrap();
    let options = EngineOptions { runtime_library: Some(wrong), ..crate::options() };
    let error = Engine::new(options).and_then(|engine| engine.runtime()).map(drop);
    // Where another test has loaded ONNX Runtime, it is that a process uses one.
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Runtime);
}
