//! Why a call failed, on its way to an error object.

use derust_interface::*;

/// A call's status and what happened, what was expected and what came.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(status: Status, message: impl Into<String>) -> Self {
        Failure { status, message: message.into() }
    }

    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Failure::new(DERUST_ERROR_ARGUMENT, message)
    }
}

impl From<derust_engine::Error> for Failure {
    fn from(error: derust_engine::Error) -> Self {
        use derust_engine::Error;
        use derust_engine::pixels::PixelsError;
        use derust_engine::runtime::RuntimeError;
        let status = match &error {
            Error::Pixels(PixelsError::Size { .. } | PixelsError::Format { .. }) => DERUST_ERROR_FORMAT,
            Error::Pixels(_) => DERUST_ERROR_IMAGE,
            Error::Unjudgeable(_) => DERUST_ERROR_UNJUDGEABLE,
            Error::Runtime(RuntimeError::Device { .. }) => DERUST_ERROR_DEVICE,
            Error::Runtime(RuntimeError::Memory(_)) | Error::Memory { .. } | Error::NoMemory { .. } => {
                DERUST_ERROR_MEMORY
            }
            Error::Runtime(_) => DERUST_ERROR_RUNTIME,
            Error::Cancelled => DERUST_ERROR_CANCELLED,
            Error::DeadlinePassed => DERUST_ERROR_TIMEOUT,
            Error::NoModel { .. } | Error::Answer { .. } => DERUST_ERROR_MODEL,
            Error::Option(_) => DERUST_ERROR_ARGUMENT,
        };
        Failure::new(status, with_advice(&error))
    }
}

impl From<derust_engine::pixels::PixelsError> for Failure {
    fn from(error: derust_engine::pixels::PixelsError) -> Self {
        derust_engine::Error::from(error).into()
    }
}

/// An error's text, and what a program with this library can do about it where the engine does not know.
fn with_advice(error: &derust_engine::Error) -> String {
    use derust_engine::Error;
    use derust_engine::runtime::RuntimeError;
    match error {
        Error::Runtime(RuntimeError::NotFound) => {
            format!("{error}, or put one into the folder onnxruntime beside libderust")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lacks_onnx_runtime_is_told_where_this_library_looks_for_it() {
        let missing = derust_engine::runtime::RuntimeError::NotFound;
        let Failure { status, message } = derust_engine::Error::from(missing).into();
        assert_eq!(status, DERUST_ERROR_RUNTIME);
        assert!(message.contains("ORT_DYLIB_PATH") && message.contains("beside libderust"), "{message}");
    }
}
