//! What happens before a filter runs: GIMP asks the plug-in what it offers, and may be started often.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use derust_test_support::run;
use derust_tests_gimp::gimp::new_folder;
use derust_tests_gimp::{Generation, Gimp, Window};

/// In the plug-in's place: runs it, and says what it loaded and how long its processor was busy.
const WATCHED: &str = r#"#!/bin/sh
folder=${0%/*}
case " $* " in
*" -query "*) LD_DEBUG=files LD_DEBUG_OUTPUT="$folder/loaded" "$folder/real" "$@" ;;
*) exec "$folder/real" "$@" ;;
esac
status=$?
times > "$folder/times"
exit $status
"#;

/// What a plug-in may cost at GIMP's start, in seconds of a processor.
const BUDGET: f64 = 0.05;

mod gimp_2 {
    use super::*;

    #[test]
    fn has_every_function() {
        every_function_is_there(Generation::Two);
    }

    #[test]
    fn is_told_what_the_plug_in_offers() {
        the_plug_in_tells_what_it_offers(Generation::Two);
    }
}

mod gimp_3 {
    use super::*;

    #[test]
    fn has_every_function() {
        every_function_is_there(Generation::Three);
    }

    #[test]
    fn is_told_what_the_plug_in_offers() {
        the_plug_in_tells_what_it_offers(Generation::Three);
    }
}

fn every_function_is_there(generation: Generation) {
    let folder = new_folder();
    let program = folder.join("config/plug-ins/gimp-derust/gimp-derust");
    let said = run(generation.command(&folder, program.to_str().expect("a path")).arg("--self-check"));
    let word = if generation == Generation::Two { "GIMP 2" } else { "GIMP 3" };
    let is_complete = |line: &str| line.starts_with(word) && line.contains("functions are there");
    assert!(said.lines().any(is_complete), "{said}");
    fs::remove_dir_all(folder).expect("a folder to remove");
}

fn the_plug_in_tells_what_it_offers(generation: Generation) {
    let gimp = Gimp::start_after(generation, Window::None, |folder| {
        let program = folder.join("gimp-derust");
        fs::rename(&program, folder.join("real")).expect("the plug-in");
        fs::write(&program, WATCHED).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    });
    for procedure in ["plug-in-derust", "plug-in-segment-rust"] {
        // Script-Fu knows a procedure as a function of this name.
        gimp.evaluate(&format!("(symbol->string '{procedure})"));
        gimp.evaluate(procedure);
    }
    let loaded = loaded(&gimp.plug_in());
    assert!(loaded.iter().any(|line| line.contains("libgimp")), "{loaded:?}");
    for library in ["libderust", "libonnxruntime", "libgtk"] {
        let found: Vec<_> = loaded.iter().filter(|line| line.contains(library)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
    let seconds = processor_time(&gimp.plug_in());
    println!("{generation:?}: {} ms", seconds * 1000.0);
    assert!(seconds < BUDGET, "{generation:?}: {} ms", seconds * 1000.0);
}

/// Lines of the dynamic linker about libraries that it looked for.
fn loaded(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("the plug-in's folder").flatten();
    let reports = files.filter(|file| file.file_name().to_string_lossy().starts_with("loaded."));
    let texts = reports.map(|file| fs::read_to_string(file.path()).expect("what the linker says"));
    let lines: Vec<String> =
        texts.flat_map(|text| text.lines().map(String::from).collect::<Vec<_>>()).collect();
    lines.into_iter().filter(|line| line.contains("file=")).collect()
}

/// What the shell's `times` says of programs that it ran: `0m0.010000s 0m0.005000s` in its second line.
fn processor_time(folder: &Path) -> f64 {
    let text = fs::read_to_string(folder.join("times")).expect("what the shell says");
    let seconds = |word: &str| -> Option<f64> {
        let (minutes, seconds) = word.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    let line = text.lines().nth(1).expect("two lines");
    line.split(' ').map(|word| seconds(word).unwrap_or_else(|| panic!("{text:?}"))).sum()
}
