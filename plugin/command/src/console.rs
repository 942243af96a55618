//! Lines on standard output and standard error.

use std::fmt::Display;
use std::io::Write;

use derust_engine::printable;

/// A line on standard output. Whoever reads it may have gone; that is no failure.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{}", printable(&line.to_string()));
}

/// Says what is wrong, in one line.
pub fn complain(problem: impl Display) {
    let _ = writeln!(std::io::stderr(), "derust: {}", printable(&one_line(problem)));
}

/// The same without breaks of lines.
pub fn one_line(text: impl Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
