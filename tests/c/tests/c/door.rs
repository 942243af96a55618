//! The door for Rust programs: the same functions as a table that is compared before the first call.

use std::ffi::CStr;
use std::fs;
use std::path::PathBuf;

use derust_engine::fixtures::Network;
use derust_interface::*;
use derust_test_support::{prefix, program, run};

/// A library of `examples/`, which cargo builds for the tests of this package.
fn stranger(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let build = tests.ancestors().nth(2).unwrap();
    let path = build.join(format!("examples/lib{name}.so"));
    assert!(path.is_file(), "{} is missing", path.display());
    path
}

#[test]
fn a_rust_program_loads_the_table_and_finds_rust_with_it() {
    let library = load(&prefix().join("lib/libderust.so")).unwrap();
    let models = tempfile::tempdir().unwrap();
    fs::write(models.path().join("red.onnx"), Network::red_is_rust().to_onnx()).unwrap();
    let folder = std::ffi::CString::new(models.path().to_str().unwrap()).unwrap();
    let folders = [folder.as_ptr()];
    let options = EngineOptions {
        model_folder_count: 1,
        model_folders: folders.as_ptr(),
        only_these_folders: 1,
        threads: 1,
        ..EngineOptions::default()
    };
    let mut data = [[200_u8, 0, 0], [90, 90, 90]].concat().repeat(8);
    let image = Image {
        format: DERUST_FORMAT_RGB_U8,
        data: data.as_mut_ptr().cast(),
        data_size: data.len() as u64,
        width: 2,
        height: 8,
        row_stride: 6,
        ..Image::default()
    };
    let (mut engine, mut report, mut error) =
        (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    let mut summary = Summary::default();
    // SAFETY: every pointer is to a live value of its type, and handles are freed once, after their last use.
    unsafe {
        assert_eq!(library.abi_version()(), DERUST_ABI);
        let version = CStr::from_ptr(library.version()()).to_str().unwrap();
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
        assert_eq!(library.engine_create()(&options, &mut engine, &mut error), DERUST_OK);
        let none = std::ptr::null();
        let status = library.segment()(engine, &image, std::ptr::null(), none, none, &mut report, &mut error);
        let text = CStr::from_ptr(library.error_message()(error)).to_string_lossy();
        assert_eq!(status, DERUST_OK, "{text}");
        assert_eq!(library.report_summary()(report, &mut summary, &mut error), DERUST_OK);
        library.report_free()(report);
        library.engine_free()(engine);
    }
    assert_eq!((summary.pixels, summary.rust_pixels), (16, 8));
}

#[test]
fn a_library_that_does_not_fit_is_refused_and_the_older_side_named() {
    let refused = |name: &str| load(&stranger(name)).unwrap_err();
    let (older, newer, different) = (refused("older"), refused("newer"), refused("different"));
    assert!(matches!(older, LoadError::LibraryIsOlder(_)), "{older}");
    let text = older.to_string();
    assert!(text.starts_with("the library is older than this program:"), "{text}");
    assert!(text.contains("has ABI 0 with table 9, and ABI 1 with table 1 is needed"), "{text}");
    assert!(matches!(newer, LoadError::ProgramIsOlder(_)), "{newer}");
    assert!(newer.to_string().starts_with("this program is older than the library:"), "{newer}");
    assert!(matches!(different, LoadError::Differs(_)), "{different}");
}

#[test]
fn files_that_are_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = load(&folder.path().join("nothing.so")).unwrap_err();
    assert!(
        matches!(missing, LoadError::Open { .. }) && missing.to_string().contains("nothing.so"),
        "{missing}"
    );
    let text = folder.path().join("text.so");
    fs::write(&text, "no library").unwrap();
    assert!(matches!(load(&text).unwrap_err(), LoadError::Open { .. }));
    let plain = folder.path().join("plain.so");
    let source = folder.path().join("plain.c");
    fs::write(&source, "int plain(void) { return 1; }\n").unwrap();
    run(program("gcc").args(["-shared", "-fPIC", "-o"]).arg(&plain).arg(&source));
    let error = load(&plain).unwrap_err();
    assert!(
        matches!(error, LoadError::NotDerust { .. }) && error.to_string().contains("not libderust"),
        "{error}"
    );
}
