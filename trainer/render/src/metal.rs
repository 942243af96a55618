//! Sound metal and its coatings: colour, shine and fine relief, with wear and dirt that are not rust.

use crate::colour::{Rgb, mix, scale, srgb, vary};
use crate::noise::{Rng, fbm, gradient, octaves, smoothstep, to_unit, worley};
use crate::plane::Plane;
use crate::view::View;

/// What a surface is like at one place.
#[derive(Clone, Copy, Debug)]
pub struct Finish {
    /// Reflectance, linear light.
    pub albedo: Rgb,
    /// Shine, 0 (matt) .. 1 (mirror-like).
    pub gloss: f32,
    /// Fine relief in surface units.
    pub height: f32,
}

#[derive(Clone, Copy, Debug)]
enum Coating {
    Painted,
    Primer,
    Brushed,
    Galvanised,
    Cast,
    MillScale,
    Aluminium,
    Hammered,
    Enamel,
}

/// A metal or coating.
#[derive(Clone, Debug)]
pub struct Metal {
    kind: Coating,
    base: Rgb,
    second: Rgb,
    dirt: Rgb,
    gloss: f32,
    bump: f32,
    dirt_amount: f32,
    wear: f32,
    stripe: Option<(f32, f32, Rgb)>,
    scratches: f32,
    seed: u32,
}

/// Common paint colours of machines, ships, bridges, doors and cars (sRGB).
const PAINTS: [(u8, u8, u8); 22] = [
    (214, 213, 206),
    (232, 232, 228),
    (186, 190, 188),
    (141, 146, 149),
    (96, 104, 108),
    (54, 60, 64),
    (30, 84, 150),
    (62, 128, 178),
    (112, 172, 190),
    (28, 58, 94),
    (34, 96, 70),
    (92, 134, 88),
    (150, 168, 132),
    (72, 80, 52),
    (212, 172, 44),
    (200, 190, 150),
    (168, 40, 36),
    (196, 92, 34),
    (120, 60, 66),
    (44, 40, 44),
    (84, 150, 146),
    (206, 200, 182),
];

impl Metal {
    /// A random metal or coating that networks learn from.
    pub fn random(rng: &mut Rng) -> Self {
        let kind = match rng.below(16) {
            0..=6 => Coating::Painted,
            7 => Coating::Primer,
            8..=9 => Coating::Brushed,
            10..=11 => Coating::Galvanised,
            12 => Coating::Cast,
            13 => Coating::MillScale,
            _ => Coating::Aluminium,
        };
        Self::of(kind, rng)
    }

    /// A random coating that networks are measured on: none that they learn from.
    pub fn to_measure(rng: &mut Rng) -> Self {
        let kind = rng.pick(&[Coating::Hammered, Coating::Enamel]);
        Self::of(kind, rng)
    }

    fn of(kind: Coating, rng: &mut Rng) -> Self {
        let paint = |rng: &mut Rng| {
            let (r, g, b) = rng.pick(&PAINTS);
            vary(rng, srgb(r, g, b), 0.22)
        };
        let base = match kind {
            Coating::Painted | Coating::Hammered | Coating::Enamel => paint(rng),
            Coating::Primer => {
                let tone = rng.pick(&[srgb(126, 66, 52), srgb(140, 142, 138), srgb(150, 120, 92)]);
                vary(rng, tone, 0.2)
            }
            Coating::Brushed => vary(rng, srgb(176, 176, 174), 0.25),
            Coating::Galvanised => vary(rng, srgb(168, 174, 178), 0.2),
            Coating::Cast => vary(rng, srgb(78, 76, 74), 0.35),
            Coating::MillScale => vary(rng, srgb(74, 82, 92), 0.35),
            Coating::Aluminium => vary(rng, srgb(196, 197, 196), 0.15),
        };
        Self {
            kind,
            base,
            second: paint(rng),
            dirt: vary(rng, srgb(88, 78, 62), 0.35),
            gloss: match kind {
                Coating::Painted => rng.range(0.05, 0.8),
                Coating::Primer | Coating::Cast => rng.range(0.0, 0.15),
                Coating::Enamel => rng.range(0.7, 1.0),
                _ => rng.range(0.3, 0.9),
            },
            bump: rng.range(0.3, 1.6),
            dirt_amount: rng.pick(&[0.0, 0.1, 0.3, 0.5, 0.8]) * rng.range(0.6, 1.2),
            wear: if rng.chance(0.3) { rng.range(0.1, 0.6) } else { 0.0 },
            stripe: rng.chance(0.12).then(|| {
                let colour =
                    rng.pick(&[srgb(230, 230, 226), srgb(24, 24, 26), srgb(222, 184, 40), srgb(178, 44, 38)]);
                (rng.range(-0.3, 0.3), rng.range(0.03, 0.12), colour)
            }),
            scratches: if rng.chance(0.5) { rng.range(0.2, 1.0) } else { 0.0 },
            seed: rng.seed(),
        }
    }

    /// The same surface, without paint and stripes: the grey of clean steel.
    pub fn bared(self, rng: &mut Rng) -> Self {
        let [base, second] =
            [(150, 151, 150), (138, 139, 138)].map(|(r, g, b)| vary(rng, srgb(r, g, b), 0.12));
        Self { base, second, stripe: None, ..self }
    }

    /// The sample picture's coating: weathered blue-green paint.
    pub fn sample() -> Self {
        Self {
            kind: Coating::Painted,
            base: srgb(74, 132, 142),
            second: srgb(206, 204, 190),
            dirt: srgb(84, 80, 66),
            gloss: 0.35,
            bump: 0.8,
            dirt_amount: 0.5,
            wear: 0.0,
            stripe: Some((-0.17, 0.045, srgb(222, 220, 208))),
            scratches: 0.35,
            seed: 77,
        }
    }

    /// True where rust lifts and breaks a coating.
    pub fn coated(&self) -> bool {
        matches!(self.kind, Coating::Painted | Coating::Primer | Coating::Hammered | Coating::Enamel)
    }

    /// True where the surface mirrors its surroundings.
    pub fn bare(&self) -> bool {
        !self.coated()
    }

    /// The bare metal or primer that shows where a coating has come off.
    pub fn ground(&self) -> Rgb {
        if self.coated() { mix(srgb(132, 128, 120), self.second, 0.25) } else { scale(self.base, 0.8) }
    }

    /// Slow variation over the surface, about -1..1, that [`Metal::at`] takes.
    pub fn blotches(&self, view: &View) -> Plane {
        Plane::coarse(view.size.0, view.size.1, 3, |x, y| {
            let (u, v) = view.at(x, y);
            fbm(u * 2.3, v * 2.3, 4, self.seed)
        })
    }

    /// The finish at (u, v), where the object is open to light by `open` (dirt gathers where it is not).
    pub fn at(&self, u: f32, v: f32, blotch: f32, open: f32, view: &View) -> Finish {
        let seed = self.seed;
        let grain = fbm(u * 38.0, v * 38.0, octaves(38.0, view.pitch, 2), seed ^ 1);
        let mut albedo = self.base;
        let mut gloss = self.gloss;
        let mut height = 0.0;
        match self.kind {
            Coating::Painted | Coating::Primer => {
                albedo = scale(albedo, 1.0 + 0.14 * blotch + 0.05 * grain);
                // Orange peel of sprayed paint.
                height = 0.0005 * self.bump * grain;
                if let Some((at, half, colour)) = self.stripe
                    && (v - at + 0.0012 * grain).abs() < half
                {
                    albedo = scale(colour, 1.0 + 0.1 * grain);
                }
                if self.wear > 0.0 {
                    let worn = smoothstep(0.75 - self.wear, 0.85 - self.wear, blotch + 0.5 * grain);
                    albedo = mix(albedo, scale(self.second, 1.0 + 0.08 * grain), worn);
                    height -= 0.0015 * worn;
                    gloss *= 1.0 - 0.5 * worn;
                }
            }
            Coating::Hammered => {
                // Drops of a paint that runs together, with seams between them.
                let drop = worley(u * 44.0 + 0.6 * grain, v * 44.0, seed ^ 8);
                let seam = smoothstep(0.3, 0.0, drop.second - drop.first);
                albedo = scale(albedo, (1.0 + 0.1 * blotch) * (1.0 - 0.22 * seam));
                height = 0.0014 * self.bump * (1.0 - seam);
            }
            Coating::Enamel => {
                // Even, with a few chips down to a dark ground.
                let chip = worley(u * 7.0, v * 7.0, seed ^ 9);
                let chipped = smoothstep(0.09, 0.06, chip.first + 0.02 * grain);
                albedo = mix(scale(albedo, 1.0 + 0.04 * blotch), srgb(40, 38, 40), chipped);
                gloss *= 1.0 - chipped;
                height = -0.001 * chipped;
            }
            Coating::Brushed => {
                let line =
                    gradient(u * 3.0, v * 260.0, seed ^ 2) + 0.6 * gradient(u * 9.0, v * 110.0, seed ^ 3);
                albedo = scale(albedo, 1.0 + 0.12 * line + 0.08 * blotch);
                height = 0.0003 * self.bump * line;
            }
            Coating::Galvanised => {
                let (du, dv) = (0.012 * grain, 0.012 * blotch);
                let spangle = worley((u + du) * 34.0, (v + dv) * 34.0, seed ^ 4);
                let tone = to_unit(spangle.id) - 0.5;
                let border = smoothstep(0.0, 0.12, spangle.second - spangle.first);
                albedo = scale(albedo, (1.0 + 0.24 * tone) * (0.95 + 0.05 * border) + 0.05 * grain);
                gloss *= 0.7 + 0.3 * tone;
            }
            Coating::Cast => {
                albedo = scale(albedo, 1.0 + 0.25 * grain + 0.15 * blotch);
                height = 0.0016 * self.bump * grain;
            }
            Coating::MillScale => {
                let patch = smoothstep(-0.15, 0.25, blotch + 0.4 * grain);
                albedo = mix(scale(albedo, 0.65), scale(albedo, 1.25), patch);
                albedo = scale(albedo, 1.0 + 0.1 * grain);
                height = 0.0005 * self.bump * grain;
            }
            Coating::Aluminium => {
                albedo = scale(albedo, 1.0 + 0.06 * grain + 0.12 * blotch);
                height = 0.0004 * self.bump * grain;
            }
        }
        if self.scratches > 0.0 {
            let bend = 0.06 * blotch;
            let line = if seed & 1 == 0 {
                gradient(u * 1.7 + bend, (v + 0.35 * u + bend) * 45.0, seed ^ 5)
            } else {
                gradient((u - 0.6 * v) * 60.0, v * 2.1 + bend, seed ^ 6)
            };
            let scratch = self.scratches * smoothstep(0.84, 0.97, line);
            albedo = mix(albedo, [0.55, 0.55, 0.54], 0.5 * scratch.min(1.0));
        }
        if self.dirt_amount > 0.0 {
            let drip = gradient(u * 28.0, v * 1.6, seed ^ 7);
            let dirt = 0.35 * smoothstep(-0.2, 0.9, blotch + 0.5 * drip) + 0.7 * (1.0 - open);
            let dirt = (dirt * self.dirt_amount).clamp(0.0, 0.85);
            albedo = mix(albedo, scale(self.dirt, 1.0 + 0.2 * grain), dirt);
            gloss *= 1.0 - 0.7 * dirt;
        }
        Finish { albedo: albedo.map(|c| c.clamp(0.005, 0.95)), gloss: gloss.clamp(0.0, 1.0), height }
    }
}
