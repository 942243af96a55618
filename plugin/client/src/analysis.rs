//! What a network found, and what is made of it without running it again.

use std::ptr::null_mut;

use derust_interface as c;

use crate::callbacks::Watch;
use crate::canvas::Canvas;
use crate::error::Error;
use crate::handle::Handle;
use crate::image::{Image, ImageMut};
use crate::info::{CallInfo, Told};
use crate::library::Library;
use crate::options::{ComposeOptions, SegmentOptions};
use crate::report::Report;

/// Where a network saw rust in a picture, and how probable it is. No network runs in what can be asked of it, and it needs
/// neither the engine nor the model any more.
///
/// Every question hands over the picture that was analysed, unchanged: edges of masks follow those of the picture.
#[derive(Debug)]
pub struct Analysis(Analysed);

/// What a network would change in a picture, and into what. Composing from it runs no network, and it needs neither the
/// engine nor the model any more.
#[derive(Debug)]
pub struct Removal(Analysed);

/// An analysis of either kind.
#[derive(Debug)]
struct Analysed {
    library: Library,
    handle: Handle<c::Analysis>,
    info: CallInfo,
}

impl Analysed {
    /// # Safety
    /// `made` is an analysis of the library's that nobody else frees.
    unsafe fn new(library: Library, made: *mut c::Analysis, info: CallInfo) -> Self {
        // SAFETY: the caller's promise.
        Analysed { library, handle: unsafe { Handle::new(made, library.functions().analysis_free()) }, info }
    }

    /// # Safety
    /// The images describe memory of which the output's may be written to and the other's be read until the call is over.
    unsafe fn compose(
        &self,
        image: &c::Image,
        output: &c::Image,
        what: i32,
        mut options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        let mut watch = Watch::new(options.progress.take());
        let lent = options.lend(what, watch.callback())?;
        // SAFETY: the analysis lives; options and what they point to live until the call is over, and the caller's promise.
        let composed = self.library.call(|functions, error| unsafe {
            functions.compose()(self.handle.pointer(), image, &lent.c, output, error)
        });
        watch.end();
        composed
    }
}

impl Analysis {
    /// # Safety
    /// `made` is an analysis for segmentation of the library's that nobody else frees.
    pub(crate) unsafe fn new(library: Library, made: *mut c::Analysis, info: CallInfo) -> Self {
        // SAFETY: the caller's promise.
        Analysis(unsafe { Analysed::new(library, made, info) })
    }

    /// What the call that made it says of itself.
    pub fn info(&self) -> CallInfo {
        self.0.info
    }

    /// Makes `output` white where rust is at least as probable as the threshold, black elsewhere. It is gray, of the size of
    /// the image's region.
    ///
    /// # Errors
    /// When the images do not go together, an option is out of range, memory is short, or the call is stopped.
    #[doc(alias = "derust_compose")]
    pub fn mask(
        &self,
        image: &Image<'_>,
        output: &mut ImageMut<'_>,
        options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        self.compose(image, output, c::DERUST_OUTPUT_MASK, options)
    }

    /// Makes `output` show how probable rust is, black for 0 and white for 1. It is gray, of the size of the image's region.
    ///
    /// # Errors
    /// See [`Analysis::mask`].
    #[doc(alias = "derust_compose")]
    pub fn probability(
        &self,
        image: &Image<'_>,
        output: &mut ImageMut<'_>,
        options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        self.compose(image, output, c::DERUST_OUTPUT_PROBABILITY, options)
    }

    /// Makes `output`, of the image's size and format, the picture with its rust coloured.
    ///
    /// # Errors
    /// See [`Analysis::mask`].
    #[doc(alias = "derust_compose")]
    pub fn overlay(
        &self,
        image: &Image<'_>,
        output: &mut ImageMut<'_>,
        options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        self.compose(image, output, c::DERUST_OUTPUT_OVERLAY, options)
    }

    /// Colours the rust in the picture that was analysed, which then is another one.
    ///
    /// # Errors
    /// See [`Analysis::mask`].
    pub fn overlay_in_place(
        &self,
        image: &mut ImageMut<'_>,
        options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        let image = image.c("image")?;
        // SAFETY: the pixels are borrowed for this call, to be written.
        unsafe { self.0.compose(&image, &image, c::DERUST_OUTPUT_OVERLAY, options) }
    }

    /// How much rust there is. Of the options, threshold, contours, progress and cancel count.
    ///
    /// # Errors
    /// See [`Analysis::mask`].
    #[doc(alias = "derust_analysis_report")]
    pub fn report(&self, image: &Image<'_>, mut options: SegmentOptions<'_>) -> Result<Report, Error> {
        let Analysed { library, handle, .. } = &self.0;
        let image = image.c("image")?;
        let mut watch = Watch::new(options.progress.take());
        let mut lent = options.lend(watch.callback())?;
        let mut told = Told::new(*library, 1);
        lent.c.info = told.pointer();
        let mut made = null_mut();
        // SAFETY: the analysis lives; the pixels, the options and what they point to live until the call is over.
        let called = library.call(|functions, error| unsafe {
            functions.analysis_report()(handle.pointer(), &image, &lent.c, &mut made, error)
        });
        // SAFETY: made by this call, and nobody else's.
        let report = called.and_then(|()| unsafe { Report::new(*library, made, told.info(0)) });
        watch.end();
        report
    }

    fn compose(
        &self,
        image: &Image<'_>,
        output: &mut ImageMut<'_>,
        what: i32,
        options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        let (image, output) = (image.c("image")?, output.c("output")?);
        // SAFETY: the pixels are borrowed for this call, those of the output to be written.
        unsafe { self.0.compose(&image, &output, what, options) }
    }
}

impl Removal {
    /// # Safety
    /// `made` is an analysis for removal of the library's that nobody else frees.
    pub(crate) unsafe fn new(library: Library, made: *mut c::Analysis, info: CallInfo) -> Self {
        // SAFETY: the caller's promise.
        Removal(unsafe { Analysed::new(library, made, info) })
    }

    /// What the call that made it says of itself.
    pub fn info(&self) -> CallInfo {
        self.0.info
    }

    /// Makes `output`, of the size and format of `image`, the picture without rust. `image` is the picture that was analysed,
    /// unchanged. Where nothing is removed, pixels are bit for bit the same.
    ///
    /// # Errors
    /// When the images do not go together, an option is out of range, memory is short, or the call is stopped.
    #[doc(alias = "derust_compose")]
    pub fn compose(
        &self,
        image: &Image<'_>,
        output: &mut ImageMut<'_>,
        options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        let (image, output) = (image.c("image")?, output.c("output")?);
        // SAFETY: the pixels are borrowed for this call, those of the output to be written.
        unsafe { self.0.compose(&image, &output, c::DERUST_OUTPUT_RESULT, options) }
    }

    /// Takes the rust out of the picture that was analysed, which then is another one.
    ///
    /// # Errors
    /// See [`Removal::compose`].
    pub fn compose_in_place(
        &self,
        image: &mut ImageMut<'_>,
        options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        let image = image.c("image")?;
        // SAFETY: the pixels are borrowed for this call, to be written.
        unsafe { self.0.compose(&image, &image, c::DERUST_OUTPUT_RESULT, options) }
    }

    /// [`Removal::compose`] onto a canvas, whose rows other threads may read as soon as they are finished.
    ///
    /// # Errors
    /// See [`Removal::compose`]; and when the canvas was composed onto before.
    pub fn compose_onto(
        &self,
        image: &Image<'_>,
        canvas: &Canvas,
        mut options: ComposeOptions<'_>,
    ) -> Result<(), Error> {
        let (image, output) = (image.c("image")?, canvas.claim()?);
        let mut progress = options.progress.take();
        let mut tell = |done| {
            // SAFETY: when the library tells of a result, that part of its rows is final (derust.h).
            unsafe { canvas.finish(done) };
            progress.as_mut().is_none_or(|progress| progress(done))
        };
        let options = ComposeOptions { progress: Some(&mut tell), ..options };
        // SAFETY: the image's pixels are borrowed for this call. Of the canvas's, only rows that are finished are read, and
        // no other call writes any.
        unsafe { self.0.compose(&image, &output, c::DERUST_OUTPUT_RESULT, options) }?;
        // SAFETY: the call is over.
        unsafe { canvas.finish(1.0) };
        Ok(())
    }
}
