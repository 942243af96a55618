//! Random changes that leave the meaning of a picture as it is.

use crate::data::{Photo, Plane};
use crate::random::{Random, chance, uniform};

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
#[derive(Clone, Copy, Debug)]
pub struct GeometryRange {
    /// Smallest and largest size of the photo's long side, in pixels of the square's scale.
    pub long_side: [f32; 2],
    /// Largest change of width against height, as a factor.
    pub stretch: f32,
    /// Largest turn in degrees, beside flips and quarter turns.
    pub turn: f32,
}

impl Geometry {
    /// Random scale, stretch, turn, quarter turns, flip and position.
    pub fn random(photo: &Photo, side: usize, range: &GeometryRange, random: &mut Random) -> Self {
        let [low, high] = range.long_side;
        let long_side = low * (high / low).powf(uniform(random, 0.0, 1.0));
        let pixels_per_pixel = photo.width.max(photo.height) as f32 / long_side;
        let stretch = range.stretch.powf(uniform(random, -0.5, 0.5));
        let quarter = (uniform(random, 0.0, 4.0) as u32).min(3) as f32 * 90.0;
        let angle = (quarter + uniform(random, -range.turn, range.turn)).to_radians();
        let flip = if chance(random, 0.5) { -1.0 } else { 1.0 };
        let (sin, cos) = angle.sin_cos();
        let (x, y) = (pixels_per_pixel * stretch, pixels_per_pixel / stretch);
        let matrix = [cos * x * flip, -sin * x, sin * y * flip, cos * y];
        let position = |length: usize, random: &mut Random| {
            let free = (length as f32 - side as f32 * pixels_per_pixel).max(0.0) / 2.0;
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
                for channel in 0..3 {
                    let value = taps.sample(|i| f32::from(photo.rgb[i * 3 + channel]));
                    colour.values[channel * side * side + y * side + x] = value / 255.0;
                }
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

    fn sample(&self, value: impl Fn(usize) -> f32) -> f32 {
        self.at.iter().zip(self.weight).map(|(&at, weight)| value(at) * weight).sum()
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

/// Random light, colour and sharpness: the differences between cameras, lamps and weather.
pub fn recolour(colour: &mut Plane, random: &mut Random) {
    let gamma = 2f32.powf(uniform(random, -0.7, 0.7));
    let contrast = uniform(random, 0.55, 1.3);
    let brightness = uniform(random, -0.12, 0.12);
    // A quarter of the cameras have their white balance far off.
    let cast = if chance(random, 0.25) { 0.25 } else { 0.12 };
    let gains = [(); 3].map(|()| uniform(random, 1.0 - cast, 1.0 + cast));
    let saturation = if chance(random, 0.8) { uniform(random, 0.4, 1.5) } else { 1.0 };
    let shade = Shade::random(colour.width, colour.height, random);
    let area = colour.area();
    for i in 0..area {
        let mut pixel = [0, 1, 2].map(|channel| colour.values[channel * area + i]);
        for (value, gain) in pixel.iter_mut().zip(gains) {
            *value = (*value * gain).clamp(0.0, 1.0).powf(gamma);
        }
        let grey = luminance(pixel);
        let light = shade.at(i % colour.width, i / colour.width);
        for (channel, value) in pixel.iter().enumerate() {
            let vivid = grey + (value - grey) * saturation;
            let value = ((vivid - 0.5) * contrast + 0.5 + brightness) * light;
            colour.values[channel * area + i] = value.clamp(0.0, 1.0);
        }
    }
    if chance(random, 0.25) {
        colour.box_blur(1 + usize::from(chance(random, 0.3)));
    }
    if chance(random, 0.3) {
        let strength = uniform(random, 0.0, 0.05);
        for value in &mut colour.values {
            *value += strength * (uniform(random, -1.0, 1.0) + uniform(random, -1.0, 1.0));
        }
    }
    colour.values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
}

/// Relative luminance of sRGB primaries (ITU-R BT.709), here of encoded values.
pub fn luminance([red, green, blue]: [f32; 3]) -> f32 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// A soft shadow or light that falls across the picture.
struct Shade {
    normal: [f32; 2],
    offset: f32,
    softness: f32,
    depth: f32,
}

impl Shade {
    fn random(width: usize, height: usize, random: &mut Random) -> Self {
        let (sin, cos) = uniform(random, 0.0, std::f32::consts::TAU).sin_cos();
        let depth = if chance(random, 0.35) { uniform(random, 0.2, 0.65) } else { 0.0 };
        let through = [uniform(random, 0.0, width as f32), uniform(random, 0.0, height as f32)];
        let offset = cos * through[0] + sin * through[1];
        Shade { normal: [cos, sin], offset, softness: uniform(random, 3.0, width as f32), depth }
    }

    fn at(&self, x: usize, y: usize) -> f32 {
        if self.depth == 0.0 {
            return 1.0;
        }
        let distance = self.normal[0] * x as f32 + self.normal[1] * y as f32 - self.offset;
        1.0 - self.depth / (1.0 + (-4.0 * distance / self.softness).exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, stream};

    /// A white square on black, its mask the same square.
    fn marked() -> Photo {
        let (width, height) = (90, 70);
        let inside = |i: usize| (30..50).contains(&(i % width)) && (20..45).contains(&(i / width));
        let labels: Vec<u8> = (0..width * height).map(|i| u8::from(inside(i))).collect();
        let rgb = labels.iter().flat_map(|&label| [label * 255; 3]).collect();
        Photo { name: "marked".into(), width, height, rgb, labels }
    }

    #[test]
    fn picture_and_mask_move_together() {
        let photo = marked();
        let range = GeometryRange { long_side: [60.0, 140.0], stretch: 1.4, turn: 20.0 };
        let mut seen = 0.0;
        for i in 0..20 {
            let mut random = stream(7, Purpose::Measuring, i);
            let (mut colour, mask) = Geometry::random(&photo, 64, &range, &mut random).apply(&photo);
            for (value, rust) in colour.channel(1).iter().zip(&mask.values) {
                assert!((value - rust).abs() <= 0.5 + 1e-5, "mask and picture differ");
            }
            seen += mask.mean();
            recolour(&mut colour, &mut random);
            assert!(colour.values.iter().all(|v| (0.0..=1.0).contains(v)));
        }
        assert!(seen > 1.0, "the mark never came into view");
    }

    #[test]
    fn of_several_classes_a_pixel_takes_the_one_with_the_largest_part_and_never_one_between_them() {
        let taps = Taps::new(0.6, 0.3, 2, 2);
        assert_eq!(taps.label(&[1, 3, 1, 3]), 3);
        assert_eq!(Taps::new(0.5, 0.0, 2, 2).label(&[0, 1, 0, 1]), 1);
        let (width, height) = (60, 40);
        let labels: Vec<u8> = (0..width * height).map(|i| if i % width < 30 { 3 } else { 1 }).collect();
        let photo = Photo { name: "two".into(), width, height, rgb: vec![0; width * height * 3], labels };
        let range = GeometryRange { long_side: [60.0, 140.0], stretch: 1.4, turn: 20.0 };
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
