//! `cargo xtask test`: every behaviour proven once, in at most twenty minutes from nothing on two processors.
//!
//! What goes deeper is [`verify`](crate::verify)'s.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::stages::Stages;
use crate::tools::{self, Tool};
use crate::workspace::Workspace;
use crate::{gimp_root, install_gimp, libtorch, onnxruntime, photos, prefix, process};

mod outcome;
mod programs;
mod side_by_side;

pub use outcome::Tally;
use outcome::Took;
use programs::Built;
use side_by_side::{Company, Job};

/// Packages whose tests run networks.
const RUN_NETWORKS: [&str; 11] = [
    "derust-engine",
    "derust-capi",
    "derust-client",
    "derust-command",
    "derust-tests-abi",
    "derust-tests-c",
    "derust-tests-gimp",
    "derust-tests-opencv",
    "derust-tests-python",
    "derust-trainer",
    "derust-trial",
];

/// Packages that link to libtorch.
const LINK_LIBTORCH: [&str; 1] = ["derust-trainer"];

/// The package whose tests run in GIMP, and what the names of those in GIMP 3 begin with.
const IN_GIMP: &str = "tests-gimp";
const IN_GIMP_3: &str = "gimp_3::";

/// Packages whose tests are programs of other languages, and what builds and runs these.
const HOSTS: [(&[&str], &[Tool]); 5] = [
    (&["derust-tests-abi"], &[tools::CXX, tools::CLANG]),
    (&["derust-tests-c"], &[tools::CXX, tools::CLANG]),
    (&["derust-tests-gimp"], &[tools::GIMP, tools::XVFB, tools::XDOTOOL, tools::IMAGEMAGICK]),
    (&["derust-tests-opencv"], &[tools::CXX, tools::CLANG, tools::CMAKE, tools::PKG_CONFIG, tools::OPENCV]),
    (&["derust-tests-python"], &[tools::PIP, tools::VENV]),
];

/// What the deep tests of a package want beside that.
const DEEP_TOOLS: [(&str, &[Tool]); 1] =
    [("derust-tests-abi", &[tools::PKG_CONFIG, tools::OPENCV, tools::VALGRIND, tools::ABIGAIL])];

/// Programs, and beginnings of the names of their tests, that are for [`verify`](crate::verify) alone.
const DEEP: [(&str, &str); 3] =
    [("tests-abi/deep", ""), ("engine/soak", ""), ("tests-gimp/gimp", "window::gimp_3::")];

/// Programs that measure time, threads or memory, and run while nothing else does.
const ALONE: [&str; 2] = ["engine/threads", "engine/inspection_cost"];

/// Programs that take more than a minute: their tests are dealt out to all lanes.
const LONG: [&str; 3] = ["trainer/trainer", "tests-python/suite", "command/command"];

/// The one test that looks at photos.
const ON_PHOTOS: (&str, &str) = ("command/real_models", "rust_in_photographs_is_found");

/// How many of the slowest tests are named.
const SLOWEST: usize = 20;

/// What to run.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Fail where a test had to be skipped.
    #[arg(long)]
    pub strict: bool,
    /// Only what photos show beyond rendered pictures: the shipped networks on some of those in $DERUST_DATA.
    #[arg(long)]
    photos: bool,
    /// Only the programs in whose names one of these is, such as `engine` or `tests-c/c`; behind a space, a part of the names
    /// of their tests: `trainer/trainer runs::`.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

impl Options {
    /// Everything has to run.
    pub fn strict() -> Self {
        Options { strict: true, ..Options::default() }
    }

    fn wants(&self, program: &str, test: &str) -> bool {
        let names = |only: &String| match only.split_once(' ') {
            Some((part, of_test)) => program.contains(part) && test.contains(of_test),
            None => program.contains(only.as_str()),
        };
        self.only.is_empty() || self.only.iter().any(names)
    }
}

/// Runs the tests.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    if options.photos {
        return on_photos(workspace);
    }
    let mut stages = Stages::default();
    let skipped = stages.run("what the tests need", 240, || prepare(workspace));
    let without: Vec<&str> = skipped.iter().flat_map(|skip| skip.packages).copied().collect();
    let built = stages.run("compiling", 450, || programs::build(workspace, &without))?;
    let installed = Installed::below(workspace);
    stages.run("installing what was compiled", 10, || installed.fill(workspace, &built))?;
    let environment = Environment::new(installed);
    let mut jobs = jobs(workspace, &built, &skipped)?;
    for job in &mut jobs {
        let name = job.program.name();
        job.tests.retain(|test| options.wants(&name, test));
    }
    jobs.retain(|job| !job.tests.is_empty());
    ensure!(!jobs.is_empty(), "no test program is called {}", options.only.join(" or "));
    let mut results =
        stages.run("tests", 420, || side_by_side::run(jobs, &|command| environment.set(command)))?;
    if options.only.is_empty() {
        let tested =
            stages.run("tests in the documentation", 60, || doc_tests(workspace, &without, &environment));
        results.tally.add(tested?);
    }
    let mut tally = results.tally;
    tally.skipped += skipped.len();
    remember(workspace, &results.took)?;

    println!("\nthe slowest tests:");
    results.took.sort_by_key(|took| std::cmp::Reverse(took.time));
    for Took { name, time } in results.took.iter().take(SLOWEST) {
        println!("{:>7.1} s  {name}", time.as_secs_f64());
    }
    println!("\nstages:");
    stages.print();
    println!();
    for skip in &skipped {
        println!("skipped {}: {}", skip.what, skip.reason);
    }
    let fine = tally.failed == 0 && !(options.strict && tally.skipped > 0);
    if tally.failed == 0 && !fine {
        println!("skipped tests count as failures because of --strict");
    }
    println!("{tally}");
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Looks at photos with the shipped networks.
fn on_photos(workspace: &Workspace) -> Result<ExitCode> {
    let folder =
        photos::folder()?.with_context(|| format!("{} names no folder with photos", photos::VARIABLE))?;
    onnxruntime::provide(workspace)?;
    let (program, test) = ON_PHOTOS;
    let built = programs::build(workspace, &[])?;
    let program = built.tests.iter().find(|known| known.name() == program).context("the test is gone")?;
    let mut command = Command::new(&program.path);
    command.args(["--exact", test, "--nocapture"]).current_dir(&program.folder).env(photos::VARIABLE, folder);
    let passed = command.status().context("cannot start the test")?.success();
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

    /// Puts there what was built; what is missing is what cannot be tested here.
    fn fill(&self, workspace: &Workspace, built: &Built) -> Result<()> {
        let Some(library) = &built.library else { return Ok(()) };
        let runtime = onnxruntime::provide(workspace)?;
        prefix::install_built(workspace, &self.prefix, library, &runtime)?;
        let Some(plug_in) = &built.plug_in else { return Ok(()) };
        let folders = [self.plug_ins.clone()];
        install_gimp::install_built(workspace, &folders, plug_in.clone(), library.clone(), runtime)
    }
}

/// What test programs find in their environment.
struct Environment {
    variables: Vec<(&'static str, OsString)>,
}

impl Environment {
    fn new(installed: Installed) -> Self {
        // libgomp's waiting threads would take the time of the working ones where the machine is busy.
        let spin = std::env::var_os("GOMP_SPINCOUNT").unwrap_or_else(|| "0".into());
        let variables = vec![
            ("GOMP_SPINCOUNT", spin),
            // The hosts' tests would each install them again.
            ("DERUST_PREFIX", installed.prefix.into()),
            ("DERUST_GIMP_PLUG_INS", installed.plug_ins.into()),
            ("DERUST_GIMP_ROOT", installed.gimp_root.into()),
            // What came of trials of the tests' networks is nothing for the user's folder.
            ("XDG_CACHE_HOME", std::env::temp_dir().join("derust-tests-cache").into()),
        ];
        Environment { variables }
    }

    fn set(&self, command: &mut Command) {
        // With photos or without: the same tests everywhere.
        command.envs(self.variables.iter().cloned()).env_remove(photos::VARIABLE);
    }
}

/// What is run, and how.
fn jobs(workspace: &Workspace, built: &Built, skipped: &[Skip]) -> Result<Vec<Job>> {
    let times = times(workspace);
    let left_out: Vec<&str> = skipped.iter().flat_map(|skip| skip.tests).copied().collect();
    let mut jobs = vec![];
    for program in &built.tests {
        let name = program.name();
        let company = match &*name {
            name if ALONE.contains(&name) => Company::Nobody,
            name if name.starts_with(IN_GIMP) => Company::Gimp,
            _ => Company::Others,
        };
        let time = |test: &String| times.get(&format!("{name} {test}")).copied().unwrap_or(1.0);
        let mut tests = program.list()?;
        let is_deep =
            |test: &str| DEEP.iter().any(|(program, part)| *program == name && test.starts_with(part));
        tests.retain(|test| !is_deep(test) && !left_out.iter().any(|part| test.contains(part)));
        let parts = if LONG.contains(&&*name) { side_by_side::lanes() } else { 1 };
        for tests in dealt(tests, parts, &time) {
            let expected = tests.iter().map(time).sum();
            jobs.push(Job { program: program.clone(), tests, company, expected });
        }
    }
    Ok(jobs)
}

/// Tests in so many parts that take about the same time.
fn dealt(mut tests: Vec<String>, parts: usize, time: &impl Fn(&String) -> f64) -> Vec<Vec<String>> {
    tests.sort_by(|a, b| time(b).total_cmp(&time(a)));
    let mut dealt = vec![(0.0_f64, vec![]); parts];
    for test in tests {
        let least = dealt.iter_mut().min_by(|a, b| a.0.total_cmp(&b.0));
        let Some((sum, part)) = least else { break };
        *sum += time(&test);
        part.push(test);
    }
    dealt.into_iter().map(|(_, part)| part).filter(|part| !part.is_empty()).collect()
}

/// The file that says what each test took, for the next run to begin with the longest.
fn memory(workspace: &Workspace) -> PathBuf {
    workspace.target.join("test-times.json")
}

fn times(workspace: &Workspace) -> BTreeMap<String, f64> {
    let text = fs::read(memory(workspace)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn remember(workspace: &Workspace, took: &[Took]) -> Result<()> {
    let mut seconds = times(workspace);
    seconds.extend(took.iter().map(|took| (took.name.clone(), took.time.as_secs_f64())));
    let file = memory(workspace);
    fs::write(&file, serde_json::to_vec(&seconds)?)
        .with_context(|| format!("cannot write {}", file.display()))
}

fn doc_tests(workspace: &Workspace, without: &[&str], environment: &Environment) -> Result<Tally> {
    let mut cargo = process::cargo(workspace);
    cargo.args(["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
    cargo.args(without.iter().flat_map(|package| ["--exclude", package]));
    environment.set(&mut cargo);
    let output = cargo.output().context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let mut tally = Tally::of(&said);
    if !output.status.success() {
        println!("{said}{}", String::from_utf8_lossy(&output.stderr));
        tally.failed = tally.failed.max(1);
    }
    Ok(tally)
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
    need("comparing TIFF files with libtiff", &[], &[tools::LIBTIFF], &|| tools::LIBTIFF.require());
    let left_out = skipped.iter().any(|skip| skip.packages.contains(&"derust-tests-gimp"));
    let root = || gimp_root::provide(workspace, gimp_root::SUITE).map(drop);
    if !left_out && let Err(error) = provide_with(&[tools::MMDEBSTRAP, tools::ZSTD], &root) {
        let reason = format!("{error:#}");
        skipped.push(Skip { what: "the tests in GIMP 3".into(), packages: &[], tests: &[IN_GIMP_3], reason });
    }
    skipped
}

/// Puts in place what all tests of one package need, the deep ones too.
///
/// # Errors
/// When something is missing that cannot be installed here.
pub fn provide_for(workspace: &Workspace, package: &str) -> Result<()> {
    onnxruntime::provide(workspace)?;
    if LINK_LIBTORCH.contains(&package) {
        libtorch::provide(workspace)?;
    }
    let of_host =
        HOSTS.into_iter().filter(|(packages, _)| packages.contains(&package)).map(|(_, tools)| tools);
    let deep = DEEP_TOOLS.into_iter().filter(|(name, _)| *name == package).map(|(_, tools)| tools);
    for tools in of_host.chain(deep) {
        provide_with(tools, &|| tools.iter().try_for_each(Tool::require))?;
    }
    Ok(())
}

/// Runs `provide`; where it fails for want of tools that may be installed here, installs them and tries again.
fn provide_with(tools: &[Tool], provide: &dyn Fn() -> Result<()>) -> Result<()> {
    let first = provide();
    if first.is_err() && tools::install_missing(tools)? { provide() } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_tests_is_named_by_program_and_test() {
        let only = |only: &str| Options { only: vec![only.into()], ..Options::default() };
        assert!(Options::default().wants("engine", "a") && only("engine").wants("engine/engine", "a"));
        assert!(only("trainer runs::").wants("trainer/trainer", "runs::a"));
        assert!(!only("trainer runs::").wants("trainer/trainer", "rows::a"));
        assert!(!only("trainer runs::").wants("engine", "runs::a"));
    }

    #[test]
    fn tests_are_dealt_out_in_parts_of_about_the_same_time() {
        let time = |test: &String| test.len() as f64;
        let tests = ["a", "bb", "ccc", "dddd", "eeeee"].map(String::from);
        let parts = dealt(tests.to_vec(), 2, &time);
        assert_eq!(parts, [vec!["eeeee", "bb", "a"], vec!["dddd", "ccc"]]);
        assert_eq!(dealt(tests[..1].to_vec(), 3, &time), [["a"]]);
        assert!(dealt(vec![], 3, &time).is_empty());
    }

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
