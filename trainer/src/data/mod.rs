//! What the networks learn from: photos with labels, augmented, and pairs made of them.

pub mod augment;
pub mod batches;
pub mod check;
pub mod geometry;
pub mod mix;
pub mod pairs;
pub mod photos;
pub mod plane;
pub mod random;
pub mod recipe;
pub mod recolour;
pub mod removal;
pub mod rendered;
pub mod segmentation;
pub mod source;
pub mod stains;
pub mod textures;

pub use photos::{Photo, PhotoSet};
pub use plane::Plane;
pub use recipe::{Recipe, SampleOptions};

/// Long side at which photos are kept in memory, in pixels.
pub const LONG_SIDE: u32 = 512;
