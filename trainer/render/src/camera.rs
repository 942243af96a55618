//! From light to codes: exposure, contrast, blur, grain, sRGB.

use crate::colour::{Rgb, encode, luminance};
use crate::noise::{Rng, hash};

/// A camera and its shortcomings.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    /// Mean luminance that exposure aims at.
    pub key: f32,
    /// 0 none .. 1 strong S-curve.
    pub contrast: f32,
    /// Weight of the neighbours, 0 (sharp) .. 1.
    pub blur: f32,
    /// Standard deviation of the grain, sRGB codes.
    pub grain: f32,
    /// Darkening of the corners, 0..1.
    pub vignette: f32,
    /// White balance.
    pub balance: Rgb,
    /// Seed of the grain.
    pub seed: u32,
}

impl Camera {
    /// A random camera.
    pub fn random(rng: &mut Rng) -> Self {
        let warm = rng.range(-0.12, 0.14);
        Self {
            key: rng.range(0.12, 0.38),
            contrast: if rng.chance(0.6) { rng.range(0.0, 0.9) } else { 0.0 },
            blur: if rng.chance(0.6) { rng.range(0.0, 1.0) } else { 0.15 },
            grain: rng.range(0.3, 3.2) * rng.range(0.3, 1.0),
            vignette: if rng.chance(0.4) { rng.range(0.0, 0.5) } else { 0.0 },
            balance: [1.0 + warm, 1.0, 1.0 - warm],
            seed: rng.seed(),
        }
    }

    /// The factor that brings the mean luminance of `light` to the key.
    pub fn exposure(&self, light: &[Rgb]) -> f32 {
        // Highlights count as what the film can hold, so that they do not darken the rest.
        let sum: f32 = light.iter().map(|&c| luminance(c).min(1.0)).sum();
        self.key / (sum / light.len().max(1) as f32).max(0.02)
    }

    /// The light after the lens: one binomial 3x3 filter of the given weight.
    pub fn lens<const N: usize>(&self, mut light: Vec<[f32; N]>, width: usize) -> Vec<[f32; N]> {
        let side = 0.25 * self.blur;
        let middle = 1.0 - 2.0 * side;
        let filter = |a: [f32; N], b: [f32; N], c: [f32; N]| -> [f32; N] {
            std::array::from_fn(|i| side * (a[i] + c[i]) + middle * b[i])
        };
        for row in light.chunks_mut(width) {
            let mut left = row[0];
            for x in 0..width {
                let here = row[x];
                row[x] = filter(left, here, row[(x + 1).min(width - 1)]);
                left = here;
            }
        }
        let mut above: Vec<[f32; N]> = light[..width].to_vec();
        for at in 0..light.len() {
            let here = light[at];
            let below = light.get(at + width).copied().unwrap_or(here);
            light[at] = filter(above[at % width], here, below);
            above[at % width] = here;
        }
        light
    }

    /// One pixel's sRGB codes. The same grain falls on every picture that this camera takes.
    pub fn develop(&self, light: Rgb, exposure: f32, x: usize, y: usize, size: (usize, usize)) -> [u8; 3] {
        let (dx, dy) = (x as f32 / size.0 as f32 - 0.5, y as f32 / size.1 as f32 - 0.5);
        let corner = 1.0 - self.vignette * 2.0 * (dx * dx + dy * dy);
        let exposed: Rgb = std::array::from_fn(|c| light[c] * self.balance[c] * exposure * corner);
        // A shoulder that rolls highlights off instead of clipping them.
        let rolled = exposed.map(|c| if c < 0.7 { c } else { 0.7 + 0.3 * (c - 0.7) / (c - 0.4) });
        let codes = encode(rolled);
        let shared = hash(x as i32, y as i32, self.seed);
        let single = hash(shared as i32, 1, self.seed);
        let byte = |h: u32, at: usize| ((h >> (8 * at)) & 255) as f32 / 255.0 - 0.5;
        let shared_noise = byte(shared, 0) + byte(shared, 1) + byte(shared, 2) + byte(shared, 3);
        std::array::from_fn(|c| {
            let t = codes[c] / 255.0;
            let curved = t + self.contrast * t * (1.0 - t) * (2.0 * t - 1.0);
            let grain = self.grain * (1.2 * shared_noise + 1.7 * byte(single, c));
            (curved * 255.0 + grain + 0.5).clamp(0.0, 255.0) as u8
        })
    }
}
