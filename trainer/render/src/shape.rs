//! The shape of the object: relief, outline, and where water and damage would gather.

use crate::noise::{Rng, gradient, hash, smoothstep, to_unit, wave};
use crate::plane::Plane;
use crate::view::View;

/// What a shape is like at one place of its surface.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Height towards the camera, surface units.
    pub height: f32,
    /// How much rust likes to begin here (seams, edges, rivets), 0..1.
    pub weak: f32,
    /// How open the place is to light, 0 (deep gap) .. 1.
    pub open: f32,
    /// 1 on the object, 0 beside it, in between within its outermost fringe.
    pub solid: f32,
}

const PLAIN: Place = Place { height: 0.0, weak: 0.0, open: 1.0, solid: 1.0 };

/// The kinds of object.
#[derive(Clone, Debug)]
pub enum Shape {
    /// One sheet, slightly bent.
    Sheet { bend: f32, frequency: f32 },
    /// Overlapping panels with rivets or bolts along their seams.
    Panels { cell: (f32, f32), groove: f32, step: f32, rivets: Option<Rivets>, stagger: bool, seed: u32 },
    /// Corrugated or trapezoidal sheet.
    Corrugated { period: f32, depth: f32, flat: f32, rivets: Option<Rivets> },
    /// Parallel pipes with collars before a background.
    Pipes { pipes: Vec<(f32, f32)>, collar: f32, collar_at: f32 },
    /// Tread plate: raised lozenges in two directions.
    Tread { cell: f32, width: f32, height: f32, seam: f32 },
    /// A beam of flanges and web before a background.
    Beam { bands: Vec<(f32, f32, f32)>, rivets: Option<Rivets> },
    /// A plate with a cut edge and holes before a background.
    Plate { half: (f32, f32), round: f32, holes: Vec<(f32, f32, f32)>, rivets: Option<Rivets> },
}

/// A row of rivets or hexagonal bolts.
#[derive(Clone, Copy, Debug)]
pub struct Rivets {
    radius: f32,
    spacing: f32,
    hexagonal: bool,
}

impl Rivets {
    fn random(rng: &mut Rng) -> Option<Self> {
        let radius = rng.range(0.012, 0.035);
        rng.chance(0.65).then(|| Self {
            radius,
            spacing: radius * rng.range(4.5, 9.0),
            hexagonal: rng.chance(0.35),
        })
    }

    /// Adds the row's head nearest to (along, across), where `across` = 0 is the row's middle line.
    fn add(&self, place: &mut Place, along: f32, across: f32) {
        let along = (along / self.spacing - (along / self.spacing).floor() - 0.5) * self.spacing;
        let (dx, dy) = (along / self.radius, across / self.radius);
        let round = (dx * dx + dy * dy).sqrt();
        if round > 2.6 {
            return;
        }
        let r = if self.hexagonal {
            let (ax, ay) = (dx.abs(), dy.abs());
            ax.max(ax * 0.5 + ay * 0.866)
        } else {
            round
        };
        if r < 1.0 {
            let dome = if self.hexagonal {
                0.5 * smoothstep(1.0, 0.8, r) + 0.12 * smoothstep(0.75, 0.6, round)
            } else {
                0.62 * (1.0 - r * r).sqrt()
            };
            place.height += dome * self.radius;
            place.weak = place.weak.max(0.35 + 0.5 * smoothstep(0.5, 1.0, r));
        } else {
            place.weak = place.weak.max(0.95 * smoothstep(2.6, 1.0, round));
            place.open *= 1.0 - 0.55 * smoothstep(1.45, 0.95, r);
        }
    }
}

impl Shape {
    /// A random object.
    pub fn random(rng: &mut Rng) -> Self {
        match rng.below(16) {
            0..=2 => Self::Sheet { bend: rng.range(0.0, 0.06), frequency: rng.range(0.8, 2.5) },
            3..=6 => Self::Panels {
                cell: (rng.range(0.4, 1.1), rng.range(0.35, 1.1)),
                groove: rng.range(0.004, 0.012),
                step: rng.range(-0.006, 0.012),
                rivets: Rivets::random(rng),
                stagger: rng.chance(0.4),
                seed: rng.seed(),
            },
            7..=8 => Self::Corrugated {
                period: rng.range(0.07, 0.3),
                depth: rng.range(0.1, 0.24),
                flat: rng.pick(&[0.0, 0.0, 0.55]),
                rivets: Rivets::random(rng),
            },
            9..=10 => {
                let count = 1 + rng.below(3);
                let pipes = (0..count).map(|i| {
                    let middle = (i as f32 + 0.5) / count as f32 - 0.5;
                    (middle + rng.range(-0.08, 0.08), rng.range(0.28, 0.46) / count as f32)
                });
                Self::Pipes {
                    pipes: pipes.collect(),
                    collar: rng.range(1.08, 1.3),
                    collar_at: rng.range(0.35, 0.8),
                }
            }
            11..=12 => Self::Tread {
                cell: rng.range(0.05, 0.13),
                width: rng.range(0.16, 0.24),
                height: rng.range(0.05, 0.11),
                seam: rng.range(0.5, 1.2),
            },
            13..=14 => {
                let mut at = rng.range(-0.55, -0.2);
                let count = 2 + rng.below(3);
                let bands = (0..count).map(|_| {
                    let start = at;
                    at += rng.range(0.08, 0.4);
                    (start, at, rng.range(-0.8, 0.8))
                });
                Self::Beam { bands: bands.collect(), rivets: Rivets::random(rng) }
            }
            _ => {
                let half = (rng.range(0.3, 0.6), rng.range(0.25, 0.5));
                let holes: Vec<_> = (0..rng.below(4))
                    .map(|_| {
                        let (x, y) = (rng.range(-0.8, 0.8) * half.0, rng.range(-0.8, 0.8) * half.1);
                        (x, y, rng.range(0.02, 0.07))
                    })
                    .collect();
                Self::Plate { half, round: rng.range(0.0, 0.12), holes, rivets: Rivets::random(rng) }
            }
        }
    }

    /// The sample picture's object: two large panels, a lapped seam with rivets.
    pub fn sample() -> Self {
        Self::Panels {
            cell: (0.86, 0.62),
            groove: 0.006,
            step: 0.007,
            rivets: Some(Rivets { radius: 0.014, spacing: 0.105, hexagonal: false }),
            stagger: false,
            seed: 5,
        }
    }

    /// True for objects that stand upright, so that water runs down them.
    pub fn upright(&self) -> bool {
        !matches!(self, Self::Tread { .. } | Self::Pipes { .. } | Self::Beam { .. } | Self::Plate { .. })
    }

    /// True for floors, where nothing runs.
    pub fn level(&self) -> bool {
        matches!(self, Self::Tread { .. })
    }

    fn at(&self, u: f32, v: f32) -> Place {
        let mut place = PLAIN;
        match self {
            Self::Sheet { bend, frequency } => {
                place.height = bend * gradient(u * frequency, v * frequency, 3);
            }
            Self::Panels { cell, groove, step, rivets, stagger, seed } => {
                panels(&mut place, (u, v), *cell, *groove, *step, rivets.as_ref(), *stagger, *seed);
            }
            Self::Corrugated { period, depth, flat, rivets } => {
                let w = wave(u / period);
                let profile = if *flat > 0.0 { (w * 2.2).clamp(-1.0, 1.0) } else { w };
                place.height = profile * depth * period;
                place.open = 0.72 + 0.28 * smoothstep(-1.0, 0.6, w);
                place.weak = 0.12 * smoothstep(0.0, -1.0, w);
                if let Some(rivets) = rivets {
                    let row = (v / 0.55 - (v / 0.55).floor() - 0.5) * 0.55;
                    let screws = Rivets { spacing: *period, ..*rivets };
                    screws.add(&mut place, u - 0.25 * period, row);
                }
            }
            Self::Pipes { pipes, collar, collar_at } => {
                place.solid = 0.0;
                for &(middle, radius) in pipes {
                    let along = (u / collar_at - (u / collar_at).floor() - 0.5).abs() * collar_at;
                    let grown = if along < 0.035 { radius * collar } else { radius };
                    let d = (v - middle).abs();
                    if d < grown {
                        place.height = (grown * grown - d * d).sqrt();
                        place.solid = smoothstep(0.0, 0.01, grown - d);
                        place.weak = 0.9 * smoothstep(0.06, 0.036, (along - 0.035).abs() + 0.03);
                        place.weak = place.weak.max(0.3 * smoothstep(0.3, 1.0, (v - middle) / grown));
                        place.open =
                            1.0 - 0.5 * smoothstep(0.02, 0.0, along - 0.035) * f32::from(along > 0.035);
                    }
                }
            }
            Self::Tread { cell, width, height, seam } => {
                let (cu, cv) = (u / cell, v / cell);
                let (iu, iv) = (cu.floor(), cv.floor());
                let (mut a, mut b) = (cu - iu - 0.5, cv - iv - 0.5);
                if (iu as i32 + iv as i32) & 1 == 0 {
                    (a, b) = (b, a);
                }
                let reach = 1.0 - (a / 0.62) * (a / 0.62);
                let t = b.abs() / (width * reach.max(0.01));
                place.height = height * cell * smoothstep(1.0, 0.35, t);
                place.open = 1.0 - 0.25 * smoothstep(0.6, 1.0, t) * smoothstep(1.6, 1.0, t);
                place.weak = 0.15 * smoothstep(1.8, 1.0, t) * smoothstep(0.5, 1.0, t);
                let gap = (u / seam - (u / seam).floor() - 0.5).abs() * seam;
                place.weak = place.weak.max(0.8 * smoothstep(0.05, 0.0, gap));
                place.open *= 1.0 - 0.85 * smoothstep(0.006, 0.003, gap);
            }
            Self::Beam { bands, rivets } => {
                place.solid = 0.0;
                let mut base = 0.0;
                for (i, &(start, end, tilt)) in bands.iter().enumerate() {
                    if v >= start && v < end {
                        place.solid = 1.0;
                        place.height = base + (v - start) * tilt;
                        let edge = (v - start).min(end - v);
                        place.weak = 0.85 * smoothstep(0.035, 0.0, edge);
                        place.open = 1.0 - 0.45 * smoothstep(0.05, 0.0, v - start) * f32::from(i > 0);
                        if let Some(rivets) = rivets.filter(|_| end - start > 0.12 && tilt.abs() < 0.5) {
                            rivets.add(&mut place, u, v - start - 0.05);
                        }
                    }
                    base += (end - start) * tilt + 0.012;
                }
            }
            Self::Plate { half, round, holes, rivets } => {
                let (qx, qy) = (u.abs() - half.0 + round, v.abs() - half.1 + round);
                let corner = (qx.max(0.0) * qx.max(0.0) + qy.max(0.0) * qy.max(0.0)).sqrt();
                let mut inside = round - corner - qx.max(qy).min(0.0);
                for &(x, y, radius) in holes {
                    let d = ((u - x) * (u - x) + (v - y) * (v - y)).sqrt() - radius;
                    inside = inside.min(d);
                }
                place.solid = smoothstep(-0.002, 0.002, inside);
                place.height = 0.012 * smoothstep(0.0, 0.012, inside);
                place.weak = 0.9 * smoothstep(0.07, 0.0, inside);
                if let Some(rivets) = rivets.filter(|_| inside > 0.03) {
                    rivets.add(&mut place, u, half.1 - v.abs() - 0.08);
                }
            }
        }
        place
    }
}

#[allow(clippy::too_many_arguments)]
fn panels(
    place: &mut Place,
    (u, v): (f32, f32),
    (cell_u, cell_v): (f32, f32),
    groove: f32,
    step: f32,
    rivets: Option<&Rivets>,
    stagger: bool,
    seed: u32,
) {
    let row = (v / cell_v).floor();
    let from_top = v - row * cell_v;
    let shift = if stagger { to_unit(hash(row as i32, 0, seed)) * cell_u } else { 0.0 };
    let column = ((u + shift) / cell_u).floor();
    let from_left = u + shift - column * cell_u;
    let across_u = from_left.min(cell_u - from_left);
    let across_v = from_top.min(cell_v - from_top);
    let across = across_u.min(across_v);
    // Each panel is mounted a little askew, and laps over the next.
    let h = hash(column as i32, row as i32, seed);
    let lean = (to_unit(h) - 0.5) * 0.05;
    place.height = lean * (from_top - 0.5 * cell_v) + step * (1.0 - from_top / cell_v);
    place.height -= groove * smoothstep(groove, groove * 0.3, across);
    place.open = 1.0 - 0.8 * smoothstep(groove * 1.1, groove * 0.4, across);
    // Under the lap of the panel above lies a soft shadow.
    place.open *= 1.0 - 0.4 * smoothstep(0.025, 0.0, from_top) * smoothstep(0.0, 0.004, step);
    place.weak = smoothstep(0.055, 0.0, across);
    if let Some(rivets) = rivets {
        let inset = rivets.radius * 2.2 + groove;
        rivets.add(place, u, from_top - inset);
        rivets.add(place, u, cell_v - from_top - inset);
        if across_v > inset * 2.0 {
            rivets.add(place, v, from_left - inset);
            rivets.add(place, v, cell_u - from_left - inset);
        }
    }
}

/// The shape as the camera sees it, one plane for each property of [`Place`].
#[derive(Clone, Debug)]
pub struct Body {
    /// Height in pixels.
    pub height: Plane,
    /// Where rust likes to begin, 0..1.
    pub weak: Plane,
    /// Openness to light, 0..1.
    pub open: Plane,
    /// 1 on the object, 0 beside it.
    pub solid: Plane,
}

impl Body {
    /// Samples `shape` once per pixel.
    pub fn new(shape: &Shape, view: &View) -> Self {
        let (width, height) = view.size;
        let blank = Plane::filled(width, height, 0.0);
        let mut body = Self { height: blank.clone(), weak: blank.clone(), open: blank.clone(), solid: blank };
        for y in 0..height {
            for x in 0..width {
                let (u, v) = view.at(x as f32, y as f32);
                let place = shape.at(u, v);
                let at = y * width + x;
                body.height.data[at] = place.height / view.pitch;
                body.weak.data[at] = place.weak;
                body.open.data[at] = place.open;
                body.solid.data[at] = place.solid;
            }
        }
        body
    }
}
