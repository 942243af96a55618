//! What is said of pictures: results on standard output, one line per failure on standard error.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use derust_engine::{Log, printable};
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};

use crate::advice;
use crate::cli::Work;
use crate::console::{complain, one_line};
use crate::judging::Unjudged;

/// What came of a picture that was worked on.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// What was found or done, for people.
    pub said: String,
    /// The same for programs, by name.
    pub facts: Map<String, Value>,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// What a person should know about how the file was read or written.
    pub notes: Vec<String>,
}

/// Says that TensorRT builds an engine, since it takes minutes in which nothing else is heard; above the `bar`, once
/// there is one.
pub fn on_building(bar: Arc<OnceLock<ProgressBar>>) -> Log {
    Log::default().on_building(move |model, begins| {
        let hidden = ProgressBar::hidden();
        bar.get().unwrap_or(&hidden).suspend(|| match begins {
            true => complain(format_args!(
                "TensorRT builds an engine of {model} for this GPU, once; that takes up to some minutes"
            )),
            false => complain(format_args!("TensorRT is done with {model}")),
        });
    })
}

/// Says what came of each picture and counts failures, while the other pictures are still done.
#[derive(Debug)]
pub struct Report {
    json: bool,
    quiet: bool,
    verbose: bool,
    failures: usize,
    /// Whether something could not be said.
    unheard: Cell<bool>,
    /// Lines go above the bar, while there is one.
    bar: ProgressBar,
}

impl Report {
    /// Says as much, and in the form, as the call wants.
    pub fn new(work: &Work) -> Self {
        let bar = ProgressBar::hidden();
        Report {
            json: work.json,
            quiet: work.quiet,
            verbose: work.verbose,
            failures: 0,
            unheard: Cell::new(false),
            bar,
        }
    }

    /// From here on lines go above `bar`.
    pub fn attach(&mut self, bar: ProgressBar) {
        self.bar = bar;
    }

    /// A picture is done and its result written to `target`.
    pub fn done(&self, path: &Path, target: &Path, done: &Done, took: Duration) {
        if self.json {
            let mut line = picture(path, "done");
            line.insert("result".into(), name(target));
            line.insert("width".into(), done.size.0.into());
            line.insert("height".into(), done.size.1.into());
            line.extend(done.facts.clone());
            line.insert("notes".into(), json!(done.notes));
            line.insert("seconds".into(), json!((took.as_secs_f64() * 1000.0).round() / 1000.0));
            return self.say(Value::Object(line));
        }
        if self.quiet {
            return;
        }
        let mut line = format!("{}: {} written to {}", path.display(), done.said, target.display());
        done.notes.iter().for_each(|note| line += &format!("; {note}"));
        if self.verbose {
            let (width, height) = done.size;
            line += &format!(" ({width} x {height} pixels, {:.1} s)", took.as_secs_f64());
        }
        self.say(line);
    }

    /// A picture's result lies in `target` already.
    pub fn skipped(&self, path: &Path, target: &Path) {
        if self.json {
            let mut line = picture(path, "skipped");
            line.insert("result".into(), name(target));
            self.say(Value::Object(line));
        } else if !self.quiet {
            self.say(format_args!("{}: skipped, {} is there", path.display(), target.display()));
        }
    }

    /// Something about `path` failed.
    pub fn failure(&mut self, path: &Path, error: &anyhow::Error) {
        self.failures += 1;
        let unjudged = error.is::<Unjudged>();
        let error = one_line(advice::failure(error));
        if self.json {
            let mut line = picture(path, "failed");
            line.insert("error".into(), error.clone().into());
            line.insert("cannot_be_judged".into(), unjudged.into());
            self.say(Value::Object(line));
        }
        self.bar.suspend(|| complain(format_args!("{}: {error}", path.display())));
    }

    /// Something that a person should know about `path`, and that is no failure.
    pub fn note(&self, path: &Path, note: &str) {
        if !self.quiet {
            self.bar.suspend(|| complain(format_args!("{}: {note}", path.display())));
        }
    }

    /// What is used, for those who asked.
    pub fn detail(&self, detail: impl Display) {
        if self.verbose {
            self.bar.suspend(|| complain(detail));
        }
    }

    /// The work was stopped when `done` of `total` pictures were done.
    pub fn stopped(&self, done: usize, total: usize) {
        let rest = "call again with --resume for the rest";
        self.bar.suspend(|| complain(format_args!("stopped; {done} of {total} pictures are done, {rest}")));
    }

    /// 0, or 1 if anything failed, or could not be said.
    pub fn exit_code(&self) -> ExitCode {
        if self.failures == 0 && !self.unheard.get() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// Whoever reads it may have gone; that is no failure. A disk that is full is one.
    fn say(&self, line: impl Display) {
        let outcome = self.bar.suspend(|| writeln!(std::io::stdout(), "{}", printable(&line.to_string())));
        if let Err(error) = outcome.and_then(|()| std::io::stdout().flush())
            && error.kind() != ErrorKind::BrokenPipe
            && !self.unheard.replace(true)
        {
            self.bar.suspend(|| complain(format_args!("the report cannot be written: {error}")));
        }
    }
}

fn picture(path: &Path, status: &str) -> Map<String, Value> {
    Map::from_iter([("picture".to_owned(), name(path)), ("status".to_owned(), status.into())])
}

/// A path as text; bytes that are no UTF-8 are shown as U+FFFD.
fn name(path: &Path) -> Value {
    path.to_string_lossy().into_owned().into()
}

/// Says why the whole call failed.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    complain(advice::failure(error));
    ExitCode::FAILURE
}
