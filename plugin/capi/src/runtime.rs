//! The ONNX Runtime that computes.

use derust_interface::*;

use crate::failure::Failure;
use crate::{engine, guard, sized, text};

/// Tells which ONNX Runtime computes, and loads it if it was not loaded yet.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `runtime` is NULL or a struct that says its size; `error` is
/// NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_runtime(
    engine: *mut Engine,
    runtime: *mut Runtime,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        let [version, path] = entered.runtime.get_or_try_init(|| {
            let loaded = entered.engine.runtime().map_err(derust_engine::Error::from)?;
            Ok::<_, Failure>([loaded.version(), &loaded.path().display().to_string()].map(text::c_string))
        })?;
        let value = Runtime { version: version.as_ptr(), path: path.as_ptr(), ..Runtime::default() };
        // SAFETY: the caller's promise.
        unsafe { sized::write(runtime, &value, "runtime") }
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}
