//! What a network found, and pictures that are composed from it without running it again.

use derust_interface::*;

use super::Progress;
use super::canvas::Canvas;
use super::library::Loaded;
use crate::pixels::{Picture, Plane};
use crate::problem::Problem;

/// An analysis of libderust's.
pub struct Found {
    loaded: Loaded,
    analysis: *mut Analysis,
}

// SAFETY: any number of threads may compose from an analysis of libderust's at once.
unsafe impl Send for Found {}
// SAFETY: see above.
unsafe impl Sync for Found {}

/// What is to be removed, and what takes its place.
pub struct Removal(pub(super) Found);

/// Where rust is, and how probable it is.
pub struct Segmentation(pub(super) Found);

/// How much rust there is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Which part of the pixels is rust, 0 to 1.
    pub fraction: f64,
    /// Connected regions of rust.
    pub regions: u64,
}

impl Found {
    pub(super) fn new(loaded: Loaded, analysis: *mut Analysis) -> Self {
        Found { loaded, analysis }
    }

    fn compose(
        &self,
        picture: &Picture,
        mut options: ComposeOptions,
        output: &Image,
        progress: Progress<'_>,
    ) -> Result<(), Problem> {
        let mut progress = progress;
        options.progress = Some(super::tell);
        options.progress_user_data = (&raw mut progress).cast();
        let image = picture.image();
        // SAFETY: the analysis lives; picture, options, output and what they point to live until the call is over.
        self.loaded.call(|library, error| unsafe {
            library.compose()(self.analysis, &image, &options, output, error)
        })
    }
}

impl Drop for Found {
    fn drop(&mut self) {
        // SAFETY: no call uses the analysis any more.
        unsafe { self.loaded.library.analysis_free()(self.analysis) };
    }
}

impl Removal {
    /// Makes the picture that was analysed, without rust; `limit` says where. Rows of the canvas are finished one after
    /// the other.
    ///
    /// # Errors
    /// When memory is short or `progress` says that it is enough.
    pub fn compose(
        &self,
        picture: &Picture,
        strength: f32,
        limit: Option<&Plane>,
        canvas: &Canvas,
        progress: Progress<'_>,
    ) -> Result<(), Problem> {
        let limit = limit.map(Plane::image);
        let mask = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let options =
            ComposeOptions { output: DERUST_OUTPUT_RESULT, strength, mask, ..ComposeOptions::default() };
        let progress: Progress<'_> = &mut |done| {
            // SAFETY: libderust says which part of the rows it has finished.
            unsafe { canvas.finish(done) };
            progress(done)
        };
        self.0.compose(picture, options, canvas.image(), progress)
    }
}

impl Segmentation {
    /// White where rust is at least as probable as `threshold`, black elsewhere.
    ///
    /// # Errors
    /// See [`Removal::compose`].
    pub fn mask(
        &self,
        picture: &Picture,
        threshold: Option<f32>,
        progress: Progress<'_>,
    ) -> Result<Plane, Problem> {
        let mut plane = Plane::black(picture.width, picture.height);
        let output = plane.image_mut();
        self.0.compose(picture, with_threshold(DERUST_OUTPUT_MASK, threshold), &output, progress)?;
        Ok(plane)
    }

    /// Makes the picture that was analysed, with the rust coloured.
    ///
    /// # Errors
    /// See [`Removal::compose`].
    pub fn overlay(
        &self,
        picture: &Picture,
        threshold: Option<f32>,
        canvas: &Canvas,
        progress: Progress<'_>,
    ) -> Result<(), Problem> {
        self.0.compose(picture, with_threshold(DERUST_OUTPUT_OVERLAY, threshold), canvas.image(), progress)
    }

    /// How much rust there is.
    ///
    /// # Errors
    /// See [`Removal::compose`].
    pub fn summary(&self, picture: &Picture, threshold: Option<f32>) -> Result<Summary, Problem> {
        let Found { loaded, analysis } = &self.0;
        let options = SegmentOptions { threshold: threshold.unwrap_or(0.0), ..SegmentOptions::default() };
        let image = picture.image();
        let mut report = std::ptr::null_mut();
        let mut summary = derust_interface::Summary::default();
        // SAFETY: the analysis lives; the picture and the options live until the call is over.
        loaded.call(|library, error| unsafe {
            library.analysis_report()(*analysis, &image, &options, &mut report, error)
        })?;
        // SAFETY: the report was made by the call before, and the struct says its size.
        let read =
            loaded.call(|library, error| unsafe { library.report_summary()(report, &mut summary, error) });
        // SAFETY: nobody reads the report any more.
        unsafe { loaded.library.report_free()(report) };
        read.map(|()| Summary { fraction: summary.fraction, regions: summary.region_count })
    }
}

fn with_threshold(output: i32, threshold: Option<f32>) -> ComposeOptions {
    ComposeOptions { output, threshold: threshold.unwrap_or(0.0), ..ComposeOptions::default() }
}
