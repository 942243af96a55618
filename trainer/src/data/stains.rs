//! Pairs in which rust lies on what was there: its shading, edges and relief show through.
//!
//! Pasted rust ([`super::pairs::paste`]) brings its own shape along and hides all that it covers, as scabs do. Most rust
//! follows the shape that it grows on: what a person calls cleaning keeps that shape.

use super::Plane;
use super::pairs::{MARGIN, Pair, coverage, low_noise};
use super::random::{Random, chance, index, uniform};
use super::recolour::luminance;

/// How much of each pixel is covered without being told apart from the host.
const TRACE: f32 = 0.02;
/// Least luminance that light is divided by.
const DARK: f32 = 0.04;

/// Stains a host with the colour and grain of rust from `donors`; each is a picture and its labels.
pub fn stain(host: (Plane, Plane), donors: &[(Plane, Plane)], random: &mut Random) -> Pair {
    let (target, own) = (host.0, host.1.any_class());
    let mut blocked = own.clone();
    blocked.dilate(MARGIN);
    let mut rusty = target.clone();
    let mut stained = Plane::filled(1, target.height, target.width, 0.0);
    for (colour, labels) in donors {
        let labels = labels.clone().any_class();
        let colour = rust_alone(colour, &labels, random);
        let mut cover = shape(labels, &blocked, random);
        let opacity = uniform(random, 0.5, 1.0);
        for (cover, blocked) in cover.values.iter_mut().zip(&blocked.values) {
            *cover *= opacity * (1.0 - blocked);
            if *cover < TRACE {
                *cover = 0.0;
            }
        }
        lay(&mut rusty, &target, &colour, &cover, random);
        for (total, cover) in stained.values.iter_mut().zip(&cover.values) {
            *total = 1.0 - (1.0 - *total) * (1.0 - cover);
        }
    }
    Pair { rusty, target, pasted: stained, own }
}

/// The donor's picture with colours of its rust wherever it has none.
fn rust_alone(colour: &Plane, labels: &Plane, random: &mut Random) -> Plane {
    let area = colour.area();
    let rusty: f32 = labels.values.iter().sum();
    if rusty < 1.0 || rusty as usize == area {
        return colour.clone();
    }
    let mut soft = labels.clone();
    soft.erode(2);
    soft.box_blur(2);
    let blotches = low_noise(colour.height, colour.width, random);
    let grain: Vec<f32> = (0..area).map(|_| uniform(random, -1.0, 1.0)).collect();
    let mut rust = colour.clone();
    for c in 0..3 {
        let values = rust.channel_mut(c);
        let mean = values.iter().zip(&labels.values).map(|(v, label)| v * label).sum::<f32>() / rusty;
        for (i, value) in values.iter_mut().enumerate() {
            let made = mean * (1.0 + 0.35 * blotches[i] + 0.15 * grain[i]);
            *value = (made + (*value - made) * soft.values[i]).clamp(0.0, 1.0);
        }
    }
    rust
}

/// Where rust lies, 0 to 1: as on the donor, nearly everywhere, around bolts, or any of these with streaks below.
fn shape(labels: Plane, blocked: &Plane, random: &mut Random) -> Plane {
    let (height, width) = (labels.height, labels.width);
    let mut cover = match index(random, 5) {
        0 => {
            let noise = low_noise(height, width, random);
            let level = uniform(random, -1.2, 0.2);
            let values = noise.iter().map(|value| ((value - level) * 3.0).clamp(0.0, 1.0)).collect();
            Plane { channels: 1, height, width, values }
        }
        1 => halos(height, width, random),
        _ => coverage(labels, blocked, random),
    };
    if chance(random, 0.4) {
        run_down(&mut cover, random);
    }
    cover
}

/// Rust that has run out from under a few bolts or rivets, in a row more often than not.
fn halos(height: usize, width: usize, random: &mut Random) -> Plane {
    let mut cover = Plane::filled(1, height, width, 0.0);
    let noise = low_noise(height, width, random);
    let side = height.min(width) as f32;
    let (start, step) = (
        [uniform(random, 0.0, 1.0) * side, uniform(random, 0.0, 1.0) * side],
        [uniform(random, -0.25, 0.25) * side, uniform(random, -0.25, 0.25) * side],
    );
    let in_a_row = chance(random, 0.6);
    for number in 0..2 + index(random, 6) {
        let centre: [f32; 2] = std::array::from_fn(|axis| {
            if in_a_row { start[axis] + step[axis] * number as f32 } else { uniform(random, 0.0, 1.0) * side }
        });
        let radius = uniform(random, 0.02, 0.09) * side;
        for (i, cover) in cover.values.iter_mut().enumerate() {
            let (x, y) = ((i % width) as f32 - centre[0], (i / width) as f32 - centre[1]);
            let distance = (x * x + y * y).sqrt() / (radius * (1.0 + 0.4 * noise[i]));
            *cover = cover.max((1.6 * (-distance * distance).exp()).min(1.0));
        }
    }
    cover
}

/// Streaks below all that is covered: each row takes over what runs out of the row above, and loses some.
fn run_down(cover: &mut Plane, random: &mut Random) {
    let (height, width) = (cover.height, cover.width);
    let length = uniform(random, 0.1, 0.6) * height as f32;
    let columns: Vec<f32> = {
        let [coarse, fine] = [12, 4].map(|cell| {
            let knots: Vec<f32> = (0..width / cell + 2).map(|_| uniform(random, -1.0, 1.0)).collect();
            move |x: usize| {
                let (at, part) = (x / cell, (x % cell) as f32 / cell as f32);
                knots[at] * (1.0 - part) + knots[at + 1] * part
            }
        });
        (0..width).map(|x| (0.45 + 0.5 * coarse(x) + 0.35 * fine(x)).clamp(0.0, 1.0)).collect()
    };
    for at in width..height * width {
        let open = columns[at % width];
        let decay = 1.0 - 1.0 / (length * (0.15 + open));
        let carried = cover.values[at - width] * decay.max(0.0) * (0.9 + 0.1 * open);
        cover.values[at] = cover.values[at].max(carried * open.sqrt());
    }
}

/// Lays the colour and grain of `donor` over the host, lit as the host is.
fn lay(rusty: &mut Plane, host: &Plane, donor: &Plane, cover: &Plane, random: &mut Random) {
    let area = host.area();
    let covered: f32 = cover.values.iter().sum();
    if covered < 1.0 {
        return;
    }
    let luma = |plane: &Plane| Plane {
        channels: 1,
        values: (0..area).map(|i| luminance([0, 1, 2].map(|c| plane.values[c * area + i]))).collect(),
        ..*plane
    };
    let smooth = |plane: &Plane, radius: usize| {
        let mut smooth = plane.clone();
        smooth.box_blur(radius);
        smooth.box_blur(radius);
        smooth
    };
    let side = host.height.min(host.width);
    let (host_luma, donor_luma) = (luma(host), luma(donor));
    // What is coarser than this in the donor is its own shading; what is finer, its grain.
    let grain = smooth(&donor_luma, (side / 40).max(2));
    // The host's light from one place to the next, over its own mean nearby.
    let around = smooth(&host_luma, (side as f32 * uniform(random, 0.06, 0.15)) as usize + 2);
    let mean = |plane: &Plane| {
        plane.values.iter().zip(&cover.values).map(|(value, cover)| value * cover).sum::<f32>() / covered
    };
    let (host_mean, donor_mean) = (mean(&host_luma).max(DARK), mean(&donor_luma).max(DARK));
    let exposed = (host_mean / donor_mean).powf(uniform(random, 0.1, 0.6)).clamp(0.5, 1.8);
    let (relief, falling, flat) =
        (uniform(random, 0.6, 1.1), uniform(random, 0.2, 0.7), uniform(random, 0.4, 1.0));
    // Thin rust filters the light that what lies beneath sends back.
    let thin = if chance(random, 0.5) { uniform(random, 0.2, 0.7) } else { 0.0 };
    for i in 0..area {
        let share = cover.values[i];
        if share == 0.0 {
            continue;
        }
        let shading =
            (host_luma.values[i].max(0.01) / around.values[i].max(DARK)).clamp(0.1, 4.0).powf(relief)
                * (around.values[i].max(DARK) / host_mean).powf(falling)
                * (donor_mean / grain.values[i].max(DARK)).powf(flat);
        let colour = [0, 1, 2].map(|c| donor.values[c * area + i]);
        let brightest = colour.into_iter().fold(DARK, f32::max);
        for (c, colour) in colour.into_iter().enumerate() {
            let at = c * area + i;
            let thick = (colour * shading * exposed).clamp(0.0, 1.0);
            let filtered = host.values[at] * (0.35 + 0.65 * colour / brightest);
            let rust = thick + (filtered - thick) * thin;
            rusty.values[at] += (rust - rusty.values[at]) * share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::{Purpose, stream};

    /// A grey host with dark lines every eighth column, a brown donor that is rust all over.
    fn pair(number: u64) -> Pair {
        let side = 64;
        let mut host = Plane::filled(3, side, side, 0.7);
        for (i, value) in host.values.iter_mut().enumerate() {
            if i % 8 == 0 {
                *value = 0.3;
            }
        }
        let mut own = Plane::filled(1, side, side, 0.0);
        own.values[..side * 6].fill(1.0);
        let mut donor = Plane::filled(3, side, side, 0.1);
        donor.channel_mut(0).fill(0.45);
        donor.channel_mut(1).fill(0.2);
        let labels = Plane::filled(1, side, side, 1.0);
        stain((host, own), &[(donor, labels)], &mut stream(3, Purpose::Measuring, number))
    }

    #[test]
    fn a_stain_takes_the_colour_of_rust_and_keeps_the_shape_of_the_host() {
        let (mut stained, mut kept) = (0, 0);
        for number in 0..30 {
            let pair = pair(number);
            let (rusty, target) = (&pair.rusty, &pair.target);
            for i in 0..target.area() {
                let differs = (0..3).any(|c| rusty.channel(c)[i] != target.channel(c)[i]);
                assert!(!differs || pair.pasted.values[i] > 0.0, "pair {number}, pixel {i}");
                assert!(pair.own.values[i] == 0.0 || !differs, "pair {number}: on the host's own rust");
                if i % 8 == 0 && pair.pasted.values[i] > 0.5 && pair.pasted.values[i + 1] > 0.5 {
                    stained += 1;
                    let [line, beside] = [i, i + 1].map(|i| [0, 1, 2].map(|c| rusty.channel(c)[i]));
                    assert!(line[0] > line[2] + 0.02, "pair {number}: {line:?} is no rust");
                    kept += usize::from(luminance(line) < 0.8 * luminance(beside));
                }
            }
        }
        assert!(stained > 1000 && kept * 10 > stained * 9, "{kept} of {stained} lines show through");
    }

    #[test]
    fn streaks_run_down_and_nowhere_else() {
        let mut cover = Plane::filled(1, 80, 40, 0.0);
        cover.values[20 * 40 + 10..20 * 40 + 30].fill(1.0);
        run_down(&mut cover, &mut stream(3, Purpose::Measuring, 0));
        let sum =
            |rows: std::ops::Range<usize>| cover.values[rows.start * 40..rows.end * 40].iter().sum::<f32>();
        assert!(sum(0..20) == 0.0 && sum(21..30) > 5.0, "{} {}", sum(0..20), sum(21..30));
        assert!(sum(60..70) < sum(21..31));
        let beside = cover.values.iter().enumerate().filter(|(i, value)| **value > 0.0 && i % 40 < 10);
        assert_eq!(beside.count(), 0);
    }
}
