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
    /// Parts joined to a thing before a background.
    Assembly(Vec<Part>),
    /// A plate with a cut edge and holes before a background.
    Plate { half: (f32, f32), round: f32, holes: Vec<(f32, f32, f32)>, rivets: Option<Rivets> },
}

/// A part of an [`Shape::Assembly`]; `base` is the height of its foot.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// A round rod from one place to another.
    Rod { from: (f32, f32), to: (f32, f32), radius: f32, base: f32 },
    /// A flat bar from one place to another, with bevelled edges.
    Bar { from: (f32, f32), to: (f32, f32), half: f32, thickness: f32, base: f32 },
    /// A rod bent around the line from one place to another: a ring, or a link of a chain.
    Link { from: (f32, f32), to: (f32, f32), radius: f32, rod: f32, base: f32 },
    /// A disc or hexagon with a bevelled edge.
    Head { middle: (f32, f32), radius: f32, hexagonal: bool, thickness: f32, base: f32 },
    /// A round or long hole in what lies below it, with a floor in the dark.
    Hole { from: (f32, f32), to: (f32, f32), radius: f32 },
}

/// Distance from a place to the line between two others.
fn distance_to_line((u, v): (f32, f32), from: (f32, f32), to: (f32, f32)) -> f32 {
    let (du, dv) = (to.0 - from.0, to.1 - from.1);
    let (pu, pv) = (u - from.0, v - from.1);
    let t = ((pu * du + pv * dv) / (du * du + dv * dv).max(1e-9)).clamp(0.0, 1.0);
    let (x, y) = (pu - t * du, pv - t * dv);
    (x * x + y * y).sqrt()
}

impl Part {
    /// Lays the part over what lies at (u, v).
    fn add(&self, place: &mut Place, (u, v): (f32, f32)) {
        let round =
            |base: f32, radius: f32, d: f32| (base + (radius * radius - d * d).max(0.0).sqrt(), radius - d);
        let bevelled = |base: f32, thickness: f32, inside: f32| {
            (base + thickness * (0.35 + 0.65 * smoothstep(0.0, 0.012, inside)), inside)
        };
        let (height, inside) = match *self {
            Part::Rod { from, to, radius, base } => round(base, radius, distance_to_line((u, v), from, to)),
            Part::Bar { from, to, half, thickness, base } => {
                bevelled(base, thickness, half - distance_to_line((u, v), from, to))
            }
            Part::Link { from, to, radius, rod, base } => {
                round(base, rod, (distance_to_line((u, v), from, to) - radius).abs())
            }
            Part::Head { middle, radius, hexagonal, thickness, base } => {
                let (x, y) = ((u - middle.0).abs(), (v - middle.1).abs());
                let d = if hexagonal { x.max(x * 0.5 + y * 0.866) } else { (x * x + y * y).sqrt() };
                bevelled(base, thickness, radius - d)
            }
            Part::Hole { from, to, radius } => {
                let inside = radius - distance_to_line((u, v), from, to);
                place.open *= 1.0 - 0.93 * smoothstep(-0.002, 0.006, inside);
                place.height -= 0.03 * smoothstep(-0.002, 0.004, inside);
                place.weak = place.weak.max(0.7 * smoothstep(-0.03, 0.0, inside));
                return;
            }
        };
        if inside <= 0.0 {
            // Beside what stands out lies a soft shadow.
            place.open *=
                1.0 - 0.4 * smoothstep(-0.025, 0.0, inside) * smoothstep(0.0, 0.02, height - place.height);
            return;
        }
        if place.solid > 0.0 && height < place.height {
            return;
        }
        place.height = height;
        place.open = 1.0;
        place.weak = 0.7 * smoothstep(0.02, 0.0, inside);
        place.solid = place.solid.max(smoothstep(0.0, 0.005, inside));
    }
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

    /// A random thing that rusts as a whole and that networks learn from.
    pub fn object_to_learn_from(rng: &mut Rng) -> Self {
        match rng.below(12) {
            0..=3 => Self::random(rng),
            4..=6 => lattice(rng),
            7..=8 => bolted_plate(rng),
            9 => hinge(rng),
            10 => rods(rng),
            _ => bracket(rng),
        }
    }

    /// A random thing that rusts as a whole and that networks are measured on: none that they learn from.
    pub fn object_to_measure(rng: &mut Rng) -> Self {
        match rng.below(3) {
            0 => lock(rng),
            1 => handwheel(rng),
            _ => chain(rng),
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
        matches!(self, Self::Sheet { .. } | Self::Panels { .. } | Self::Corrugated { .. } | Self::Assembly(_))
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
            Self::Assembly(parts) => {
                place.solid = 0.0;
                for part in parts {
                    part.add(&mut place, (u, v));
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

/// Bars before a background, with or without others across them.
fn lattice(rng: &mut Rng) -> Shape {
    let (period, half) = (rng.range(0.09, 0.3), rng.range(0.012, 0.04));
    let (round, start, lean) = (rng.chance(0.4), rng.range(-0.1, 0.1), rng.range(-0.25, 0.25));
    let mut parts = vec![];
    let bar = |from, to, base| {
        if round {
            Part::Rod { from, to, radius: half, base }
        } else {
            Part::Bar { from, to, half, thickness: 0.02, base }
        }
    };
    if rng.chance(0.7) {
        for i in 0..1 + rng.below(3) {
            let v = -0.6 + 0.5 * i as f32 + rng.range(-0.1, 0.1);
            parts.push(bar((-2.0, v), (2.0, v), 0.0));
        }
    }
    for i in -6..=6 {
        let u = start + period * i as f32;
        parts.push(bar((u - lean, -2.0), (u + lean, 2.0), rng.pick(&[0.0, 0.012])));
    }
    Shape::Assembly(parts)
}

/// A plate with a few large bolts on washers, and holes.
fn bolted_plate(rng: &mut Rng) -> Shape {
    let (half, length) = (rng.range(0.18, 0.5), rng.range(0.1, 0.5));
    let mut parts =
        vec![Part::Bar { from: (-length, 0.0), to: (length, 0.0), half, thickness: 0.03, base: 0.0 }];
    for _ in 0..2 + rng.below(5) {
        let middle = (rng.range(-1.0, 1.0) * length, rng.range(-0.75, 0.75) * half);
        let radius = rng.range(0.03, 0.09);
        if rng.chance(0.25) {
            parts.push(Part::Hole { from: middle, to: (middle.0 + radius, middle.1), radius: radius * 0.5 });
            continue;
        }
        let washer =
            Part::Head { middle, radius: radius * 1.5, hexagonal: false, thickness: 0.008, base: 0.03 };
        parts.push(washer);
        let hexagonal = rng.chance(0.7);
        parts.push(Part::Head { middle, radius, hexagonal, thickness: radius * 0.7, base: 0.036 });
        if rng.chance(0.6) {
            let end =
                Part::Rod { from: middle, to: middle, radius: radius * 0.5, base: 0.036 + radius * 0.5 };
            parts.push(end);
        }
    }
    Shape::Assembly(parts)
}

/// Two leaves, a pin between them, screws.
fn hinge(rng: &mut Rng) -> Shape {
    let (width, half) = (rng.range(0.25, 0.6), rng.range(0.1, 0.25));
    let mut parts = vec![
        Part::Bar { from: (-width, 0.0), to: (width, 0.0), half, thickness: 0.02, base: 0.0 },
        Part::Rod { from: (0.0, -half), to: (0.0, half), radius: 0.04, base: 0.0 },
    ];
    for u in [-0.8, -0.4, 0.4, 0.8] {
        for v in [-0.55, 0.55] {
            let middle = (u * width, v * half);
            parts.push(Part::Head { middle, radius: 0.03, hexagonal: false, thickness: 0.012, base: 0.018 });
            let slot = (0.02 * rng.range(-1.0, 1.0), 0.02);
            let ends = [-1.0, 1.0].map(|t| (middle.0 + t * slot.0, middle.1 + t * slot.1));
            parts.push(Part::Hole { from: ends[0], to: ends[1], radius: 0.004 });
        }
    }
    Shape::Assembly(parts)
}

/// Reinforcing rods and wire that lie over one another.
fn rods(rng: &mut Rng) -> Shape {
    let parts = (0..4 + rng.below(6)).map(|i| {
        let (u, v) = (rng.range(-0.6, 0.6), rng.range(-0.6, 0.6));
        let (du, dv) = (rng.range(-1.5, 1.5), rng.range(-1.5, 1.5));
        let base = 0.02 * i as f32;
        Part::Rod { from: (u - du, v - dv), to: (u + du, v + dv), radius: rng.range(0.012, 0.06), base }
    });
    Shape::Assembly(parts.collect())
}

/// A lever on an angle of flat bars.
fn bracket(rng: &mut Rng) -> Shape {
    let (arm, half) = (rng.range(0.3, 0.6), rng.range(0.05, 0.12));
    let end = (arm * rng.range(0.4, 1.0), -arm * rng.range(0.3, 1.0));
    let mut parts = vec![
        Part::Bar { from: (0.0, 0.5), to: (0.0, -0.3), half, thickness: 0.03, base: 0.0 },
        Part::Bar { from: (-arm, 0.25), to: (arm, 0.25), half: half * 0.8, thickness: 0.025, base: 0.01 },
        Part::Rod { from: (0.0, 0.0), to: end, radius: half * 0.5, base: 0.03 },
        Part::Head { middle: end, radius: half * 0.9, hexagonal: false, thickness: 0.05, base: 0.03 },
    ];
    for u in [-0.75, 0.75] {
        let middle = (u * arm, 0.25);
        parts.push(Part::Head { middle, radius: half * 0.4, hexagonal: true, thickness: 0.03, base: 0.03 });
    }
    parts.push(Part::Head {
        middle: (0.0, 0.0),
        radius: half * 0.7,
        hexagonal: true,
        thickness: 0.04,
        base: 0.04,
    });
    Shape::Assembly(parts)
}

/// A padlock or a case lock with its keyhole and screws.
fn lock(rng: &mut Rng) -> Shape {
    let (half, height) = (rng.range(0.14, 0.26), rng.range(0.1, 0.25));
    let mut parts = vec![];
    if rng.chance(0.6) {
        let shackle = half * rng.range(0.7, 0.9);
        let up = -height - half - rng.range(0.05, 0.2);
        let rod = rng.range(0.03, 0.05);
        parts.push(Part::Link { from: (0.0, -height), to: (0.0, up), radius: shackle, rod, base: 0.0 });
    } else {
        parts.push(Part::Rod {
            from: (0.0, -0.5 * height),
            to: (-0.6, -0.5 * height),
            radius: 0.045,
            base: 0.04,
        });
    }
    let case = Part::Bar { from: (0.0, -height), to: (0.0, height), half, thickness: 0.06, base: 0.0 };
    parts.push(case);
    for (u, v) in [(-0.7, -0.9), (0.7, -0.9), (-0.7, 0.9), (0.7, 0.9)] {
        let middle = (u * half, v * height);
        parts.push(Part::Head { middle, radius: 0.022, hexagonal: false, thickness: 0.012, base: 0.055 });
    }
    let key = (0.0, 0.35 * height);
    parts.push(Part::Hole { from: key, to: key, radius: 0.03 });
    parts.push(Part::Hole { from: key, to: (0.0, key.1 + 0.07), radius: 0.012 });
    Shape::Assembly(parts)
}

/// The wheel of a valve: rim, spokes, hub and stem.
fn handwheel(rng: &mut Rng) -> Shape {
    let (radius, rod) = (rng.range(0.25, 0.45), rng.range(0.03, 0.055));
    let mut parts =
        vec![Part::Rod { from: (0.0, 0.0), to: (rng.range(-0.3, 0.3), 1.5), radius: rod * 1.6, base: -0.06 }];
    // The corners of a hexagon or a square, without trigonometry.
    let spokes: &[(f32, f32)] = if rng.chance(0.5) {
        &[(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)]
    } else {
        &[(1.0, 0.0), (-0.5, 0.866), (-0.5, -0.866)]
    };
    for (u, v) in spokes {
        let to = (u * radius, v * radius);
        parts.push(Part::Bar { from: (0.0, 0.0), to, half: rod * 0.7, thickness: 0.02, base: 0.0 });
    }
    let middle = (0.0, 0.0);
    parts.push(Part::Link { from: middle, to: middle, radius, rod, base: 0.0 });
    parts.push(Part::Head { middle, radius: rod * 2.2, hexagonal: false, thickness: 0.05, base: 0.0 });
    parts.push(Part::Head { middle, radius: rod * 1.2, hexagonal: true, thickness: 0.05, base: 0.04 });
    Shape::Assembly(parts)
}

/// Links of a chain across the picture, every second one on its edge.
fn chain(rng: &mut Rng) -> Shape {
    let (radius, rod) = (rng.range(0.055, 0.1), rng.range(0.022, 0.036));
    let (length, lean) = (radius * rng.range(0.8, 1.6), rng.range(-0.3, 0.3));
    let step = 2.0 * (length + radius) - 2.2 * rod;
    let mut parts = vec![];
    for i in -6..=6 {
        let u = i as f32 * step * 0.8;
        let place = |t: f32| (u + t * length, lean * (u + t * length));
        if i % 2 == 0 {
            parts.push(Part::Link { from: place(-1.0), to: place(1.0), radius, rod, base: 0.0 });
        } else {
            parts.push(Part::Rod { from: place(-1.3), to: place(1.3), radius: rod * 1.4, base: 0.02 });
        }
    }
    Shape::Assembly(parts)
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
