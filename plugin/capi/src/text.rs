//! Texts in and out.

use std::ffi::{CStr, CString, c_char};
use std::path::PathBuf;

use crate::failure::Failure;

/// A text for the caller; what C cannot hold is replaced.
pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

/// A text of the caller; nothing where it is NULL.
///
/// # Safety
/// `text` is NULL or ends with a zero byte and stays for the call.
pub(crate) unsafe fn optional(text: *const c_char, argument: &str) -> Result<Option<String>, Failure> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    match text.to_str() {
        Ok("") => Err(Failure::argument(format!("{argument} is empty; NULL stands for none"))),
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(Failure::argument(format!("{argument} is not UTF-8: {:?}", text.to_string_lossy()))),
    }
}

/// A path of the caller; nothing where it is NULL.
///
/// # Safety
/// See [`optional`].
pub(crate) unsafe fn optional_path(path: *const c_char, argument: &str) -> Result<Option<PathBuf>, Failure> {
    // SAFETY: the caller's promise.
    Ok(unsafe { optional(path, argument) }?.map(PathBuf::from))
}
