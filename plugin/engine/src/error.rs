//! Why a call to the engine failed.

use std::path::PathBuf;

use derust_manifest::Kind;

use crate::control::Stopped;
use crate::judgement::Unjudgeable;
use crate::pixels::PixelsError;
use crate::runtime::RuntimeError;

/// Why a call to the engine failed; the text is for the person who made it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The description of a picture cannot be right.
    #[error(transparent)]
    Pixels(#[from] PixelsError),
    /// ONNX Runtime cannot be used, or a network failed.
    #[error(transparent)]
    Runtime(RuntimeError),
    /// The caller stopped the call.
    #[error("{}", Stopped::Cancelled)]
    Cancelled,
    /// The deadline of [`Control::until`](crate::Control::until) passed.
    #[error("{}", Stopped::DeadlinePassed)]
    DeadlinePassed,
    /// There is too little memory for what a picture or a file needs.
    #[error("{}", Stopped::NoMemory { bytes: *bytes })]
    NoMemory {
        /// Bytes that were asked for.
        bytes: usize,
    },
    /// No usable model of this kind, or not the one that was wanted.
    #[error("there is no usable {kind} model{}; put its .onnx file into {}", named(wanted), folder(folders))]
    NoModel {
        /// What was wanted.
        kind: Kind,
        /// The name, version or digest that was wanted, if any.
        wanted: Option<String>,
        /// The folders that were searched.
        folders: Vec<PathBuf>,
    },
    /// A network answered with something else than its manifest promises.
    #[error("the model `{model}` is broken: {problem}")]
    Answer {
        /// The model's name.
        model: String,
        /// What is wrong with the answer.
        problem: String,
    },
    /// A call cannot do its work within the memory that calls may use.
    #[error(
        "the call needs about {needed} bytes beside the pictures, the engine may use {limit}; raise its limit, \
             or work at the model's scale"
    )]
    Memory {
        /// Bytes that the call needs.
        needed: u64,
        /// Bytes that all calls may use.
        limit: u64,
    },
    /// What a network would say of the picture means nothing; that is not the same as no rust.
    #[error("the picture cannot be judged, because {0}")]
    Unjudgeable(#[from] Unjudgeable),
    /// An option's value makes no sense.
    #[error("{0}")]
    Option(String),
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Cancelled => Error::Cancelled,
            Stopped::DeadlinePassed => Error::DeadlinePassed,
            Stopped::NoMemory { bytes } => Error::NoMemory { bytes },
        }
    }
}

impl From<RuntimeError> for Error {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::Stopped(stopped) => stopped.into(),
            other => Error::Runtime(other),
        }
    }
}

fn named(wanted: &Option<String>) -> String {
    wanted.as_ref().map(|wanted| format!(" named `{wanted}`")).unwrap_or_default()
}

fn folder(folders: &[PathBuf]) -> String {
    folders.first().map_or("a folder of models".into(), |folder| folder.display().to_string())
}
