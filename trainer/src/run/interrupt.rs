//! Ctrl-C: the step that is being computed is finished, and everything saved.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

static REQUESTED: AtomicBool = AtomicBool::new(false);
static LISTENING: Once = Once::new();

/// The exit code of a program that Ctrl-C ended (128 + SIGINT), by the habit of shells.
pub const EXIT_CODE: u8 = 130;

/// From here on Ctrl-C, and the system's wish that this program ends, are noticed; the second one ends it at once.
///
/// # Errors
/// When the system refuses to tell.
pub fn listen() -> Result<()> {
    let mut result = Ok(());
    LISTENING.call_once(|| {
        result = ctrlc::set_handler(|| {
            if REQUESTED.swap(true, Ordering::Relaxed) {
                std::process::exit(EXIT_CODE.into());
            }
            eprintln!("\nthe step is finished and saved; once more ends at once");
        });
    });
    result.context("Ctrl-C cannot be listened for")
}

/// Whether the run is to end.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
