//! libderust: the engine behind a C ABI.
//!
//! One file for each noun of the header, checks and conversions only; what a function does, and who owns what, stands
//! at the function, from where it goes into `derust.h`. Every function goes the same way:
//!
//! 1. `guard::call` catches panics and makes an error object of a failure;
//! 2. `handle`, `sized`, `text` and `image` turn what C gave into what Rust trusts, and name what cannot be right;
//! 3. the engine's handle is entered, which refuses a forked process and a callback that comes back;
//! 4. the engine works.
//!
//! All functions may be called from any number of threads, except that a handle must not be freed while a call is
//! made with it.

mod analysis;
mod batch;
mod camera;
mod cancel;
mod devices;
mod engine;
mod error;
mod failure;
mod guard;
mod handle;
mod health;
mod image;
mod info;
mod look;
mod models;
mod own_file;
mod remove;
mod report;
mod runtime;
mod segment;
mod sized;
mod status;
mod table;
mod text;
mod warm_up;
mod watch;
