//! Analysing once, composing often.

use std::borrow::Cow;

use derust_engine::Timings;
use derust_engine::filters::derust::Removal;
use derust_engine::filters::segment_rust::{Outputs, Segmentation};
use derust_interface::*;

use crate::failure::Failure;
use crate::guard::{self, Home};
use crate::handle::{self, Handle, Slot};
use crate::image::{self, Lent, Pixels};
use crate::info::Info;
use crate::look::Look;
use crate::report::FoundRust;
use crate::watch::{self, Callback, Limits};
use crate::{engine, remove, segment, sized};

/// What an analysis holds.
pub(crate) struct Analysed {
    found: Outcome,
    home: Home,
}

#[allow(clippy::large_enum_variant, reason = "it lies in the box of a handle")]
enum Outcome {
    Rust(Segmentation),
    Removal(Box<Removal>),
}

// SAFETY: `derust_analysis` pointers are made by `handle::give` from this type alone.
unsafe impl Handle for Analysis {
    type Inside = Analysed;
}

/// Looks for rust, for derust_compose() and derust_analysis_report().
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `image` is NULL or describes memory of the caller; `options` is
/// NULL (every default) or a struct that says its size; `analysis` is where the handle goes; `error` is NULL or where
/// an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_analyse_segment(
    engine: *mut Engine,
    image: *const Image,
    options: *const SegmentOptions,
    analysis: *mut *mut Analysis,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let slot = unsafe { Slot::new(analysis, "analysis") }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        // SAFETY: the caller's promise.
        let options = unsafe { sized::read_or_default(options, "options") }?;
        // SAFETY: the caller's promise.
        let asked = unsafe { segment::asked(&options) }?;
        // SAFETY: the caller's promise.
        let image = unsafe { image::pixels(image, "image") }?;
        let timings = Timings::begin();
        let lent = image.lend()?;
        let picture = lent.picture()?;
        let callback = Callback::new(options.progress, options.progress_user_data);
        // SAFETY: the caller's promise.
        let limits = unsafe { Limits::new(options.cancel, options.timeout_ms) };
        let found = watch::over(callback, limits, |watch| {
            watch.run(|control| entered.engine.segment(&picture, &asked.options, control.measured(&timings)))
        })?;
        let info = Info { caution: found.caution(), spent: timings.spent() };
        // SAFETY: the caller's promise; there is one image.
        unsafe { asked.info.tell(0, info) }?;
        slot.fill(Analysed { found: Outcome::Rust(found), home: entered.home });
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Looks for rust and for what takes its place, for derust_compose(). options->strength has no meaning here.
///
/// # Safety
/// See derust_analyse_segment().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_analyse_remove(
    engine: *mut Engine,
    image: *const Image,
    options: *const RemoveOptions,
    analysis: *mut *mut Analysis,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let slot = unsafe { Slot::new(analysis, "analysis") }?;
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        // SAFETY: the caller's promise.
        let options = unsafe { sized::read_or_default(options, "options") }?;
        // SAFETY: the caller's promise.
        let asked = unsafe { remove::asked(&options) }?;
        // SAFETY: the caller's promise.
        let image = unsafe { image::pixels(image, "image") }?;
        if let Some(mask) = &asked.mask {
            mask.must_have_size(image.size(), image.name())?;
        }
        let timings = Timings::begin();
        let lent = image.lend()?;
        let lent_mask = asked.mask.as_ref().map(Pixels::lend).transpose()?;
        let picture = lent.picture()?;
        let mask = lent_mask.as_ref().map(Lent::picture).transpose()?;
        let callback = Callback::new(options.progress, options.progress_user_data);
        // SAFETY: the caller's promise.
        let limits = unsafe { Limits::new(options.cancel, options.timeout_ms) };
        let found = watch::over(callback, limits, |watch| {
            let engine = &entered.engine;
            watch.run(|control| {
                let control = control.measured(&timings);
                engine.analyse_removal(&picture, mask.as_ref(), &asked.options, control)
            })
        })?;
        let info = Info { caution: found.caution(), spent: timings.spent() };
        // SAFETY: the caller's promise; there is one image.
        unsafe { asked.info.tell(0, info) }?;
        slot.fill(Analysed { found: Outcome::Removal(Box::new(found)), home: entered.home });
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Makes an output of an analysis; no network runs.
///
/// `image` is the picture that was analysed, unchanged. The result and the overlay have the size and format of the
/// image's region and may be the image itself; mask and probability are gray and share no memory with the image.
///
/// The result is made from its first row to its last: when options->progress is told which part is done, so many of the
/// region's rows are final, and the caller may read them from then on.
///
/// # Safety
/// `analysis` is NULL or an analysis that was not freed; the images are NULL or describe memory of the caller;
/// `options` is NULL (every default) or a struct that says its size; `error` is NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_compose(
    analysis: *const Analysis,
    image: *const Image,
    options: *const ComposeOptions,
    output: *const Image,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let analysed = unsafe { handle::required(analysis, "analysis") }?;
        let _working = analysed.home.enter()?;
        // SAFETY: the caller's promise.
        let options = unsafe { sized::read_or_default(options, "options") }?;
        let threshold = segment::threshold(options.threshold)?;
        let look = Look::new(
            (options.strength, options.shape),
            options.colour_source,
            options.colour,
            (options.colour_x, options.colour_y),
        )?;
        // SAFETY: the caller's promise.
        let mask = unsafe { image::optional_pixels(options.mask, "options.mask") }?;
        // SAFETY: the caller's promise.
        let image = unsafe { image::pixels(image, "image") }?;
        // SAFETY: the caller's promise.
        let output = unsafe { image::pixels(output, "output") }?;
        image.must_have_size(analysed.size(), "the analysed region")?;
        let callback = Callback::new(options.progress, options.progress_user_data);
        // SAFETY: the caller's promise.
        let limits = unsafe { Limits::new(options.cancel, options.timeout_ms) };
        match (&analysed.found, options.output) {
            (Outcome::Removal(removal), DERUST_OUTPUT_RESULT) => {
                if let Some(mask) = &mask {
                    mask.must_be_gray()?;
                } else if removal.alpha().is_none() {
                    return Err(Failure::argument(
                        "options.mask is NULL; this analysis was made with a mask that stands in for what the \
                         network finds, and needs it again",
                    ));
                }
                let job = remove::Job { image, output };
                job.check(mask.as_ref())?;
                let look = look.of(&job.image)?;
                let lent = mask.as_ref().map(Pixels::lend).transpose()?;
                let mask = lent.as_ref().map(Lent::picture).transpose()?;
                watch::over(callback, limits, |watch| {
                    watch.run(|control| {
                        job.compose(|target| Ok(removal.compose(mask.as_ref(), &look, target, control)?))
                    })
                })
            }
            (Outcome::Rust(found), DERUST_OUTPUT_OVERLAY) => {
                let found = with_threshold(found, threshold);
                let job = remove::Job { image, output };
                job.check(None)?;
                watch::over(callback, limits, |watch| {
                    watch.run(|control| job.compose(|target| Ok(found.write_overlay(target, control)?)))
                })
            }
            (Outcome::Rust(found), kind @ (DERUST_OUTPUT_MASK | DERUST_OUTPUT_PROBABILITY)) => {
                let found = with_threshold(found, threshold);
                output.must_be_gray()?;
                output.must_have_size(image.size(), image.name())?;
                output.apart(&image)?;
                if let Some(mask) = image.region_mask() {
                    output.apart(mask)?;
                }
                let lent = image.lend()?;
                let picture = lent.picture()?;
                // SAFETY: `apart` has seen that it shares nothing with the image, the only other one in use.
                let mut lent_output = unsafe { output.lend_mut() }?;
                let mut target = lent_output.picture()?;
                watch::over(callback, limits, |watch| {
                    watch.run(|control| match kind {
                        DERUST_OUTPUT_MASK => found.write_mask(&picture, &mut target, control),
                        _ => found.write_probability(&picture, &mut target, control),
                    })
                })?;
                Ok(())
            }
            (found, kind) => Err(wrong_output(found, kind)),
        }
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Makes the report of an analysis for segmentation; no network runs. Of the options, threshold, contours, progress,
/// cancel, timeout_ms and info count.
///
/// # Safety
/// `analysis` is NULL or an analysis that was not freed; `image` is NULL or describes memory of the caller; `options`
/// is NULL (every default) or a struct that says its size; `report` is where the handle goes; `error` is NULL or where
/// an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_analysis_report(
    analysis: *const Analysis,
    image: *const Image,
    options: *const SegmentOptions,
    report: *mut *mut Report,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let slot = unsafe { Slot::new(report, "report") }?;
        // SAFETY: the caller's promise.
        let analysed = unsafe { handle::required(analysis, "analysis") }?;
        let _working = analysed.home.enter()?;
        // SAFETY: the caller's promise.
        let options = unsafe { sized::read_or_default(options, "options") }?;
        // SAFETY: the caller's promise.
        let asked = unsafe { segment::asked(&options) }?;
        // SAFETY: the caller's promise.
        let image = unsafe { image::pixels(image, "image") }?;
        image.must_have_size(analysed.size(), "the analysed region")?;
        let Outcome::Rust(found) = &analysed.found else {
            let text = "analysis is one for removal; reports come from derust_analyse_segment()";
            return Err(Failure::argument(text));
        };
        let found = with_threshold(found, asked.options.threshold);
        let timings = Timings::begin();
        let lent = image.lend()?;
        let picture = lent.picture()?;
        let outputs = Outputs { survey: asked.survey, ..Default::default() };
        let callback = Callback::new(options.progress, options.progress_user_data);
        // SAFETY: the caller's promise.
        let limits = unsafe { Limits::new(options.cancel, options.timeout_ms) };
        let survey = watch::over(callback, limits, |watch| {
            watch.run(|control| found.write(&picture, outputs, control))
        })?;
        let info = Info { caution: found.caution(), spent: timings.spent() };
        // SAFETY: the caller's promise; there is one image.
        unsafe { asked.info.tell(0, info) }?;
        if let Some(survey) = survey {
            slot.fill(FoundRust::new(survey, &found));
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}

/// Frees an analysis; NULL is fine.
///
/// # Safety
/// `analysis` is NULL or an analysis that was not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_analysis_free(analysis: *mut Analysis) {
    // SAFETY: the caller's promise.
    guard::quietly((), || drop(unsafe { handle::take(analysis) }));
}

impl Analysed {
    /// Width and height of the region that was analysed.
    fn size(&self) -> (u32, u32) {
        match &self.found {
            Outcome::Rust(found) => found.size(),
            Outcome::Removal(removal) => removal.size(),
        }
    }
}

fn with_threshold(found: &Segmentation, threshold: Option<f32>) -> Cow<'_, Segmentation> {
    match threshold {
        Some(threshold) => Cow::Owned(found.clone().with_threshold(threshold)),
        None => Cow::Borrowed(found),
    }
}

fn wrong_output(found: &Outcome, output: i32) -> Failure {
    let (kind, fitting) = match found {
        Outcome::Rust(_) => {
            ("segmentation", "DERUST_OUTPUT_MASK, DERUST_OUTPUT_PROBABILITY or DERUST_OUTPUT_OVERLAY")
        }
        Outcome::Removal(_) => ("removal", "DERUST_OUTPUT_RESULT"),
    };
    let known = (DERUST_OUTPUT_RESULT..=DERUST_OUTPUT_OVERLAY).contains(&output);
    let what = if known { "which this analysis cannot give" } else { "which is no DERUST_OUTPUT_ constant" };
    Failure::argument(format!("options.output is {output}, {what}; an analysis for {kind} gives {fitting}"))
}
