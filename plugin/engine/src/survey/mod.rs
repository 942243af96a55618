//! What was found: areas, regions, grades.

mod outline;

use std::ops::Range;

use outline::Bitmap;

/// What a segmentation says about a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Pixels of the region of interest that count.
    pub pixels: u64,
    /// Pixels of them that are rust.
    pub rust_pixels: u64,
    /// Rusted patches, the largest first. Pixels that touch at a side or a corner belong together.
    pub patches: Vec<Patch>,
    /// The outer border of each patch, where asked for: its pixels (x, y) in the region of interest, clockwise, each a
    /// neighbour of the next; pixels of parts that are one pixel wide come twice.
    pub outlines: Option<Vec<Vec<[u32; 2]>>>,
}

/// A connected patch of rust.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patch {
    /// Left-most column, counted in the region of interest.
    pub x: u32,
    /// Upper-most row.
    pub y: u32,
    /// Columns that it spans.
    pub width: u32,
    /// Rows that it spans.
    pub height: u32,
    /// Pixels that it covers.
    pub area: u64,
    /// Mean probability of its pixels, 0 to 1.
    pub mean_probability: f32,
}

impl Survey {
    /// The part of the pixels that is rust, 0 to 1.
    pub fn fraction(&self) -> f64 {
        self.rust_pixels as f64 / self.pixels.max(1) as f64
    }

    /// Degree of rusting Ri 0 to 5 after ISO 4628-3: the lowest degree whose area the rust does not exceed
    /// (Ri 0: none, 1: 0.05 %, 2: 0.5 %, 3: 1 %, 4: 8 %; more is Ri 5).
    pub fn iso_4628_3(&self) -> u8 {
        const PERCENT: [f64; 5] = [0.0, 0.05, 0.5, 1.0, 8.0];
        PERCENT.iter().take_while(|percent| self.fraction() * 100.0 > **percent).count() as u8
    }

    /// Rust grade 10 to 0 after ASTM D610 (10: at most 0.01 %, 9: 0.03 %, 8: 0.1 %, 7: 0.3 %, 6: 1 %, 5: 3 %,
    /// 4: 10 %, 3: 16 %, 2: 33 %, 1: 50 %; more is 0).
    pub fn astm_d610(&self) -> u8 {
        const PERCENT: [f64; 10] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 16.0, 33.0, 50.0];
        10 - PERCENT.iter().take_while(|percent| self.fraction() * 100.0 > **percent).count() as u8
    }
}

/// Makes a survey of rows that come one after another: connected components by runs of pixels, joined with a
/// union-find over the runs of two neighbouring rows (Rosenfeld and Pfaltz 1966).
#[derive(Debug, Default)]
pub(crate) struct Surveyor {
    rows: u32,
    pixels: u64,
    rust_pixels: u64,
    previous: Vec<Run>,
    patches: Vec<Growing>,
    /// For outlines.
    bitmap: Option<Bitmap>,
}

#[derive(Clone, Debug)]
struct Run {
    columns: Range<u32>,
    patch: usize,
}

/// A patch while rows come in.
#[derive(Clone, Debug)]
struct Growing {
    /// The patch that this one was joined to; itself if none.
    joined_to: usize,
    /// The left-most pixel of its upper-most row.
    start: [u32; 2],
    columns: Range<u32>,
    rows: Range<u32>,
    area: u64,
    sum: f64,
}

impl Surveyor {
    /// One that can tell the outlines of the patches, for an eighth of a byte per pixel.
    pub(crate) fn with_outlines() -> Self {
        Surveyor { bitmap: Some(Bitmap::default()), ..Surveyor::default() }
    }

    /// Takes the next row of probabilities; those from `threshold` on are rust.
    pub(crate) fn row(&mut self, probabilities: &[f32], threshold: f32) {
        if let Some(bitmap) = &mut self.bitmap {
            bitmap.row(probabilities.iter().map(|value| *value >= threshold));
        }
        let y = self.rows;
        let mut runs: Vec<Run> = Vec::new();
        let mut first_above = 0;
        let mut x = 0;
        while x < probabilities.len() {
            if probabilities[x] < threshold {
                x += 1;
                continue;
            }
            let length = probabilities[x..].iter().take_while(|value| **value >= threshold).count();
            let columns = x as u32..(x + length) as u32;
            let sum: f64 = probabilities[x..x + length].iter().map(|value| f64::from(*value)).sum();
            while self.previous.get(first_above).is_some_and(|above| above.columns.end < columns.start) {
                first_above += 1;
            }
            let above: Vec<usize> = self.previous[first_above.min(self.previous.len())..]
                .iter()
                .take_while(|above| above.columns.start <= columns.end)
                .map(|above| above.patch)
                .collect();
            let own = Growing {
                joined_to: self.patches.len(),
                start: [columns.start, y],
                columns: columns.clone(),
                rows: y..y + 1,
                area: length as u64,
                sum,
            };
            self.patches.push(own);
            let patch =
                above.into_iter().fold(self.patches.len() - 1, |patch, above| self.join(patch, above));
            runs.push(Run { columns, patch });
            self.rust_pixels += length as u64;
            x += length;
        }
        self.pixels += probabilities.len() as u64;
        self.rows += 1;
        self.previous = runs;
    }

    /// Takes back so many pixels of the last row: they do not count.
    pub(crate) fn leave_out(&mut self, pixels: usize) {
        self.pixels -= pixels as u64;
    }

    /// The survey of all rows so far.
    pub(crate) fn finish(self) -> Survey {
        let roots = self.patches.iter().enumerate().filter(|(i, patch)| patch.joined_to == *i);
        let mut roots: Vec<&Growing> = roots.map(|(_, patch)| patch).collect();
        roots.sort_by_key(|patch| (std::cmp::Reverse(patch.area), patch.rows.start, patch.columns.start));
        let patches = roots.iter().map(|patch| Patch {
            x: patch.columns.start,
            y: patch.rows.start,
            width: patch.columns.end - patch.columns.start,
            height: patch.rows.end - patch.rows.start,
            area: patch.area,
            mean_probability: (patch.sum / patch.area as f64) as f32,
        });
        let trace = |bitmap: &Bitmap| roots.iter().map(|patch| bitmap.outline(patch.start)).collect();
        Survey {
            pixels: self.pixels,
            rust_pixels: self.rust_pixels,
            patches: patches.collect(),
            outlines: self.bitmap.as_ref().map(trace),
        }
    }

    /// The patch that `i` belongs to by now.
    fn root(&mut self, mut i: usize) -> usize {
        while self.patches[i].joined_to != i {
            // Halving the path keeps later look-ups short.
            self.patches[i].joined_to = self.patches[self.patches[i].joined_to].joined_to;
            i = self.patches[i].joined_to;
        }
        i
    }

    /// Makes one patch of two, and answers with it.
    fn join(&mut self, a: usize, b: usize) -> usize {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return a;
        }
        let (kept, gone) = (a.min(b), a.max(b));
        let other = self.patches[gone].clone();
        self.patches[gone].joined_to = kept;
        let patch = &mut self.patches[kept];
        let [a, b] = [patch.start, other.start];
        patch.start = if (a[1], a[0]) <= (b[1], b[0]) { a } else { b };
        patch.columns =
            patch.columns.start.min(other.columns.start)..patch.columns.end.max(other.columns.end);
        patch.rows = patch.rows.start.min(other.rows.start)..patch.rows.end.max(other.rows.end);
        patch.area += other.area;
        patch.sum += other.sum;
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(picture: &[&str]) -> Survey {
        let mut surveyor = Surveyor::with_outlines();
        for row in picture {
            let row: Vec<f32> = row.bytes().map(|b| f32::from(b - b'0') / 9.0).collect();
            surveyor.row(&row, 0.5);
        }
        surveyor.finish()
    }

    #[test]
    fn patches_join_over_sides_and_corners_and_late() {
        let survey = survey(&["9000900", "0900909", "0099909", "0000000", "5000009"]);
        assert_eq!((survey.pixels, survey.rust_pixels), (35, 11));
        let boxes: Vec<_> = survey.patches.iter().map(|p| (p.x, p.y, p.width, p.height, p.area)).collect();
        assert_eq!(boxes, [(0, 0, 5, 3, 7), (6, 1, 1, 2, 2), (0, 4, 1, 1, 1), (6, 4, 1, 1, 1)]);
        let starts: Vec<_> = survey.outlines.unwrap().iter().map(|outline| outline[0]).collect();
        assert_eq!(starts, [[0, 0], [6, 1], [0, 4], [6, 4]]);
        assert!((survey.patches[2].mean_probability - 5.0 / 9.0).abs() < 1e-6);
    }

    #[test]
    fn grades_follow_from_the_area() {
        let graded = |rust_pixels| {
            let survey = Survey { pixels: 100_000, rust_pixels, patches: vec![], outlines: None };
            (survey.iso_4628_3(), survey.astm_d610())
        };
        assert_eq!(graded(0), (0, 10));
        assert_eq!(graded(10), (1, 10));
        assert_eq!(graded(51), (2, 8));
        assert_eq!(graded(500), (2, 6));
        assert_eq!(graded(1_000), (3, 6));
        assert_eq!(graded(8_000), (4, 4));
        assert_eq!(graded(8_001), (5, 4));
        assert_eq!(graded(33_001), (5, 1));
        assert_eq!(graded(50_001), (5, 0));
    }
}
