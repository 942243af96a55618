//! What an engine and the program `derust-trial` say to each other: lines of JSON. The engine's one line and, behind it,
//! the ONNX file's content are the program's standard input; its standard output is two lines, [`Ready`] and
//! [`Answer`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Subject, Trial, TrialOptions};
use crate::control::Stopped;
use crate::error::Error;
use crate::models::{ModelError, Rule};
use crate::runtime::{Runtime, RuntimeError, SessionOptions};

/// What is to be tried, and how.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// The version of derust that asks.
    pub(super) version: String,
    pub(super) runtime: PathBuf,
    pub(super) session: SessionOptions,
    /// The manifest that the engine goes by, as JSON.
    pub(super) manifest: String,
    pub(super) onnx_bytes: u64,
    pub(super) later_runs: usize,
    pub(super) memory_limit: Option<u64>,
    /// After so many seconds the program ends in any case.
    pub(super) seconds: u64,
}

/// The program can begin; what happens from here on is the network's doing.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ready {
    /// The version of derust that answers.
    pub(super) ready: String,
}

/// How the network did, or why it cannot serve.
pub(super) type Answer = Result<Trial, Failure>;

/// An engine's error, as far as it can come of a trial.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failure {
    Device(String),
    Load(String),
    Run(String),
    Memory(String),
    Answer { model: String, problem: String },
    Other(String),
}

/// The version that both sides must have.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Request {
    pub(super) fn new(
        subject: Subject<'_>,
        later_runs: usize,
        runtime: &Runtime,
        session: &SessionOptions,
        options: &TrialOptions,
    ) -> Self {
        const SPARE_SECONDS: u64 = 5;
        Request {
            version: VERSION.into(),
            runtime: Path::to_owned(runtime.path()),
            session: session.clone(),
            manifest: subject.model.manifest.to_json(),
            onnx_bytes: subject.onnx.len() as u64,
            later_runs,
            memory_limit: options.memory_limit,
            seconds: options.time_limit.as_secs() + SPARE_SECONDS,
        }
    }
}

impl Failure {
    pub(super) fn into_error(self, session: &SessionOptions) -> Error {
        match self {
            Failure::Device(reason) => RuntimeError::Device { device: session.device, reason }.into(),
            Failure::Load(text) => RuntimeError::Load(text).into(),
            Failure::Run(text) => RuntimeError::Run(text).into(),
            Failure::Memory(text) => RuntimeError::Memory(text).into(),
            Failure::Answer { model, problem } => Error::Answer { model, problem },
            Failure::Other(text) => RuntimeError::Run(text).into(),
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        match &error {
            ModelError::Refused(refusal) if refusal.rule == Rule::Memory => {
                Failure::Memory(error.to_string())
            }
            _ => Failure::Other(error.to_string()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Runtime(RuntimeError::Device { reason, .. }) => Failure::Device(reason),
            Error::Runtime(RuntimeError::Load(text)) => Failure::Load(text),
            Error::Runtime(RuntimeError::Run(text)) => Failure::Run(text),
            Error::Runtime(RuntimeError::Memory(text)) => Failure::Memory(text),
            // Not only ONNX Runtime takes memory.
            Error::NoMemory { .. } | Error::Runtime(RuntimeError::Stopped(Stopped::NoMemory { .. })) => {
                Failure::Memory(error.to_string())
            }
            Error::Answer { model, problem } => Failure::Answer { model, problem },
            other => Failure::Other(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Refusal;

    #[test]
    fn want_of_memory_stays_what_it_is() {
        let refusal =
            |rule| ModelError::Refused(Refusal { rule, place: String::new(), problem: String::new() });
        let session = SessionOptions::default();
        for failure in [
            Failure::from(Error::NoMemory { bytes: 5 }),
            Failure::from(Error::from(RuntimeError::Stopped(Stopped::NoMemory { bytes: 5 }))),
            Failure::from(Error::from(RuntimeError::Memory("none".into()))),
            Failure::from(refusal(Rule::Memory)),
        ] {
            let error = failure.into_error(&session);
            assert!(matches!(error, Error::Runtime(RuntimeError::Memory(_))), "{error}");
        }
        for failure in [Failure::from(Error::Cancelled), Failure::from(refusal(Rule::Limits))] {
            let error = failure.into_error(&session);
            assert!(matches!(error, Error::Runtime(RuntimeError::Run(_))), "{error}");
        }
    }
}
