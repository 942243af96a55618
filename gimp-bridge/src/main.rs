//! `gimp-derust`: Derust and Segment Rust in GIMP's menus, for GIMP 2.10, 3.0 and 3.2.
//!
//! GIMP starts this executable in a process of its own, once to ask what it offers and once for every run of a filter. It
//! is built without GIMP's headers and finds the functions of the GIMP that started it by name. A run goes through the
//! modules in this order:
//!
//! - `gimp`: GIMP's functions, safe to call; `gimp2` and `gimp3` are what differs between the generations
//! - `procedures`, `settings`: what is offered, and what the user asks for
//! - `run`: a run from its beginning to its end
//! - `pixels`: between GIMP's drawables and libderust's images
//! - `engine`, `canvas`: libderust, loaded from beside this executable when a filter runs
//! - `work`, `remove`, `segment`: the filters
//! - `dialog`: the dialog and its preview
//! - `outputs`: where the result goes
//! - `messages`, `problem`: what the user reads

mod canvas;
mod dialog;
mod engine;
mod gimp;
mod messages;
mod outputs;
mod pixels;
mod problem;
mod procedures;
mod remove;
mod run;
mod segment;
mod settings;
mod work;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    gimp::start(&arguments)
}
