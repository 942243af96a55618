//! What was found.

use derust_engine::Caution;
use derust_engine::filters::segment_rust::Segmentation;
use derust_engine::survey::Survey;
use derust_interface::*;

use crate::devices::entry;
use crate::failure::Failure;
use crate::guard;
use crate::handle::{self, Handle};
use crate::{info, sized};

/// What a report holds.
pub(crate) struct FoundRust {
    pub(crate) survey: Survey,
    pub(crate) threshold: f32,
    pub(crate) caution: Option<Caution>,
}

// SAFETY: `derust_report` pointers are made by `handle::give` from this type alone.
unsafe impl Handle for Report {
    type Inside = FoundRust;
}

impl FoundRust {
    pub(crate) fn new(survey: Survey, found: &Segmentation) -> Self {
        FoundRust { survey, threshold: found.threshold(), caution: found.caution() }
    }
}

/// Reads what a report says about the picture as a whole.
///
/// # Safety
/// `report` is NULL or a report that was not freed; `summary` is NULL or a struct that says its size; `error` is NULL
/// or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_report_summary(
    report: *const Report,
    summary: *mut Summary,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let found = unsafe { handle::required(report, "report") }?;
        let survey = &found.survey;
        let value = Summary {
            iso_4628_3: survey.iso_4628_3().into(),
            astm_d610: survey.astm_d610().into(),
            pixels: survey.pixels,
            rust_pixels: survey.rust_pixels,
            fraction: survey.fraction(),
            region_count: survey.regions.len() as u64,
            threshold: found.threshold,
            caution: info::caution(found.caution),
            ..Summary::default()
        };
        // SAFETY: the caller's promise.
        unsafe { sized::write(summary, &value, "summary") }
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Reads one connected region of a report; index 0 is the largest.
///
/// # Safety
/// `report` is NULL or a report that was not freed; `region` is NULL or a struct that says its size; `error` is NULL
/// or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_report_region(
    report: *const Report,
    index: u64,
    region: *mut Region,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let found = unsafe { handle::required(report, "report") }?;
        let found_region = entry(&found.survey.regions, index, "report")?;
        let value = Region {
            x: found_region.x,
            y: found_region.y,
            width: found_region.width,
            height: found_region.height,
            mean_probability: found_region.mean_probability,
            area: found_region.area,
            ..Region::default()
        };
        // SAFETY: the caller's promise.
        unsafe { sized::write(region, &value, "region") }
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Gives the outer border of a region: x, y, x, y, ... in the image's region of interest, `count` pairs, 8-connected,
/// clockwise as seen, every pixel of the border. `points` is owned by the report. It is there if options.contours was
/// 1 when the report was made.
///
/// # Safety
/// `report` is NULL or a report that was not freed; `points` and `count` are NULL or where the answers go; `error` is
/// NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_report_contour(
    report: *const Report,
    index: u64,
    points: *mut *const i32,
    count: *mut u64,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        if points.is_null() || count.is_null() {
            let name = if points.is_null() { "points" } else { "count" };
            return Err(Failure::argument(format!(
                "{name} is NULL; it has to point to where the answer goes"
            )));
        }
        // SAFETY: the caller's promise.
        unsafe {
            points.write_unaligned(std::ptr::null());
            count.write_unaligned(0);
        }
        // SAFETY: the caller's promise.
        let found = unsafe { handle::required(report, "report") }?;
        let contours = found.survey.contours.as_ref().ok_or_else(|| {
            Failure::argument("report has no contours; set options.contours to 1 when it is made")
        })?;
        let contour = entry(contours, index, "report")?;
        // SAFETY: the caller's promise.
        unsafe {
            // Places are below 2^31, since pictures are: as two numbers each they are the same with a sign.
            points.write_unaligned(contour.as_ptr().cast());
            count.write_unaligned(contour.len() as u64);
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Frees a report; NULL is fine.
///
/// # Safety
/// `report` is NULL or a report that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_report_free(report: *mut Report) {
    // SAFETY: the caller's promise.
    guard::quietly((), || drop(unsafe { handle::take(report) }));
}
