//! What is said: results on standard output, one line per failure on standard error.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Counts failures while the other pictures are still done.
#[derive(Debug, Default)]
pub struct Report {
    failures: usize,
}

impl Report {
    /// Says what came of a picture.
    pub fn picture(&mut self, path: &Path, outcome: anyhow::Result<String>) {
        match outcome {
            Ok(said) => say(format_args!("{}: {said}", path.display())),
            Err(error) => self.failure(path, &error),
        }
    }

    /// Says that something about `path` failed.
    pub fn failure(&mut self, path: &Path, error: &anyhow::Error) {
        self.failures += 1;
        complain(format_args!("{}: {error:#}", path.display()));
    }

    /// 0, or 1 if anything failed.
    pub fn exit_code(&self) -> ExitCode {
        if self.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Says why the whole call failed.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    complain(format_args!("{error:#}"));
    ExitCode::FAILURE
}

/// A line on standard output. Whoever reads it may have gone; that is no failure.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn complain(problem: impl Display) {
    let one_line = problem.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let _ = writeln!(std::io::stderr(), "derust: {one_line}");
}
