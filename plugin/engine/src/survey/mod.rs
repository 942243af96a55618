//! What was found: areas, regions, grades.

mod contour;

use std::ops::Range;

use crate::control::Stopped;
use crate::room;
use contour::Bitmap;

/// What a segmentation says about a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Pixels of the region of interest that count.
    pub pixels: u64,
    /// Pixels of them that are rust.
    pub rust_pixels: u64,
    /// Rusted regions, the largest first. Pixels that touch at a side or a corner belong together.
    pub regions: Vec<Region>,
    /// The outer border of each region, where asked for: its pixels (x, y) in the region of interest, clockwise, each a
    /// neighbour of the next; pixels of parts that are one pixel wide come twice.
    pub contours: Option<Vec<Vec<[u32; 2]>>>,
}

/// A connected region of rust, as every interface calls it; the part of a picture that is looked at, the region of
/// interest, is a [`crate::pixels::Region`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
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
    regions: Vec<Growing>,
    /// For contours.
    bitmap: Option<Bitmap>,
}

#[derive(Clone, Debug)]
struct Run {
    columns: Range<u32>,
    region: usize,
}

/// A region while rows come in.
#[derive(Clone, Debug)]
struct Growing {
    /// The region that this one was joined to; itself if none.
    joined_to: usize,
    /// The left-most pixel of its upper-most row.
    start: [u32; 2],
    columns: Range<u32>,
    rows: Range<u32>,
    area: u64,
    sum: f64,
}

impl Surveyor {
    /// One that can tell the contours of the regions, for an eighth of a byte per pixel.
    pub(crate) fn with_contours() -> Self {
        Surveyor { bitmap: Some(Bitmap::default()), ..Surveyor::default() }
    }

    /// Takes the next row of probabilities; those from `threshold` on are rust.
    pub(crate) fn row(&mut self, probabilities: &[f32], threshold: f32) -> Result<(), Stopped> {
        if let Some(bitmap) = &mut self.bitmap {
            bitmap.row(probabilities.iter().map(|value| *value >= threshold))?;
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
            let above: Vec<usize> = room::collect(
                self.previous[first_above.min(self.previous.len())..]
                    .iter()
                    .take_while(|above| above.columns.start <= columns.end)
                    .map(|above| above.region),
            )?;
            let own = Growing {
                joined_to: self.regions.len(),
                start: [columns.start, y],
                columns: columns.clone(),
                rows: y..y + 1,
                area: length as u64,
                sum,
            };
            room::push(&mut self.regions, own)?;
            let region =
                above.into_iter().fold(self.regions.len() - 1, |region, above| self.join(region, above));
            room::push(&mut runs, Run { columns, region })?;
            self.rust_pixels += length as u64;
            x += length;
        }
        self.pixels += probabilities.len() as u64;
        self.rows += 1;
        self.previous = runs;
        Ok(())
    }

    /// Takes back so many pixels of the last row: they do not count.
    pub(crate) fn leave_out(&mut self, pixels: usize) {
        self.pixels -= pixels as u64;
    }

    /// The survey of all rows so far.
    pub(crate) fn finish(self) -> Result<Survey, Stopped> {
        let roots = self.regions.iter().enumerate().filter(|(i, region)| region.joined_to == *i);
        let mut roots: Vec<&Growing> = room::collect(roots.map(|(_, region)| region))?;
        roots.sort_unstable_by_key(|region| {
            (std::cmp::Reverse(region.area), region.rows.start, region.columns.start)
        });
        let regions = roots.iter().map(|region| Region {
            x: region.columns.start,
            y: region.rows.start,
            width: region.columns.end - region.columns.start,
            height: region.rows.end - region.rows.start,
            area: region.area,
            mean_probability: (region.sum / region.area as f64) as f32,
        });
        let trace =
            |bitmap: &Bitmap| room::try_collect(roots.iter().map(|region| bitmap.contour(region.start)));
        Ok(Survey {
            pixels: self.pixels,
            rust_pixels: self.rust_pixels,
            regions: room::collect(regions)?,
            contours: self.bitmap.as_ref().map(trace).transpose()?,
        })
    }

    /// The region that `i` belongs to by now.
    fn root(&mut self, mut i: usize) -> usize {
        while self.regions[i].joined_to != i {
            // Halving the path keeps later look-ups short.
            self.regions[i].joined_to = self.regions[self.regions[i].joined_to].joined_to;
            i = self.regions[i].joined_to;
        }
        i
    }

    /// Makes one region of two, and answers with it.
    fn join(&mut self, a: usize, b: usize) -> usize {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return a;
        }
        let (kept, gone) = (a.min(b), a.max(b));
        let other = self.regions[gone].clone();
        self.regions[gone].joined_to = kept;
        let region = &mut self.regions[kept];
        let [a, b] = [region.start, other.start];
        region.start = if (a[1], a[0]) <= (b[1], b[0]) { a } else { b };
        region.columns =
            region.columns.start.min(other.columns.start)..region.columns.end.max(other.columns.end);
        region.rows = region.rows.start.min(other.rows.start)..region.rows.end.max(other.rows.end);
        region.area += other.area;
        region.sum += other.sum;
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(picture: &[&str]) -> Survey {
        let mut surveyor = Surveyor::with_contours();
        for row in picture {
            let row: Vec<f32> = row.bytes().map(|b| f32::from(b - b'0') / 9.0).collect();
            surveyor.row(&row, 0.5).unwrap();
        }
        surveyor.finish().unwrap()
    }

    #[test]
    fn regions_join_over_sides_and_corners_and_late() {
        let survey = survey(&["9000900", "0900909", "0099909", "0000000", "5000009"]);
        assert_eq!((survey.pixels, survey.rust_pixels), (35, 11));
        let boxes: Vec<_> = survey.regions.iter().map(|p| (p.x, p.y, p.width, p.height, p.area)).collect();
        assert_eq!(boxes, [(0, 0, 5, 3, 7), (6, 1, 1, 2, 2), (0, 4, 1, 1, 1), (6, 4, 1, 1, 1)]);
        let starts: Vec<_> = survey.contours.unwrap().iter().map(|contour| contour[0]).collect();
        assert_eq!(starts, [[0, 0], [6, 1], [0, 4], [6, 4]]);
        assert!((survey.regions[2].mean_probability - 5.0 / 9.0).abs() < 1e-6);
    }

    #[test]
    fn grades_follow_from_the_area() {
        let graded = |rust_pixels| {
            let survey = Survey { pixels: 100_000, rust_pixels, regions: vec![], contours: None };
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
