//! What crosses the boundary of libderust.
//!
//! The types and constants here are those of `derust.h`, which is generated from them; their documentation is
//! written for readers of the header. Every struct that a caller hands over begins with `struct_size`, so that it can
//! grow: fields are only ever appended, and numbers never change their meaning.
//!
//! C programs link to libderust. Programs in Rust (the language) may [`load`] it instead, and get the same functions as a
//! [`Library`] whose layout has been compared with their own:
//!
//! ```no_run
//! let library = derust_interface::load(std::path::Path::new("/usr/lib/libderust.so.1"))?;
//! // SAFETY: a static text.
//! let version = unsafe { std::ffi::CStr::from_ptr(library.version()()) };
//! println!("derust {}", version.to_string_lossy());
//! # Ok::<(), derust_interface::LoadError>(())
//! ```

mod analysis;
mod engine;
mod filters;
mod image;
mod load;
mod report;
mod status;
mod table;

pub use analysis::*;
pub use engine::*;
pub use filters::*;
pub use image::*;
pub use load::*;
pub use report::*;
pub use status::*;
pub use table::*;

/// `struct_size` of a struct of this library.
const fn size<T>() -> u32 {
    size_of::<T>() as u32
}
