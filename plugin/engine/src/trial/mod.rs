//! Whether an unknown network can serve. It is tried out in a process of its own, which may die of it, at the sizes that
//! are going to serve; what came of it is kept, so that it is done once.
//!
//! `Trials::judge` is the way in. `process` starts the program `derust-trial` and waits for it within bounds, `program`
//! is what that program does, `message` what the two say to each other, `run` the trial itself, `record` what is kept.

mod message;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod program;
mod record;
mod run;

use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::process::Command;
use std::time::Duration;

use crate::analysis::Network;
use crate::control::Control;
use crate::error::Error;
use crate::log::{Level, Log};
use crate::models::{Digest, Model};
use crate::runtime::{Runtime, RuntimeError, SessionOptions};
use crate::user_folders;
#[cfg(target_os = "linux")]
pub use program::serve;
use record::{Entry, Record};
pub use run::Trial;
pub(crate) use run::run_once;

/// Where unknown networks are tried out, and what is kept of that. The default tries them in this process and keeps
/// nothing.
#[derive(Clone, Debug)]
pub struct TrialOptions {
    /// A program that calls [`serve`] and does nothing else, by its absolute path. Without it, or where it cannot be
    /// started, a network is tried in this process; one that ends it twice is then left alone.
    pub program: Option<PathBuf>,
    /// What the program is called with.
    pub arguments: Vec<String>,
    /// The folder that keeps what came of trials.
    pub record: Option<PathBuf>,
    /// The longest time that a trial may take.
    pub time_limit: Duration,
    /// The most bytes that a network may take in the program; what the system has left, but for a part, when absent.
    pub memory_limit: Option<u64>,
}

impl Default for TrialOptions {
    fn default() -> Self {
        TrialOptions {
            program: None,
            arguments: vec![],
            record: None,
            time_limit: Duration::from_secs(30),
            memory_limit: None,
        }
    }
}

impl TrialOptions {
    /// With the program `derust-trial` that was installed in `folder`, if it lies there, and a record in the user's cache
    /// folder.
    pub fn installed_in(folder: Option<&Path>) -> Self {
        let file = if cfg!(windows) { "derust-trial.exe" } else { "derust-trial" };
        TrialOptions::by(folder.map(|folder| folder.join(file)))
    }

    /// With this program, if there is such a file, and a record in the user's cache folder.
    pub fn by(program: Option<PathBuf>) -> Self {
        let program = program.filter(|program| program.is_absolute() && program.is_file());
        let record = user_folders::cache().map(|cache| cache.join("trials"));
        TrialOptions { program, record, ..TrialOptions::default() }
    }
}

/// What came of a trial.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It can serve.
    Passed,
    /// It cannot, for a reason that lies in the file.
    Failed(String),
    /// It cannot for now.
    Postponed(Error),
}

impl Verdict {
    /// What a run's failure says of the network.
    ///
    /// # Errors
    /// When it says nothing of the network, and the call ends.
    pub(crate) fn of(error: Error) -> Result<Self, Error> {
        match error {
            Error::Answer { problem, .. } => Ok(Verdict::Failed(problem)),
            Error::Runtime(RuntimeError::Load(_) | RuntimeError::Run(_)) => {
                Ok(Verdict::Failed(error.to_string()))
            }
            Error::Runtime(RuntimeError::Memory(_)) | Error::NoMemory { .. } => Ok(Verdict::Postponed(error)),
            other => Err(other),
        }
    }
}

/// What is tried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) model: &'a Model,
    /// The ONNX file's content.
    pub(crate) onnx: &'a [u8],
}

impl Subject<'_> {
    fn broken(&self, problem: String) -> Error {
        Error::Answer { model: self.model.manifest.name.clone(), problem }
    }
}

/// Why a trial came to no good end.
enum Obstacle {
    Error(Error),
    /// It took longer than this.
    Late(Duration),
    /// It ended the process, in this way.
    Died(String),
    /// Something else ended the process.
    Killed,
}

const KILLED: &str = "the process that tried it out was killed, perhaps for want of memory";

fn late(limit: Duration) -> String {
    format!("trying it out took more than {} s", limit.as_secs_f32())
}

fn died(how: &str) -> String {
    format!("it ended the process that tried it out ({how})")
}

/// Tries networks out and remembers what came of it.
#[derive(Debug)]
pub(crate) struct Trials {
    options: TrialOptions,
    record: Record,
    log: Log,
}

/// So many trials that did not come to their end are the network's fault.
const DEATHS: u32 = 2;

impl Trials {
    pub(crate) fn new(options: TrialOptions, log: Log) -> Self {
        Trials { record: Record::new(options.record.clone()), options, log }
    }

    /// Whether a network can serve, by what is kept or by a trial.
    ///
    /// # Errors
    /// When the device that was named cannot be used, or the caller stops the call.
    pub(crate) fn judge(
        &self,
        subject: Subject<'_>,
        runtime: &Runtime,
        session: &SessionOptions,
        control: &Control<'_>,
    ) -> Result<Verdict, Error> {
        let file = self.record.file(&subject.model.digest, runtime.path(), session);
        let before = file.as_ref().and_then(record::File::read).unwrap_or_default();
        if let Some(verdict) = before.verdict() {
            return Ok(verdict);
        }
        let keep = |entry: &Entry| {
            if let Some(Err(error)) = file.as_ref().map(|file| file.write(entry)) {
                self.log.say(Level::Warning, format_args!("what comes of trials cannot be kept: {error}"));
            }
        };
        let begun = Entry::begun(before.begun + 1);
        let is_last = begun.begun >= DEATHS;
        // In case this process does not come back.
        let outcome = self.attempt(subject, 0, runtime, session, control, || keep(&begun));
        let verdict = match outcome {
            Ok(_) => Verdict::Passed,
            Err(Obstacle::Late(limit)) if !is_last => {
                keep(&begun);
                return Ok(Verdict::Postponed(subject.broken(late(limit))));
            }
            Err(Obstacle::Late(limit)) => Verdict::Failed(late(limit)),
            Err(Obstacle::Died(how)) => Verdict::Failed(died(&how)),
            Err(Obstacle::Killed) => Verdict::Postponed(RuntimeError::Memory(KILLED.into()).into()),
            // Where it came to no verdict, it came to an end nevertheless.
            Err(Obstacle::Error(error)) => Verdict::of(error).inspect_err(|_| keep(&before))?,
        };
        keep(&if matches!(verdict, Verdict::Postponed(_)) { before } else { Entry::of(&verdict) });
        Ok(verdict)
    }

    /// Tries a model out and answers with how it did; `later_runs` runs are timed after the first. What is kept plays no
    /// part.
    ///
    /// # Errors
    /// When it cannot serve, the device that was named cannot be used, or the caller stops the call.
    pub(crate) fn measure(
        &self,
        subject: Subject<'_>,
        later_runs: usize,
        runtime: &Runtime,
        session: &SessionOptions,
        control: &Control<'_>,
    ) -> Result<Trial, Error> {
        self.attempt(subject, later_runs, runtime, session, control, || ()).map_err(|obstacle| match obstacle
        {
            Obstacle::Error(error) => error,
            Obstacle::Late(limit) => subject.broken(late(limit)),
            Obstacle::Died(how) => subject.broken(died(&how)),
            Obstacle::Killed => RuntimeError::Memory(KILLED.into()).into(),
        })
    }

    /// Runs a trial in a process of its own, or in this one, of which `here` hears before.
    fn attempt(
        &self,
        subject: Subject<'_>,
        later_runs: usize,
        runtime: &Runtime,
        session: &SessionOptions,
        control: &Control<'_>,
        here: impl FnOnce(),
    ) -> Result<Trial, Obstacle> {
        #[cfg(target_os = "linux")]
        if let Some(program) = &self.options.program {
            let request = message::Request::new(subject, later_runs, runtime, session, &self.options);
            let mut command = Command::new(program);
            command.args(&self.options.arguments);
            match process::ask(&mut command, &request, subject.onnx, self.options.time_limit, control) {
                Err(process::Silence::NotBegun(reason)) => self.log.say(
                    Level::Warning,
                    format_args!(
                        "{}: is tried out in this process, because {} cannot do it: {reason}",
                        subject.model.manifest.name,
                        program.display()
                    ),
                ),
                Err(process::Silence::Late) => return Err(Obstacle::Late(self.options.time_limit)),
                Err(process::Silence::Died(how)) => return Err(Obstacle::Died(how)),
                Err(process::Silence::Killed) => return Err(Obstacle::Killed),
                Err(process::Silence::Stopped(error)) => return Err(Obstacle::Error(error)),
                Ok(answer) => return answer.map_err(|failure| Obstacle::Error(failure.into_error(session))),
            }
        }
        here();
        let network =
            Network::new(subject.model.clone(), subject.onnx.to_vec().into(), 1, self.log.only_building());
        Trial::of(&network, runtime, session, later_runs, control).map_err(Obstacle::Error)
    }

    /// What is kept of a network's trial. Runs nothing.
    pub(crate) fn known(&self, digest: &Digest, runtime: &Path, session: &SessionOptions) -> Option<Verdict> {
        self.record.file(digest, runtime, session)?.read()?.verdict()
    }

    /// Forgets what is kept of a network, so that it is tried out again.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn forget(&self, digest: &Digest) -> std::io::Result<()> {
        self.record.forget(digest)
    }
}
