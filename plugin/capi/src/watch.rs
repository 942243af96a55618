//! Watching and stopping a call: the caller's callback and cancel handle become the engine's [`Control`].

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use derust_engine::Control;
use derust_interface::*;

use crate::handle;

/// The caller's progress callback.
#[derive(Clone, Copy)]
pub(crate) struct Callback {
    call: unsafe extern "C" fn(*mut c_void, f32) -> i32,
    user_data: *mut c_void,
    /// The thread of the call, the only one on which the callback is called.
    thread: usize,
}

// SAFETY: `tell` uses the fields on the thread on which they were given, and nowhere else.
unsafe impl Sync for Callback {}

/// A number that no other living thread has. (A `ThreadId` would leave an allocation behind on the host's threads.)
fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

impl Callback {
    pub(crate) fn new(progress: ProgressCallback, user_data: *mut c_void) -> Option<Self> {
        progress.map(|call| Callback { call, user_data, thread: this_thread() })
    }

    /// Tells the caller; true if the caller wants to stop.
    pub(crate) fn tell(&self, done: f32) -> bool {
        if this_thread() != self.thread {
            return false;
        }
        // SAFETY: the caller gave the function for this user data, and this is the thread of the call.
        unsafe { (self.call)(self.user_data, done) != 0 }
    }
}

/// Watches one call, or one picture of a batch.
pub(crate) struct Watch<'a> {
    /// Told what part is done; answers whether to stop.
    tell: Option<&'a (dyn Fn(f32) -> bool + Sync)>,
    limits: Limits<'a>,
    /// Whether the caller's callback wants to stop.
    stop: &'a AtomicBool,
}

/// What ends a call before its work is done.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    /// The flag behind the caller's cancel handle.
    cancel: Option<&'a AtomicBool>,
    deadline: Option<Instant>,
}

impl<'a> Limits<'a> {
    /// Those of a call that begins now.
    ///
    /// # Safety
    /// `cancel` is NULL or a cancel handle that is not freed for `'a`.
    pub(crate) unsafe fn new(cancel: *const Cancel, timeout_ms: u32) -> Self {
        let timeout = (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms.into()));
        Limits {
            // SAFETY: the caller's promise.
            cancel: unsafe { handle::borrow(cancel) },
            deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
        }
    }
}

/// Runs `body` with a watch over the whole call.
pub(crate) fn over<R>(
    callback: Option<Callback>,
    limits: Limits<'_>,
    body: impl FnOnce(&Watch<'_>) -> R,
) -> R {
    let stop = AtomicBool::new(false);
    let tell = callback.map(|callback| move |done: f32| callback.tell(done));
    let tell = tell.as_ref().map(|tell| tell as &(dyn Fn(f32) -> bool + Sync));
    body(&Watch::new(tell, limits, &stop))
}

impl<'a> Watch<'a> {
    pub(crate) fn new(
        tell: Option<&'a (dyn Fn(f32) -> bool + Sync)>,
        limits: Limits<'a>,
        stop: &'a AtomicBool,
    ) -> Self {
        Watch { tell, limits, stop }
    }

    /// Runs `work` under the control of the caller.
    pub(crate) fn run<R>(&self, work: impl FnOnce(Control<'_>) -> R) -> R {
        let Limits { cancel, deadline } = self.limits;
        let until = |control: Control<'_>| match deadline {
            Some(deadline) => work(control.until(deadline)),
            None => work(control),
        };
        let Some(tell) = self.tell else {
            return until(Control::new(None, cancel));
        };
        let asked = || cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        let report = |done: f32| {
            if asked() || tell(done) || asked() {
                self.stop.store(true, Ordering::Relaxed);
            }
        };
        // Whoever waits reports nothing, so the handle is looked at, too.
        let control = Control::new(Some(&report), Some(self.stop));
        until(cancel.map_or(control, |cancel| control.or(cancel)))
    }

    /// A watch over the part of the work that goes from `start` to `end`, each 0 to 1.
    pub(crate) fn within<R>(&self, start: f32, end: f32, body: impl FnOnce(&Watch<'_>) -> R) -> R {
        let Some(tell) = self.tell else { return body(self) };
        // The end is met exactly, so that a caller can wait for 1.
        let tell = |done: f32| tell(if done >= 1.0 { end } else { start + done * (end - start) });
        body(&Watch { tell: Some(&tell), ..*self })
    }
}
