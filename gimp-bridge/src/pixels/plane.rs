//! Coverage: masks and selections.

use derust_client::{Image, ImageMut, Layout};

/// Coverage of every pixel, 0 to 255: a mask, a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Rows from top to bottom without gaps.
    pub values: Vec<u8>,
}

impl Plane {
    /// Nothing is covered.
    pub fn black(width: u32, height: u32) -> Self {
        Plane { width, height, values: vec![0; width as usize * height as usize] }
    }

    /// What libderust reads.
    pub fn image(&self) -> Image<'_> {
        Image::new(&self.values, self.layout())
    }

    /// What libderust writes.
    pub fn image_mut(&mut self) -> ImageMut<'_> {
        let layout = self.layout();
        ImageMut::new(&mut self.values, layout)
    }

    fn layout(&self) -> Layout {
        Layout::new(self.width, self.height, derust_client::Format::GrayU8)
    }

    /// Covers only what `other`, which has the same size, covers too.
    pub fn limit(&mut self, other: &Plane) {
        for (value, other) in self.values.iter_mut().zip(&other.values) {
            *value = ((u16::from(*value) * u16::from(*other) + 127) / 255) as u8;
        }
    }

    /// Softens edges over `radius` pixels to either side: three running means, which come close to a Gauss curve.
    pub fn soften(&mut self, radius: f64) {
        let (width, height) = (self.width as usize, self.height as usize);
        // Three means of `reach` reach three times as far.
        let reach = (radius / 3.0).round() as usize;
        let reach = if radius > 0.0 { reach.max(1) } else { return };
        let mut column = vec![0; height];
        let mut line = Vec::new();
        for _ in 0..3 {
            for row in self.values.chunks_exact_mut(width) {
                running_mean(row, reach, &mut line);
            }
            for x in 0..width {
                for (y, value) in column.iter_mut().enumerate() {
                    *value = self.values[y * width + x];
                }
                running_mean(&mut column, reach, &mut line);
                for (y, value) in column.iter().enumerate() {
                    self.values[y * width + x] = *value;
                }
            }
        }
    }
}

/// Replaces every value by the mean of those up to `reach` away; the first and the last value go on beyond the ends.
fn running_mean(values: &mut [u8], reach: usize, before: &mut Vec<u8>) {
    before.clear();
    before.extend_from_slice(values);
    let last = before.len() - 1;
    let at = |index: isize| u32::from(before[index.clamp(0, last as isize) as usize]);
    let reach = reach as isize;
    let count = 2 * reach as u32 + 1;
    let mut sum: u32 = (-reach..=reach).map(at).sum();
    for (index, value) in values.iter_mut().enumerate() {
        *value = ((sum + count / 2) / count) as u8;
        let index = index as isize;
        sum = sum + at(index + reach + 1) - at(index - reach);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_softened_edge_is_a_slope_in_the_same_place() {
        let mut plane = Plane::black(40, 2);
        for row in plane.values.chunks_exact_mut(40) {
            row[20..].fill(255);
        }
        let hard = plane.clone();
        plane.soften(0.0);
        assert_eq!(plane, hard);
        plane.soften(6.0);
        let row = &plane.values[..40];
        assert!(row.is_sorted(), "{row:?}");
        assert_eq!((row[13], row[26]), (0, 255), "{row:?}");
        assert!((i16::from(row[19]) + i16::from(row[20]) - 255).abs() <= 4, "{row:?}");
        assert!(row[14..26].iter().all(|value| (1..255).contains(value)), "{row:?}");
    }

    #[test]
    fn a_limit_multiplies() {
        let plane = |values: [u8; 3]| Plane { width: 3, height: 1, values: values.into() };
        let mut one = plane([255, 128, 255]);
        one.limit(&plane([255, 255, 0]));
        assert_eq!(one, plane([255, 128, 0]));
    }
}
