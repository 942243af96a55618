//! `derust info`.

use std::process::ExitCode;

use derust_engine::{DeviceEntry, Engine};

use crate::console::say;
use crate::engine;
use crate::report;

/// Says what this program is made of and what it found on this machine.
///
/// # Errors
/// None; a missing ONNX Runtime is reported with exit code 1, after the rest.
pub fn run() -> anyhow::Result<ExitCode> {
    let engine = Engine::new(engine::options());
    say(format_args!("derust {}", env!("CARGO_PKG_VERSION")));
    let runtime = engine.runtime();
    if let Ok(runtime) = &runtime {
        say(format_args!("ONNX Runtime {}, {}", runtime.version(), runtime.path().display()));
    }
    if let Ok(devices) = engine.devices() {
        say("devices:");
        for DeviceEntry { state, in_use } in devices {
            let chosen = if in_use { ", the one that is used unless you name another" } else { "" };
            match state.problem {
                None => say(format_args!("  {}: {}{chosen}", state.provider, state.name)),
                Some(problem) => say(format_args!("  {}: cannot be used: {problem}", state.provider)),
            }
        }
    }
    say("model folders, the first one first:");
    for folder in engine.model_folders() {
        let absent = if folder.is_dir() { "" } else { " (not there)" };
        say(format_args!("  {}{absent}", folder.display()));
    }
    // The licence of jpeg-encoder asks for this sentence.
    say("this software is based in part on the work of the Independent JPEG Group");
    Ok(match runtime {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => report::failed(&error.into()),
    })
}
