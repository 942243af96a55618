//! Enlarging a plane along the picture's own edges.
//!
//! The fast guided filter (He and Sun 2015, arXiv:1505.00996; He, Sun and Tang 2013, IEEE PAMI 35(6)): at the working
//! scale the plane is explained, window by window, as a linear function of the picture's colours there; the
//! coefficients are enlarged and applied to the picture at full size. Where the plane is flat the coefficients vanish
//! and it stays flat; an exact zero with only zeros around it stays an exact zero.

use std::borrow::Cow;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, Zip};

use crate::control::Stopped;
use crate::resample::{Upsampler, window_mean};
use crate::room;

/// Half the side of a window, in pixels at the working scale.
const RADIUS: usize = 2;
/// Variance of the colours (0 to 1) below which a window counts as without edges.
const SMOOTHNESS: f32 = 2e-3;

/// A plane at the working scale that can be read at the picture's.
#[derive(Clone, Debug)]
pub(crate) struct GuidedPlane {
    plane: Array2<f32>,
    /// [4, height, width]: factors of red, green and blue, and the summand; absent where both scales are the same.
    coefficients: Option<Array3<f32>>,
}

impl GuidedPlane {
    /// `plane` [height, width] in 0 to 1 belongs to `colours` [3, height, width], a picture of width and height
    /// `size` at the working scale.
    pub(crate) fn new(
        plane: Array2<f32>,
        colours: ArrayView3<'_, f32>,
        size: (u32, u32),
    ) -> Result<Self, Stopped> {
        let same_scale = (size.1 as usize, size.0 as usize) == plane.dim();
        let coefficients = (!same_scale).then(|| coefficients(plane.view(), colours)).transpose()?;
        Ok(GuidedPlane { plane, coefficients })
    }

    /// [height, width] at the working scale.
    pub(crate) fn plane(&self) -> &Array2<f32> {
        &self.plane
    }

    /// [height, width] for a picture of width and height `size`, without regard to edges.
    pub(crate) fn at(&self, size: (u32, u32)) -> Result<Cow<'_, Array2<f32>>, Stopped> {
        let (height, width) = self.plane.dim();
        if (width as u32, height as u32) == size {
            return Ok(Cow::Borrowed(&self.plane));
        }
        let upsampler = Upsampler::new((width as u32, height as u32), size)?;
        let mut plane = room::filled((size.1 as usize, size.0 as usize), 0.0)?;
        for (y, mut row) in plane.outer_iter_mut().enumerate() {
            upsampler.read([self.plane.view()], y as u32, |x, [value]| row[x] = value)?;
        }
        Ok(Cow::Owned(plane))
    }

    /// Reads rows as if the plane had width and height `size`.
    pub(crate) fn reader(&self, size: (u32, u32)) -> Result<GuidedReader<'_>, Stopped> {
        let (height, width) = self.plane.dim();
        let upsampler = Upsampler::new((width as u32, height as u32), size)?;
        Ok(GuidedReader { plane: self, upsampler })
    }
}

/// Reads rows of a [`GuidedPlane`] at the picture's scale.
#[derive(Debug)]
pub(crate) struct GuidedReader<'a> {
    plane: &'a GuidedPlane,
    upsampler: Upsampler,
}

impl GuidedReader<'_> {
    /// Row `y`, 0 to 1; `colours` is the picture's row.
    pub(crate) fn read(&self, y: u32, colours: &[[f32; 3]], out: &mut [f32]) -> Result<(), Stopped> {
        let Some(coefficients) = &self.plane.coefficients else {
            return self.upsampler.read([self.plane.plane.view()], y, |x, [value]| out[x] = value);
        };
        let planes: [_; 4] = std::array::from_fn(|c| coefficients.index_axis(Axis(0), c));
        self.upsampler.read(planes, y, |x, [red, green, blue, summand]| {
            let [r, g, b] = colours[x];
            out[x] = (summand + red * r + green * g + blue * b).clamp(0.0, 1.0);
        })
    }
}

/// The linear function of the colours that explains the plane around every pixel: [4, height, width].
fn coefficients(plane: ArrayView2<'_, f32>, colours: ArrayView3<'_, f32>) -> Result<Array3<f32>, Stopped> {
    let colour = |c: usize| colours.index_axis(Axis(0), c);
    let mean_plane = window_mean(plane, RADIUS)?;
    let means: Vec<Array2<f32>> = room::try_collect((0..3).map(|c| window_mean(colour(c), RADIUS)))?;
    let covariance = |a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, ma: &Array2<f32>, mb: &Array2<f32>| {
        let mut product = room::copy(a)?;
        product *= &b;
        let mut covariance = window_mean(product.view(), RADIUS)?;
        Zip::from(&mut covariance).and(ma).and(mb).for_each(|product, ma, mb| *product -= ma * mb);
        Ok::<_, Stopped>(covariance)
    };
    let with_plane: Vec<Array2<f32>> =
        room::try_collect((0..3).map(|c| covariance(colour(c), plane, &means[c], &mean_plane)))?;
    let pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
    let between: Vec<Array2<f32>> = room::try_collect(
        pairs.into_iter().map(|(i, j)| covariance(colour(i), colour(j), &means[i], &means[j])),
    )?;

    let (height, width) = plane.dim();
    let mut coefficients = room::filled((4, height, width), 0.0)?;
    for y in 0..height {
        for x in 0..width {
            let at = [y, x];
            let matrix = [0, 1, 2, 3, 4, 5].map(|i| between[i][at]);
            let factors = solve(matrix, [0, 1, 2].map(|c| with_plane[c][at]));
            let explained: f32 = (0..3).map(|c| factors[c] * means[c][at]).sum();
            for (c, factor) in factors.into_iter().enumerate() {
                coefficients[[c, y, x]] = factor;
            }
            coefficients[[3, y, x]] = mean_plane[at] - explained;
        }
    }
    for c in 0..4 {
        let mean = window_mean(coefficients.index_axis(Axis(0), c), RADIUS)?;
        coefficients.index_axis_mut(Axis(0), c).assign(&mean);
    }
    Ok(coefficients)
}

/// Solves `(S + smoothness) x = v` for a covariance matrix `S` given as xx, xy, xz, yy, yz, zz, by its adjugate.
fn solve([xx, xy, xz, yy, yz, zz]: [f32; 6], [x, y, z]: [f32; 3]) -> [f32; 3] {
    // Rounding can make a variance a little negative; with the smoothness added the matrix stays regular.
    let [xx, yy, zz] = [xx, yy, zz].map(|variance| variance.max(0.0) + SMOOTHNESS);
    let a = yy * zz - yz * yz;
    let b = xz * yz - xy * zz;
    let c = xy * yz - xz * yy;
    let d = xx * zz - xz * xz;
    let e = xy * xz - xx * yz;
    let f = xx * yy - xy * xy;
    let determinant = (xx * a + xy * b + xz * c).max(SMOOTHNESS.powi(3) * 0.5);
    [a * x + b * y + c * z, b * x + d * y + e * z, c * x + e * y + f * z].map(|sum| sum / determinant)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u32, u32) = (64, 48);

    /// A dark disc on light ground.
    fn disc(x: f32, y: f32) -> bool {
        (x - 30.0).powi(2) + (y - 22.0).powi(2) < 14.0 * 14.0
    }

    fn row(y: u32) -> Vec<[f32; 3]> {
        (0..SIZE.0)
            .map(|x| if disc(x as f32, y as f32) { [0.4, 0.2, 0.1] } else { [0.7, 0.75, 0.8] })
            .collect()
    }

    /// The picture at a quarter of its size.
    fn reduced() -> Array3<f32> {
        let rows: Vec<Vec<[f32; 3]>> = (0..SIZE.1).map(row).collect();
        Array3::from_shape_fn((3, 12, 16), |(c, y, x)| {
            (0..16).map(|i| rows[4 * y + i / 4][4 * x + i % 4][c]).sum::<f32>() / 16.0
        })
    }

    fn wrong_pixels(plane: &GuidedPlane) -> usize {
        let reader = plane.reader(SIZE).unwrap();
        let mut out = vec![0.0; SIZE.0 as usize];
        let mut wrong = 0;
        for y in 0..SIZE.1 {
            reader.read(y, &row(y), &mut out).unwrap();
            wrong += (0..SIZE.0).filter(|x| (out[*x as usize] >= 0.5) != disc(*x as f32, y as f32)).count();
        }
        wrong
    }

    #[test]
    fn edges_follow_the_picture_and_not_the_grid() {
        let colours = reduced();
        let coarse = Array2::from_shape_fn((12, 16), |(y, x)| {
            let covered = (0..16).filter(|i| disc((4 * x + i % 4) as f32, (4 * y + i / 4) as f32)).count();
            if covered >= 8 { 1.0 } else { 0.0 }
        });
        let guided = GuidedPlane::new(coarse.clone(), colours.view(), SIZE).unwrap();
        let bilinear = GuidedPlane { plane: coarse.clone(), coefficients: None };
        let (guided, bilinear) = (wrong_pixels(&guided), wrong_pixels(&bilinear));
        assert!(bilinear > 30 && guided * 3 <= bilinear, "{guided} wrong pixels guided, {bilinear} not");
    }

    #[test]
    fn what_is_zero_stays_zero_and_what_is_one_stays_one() {
        let colours =
            Array3::from_shape_fn((3, 12, 16), |(c, y, x)| ((c * 7 + y * 5 + x * 3) % 11) as f32 / 10.0);
        for value in [0.0, 1.0] {
            let plane = GuidedPlane::new(Array2::from_elem((12, 16), value), colours.view(), SIZE).unwrap();
            let reader = plane.reader(SIZE).unwrap();
            let mut out = vec![0.5; SIZE.0 as usize];
            for y in 0..SIZE.1 {
                reader.read(y, &row(y), &mut out).unwrap();
                assert!(out.iter().all(|v| (v - value).abs() < 1e-3 && (value > 0.0 || *v == 0.0)));
            }
        }
    }
}
