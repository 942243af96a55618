//! The outer borders of regions.

use crate::control::Stopped;
use crate::room;

/// Which pixels are rust, one bit each.
#[derive(Debug, Default)]
pub(super) struct Bitmap {
    width: usize,
    words_per_row: usize,
    words: Vec<u64>,
}

/// The eight neighbours of a pixel, clockwise as seen, from the one on the left.
const NEIGHBOURS: [(i64, i64); 8] = [(-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1)];

impl Bitmap {
    /// Takes the next row; all rows have the same length.
    pub(super) fn row(&mut self, rust: impl ExactSizeIterator<Item = bool>) -> Result<(), Stopped> {
        self.width = rust.len();
        self.words_per_row = self.width.div_ceil(64);
        let first = self.words.len();
        (0..self.words_per_row).try_for_each(|_| room::push(&mut self.words, 0))?;
        for (x, _) in rust.enumerate().filter(|(_, rust)| *rust) {
            self.words[first + x / 64] |= 1 << (x % 64);
        }
        Ok(())
    }

    fn is_rust(&self, x: i64, y: i64) -> bool {
        let inside = (0..self.width as i64).contains(&x) && y >= 0;
        inside
            && self
                .words
                .get(y as usize * self.words_per_row + x as usize / 64)
                .is_some_and(|word| word >> (x as usize % 64) & 1 == 1)
    }

    /// The outer border of the region whose upper-most row has its left-most pixel at `start`: the region's pixels that
    /// one meets on the way around it, clockwise as seen, each step to one of the eight neighbours. Where the region is
    /// one pixel wide, pixels are met twice.
    ///
    /// Border following after Moore, ended by Jacob's criterion: at the start, about to leave it as the first time
    /// (Gonzalez and Woods, "Digital Image Processing", 4th edition, section 11.1).
    pub(super) fn contour(&self, start: [u32; 2]) -> Result<Vec<[u32; 2]>, Stopped> {
        // Left of the start there is no rust, so the search begins there.
        let Some(first) = self.next(start, 0) else { return room::row(start, 1) };
        let mut contour = vec![];
        let (mut at, mut towards) = (start, first);
        loop {
            room::push(&mut contour, at)?;
            at = step(at, towards);
            // The last neighbour that was seen to be free lies two places back, one where the step was diagonal.
            let free = if towards % 2 == 1 { (towards + 5) % 8 } else { (towards + 6) % 8 };
            towards = self.next(at, free).expect("the pixel that one comes from is rust");
            if at == start && towards == first {
                return Ok(contour);
            }
        }
    }

    /// The first neighbour that is rust, clockwise from neighbour `from`.
    fn next(&self, at: [u32; 2], from: usize) -> Option<usize> {
        (from..from + 8).map(|i| i % 8).find(|&i| {
            let (dx, dy) = NEIGHBOURS[i];
            self.is_rust(i64::from(at[0]) + dx, i64::from(at[1]) + dy)
        })
    }
}

/// The neighbour in that direction, which is known to be in the picture.
fn step(at: [u32; 2], towards: usize) -> [u32; 2] {
    let (dx, dy) = NEIGHBOURS[towards];
    [(i64::from(at[0]) + dx) as u32, (i64::from(at[1]) + dy) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bitmap(picture: &[&str]) -> Bitmap {
        let mut bitmap = Bitmap::default();
        for row in picture {
            bitmap.row(row.bytes().map(|byte| byte == b'#')).unwrap();
        }
        bitmap
    }

    #[test]
    fn contours_go_around_clockwise_and_back_along_thin_parts() {
        assert_eq!(bitmap(&["#"]).contour([0, 0]).unwrap(), [[0, 0]]);
        let square = bitmap(&["....", ".##.", ".##."]);
        assert_eq!(square.contour([1, 1]).unwrap(), [[1, 1], [2, 1], [2, 2], [1, 2]]);
        let line = bitmap(&["###"]);
        assert_eq!(line.contour([0, 0]).unwrap(), [[0, 0], [1, 0], [2, 0], [1, 0]]);
        // A ring: the hole's border is no part of the outer one.
        let ring = bitmap(&["###", "#.#", "###"]);
        assert_eq!(ring.contour([0, 0]).unwrap().len(), 8);
        let corners = bitmap(&["#..", ".#.", "..#"]);
        assert_eq!(corners.contour([0, 0]).unwrap(), [[0, 0], [1, 1], [2, 2], [1, 1]]);
    }

    proptest! {
        /// Seen from outside: the pixels of the first region that a flood from beyond the border reaches, over sides
        /// alone, are those of the contour.
        #[test]
        fn the_contour_holds_what_a_flood_from_outside_touches(
            width in 1usize..12, rows in prop::collection::vec(prop::collection::vec(any::<bool>(), 12), 1..12)
        ) {
            let rows: Vec<Vec<bool>> = rows.into_iter().map(|row| row[..width].to_vec()).collect();
            let Some(start) = rows.iter().enumerate().find_map(|(y, row)| {
                Some([row.iter().position(|rust| *rust)? as u32, y as u32])
            }) else { return Ok(()) };
            let mut bitmap = Bitmap::default();
            rows.iter().for_each(|row| bitmap.row(row.iter().copied()).unwrap());
            let (w, h) = (width as i64 + 2, rows.len() as i64 + 2);
            let rust = |x: i64, y: i64| bitmap.is_rust(x - 1, y - 1);
            let reach = |from: (i64, i64), through: &dyn Fn(i64, i64) -> bool, steps: &[(i64, i64)]| {
                let mut seen = std::collections::BTreeSet::from([from]);
                let mut open = vec![from];
                while let Some((x, y)) = open.pop() {
                    for (dx, dy) in steps {
                        let to = (x + dx, y + dy);
                        let inside = (0..w).contains(&to.0) && (0..h).contains(&to.1);
                        if inside && through(to.0, to.1) && seen.insert(to) {
                            open.push(to);
                        }
                    }
                }
                seen
            };
            let sides = [(-1, 0), (0, -1), (1, 0), (0, 1)];
            let from = (i64::from(start[0]) + 1, i64::from(start[1]) + 1);
            let region = reach(from, &rust, &NEIGHBOURS);
            let outside = reach((0, 0), &|x, y| !region.contains(&(x, y)), &sides);
            let touched: std::collections::BTreeSet<_> = region.iter().copied()
                .filter(|(x, y)| sides.iter().any(|(dx, dy)| outside.contains(&(x + dx, y + dy))))
                .collect();
            let contour = bitmap.contour(start).unwrap();
            for (a, b) in contour.iter().zip(contour.iter().cycle().skip(1)) {
                prop_assert!(a[0].abs_diff(b[0]) <= 1 && a[1].abs_diff(b[1]) <= 1);
            }
            let contour: std::collections::BTreeSet<_> =
                contour.iter().map(|[x, y]| (i64::from(*x) + 1, i64::from(*y) + 1)).collect();
            prop_assert_eq!(contour, touched);
        }
    }
}
