//! Samples from the renderer: their masks are exact, and their clean side is known everywhere.

use derust_render::{Scene, Set};
use image::{GrayImage, RgbImage};
use rand::RngExt;

use crate::data::Plane;
use crate::data::pairs::Pair;
use crate::data::random::Random;

/// A scene and its labels, of which rust is the first class.
pub fn random_scene(side: usize, random: &mut Random) -> (Plane, Plane) {
    let scene = derust_render::scene(random.random(), side as u32, side as u32);
    (from_rgb(&scene.rusty), from_grey(&scene.mask))
}

/// Things that are brown or red but no rust, and their empty labels.
pub fn random_negative(side: usize, random: &mut Random) -> (Plane, Plane) {
    let clutter = derust_render::clutter(random.random(), side as u32, side as u32);
    (from_rgb(&clutter), Plane::filled(1, side, side, 0.0))
}

/// A scene with and without its rust.
pub fn random_pair(side: usize, random: &mut Random) -> Pair {
    pair_of(&derust_render::scene(random.random(), side as u32, side as u32))
}

/// A thing that has rusted for the most part or as a whole, with and without its rust: one of those to learn from.
pub fn random_object(side: usize, random: &mut Random) -> Pair {
    pair_of(&derust_render::object(Set::Training, random.random(), side as u32, side as u32).scene)
}

/// A rendered scene as a pair.
pub fn pair_of(scene: &Scene) -> Pair {
    let own = Plane::filled(1, scene.rusty.height() as usize, scene.rusty.width() as usize, 0.0);
    let (rusty, target) = (from_rgb(&scene.rusty), from_rgb(&scene.clean));
    Pair { rusty, target, pasted: from_grey(&scene.mask), own }
}

fn from_rgb(picture: &RgbImage) -> Plane {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let mut plane = Plane::filled(3, height, width, 0.0);
    let area = plane.area();
    for (i, pixel) in picture.pixels().enumerate() {
        for channel in 0..3 {
            plane.values[channel * area + i] = f32::from(pixel.0[channel]) / 255.0;
        }
    }
    plane
}

fn from_grey(picture: &GrayImage) -> Plane {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let values = picture.pixels().map(|pixel| if pixel.0[0] >= 128 { 1.0 } else { 0.0 }).collect();
    Plane { channels: 1, height, width, values }
}
