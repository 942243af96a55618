//! The edge to libtorch: where tensors live. One binary serves machines with and without CUDA: it is linked to the CPU
//! libraries and opens `libtorch_cuda.so` when CUDA is asked for.

use anyhow::{Result, bail};
use tch::{Device, Kind};

/// Tells the allocator to keep what libtorch gives back, because the next step wants as much again. By its own habits
/// it hands large blocks to the system and gets them back page by page, which costs a step on the processor a sixth of
/// its time.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the allocator is the C library's")]
pub fn keep_memory() {
    // The most that the C library accepts.
    const LARGEST: libc::c_int = 32 << 20;
    // SAFETY: these set two numbers of the allocator, at the program's start.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST);
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
    }
}

/// Other systems' allocators keep memory by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_memory() {}

/// The device of this name: `cpu` or `cuda`.
///
/// # Errors
/// When the name is unknown or CUDA cannot be used; the text says why.
pub fn choose(name: &str) -> Result<Device> {
    match name {
        "cpu" => Ok(Device::Cpu),
        "cuda" => {
            open_cuda_library()?;
            if !tch::Cuda::is_available() {
                bail!("libtorch_cuda.so was found, but no CUDA device; use --device cpu");
            }
            Ok(Device::Cuda(0))
        }
        other => bail!("there is no device `{other}`; use cpu or cuda"),
    }
}

/// The kind of number that convolutions train in: `float32`, `bfloat16`, or `auto` for bfloat16 where the device has
/// units for it and `coarsest`, what the network bears, allows it.
///
/// # Errors
/// When the name is unknown.
pub fn precision(name: &str, coarsest: Kind, device: Device) -> Result<Kind> {
    match name {
        "float32" => Ok(Kind::Float),
        "bfloat16" => Ok(Kind::BFloat16),
        "auto" if device.is_cuda() || processor_has_bfloat16() => Ok(coarsest),
        "auto" => Ok(Kind::Float),
        other => bail!("there is no precision `{other}`; use float32, bfloat16 or auto"),
    }
}

/// The standard library's detection of these units is not stable yet.
fn processor_has_bfloat16() -> bool {
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    flags.split_whitespace().any(|flag| flag == "amx_bf16" || flag == "avx512_bf16")
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "opening libtorch's CUDA half is the runtime's edge of the trainer")]
fn open_cuda_library() -> Result<()> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the library is PyTorch's own; its initialisers register kernels with the libtorch that is loaded.
    let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
    match library {
        Ok(library) => {
            // The registered kernels stay in use until the process ends.
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => {
            bail!("CUDA cannot be used: {error}; put the folder of libtorch_cuda.so into LD_LIBRARY_PATH")
        }
    }
}

#[cfg(not(unix))]
fn open_cuda_library() -> Result<()> {
    Ok(())
}
