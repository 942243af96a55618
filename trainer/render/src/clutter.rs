//! Things that have the colours of rust and are none: wood, brick, soil, leaves, paint, sunset, terracotta, leather;
//! also the backgrounds of scenes.

use crate::camera::Camera;
use crate::colour::{Rgb, mix, ramp, scale, srgb, vary};
use crate::noise::{Rng, fbm, gradient, hash, octaves, smoothstep, to_unit, worley};
use crate::view::{View, sides};
use image::{Rgb as Pixel, RgbImage};

#[derive(Clone, Copy, Debug)]
enum Material {
    Wood,
    Brick,
    Soil,
    Leaves,
    Paint,
    Sunset,
    Terracotta,
    Leather,
    Concrete,
    Meadow,
}

/// One kind of clutter with its colours.
#[derive(Clone, Debug)]
pub struct Clutter {
    kind: Material,
    colours: [Rgb; 4],
    rate: f32,
    rough: f32,
    seed: u32,
}

const BROWNISH: [Material; 8] = [
    Material::Wood,
    Material::Brick,
    Material::Soil,
    Material::Leaves,
    Material::Paint,
    Material::Sunset,
    Material::Terracotta,
    Material::Leather,
];

impl Clutter {
    /// Anything that may stand behind an object.
    pub fn random(rng: &mut Rng) -> Self {
        let kind = match rng.below(8) {
            0..=1 => Material::Concrete,
            2..=3 => Material::Meadow,
            4 => Material::Sunset,
            _ => rng.pick(&BROWNISH),
        };
        Self::of(kind, rng)
    }

    fn of(kind: Material, rng: &mut Rng) -> Self {
        let colours = match kind {
            Material::Wood => rng.pick(&[
                [srgb(168, 118, 72), srgb(124, 78, 44), srgb(196, 150, 98), srgb(62, 40, 26)],
                [srgb(120, 66, 38), srgb(82, 42, 26), srgb(150, 90, 54), srgb(40, 24, 18)],
                [srgb(146, 130, 112), srgb(108, 94, 80), srgb(172, 158, 140), srgb(58, 50, 44)],
            ]),
            Material::Brick => rng.pick(&[
                [srgb(158, 74, 52), srgb(124, 54, 42), srgb(186, 104, 74), srgb(178, 170, 158)],
                [srgb(136, 66, 44), srgb(98, 52, 42), srgb(160, 96, 66), srgb(120, 114, 106)],
            ]),
            Material::Soil => rng.pick(&[
                [srgb(120, 84, 58), srgb(82, 56, 40), srgb(158, 120, 88), srgb(140, 132, 122)],
                [srgb(164, 92, 56), srgb(122, 62, 38), srgb(190, 126, 84), srgb(110, 96, 86)],
            ]),
            Material::Leaves => [srgb(176, 98, 34), srgb(124, 58, 26), srgb(206, 152, 58), srgb(64, 42, 26)],
            Material::Paint => {
                let first = rng.pick(&[
                    srgb(186, 54, 36),
                    srgb(216, 108, 34),
                    srgb(124, 70, 40),
                    srgb(150, 46, 40),
                    srgb(200, 136, 60),
                ]);
                let second =
                    rng.pick(&[srgb(226, 222, 212), srgb(60, 64, 70), srgb(116, 60, 36), srgb(210, 172, 60)]);
                [first, second, scale(first, 1.2), scale(first, 0.6)]
            }
            Material::Sunset => {
                [srgb(90, 74, 104), srgb(214, 118, 66), srgb(246, 190, 110), srgb(40, 32, 38)]
            }
            Material::Terracotta => {
                [srgb(190, 106, 72), srgb(164, 84, 56), srgb(208, 134, 100), srgb(214, 190, 172)]
            }
            Material::Leather => rng.pick(&[
                [srgb(126, 72, 42), srgb(88, 46, 28), srgb(154, 96, 58), srgb(50, 28, 20)],
                [srgb(92, 46, 34), srgb(62, 30, 24), srgb(120, 66, 48), srgb(36, 20, 16)],
            ]),
            Material::Concrete => {
                [srgb(160, 156, 148), srgb(126, 122, 116), srgb(190, 186, 176), srgb(84, 82, 78)]
            }
            Material::Meadow => [srgb(96, 122, 60), srgb(60, 84, 40), srgb(150, 160, 92), srgb(120, 104, 76)],
        };
        Self {
            kind,
            colours: colours.map(|colour| vary(rng, colour, 0.18)),
            rate: rng.range(0.6, 1.8),
            rough: rng.range(0.6, 1.4),
            seed: rng.seed(),
        }
    }

    /// The colour at (u, v) with detail down to two pixels of `pitch`.
    pub fn at(&self, u: f32, v: f32, pitch: f32) -> Rgb {
        let [first, second, third, fourth] = self.colours;
        let seed = self.seed;
        let (u, v) = (u * self.rate, v * self.rate);
        let broad = fbm(u * 3.0, v * 3.0, octaves(3.0, pitch, 3), seed);
        let grain = self.rough * fbm(u * 40.0, v * 40.0, octaves(40.0, pitch, 3), seed ^ 1);
        match self.kind {
            Material::Wood => {
                let board = (v * 4.0).floor();
                let shift = to_unit(hash(board as i32, 0, seed)) * 9.0;
                let edge = (v * 4.0 - board).min(1.0 - (v * 4.0 - board));
                let bend = v * 4.0 + 0.2 * gradient(u * 0.9 + shift, v * 4.0, seed ^ 2);
                let ring = gradient(u * 0.8 + shift, bend * 9.0, seed ^ 3);
                let fibre = gradient(u * 5.0 + shift, v * 160.0, seed ^ 4);
                let tone = mix(first, second, smoothstep(-0.9, 0.9, 0.8 * ring + 0.5 * fibre));
                let tone = mix(tone, third, 0.35 * smoothstep(0.2, 0.9, -ring + 0.4 * fibre + shift * 0.05));
                mix(fourth, tone, smoothstep(0.0, 0.03, edge))
            }
            Material::Brick | Material::Terracotta => {
                let (wide, high) =
                    if matches!(self.kind, Material::Brick) { (0.3, 0.105) } else { (0.32, 0.32) };
                let row = (v / high).floor();
                let shift =
                    if matches!(self.kind, Material::Brick) { 0.5 * (row as i32 & 1) as f32 } else { 0.0 };
                let column = (u / wide + shift).floor();
                let (x, y) = ((u / wide + shift - column) * wide, v - row * high);
                let edge = x.min(wide - x).min(y.min(high - y)) + 0.003 * grain;
                let h = hash(column as i32, row as i32, seed);
                let tone = ramp(&[second, first, third], to_unit(h) * 0.7 + 0.15 + 0.2 * broad);
                let tone = scale(tone, 1.0 + 0.22 * grain);
                let lit = 1.0 + 0.2 * smoothstep(0.012, 0.004, y) - 0.25 * smoothstep(0.014, 0.004, high - y);
                mix(scale(fourth, 1.0 + 0.2 * grain), scale(tone, lit), smoothstep(0.004, 0.009, edge))
            }
            Material::Soil | Material::Concrete => {
                let stone = worley(u * 22.0 + 0.3 * grain, v * 22.0 + 0.4 * broad, seed ^ 5);
                let pebble = to_unit(stone.id) > 0.87 && matches!(self.kind, Material::Soil);
                let tone = ramp(&[second, first, third], 0.5 + 0.6 * broad + 0.35 * grain);
                if pebble {
                    let dome = smoothstep(0.4, 0.1, stone.first);
                    mix(
                        tone,
                        mix(
                            tone,
                            scale(fourth, 0.5 + 0.5 * dome + 0.3 * grain),
                            0.35 + 0.5 * to_unit(stone.id << 9),
                        ),
                        smoothstep(0.38, 0.32, stone.first),
                    )
                } else {
                    tone
                }
            }
            Material::Meadow => {
                let blade = gradient(u * 60.0 + 3.0 * broad, v * 14.0, seed ^ 6);
                scale(
                    ramp(&[second, first, third, fourth], 0.4 + 0.7 * broad + 0.2 * grain),
                    1.0 + 0.3 * blade,
                )
            }
            Material::Leaves => {
                // Layers of fallen leaves, the upper ones hide the lower ones.
                let mut colour = scale(fourth, 0.6 + 0.3 * grain);
                for layer in 0..3u32 {
                    let (a, b) = (u * 9.0 + 5.3 * layer as f32, v * 9.0 + 0.25 * grain);
                    let leaf = worley(a, b, seed ^ (60 + layer));
                    let tilt = to_unit(leaf.id) * 2.0 - 1.0;
                    let shape =
                        leaf.first * (1.0 + 0.35 * gradient(a * 2.0 + tilt, b * 2.0, leaf.id)) + 0.05 * grain;
                    let tone =
                        ramp(&[second, first, third], to_unit(leaf.id << 8) + 0.25 * grain + 0.2 * broad);
                    let lit = (1.1 - 0.7 * shape) * (0.75 + 0.25 * layer as f32 / 2.0);
                    colour = mix(scale(colour, 0.93), scale(tone, lit), smoothstep(0.46, 0.42, shape));
                }
                colour
            }
            Material::Paint => {
                let stripe = gradient(0.4, v * 1.6 + 0.2 * u, seed ^ 7);
                let tone = if stripe > 0.12 { second } else { first };
                let brush = gradient(u * 4.0, v * 90.0, seed ^ 8);
                let chip = smoothstep(0.5, 0.53, broad + 0.3 * grain);
                let tone = mix(tone, fourth, 0.5 * chip);
                scale(tone, 1.0 + 0.08 * broad + 0.05 * brush + 0.04 * grain)
            }
            Material::Sunset => {
                let height = v + 0.5 + 0.25 * broad;
                let skyline = 0.32 + 0.1 * gradient((u * 6.0).floor() + 0.5, 0.3, seed ^ 9);
                let sky =
                    ramp(&[first, second, third], height * 1.1 + 0.15 * fbm(u * 2.0, v * 9.0, 3, seed ^ 10));
                if v > skyline { scale(fourth, 1.0 + 0.4 * grain) } else { sky }
            }
            Material::Leather => {
                let pore = worley(u * 48.0 + 0.4 * grain, v * 48.0, seed ^ 11);
                let crease = smoothstep(0.0, 0.25, pore.second - pore.first);
                let fold = smoothstep(0.06, 0.0, (broad + 0.1 * grain).abs());
                let tone = ramp(&[second, first, third], 0.5 + 0.5 * broad);
                let stitch = (v - 0.21).abs() < 0.006 && (u * 24.0 - (u * 24.0).floor()) < 0.6;
                let tone = scale(tone, (0.72 + 0.28 * crease) * (1.0 - 0.4 * fold));
                if stitch { third } else { mix(tone, fourth, 0.25 * fold) }
            }
        }
        .map(|c| c.clamp(0.003, 0.95))
    }
}

/// Renders the clutter number `seed`: brown and red things without any rust, sRGB.
///
/// # Panics
/// If `width` or `height` is 0.
pub fn clutter(seed: u64, width: u32, height: u32) -> RgbImage {
    let mut rng = Rng::new(seed, 21);
    let (columns, rows) = sides(width, height);
    let thing = {
        let kind = rng.pick(&BROWNISH);
        Clutter::of(kind, &mut rng)
    };
    let level = !matches!(thing.kind, Material::Sunset | Material::Brick);
    let upright = !level || rng.chance(0.5);
    let view = View::random(&mut rng, columns, rows, upright);
    let reach = crate::light::Light::random(&mut Rng::new(seed, 24)).reach(&view);
    let camera = Camera::random(&mut Rng::new(seed, 25));
    // Dark browns are what is mistaken for rust most easily.
    let camera = Camera { key: 0.65 * camera.key, ..camera };
    let light: Vec<Rgb> = (0..columns * rows)
        .map(|at| {
            let (u, v) = view.at((at % columns) as f32, (at / columns) as f32);
            let lit = if matches!(thing.kind, Material::Sunset) { 1.0 } else { 0.3 + 0.7 * reach.data[at] };
            scale(thing.at(u, v, view.pitch), lit)
        })
        .collect();
    let exposure = camera.exposure(&light);
    let seen = camera.lens(light, columns);
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (x as usize, y as usize);
        Pixel(camera.develop(seen[y * columns + x], exposure, x, y, (columns, rows)))
    })
}
