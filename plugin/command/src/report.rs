//! What is said of pictures: results on standard output, one line per failure on standard error.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use derust_engine::filters::Served;
use derust_engine::{Log, printable};
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};

use crate::advice;
use crate::cli::Work;
use crate::console::{complain, one_line};
use crate::judging::Unjudged;
use crate::picture_file::Foreign;

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

/// The exit code of a call that did all that can be read, and was given pictures of kinds that cannot.
const FOREIGN_EXIT_CODE: u8 = 3;

/// The most pictures of a kind that are named in one line.
const NAMED: usize = 5;

/// What is said of the model that did the work: its name as `--model` takes it, and its content.
pub fn of_model(served: &Served) -> [(String, Value); 2] {
    let digest: String = served.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    [("model".to_owned(), model_name(served).into()), ("model_sha256".to_owned(), digest.into())]
}

/// A model's name and version, as `--model` takes it.
pub fn model_name(Served { name, version, .. }: &Served) -> String {
    format!("{name}@{version}")
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
    /// Pictures of kinds that cannot be read.
    foreign: BTreeMap<Foreign, Vec<PathBuf>>,
    /// Whether standard output takes a picture, so that lines go to standard error.
    beside: bool,
    /// Whether something could not be said.
    unheard: Cell<bool>,
    /// Lines go above the bar, while there is one.
    bar: ProgressBar,
}

impl Report {
    /// Says as much, and in the form, as the call wants; `beside` standard output where a picture goes there.
    pub fn new(work: &Work, beside: bool) -> Self {
        let bar = ProgressBar::hidden();
        Report {
            json: work.json,
            quiet: work.quiet,
            verbose: work.verbose,
            failures: 0,
            foreign: BTreeMap::new(),
            beside,
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
            line += &format!(" ({width} x {height} pixels, {:.1} s", took.as_secs_f64());
            let model = done.facts.get("model").and_then(Value::as_str);
            line += &model.map_or_else(|| ")".to_owned(), |model| format!(", {model})"));
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
        if let Some(kind) = error.downcast_ref::<Foreign>() {
            self.foreign.entry(*kind).or_default().push(path.to_owned());
            if self.json {
                let mut line = picture(path, "unreadable");
                line.insert("kind".into(), kind.name().into());
                line.insert("error".into(), kind.to_string().into());
                self.say(Value::Object(line));
            }
            return;
        }
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

    /// Names the pictures of kinds that cannot be read, once for each kind.
    pub fn sum_up(&self) {
        for (kind, paths) in &self.foreign {
            let shown = if self.verbose { paths.len() } else { NAMED };
            let mut names: Vec<String> =
                paths.iter().take(shown).map(|path| path.display().to_string()).collect();
            if paths.len() > shown {
                names.push(format!("and {} more", paths.len() - shown));
            }
            let count = paths.len();
            let pictures = if count == 1 { "picture" } else { "pictures" };
            self.bar.suspend(|| {
                complain(format_args!(
                    "{count} {pictures} of the kind {} cannot be read: {}; {}",
                    kind.name(),
                    names.join(", "),
                    kind.advice()
                ));
            });
        }
    }

    /// 0; 1 if anything failed, or could not be said; 3 if nothing did, and pictures are of kinds that cannot be read.
    pub fn exit_code(&self) -> ExitCode {
        match self.failures == 0 && !self.unheard.get() {
            false => ExitCode::FAILURE,
            true if self.foreign.is_empty() => ExitCode::SUCCESS,
            true => ExitCode::from(FOREIGN_EXIT_CODE),
        }
    }

    /// Whoever reads it may have gone; that is no failure. A disk that is full is one.
    fn say(&self, line: impl Display) {
        let line = printable(&line.to_string()).to_string();
        let outcome = self.bar.suspend(|| match self.beside {
            true => writeln!(std::io::stderr(), "{line}"),
            false => writeln!(std::io::stdout(), "{line}").and_then(|()| std::io::stdout().flush()),
        });
        if let Err(error) = outcome
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
