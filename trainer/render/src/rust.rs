//! Rust: where it grows, how deep, what it looks like.
//!
//! A potential (noise at several scales plus the weak places of the object) is cut at the level that gives the wanted
//! area. How far a pixel lies above that level is its depth, which decides on colour and relief. Below the scabs the
//! water carries rust away: halos all around and streaks downwards.

use crate::colour::{Rgb, mix, ramp, scale, srgb, tint};
use crate::noise::{Rng, fbm, gradient, octaves, smoothstep, worley};
use crate::plane::{Plane, upper_quantile};
use crate::shape::Body;
use crate::view::View;

/// How one case of corrosion behaves; lengths are in surface units, the rest is relative.
#[derive(Clone, Debug)]
pub struct Habit {
    /// Part of the object that rust covers, 0..1, stains apart.
    pub area: f32,
    /// Patches per unit length, and their weight.
    pub patches: (f32, f32),
    /// Weight of the ragged fine border.
    pub ragged: f32,
    /// Pinholes per unit length, and their weight.
    pub pinholes: (f32, f32),
    /// Weight of seams, edges and rivets.
    pub weak: f32,
    /// Width of the border's transition in potential: small is a scab, large is a bloom.
    pub soft: f32,
    /// 0 for solid rust .. 1 for thin, speckled flash rust.
    pub flash: f32,
    /// 0 for young, orange rust .. 1 for old, dark rust.
    pub age: f32,
    /// Radius and strength of the stain around.
    pub halo: (f32, f32),
    /// Length and strength of the streaks below.
    pub streaks: (f32, f32),
    /// Strength of the relief.
    pub relief: f32,
    /// Hue: 0 yellowish .. 1 reddish.
    pub red: f32,
    /// How much finer than usual the grain is.
    pub fineness: f32,
    /// Part of the rust, 0..1, that has been eaten through.
    pub holes: f32,
    /// How little of what it lies on is seen through the rust, 0..1.
    pub opacity: f32,
}

impl Habit {
    /// A random case: scabs, pinholes, edges, blooms, flash rust or pitting.
    pub fn random(rng: &mut Rng) -> Self {
        let mut habit = Self {
            area: 0.0,
            patches: (rng.range(1.2, 6.0), 1.0),
            ragged: rng.range(0.25, 0.6),
            pinholes: (rng.range(8.0, 24.0), if rng.chance(0.35) { rng.range(0.4, 1.0) } else { 0.0 }),
            weak: rng.range(0.2, 1.2),
            soft: rng.range(0.02, 0.08),
            flash: 0.0,
            age: rng.range(0.15, 1.0),
            halo: (rng.range(0.01, 0.06), if rng.chance(0.7) { rng.range(0.2, 1.0) } else { 0.0 }),
            streaks: (rng.range(0.08, 0.6), if rng.chance(0.5) { rng.range(0.3, 1.0) } else { 0.0 }),
            relief: rng.range(0.4, 1.5),
            red: rng.range(0.0, 1.0),
            fineness: 1.0,
            holes: 0.0,
            opacity: 1.0,
        };
        let much = rng.unit();
        habit.area = 0.6 * much * much * (0.35 + 0.65 * much);
        match rng.below(12) {
            // Scabs, as set above.
            0..=3 => {}
            4..=5 => {
                habit.pinholes = (rng.range(6.0, 22.0), rng.range(1.2, 2.2));
                habit.patches.1 = rng.range(0.2, 0.6);
                habit.area *= 0.4;
            }
            6..=7 => {
                habit.weak = rng.range(1.6, 3.0);
                habit.patches.1 = rng.range(0.5, 0.9);
                habit.area *= 0.6;
            }
            8..=9 => {
                habit.soft = rng.range(0.25, 0.6);
                habit.age = rng.range(0.0, 0.5);
                habit.relief *= 0.5;
            }
            10 => {
                habit.flash = rng.range(0.35, 0.8);
                habit.soft = rng.range(0.3, 0.7);
                habit.age = rng.range(0.0, 0.4);
                habit.relief *= 0.3;
                habit.area = rng.range(0.1, 0.6);
            }
            _ => {
                habit.pinholes = (rng.range(12.0, 30.0), rng.range(0.7, 1.2));
                habit.area = rng.range(0.15, 0.6);
                habit.soft = rng.range(0.15, 0.4);
                habit.relief = rng.range(1.2, 2.2);
            }
        }
        // Stains and soft borders take up room of their own.
        habit.area *= 1.0 - 0.3 * habit.halo.1 - 0.5 * habit.soft;
        habit
    }

    /// A random case in which most or all of a thing has rusted; with holes in some. `fineness` is drawn from this range.
    pub fn whole(rng: &mut Rng, fineness: std::ops::Range<f32>) -> Self {
        let mut habit = Self::random(rng);
        habit.area = rng.pick(&[1.0, 1.0, 0.97, 0.9, 0.75, 0.5]);
        habit.soft = rng.range(0.02, 0.2);
        habit.flash = if rng.chance(0.15) { rng.range(0.2, 0.6) } else { 0.0 };
        habit.age = rng.range(0.0, 1.0);
        habit.relief = rng.range(0.3, 1.8);
        habit.fineness = rng.range(fineness.start, fineness.end);
        habit.holes = if rng.chance(0.3) { rng.range(0.02, 0.12) } else { 0.0 };
        habit.opacity = rng.pick(&[1.0, 1.0, 0.85, 0.7, 0.55]);
        habit
    }

    /// The sample picture's case: scabs at the seam and rivets, with streaks.
    pub fn sample() -> Self {
        Self {
            area: 0.115,
            patches: (2.1, 1.1),
            ragged: 0.62,
            pinholes: (19.0, 0.6),
            weak: 0.85,
            soft: 0.05,
            flash: 0.0,
            age: 0.5,
            halo: (0.02, 0.8),
            streaks: (0.28, 1.0),
            relief: 1.25,
            red: 0.5,
            fineness: 1.0,
            holes: 0.0,
            opacity: 1.0,
        }
    }
}

/// What rust does to each pixel.
#[derive(Clone, Debug)]
pub struct Growth {
    /// Opacity of the rust itself, 0..1.
    pub core: Plane,
    /// Depth: negative in the fringe outside, 0 at the border, about 1 in the heart.
    pub depth: Plane,
    /// Thickness of the stain, 0..1.
    pub stain: Plane,
}

/// How far outside the rust, in depth, its neighbourhood shows it.
pub const FRINGE: f32 = 0.14;

/// The look of one case of rust.
#[derive(Clone, Debug)]
pub struct Rust {
    habit: Habit,
    /// From young, light orange to old, nearly black.
    stops: [Rgb; 6],
    seed: u32,
}

impl Rust {
    /// Rust of the given habit; colours and noise are drawn from `rng`.
    pub fn new(habit: Habit, rng: &mut Rng) -> Self {
        let red = habit.red;
        let mut hue = |yellowish: Rgb, reddish: Rgb| {
            let bright = rng.range(0.8, 1.2);
            scale(mix(yellowish, reddish, red), bright)
        };
        let stops = [
            hue(srgb(196, 130, 60), srgb(188, 98, 44)),
            hue(srgb(158, 94, 44), srgb(152, 70, 35)),
            hue(srgb(124, 74, 42), srgb(118, 54, 31)),
            hue(srgb(94, 61, 42), srgb(87, 46, 32)),
            hue(srgb(67, 48, 38), srgb(62, 36, 30)),
            hue(srgb(43, 36, 32), srgb(38, 27, 25)),
        ];
        Self { habit, stops, seed: rng.seed() }
    }

    /// Grows rust on a body. Nothing runs down where `level`.
    pub fn grow(&self, body: &Body, view: &View, level: bool) -> Growth {
        let (width, height) = view.size;
        let habit = &self.habit;
        let seed = self.seed;
        let (frequency, weight) = habit.patches;
        let warp_u = Plane::coarse(width, height, 3, |x, y| {
            let (u, v) = view.at(x, y);
            fbm(u * frequency * 1.5, v * frequency * 1.5, 3, seed ^ 11)
        });
        let warp_v = Plane::coarse(width, height, 3, |x, y| {
            let (u, v) = view.at(x, y);
            fbm(u * frequency * 1.5, v * frequency * 1.5, 3, seed ^ 12)
        });
        let patch = Plane::coarse(width, height, 2, |x, y| {
            let (u, v) = view.at(x, y);
            let at = (y as usize).min(height - 1) * width + (x as usize).min(width - 1);
            let bend = 0.5 / frequency;
            let (u, v) = (u + bend * warp_u.data[at], v + bend * warp_v.data[at]);
            fbm(u * frequency, v * frequency, 3, seed ^ 13)
        });
        // Not every weak place rusts: where the coating has held, seams and rivets stay sound.
        let spread = Plane::coarse(width, height, 3, |x, y| {
            let (u, v) = view.at(x, y);
            fbm(u * 3.6, v * 3.6, 3, seed ^ 16)
        });
        let fine = frequency * 6.0;
        let count = octaves(fine, view.pitch, 5);
        let base = |at: usize| {
            let weak = body.weak.data[at] * (0.7 + 1.1 * spread.data[at]) - 0.3;
            weight * patch.data[at] + habit.weak * weak
        };
        let potential = |x: usize, y: usize| {
            let at = y * width + x;
            let (u, v) = view.at(x as f32, y as f32);
            let ragged = fbm(u * fine, v * fine, count, seed ^ 14);
            let mut p = base(at) + habit.ragged * ragged;
            if habit.pinholes.1 > 0.0 {
                let (rate, weight) = habit.pinholes;
                let shift = 0.4 / rate * ragged;
                let cell = worley((u + shift) * rate, (v - shift) * rate, seed ^ 15);
                // Few pinholes are big, most stay small.
                let size = (cell.id >> 20) as f32 / 4096.0;
                let size = size * size * size;
                p += weight * (smoothstep(0.1 + 0.55 * size, 0.0, cell.first) * (0.5 + size) - 0.15);
            }
            p
        };
        // A ninth of the pixels is enough to find the level.
        let grid = (0..height).step_by(3).flat_map(|y| (0..width).step_by(3).map(move |x| (x, y)));
        let on_metal = grid.filter(|&(x, y)| body.solid.data[y * width + x] > 0.5);
        let level_of_area = upper_quantile(on_metal.map(|(x, y)| potential(x, y)).collect(), habit.area);
        // Far below the level the fine noise cannot matter.
        let reach = habit.ragged + 1.35 * habit.pinholes.1 + habit.soft.max(FRINGE);
        let depth = Plane::from_fn(width, height, |x, y| {
            let at = y * width + x;
            if body.solid.data[at] <= 0.0 || base(at) + reach < level_of_area {
                return -1.0;
            }
            (potential(x, y) - level_of_area).max(-1.0)
        });
        let core = self.core(&depth, body, view);
        let stain = self.stain(&core, body, view, level);
        Growth { core, depth, stain }
    }

    fn core(&self, depth: &Plane, body: &Body, view: &View) -> Plane {
        let width = depth.width;
        let habit = &self.habit;
        let edge = habit.soft.max(0.02);
        let speckle_rate = 70.0f32.min(0.4 / view.pitch);
        Plane::from_fn(width, depth.height, |x, y| {
            let at = y * width + x;
            let d = depth.data[at];
            if d <= -edge {
                return 0.0;
            }
            let mut alpha = smoothstep(-edge, edge, d) * body.solid.data[at];
            if habit.soft > 0.1 || habit.flash > 0.0 {
                let (u, v) = view.at(x as f32, y as f32);
                let speckle = fbm(u * speckle_rate, v * speckle_rate, 2, self.seed ^ 21) + 0.25;
                // Thin rust is a crowd of specks that close up as it grows.
                let specks = smoothstep(0.9 - 1.3 * alpha, 1.3 - 1.3 * alpha, speckle + 0.45);
                let thin = habit.flash.max(0.6 * (1.0 - alpha));
                alpha *= 1.0 - thin * (1.0 - specks);
            }
            alpha
        })
    }

    fn stain(&self, core: &Plane, body: &Body, view: &View, level: bool) -> Plane {
        let (width, height) = view.size;
        let habit = &self.habit;
        let mut stain = Plane::filled(width, height, 0.0);
        let (radius, strength) = habit.halo;
        if strength > 0.0 {
            let pixels = ((radius / view.pitch) as usize).clamp(1, 64);
            let around = core.blurred(pixels);
            let patch = Plane::coarse(width, height, 2, |x, y| {
                let (u, v) = view.at(x, y);
                0.65 + 0.7 * fbm(u * 9.0, v * 9.0, 3, self.seed ^ 31)
            });
            for (at, s) in stain.data.iter_mut().enumerate() {
                let a = around.data[at];
                *s = strength * smoothstep(0.03, 0.75, a * patch.data[at]);
            }
        }
        if habit.streaks.1 > 0.0 && !level {
            self.run_down(&mut stain, core, view);
        }
        for (s, solid) in stain.data.iter_mut().zip(&body.solid.data) {
            // What is too thin to see is none.
            *s = ((s.min(1.0) - 0.12) / 0.88).max(0.0) * solid;
        }
        stain
    }

    /// Streaks: each row takes over what runs out of the row above, a little to the side, and loses some.
    fn run_down(&self, stain: &mut Plane, core: &Plane, view: &View) {
        let (width, height) = (core.width, core.height);
        let (length, strength) = self.habit.streaks;
        let rate = view.pitch;
        let mut above = vec![0.0f32; width];
        let mut row = vec![0.0f32; width];
        for y in 0..height {
            let v = y as f32 * rate;
            let sway = 0.25 * gradient(v * 5.0, 0.5, self.seed ^ 41);
            for (x, value) in row.iter_mut().enumerate() {
                let u = x as f32 * rate;
                let from = x as f32 - sway;
                let low = from.floor();
                let t = from - low;
                let take = |i: f32| above[(i.max(0.0) as usize).min(width - 1)];
                let carried = take(low) * (1.0 - t) + take(low + 1.0) * t;
                let channel =
                    gradient(u * 34.0, v * 0.6, self.seed ^ 42) + 0.6 * gradient(u * 90.0, v, self.seed ^ 43);
                let open = smoothstep(-0.35, 0.75, channel);
                let decay = 1.0 - rate / (length * (0.12 + 1.2 * open));
                let source = core.data[y * width + x] * (0.25 + 0.75 * open);
                *value = (carried * decay.max(0.0)).max(source);
            }
            for (s, value) in stain.data[y * width..].iter_mut().zip(&row) {
                let streak = strength * value * value.sqrt();
                *s += streak * (1.0 - *s).max(0.0);
            }
            std::mem::swap(&mut above, &mut row);
        }
    }

    /// Reflectance of the rust itself and its relief in surface units, at (u, v) and the given depth.
    #[inline]
    pub fn look(&self, u: f32, v: f32, depth: f32, view: &View) -> (Rgb, f32) {
        let habit = &self.habit;
        let seed = self.seed;
        let (u, v) = (u * habit.fineness, v * habit.fineness);
        let tone = fbm(u * 6.0, v * 6.0, 2, seed ^ 51);
        let clot = fbm(u * 21.0, v * 21.0, octaves(21.0, view.pitch, 2), seed ^ 54);
        let grain = fbm(u * 62.0, v * 62.0, octaves(62.0, view.pitch, 3), seed ^ 52);
        let scab = worley(u * 30.0 + 0.9 * tone + 0.5 * clot, v * 30.0 + 0.6 * grain, seed ^ 53);
        let flake = smoothstep(0.0, 0.28, scab.second - scab.first);
        let lift = (scab.id >> 24) as f32 / 255.0 - 0.5;
        let fringe = smoothstep(0.16, -0.03, depth) * (1.0 - 0.6 * habit.age);
        let heart = smoothstep(0.05, 0.6, depth);
        let noise = 0.36 * tone + 0.34 * clot + 0.2 * grain + 0.14 * lift;
        let at = 0.16 + 0.4 * habit.age + (0.12 + 0.2 * habit.age) * heart - 0.24 * fringe + noise;
        let mut colour = ramp(&self.stops, at);
        colour = scale(colour, (1.0 + 0.42 * grain + 0.15 * clot) * (0.86 + 0.14 * flake));
        // Pits: dark little holes in old rust.
        let pit = smoothstep(0.35, 0.65, -grain - 0.5 * clot) * habit.relief.min(1.2) * 0.5;
        colour = scale(colour, 1.0 - pit);
        let height =
            0.0042 * habit.relief * (0.6 * grain + 0.5 * clot + 0.35 * lift * flake + 0.2 * flake - pit);
        (colour.map(|c| c.clamp(0.004, 0.9)), height)
    }

    /// `albedo` under a stain of the given thickness: the stain filters blue and green away.
    #[inline]
    pub fn stained(&self, albedo: Rgb, thickness: f32) -> Rgb {
        let filter = mix([0.78, 0.47, 0.16], [0.74, 0.34, 0.13], self.habit.red);
        let filtered = tint(albedo, filter);
        mix(mix(albedo, filtered, thickness), self.stops[1], 0.65 * thickness * thickness)
    }

    /// Whether nothing is left of what was there.
    pub fn hides_all(&self) -> bool {
        self.habit.area > 0.95 && self.habit.opacity == 1.0
    }

    /// The rust's `colour` over what it lies on, as far as that is seen through it.
    #[inline]
    pub fn over(&self, colour: Rgb, beneath: Rgb) -> Rgb {
        if self.habit.opacity == 1.0 {
            return colour;
        }
        mix(self.stained(beneath, 0.5), colour, self.habit.opacity)
    }

    /// How far a place is eaten through, 0 to 1: a hole with a thin edge.
    #[inline]
    pub fn eaten(&self, u: f32, v: f32, depth: f32) -> f32 {
        if self.habit.holes == 0.0 {
            return 0.0;
        }
        let noise = fbm(u * 5.0, v * 5.0, 5, self.seed ^ 61) + 0.15 * depth.min(1.0);
        // The noise is above 0.45 in about a tenth of the places.
        let level = 0.62 - 1.8 * self.habit.holes;
        smoothstep(level, level + 0.03, noise)
    }

    /// Height of the rust's own relief compared with that of sound rust, see [`Habit::relief`].
    pub fn relief(&self) -> f32 {
        self.habit.relief
    }
}
