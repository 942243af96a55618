//! Rust alone, to be laid over photographs.

use crate::colour::{Rgb, encode};
use crate::light::Light;
use crate::noise::Rng;
use crate::plane::Plane;
use crate::rust::{Habit, Rust};
use crate::shape::Body;
use crate::view::{View, sides};
use image::{GrayImage, Luma, Rgb as Pixel, RgbImage};

/// Rust without an object. Both pictures have the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RustTexture {
    /// Lit rust, sRGB, everywhere valid, darker and rougher the deeper it is.
    pub colour: RgbImage,
    /// How much of it covers what lies below, 0..255: pinholes, blooms or scabs, with soft or ragged borders.
    pub coverage: GrayImage,
}

/// Renders the rust number `seed`: blend `colour` over a photograph by `coverage / 255`. At least about 1 % of the
/// picture is covered, at most about 60 %.
///
/// # Panics
/// If `width` or `height` is 0.
pub fn texture(seed: u64, width: u32, height: u32) -> RustTexture {
    let (columns, rows) = sides(width, height);
    let mut habit = Habit::random(&mut Rng::new(seed, 42));
    habit.area = habit.area.max(0.01);
    let rust = Rust::new(habit, &mut Rng::new(seed, 43));
    let mut rng = Rng::new(seed, 41);
    let view = View::random(&mut rng, columns, rows, false);
    let flat = |value| Plane::filled(columns, rows, value);
    let body = Body { height: flat(0.0), weak: flat(0.0), open: flat(1.0), solid: flat(1.0) };
    let growth = rust.grow(&body, &view, rng.chance(0.5));
    let mut relief = flat(0.0);
    let mut albedo: Vec<Rgb> = Vec::with_capacity(columns * rows);
    for y in 0..rows {
        for x in 0..columns {
            let at = y * columns + x;
            let (u, v) = view.at(x as f32, y as f32);
            // Beside its patches the rust looks like their border, so that other masks can be used as well.
            let depth = growth.depth.data[at].max(-0.02) + 0.05;
            let (colour, height) = rust.look(u, v, depth, &view);
            relief.data[at] = height / view.pitch;
            albedo.push(colour);
        }
    }
    let strength = rng.range(0.45, 1.1);
    let direct = [0.95, 0.93, 0.88].map(|c| c * strength);
    let light = Light::new([rng.range(-0.8, 0.8), rng.range(-0.9, 0.2), 0.8], direct, 0.35 * strength);
    let at = |x: u32, y: u32| y as usize * columns + x as usize;
    let colour = RgbImage::from_fn(width, height, |x, y| {
        let slope = relief.slope(x as usize, y as usize);
        let lit = light.shade(albedo[at(x, y)], 0.0, false, slope, 1.0, 1.0);
        Pixel(encode(lit).map(|code| (code + 0.5) as u8))
    });
    let coverage = GrayImage::from_fn(width, height, |x, y| {
        let (core, stain) = (growth.core.data[at(x, y)], growth.stain.data[at(x, y)]);
        let covered = 1.0 - (1.0 - core) * (1.0 - 0.45 * stain);
        Luma([(covered * 255.0 + 0.5) as u8])
    });
    RustTexture { colour, coverage }
}
