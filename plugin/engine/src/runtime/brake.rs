//! Stopping ONNX Runtime in the middle of its work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};

use once_cell::sync::OnceCell;

use crate::control::{Control, Stopped};
use crate::waiting::pace;

/// Does the work, and calls `stop`, from a thread of its own and perhaps more than once, when the call is to end
/// meanwhile. Where no thread can be started, the work ends by itself.
///
/// # Errors
/// When the work failed after it was to stop, whatever it says of that itself.
pub(super) fn stoppable<T, E>(
    control: &Control<'_>,
    stop: impl Fn() + Sync,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<Result<T, E>, Stopped> {
    if pace(control).is_none() {
        return Ok(work());
    }
    let (over, stopped) = (AtomicBool::new(false), OnceCell::new());
    let watch = || {
        while !over.load(Ordering::Acquire) {
            if let Err(reason) = control.check() {
                // The first one counts: a flag may be used for another call before this one has ended.
                let _ = stopped.set(reason);
            }
            if stopped.get().is_some() {
                stop();
            }
            thread::park_timeout(pace(control).unwrap_or_default());
        }
    };
    let done = thread::scope(|scope| {
        let watcher = thread::Builder::new().name("derust stop".into()).spawn_scoped(scope, watch).ok();
        let _end = End { over: &over, watcher: watcher.as_ref().map(|handle| handle.thread()) };
        work()
    });
    match stopped.into_inner() {
        Some(reason) if done.is_err() => Err(reason),
        _ => Ok(done),
    }
}

/// Sends the watching thread home when the work is over, and also when it panics.
struct End<'a> {
    over: &'a AtomicBool,
    watcher: Option<&'a Thread>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(watcher) = self.watcher {
            watcher.unpark();
        }
    }
}
