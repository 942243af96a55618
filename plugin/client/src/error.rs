//! What can go wrong.

use std::path::PathBuf;

use derust_interface as c;

/// A call that failed. The text says what was expected and what came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    name: &'static str,
    message: String,
    #[source]
    library: Option<Box<LibraryError>>,
}

/// What kind of failure an [`Error`] is. The numbers behind the kinds never change; later libraries may know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// libderust was not found, cannot be loaded, or does not go with this program.
    Library,
    /// An option is out of its range, or a text cannot be handed over.
    Argument,
    /// The description of an image contradicts itself or does not fit its pixels.
    Image,
    /// The formats or sizes of two images of one call do not go together.
    Format,
    /// An output shares memory with another image of the call in a way that cannot work.
    Overlap,
    /// There is no usable model of the kind or name, or a model answered nonsense.
    Model,
    /// ONNX Runtime is missing or unusable, or the network failed in it.
    Runtime,
    /// The device that was asked for cannot be used.
    Device,
    /// The engine's memory limit is too small for this call, or the system or the GPU has too little memory.
    Memory,
    /// A progress function or a [`Cancel`](crate::Cancel) stopped the call. What is in its outputs is unspecified; the
    /// engine works on.
    Cancelled,
    /// The engine was made before a fork; a child process makes one of its own.
    Forked,
    /// A callback called the engine that was calling it.
    Reentered,
    /// A bug in derust; the engine works on.
    Internal,
    /// The picture cannot be judged: it is gray or next to black, its numbers are not what they are said to be, or nothing in
    /// it counts. That is not the same as a picture without rust. `judge_anyway` of the options looks at it all the same.
    Unjudgeable,
    /// The time that the call was given is over. What is in its outputs is unspecified; the engine works on.
    Timeout,
    /// A kind that only a later library knows, by its number in `derust.h`.
    Other(i32),
}

/// Why there is no libderust.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// No file that may be the library is there.
    #[error(
        "libderust was not found{}; install derust, or set DERUST_LIBRARY to the library file",
        places(looked_at)
    )]
    Missing {
        /// Where it was looked for, the best place first.
        looked_at: Vec<PathBuf>,
    },
    /// The file cannot be used.
    #[error(transparent)]
    Refused(c::LoadError),
    /// The process has another one already; it can use one.
    #[error("{} cannot be loaded: this process uses {} already", wanted.display(), loaded.display())]
    AnotherIsLoaded {
        /// The file that is used.
        loaded: PathBuf,
        /// The file that was asked for.
        wanted: PathBuf,
    },
}

fn places(looked_at: &[PathBuf]) -> String {
    let places: Vec<_> = looked_at.iter().map(|place| place.display().to_string()).collect();
    if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) }
}

impl Error {
    /// A failure that libderust told of; `name` is what it calls the status.
    pub(crate) fn new(status: c::Status, name: &'static str, message: String) -> Self {
        let message = if message.is_empty() { name.to_owned() } else { message };
        Error { kind: ErrorKind::from_status(status), name, message, library: None }
    }

    /// A failure that this side sees.
    pub(crate) fn argument(message: String) -> Self {
        Error { kind: ErrorKind::Argument, name: "DERUST_ERROR_ARGUMENT", message, library: None }
    }

    /// An image that does not describe its pixels.
    pub(crate) fn image(message: String) -> Self {
        Error { kind: ErrorKind::Image, name: "DERUST_ERROR_IMAGE", message, library: None }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The name of the kind, such as `DERUST_ERROR_IMAGE`, for logs; `DERUST_LIBRARY` without a library.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the call was stopped by a progress function or a [`Cancel`](crate::Cancel).
    pub fn is_cancelled(&self) -> bool {
        self.kind == ErrorKind::Cancelled
    }

    /// Why there is no libderust, if that is what failed.
    pub fn library(&self) -> Option<&LibraryError> {
        self.library.as_deref()
    }
}

impl From<LibraryError> for Error {
    fn from(error: LibraryError) -> Self {
        Error {
            kind: ErrorKind::Library,
            name: "DERUST_LIBRARY",
            message: error.to_string(),
            library: Some(Box::new(error)),
        }
    }
}

impl ErrorKind {
    pub(crate) fn from_status(status: c::Status) -> Self {
        match status {
            c::DERUST_ERROR_ARGUMENT => ErrorKind::Argument,
            c::DERUST_ERROR_IMAGE => ErrorKind::Image,
            c::DERUST_ERROR_FORMAT => ErrorKind::Format,
            c::DERUST_ERROR_OVERLAP => ErrorKind::Overlap,
            c::DERUST_ERROR_MODEL => ErrorKind::Model,
            c::DERUST_ERROR_RUNTIME => ErrorKind::Runtime,
            c::DERUST_ERROR_DEVICE => ErrorKind::Device,
            c::DERUST_ERROR_MEMORY => ErrorKind::Memory,
            c::DERUST_ERROR_CANCELLED => ErrorKind::Cancelled,
            c::DERUST_ERROR_FORKED => ErrorKind::Forked,
            c::DERUST_ERROR_REENTERED => ErrorKind::Reentered,
            c::DERUST_ERROR_INTERNAL => ErrorKind::Internal,
            c::DERUST_ERROR_UNJUDGEABLE => ErrorKind::Unjudgeable,
            c::DERUST_ERROR_TIMEOUT => ErrorKind::Timeout,
            other => ErrorKind::Other(other),
        }
    }
}
