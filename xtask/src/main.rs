//! `cargo xtask …`: everything around building derust that cargo itself does not do.
//!
//! One module per concern: [`wheel`] downloads, [`onnxruntime`] and [`libtorch`] put the two native libraries in place
//! ([`runtime`] also one for GPUs), [`system_library`] recognises an ONNX Runtime that the machine already has,
//! [`prefix`] installs the library for other programs, [`install_gimp`] the plug-in for GIMP, [`gimp_root`] has a newer
//! GIMP than the machine's to test it in (a [`debian_root`]), [`python`] packs the library for pip, [`tools`] finds (or
//! installs) the programs that the rest calls, [`backbone`] has what training begins with, [`licences`] judges the
//! dependencies, [`structure`] the rooms of the crates, [`mod@test`] proves every change, [`verify`] (with [`fuzz`])
//! everything, [`release`] packs what is proven; [`mod@bench`] measures; [`demo`], [`train`], [`ablations`] and
//! [`showcase`] run the product.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod ablations;
mod backbone;
mod bench;
mod debian_root;
mod demo;
mod fuzz;
mod gimp_root;
mod git;
mod install;
mod install_gimp;
mod libtorch;
mod licences;
mod onnxruntime;
mod photos;
mod prefix;
mod process;
mod python;
mod release;
mod runtime;
mod showcase;
mod stages;
mod structure;
mod system_library;
mod test;
mod tools;
mod train;
mod verify;
mod wheel;
mod workspace;

use workspace::Workspace;

/// Set-up, demonstration and tests of derust.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Put ONNX Runtime in place (nothing is fetched where a usable one is found).
    Setup {
        /// Also put libtorch in place, which the trainer links to (downloads about 550 MB).
        #[arg(long)]
        trainer: bool,
    },
    /// Put ONNX Runtime in place, or its build for NVIDIA GPUs.
    Runtime {
        /// The build for NVIDIA GPUs (downloads about 256 MB once), which lies beside the other one.
        #[arg(long)]
        gpu: bool,
    },
    /// Find rust in a picture and take it away: the sample picture, or your own.
    Demo {
        /// A PNG or JPEG picture.
        photo: Option<PathBuf>,
    },
    /// Install libderust with all that programs in C, C++ and Python need to be built and run.
    Install {
        /// The folder to install into, such as /usr/local or one of your own.
        #[arg(long)]
        prefix: PathBuf,
        /// Compile the library quickly and with checks, for tests.
        #[arg(long)]
        debug: bool,
    },
    /// Put the plug-in into the plug-in folder of every GIMP of yours (2.10 and 3), or take it away.
    InstallGimp(install_gimp::Options),
    /// Unpack a Debian with GIMP 3 into the build folder, to test in (as root; downloads about 150 MB once).
    GimpRoot {
        /// The Debian to take GIMP from.
        #[arg(long, default_value = gimp_root::SUITE)]
        suite: String,
    },
    /// Make the Python package's wheel, with the library and ONNX Runtime in it.
    Wheel {
        /// The folder for the wheel; `wheels` in the build folder when absent.
        #[arg(long)]
        output: Option<PathBuf>,
    },
    /// Run every test that can run on this machine, the trainer's included; `verify` goes deeper.
    Test(test::Options),
    /// Feed arbitrary model and picture files to what reads them, for a while.
    Fuzz {
        /// Seconds for each of them.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Prove everything that is worth knowing before a release, in sections; what was proven for a commit gathers in
    /// verify/REPORT.md of the build folder. Wants photos ($DERUST_DATA).
    Verify(verify::Options),
    /// Look at the licences and sources of what derust links to, as deny.toml has it.
    Licences,
    /// Measure speed or memory; without a name, list what can be measured.
    Bench(bench::Options),
    /// Say of what rooms each crate is made, which ways lead between them, and whether they run in circles.
    Structure,
    /// Cut a release, or pack one that `verify` has proven: tarball, wheel, checksums.
    Release(release::Options),
    /// Train the shipped models again, on the photos in $DERUST_DATA/corrosion/train (hours on a processor).
    Train(train::Options),
    /// Show what each part of the training recipes is worth, by short trainings without it (hours on a processor); goes on
    /// where it was interrupted.
    Ablations(ablations::Options),
    /// Make the pictures of the README again, with the shipped networks; those of GIMP as root (see gimp-root).
    Showcase,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    let workspace = Workspace::locate()?;
    match task {
        Task::Setup { trainer } => {
            onnxruntime::provide(&workspace)?;
            if trainer {
                libtorch::provide(&workspace)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Task::Runtime { gpu } => {
            runtime::run(&workspace, gpu)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Demo { photo } => demo::run(&workspace, photo.as_deref()),
        Task::Install { prefix, debug } => {
            let profile = if debug { prefix::Profile::Debug } else { prefix::Profile::Release };
            prefix::install(&workspace, &prefix, profile)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::InstallGimp(options) => {
            install_gimp::run(&workspace, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::GimpRoot { suite } => {
            gimp_root::provide(&workspace, &suite)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Wheel { output } => {
            python::wheel(&workspace, output.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Test(options) => test::run(&workspace, &options),
        Task::Fuzz { seconds } => fuzz::run(&workspace, seconds),
        Task::Verify(options) => verify::run(&workspace, &options),
        Task::Licences => {
            licences::run(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Bench(options) => {
            bench::run(&workspace, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Structure => {
            structure::run(&workspace)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Release(options) => {
            release::run(&workspace, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Task::Train(options) => train::run(&workspace, &options),
        Task::Ablations(options) => ablations::run(&workspace, &options),
        Task::Showcase => showcase::run(&workspace),
    }
}
