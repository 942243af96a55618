//! How well a mask agrees with the true one.

use anyhow::{Result, ensure};
use image::GrayImage;

/// Masks are black and white; what lies between, as lossy files have it, belongs to the nearer one.
const WHITE_FROM: u8 = 128;

/// Pixels counted over any number of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Rust in both masks.
    pub both: u64,
    /// Rust in the found mask only.
    pub found_only: u64,
    /// Rust in the true mask only.
    pub true_only: u64,
}

impl Overlap {
    /// Adds one picture.
    ///
    /// # Errors
    /// When the masks differ in size.
    pub fn add(&mut self, found: &GrayImage, truth: &GrayImage) -> Result<()> {
        ensure!(
            found.dimensions() == truth.dimensions(),
            "the found mask has {:?} pixels, the true one {:?}",
            found.dimensions(),
            truth.dimensions()
        );
        for (found, truth) in found.iter().zip(truth.iter()) {
            match (*found >= WHITE_FROM, *truth >= WHITE_FROM) {
                (true, true) => self.both += 1,
                (true, false) => self.found_only += 1,
                (false, true) => self.true_only += 1,
                (false, false) => (),
            }
        }
        Ok(())
    }

    /// Intersection over union of the rust, over all pictures together (the Jaccard index); 1 without any rust.
    pub fn intersection_over_union(&self) -> f64 {
        ratio(self.both, self.both + self.found_only + self.true_only)
    }

    /// The share of the found rust that is rust.
    pub fn precision(&self) -> f64 {
        ratio(self.both, self.both + self.found_only)
    }

    /// The share of the rust that was found.
    pub fn recall(&self) -> f64 {
        ratio(self.both, self.both + self.true_only)
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(pixels: [u8; 4]) -> GrayImage {
        GrayImage::from_raw(4, 1, pixels.to_vec()).unwrap()
    }

    #[test]
    fn pictures_are_counted_together() {
        let mut overlap = Overlap::default();
        overlap.add(&mask([255, 255, 0, 0]), &mask([255, 0, 255, 0])).unwrap();
        assert_eq!(overlap, Overlap { both: 1, found_only: 1, true_only: 1 });
        overlap.add(&mask([200, 0, 0, 0]), &mask([255, 90, 0, 0])).unwrap();
        assert_eq!(overlap.both, 2);
        assert_eq!(overlap.intersection_over_union(), 0.5);
        assert_eq!((overlap.precision(), overlap.recall()), (2.0 / 3.0, 2.0 / 3.0));
    }

    #[test]
    fn nothing_found_where_nothing_is_counts_as_right() {
        assert_eq!(Overlap::default().intersection_over_union(), 1.0);
    }

    #[test]
    fn sizes_must_agree() {
        assert!(Overlap::default().add(&mask([0; 4]), &GrayImage::new(2, 2)).is_err());
    }
}
