//! Why a call failed.

use std::ffi::{CString, c_char};

use derust_interface::*;

use crate::guard;
use crate::handle::{self, Handle};
use crate::text;

/// Why a call failed, on its way to an error object.
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
            Error::Pixels(_) | Error::Unjudgeable(_) => DERUST_ERROR_IMAGE,
            Error::Runtime(RuntimeError::Device { .. }) => DERUST_ERROR_DEVICE,
            Error::Runtime(RuntimeError::Memory(_)) | Error::Memory { .. } => DERUST_ERROR_MEMORY,
            Error::Runtime(_) => DERUST_ERROR_RUNTIME,
            Error::Cancelled(_) => DERUST_ERROR_CANCELLED,
            Error::NoModel { .. } | Error::Answer { .. } => DERUST_ERROR_MODEL,
            Error::Option(_) => DERUST_ERROR_ARGUMENT,
        };
        Failure::new(status, error.to_string())
    }
}

impl From<derust_engine::pixels::PixelsError> for Failure {
    fn from(error: derust_engine::pixels::PixelsError) -> Self {
        derust_engine::Error::from(error).into()
    }
}

/// What an error object holds.
pub(crate) struct ErrorObject {
    status: Status,
    message: CString,
}

// SAFETY: `derust_error` pointers are made by `handle::give` from this type alone.
unsafe impl Handle for Error {
    type Inside = ErrorObject;
}

impl From<Failure> for ErrorObject {
    fn from(failure: Failure) -> Self {
        ErrorObject { status: failure.status, message: text::c_string(&failure.message) }
    }
}

/// The status of the call that made the error; DERUST_OK for NULL.
///
/// # Safety
/// `error` is NULL or an error of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_error_status(error: *const Error) -> Status {
    guard::quietly(DERUST_ERROR_INTERNAL, || {
        // SAFETY: the caller's promise.
        unsafe { handle::borrow(error) }.map_or(DERUST_OK, |error| error.status)
    })
}

/// What happened, what was expected and what came: one line of UTF-8, owned by the error. Never NULL; "" for a NULL
/// error.
///
/// # Safety
/// `error` is NULL or an error of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_error_message(error: *const Error) -> *const c_char {
    guard::quietly(c"".as_ptr(), || {
        // SAFETY: the caller's promise.
        unsafe { handle::borrow(error) }.map_or(c"".as_ptr(), |error| error.message.as_ptr())
    })
}

/// Frees an error; NULL is fine.
///
/// # Safety
/// `error` is NULL or an error of this library that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_error_free(error: *mut Error) {
    // SAFETY: the caller's promise.
    guard::quietly((), || drop(unsafe { handle::take(error) }));
}
