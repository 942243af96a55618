//! What crosses the boundary of libderust.
//!
//! The types and constants here are those of `derust.h`, which is generated from them; their documentation is
//! written for readers of the header. Every struct that a caller hands over begins with `struct_size`, so that it can
//! grow: fields are only ever appended, and numbers never change their meaning.

mod analysis;
mod engine;
mod filters;
mod image;
mod report;
mod status;

pub use analysis::*;
pub use engine::*;
pub use filters::*;
pub use image::*;
pub use report::*;
pub use status::*;

/// `struct_size` of a struct of this library.
const fn size<T>() -> u32 {
    size_of::<T>() as u32
}
