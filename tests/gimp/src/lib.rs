//! derust in real GIMPs.
//!
//! A [`Gimp`] is started once for many tests, with the plug-in as `cargo xtask install-gimp` puts it, and told in
//! Script-Fu, GIMP's own language for scripts, what to do ([`script_fu`]). The words that differ between GIMP 2.10 and 3
//! are defined in `scheme/`, so that both do the same tests. What comes out is compared with what the engine makes of
//! the same pixels ([`expected`]).

pub mod desk;
pub mod expected;
pub mod gimp;
pub mod networks;
pub mod pictures;
pub mod screen;
pub mod script_fu;

pub use gimp::{Generation, Gimp, Window};
