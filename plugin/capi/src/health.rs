//! How an engine fares, for those who watch over a service.

use derust_interface::*;

use crate::handle::Slot;
use crate::models::ListedModel;
use crate::{engine, guard, sized};

/// Tells what has become of an engine's calls. It waits for nothing and looks at no file.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `health` is NULL or a struct that says its size; `error` is NULL or
/// where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_health(
    engine: *mut Engine,
    health: *mut Health,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        let derust_engine::Health { calls, failures, waiting } = entered.engine.health();
        let value = Health { calls, failures, waiting, ..Health::default() };
        // SAFETY: the caller's promise.
        unsafe { sized::write(health, &value, "health") }
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Lists the networks that are in use now, as derust_engine_models() does, but without a look at any file: those that serve,
/// and those that calls have named. There is none before a call or derust_engine_warm_up() needs it.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `models` is where the list goes; `error` is NULL or where an
/// error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_serving(
    engine: *mut Engine,
    models: *mut *mut Models,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let slot = unsafe { Slot::new(models, "models") }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        // Each has run, and so has a place.
        slot.fill(entered.engine.in_use().into_iter().map(|entry| ListedModel::new(entry, "")).collect());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}
