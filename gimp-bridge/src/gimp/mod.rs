//! GIMP: images, drawables, pixels, progress, procedures and windows, safe to use. What differs between the generations of
//! GIMP lies in a folder for each, behind [`Generation`]; nothing else knows which one it is.

mod buffers;
mod controls;
mod functions;
mod generation;
mod images;
mod procedure;
mod three;
mod two;
mod view;

pub use buffers::Buffer;
pub use controls::{Controls, Entry};
pub use generation::{Generation, is_installed, serve};
pub use images::{Gimp, Visible};
pub use procedure::{About, Call, Ending, Offer, Parameter, ParameterKind, Procedure, Return, Value};
pub use three::Three;
pub use two::Two;
pub use view::{Port, View};

/// How much of a new channel is seen, in percent.
const OPACITY: f64 = 50.0;
