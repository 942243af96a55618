//! Pairs of a rusty picture and the same picture without that rust.
//!
//! Nobody photographs the same spot with and without its rust, so pairs are made: rust is cut out of one photo by its
//! mask and blended onto the clean parts of another. The untouched photo is the target, known where its own mask says
//! that it is clean.

use crate::data::geometry::{Geometry, GeometryRange};
use crate::data::random::{Random, chance, uniform};
use crate::data::recolour::luminance;
use crate::data::{Photo, Plane};

/// A made pair, all of the same height and width.
pub struct Pair {
    /// With the pasted rust; three channels.
    pub rusty: Plane,
    /// Without it; three channels.
    pub target: Plane,
    /// How much of each pixel is pasted rust, 0 to 1.
    pub pasted: Plane,
    /// The rust that the host had already, 0 or 1, by its label.
    pub own: Plane,
}

/// Rust of a host is not trusted to end where its label ends: nothing is pasted within this many pixels of it.
pub(super) const MARGIN: usize = 4;

/// Blends rust, of whichever class, from each of `donors` onto a host; each is a picture and its labels.
pub fn paste(host: (Plane, Plane), donors: &[(Plane, Plane)], random: &mut Random) -> Pair {
    let (target, own) = (host.0, host.1.any_class());
    let mut blocked = own.clone();
    blocked.dilate(MARGIN);
    let mut rusty = target.clone();
    let mut pasted = Plane::filled(1, target.height, target.width, 0.0);
    for (colour, labels) in donors {
        let cover = coverage(labels.clone().any_class(), &blocked, random);
        blend(&mut rusty, &target, colour, &cover, random);
        for (total, cover) in pasted.values.iter_mut().zip(&cover.values) {
            *total = 1.0 - (1.0 - *total) * (1.0 - cover);
        }
    }
    Pair { rusty, target, pasted, own }
}

/// How much of each pixel the donor's rust covers: its mask with soft edges, broken up in most cases, and never over
/// the host's own rust.
pub(super) fn coverage(mask: Plane, blocked: &Plane, random: &mut Random) -> Plane {
    let mut cover = mask;
    if chance(random, 0.6) {
        let spots = low_noise(cover.height, cover.width, random);
        let level = uniform(random, -0.5, 0.3);
        for (cover, spot) in cover.values.iter_mut().zip(spots) {
            *cover *= ((spot - level) * 4.0 + 0.5).clamp(0.0, 1.0);
        }
    }
    cover.box_blur(2);
    cover.box_blur(2);
    let opacity = uniform(random, 0.7, 1.0);
    for (cover, blocked) in cover.values.iter_mut().zip(&blocked.values) {
        *cover *= opacity * (1.0 - blocked);
        if *cover < 0.02 {
            *cover = 0.0;
        }
    }
    cover
}

/// Smooth noise of about unit size: random values on a coarse grid, joined bilinearly.
pub fn low_noise(height: usize, width: usize, random: &mut Random) -> Vec<f32> {
    let cells = uniform(random, 4.0, 16.0) as usize;
    let stride = cells + 2;
    let knots: Vec<f32> = (0..stride * stride).map(|_| uniform(random, -1.0, 1.0)).collect();
    let mut noise = Vec::with_capacity(height * width);
    for y in 0..height {
        let v = y as f32 / height as f32 * cells as f32;
        for x in 0..width {
            let u = x as f32 / width as f32 * cells as f32;
            let (i, j) = (u as usize, v as usize);
            let (fu, fv) = (u - i as f32, v - j as f32);
            let row = |j: usize| knots[j * stride + i] * (1.0 - fu) + knots[j * stride + i + 1] * fu;
            noise.push(row(j) * (1.0 - fv) + row(j + 1) * fv);
        }
    }
    noise
}

/// Lays the donor's colours over the host's, half adapted to the host's light.
fn blend(rusty: &mut Plane, host: &Plane, donor: &Plane, cover: &Plane, random: &mut Random) {
    let area = host.area();
    let covered: f32 = cover.values.iter().sum();
    if covered < 1.0 {
        return;
    }
    let mean = |plane: &Plane| {
        let sum: f32 = (0..area)
            .map(|i| luminance([0, 1, 2].map(|channel| plane.values[channel * area + i])) * cover.values[i])
            .sum();
        sum / covered
    };
    let adapted =
        (mean(host).max(0.05) / mean(donor).max(0.05)).powf(uniform(random, 0.2, 0.6)).clamp(0.6, 1.7);
    for channel in 0..3 {
        for i in 0..area {
            let at = channel * area + i;
            let rust = (donor.values[at] * adapted).clamp(0.0, 1.0);
            rusty.values[at] += (rust - rusty.values[at]) * cover.values[i];
        }
    }
}

/// Writes the classes of pasted rust into a host's labels, wherever it covers at least 0.4 of a pixel.
pub fn label_pasted(host: &mut Plane, donor: &Plane, pasted: &Plane) {
    // Where the soft edge of what was pasted reaches beyond its label, the class next to it.
    let mut near = donor.clone();
    if donor.values.iter().any(|&label| label > 1.0) {
        near.dilate(MARGIN);
    }
    for (i, label) in host.values.iter_mut().enumerate() {
        if pasted.values[i] >= 0.4 {
            *label = if donor.values[i] > 0.0 { donor.values[i] } else { near.values[i].max(1.0) };
        }
    }
}

/// A random photo under a random geometry whose rust lies in the given range of the area; the last of a few tries
/// when none fits.
pub fn pick(
    photos: &[Photo],
    side: usize,
    range: &GeometryRange,
    rust: std::ops::RangeInclusive<f32>,
    random: &mut Random,
) -> (Plane, Plane) {
    let mut crop = None;
    for _ in 0..12 {
        let photo = &photos[crate::data::random::index(random, photos.len())];
        let whole = photo.rust_fraction();
        if (whole == 0.0) != (*rust.end() == 0.0) && (whole == 0.0 || whole > 0.95) {
            continue;
        }
        let found = Geometry::random(photo, side, range, random).apply(photo);
        let part = found.1.values.iter().filter(|label| **label != 0.0).count();
        let fits = rust.contains(&(part as f32 / found.1.area() as f32));
        crop = Some(found);
        if fits {
            break;
        }
    }
    crop.unwrap_or_else(|| {
        let photo = &photos[crate::data::random::index(random, photos.len())];
        Geometry::random(photo, side, range, random).apply(photo)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::{Purpose, stream};

    #[test]
    fn a_pair_differs_only_where_rust_was_pasted_and_never_on_the_hosts_own_rust() {
        let side = 48;
        let mut own = Plane::filled(1, side, side, 0.0);
        own.values[..side * 10].fill(1.0);
        let host = (Plane::filled(3, side, side, 0.7), own);
        let mut mask = Plane::filled(1, side, side, 0.0);
        mask.values[..side * 30].fill(1.0);
        let donor = (Plane::filled(3, side, side, 0.2), mask);
        let pair = paste(host, &[donor], &mut stream(1, Purpose::Measuring, 3));
        assert!(pair.pasted.mean() > 0.05, "nothing was pasted");
        for i in 0..side * side {
            let differs = (0..3).any(|c| pair.rusty.channel(c)[i] != pair.target.channel(c)[i]);
            assert_eq!(differs, pair.pasted.values[i] > 0.0, "pixel {i}");
            assert!(pair.own.values[i] == 0.0 || pair.pasted.values[i] == 0.0);
        }
    }

    #[test]
    fn pasted_rust_keeps_its_class() {
        let side = 48;
        let host = || (Plane::filled(3, side, side, 0.7), Plane::filled(1, side, side, 0.0));
        let mut donor = (Plane::filled(3, side, side, 0.2), Plane::filled(1, side, side, 0.0));
        donor.1.values[side * 8..side * 24].fill(3.0);
        donor.1.values[side * 24..side * 40].fill(2.0);
        let pair = paste(host(), std::slice::from_ref(&donor), &mut stream(1, Purpose::Measuring, 3));
        assert!(pair.pasted.values.iter().all(|cover| (0.0..=1.0).contains(cover)));
        let mut labels = host().1;
        label_pasted(&mut labels, &donor.1, &pair.pasted);
        let mut seen = [0; 4];
        for (i, &label) in labels.values.iter().enumerate() {
            assert_eq!(label > 0.0, pair.pasted.values[i] >= 0.4, "pixel {i}");
            assert!(label == 0.0 || donor.1.values[i] == 0.0 || label == donor.1.values[i]);
            seen[label as usize] += 1;
        }
        assert!(seen[1] == 0 && seen[2] > 100 && seen[3] > 100, "{seen:?}");
    }
}
