//! What a program learns of a call that failed.

use std::ffi::{CString, c_char};

use derust_interface::*;

use crate::failure::Failure;
use crate::handle::{self, Handle};
use crate::{guard, text};

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
        ErrorObject {
            status: failure.status,
            message: text::c_string(&derust_engine::printable(&failure.message)),
        }
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
