//! Finds rust in pictures and takes it away.

#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod runtime;
