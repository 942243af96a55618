//! Python environments in which the tests of the Python package run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use derust_engine::fixtures::Network;
use derust_test_support::{build_folder, checkout, prefix, program, run, run_to_end_within};

/// The whole suite, on a busy machine.
const SUITE_LIMIT: Duration = Duration::from_secs(900);

/// A virtual environment with what `requirements.txt` names. It is kept in the build folder until that changes.
///
/// # Panics
/// When Python or pip is missing, or pip cannot get the packages.
pub fn environment() -> PathBuf {
    let folder = build_folder().join("python-tests");
    fs::create_dir_all(&folder).expect("a place in the build folder");
    let lock = File::create(folder.join("lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let (venv, stamp) = (folder.join("venv"), folder.join("venv.requirements"));
    let wanted = fs::read_to_string(requirements()).expect("requirements.txt");
    let python = venv.join("bin/python");
    let usable = || program(&python).args(["-c", "import numpy, cv2, pytest"]).status();
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && usable().is_ok_and(|s| s.success()) {
        return venv;
    }
    fs::remove_file(&stamp).ok();
    fs::remove_dir_all(&venv).ok();
    make_venv(&venv);
    run(program(&python)
        .args(["-m", "pip", "install", "--quiet", "--require-hashes", "-r"])
        .arg(requirements()));
    fs::write(&stamp, wanted).expect("a stamp in the build folder");
    venv
}

/// [`environment`] and another ONNX Runtime, which derust does not use; kept in the build folder as well.
///
/// # Panics
/// See [`environment`].
pub fn environment_with_onnxruntime() -> PathBuf {
    let kept = environment();
    let folder = build_folder().join("python-tests");
    let lock = File::create(folder.join("onnxruntime.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let requirements = checkout().join("tests/python/requirements-onnxruntime.txt");
    let wanted = fs::read_to_string(&requirements).expect("requirements-onnxruntime.txt");
    let (venv, stamp) = (folder.join("onnxruntime-venv"), folder.join("onnxruntime-venv.requirements"));
    if !fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        fs::remove_dir_all(&venv).ok();
        make_venv(&venv);
        // NumPy comes out of the environment that is kept.
        fs::write(Path::new(&site_packages(&venv)).join("kept.pth"), site_packages(&kept))
            .expect("a .pth file");
        run(program(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r"])
            .arg(&requirements));
        fs::write(&stamp, wanted).expect("a stamp in the build folder");
    }
    venv
}

/// Where an environment has its packages.
pub fn site_packages(venv: &Path) -> String {
    run(program(venv.join("bin/python"))
        .args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'), end='')"]))
}

/// Makes an empty virtual environment.
pub fn make_venv(folder: &Path) {
    run(program("python3").args(["-m", "venv"]).arg(folder));
}

fn requirements() -> PathBuf {
    checkout().join("tests/python/requirements.txt")
}

/// The Python package's source in the checkout.
pub fn package() -> PathBuf {
    checkout().join("ffi-headers/python")
}

/// Makes the wheel out of the test prefix; returns its path.
pub fn build_wheel(output: &Path) -> PathBuf {
    let script = package().join("build_wheel.py");
    let said = run(program("python3").arg(script).arg("--prefix").arg(prefix()).arg("--output").arg(output));
    PathBuf::from(said.trim())
}

/// A Python that finds neither cargo nor the user's own settings.
pub fn python(venv: &Path) -> Command {
    let mut python = program(venv.join("bin/python"));
    python
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Threads that wait by turning would take the time of those that work where the machine is busy.
        .env("GOMP_SPINCOUNT", "0");
    for variable in ["PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CARGO", "CARGO_HOME", "RUSTUP_HOME"] {
        python.env_remove(variable);
    }
    python
}

/// Writes two models whose answers can be worked out by hand into a folder below `work`; returns the folder.
pub fn write_models(work: &Path) -> PathBuf {
    let models = work.join("models");
    fs::create_dir_all(&models).expect("a folder for models");
    for network in [Network::red_is_rust(), Network::red_to_gray()] {
        let file = models.join(format!("{}.onnx", network.manifest.name));
        fs::write(file, network.to_onnx()).expect("a model file");
    }
    models
}

/// Runs the suite (or the part of it that `selection` names) with `python`; `work` is its current folder.
///
/// # Panics
/// With the outcome of every test, when one fails or none is found.
pub fn run_suite(python: &mut Command, work: &Path, selection: &[&str]) {
    let models = write_models(work);
    let suite = checkout().join("tests/python/suite");
    python
        .current_dir(work)
        .env("DERUST_TEST_MODELS", &models)
        .env("DERUST_TEST_SAMPLES", checkout().join("tests/samples"))
        .env("DERUST_TEST_HEADER", prefix().join("include/derust.h"))
        .env("DERUST_TEST_EXAMPLES", checkout().join("ffi-headers/examples"))
        .args(["-m", "pytest", "-v", "-rA", "--color=no", "-p", "no:cacheprovider", "--rootdir"])
        .arg(&suite)
        .arg(&suite)
        .args(selection);
    let outcome = run_to_end_within(python, SUITE_LIMIT);
    assert!(outcome.status.success(), "{}\n{}", outcome.stdout, outcome.stderr);
    println!("{}", outcome.stdout);
}
