//! What stands around every function: panics stay inside, forked processes and callbacks that come back are refused.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use derust_interface::*;

use crate::failure::Failure;
use crate::handle::Slot;

/// Runs the body of a function that answers with a status, and fills the caller's error object if it fails.
///
/// # Safety
/// `error` is NULL or may be written to.
pub(crate) unsafe fn call(error: *mut *mut Error, body: impl FnOnce() -> Result<(), Failure>) -> Status {
    let result = caught(body);
    match result {
        Ok(()) => DERUST_OK,
        Err(failure) => {
            let status = failure.status;
            quietly((), || {
                // SAFETY: the caller's promise.
                if let Some(slot) = unsafe { Slot::optional(error) } {
                    slot.fill(failure.into());
                }
            });
            status
        }
    }
}

/// Runs the body of a function that cannot fail, or of one that has no error object.
pub(crate) fn quietly<R>(otherwise: R, body: impl FnOnce() -> R) -> R {
    caught(|| Ok(body())).unwrap_or(otherwise)
}

/// Runs `body`; a panic becomes a failure that says where it was.
pub(crate) fn caught<R>(body: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    keep_panics_quiet();
    let inside = Inside::enter();
    let result = catch_unwind(AssertUnwindSafe(body));
    drop(inside);
    result.unwrap_or_else(|payload| {
        // What a payload does when it is dropped is not known; it could panic again.
        std::mem::forget(payload);
        let place = PANIC.take().unwrap_or_else(|| "at an unknown place".into());
        Err(Failure::new(DERUST_ERROR_INTERNAL, format!("a bug in derust: it panicked {place}")))
    })
}

thread_local! {
    /// How many bodies this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Where the last panic was, and what it said.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The engines that are working on this thread.
    static WORKING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

struct Inside;

impl Inside {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Panics of this library's calls are reported as errors and not printed; those of others go where they went.
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // The engine's own threads say it in the log.
            let is_ours = std::thread::current().name().is_some_and(|name| name.starts_with("derust "));
            if DEPTH.get() == 0 && !is_ours {
                return previous(panic);
            }
            let text = panic.payload_as_str().unwrap_or("without a text").replace('\n', " ");
            PANIC.set(Some(match panic.location() {
                Some(place) => format!("at {}:{}: {text}", place.file(), place.line()),
                None => text,
            }));
        }));
    });
}

/// Which engine a call works with, and in which process it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    engine: u64,
    process: u32,
}

/// An engine that works on this thread as long as this lives.
pub(crate) struct Working;

impl Home {
    /// A new engine's.
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Home { engine: NEXT.fetch_add(1, Ordering::Relaxed), process: std::process::id() }
    }

    /// Whether this process is a child of the one in which the engine was made: its threads and locks are not here.
    pub(crate) fn is_forked(self) -> bool {
        self.process != std::process::id()
    }

    /// Begins a call with the engine on this thread.
    pub(crate) fn enter(self) -> Result<Working, Failure> {
        if self.is_forked() {
            return Err(Failure::new(
                DERUST_ERROR_FORKED,
                format!(
                    "the engine was made in process {} and this is {}, forked from it; make a new engine here",
                    self.process,
                    std::process::id()
                ),
            ));
        }
        if WORKING.with_borrow(|working| working.contains(&self.engine)) {
            return Err(Failure::new(
                DERUST_ERROR_REENTERED,
                "a callback called the engine that is calling it; let the call end first, or use another engine",
            ));
        }
        Ok(self.mark())
    }

    /// Notes that the engine works on this thread, so that it is not entered once more.
    pub(crate) fn mark(self) -> Working {
        WORKING.with_borrow_mut(|working| working.push(self.engine));
        Working
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        WORKING.with_borrow_mut(|working| working.pop());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_says_where_it_was() {
        let failure = caught(|| -> Result<(), Failure> { panic!("over\nboard") }).unwrap_err();
        assert_eq!(failure.status, DERUST_ERROR_INTERNAL);
        assert!(failure.message.contains("guard.rs:"), "{}", failure.message);
        assert!(failure.message.ends_with("over board"), "{}", failure.message);
        assert_eq!(quietly(7, || panic!("again")), 7);
    }

    #[test]
    fn an_engine_can_be_entered_once_per_thread_and_again_when_it_was_left() {
        let (one, other) = (Home::new(), Home::new());
        let working = one.enter().unwrap();
        assert_eq!(one.enter().err().map(|failure| failure.status), Some(DERUST_ERROR_REENTERED));
        drop(other.enter().unwrap());
        std::thread::scope(|scope| scope.spawn(|| drop(one.enter().unwrap())).join().unwrap());
        drop(working);
        drop(one.enter().unwrap());
    }

    #[test]
    fn an_engine_of_another_process_is_refused() {
        let parents = Home { process: std::process::id() + 1, ..Home::new() };
        assert_eq!(parents.enter().err().map(|failure| failure.status), Some(DERUST_ERROR_FORKED));
    }
}
