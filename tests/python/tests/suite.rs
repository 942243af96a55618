//! The suite in `suite/` against the package as it is installed, in two ways.

use derust_test_support::{checkout, is_thorough, prefix, program, run};
use derust_tests_python::{
    build_wheel, environment, environment_with_onnxruntime, make_venv, package, python, run_suite,
    site_packages, write_models,
};

/// What the source shows beyond the wheel, which goes through all of the suite: that its library is found and loaded.
const SOURCE_ALONE: &str = "test_process or test_areas_regions_and_grades";

/// Every installed file against the hash and size that the wheel's RECORD says.
const COMPARE_WITH_RECORD: &str = "
import base64, hashlib, importlib.metadata
for file in importlib.metadata.files('derust'):
    if file.hash is not None:
        content = file.locate().read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).rstrip(b'=').decode()
        assert (digest, len(content)) == (file.hash.value, file.size), file
        print(file, 'is as recorded')
";

#[test]
fn the_source_package_with_the_library_of_a_prefix() {
    let work = tempfile::tempdir().expect("a folder");
    let mut python = python(&environment());
    python
        .env("PYTHONPATH", package().join("src"))
        .env("DERUST_LIBRARY", prefix().join("lib/libderust.so.1"));
    let selection: &[&str] = if is_thorough() { &[] } else { &["-k", SOURCE_ALONE] };
    run_suite(&mut python, work.path(), selection);
}

#[test]
fn the_wheel_in_a_fresh_environment() {
    let work = tempfile::tempdir().expect("a folder");
    let wheel = build_wheel(&work.path().join("wheels"));
    let venv = work.path().join("venv");
    make_venv(&venv);
    // NumPy and OpenCV come out of the environment that is kept; derust can only come out of the wheel.
    let kept = site_packages(&environment());
    let own = site_packages(&venv);
    std::fs::write(std::path::Path::new(&own).join("kept.pth"), kept).expect("a .pth file");
    run(python(&venv).args(["-m", "pip", "install", "--quiet", "--no-index"]).arg(&wheel));
    run(python(&venv).args(["-m", "pip", "check"]));
    // pip itself does not compare.
    let compared = run(python(&venv).args(["-c", COMPARE_WITH_RECORD]));
    assert!(compared.contains("derust/_lib/libderust.so.1 is as recorded"), "{compared}");
    run_suite(&mut python(&venv), work.path(), &[]);
}

#[test]
fn the_source_in_a_prefix_finds_the_library_beside_it() {
    let mut python = python(&environment());
    python.env("PYTHONPATH", prefix().join("share/derust/python/src"));
    let said = run(python.args(["-m", "derust"]));
    let library = prefix().join("lib/libderust.so.1").canonicalize().expect("the library of the prefix");
    assert!(said.contains(&*library.to_string_lossy()), "{said}");
}

#[test]
fn pip_installs_the_source_package() {
    let work = tempfile::tempdir().expect("a folder");
    let venv = work.path().join("venv");
    make_venv(&venv);
    let source = work.path().join("source");
    // Building writes beside the source.
    run(program("cp").arg("-r").arg(package()).arg(&source));
    run(program(venv.join("bin/python")).args(["-m", "pip", "install", "--quiet", "--no-deps"]).arg(&source));
    let listed = run(python(&venv).args(["-m", "pip", "show", "--files", "derust"]));
    for file in ["derust/__init__.py", "derust/py.typed"] {
        assert!(listed.contains(file), "{listed}");
    }
}

#[test]
fn another_onnx_runtime_in_the_same_process() {
    let work = tempfile::tempdir().expect("a folder");
    let (venv, models) = (environment_with_onnxruntime(), write_models(work.path()));
    let script = checkout().join("tests/python/programs/two_runtimes.py");
    for order in ["first", "last"] {
        let mut python = python(&venv);
        python.env("PYTHONPATH", package().join("src"));
        python.env("DERUST_LIBRARY", prefix().join("lib/libderust.so.1"));
        let said = run(python.arg(&script).arg(&models).arg(order));
        assert_eq!(said.trim(), format!("both agree, Python's ONNX Runtime imported {order}"));
    }
}
