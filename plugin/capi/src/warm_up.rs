//! Getting ready before the first picture comes.

use std::ffi::c_char;

use derust_engine::Kind;
use derust_interface::*;

use crate::failure::Failure;
use crate::segment::selector;
use crate::watch::{self, Limits};
use crate::{engine, guard};

/// Gets ready for calls, so that the first one is as quick as those after it: loads ONNX Runtime and the network of a
/// filter, and runs it once. For DERUST_FILTER_DERUST what finds rust is made ready, too, where there is such a model.
///
/// `filter` is a DERUST_FILTER_ constant, or 0 for both. `model` is the name of one, or NULL for the one that serves; it is
/// NULL where `filter` is 0. `timeout_ms` is that of other calls' options.
///
/// Errors: DERUST_ERROR_MODEL, _RUNTIME, _DEVICE, _MEMORY, _TIMEOUT, and those of every call.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `model` is NULL or a text; `error` is NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_warm_up(
    engine: *mut Engine,
    filter: i32,
    model: *const c_char,
    timeout_ms: u32,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        if filter == 0 && !model.is_null() {
            return Err(Failure::argument("model is set, but filter is 0; say which filter's model it is"));
        }
        let kinds = match filter {
            0 | DERUST_FILTER_DERUST => &[Kind::Derust, Kind::SegmentRust][..],
            DERUST_FILTER_SEGMENT_RUST => &[Kind::SegmentRust],
            other => {
                let text = format!("filter is {other}, which is neither 0 nor a DERUST_FILTER_ constant");
                return Err(Failure::argument(text));
            }
        };
        // SAFETY: the caller's promise.
        let mut wanted = unsafe { selector(model) }?;
        // SAFETY: there is no handle.
        let limits = unsafe { Limits::new(std::ptr::null(), timeout_ms) };
        watch::over(None, limits, |watch| {
            watch.run(|control| {
                for (i, kind) in kinds.iter().enumerate() {
                    match entered.engine.prepare(*kind, wanted.take().as_ref(), control) {
                        // Nobody asked for it: removal can do without.
                        Err(derust_engine::Error::NoModel { .. })
                            if filter == DERUST_FILTER_DERUST && i > 0 => {}
                        other => drop(other?),
                    }
                }
                Ok(())
            })
        })
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}
