//! `cargo xtask verify`: everything that is worth proving before a release and takes too long for every change.
//!
//! It is made of sections, each of at most twenty minutes on two processors. What they proved gathers for one commit over
//! several calls, in `verify/REPORT.md` of the build folder; [`release`](crate::release) wants all of them.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::workspace::Workspace;
use crate::{fuzz, gimp_root, git, process, test};

mod exporters;
mod miri;
mod networks;
mod newcomer;
mod report;

pub use report::Report;

/// How long a section may take, in seconds.
const BUDGET: u64 = 20 * 60;

/// A part of what is proven.
pub struct Section {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What it proves.
    pub proves: &'static str,
    /// Proves it; returns figures that are worth keeping.
    run: fn(&Workspace) -> Result<String>,
}

/// Everything, in the order in which it is run.
pub const SECTIONS: [Section; 14] = [
    Section { name: "tests", proves: "the tests of every change, none of them left out", run: tests },
    Section {
        name: "sanitizers",
        proves: "C and C++ programs and random calls touch and leak nothing under AddressSanitizer",
        run: |workspace| {
            let variables = [("DERUST_RANDOM_SECONDS", "120")];
            cargo_test(workspace, "derust-tests-abi", &["--test", "deep", "sanitizer::"], &variables)
        },
    },
    Section {
        name: "valgrind",
        proves: "C and C++ programs touch and leak nothing under valgrind, which also sees what was never set",
        run: |workspace| cargo_test(workspace, "derust-tests-abi", &["--test", "deep", "valgrind::"], &[]),
    },
    Section {
        name: "miri",
        proves: "what works on others' memory without foreign calls has no undefined behaviour that Miri knows",
        run: miri::interpret,
    },
    Section {
        name: "interface",
        proves: "the binary interface is the one on record (abidiff), and what would break programs is seen",
        run: interface,
    },
    Section {
        name: "compilers",
        proves: "C and C++ programs hold as every compiler and standard makes them; Python's package from source too",
        run: compilers,
    },
    Section {
        name: "gimp",
        proves: "every precision and kind of pixel in GIMP 2.10 and 3.0, and windows in both",
        run: |workspace| gimp(workspace, gimp_root::SUITE),
    },
    Section {
        name: "gimp-3.2",
        proves: "the same in GIMP 3.2",
        run: |workspace| gimp(workspace, gimp_root::NEWER_SUITE),
    },
    Section {
        name: "soak",
        proves: "five minutes of calls while another process copies, breaks and deletes models; memory does not grow",
        run: |workspace| {
            let variables = [("DERUST_SOAK_SECONDS", "300")];
            cargo_test(workspace, "derust-engine", &["--test", "soak"], &variables)
        },
    },
    Section {
        name: "fuzz",
        proves: "arbitrary model and picture files, two minutes each, and a thousand hostile models dropped into a living host",
        run: |workspace| {
            fuzz::run(workspace, 120)?;
            cargo_test(workspace, "derust-trial", &["--test", "trial", "whatever_"], &[THOROUGH])
        },
    },
    Section {
        name: "training",
        proves: "every kind of training, optimiser, loss and cure learns, from three seeds each",
        run: |workspace| {
            let only = ["--release", "--test", "trainer", "--", "rows::", "textures::", "grades::"];
            cargo_test(workspace, "derust-trainer", &only, &[THOROUGH])
        },
    },
    Section {
        name: "newcomer",
        proves: "an ordinary user on a bare Debian 12 types the README's two commands in a fresh clone",
        run: newcomer::type_readme,
    },
    Section {
        name: "networks",
        proves: "the shipped networks reach their least figures on all validation photos, and tiles leave no trace",
        run: |workspace| {
            cargo_test(workspace, "derust-command", &["--test", "command", "seams::"], &[THOROUGH])?;
            networks::measure(workspace)
        },
    },
    Section {
        name: "exporters",
        proves: "files of real exporters mean what their own programs make of them",
        run: exporters::compare,
    },
];

/// The variable that lets tests repeat what they show in every way that there is.
const THOROUGH: (&str, &str) = ("DERUST_THOROUGH", "1");

/// What to prove.
#[derive(clap::Args)]
pub struct Options {
    /// Only these sections, for instance `sanitizers,gimp`; without it all that the report of this commit lacks.
    #[arg(long, value_delimiter = ',', value_parser = SECTIONS.map(|section| section.name))]
    only: Vec<String>,
}

/// Runs sections, one after the other; a failed one does not keep the others from running.
pub fn run(workspace: &Workspace, options: &Options) -> Result<ExitCode> {
    let commit = git::commit(workspace)?;
    let is_clean = git::is_clean(workspace)?;
    if !is_clean {
        println!("there are changes that are not committed: what is proven now counts for no release");
    }
    let mut report = Report::read(workspace, &commit);
    let missing = report.missing();
    let is_wanted = |section: &&Section| {
        if options.only.is_empty() {
            missing.contains(&section.name)
        } else {
            options.only.iter().any(|name| name == section.name)
        }
    };
    let wanted: Vec<&Section> = SECTIONS.iter().filter(is_wanted).collect();
    let mut failed = vec![];
    for section in wanted {
        println!("\n==> {}: {}", section.name, section.proves);
        let begin = std::time::Instant::now();
        let outcome = (section.run)(workspace);
        let seconds = begin.elapsed().as_secs();
        match outcome {
            Ok(figures) => {
                let over = if seconds > BUDGET { ", OVER ITS BUDGET" } else { "" };
                println!("==> {}: proven in {seconds} s{over} {figures}", section.name);
                if is_clean && git::commit(workspace)? == commit && git::is_clean(workspace)? {
                    report.add(workspace, section.name, seconds, &figures)?;
                }
            }
            Err(error) => {
                println!("==> {}: FAILED after {seconds} s: {error:#}", section.name);
                failed.push(section.name);
            }
        }
    }
    println!();
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
    }
    match (is_clean, report.missing()) {
        (false, _) => (),
        (true, missing) if missing.is_empty() => {
            println!("everything is proven for {commit}: {}", report.page(workspace).display());
        }
        (true, missing) => println!("not proven for {commit} yet: {}", missing.join(", ")),
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tests(workspace: &Workspace) -> Result<String> {
    let code = test::run(workspace, &test::Options::strict())?;
    ensure!(code == ExitCode::SUCCESS, "tests failed or were left out");
    Ok(String::new())
}

/// Runs tests of one package by cargo; at least one has to run.
fn cargo_test(
    workspace: &Workspace,
    package: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<String> {
    test::provide_for(workspace, package)?;
    let mut cargo = process::cargo(workspace);
    cargo.args(["test", "--package", package]).args(arguments);
    cargo.env("GOMP_SPINCOUNT", "0").envs(variables.iter().copied());
    let said = process::run_and_read(&mut cargo, &format!("testing {package}"))?;
    let tally = test::Tally::of(&said);
    ensure!(tally.passed > 0 && tally.failed == 0, "{tally}");
    Ok(tally.to_string())
}

fn interface(workspace: &Workspace) -> Result<String> {
    let judged = cargo_test(workspace, "derust-tests-abi", &["--test", "deep", "interface::"], &[])?;
    let programs = cargo_test(workspace, "derust-tests-abi", &["--test", "programs"], &[THOROUGH])?;
    Ok(format!("abidiff: {judged}; programs of other versions: {programs}"))
}

fn compilers(workspace: &Workspace) -> Result<String> {
    let mut counts = vec![];
    for package in ["derust-tests-c", "derust-tests-opencv", "derust-tests-python"] {
        counts.push(format!("{package}: {}", cargo_test(workspace, package, &[], &[THOROUGH])?));
    }
    Ok(counts.join("; "))
}

/// The tests in GIMP with the GIMP 3 of a Debian.
fn gimp(workspace: &Workspace, suite: &str) -> Result<String> {
    let root = gimp_root::provide(workspace, suite)?;
    let root = root.to_str().context("the root's path is no text")?;
    let variables = [THOROUGH, ("DERUST_GIMP_ROOT", root)];
    let only: &[&str] = if suite == gimp_root::SUITE { &[] } else { &["gimp_3::"] };
    cargo_test(workspace, "derust-tests-gimp", only, &variables)
}
