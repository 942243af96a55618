//! Pixels between GIMP and libderust: how they are stored, pictures, and planes of coverage.

mod format;
mod picture;
mod plane;

pub use format::{Depth, Encoding, Format};
pub use picture::Picture;
pub use plane::Plane;

/// An area of a drawable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// Columns left of it.
    pub x: i32,
    /// Rows above it.
    pub y: i32,
    /// Columns in it.
    pub width: u32,
    /// Rows in it.
    pub height: u32,
}

impl Rectangle {
    /// The rows down to the next border of GIMP's tiles, and what is left; nothing if there are none.
    pub fn split_band(self) -> Option<(Rectangle, Rectangle)> {
        const TILE: i32 = 128;
        let height = ((self.y.div_euclid(TILE) + 1) * TILE - self.y) as u32;
        let height = height.min(self.height);
        let rest = Rectangle { y: self.y + height as i32, height: self.height - height, ..self };
        (height > 0).then_some((Rectangle { height, ..self }, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_cover_an_area_once_and_end_where_tiles_do() {
        let area = Rectangle { x: 100, y: 120, width: 200, height: 137 };
        let next = |(_, rest): &(Rectangle, Rectangle)| rest.split_band();
        let bands: Vec<_> = std::iter::successors(area.split_band(), next).map(|(band, _)| band).collect();
        let at = |y, height| Rectangle { y, height, ..area };
        assert_eq!(bands, [at(120, 8), at(128, 128), at(256, 1)]);
    }
}
