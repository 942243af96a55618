//! What the user reads: texts in the user's language, and what went wrong.

mod messages;
mod problem;

use std::ffi::CString;

pub use messages::{DOMAIN, catalogues, tr, use_gettext, write_catalogues};
pub use problem::Problem;

/// A text for C; what follows a NUL in it is cut off.
pub fn c_text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}
