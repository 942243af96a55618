//! From the working scale back to the picture's, between the nearest four values.

use ndarray::ArrayView2;

use crate::control::Stopped;
use crate::room;

/// Reads rows at the picture's scale out of planes at the working scale, bilinearly, with pixel centres at halves.
#[derive(Debug)]
pub(crate) struct Upsampler {
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
    pub(crate) fn new(from: (u32, u32), to: (u32, u32)) -> Result<Self, Stopped> {
        Ok(Upsampler { columns: places(from.0, to.0)?, rows: places(from.1, to.1)? })
    }

    /// The rows and the columns between which pixel (x, y) lies, with their parts.
    pub(crate) fn around(&self, x: u32, y: u32) -> [[(usize, f32); 2]; 2] {
        let parts = |place: Between| [(place.first, 1.0 - place.fraction), (place.second, place.fraction)];
        [parts(self.rows[y as usize]), parts(self.columns[x as usize])]
    }

    /// Row `y` of `N` planes of one size.
    pub(crate) fn read<const N: usize>(
        &self,
        planes: [ArrayView2<'_, f32>; N],
        y: u32,
        mut put: impl FnMut(usize, [f32; N]),
    ) -> Result<(), Stopped> {
        let row = self.rows[y as usize];
        let mix = |a: f32, b: f32, fraction: f32| a + fraction * (b - a);
        // Between the rows first: the planes are the smaller ones.
        let mut mixed = room::row([0.0; N], planes[0].ncols())?;
        for (c, plane) in planes.iter().enumerate() {
            let rows = plane.row(row.first).into_iter().zip(plane.row(row.second));
            for (mixed, (above, below)) in mixed.iter_mut().zip(rows) {
                mixed[c] = mix(*above, *below, row.fraction);
            }
        }
        for (x, column) in self.columns.iter().enumerate() {
            let (left, right) = (&mixed[column.first], &mixed[column.second]);
            put(x, std::array::from_fn(|c| mix(left[c], right[c], column.fraction)));
        }
        Ok(())
    }
}

fn places(from: u32, to: u32) -> Result<Vec<Between>, Stopped> {
    let scale = f64::from(from) / f64::from(to);
    let last = from as usize - 1;
    let place = |i: u32| {
        let centre = ((f64::from(i) + 0.5) * scale - 0.5).clamp(0.0, last as f64);
        let first = centre as usize;
        Between { first, second: (first + 1).min(last), fraction: (centre - first as f64) as f32 }
    };
    room::collect((0..to).map(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, arr2};

    #[test]
    fn the_same_size_comes_back_exactly() {
        let plane = Array2::from_shape_fn((7, 13), |(y, x)| (y * 13 + x) as f32 / 91.0);
        let upsampler = Upsampler::new((13, 7), (13, 7)).unwrap();
        let mut row = [0.0; 13];
        for y in 0..7 {
            upsampler.read([plane.view()], y, |x, [value]| row[x] = value).unwrap();
            assert_eq!(row[..], plane.row(y as usize).to_vec());
        }
    }

    #[test]
    fn enlarging_is_linear_between_pixel_centres() {
        let plane = arr2(&[[0.0, 1.0]]);
        let mut row = [0.0; 4];
        Upsampler::new((2, 1), (4, 3)).unwrap().read([plane.view()], 1, |x, [value]| row[x] = value).unwrap();
        assert_eq!(row, [0.0, 0.25, 0.75, 1.0]);
    }
}
