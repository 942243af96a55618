//! Everything that can be trained, and what belongs to a kind of training alone.

pub mod adversary;
pub mod calibrate;
pub mod derust;
pub mod grade;
pub mod preview;
pub mod recipe;
pub mod segment;
pub mod speed;
pub mod texture;
