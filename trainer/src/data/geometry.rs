//! Where a photo lies under the square that a network sees.

use crate::data::random::{Random, chance, uniform};
use crate::data::{Photo, Plane};

/// How a photo is laid under the square that a network sees.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Side of the square in pixels.
    pub side: usize,
    /// From pixel centres of the square, measured from its centre, to pixels of the photo.
    matrix: [f32; 4],
    centre: [f32; 2],
}

/// Range of the random geometry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeometryRange {
    /// Smallest and largest size of the photo's long side, in pixels of the square's scale.
    pub long_side: [f32; 2],
    /// Largest change of width against height, as a factor.
    pub stretch: f32,
    /// Largest turn in degrees, beside flips and quarter turns.
    pub turn: f32,
    /// Part of the samples that gets a random number of quarter turns.
    pub quarter_turns: f32,
    /// Part of the samples that is seen in a mirror.
    pub flip: f32,
    /// How far the square may lie from the photo's centre: 0 not at all, 1 up to the photo's border.
    pub crop: f32,
}

impl GeometryRange {
    /// Any place, quarter turn and flip, but no size yet, stretch or other turn.
    pub const FREE: GeometryRange = GeometryRange {
        long_side: [0.0, 0.0],
        stretch: 1.0,
        turn: 0.0,
        quarter_turns: 1.0,
        flip: 0.5,
        crop: 1.0,
    };
}

impl Geometry {
    /// Random scale, stretch, turn, quarter turns, flip and position.
    pub fn random(photo: &Photo, side: usize, range: &GeometryRange, random: &mut Random) -> Self {
        let [low, high] = range.long_side;
        let long_side = low * (high / low).powf(uniform(random, 0.0, 1.0));
        let pixels_per_pixel = photo.width.max(photo.height) as f32 / long_side;
        let stretch = range.stretch.powf(uniform(random, -0.5, 0.5));
        let quarter = (uniform(random, 0.0, 4.0) as u32).min(3) as f32 * 90.0;
        let turned = range.quarter_turns >= 1.0 || chance(random, range.quarter_turns);
        let quarter = if turned { quarter } else { 0.0 };
        let angle = (quarter + uniform(random, -range.turn, range.turn)).to_radians();
        let flip = if chance(random, range.flip) { -1.0 } else { 1.0 };
        let (sin, cos) = angle.sin_cos();
        let (x, y) = (pixels_per_pixel * stretch, pixels_per_pixel / stretch);
        let matrix = [cos * x * flip, -sin * x, sin * y * flip, cos * y];
        let position = |length: usize, random: &mut Random| {
            let free = (length as f32 - side as f32 * pixels_per_pixel).max(0.0) / 2.0 * range.crop;
            length as f32 / 2.0 + uniform(random, -free, free)
        };
        let centre = [position(photo.width, random), position(photo.height, random)];
        Geometry { side, matrix, centre }
    }

    /// The largest square in the middle, pixel for pixel.
    pub fn centre_square(photo: &Photo) -> Self {
        let side = photo.width.min(photo.height);
        let middle = |length: usize| (length - side) as f32 / 2.0;
        let centre = [photo.width, photo.height].map(|length| middle(length).floor() + side as f32 / 2.0);
        Geometry { side, matrix: [1.0, 0.0, 0.0, 1.0], centre }
    }

    /// The whole photo, brought to a square of that side.
    pub fn fit(photo: &Photo, side: usize) -> Self {
        let [x, y] = [photo.width, photo.height].map(|length| length as f32 / side as f32);
        Geometry {
            side,
            matrix: [x, 0.0, 0.0, y],
            centre: [photo.width, photo.height].map(|length| length as f32 / 2.0),
        }
    }

    fn source(&self, x: usize, y: usize) -> (f32, f32) {
        let half = self.side as f32 / 2.0;
        let (dx, dy) = (x as f32 + 0.5 - half, y as f32 + 0.5 - half);
        let [a, b, c, d] = self.matrix;
        (self.centre[0] + a * dx + b * dy - 0.5, self.centre[1] + c * dx + d * dy - 0.5)
    }

    /// Another picture of the same size as the photo under the same geometry, `r, g, b` per pixel: three channels, 0 to 1.
    pub fn colour(&self, rgb: &[u8], width: usize, height: usize) -> Plane {
        let side = self.side;
        let mut colour = Plane::filled(3, side, side, 0.0);
        for y in 0..side {
            for x in 0..side {
                let (sx, sy) = self.source(x, y);
                Taps::new(sx, sy, width, height).colour(rgb, &mut colour, y * side + x);
            }
        }
        colour
    }

    /// The photo and its labels under this geometry, borders reflected: colours in 0 to 1, and classes, of which each
    /// pixel takes the one with the largest part.
    pub fn apply(&self, photo: &Photo) -> (Plane, Plane) {
        let side = self.side;
        let mut colour = Plane::filled(3, side, side, 0.0);
        let mut labels = Plane::filled(1, side, side, 0.0);
        for y in 0..side {
            for x in 0..side {
                let (sx, sy) = self.source(x, y);
                let taps = Taps::new(sx, sy, photo.width, photo.height);
                taps.colour(&photo.rgb, &mut colour, y * side + x);
                labels.values[y * side + x] = f32::from(taps.label(&photo.labels));
            }
        }
        (colour, labels)
    }
}

/// The four pixels around a position and their weights.
struct Taps {
    at: [usize; 4],
    weight: [f32; 4],
}

impl Taps {
    fn new(x: f32, y: f32, width: usize, height: usize) -> Self {
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let column = |offset: i32| reflect(left as i32 + offset, width);
        let row = |offset: i32| reflect(top as i32 + offset, height) * width;
        Taps {
            at: [row(0) + column(0), row(0) + column(1), row(1) + column(0), row(1) + column(1)],
            weight: [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy],
        }
    }

    /// Writes the colour here into place number `to`.
    fn colour(&self, rgb: &[u8], colour: &mut Plane, to: usize) {
        let area = colour.area();
        for channel in 0..3 {
            let taps = self.at.iter().zip(self.weight);
            let value: f32 = taps.map(|(&at, weight)| f32::from(rgb[at * 3 + channel]) * weight).sum();
            colour.values[channel * area + to] = value / 255.0;
        }
    }

    /// The label with the largest part; of two that share evenly, the higher one.
    fn label(&self, labels: &[u8]) -> u8 {
        let here = self.at.map(|at| labels[at]);
        if here == [here[0]; 4] {
            return here[0];
        }
        let part = |label: u8| -> f32 {
            here.iter()
                .zip(self.weight)
                .map(|(&other, weight)| if other == label { weight } else { 0.0 })
                .sum()
        };
        let parts = here.map(|label| (part(label), label));
        parts.into_iter().fold((0.0, 0), |best, one| if one >= best { one } else { best }).1
    }
}

/// The index inside `0..length` that a mirror at both borders shows.
pub fn reflect(index: i32, length: usize) -> usize {
    let period = 2 * length as i32;
    let index = index.rem_euclid(period);
    (if index < length as i32 { index } else { period - 1 - index }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::{Purpose, stream};

    const FREE: GeometryRange = GeometryRange::FREE;

    /// A white square on black, its mask the same square.
    fn marked() -> Photo {
        let (width, height) = (90, 70);
        let inside = |i: usize| (30..53).contains(&(i % width)) && (20..45).contains(&(i / width));
        let labels: Vec<u8> = (0..width * height).map(|i| u8::from(inside(i))).collect();
        let rgb = labels.iter().flat_map(|&label| [label * 255; 3]).collect();
        Photo { name: "marked".into(), width, height, rgb, labels }
    }

    #[test]
    fn every_change_of_geometry_alone_moves_picture_mask_and_target_together() {
        let photo = marked();
        let still =
            GeometryRange { long_side: [90.0, 90.0], quarter_turns: 0.0, flip: 0.0, crop: 0.0, ..FREE };
        let kinds = [
            ("size", GeometryRange { long_side: [60.0, 140.0], ..still }),
            ("stretch", GeometryRange { stretch: 1.4, ..still }),
            ("turn", GeometryRange { turn: 20.0, ..still }),
            ("quarter turns", GeometryRange { quarter_turns: 0.7, ..still }),
            ("flip", GeometryRange { flip: 0.5, ..still }),
            ("crop", GeometryRange { long_side: [140.0, 140.0], crop: 1.0, ..still }),
            ("all", GeometryRange { long_side: [60.0, 140.0], stretch: 1.4, turn: 20.0, ..FREE }),
        ];
        let unmoved =
            Geometry::random(&photo, 64, &still, &mut stream(7, Purpose::Measuring, 0)).apply(&photo);
        for (kind, range) in kinds {
            let (mut seen, mut moved) = (0.0, 0);
            for i in 0..20 {
                let geometry = Geometry::random(&photo, 64, &range, &mut stream(7, Purpose::Measuring, i));
                let (colour, mask) = geometry.apply(&photo);
                for (value, rust) in colour.channel(1).iter().zip(&mask.values) {
                    assert!((value - rust).abs() <= 0.5 + 1e-5, "{kind}: mask and picture differ");
                }
                assert_eq!(colour, geometry.colour(&photo.rgb, photo.width, photo.height), "{kind}");
                seen += mask.mean();
                moved += usize::from(mask != unmoved.1);
            }
            assert!(seen > 1.0, "{kind}: the mark never came into view");
            assert!(moved >= 5, "{kind}: nothing moved");
        }
    }

    #[test]
    fn of_several_classes_a_pixel_takes_the_one_with_the_largest_part_and_never_one_between_them() {
        let taps = Taps::new(0.6, 0.3, 2, 2);
        assert_eq!(taps.label(&[1, 3, 1, 3]), 3);
        assert_eq!(Taps::new(0.5, 0.0, 2, 2).label(&[0, 1, 0, 1]), 1);
        let (width, height) = (60, 40);
        let labels: Vec<u8> = (0..width * height).map(|i| if i % width < 30 { 3 } else { 1 }).collect();
        let photo = Photo { name: "two".into(), width, height, rgb: vec![0; width * height * 3], labels };
        let range = GeometryRange { long_side: [60.0, 140.0], stretch: 1.4, turn: 20.0, ..FREE };
        let mut seen = [0; 4];
        for i in 0..20 {
            let mut random = stream(8, Purpose::Measuring, i);
            let (_, labels) = Geometry::random(&photo, 48, &range, &mut random).apply(&photo);
            labels.values.iter().for_each(|&label| seen[label as usize] += 1);
        }
        assert!(seen[0] == 0 && seen[2] == 0 && seen[1] > 5000 && seen[3] > 5000, "{seen:?}");
    }

    #[test]
    fn the_mirror_never_leaves_the_picture() {
        assert_eq!((-4..8).map(|i| reflect(i, 3)).collect::<Vec<_>>(), [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
        assert!((-9..9).all(|i| reflect(i, 1) == 0));
    }
}
