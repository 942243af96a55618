//! Outlines drawn by labelling tools, as pixels.

use super::report::{Reason, Size};

/// An outline in pixels: the corner of the picture is (0, 0), the centre of its first pixel (0.5, 0.5).
pub type Outline = Vec<[f64; 2]>;

/// How far, in pixels, tools draw beyond the picture's border without meaning it.
const TOLERANCE: f64 = 1.5;

/// Checks that an outline has three points or more, all of them in the picture, and brings those just beside it inside.
///
/// # Errors
/// When a point is not finite or lies outside.
pub fn check(outline: &mut Outline, (width, height): Size) -> Result<(), Reason> {
    if outline.len() < 3 {
        return Err(Reason::Malformed(format!("an outline of {} points", outline.len())));
    }
    for point in outline {
        for (value, length) in point.iter_mut().zip([width, height].map(f64::from)) {
            if !value.is_finite() {
                return Err(Reason::Malformed("a coordinate is no number".into()));
            }
            if *value < -TOLERANCE || *value > length + TOLERANCE {
                return Err(Reason::Outside(format!("a point at {value:.1} of {length} pixels")));
            }
            *value = value.clamp(0.0, length);
        }
    }
    Ok(())
}

/// Writes `label` into every pixel whose centre lies inside an odd number of the outlines of one instance: outlines beside
/// each other are parts, outlines inside of others holes. Labels above `label` stay.
pub fn fill(outlines: &[Outline], label: u8, (width, height): Size, labels: &mut [u8]) {
    let (width, height) = (width as usize, height as usize);
    let mut crossings: Vec<Vec<f64>> = vec![vec![]; height];
    for outline in outlines {
        for (i, &from) in outline.iter().enumerate() {
            let to = outline[(i + 1) % outline.len()];
            let (upper, lower) = if from[1] <= to[1] { (from, to) } else { (to, from) };
            // Rows whose centre lies in upper..lower: an edge owns its upper end only, so that no corner counts twice.
            let first = pixel(upper[1], height);
            let last = pixel(lower[1], height);
            for (row, crossed) in crossings.iter_mut().enumerate().take(last).skip(first) {
                let part = (row as f64 + 0.5 - upper[1]) / (lower[1] - upper[1]);
                crossed.push(upper[0] + part * (lower[0] - upper[0]));
            }
        }
    }
    for (row, crossed) in crossings.iter_mut().enumerate() {
        crossed.sort_by(f64::total_cmp);
        for inside in crossed.chunks_exact(2) {
            let columns = pixel(inside[0], width)..pixel(inside[1], width);
            for old in &mut labels[row * width..(row + 1) * width][columns] {
                *old = label.max(*old);
            }
        }
    }
}

/// The first pixel whose centre is not before a position.
fn pixel(position: f64, length: usize) -> usize {
    ((position - 0.5).ceil().max(0.0) as usize).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(outlines: &[Outline], size: Size) -> Vec<u8> {
        let mut labels = vec![0; (size.0 * size.1) as usize];
        fill(outlines, 1, size, &mut labels);
        labels
    }

    #[test]
    fn a_pixel_belongs_to_an_outline_when_its_centre_does() {
        let square = vec![[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]];
        let labels = drawn(std::slice::from_ref(&square), (5, 4));
        #[rustfmt::skip]
        assert_eq!(labels, [
            0, 0, 0, 0, 0,
            0, 1, 1, 1, 0,
            0, 1, 1, 1, 0,
            0, 0, 0, 0, 0,
        ]);
        let triangle = vec![[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]];
        #[rustfmt::skip]
        assert_eq!(drawn(&[triangle], (4, 4)), [
            1, 1, 1, 0,
            1, 1, 0, 0,
            1, 0, 0, 0,
            0, 0, 0, 0,
        ]);
        let backwards = square.into_iter().rev().collect();
        assert_eq!(drawn(&[backwards], (5, 4)), labels);
    }

    #[test]
    fn holes_stay_open_and_parts_count_each() {
        let square = |a: f64, b: f64| vec![[a, a], [b, a], [b, b], [a, b]];
        let count = |outlines: &[Outline]| drawn(outlines, (20, 20)).iter().filter(|&&l| l == 1).count();
        assert_eq!(count(&[square(2.0, 12.0), square(4.0, 8.0)]), 100 - 16);
        assert_eq!(count(&[square(2.0, 6.0), square(10.0, 15.0)]), 16 + 25);
    }

    #[test]
    fn points_just_beside_the_picture_are_brought_inside_and_those_far_off_refused() {
        let mut near = vec![[-0.6, 0.0], [10.4, 0.0], [10.0, 8.5]];
        check(&mut near, (10, 8)).unwrap();
        assert_eq!(near, [[0.0, 0.0], [10.0, 0.0], [10.0, 8.0]]);
        let far = check(&mut vec![[0.0, 0.0], [14.0, 0.0], [5.0, 5.0]], (10, 8));
        assert!(matches!(far, Err(Reason::Outside(_))));
        assert!(matches!(check(&mut vec![[0.0, f64::NAN]; 3], (9, 9)), Err(Reason::Malformed(_))));
        assert!(matches!(check(&mut vec![[0.0, 1.0]; 2], (9, 9)), Err(Reason::Malformed(_))));
    }
}
