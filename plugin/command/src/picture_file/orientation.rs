//! Turning pixels upright (EXIF 2.3, tag 0x0112).

/// How the stored pixels of a picture relate to the picture as seen: EXIF's numbers, 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    /// Stored as seen.
    pub const UPRIGHT: Self = Orientation(1);

    /// The orientation that EXIF gives this number; upright for numbers that it does not know.
    pub fn from_exif(number: u16) -> Self {
        u8::try_from(number).ok().filter(|n| (1..=8).contains(n)).map_or(Self::UPRIGHT, Orientation)
    }

    /// Whether the stored rows are the columns of the picture.
    pub fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    /// The size of the picture as seen, and its pixels of `bytes` bytes each without gaps.
    pub fn apply(self, size: (u32, u32), bytes: usize, data: Vec<u8>) -> ((u32, u32), Vec<u8>) {
        if self == Self::UPRIGHT {
            return (size, data);
        }
        let (width, height) = (size.0 as usize, size.1 as usize);
        let seen = if self.swaps_sides() { (size.1, size.0) } else { size };
        // Where the pixel at (x, y) of the picture as seen is stored.
        let (right, bottom) = (width - 1, height - 1);
        let stored = |x: usize, y: usize| match self.0 {
            2 => (right - x, y),
            3 => (right - x, bottom - y),
            4 => (x, bottom - y),
            5 => (y, x),
            6 => (y, bottom - x),
            7 => (right - y, bottom - x),
            _ => (right - y, x),
        };
        let mut upright = Vec::with_capacity(data.len());
        for y in 0..seen.1 as usize {
            for x in 0..seen.0 as usize {
                let (stored_x, stored_y) = stored(x, y);
                let start = (stored_y * width + stored_x) * bytes;
                upright.extend_from_slice(&data[start..start + bytes]);
            }
        }
        (seen, upright)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_brings_the_letter_upright() {
        // An F, three by five, as it is stored under each number (EXIF 2.3, figure 5 of the standard's annex).
        let seen = ["###", "#..", "##.", "#..", "#.."];
        let flip = |rows: &[String]| rows.iter().map(|r| r.chars().rev().collect()).collect::<Vec<String>>();
        let mirror = |rows: &[String]| rows.iter().rev().cloned().collect::<Vec<String>>();
        let transpose = |rows: &[String]| {
            let column = |x: usize| rows.iter().map(|row| row.as_bytes()[x] as char).collect::<String>();
            (0..rows[0].len()).map(column).collect::<Vec<String>>()
        };
        let f: Vec<String> = seen.iter().map(|row| row.to_string()).collect();
        // The first stored row is what the standard says of each number: top, top mirrored, bottom, …, left side.
        let stored = [
            f.clone(),
            flip(&f),
            flip(&mirror(&f)),
            mirror(&f),
            transpose(&f),
            mirror(&transpose(&f)),
            flip(&mirror(&transpose(&f))),
            flip(&transpose(&f)),
        ];
        for (number, stored) in (1..).zip(stored) {
            let (width, height) = (stored[0].len() as u32, stored.len() as u32);
            let data: Vec<u8> = stored.concat().bytes().flat_map(|byte| [byte, b' ']).collect();
            let (size, upright) = Orientation::from_exif(number).apply((width, height), 2, data);
            assert_eq!(size, (3, 5), "{number}");
            let pixels: Vec<u8> = upright.chunks(2).map(|pixel| pixel[0]).collect();
            assert_eq!(String::from_utf8(pixels).unwrap(), seen.concat(), "{number}");
        }
    }
}
