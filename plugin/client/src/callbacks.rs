//! What the library tells while it works. No panic goes through it.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;

use derust_interface as c;

/// Told what part of a call is done, 0 to 1, never less than before, on the thread of the call; `false` stops the call,
/// which then ends with [`Cancelled`](crate::ErrorKind::Cancelled). A panic stops it, too, and goes on in the caller. It may
/// use everything but the engine that is calling it.
pub type Progress<'a> = &'a mut dyn FnMut(f32) -> bool;

/// Given messages of one line that would be lost otherwise, on the thread of the call that has something to say, or on the
/// one that looks at the model folders. It must not use the engine that is calling it. A panic in it is lost.
pub type Log = Box<dyn Fn(LogLevel, &str) + Send + Sync>;

/// Told when a call begins (`true`) and ends (`false`) to wait for TensorRT, which builds an engine for the network of this
/// name, for up to some minutes; on the thread of that call. A panic in it is lost.
pub type Building = Box<dyn Fn(&str, bool) + Send + Sync>;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogLevel {
    /// Something failed, and no call told.
    Error,
    /// Something is not as it should be, and derust works on.
    Warning,
    /// Something that is good to know.
    Info,
}

/// Stands between a progress function, which may panic, and one call.
pub(crate) struct Watch<'a> {
    progress: Option<Progress<'a>>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(progress: Option<Progress<'a>>) -> Self {
        Watch { progress, panic: None }
    }

    /// The callback and its user data, for one call that ends before this does.
    pub(crate) fn callback(&mut self) -> (c::ProgressCallback, *mut c_void) {
        match self.progress {
            Some(_) => (Some(tell), (&raw mut *self).cast()),
            None => (None, null_mut()),
        }
    }

    /// Lets a panic go on, when the library has returned.
    pub(crate) fn end(self) {
        if let Some(panic) = self.panic {
            resume_unwind(panic);
        }
    }
}

unsafe extern "C" fn tell(user_data: *mut c_void, done: f32) -> i32 {
    // SAFETY: the address of a `Watch` that lives as long as the call, which tells on its own thread alone.
    let watch = unsafe { &mut *user_data.cast::<Watch<'_>>() };
    let Some(progress) = &mut watch.progress else { return 0 };
    if watch.panic.is_some() {
        return 1;
    }
    match catch_unwind(AssertUnwindSafe(|| progress(done))) {
        Ok(goes_on) => i32::from(!goes_on),
        Err(panic) => {
            watch.panic = Some(panic);
            1
        }
    }
}

/// What an engine calls as long as it lives.
pub(crate) struct Callbacks {
    log: Option<Log>,
    building: Option<Building>,
}

thread_local! {
    /// The callbacks that this thread is inside of.
    static INSIDE: RefCell<Vec<*const Callbacks>> = const { RefCell::new(Vec::new()) };
}

impl Callbacks {
    pub(crate) fn new(log: Option<Log>, building: Option<Building>) -> Box<Self> {
        Box::new(Callbacks { log, building })
    }

    /// Sets an engine's options to call these, which have to outlive the engine.
    pub(crate) fn put_into(&self, options: &mut c::EngineOptions) {
        let user_data: *mut c_void = (&raw const *self).cast_mut().cast();
        if self.log.is_some() {
            options.log = Some(hear);
            options.log_user_data = user_data;
        }
        if self.building.is_some() {
            options.building = Some(builds);
            options.building_user_data = user_data;
        }
    }

    /// Whether this thread is inside of one of them.
    pub(crate) fn are_running_here(&self) -> bool {
        INSIDE.with_borrow(|inside| inside.contains(&(&raw const *self)))
    }

    fn run(&self, call: impl FnOnce()) {
        INSIDE.with_borrow_mut(|inside| inside.push(&raw const *self));
        if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
            // What it does when it is dropped is not known; it could panic again.
            std::mem::forget(panic);
        }
        INSIDE.with_borrow_mut(|inside| inside.pop());
    }
}

unsafe extern "C" fn hear(user_data: *mut c_void, level: i32, message: *const c_char) {
    // SAFETY: the address of callbacks that outlive their engine; the text lives until this returns.
    let (callbacks, message) = unsafe { (&*user_data.cast::<Callbacks>(), CStr::from_ptr(message)) };
    let level = match level {
        c::DERUST_LOG_ERROR => LogLevel::Error,
        c::DERUST_LOG_WARNING => LogLevel::Warning,
        _ => LogLevel::Info,
    };
    if let Some(log) = &callbacks.log {
        callbacks.run(|| log(level, &message.to_string_lossy()));
    }
}

unsafe extern "C" fn builds(user_data: *mut c_void, model: *const c_char, begins: i32) {
    // SAFETY: the address of callbacks that outlive their engine; the text lives until this returns.
    let (callbacks, model) = unsafe { (&*user_data.cast::<Callbacks>(), CStr::from_ptr(model)) };
    if let Some(building) = &callbacks.building {
        callbacks.run(|| building(&model.to_string_lossy(), begins != 0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_stops_the_call_and_goes_on_when_it_is_over() {
        let mut calls = 0;
        let mut progress = |done: f32| {
            calls += 1;
            assert!(done < 0.5, "half");
            true
        };
        let mut watch = Watch::new(Some(&mut progress));
        let (Some(callback), user_data) = watch.callback() else { panic!("a callback") };
        // SAFETY: the watch lives.
        let answers = [0.1, 0.5, 0.6].map(|done| unsafe { callback(user_data, done) });
        assert_eq!(answers, [0, 1, 1]);
        let panic = catch_unwind(AssertUnwindSafe(|| watch.end())).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"half"));
        assert_eq!(calls, 2, "nobody is told more after a panic");
    }

    #[test]
    fn what_tensorrt_builds_and_panics_of_callbacks_stay_on_this_side() {
        let (told, heard) = std::sync::mpsc::channel();
        let building = move |model: &str, begins: bool| {
            told.send((model.to_owned(), begins)).unwrap();
            assert!(begins, "lost");
        };
        let callbacks = Callbacks::new(None, Some(Box::new(building)));
        let mut options = c::EngineOptions::default();
        callbacks.put_into(&mut options);
        assert!(options.log.is_none());
        for begins in [1, 0] {
            // SAFETY: the callbacks live.
            unsafe { options.building.unwrap()(options.building_user_data, c"finder".as_ptr(), begins) };
        }
        let heard: Vec<_> = heard.try_iter().collect();
        assert_eq!(heard, [("finder".to_owned(), true), ("finder".to_owned(), false)]);
        assert!(!callbacks.are_running_here());
    }
}
