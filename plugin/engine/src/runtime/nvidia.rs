//! The NVIDIA driver: whether there is one, and which GPUs it has. Nothing of CUDA is linked to.

use std::ffi::{CStr, c_char, c_int};

use libloading::{Library, Symbol};

use super::library_file::loader_problem;

/// The driver's library, which comes with the driver and nothing else.
const DRIVER: &str = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };

/// A GPU that the driver knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gpu {
    /// Such as `NVIDIA H100 80GB HBM3`.
    pub(super) name: String,
    /// CUDA's compute capability, major and minor.
    pub(super) capability: (i32, i32),
}

/// The GPU with this number.
///
/// # Errors
/// Says why there is none: no driver, a driver that does not work, or fewer GPUs.
pub(super) fn gpu(id: u32) -> Result<Gpu, String> {
    gpu_of(DRIVER, id)
}

fn gpu_of(driver: &str, id: u32) -> Result<Gpu, String> {
    // SAFETY: loading runs the initialisers of the machine's GPU driver, as every program that uses the GPU does.
    let library = unsafe { Library::new(driver) }
        .map_err(|error| format!("there is no NVIDIA driver ({})", loader_problem(&error)))?;
    let gpu = Driver::of(&library)?.gpu(id);
    // Drivers do not like being unloaded.
    std::mem::forget(library);
    gpu
}

/// Functions of CUDA's driver API (cuda.h); each answers with 0 or the number of an error.
struct Driver<'a> {
    init: Symbol<'a, unsafe extern "C" fn(flags: u32) -> c_int>,
    count: Symbol<'a, unsafe extern "C" fn(count: *mut c_int) -> c_int>,
    get: Symbol<'a, unsafe extern "C" fn(device: *mut c_int, ordinal: c_int) -> c_int>,
    name: Symbol<'a, unsafe extern "C" fn(name: *mut c_char, length: c_int, device: c_int) -> c_int>,
    attribute: Symbol<'a, unsafe extern "C" fn(value: *mut c_int, attribute: c_int, device: c_int) -> c_int>,
    error_text: Symbol<'a, unsafe extern "C" fn(error: c_int, text: *mut *const c_char) -> c_int>,
}

/// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR` and `…_MINOR`.
const CAPABILITY: [c_int; 2] = [75, 76];

impl<'a> Driver<'a> {
    fn of(library: &'a Library) -> Result<Self, String> {
        let lacks =
            |error: libloading::Error| format!("{DRIVER} is no NVIDIA driver ({})", loader_problem(&error));
        // SAFETY: these are the types that cuda.h gives to the functions of these names, in every version.
        unsafe {
            Ok(Driver {
                init: library.get(b"cuInit").map_err(lacks)?,
                count: library.get(b"cuDeviceGetCount").map_err(lacks)?,
                get: library.get(b"cuDeviceGet").map_err(lacks)?,
                name: library.get(b"cuDeviceGetName").map_err(lacks)?,
                attribute: library.get(b"cuDeviceGetAttribute").map_err(lacks)?,
                error_text: library.get(b"cuGetErrorString").map_err(lacks)?,
            })
        }
    }

    fn gpu(&self, id: u32) -> Result<Gpu, String> {
        // SAFETY: it takes no pointer.
        self.check(unsafe { (self.init)(0) })?;
        let (mut count, mut device) = (0, 0);
        // SAFETY: the place for the count is good for this call.
        self.check(unsafe { (self.count)(&raw mut count) })?;
        let ordinal = c_int::try_from(id).ok().filter(|ordinal| *ordinal < count);
        let ordinal = ordinal.ok_or_else(|| match count {
            0 => "the NVIDIA driver finds no GPU".to_owned(),
            _ => format!("there is no GPU {id}: the NVIDIA driver finds {count}, counted from 0"),
        })?;
        // SAFETY: the place for the device is good for this call.
        self.check(unsafe { (self.get)(&raw mut device, ordinal) })?;
        let mut name: [c_char; 256] = [0; 256];
        // SAFETY: the buffer has one byte more than it is said to have, so that its last one stays zero.
        self.check(unsafe { (self.name)(name.as_mut_ptr(), 255, device) })?;
        // SAFETY: the buffer ends with a zero.
        let name = unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned();
        let mut capability = [0; 2];
        for (value, attribute) in capability.iter_mut().zip(CAPABILITY) {
            // SAFETY: the place for the value is good for this call.
            self.check(unsafe { (self.attribute)(value, attribute, device) })?;
        }
        Ok(Gpu { name, capability: (capability[0], capability[1]) })
    }

    fn check(&self, code: c_int) -> Result<(), String> {
        if code == 0 {
            return Ok(());
        }
        let mut text = std::ptr::null();
        // SAFETY: the place for the text is good for this call.
        let known = unsafe { (self.error_text)(code, &raw mut text) } == 0 && !text.is_null();
        // SAFETY: the driver gave a static text.
        let text = known.then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        Err(format!(
            "the NVIDIA driver does not work: {} (error {code})",
            text.as_deref().unwrap_or("unknown")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_driver_and_a_library_that_is_none_are_told_apart() {
        let absent = gpu_of("libcuda-that-nobody-has.so.1", 0).unwrap_err();
        assert!(absent.contains("no NVIDIA driver (libcuda-that-nobody-has.so.1"), "{absent}");
        let other = gpu_of("libc.so.6", 0).unwrap_err();
        assert!(other.contains("is no NVIDIA driver") && other.contains("cuInit"), "{other}");
    }
}
