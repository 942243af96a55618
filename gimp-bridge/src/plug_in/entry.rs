//! How the executable is started: by GIMP, or by hand for a check.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::run::run;
use crate::filter;
use crate::gimp::{Generation, Offer, Three, Two, is_installed, serve};
use crate::text;

const USAGE: &str = "gimp-derust is a plug-in for GIMP: it belongs into the folder plug-ins/gimp-derust of GIMP's user \
                     folder, and GIMP starts it.

  gimp-derust --self-check             look for every function of the installed GIMPs that the plug-in calls
  gimp-derust --write-catalogues DIR   write the translations to where GIMP looks for them: DIR is the folder `locale` \
                     beside the plug-in";

/// Does what the arguments say.
pub fn start(arguments: &[OsString]) -> ExitCode {
    let words: Vec<_> = arguments.iter().skip(1).map(|argument| argument.to_string_lossy()).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match words[..] {
        // GIMP 3 names the version of its protocol, too.
        ["-gimp", _, _, _, _, _] => ended(serve(offer::<Three>(), arguments)),
        ["-gimp", _, _, _, _] => ended(serve(offer::<Two>(), arguments)),
        ["--self-check"] => self_check(),
        ["--write-catalogues", folder] => ended(text::write_catalogues(Path::new(folder)).map(|()| 0)),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// What the plug-in has for a GIMP of this generation.
fn offer<G: Generation>() -> Offer<G> {
    Offer { procedures: filter::PROCEDURES, about: &filter::ABOUT, folder: own_folder(), run }
}

/// The folder of this executable, in which libderust, ONNX Runtime, models and catalogues lie.
fn own_folder() -> PathBuf {
    let own = std::env::current_exe().and_then(std::fs::canonicalize);
    own.ok().and_then(|file| Some(file.parent()?.to_owned())).unwrap_or_default()
}

fn ended(with: Result<i32, String>) -> ExitCode {
    match with {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(problem) => {
            eprintln!("gimp-derust: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Looks for every function in the libraries of every GIMP that is installed. Says what is missing.
fn self_check() -> ExitCode {
    let checked: Vec<_> = [check::<Two>(), check::<Three>()].into_iter().flatten().collect();
    if checked.is_empty() {
        println!("no GIMP was found");
    }
    if !checked.is_empty() && checked.iter().all(|complete| *complete) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether a generation has every function; nothing if it is not installed.
fn check<G: Generation>() -> Option<bool> {
    let name = G::NAME;
    if let Err(absent) = is_installed::<G>() {
        println!("{name}: not installed ({absent})");
        return None;
    }
    match G::check() {
        Ok(count) => println!("{name}: all {count} functions are there"),
        Err(problem) => {
            println!("{name}: {problem}");
            return Some(false);
        }
    }
    Some(true)
}
