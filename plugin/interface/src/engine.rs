//! The engine, and what it has to work with.

use std::ffi::{c_char, c_void};
use std::ptr::null;

/// Finds rust in pictures and takes it away. One engine serves any number of threads; networks are loaded when they
/// are first needed and kept. Freed with derust_engine_free().
#[derive(Debug)]
pub struct Engine {
    _opaque: [u8; 0],
}

/// Told what part of a call is done, 0 to 1, never less than before, on the thread of the call. An answer other than
/// 0 stops the call. It must not throw or jump out; it may use everything but the engine that is calling it.
pub type ProgressCallback = Option<unsafe extern "C" fn(user_data: *mut c_void, done: f32) -> i32>;

/// Given a message that would be lost otherwise: a DERUST_LOG_ level and a text of one line that is the callback's
/// until it returns. It must not throw or jump out, and must not use the engine that is calling it.
pub type LogCallback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: i32, message: *const c_char)>;

/// Told when a call begins (1) and ends (0) to wait for TensorRT, which builds an engine for the network of this name;
/// that can take minutes, once for a network, GPU and version. On the thread of that call; the name, UTF-8, is the
/// callback's until it returns. It must not throw or jump out, and must not use the engine that is calling it.
pub type BuildingCallback =
    Option<unsafe extern "C" fn(user_data: *mut c_void, model: *const c_char, begins: i32)>;

/// Something failed, and no call told.
pub const DERUST_LOG_ERROR: i32 = 1;
/// Something is not as it should be, and derust works on.
pub const DERUST_LOG_WARNING: i32 = 2;
/// Something that is good to know.
pub const DERUST_LOG_INFO: i32 = 3;

/// The first of TensorRT, CUDA and the processor that runs the network.
pub const DERUST_DEVICE_AUTOMATIC: i32 = 0;
/// The processor.
pub const DERUST_DEVICE_CPU: i32 = 1;
/// An NVIDIA GPU through CUDA.
pub const DERUST_DEVICE_CUDA: i32 = 2;
/// An NVIDIA GPU through TensorRT; what TensorRT does not know runs through CUDA.
pub const DERUST_DEVICE_TENSORRT: i32 = 3;

/// How an engine is set up. Texts are copied. Begin with DERUST_ENGINE_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// sizeof(derust_engine_options).
    pub struct_size: u32,
    /// A DERUST_DEVICE_ constant. One that is named and cannot be used is an error.
    pub device: i32,
    /// Which of several such devices, as CUDA counts them; 0 is the first one.
    pub device_id: u32,
    /// Threads that compute one network, at most 1024; 0: the processors that this process may use.
    pub threads: u32,
    /// Calls that one network serves at once, at most 1024; 0: 1. Further callers wait. Each takes memory of its
    /// own; a batch works on that many pictures at a time.
    pub sessions: u32,
    /// Number of model_folders.
    pub model_folder_count: u32,
    /// Folders of models, UTF-8, searched before all others; NULL if there are none.
    pub model_folders: *const *const c_char,
    /// 1: look for models nowhere else, not even among the built-in ones. 0: search everywhere.
    pub only_these_folders: u32,
    /// Pace at which the model folders are looked at for new, changed and gone files; 0: 2000, UINT32_MAX: never, other
    /// than by derust_engine_refresh().
    pub watch_milliseconds: u32,
    /// Path of the ONNX Runtime library, UTF-8. NULL: the one that this process uses already; else $ORT_DYLIB_PATH;
    /// else the one beside libderust (onnxruntime/ in its folder, or the folder itself), beside the program, or in
    /// the system's library folders. A process uses one; naming another is an error.
    pub runtime_library: *const c_char,
    /// Bytes that calls may use beside the caller's pictures; 0: no limit.
    pub memory_limit: u64,
    /// May be NULL. Called on the thread of the call that has something to say, or on the one that looks at the model
    /// folders; not necessarily by one thread at a time.
    pub log: LogCallback,
    /// Handed to log.
    pub log_user_data: *mut c_void,
    /// 1: a GPU may compute with the precision of float16, which is faster. 0: float32. The processor always computes
    /// in float32.
    pub half_precision: u32,
    /// 0.
    pub reserved: u32,
    /// Bytes of a GPU's memory that ONNX Runtime may hold for each network and session; 0: no limit.
    pub gpu_memory_limit: u64,
    /// May be NULL. Not necessarily called by one thread at a time.
    pub building: BuildingCallback,
    /// Handed to building.
    pub building_user_data: *mut c_void,
}

impl Default for EngineOptions {
    /// `DERUST_ENGINE_OPTIONS_INIT`
    fn default() -> Self {
        EngineOptions {
            struct_size: crate::size::<Self>(),
            device: DERUST_DEVICE_AUTOMATIC,
            device_id: 0,
            threads: 0,
            sessions: 0,
            model_folder_count: 0,
            model_folders: null(),
            only_these_folders: 0,
            watch_milliseconds: 0,
            runtime_library: null(),
            memory_limit: 0,
            log: None,
            log_user_data: std::ptr::null_mut(),
            half_precision: 0,
            reserved: 0,
            gpu_memory_limit: 0,
            building: None,
            building_user_data: std::ptr::null_mut(),
        }
    }
}

/// Stops calls from any thread. A handle may serve many calls at once, and again after a reset. Freed with
/// derust_cancel_free(), when no call uses it any more.
#[derive(Debug)]
pub struct Cancel {
    _opaque: [u8; 0],
}

/// A filter: picture to picture without rust.
pub const DERUST_FILTER_DERUST: i32 = 1;
/// A filter: picture to where the rust is.
pub const DERUST_FILTER_SEGMENT_RUST: i32 = 2;

/// The model files that an engine found, as they were when it was asked. Freed with derust_models_free().
#[derive(Debug)]
pub struct Models {
    _opaque: [u8; 0],
}

/// A model file. The texts belong to the list. Begin with DERUST_MODEL_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// sizeof(derust_model), set by the caller.
    pub struct_size: u32,
    /// A DERUST_FILTER_ constant; 0: none of them, or the file could not be read.
    pub filter: i32,
    /// 1: it is used when a call names none.
    pub serves: u32,
    /// 0.
    pub reserved: u32,
    /// Its name; "" if it could not be read.
    pub name: *const c_char,
    /// Its version; "" if it could not be read.
    pub version: *const c_char,
    /// Path of the file, or "built in".
    pub origin: *const c_char,
    /// Why it does not serve; "" when it does.
    pub reason: *const c_char,
    /// Where it runs: "cpu", or a GPU with its number such as "cuda:0" or "tensorrt:0". Before it was used: where it is
    /// going to be tried; "" where that is not known, because ONNX Runtime cannot be loaded.
    pub device: *const c_char,
    /// One line about where it runs: how much of the network, what runs elsewhere, and why devices that were tried are
    /// not used; "" before it was used.
    pub placement: *const c_char,
    /// 1: it was tried out with this runtime on this device. 0: not yet, so that what is said to serve may turn out not to.
    pub tried: u32,
    /// 0.
    pub reserved_2: u32,
    /// The SHA-256 of its content (the file and the manifest beside it) in 64 hexadecimal digits, as a call may name it
    /// behind "sha256:"; "" if it could not be read.
    pub digest: *const c_char,
}

impl Default for Model {
    /// `DERUST_MODEL_INIT`
    fn default() -> Self {
        Model {
            struct_size: crate::size::<Self>(),
            filter: 0,
            serves: 0,
            reserved: 0,
            name: null(),
            version: null(),
            origin: null(),
            reason: null(),
            device: null(),
            placement: null(),
            tried: 0,
            reserved_2: 0,
            digest: null(),
        }
    }
}

/// What has become of an engine's calls. Begin with DERUST_HEALTH_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// sizeof(derust_health), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Images whose analysis began since the engine was made, each of a batch.
    pub calls: u64,
    /// Those that failed, other than with DERUST_ERROR_CANCELLED or DERUST_ERROR_UNJUDGEABLE. What is refused before the
    /// analysis begins, such as a wrong argument, is no call.
    pub failures: u64,
    /// Calls that wait now for others: for a session, for memory, for a network that another call loads.
    pub waiting: u64,
}

impl Default for Health {
    /// `DERUST_HEALTH_INIT`
    fn default() -> Self {
        Health { struct_size: crate::size::<Self>(), reserved: 0, calls: 0, failures: 0, waiting: 0 }
    }
}

/// The devices that derust knows. Freed with derust_devices_free().
#[derive(Debug)]
pub struct Devices {
    _opaque: [u8; 0],
}

/// A device. The texts belong to the list. Begin with DERUST_DEVICE_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// sizeof(derust_device), set by the caller.
    pub struct_size: u32,
    /// A DERUST_DEVICE_ constant.
    pub device: i32,
    /// 1: an engine can be made for it.
    pub usable: u32,
    /// 1: networks of this engine run there; before one was used: the first one is going to be tried there.
    pub in_use: u32,
    /// "cpu", "cuda" or "tensorrt".
    pub name: *const c_char,
    /// Why it cannot be used; "" when it can.
    pub reason: *const c_char,
    /// Its maker's name for it; "" for the processor, and when it cannot be used.
    pub product: *const c_char,
}

impl Default for Device {
    /// `DERUST_DEVICE_INIT`
    fn default() -> Self {
        Device {
            struct_size: crate::size::<Self>(),
            device: 0,
            usable: 0,
            in_use: 0,
            name: null(),
            reason: null(),
            product: null(),
        }
    }
}

/// The ONNX Runtime that computes. Begin with DERUST_RUNTIME_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Runtime {
    /// sizeof(derust_runtime), set by the caller.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Such as "1.32.0"; owned by the engine.
    pub version: *const c_char,
    /// The library file; owned by the engine.
    pub path: *const c_char,
}

impl Default for Runtime {
    /// `DERUST_RUNTIME_INIT`
    fn default() -> Self {
        Runtime { struct_size: crate::size::<Self>(), reserved: 0, version: null(), path: null() }
    }
}
