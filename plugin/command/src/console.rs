//! Lines on standard output and standard error.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use derust_engine::printable;

/// Whether something could not be said.
static UNHEARD: AtomicBool = AtomicBool::new(false);

/// A line on standard output. Whoever reads it may have gone; that is no failure. A disk that is full is one.
pub fn say(line: impl Display) {
    let mut output = std::io::stdout();
    let outcome = writeln!(output, "{}", printable(&line.to_string())).and_then(|()| output.flush());
    if let Err(error) = outcome
        && error.kind() != ErrorKind::BrokenPipe
        && !UNHEARD.swap(true, Ordering::Relaxed)
    {
        complain(format_args!("standard output cannot be written: {error}"));
    }
}

/// Whether all was said, to whoever was there to read it.
pub fn was_heard() -> bool {
    !UNHEARD.load(Ordering::Relaxed)
}

/// Says what is wrong, in one line.
pub fn complain(problem: impl Display) {
    let _ = writeln!(std::io::stderr(), "derust: {}", printable(&one_line(problem)));
}

/// The same without breaks of lines.
pub fn one_line(text: impl Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
