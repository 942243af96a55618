//! How a large picture is cut into tiles for a network, and how the results are joined without seams.

use ndarray::{Array3, ArrayView3, ArrayViewMut3};

use derust_manifest::Tile;

use crate::control::Stopped;
use crate::room;

/// The tiles along one axis: `starts.len()` tiles of `length` pixels each over `extent` pixels of picture.
///
/// Tiles start at multiples of the network's size multiple, so that its pooling falls on the same pixels in every
/// tile as it would in the whole picture. The last tiles may reach beyond the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    extent: usize,
    length: usize,
    starts: Vec<usize>,
    /// Pixels of border before the picture, where it lies in the middle of a single tile.
    lead: usize,
    /// Pixels over which one tile fades into the next.
    fade: usize,
}

/// The tiles of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    rows: Axis,
    columns: Axis,
}

/// One tile of a [`Plan`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileAt<'a> {
    plan: &'a Plan,
    row: usize,
    column: usize,
}

impl Axis {
    fn new(extent: usize, length: usize, overlap: usize, multiple: usize) -> Self {
        if extent <= length {
            return Axis { extent, length, starts: vec![0], lead: 0, fade: 0 };
        }
        // A length that a graph fixes need not be a multiple; then neither are the starts.
        let multiple = if length.is_multiple_of(multiple) { multiple } else { 1 };
        let largest_step = ((length - overlap) / multiple * multiple).max(multiple);
        let last = (extent - length).div_ceil(multiple) * multiple;
        let steps = last.div_ceil(largest_step);
        let starts = (0..=steps).map(|i| i * last / steps / multiple * multiple).collect();
        Axis { extent, length, starts, lead: 0, fade: overlap.min(length - largest_step) / 2 }
    }

    /// How much tile `i` and those before it count at pixel `x`: 1 before the overlap with the next tile, 0 after.
    fn up_to(&self, i: Option<usize>, x: usize) -> f32 {
        let Some(i) = i else { return 0.0 };
        let Some(next) = self.starts.get(i + 1) else { return 1.0 };
        // The middle of the overlap, where both tiles know most of what surrounds a pixel.
        let middle = (next + self.starts[i] + self.length) as f32 / 2.0;
        let position = x as f32 + 0.5 - middle;
        if self.fade == 0 {
            return if position < 0.0 { 1.0 } else { 0.0 };
        }
        let phase = (position / self.fade as f32 + 0.5).clamp(0.0, 1.0);
        0.5 + 0.5 * (std::f32::consts::PI * phase).cos()
    }

    /// The weight of tile `i` at pixel `x`: a raised cosine over the middle half of each overlap.
    ///
    /// The weights of all tiles sum to 1 at every pixel, because each is a difference of neighbouring terms.
    fn weight(&self, i: usize, x: usize) -> f32 {
        self.up_to(Some(i), x) - self.up_to(i.checked_sub(1), x)
    }

    /// The pixels of the picture that tile `i` covers.
    fn covered(&self, i: usize) -> std::ops::Range<usize> {
        self.starts[i]..(self.starts[i] + self.length).min(self.extent)
    }
}

/// The smallest side of a tile that is tried when memory is short, in pixels.
const SMALLEST_SIDE: u32 = 64;

/// Tiles of half the side, for when memory is short; `None` where they would be too small to see anything.
pub(crate) fn smaller(tile: Tile) -> Option<Tile> {
    let size = tile.size / 2 / tile.multiple * tile.multiple;
    let overlap = tile.overlap.min(size / 2);
    (size >= SMALLEST_SIDE).then_some(Tile { size, overlap, multiple: tile.multiple })
}

impl Plan {
    /// Cuts a picture of `width` x `height` pixels.
    ///
    /// `fixed` is the height and width that the graph demands, where it does. Otherwise a picture of at most twice
    /// a tile's area goes in one piece.
    pub(crate) fn new(width: usize, height: usize, tile: Tile, fixed: [Option<usize>; 2]) -> Self {
        let [size, overlap, multiple] = [tile.size, tile.overlap, tile.multiple].map(|value| value as usize);
        let padded = |extent: usize| extent.div_ceil(multiple) * multiple;
        let whole = padded(width).saturating_mul(padded(height)) <= 2 * size * size;
        let axis = |extent: usize, fixed: Option<usize>| match fixed {
            Some(length) => Axis::new(extent, length, overlap.min(length / 2), multiple),
            None if whole => Axis::new(extent, padded(extent), 0, multiple),
            None => Axis::new(extent, size.min(padded(extent)), overlap.min(padded(extent) / 2), multiple),
        };
        Plan { rows: axis(height, fixed[0]), columns: axis(width, fixed[1]) }
    }

    /// The same, where a picture that is smaller than a tile lies in its middle.
    pub(crate) fn centred(mut self) -> Self {
        for axis in [&mut self.rows, &mut self.columns] {
            axis.lead = axis.length.saturating_sub(axis.extent) / 2;
        }
        self
    }

    /// Height and width of every tile.
    pub(crate) fn tile_size(&self) -> (usize, usize) {
        (self.rows.length, self.columns.length)
    }

    /// The first column of each tile in a row, and the first row of each in a column.
    pub(crate) fn starts(&self) -> (Vec<usize>, Vec<usize>) {
        (self.columns.starts.clone(), self.rows.starts.clone())
    }

    /// How many tiles there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.starts.len() * self.columns.starts.len()
    }

    /// The tiles, row by row.
    pub(crate) fn tiles(&self) -> impl Iterator<Item = TileAt<'_>> {
        let columns = self.columns.starts.len();
        (0..self.len()).map(move |i| TileAt { plan: self, row: i / columns, column: i % columns })
    }
}

impl TileAt<'_> {
    /// Copies this tile out of `planes` [channels, height, width]; beyond the picture lies a `border` of one value, or its
    /// mirror image.
    pub(crate) fn cut(
        &self,
        planes: ArrayView3<'_, f32>,
        border: Option<f32>,
    ) -> Result<Array3<f32>, Stopped> {
        let (rows, columns) = (&self.plan.rows, &self.plan.columns);
        let sources = |axis: &Axis, start: usize| -> Result<Vec<Option<usize>>, Stopped> {
            room::collect((start..start + axis.length).map(|i| match border {
                None => Some(reflect(i, axis.extent)),
                Some(_) => i.checked_sub(axis.lead).filter(|i| *i < axis.extent),
            }))
        };
        let ys = sources(rows, rows.starts[self.row])?;
        let xs = sources(columns, columns.starts[self.column])?;
        room::from_fn((planes.dim().0, ys.len(), xs.len()), |(c, y, x)| match (ys[y], xs[x]) {
            (Some(y), Some(x)) => planes[[c, y, x]],
            _ => border.unwrap_or_default(),
        })
    }

    /// Adds this tile's result, weighted, to `planes` [channels, height, width], which start as zeros.
    pub(crate) fn add(
        &self,
        result: ArrayView3<'_, f32>,
        mut planes: ArrayViewMut3<'_, f32>,
    ) -> Result<(), Stopped> {
        let (rows, columns) = (&self.plan.rows, &self.plan.columns);
        let (top, left) = (rows.starts[self.row], columns.starts[self.column]);
        let weights = columns.covered(self.column).map(|x| columns.weight(self.column, x));
        let across: Vec<f32> = room::collect(weights)?;
        for y in rows.covered(self.row) {
            let down = rows.weight(self.row, y);
            if down == 0.0 {
                continue;
            }
            for c in 0..planes.dim().0 {
                for (x, weight) in across.iter().enumerate() {
                    let seen = result[[c, y - top + rows.lead, x + columns.lead]];
                    planes[[c, y, left + x]] += down * weight * seen;
                }
            }
        }
        Ok(())
    }
}

/// The pixel that a mirror at the first and last pixel shows at place `i` (without repeating them).
fn reflect(i: usize, extent: usize) -> usize {
    let period = 2 * (extent - 1);
    if period == 0 {
        return 0;
    }
    let i = i % period;
    i.min(period - i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mirrors_show_every_pixel_and_work_on_a_single_one() {
        let shown: Vec<usize> = (0..9).map(|i| reflect(i, 4)).collect();
        assert_eq!(shown, [0, 1, 2, 3, 2, 1, 0, 1, 2]);
        assert_eq!((reflect(5, 1), reflect(5, 2)), (0, 1));
    }

    #[test]
    fn a_letterboxed_picture_lies_in_the_middle_of_gray() {
        let tile = Tile { size: 16, overlap: 0, multiple: 1 };
        let plan = Plan::new(5, 16, tile, [Some(16), Some(16)]).centred();
        let tile = plan.tiles().next().unwrap();
        let cut = tile.cut(Array3::ones((3, 16, 5)).view(), Some(0.25)).unwrap();
        for ((_, _, x), value) in cut.indexed_iter() {
            assert_eq!(*value, if (5..10).contains(&x) { 1.0 } else { 0.25 }, "column {x}");
        }
    }

    #[test]
    fn small_pictures_go_in_one_piece_and_long_ones_do_not() {
        let tile = Tile { size: 64, overlap: 16, multiple: 16 };
        let size = |width, height| {
            let plan = Plan::new(width, height, tile, [None, None]);
            (plan.len(), plan.tile_size())
        };
        assert_eq!(size(1, 1), (1, (16, 16)));
        assert_eq!(size(120, 50), (1, (64, 128)));
        assert_eq!(size(1000, 1), (21, (16, 64)));
        assert_eq!(Plan::new(40, 40, tile, [Some(50), Some(30)]).tile_size(), (50, 30));
        assert_eq!(Plan::new(40, 40, tile, [Some(50), Some(30)]).len(), 2);
    }

    #[test]
    fn tiles_shrink_to_valid_ones_and_not_for_ever() {
        let sides = |tile: Tile| {
            let tiles = std::iter::successors(Some(tile), |tile| smaller(*tile));
            tiles.map(|tile| (tile.size, tile.overlap)).collect::<Vec<_>>()
        };
        let default = Tile { size: 512, overlap: 64, multiple: 32 };
        assert_eq!(sides(default), [(512, 64), (256, 64), (128, 64), (64, 32)]);
        assert_eq!(sides(Tile { size: 480, overlap: 200, multiple: 160 }), [(480, 200), (160, 80)]);
        assert_eq!(sides(Tile { size: 16, overlap: 0, multiple: 1 }), [(16, 0)]);
    }

    proptest! {
        #[test]
        fn every_pixel_is_covered_and_the_weights_sum_to_one(
            extent in 1_usize..3000,
            factor in 1_usize..9,
            multiple in 1_usize..40,
            overlap_percent in 0_usize..=50,
        ) {
            let length = factor * multiple;
            let overlap = length * overlap_percent / 100;
            let axis = Axis::new(extent, length, overlap, multiple);
            let mut sums = vec![0.0_f32; extent];
            for i in 0..axis.starts.len() {
                prop_assert_eq!(axis.starts[i] % multiple, 0);
                let covered = axis.covered(i);
                prop_assert!(!covered.is_empty());
                for (x, sum) in sums.iter_mut().enumerate() {
                    let weight = axis.weight(i, x);
                    prop_assert!((0.0..=1.0).contains(&weight));
                    prop_assert!(weight == 0.0 || covered.contains(&x), "tile {} has no pixel {}", i, x);
                    *sum += weight;
                }
            }
            for pair in axis.starts.windows(2) {
                prop_assert!(pair[0] < pair[1]);
                let needed = if length - overlap >= multiple { overlap } else { 0 };
                prop_assert!(pair[0] + length >= pair[1] + needed, "{:?}", axis);
            }
            prop_assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5));
        }

        #[test]
        fn joining_the_cut_tiles_gives_the_picture_back(
            width in 1_usize..200,
            height in 1_usize..200,
            letterboxed: bool,
        ) {
            let tile = Tile { size: 32, overlap: 8, multiple: 8 };
            let border = letterboxed.then_some(0.5);
            let picture = Array3::from_shape_fn((2, height, width), |(c, y, x)| (c + 3 * y + 5 * x) as f32 % 17.0);
            let plan = Plan::new(width, height, tile, [None, Some(64)]);
            let plan = if letterboxed { plan.centred() } else { plan };
            let mut joined = Array3::zeros(picture.dim());
            for tile in plan.tiles() {
                tile.add(tile.cut(picture.view(), border).unwrap().view(), joined.view_mut()).unwrap();
            }
            prop_assert!(picture.iter().zip(&joined).all(|(a, b)| (a - b).abs() < 1e-4));
        }
    }
}
