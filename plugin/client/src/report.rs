//! How much rust there is, and where.

use std::ptr::null;

use derust_interface as c;

use crate::error::Error;
use crate::handle::Handle;
use crate::image::Rectangle;
use crate::info::{CallInfo, Caution};
use crate::library::Library;

/// The picture, or its region of interest, as a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Pixels that were looked at.
    pub pixels: u64,
    /// Pixels of them that are rust.
    pub rust_pixels: u64,
    /// rust_pixels / pixels, 0 to 1.
    pub fraction: f64,
    /// Connected regions of rust.
    pub region_count: u64,
    /// Probability from which on a pixel counted as rust.
    pub threshold: f32,
    /// Degree of rusting Ri after ISO 4628-3, 0 (none) to 5.
    pub iso_4628_3: u32,
    /// Rust grade after ASTM D610, 10 (none) to 0.
    pub astm_d610: u32,
    /// What makes the judgement less sure, if anything.
    pub caution: Option<Caution>,
}

/// A connected region of rust: pixels that touch at a side or a corner belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Its bounding box, counted in the image's region of interest.
    pub bounds: Rectangle,
    /// Pixels that it covers.
    pub area: u64,
    /// Mean probability of its pixels, 0 to 1.
    pub mean_probability: f32,
}

/// A pixel of the image's region of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Point {
    /// Columns left of it.
    pub x: i32,
    /// Rows above it.
    pub y: i32,
}

/// What a segmentation says about a picture.
#[derive(Debug)]
pub struct Report {
    library: Library,
    handle: Handle<c::Report>,
    summary: Summary,
    info: CallInfo,
}

impl Report {
    /// # Safety
    /// `made` is a report of the library's that nobody else frees.
    pub(crate) unsafe fn new(library: Library, made: *mut c::Report, info: CallInfo) -> Result<Self, Error> {
        // SAFETY: the caller's promise.
        let handle = unsafe { Handle::new(made, library.functions().report_free()) };
        let mut summary = c::Summary::default();
        // SAFETY: the report lives, and the struct says its size.
        library.call(|functions, error| unsafe { functions.report_summary()(made, &mut summary, error) })?;
        let summary = Summary {
            pixels: summary.pixels,
            rust_pixels: summary.rust_pixels,
            fraction: summary.fraction,
            region_count: summary.region_count,
            threshold: summary.threshold,
            iso_4628_3: summary.iso_4628_3,
            astm_d610: summary.astm_d610,
            caution: Caution::from_number(summary.caution),
        };
        Ok(Report { library, handle, summary, info })
    }

    /// The picture as a whole.
    #[doc(alias = "derust_report_summary")]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What the call that made it says of itself.
    pub fn info(&self) -> CallInfo {
        self.info
    }

    /// One of the regions; the first one is the largest.
    ///
    /// # Errors
    /// When there are not so many.
    #[doc(alias = "derust_report_region")]
    pub fn region(&self, index: u64) -> Result<Region, Error> {
        let mut region = c::Region::default();
        // SAFETY: the report lives, and the struct says its size.
        self.library.call(|functions, error| unsafe {
            functions.report_region()(self.handle.pointer(), index, &mut region, error)
        })?;
        Ok(Region {
            bounds: Rectangle { x: region.x, y: region.y, width: region.width, height: region.height },
            area: region.area,
            mean_probability: region.mean_probability,
        })
    }

    /// All regions, the largest first.
    pub fn regions(&self) -> impl Iterator<Item = Region> + '_ {
        (0..self.summary.region_count).map_while(|index| self.region(index).ok())
    }

    /// The outer border of a region: every pixel of it, 8-connected, clockwise as seen.
    ///
    /// # Errors
    /// When there are not so many regions, or the report was made without
    /// [`contours`](crate::SegmentOptions::contours).
    #[doc(alias = "derust_report_contour")]
    pub fn contour(&self, index: u64) -> Result<&[Point], Error> {
        let (mut points, mut count) = (null(), 0);
        // SAFETY: the report lives; both places are this function's own.
        self.library.call(|functions, error| unsafe {
            functions.report_contour()(self.handle.pointer(), index, &mut points, &mut count, error)
        })?;
        if points.is_null() || count == 0 {
            return Ok(&[]);
        }
        // SAFETY: so many pairs of numbers, which are the report's and live as long as it; a `Point` is such a pair.
        Ok(unsafe { std::slice::from_raw_parts(points.cast(), count as usize) })
    }
}
