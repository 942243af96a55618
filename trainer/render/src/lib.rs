//! Procedural pictures of metal with and without rust: data for training, tests that need no photographs, and the
//! sample picture of the documentation. Everything follows from a seed, bit for bit on every platform.
//!
//! The way of a picture: `view` says where a pixel looks, `shape` what stands there, `metal` what it is made of,
//! `rust` what has happened to it, `light` what reaches the camera, `camera` what it makes of that; [`scene`()]
//! puts them together. [`clutter`()] shows things that only look like rust, [`texture`()] rust alone.
#![forbid(unsafe_code)]

mod camera;
mod clutter;
mod colour;
mod light;
mod metal;
mod noise;
mod plane;
mod rust;
mod scene;
mod shape;
mod texture;
mod view;

pub use clutter::clutter;
pub use scene::{ObjectScene, Scene, Set, object, sample, scene};
pub use texture::{RustTexture, texture};
