//! Stopping calls from other threads.

use std::sync::atomic::{AtomicBool, Ordering};

use derust_interface::*;

use crate::guard;
use crate::handle::{self, Handle, Slot};

// SAFETY: `derust_cancel` pointers are made by `handle::give` from this type alone.
unsafe impl Handle for Cancel {
    type Inside = AtomicBool;
}

/// Makes a cancel handle.
///
/// # Safety
/// `cancel` is where the handle goes; `error` is NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_cancel_create(cancel: *mut *mut Cancel, error: *mut *mut Error) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        unsafe { Slot::new(cancel, "cancel") }?.fill(AtomicBool::new(false));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Stops the calls that use the handle, now and until it is reset: each ends within one tile with
/// DERUST_ERROR_CANCELLED. From any thread; NULL is fine.
///
/// # Safety
/// `cancel` is NULL or a cancel handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_cancel_request(cancel: *mut Cancel) {
    // SAFETY: the caller's promise.
    unsafe { set(cancel, true) }
}

/// Makes the handle fit for new calls. NULL is fine.
///
/// # Safety
/// `cancel` is NULL or a cancel handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_cancel_reset(cancel: *mut Cancel) {
    // SAFETY: the caller's promise.
    unsafe { set(cancel, false) }
}

/// Frees a cancel handle that no call uses any more; NULL is fine.
///
/// # Safety
/// `cancel` is NULL or a cancel handle that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_cancel_free(cancel: *mut Cancel) {
    // SAFETY: the caller's promise.
    guard::quietly((), || drop(unsafe { handle::take(cancel) }));
}

/// # Safety
/// `cancel` is NULL or a cancel handle that was not freed.
unsafe fn set(cancel: *const Cancel, stop: bool) {
    // SAFETY: the caller's promise.
    if let Some(flag) = unsafe { handle::borrow(cancel) } {
        flag.store(stop, Ordering::Relaxed);
    }
}
