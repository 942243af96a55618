//! What the networks learn from: photos with masks, augmented, and pairs made of them.

pub mod augment;
pub mod batches;
pub mod pairs;
pub mod photos;
pub mod plane;
pub mod rendered;

pub use photos::{Photo, PhotoSet};
pub use plane::Plane;
