//! For every pixel of a hole, the place outside whose surroundings are most like its own.
//!
//! From the rim of the hole inwards (Criminisi, Perez and Toyama 2004, IEEE TIP 13(9)), each pixel tries the sources of its
//! neighbours (Ashikhmin 2001, Symposium on Interactive 3D Graphics) and places at random around the best one:
//! PatchMatch (Barnes, Shechtman, Finkelstein and Goldman 2009, ACM Transactions on Graphics 28(3)).

use ndarray::Array2;

use crate::control::{Control, Stopped};
use crate::resample::neighbours;
use crate::room;

/// Half the side of the patches that are compared, in pixels.
pub(super) const RADIUS: usize = 3;
/// Rounds over the pixels of a ring, and over the whole hole.
const ROUNDS: [usize; 2] = [3, 2];
/// Places anywhere in the picture that a pixel tries whose neighbours have no source.
const TRIES: usize = 24;
/// Price of taking texture from as far away as the picture is long, in the units of a feature's square.
const DISTANCE: f32 = 1.0;
/// The offset of a pixel that has no source; no source is its own pixel.
pub(super) const NONE: [i32; 2] = [0, 0];

/// What is compared of a pixel: the shape of the detail, and three colours.
pub(super) type Feature = [f32; 4];

/// The place of every pixel's source as (columns, rows) from the pixel, or [`NONE`].
pub(super) type Offsets = Array2<[i32; 2]>;

/// What is searched, and where; all planes have the same size.
pub(super) struct Search<'a> {
    /// What sources are to be like.
    pub(super) wanted: Array2<Feature>,
    /// How much the shape of the detail counts, 0 to 1.
    pub(super) trust: Array2<f32>,
    /// What sources look like.
    pub(super) offered: &'a Array2<Feature>,
    /// Pixels that need a source.
    pub(super) hole: &'a Array2<bool>,
    /// Pixels whose patch may serve; it lies inside of the picture.
    pub(super) usable: &'a Array2<bool>,
    /// The pixels of `usable`, as column and row; not empty.
    pub(super) places: &'a [[u32; 2]],
}

impl Search<'_> {
    /// Finds a source for every pixel of the hole. `lack` says how much of the detail at a source, given as row and column, a
    /// pixel takes over.
    pub(super) fn run(
        mut self,
        lack: impl Fn((usize, usize), (usize, usize)) -> f32,
        control: Control<'_>,
    ) -> Result<Offsets, Stopped> {
        let mut random = Random(0x5EED);
        let mut offsets = room::filled(self.hole.dim(), NONE)?;
        let pixels: Vec<_> =
            room::collect(self.hole.indexed_iter().filter(|(_, hole)| **hole).map(|(pixel, _)| pixel))?;
        let mut open = room::copy(self.hole.view())?;
        let mut ring: Vec<_> = room::collect(pixels.iter().copied().filter(|pixel| self.is_rim(*pixel)))?;
        let mut done = 0;
        while !ring.is_empty() {
            control.step(done, 2 * pixels.len())?;
            done += ring.len();
            ring.iter().for_each(|pixel| open[*pixel] = false);
            self.improve(&mut offsets, &ring, ROUNDS[0], &mut random)?;
            let mut next = vec![];
            for &pixel in &ring {
                let source = source(pixel, offsets[pixel]);
                let lack = lack(pixel, source);
                let shape = &mut self.wanted[pixel][0];
                *shape = (1.0 - lack) * *shape + lack * self.offered[source][0];
                self.trust[pixel] = 1.0;
                for inner in neighbours(pixel).filter(|next| open.get(*next) == Some(&true)) {
                    room::push(&mut next, inner)?;
                }
            }
            next.sort_unstable();
            next.dedup();
            ring = next;
        }
        for round in 0..ROUNDS[1] {
            control.step(ROUNDS[1] + round, 2 * ROUNDS[1])?;
            self.improve(&mut offsets, &pixels, 1, &mut random)?;
        }
        Ok(offsets)
    }

    /// Whether a pixel of the hole lies beside one outside.
    fn is_rim(&self, pixel: (usize, usize)) -> bool {
        neighbours(pixel).any(|next| self.hole.get(next) == Some(&false))
    }

    /// Makes the offsets of these pixels better, in turns from the first to the last and back.
    fn improve(
        &self,
        offsets: &mut Offsets,
        pixels: &[(usize, usize)],
        rounds: usize,
        random: &mut Random,
    ) -> Result<(), Stopped> {
        let mut costs: Vec<f32> = room::collect(pixels.iter().map(|pixel| match offsets[*pixel] {
            NONE => f32::INFINITY,
            offset => self.cost(*pixel, offset, f32::INFINITY),
        }))?;
        for round in 0..rounds {
            for number in 0..pixels.len() {
                let number = if round % 2 == 0 { number } else { pixels.len() - 1 - number };
                let pixel = pixels[number];
                let mut best = (costs[number], offsets[pixel]);
                for next in neighbours(pixel) {
                    if let Some(offset) = offsets.get(next).filter(|offset| **offset != NONE) {
                        self.try_offset(pixel, *offset, &mut best);
                    }
                }
                if best.0 == f32::INFINITY {
                    for _ in 0..TRIES {
                        self.try_offset(pixel, self.anywhere(pixel, random), &mut best);
                    }
                }
                let (height, width) = self.hole.dim();
                let mut reach = width.max(height) as i32 / 2;
                while reach > 0 {
                    let [dx, dy] = best.1;
                    self.try_offset(pixel, [dx + random.around(reach), dy + random.around(reach)], &mut best);
                    reach /= 2;
                }
                (costs[number], offsets[pixel]) = best;
            }
        }
        Ok(())
    }

    /// The offset of a usable place.
    fn anywhere(&self, (y, x): (usize, usize), random: &mut Random) -> [i32; 2] {
        let [column, row] = self.places[random.below(self.places.len())];
        [column as i32 - x as i32, row as i32 - y as i32]
    }

    fn try_offset(&self, (y, x): (usize, usize), offset: [i32; 2], best: &mut (f32, [i32; 2])) {
        let place = (y.checked_add_signed(offset[1] as isize), x.checked_add_signed(offset[0] as isize));
        let (Some(row), Some(column)) = place else { return };
        if offset == best.1 || !self.usable.get((row, column)).is_some_and(|usable| *usable) {
            return;
        }
        let cost = self.cost((y, x), offset, best.0);
        if cost < best.0 {
            *best = (cost, offset);
        }
    }

    /// Mean squared difference between the patches around a pixel and its source, and the price of the distance; given
    /// up where it reaches `limit`.
    fn cost(&self, (y, x): (usize, usize), [dx, dy]: [i32; 2], limit: f32) -> f32 {
        let (height, width) = self.hole.dim();
        let rows = y.saturating_sub(RADIUS)..(y + RADIUS + 1).min(height);
        let columns = x.saturating_sub(RADIUS)..(x + RADIUS + 1).min(width);
        let part = 1.0 / (rows.len() * columns.len()) as f32;
        let away = (dx as f32).hypot(dy as f32) / width.max(height) as f32;
        let mut cost = DISTANCE * away * away;
        let wanted = self.wanted.as_slice().expect("planes lie row by row");
        let trust = self.trust.as_slice().expect("planes lie row by row");
        let offered = self.offered.as_slice().expect("planes lie row by row");
        for row in rows {
            let here = row * width + columns.start;
            let here = here..here + columns.len();
            // The source's patch lies inside of the picture, so that this is a place in it.
            let there = (here.start as isize + dy as isize * width as isize + dx as isize) as usize;
            let offered = &offered[there..there + columns.len()];
            let mut sums = [0.0; 4];
            for ((wanted, trust), offered) in wanted[here.clone()].iter().zip(&trust[here]).zip(offered) {
                let difference: Feature = std::array::from_fn(|c| wanted[c] - offered[c]);
                sums[0] += trust * difference[0] * difference[0];
                for c in 1..4 {
                    sums[c] += difference[c] * difference[c];
                }
            }
            cost += part * sums.iter().sum::<f32>();
            if cost >= limit {
                return cost;
            }
        }
        cost
    }
}

/// Row and column of a pixel's source.
pub(super) fn source((y, x): (usize, usize), [dx, dy]: [i32; 2]) -> (usize, usize) {
    (y.wrapping_add_signed(dy as isize), x.wrapping_add_signed(dx as isize))
}

/// Numbers that are the same in every run (xorshift; Marsaglia 2003, Journal of Statistical Software 8(14)).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// From `-reach` to `reach`.
    fn around(&mut self, reach: i32) -> i32 {
        self.below(2 * reach as usize + 1) as i32 - reach
    }
}
