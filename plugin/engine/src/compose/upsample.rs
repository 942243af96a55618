//! From the working scale back to the picture's, between the nearest four values.

use ndarray::ArrayView2;

/// Reads rows at the picture's scale out of planes at the working scale, bilinearly, with pixel centres at halves.
#[derive(Debug)]
pub(super) struct Upsampler {
    columns: Vec<Between>,
    rows: Vec<Between>,
}

/// A place between two neighbouring pixels; `fraction` is the second one's share.
#[derive(Clone, Copy, Debug)]
struct Between {
    first: usize,
    second: usize,
    fraction: f32,
}

impl Upsampler {
    /// For planes of width and height `from`, read as if they had width and height `to`.
    pub(super) fn new(from: (u32, u32), to: (u32, u32)) -> Self {
        Upsampler { columns: places(from.0, to.0), rows: places(from.1, to.1) }
    }

    /// Row `y`.
    pub(super) fn read(&self, plane: ArrayView2<'_, f32>, y: u32, out: &mut [f32]) {
        self.for_each(plane, y, |x, value| out[x] = value);
    }

    /// Row `y` of channel `c` of colours.
    pub(super) fn read_channel(&self, plane: ArrayView2<'_, f32>, y: u32, c: usize, out: &mut [[f32; 3]]) {
        self.for_each(plane, y, |x, value| out[x][c] = value);
    }

    fn for_each(&self, plane: ArrayView2<'_, f32>, y: u32, mut put: impl FnMut(usize, f32)) {
        let row = self.rows[y as usize];
        let (above, below) = (plane.row(row.first), plane.row(row.second));
        let mix = |a: f32, b: f32, fraction: f32| a + fraction * (b - a);
        for (x, column) in self.columns.iter().enumerate() {
            let top = mix(above[column.first], above[column.second], column.fraction);
            let bottom = mix(below[column.first], below[column.second], column.fraction);
            put(x, mix(top, bottom, row.fraction));
        }
    }
}

fn places(from: u32, to: u32) -> Vec<Between> {
    let scale = f64::from(from) / f64::from(to);
    let last = from as usize - 1;
    let place = |i: u32| {
        let centre = ((f64::from(i) + 0.5) * scale - 0.5).clamp(0.0, last as f64);
        let first = centre as usize;
        Between { first, second: (first + 1).min(last), fraction: (centre - first as f64) as f32 }
    };
    (0..to).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, arr2};

    #[test]
    fn the_same_size_comes_back_exactly() {
        let plane = Array2::from_shape_fn((7, 13), |(y, x)| (y * 13 + x) as f32 / 91.0);
        let upsampler = Upsampler::new((13, 7), (13, 7));
        let mut row = [0.0; 13];
        for y in 0..7 {
            upsampler.read(plane.view(), y, &mut row);
            assert_eq!(row[..], plane.row(y as usize).to_vec());
        }
    }

    #[test]
    fn enlarging_is_linear_between_pixel_centres() {
        let plane = arr2(&[[0.0, 1.0]]);
        let mut row = [0.0; 4];
        Upsampler::new((2, 1), (4, 3)).read(plane.view(), 1, &mut row);
        assert_eq!(row, [0.0, 0.25, 0.75, 1.0]);
    }
}
