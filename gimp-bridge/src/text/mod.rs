//! What the user reads: texts in the user's language, and what went wrong.

mod messages;
mod problem;

use std::ffi::CString;

use derust_client::Caution;

pub use messages::{DOMAIN, catalogues, tr, use_gettext, write_catalogues};
pub use problem::Problem;

/// What a caution means, in the user's language.
pub fn caution_text(caution: Caution) -> String {
    match caution {
        Caution::Dark => tr("The picture is dark: rust in it is easily missed."),
        other => other.to_string(),
    }
}

/// A text for C; what follows a NUL in it is cut off.
pub fn c_text(text: &str) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}
