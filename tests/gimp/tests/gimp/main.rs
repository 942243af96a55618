//! derust in real GIMPs.

mod headless;
mod startup;
mod window;
