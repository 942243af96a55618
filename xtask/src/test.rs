//! `cargo xtask test`: every test that can run on this machine.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::slice;

use anyhow::{Context, Result};

use crate::prefix::{self, Profile};
use crate::tally::Tally;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;
use crate::{gimp_root, install_gimp, libtorch, onnxruntime, photos, process};

/// Packages whose tests run networks.
const RUN_NETWORKS: [&str; 9] = [
    "derust-engine",
    "derust-capi",
    "derust-command",
    "derust-tests-abi",
    "derust-tests-c",
    "derust-tests-gimp",
    "derust-tests-opencv",
    "derust-tests-python",
    "derust-trainer",
];

/// Packages that link to libtorch.
const LINK_LIBTORCH: [&str; 1] = ["derust-trainer"];

/// The package whose tests run in GIMP, and what the names of those in GIMP 3 begin with.
const IN_GIMP: &str = "derust-tests-gimp";
const IN_GIMP_3: &str = "gimp_3::";

/// Packages whose tests are programs of other languages, and what builds and runs these.
const HOSTS: [(&[&str], &[Tool]); 5] = [
    (
        &["derust-tests-abi"],
        &[tools::CXX, tools::CLANG, tools::PKG_CONFIG, tools::OPENCV, tools::VALGRIND, tools::ABIGAIL],
    ),
    (&["derust-tests-c"], &[tools::CXX, tools::CLANG]),
    (&["derust-tests-gimp"], &[tools::GIMP, tools::XVFB, tools::XDOTOOL, tools::IMAGEMAGICK]),
    (&["derust-tests-opencv"], &[tools::CXX, tools::CLANG, tools::CMAKE, tools::PKG_CONFIG, tools::OPENCV]),
    (&["derust-tests-python"], &[tools::PIP, tools::VENV]),
];

/// Runs the tests. With `strict`, a skipped one fails the run.
pub fn run(workspace: &Workspace, strict: bool) -> Result<ExitCode> {
    let photos = photos::folder()?;
    let skipped = prepare(workspace);
    match &photos {
        Some(folder) => println!("photos: {}", folder.display()),
        None => {
            println!("photos: none ({} is not set), rendered pictures take their place", photos::VARIABLE)
        }
    }
    let installed = Installed::below(workspace);
    let is_tested = |package: &str| !skipped.iter().any(|skip| skip.packages.contains(&package));
    if HOSTS.iter().flat_map(|(packages, _)| *packages).any(|package| is_tested(package)) {
        prefix::install(workspace, &installed.prefix, Profile::Debug)?;
    }
    if is_tested(IN_GIMP) {
        install_gimp::install(workspace, Profile::Debug, slice::from_ref(&installed.plug_ins))?;
    }
    let mut tally = run_tests(workspace, &skipped, photos.as_deref(), &installed)?;
    tally.skipped += skipped.len();

    println!();
    for skip in &skipped {
        println!("skipped {}: {}", skip.what, skip.reason);
    }
    let fine = tally.failed == 0 && !(strict && tally.skipped > 0);
    if tally.failed == 0 && !fine {
        println!("skipped tests count as failures because of --strict");
    }
    println!("{tally}");
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What cannot be tested here, and why.
struct Skip {
    what: String,
    /// Packages that are left out altogether.
    packages: &'static [&'static str],
    /// The beginnings of the names of tests that are left out.
    tests: &'static [&'static str],
    reason: String,
}

/// What the tests of hosts use, installed once for all of them.
struct Installed {
    prefix: PathBuf,
    plug_ins: PathBuf,
    gimp_root: PathBuf,
}

impl Installed {
    fn below(workspace: &Workspace) -> Self {
        Installed {
            prefix: workspace.target.join("test-prefix"),
            plug_ins: workspace.target.join("test-plug-ins"),
            gimp_root: gimp_root::folder(workspace, gimp_root::SUITE),
        }
    }
}

/// Puts in place what the tests need; returns what has to be left out.
fn prepare(workspace: &Workspace) -> Vec<Skip> {
    let mut skipped = Vec::new();
    let mut need = |what: &str, packages, tools: &[Tool], provide: &dyn Fn() -> Result<()>| {
        if let Err(error) = provide_with(tools, provide) {
            skipped.push(Skip { what: what.into(), packages, tests: &[], reason: format!("{error:#}") });
        }
    };
    let packages = |packages: &[&str]| format!("the tests of {}", packages.join(", "));
    need(&packages(&RUN_NETWORKS), &RUN_NETWORKS, &[tools::PIP], &|| {
        onnxruntime::provide(workspace).map(drop)
    });
    need(&packages(&LINK_LIBTORCH), &LINK_LIBTORCH, &[tools::PIP, tools::CXX], &|| {
        tools::CXX.require()?;
        libtorch::provide(workspace).map(drop)
    });
    for (host, tools) in HOSTS {
        need(&packages(host), host, tools, &|| tools.iter().try_for_each(Tool::require));
    }
    need("comparing metadata by exiftool", &[], &[tools::EXIFTOOL], &|| tools::EXIFTOOL.require());
    let left_out = skipped.iter().any(|skip| skip.packages.contains(&IN_GIMP));
    let root = || gimp_root::provide(workspace, gimp_root::SUITE).map(drop);
    if !left_out && let Err(error) = provide_with(&[tools::MMDEBSTRAP, tools::ZSTD], &root) {
        let reason = format!("{error:#}");
        skipped.push(Skip { what: "the tests in GIMP 3".into(), packages: &[], tests: &[IN_GIMP_3], reason });
    }
    skipped
}

/// Runs `provide`; where it fails for want of tools that may be installed here, installs them and tries again.
fn provide_with(tools: &[Tool], provide: &dyn Fn() -> Result<()>) -> Result<()> {
    let first = provide();
    if first.is_err() && tools::install_missing(tools)? { provide() } else { first }
}

fn run_tests(
    workspace: &Workspace,
    skipped: &[Skip],
    photos: Option<&Path>,
    installed: &Installed,
) -> Result<Tally> {
    let mut cargo = process::cargo(workspace);
    // One call for all packages: they are compiled once, with one set of features.
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
    for package in skipped.iter().flat_map(|skip| skip.packages) {
        cargo.args(["--exclude", package]);
    }
    cargo.arg("--");
    for tests in skipped.iter().flat_map(|skip| skip.tests) {
        cargo.args(["--skip", tests]);
    }
    // libgomp's waiting threads would take the time of the working ones where the machine is busy.
    cargo.env("GOMP_SPINCOUNT", std::env::var_os("GOMP_SPINCOUNT").unwrap_or_else(|| "0".into()));
    // The hosts' tests would each install them again.
    cargo.env("DERUST_PREFIX", &installed.prefix);
    cargo.env("DERUST_GIMP_PLUG_INS", &installed.plug_ins).env("DERUST_GIMP_ROOT", &installed.gimp_root);
    if let Some(folder) = photos {
        cargo.env(photos::VARIABLE, folder);
    }
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;

    let mut tally = Tally::default();
    for line in BufReader::new(child.stdout.take().context("cargo has no output")?).split(b'\n') {
        let line = line.context("cannot read what the tests print")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        tally.read(&line);
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() && tally.failed == 0 {
        println!("cargo test ended with {status}: something did not compile, or a test program broke off");
        tally.failed = 1;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_installed_or_tried_again_without_need() {
        let tries = std::cell::Cell::new(0);
        let failing = || {
            tries.set(tries.get() + 1);
            anyhow::bail!("no luck")
        };
        assert!(provide_with(&[], &failing).is_err());
        assert_eq!(tries.get(), 1);
        assert!(provide_with(&[tools::PIP, tools::CXX], &|| Ok(())).is_ok());
    }
}
