//! Finding and loading libderust, and what its errors mean here.

use std::path::Path;
use std::ptr::null_mut;
use std::sync::OnceLock;

use derust_interface::*;

use super::owned;
use crate::messages::tr;
use crate::problem::Problem;

/// The library, loaded for good.
#[derive(Clone, Copy)]
pub(super) struct Loaded {
    pub(super) library: Library,
}

/// Names of the library file, the best first.
fn names() -> [String; 2] {
    if cfg!(windows) {
        [format!("derust-{DERUST_ABI}.dll"), "derust.dll".into()]
    } else if cfg!(target_os = "macos") {
        [format!("libderust.{DERUST_ABI}.dylib"), "libderust.dylib".into()]
    } else {
        [format!("libderust.so.{DERUST_ABI}"), "libderust.so".into()]
    }
}

impl Loaded {
    /// Loads the library from a folder, once per process.
    pub(super) fn beside(folder: &Path) -> Result<Self, Problem> {
        static LOADED: OnceLock<Result<Library, Problem>> = OnceLock::new();
        let load = || {
            let candidates = names().map(|name| folder.join(name));
            let Some(file) = candidates.iter().find(|file| file.is_file()) else {
                let text = tr("{0} is missing. Install the plug-in again.");
                return Err(Problem::new(text.replace("{0}", &candidates[0].display().to_string())));
            };
            load(file).map_err(|error| {
                let text = tr("libderust cannot be used: {0}. Install the plug-in again.");
                Problem::new(text.replace("{0}", &error.to_string()))
            })
        };
        LOADED.get_or_init(load).clone().map(|library| Loaded { library })
    }

    /// Calls a function that answers with a status.
    pub(super) fn call(
        self,
        function: impl FnOnce(Library, *mut *mut Error) -> Status,
    ) -> Result<(), Problem> {
        let mut error = null_mut();
        let status = function(self.library, &mut error);
        if status == DERUST_OK {
            return Ok(());
        }
        // SAFETY: NULL, or an error of this call, whose text lives until it is freed.
        let message = unsafe {
            let message = owned(self.library.error_message()(error));
            self.library.error_free()(error);
            message
        };
        Err(match status {
            DERUST_ERROR_CANCELLED => Problem::cancelled(),
            DERUST_ERROR_MODEL => Problem::new(format!(
                "{message}\n{}",
                tr("ONNX files with models belong into the folder “models” beside the plug-in.")
            )),
            DERUST_ERROR_RUNTIME => Problem::new(format!(
                "{message}\n{}",
                tr("ONNX Runtime comes with the plug-in: install it again.")
            )),
            _ => Problem::new(message),
        })
    }
}
