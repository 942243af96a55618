//! What an engine has: models, devices, the runtime.

use std::path::PathBuf;
use std::ptr::null_mut;

use derust_interface as c;

use crate::error::Error;
use crate::handle::Handle;
use crate::library::{Library, owned};
use crate::options::Device;

/// A filter that a model can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// None of them, or the file could not be read.
    Unknown,
    /// Picture to picture without rust.
    Derust,
    /// Picture to where the rust is.
    SegmentRust,
}

/// A model file, and whether it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// What it is for.
    pub filter: Filter,
    /// Whether it is used when a call names none.
    pub serves: bool,
    /// Its name; empty if it could not be read.
    pub name: String,
    /// Its version; empty if it could not be read.
    pub version: String,
    /// Path of the file, or `built in`.
    pub origin: String,
    /// Why it does not serve; empty when it does.
    pub reason: String,
    /// Where it runs, such as `cpu` or `cuda:0`, or is going to be tried; empty where that is not known.
    pub device: String,
    /// How much of it runs there, what runs elsewhere, and why devices that were tried are not used; empty before it ran.
    pub placement: String,
    /// Whether it was tried out with this runtime on this device; what was not may turn out not to serve.
    pub tried: bool,
    /// The SHA-256 of its content in hexadecimal digits, as a call may name it behind `sha256:`; empty if it could not be
    /// read, or the library is one that does not say it.
    pub digest: String,
}

/// What has become of an engine's calls. Later versions may add to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Pictures whose analysis began since the engine was made, each of a batch.
    pub calls: u64,
    /// Those that failed, other than by being stopped or by a picture that cannot be judged.
    pub failures: u64,
    /// Calls that wait now for others: for a session, for memory, for a network that another call loads.
    pub waiting: u64,
}

/// A device, and whether it can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What to ask an engine for; `None`: a kind that only a later library knows.
    pub device: Option<Device>,
    /// Whether an engine can be made for it.
    pub usable: bool,
    /// Whether this engine's networks run there, or the first one is going to be tried there.
    pub in_use: bool,
    /// `cpu`, `cuda` or `tensorrt`.
    pub name: String,
    /// Why it cannot be used; empty when it can.
    pub reason: String,
    /// Its maker's name for it; empty for the processor, and when it cannot be used.
    pub product: String,
}

/// The ONNX Runtime of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// Such as `1.32.0`.
    pub version: String,
    /// The library file.
    pub path: PathBuf,
}

/// # Safety
/// `engine` is an engine of the library's that lives.
pub(crate) unsafe fn models(library: Library, engine: *mut c::Engine) -> Result<Vec<ModelInfo>, Error> {
    let mut made = null_mut();
    // SAFETY: the caller's promise; `made` is where the list goes.
    library.call(|functions, error| unsafe { functions.engine_models()(engine, &mut made, error) })?;
    // SAFETY: the list is this function's own.
    unsafe { read_models(library, made) }
}

/// # Safety
/// `engine` is an engine of the library's that lives.
pub(crate) unsafe fn serving(library: Library, engine: *mut c::Engine) -> Result<Vec<ModelInfo>, Error> {
    let Some(serving) = library.functions().engine_serving() else { return Err(too_old()) };
    let mut made = null_mut();
    // SAFETY: the caller's promise; `made` is where the list goes.
    library.call(|_, error| unsafe { serving(engine, &mut made, error) })?;
    // SAFETY: the list is this function's own.
    unsafe { read_models(library, made) }
}

/// # Safety
/// `engine` is an engine of the library's that lives.
pub(crate) unsafe fn health(library: Library, engine: *mut c::Engine) -> Result<Health, Error> {
    let Some(health) = library.functions().engine_health() else { return Err(too_old()) };
    let mut told = c::Health::default();
    // SAFETY: the caller's promise, and the struct says its size.
    library.call(|_, error| unsafe { health(engine, &mut told, error) })?;
    Ok(Health { calls: told.calls, failures: told.failures, waiting: told.waiting })
}

fn too_old() -> Error {
    Error::argument("this libderust is too old to tell how an engine fares; install a newer one".into())
}

/// # Safety
/// `made` is a list of the library's that nobody else has.
unsafe fn read_models(library: Library, made: *mut c::Models) -> Result<Vec<ModelInfo>, Error> {
    let functions = library.functions();
    // SAFETY: the caller's promise.
    let list = unsafe { Handle::new(made, functions.models_free()) };
    // SAFETY: the list lives.
    let count = unsafe { functions.models_count()(list.pointer()) };
    let read = |index| {
        let mut model = c::Model::default();
        // SAFETY: the list lives, and the struct says its size.
        library.call(|functions, error| unsafe {
            functions.models_get()(list.pointer(), index, &mut model, error)
        })?;
        // SAFETY: texts of the list, which lives.
        let text = |text| unsafe { owned(text) };
        Ok(ModelInfo {
            filter: match model.filter {
                c::DERUST_FILTER_DERUST => Filter::Derust,
                c::DERUST_FILTER_SEGMENT_RUST => Filter::SegmentRust,
                _ => Filter::Unknown,
            },
            serves: model.serves != 0,
            name: text(model.name),
            version: text(model.version),
            origin: text(model.origin),
            reason: text(model.reason),
            device: text(model.device),
            placement: text(model.placement),
            tried: model.tried != 0,
            digest: text(model.digest),
        })
    };
    (0..count).map(read).collect()
}

/// # Safety
/// `engine` is an engine of the library's that lives.
pub(crate) unsafe fn devices(library: Library, engine: *mut c::Engine) -> Result<Vec<DeviceInfo>, Error> {
    let (functions, mut made) = (library.functions(), null_mut());
    // SAFETY: the caller's promise; `made` is where the list goes.
    library.call(|functions, error| unsafe { functions.engine_devices()(engine, &mut made, error) })?;
    // SAFETY: the list is this function's own, and of this kind.
    let list = unsafe { Handle::new(made, functions.devices_free()) };
    // SAFETY: the list lives.
    let count = unsafe { functions.devices_count()(list.pointer()) };
    let read = |index| {
        let mut device = c::Device::default();
        // SAFETY: the list lives, and the struct says its size.
        library.call(|functions, error| unsafe {
            functions.devices_get()(list.pointer(), index, &mut device, error)
        })?;
        // SAFETY: texts of the list, which lives.
        let text = |text| unsafe { owned(text) };
        Ok(DeviceInfo {
            device: match device.device {
                c::DERUST_DEVICE_CPU => Some(Device::Cpu),
                c::DERUST_DEVICE_CUDA => Some(Device::Cuda),
                c::DERUST_DEVICE_TENSORRT => Some(Device::TensorRt),
                _ => None,
            },
            usable: device.usable != 0,
            in_use: device.in_use != 0,
            name: text(device.name),
            reason: text(device.reason),
            product: text(device.product),
        })
    };
    (0..count).map(read).collect()
}

/// # Safety
/// `engine` is an engine of the library's that lives.
pub(crate) unsafe fn runtime(library: Library, engine: *mut c::Engine) -> Result<RuntimeInfo, Error> {
    let mut runtime = c::Runtime::default();
    // SAFETY: the caller's promise, and the struct says its size.
    library.call(|functions, error| unsafe { functions.engine_runtime()(engine, &mut runtime, error) })?;
    // SAFETY: the engine's texts, which lives.
    unsafe { Ok(RuntimeInfo { version: owned(runtime.version), path: owned(runtime.path).into() }) }
}
