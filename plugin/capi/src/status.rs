//! Versions, and names for numbers.

use std::ffi::c_char;

use derust_interface::*;

/// The ABI that the library has: DERUST_ABI of the header that it was built with.
#[unsafe(no_mangle)]
pub extern "C" fn derust_abi_version() -> u32 {
    DERUST_ABI
}

/// The library's version, such as "0.1.0". Static.
#[unsafe(no_mangle)]
pub extern "C" fn derust_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// The name of a status, such as "DERUST_ERROR_IMAGE"; of a number that this version does not know
/// "unknown derust status". Static, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn derust_status_name(status: Status) -> *const c_char {
    macro_rules! name {
        ($($status:ident),*) => {
            match status {
                $($status => concat!(stringify!($status), "\0"),)*
                _ => "unknown derust status\0",
            }
        };
    }
    let name = name!(
        DERUST_OK,
        DERUST_ERROR_ARGUMENT,
        DERUST_ERROR_IMAGE,
        DERUST_ERROR_FORMAT,
        DERUST_ERROR_OVERLAP,
        DERUST_ERROR_MODEL,
        DERUST_ERROR_RUNTIME,
        DERUST_ERROR_DEVICE,
        DERUST_ERROR_MEMORY,
        DERUST_ERROR_CANCELLED,
        DERUST_ERROR_FORKED,
        DERUST_ERROR_REENTERED,
        DERUST_ERROR_INTERNAL,
        DERUST_ERROR_UNJUDGEABLE,
        DERUST_ERROR_TIMEOUT
    );
    name.as_ptr().cast()
}
