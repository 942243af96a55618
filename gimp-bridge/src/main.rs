//! `gimp-derust`: Derust and Segment Rust in GIMP's menus, for GIMP 2.10, 3.0 and 3.2.
//!
//! GIMP starts this executable in a process of its own, once to ask what it offers and once for every run of a filter. It
//! is built without GIMP's headers and finds the functions of the GIMP that started it by name. From the ground up:
//!
//! - `text`: what the user reads, in the user's language
//! - `pixels`: what lies between GIMP's drawables and libderust's images
//! - `gimp`: GIMP, safe to use; `two` and `three` hold what differs between the generations
//! - `filter`: the filters: what they offer, how they work (with libderust, loaded from beside this executable), and where
//!   results go
//! - `dialog`: the dialog and its preview
//! - `plug_in`: how GIMP starts the process, and a run of a filter from its beginning to its end

mod dialog;
mod filter;
mod gimp;
mod pixels;
mod plug_in;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    plug_in::start(&arguments)
}
