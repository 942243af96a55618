//! The devices that derust knows.

use std::ffi::CString;

use derust_engine::DeviceEntry;
use derust_engine::runtime::Provider;
use derust_interface::*;

use crate::failure::Failure;
use crate::handle::{self, Handle, Slot};
use crate::text::c_string;
use crate::{engine, guard, sized};

pub(crate) struct ListedDevice {
    device: i32,
    in_use: bool,
    name: CString,
    /// Empty where it can be used.
    reason: CString,
    product: CString,
}

// SAFETY: `derust_devices` pointers are made by `handle::give` from this type alone.
unsafe impl Handle for Devices {
    type Inside = Vec<ListedDevice>;
}

impl From<DeviceEntry> for ListedDevice {
    fn from(DeviceEntry { state, in_use }: DeviceEntry) -> Self {
        let (device, product) = match state.provider {
            Provider::Cpu => (DERUST_DEVICE_CPU, ""),
            Provider::Cuda => (DERUST_DEVICE_CUDA, &*state.name),
            Provider::TensorRt => (DERUST_DEVICE_TENSORRT, &*state.name),
        };
        ListedDevice {
            device,
            in_use,
            name: c_string(state.provider.word()),
            reason: c_string(state.problem.as_deref().unwrap_or_default()),
            product: c_string(product),
        }
    }
}

/// Lists the devices that derust knows, why one cannot be used, and which ones this engine uses. Loads ONNX Runtime if it
/// was not loaded yet.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `devices` is where the list goes; `error` is NULL or where an
/// error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_engine_devices(
    engine: *mut Engine,
    devices: *mut *mut Devices,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let slot = unsafe { Slot::new(devices, "devices") }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        let entries = entered.engine.devices().map_err(derust_engine::Error::from)?;
        slot.fill(entries.into_iter().map(ListedDevice::from).collect());
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// The number of devices in a list; 0 for NULL.
///
/// # Safety
/// `devices` is NULL or a list that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_devices_count(devices: *const Devices) -> u64 {
    // SAFETY: the caller's promise.
    guard::quietly(0, || unsafe { handle::borrow(devices) }.map_or(0, |list| list.len() as u64))
}

/// Reads one device of a list.
///
/// # Safety
/// `devices` is NULL or a list that was not freed; `device` is NULL or a struct that says its size; `error` is NULL
/// or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_devices_get(
    devices: *const Devices,
    index: u64,
    device: *mut Device,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let list = unsafe { handle::required(devices, "devices") }?;
        let entry = entry(list, index, "devices")?;
        let value = Device {
            device: entry.device,
            usable: u32::from(entry.reason.is_empty()),
            in_use: u32::from(entry.in_use),
            name: entry.name.as_ptr(),
            reason: entry.reason.as_ptr(),
            product: entry.product.as_ptr(),
            ..Device::default()
        };
        // SAFETY: the caller's promise.
        unsafe { sized::write(device, &value, "device") }
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Frees a list of devices; NULL is fine.
///
/// # Safety
/// `devices` is NULL or a list that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_devices_free(devices: *mut Devices) {
    // SAFETY: the caller's promise.
    guard::quietly((), || drop(unsafe { handle::take(devices) }));
}

/// One entry of a list that the caller counts from zero.
pub(crate) fn entry<'a, T>(list: &'a [T], index: u64, name: &str) -> Result<&'a T, Failure> {
    usize::try_from(index).ok().and_then(|i| list.get(i)).ok_or_else(|| {
        Failure::argument(format!("index is {index}; {name} has {} entries, counted from 0", list.len()))
    })
}
