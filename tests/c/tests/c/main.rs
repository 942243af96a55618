//! libderust as programs in C, C++ and Rust see it.

mod door;
mod layout;
mod library_file;
mod programs;
