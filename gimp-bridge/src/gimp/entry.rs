//! How the executable is started: by GIMP, or by hand for a check.

use std::ffi::{CString, OsString, c_char, c_int};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Generation, gimp2, gimp3};
use crate::messages;

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
        ["-gimp", _, _, _, _, _] => serve(arguments, Generation::Three),
        ["-gimp", _, _, _, _] => serve(arguments, Generation::Two),
        ["--self-check"] => self_check(),
        ["--write-catalogues", folder] => match messages::write_catalogues(Path::new(folder)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                eprintln!("gimp-derust: {problem}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprintln!("{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of this executable, in which libderust, ONNX Runtime, models and catalogues lie.
pub(super) fn own_folder() -> PathBuf {
    let own = std::env::current_exe().and_then(std::fs::canonicalize);
    own.ok().and_then(|file| Some(file.parent()?.to_owned())).unwrap_or_default()
}

fn serve(arguments: &[OsString], generation: Generation) -> ExitCode {
    let texts: Vec<CString> = arguments
        .iter()
        .map(|argument| CString::new(argument.as_encoded_bytes()).unwrap_or_default())
        .collect();
    let mut pointers: Vec<*mut c_char> = texts.iter().map(|text| text.as_ptr().cast_mut()).collect();
    // The plug-in reads and writes GEGL's buffers and runs none of its operations: loading them takes longer than all the
    // rest of the start. So do the measurements that babl takes before it reads its list of the fastest conversions; it
    // finds the few that are needed here without.
    // SAFETY: the process has one thread yet.
    unsafe {
        std::env::set_var("GEGL_PATH", own_folder().join("no-operations"));
        std::env::set_var("BABL_INHIBIT_CACHE", "1");
    }
    let count = pointers.len() as c_int;
    pointers.push(std::ptr::null_mut());
    let ended = match generation {
        Generation::Two => gimp2::serve(count, pointers.as_mut_ptr()),
        Generation::Three => gimp3::serve(count, pointers.as_mut_ptr()),
    };
    match ended {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(problem) => {
            eprintln!("gimp-derust: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Looks for every function in the libraries of every GIMP that is installed. Says what is missing.
fn self_check() -> ExitCode {
    let mut found = 0;
    let mut complete = true;
    for generation in [Generation::Two, Generation::Three] {
        if let Err(absent) = generation.open("gimp") {
            println!("{generation}: not installed ({absent})");
            continue;
        }
        found += 1;
        let check = match generation {
            Generation::Two => gimp2::check(),
            Generation::Three => gimp3::check(),
        };
        match check {
            Ok(count) => println!("{generation}: all {count} functions are there"),
            Err(problem) => {
                complete = false;
                println!("{generation}: {problem}");
            }
        }
    }
    if found == 0 {
        println!("no GIMP was found");
    }
    if complete && found > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
