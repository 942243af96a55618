//! The engine's life.

use std::ffi::{CString, c_char, c_void};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use derust_engine::models::Store;
use derust_engine::runtime::{DeviceKind, Location, SessionOptions};
use derust_engine::trial::TrialOptions;
use derust_engine::{Level, Log};
use derust_interface::*;
use once_cell::sync::OnceCell;

use crate::failure::Failure;
use crate::guard::{self, Home};
use crate::handle::{self, Handle, Slot};
use crate::{own_file, sized, text};

/// More threads, sessions or folders than this are a variable that was never set.
const MOST: u32 = 1024;

/// Pace at which the model folders are looked at unless the caller wants another.
const WATCH: Duration = Duration::from_millis(2000);

/// What lies behind an engine's handle. Calls keep it alive, so that it may be freed while they run.
pub(crate) struct EngineHandle {
    pub(crate) engine: derust_engine::Engine,
    pub(crate) home: Home,
    /// Pictures that a batch works on at a time.
    pub(crate) sessions: usize,
    /// Version and path of ONNX Runtime, once they were asked for.
    pub(crate) runtime: OnceCell<[CString; 2]>,
}

// SAFETY: `derust_engine` pointers are made by `handle::give` from this type alone.
unsafe impl Handle for Engine {
    type Inside = Arc<EngineHandle>;
}

/// An engine in a call; alive until the call ends.
pub(crate) struct Entered {
    handle: Arc<EngineHandle>,
    _working: guard::Working,
}

impl std::ops::Deref for Entered {
    type Target = EngineHandle;

    fn deref(&self) -> &EngineHandle {
        &self.handle
    }
}

/// Begins a call with an engine.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed.
pub(crate) unsafe fn enter(engine: *const Engine) -> Result<Entered, Failure> {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle::required(engine, "engine") }?;
    let working = handle.home.enter()?;
    Ok(Entered { handle: Arc::clone(handle), _working: working })
}

/// Makes an engine. Networks and ONNX Runtime are loaded when they are first needed; for a GPU that options name, ONNX
/// Runtime is loaded at once, and where the GPU cannot be used the error says why.
///
/// # Safety
/// `options` is NULL (every default) or a description of the engine; `engine` is where the handle goes; `error` is
/// NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_create(
    options: *const EngineOptions,
    engine: *mut *mut Engine,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let slot = unsafe { Slot::new(engine, "engine") }?;
        // SAFETY: the caller's promise.
        let options = unsafe { sized::read_or_default(options, "options") }?;
        let home = Home::new();
        // SAFETY: the caller's promise.
        let options = unsafe { engine_options(home, &options) }?;
        let sessions = options.sessions;
        let engine = derust_engine::Engine::new(options);
        engine.check_device().map_err(derust_engine::Error::from)?;
        slot.fill(Arc::new(EngineHandle { sessions, engine, home, runtime: OnceCell::new() }));
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Frees an engine; NULL is fine. Waits until the thread that looks at the model folders has ended what it has begun, one
/// tile at most, so that the log hears nothing of it later. Calls that other threads have begun with the engine end as
/// they would have; what it gave (analyses, reports, lists) stays. In a process that was forked after the engine was
/// made, nothing happens.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_free(engine: *mut Engine) {
    let body = || {
        // SAFETY: the caller's promise.
        let Some(handle) = (unsafe { handle::borrow(engine) }) else { return };
        if handle.home.is_forked() {
            // Its threads are the parent's: waiting for them would never end.
            return;
        }
        // Callbacks that come meanwhile may still hand the engine in, to be refused.
        handle.engine.stop_watching();
        // SAFETY: the caller's promise; it was not NULL.
        drop(unsafe { handle::take(engine) });
    };
    guard::quietly((), body);
}

/// Looks at the model folders again. What serves better now takes over once it has been tried out; calls in flight end
/// with the models that they began with. A file that became unusable changes nothing: what was read from it before
/// serves on, and derust_engine_models() says why. Where a file is gone, the next best serves.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `error` is NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_refresh(engine: *mut Engine, error: *mut *mut Error) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { enter(engine) }?;
        Ok(entered.engine.refresh(derust_engine::Control::default())?)
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// # Safety
/// The texts end with a zero byte and `model_folders` has as many as it says.
unsafe fn engine_options(
    home: Home,
    options: &EngineOptions,
) -> Result<derust_engine::EngineOptions, Failure> {
    let unknown = |text: String| Failure::argument(format!("options.{text}"));
    let kind = match options.device {
        DERUST_DEVICE_AUTOMATIC => DeviceKind::Automatic,
        DERUST_DEVICE_CPU if options.device_id == 0 => DeviceKind::Cpu,
        DERUST_DEVICE_CPU => {
            let text = format!(
                "options.device_id is {}; there is one processor device, number 0",
                options.device_id
            );
            return Err(Failure::new(DERUST_ERROR_DEVICE, text));
        }
        DERUST_DEVICE_CUDA => DeviceKind::Cuda,
        DERUST_DEVICE_TENSORRT => DeviceKind::TensorRt,
        other => return Err(unknown(format!("device is {other}, which is no DERUST_DEVICE_ constant"))),
    };
    for (name, value) in [
        ("threads", options.threads),
        ("sessions", options.sessions),
        ("model_folder_count", options.model_folder_count),
    ] {
        if value > MOST {
            return Err(unknown(format!("{name} is {value}; at most {MOST} make sense")));
        }
    }
    for (name, value) in
        [("only_these_folders", options.only_these_folders), ("half_precision", options.half_precision)]
    {
        if value > 1 {
            return Err(unknown(format!("{name} is {value}; it is 0 or 1")));
        }
    }
    if options.reserved != 0 {
        return Err(unknown(format!("reserved is {}; it has to be 0", options.reserved)));
    }
    let watch = match options.watch_milliseconds {
        u32::MAX => None,
        0 => Some(WATCH),
        milliseconds => Some(Duration::from_millis(milliseconds.into())),
    };
    // SAFETY: the caller's promise.
    let folders = unsafe { folders(options.model_folders, options.model_folder_count) }?;
    // SAFETY: the caller's promise.
    let file = unsafe { text::optional_path(options.runtime_library, "options.runtime_library") }?;
    let store = if options.only_these_folders == 1 {
        Store::only(&folders)
    } else {
        Store::installed_with(&folders, own_file::model_folder().as_deref())
    };
    Ok(derust_engine::EngineOptions {
        runtime: Location { file, folders: own_file::runtime_folders() },
        store,
        session: SessionOptions {
            threads: NonZero::new(options.threads as usize),
            device: derust_engine::runtime::Device { kind, id: options.device_id },
            half_precision: options.half_precision == 1,
            gpu_memory_limit: (options.gpu_memory_limit > 0).then_some(options.gpu_memory_limit),
        },
        sessions: options.sessions.max(1) as usize,
        memory_limit: (options.memory_limit > 0).then_some(options.memory_limit),
        trial: TrialOptions::installed_in(own_file::folder().as_deref()),
        watch,
        log: log(home, (options.log, options.log_user_data), (options.building, options.building_user_data)),
    })
}

/// What a callback wants to be handed.
struct UserData(*mut c_void);

// SAFETY: the header tells callers that callbacks are called on every thread that uses the engine; this code only passes
// the pointer on.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

/// The caller's callbacks as the log of the engine whose home this is.
fn log(
    home: Home,
    (callback, user_data): (LogCallback, *mut c_void),
    (building, building_user_data): (BuildingCallback, *mut c_void),
) -> Log {
    let mut log = Log::default();
    if let Some(callback) = callback {
        let user_data = UserData(user_data);
        log = Log::to(move |level, message| {
            let user_data = &user_data;
            let level = match level {
                Level::Error => DERUST_LOG_ERROR,
                Level::Warning => DERUST_LOG_WARNING,
                Level::Info => DERUST_LOG_INFO,
            };
            let message = text::c_string(message);
            // The engine may say it while it holds its locks.
            let _working = home.mark();
            // SAFETY: the caller gave the function for this user data; the text lives until it returns.
            unsafe { callback(user_data.0, level, message.as_ptr()) }
        });
    }
    if let Some(building) = building {
        let user_data = UserData(building_user_data);
        log = log.on_building(move |model, begins| {
            let user_data = &user_data;
            let model = text::c_string(model);
            // As above.
            let _working = home.mark();
            // SAFETY: as above.
            unsafe { building(user_data.0, model.as_ptr(), begins.into()) }
        });
    }
    log
}

/// # Safety
/// `folders` is NULL or has `count` texts, each NULL or ending with a zero byte.
unsafe fn folders(folders: *const *const c_char, count: u32) -> Result<Vec<PathBuf>, Failure> {
    if count > 0 && folders.is_null() {
        return Err(Failure::argument(format!(
            "options.model_folders is NULL, but options.model_folder_count is {count}"
        )));
    }
    (0..count as usize)
        .map(|i| {
            let argument = format!("options.model_folders[{i}]");
            // SAFETY: `i` is less than the number of texts; nothing is known about the array's alignment.
            let folder = unsafe { folders.add(i).read_unaligned() };
            // SAFETY: the caller's promise.
            unsafe { text::optional_path(folder, &argument) }?
                .ok_or_else(|| Failure::argument(format!("{argument} is NULL")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;
    use std::sync::Mutex;

    use super::*;

    type Heard = Mutex<Vec<(String, i32)>>;

    /// # Safety
    /// `user_data` is a [`Heard`], and `model` a text.
    unsafe extern "C" fn hear(user_data: *mut c_void, model: *const c_char, begins: i32) {
        // SAFETY: the caller's promise.
        let (heard, model) = unsafe { (&*user_data.cast::<Heard>(), CStr::from_ptr(model)) };
        heard.lock().unwrap().push((model.to_str().unwrap().to_owned(), begins));
    }

    #[test]
    fn what_tensorrt_builds_reaches_the_callback_that_was_given_for_it() {
        let heard = Heard::default();
        let user_data = (&raw const heard).cast_mut().cast();
        let log = log(Home::new(), (None, std::ptr::null_mut()), (Some(hear), user_data));
        log.builds("rust-finder", true);
        log.builds("rust-finder", false);
        assert_eq!(*heard.lock().unwrap(), [("rust-finder".to_owned(), 1), ("rust-finder".to_owned(), 0)]);
    }
}
