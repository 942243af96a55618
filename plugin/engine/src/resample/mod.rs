//! From one scale to another, and what lies around a pixel: the loops over every pixel that are derust's own.
//!
//! `reduce` makes a host's pixels planar float32 at the scale that a network knows, `enlarge` reads planes of that scale at
//! the picture's, `window` looks around the pixels of a plane, `gaps` leaves out
//! those that do not count.

mod enlarge;
pub(crate) mod gaps;
mod reduce;
mod window;

pub(crate) use enlarge::Upsampler;
pub(crate) use reduce::{colours, coverage, smaller, working_size};
pub(crate) use window::{neighbours, window_max, window_mean};
