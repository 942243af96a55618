//! derust measured and shown as its users run it: through the command, on picture files.
//!
//! [`overlap`] is the measure, `bin/validation` takes it on photos with known rust, and `bin/showcase` makes the
//! picture of the README. `cargo xtask verify` and `cargo xtask showcase` call the two.

pub mod overlap;
