//! Where this library lies: ONNX Runtime and models may lie beside it.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

/// The folder of the file that holds this code.
pub(crate) fn folder() -> Option<PathBuf> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let own = folder as *const ();
    // SAFETY: `dladdr` takes any address and fills `info`, which is large enough.
    let found = unsafe { libc::dladdr(own.cast(), info.as_mut_ptr()) };
    // SAFETY: all zeros are a value of it, whether it was filled or not.
    let name = unsafe { info.assume_init() }.dli_fname;
    if found == 0 || name.is_null() {
        return None;
    }
    // SAFETY: the loader's own text, which stays as long as the library is loaded; it is not unloaded.
    let file = unsafe { CStr::from_ptr(name) };
    let file = Path::new(file.to_str().ok()?).canonicalize().ok()?;
    Some(file.parent()?.to_owned())
}

/// The folders beside this library that may hold ONNX Runtime.
pub(crate) fn runtime_folders() -> Vec<PathBuf> {
    folder().map(|own| vec![own.join("onnxruntime"), own]).unwrap_or_default()
}

/// The folder of the models that were installed with this library: `share/derust/models` beside its `lib`.
pub(crate) fn model_folder() -> Option<PathBuf> {
    Some(folder()?.parent()?.join("share/derust/models"))
}
