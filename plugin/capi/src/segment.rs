//! Finding rust.

use std::ffi::c_char;

use derust_engine::filters::Scale;
use derust_engine::filters::segment_rust::{Outputs, Surveying};
use derust_engine::models::Selector;
use derust_engine::{Control, Timings};
use derust_interface::*;

use crate::failure::Failure;
use crate::guard;
use crate::handle::Slot;
use crate::image::{self, LentMut, Pixels};
use crate::info::{Info, Place};
use crate::report::FoundRust;
use crate::watch::{self, Callback, Limits};
use crate::{engine, sized, text};

/// The part of a call's progress that the network takes.
pub(crate) const ANALYSING: f32 = 0.8;

/// The caller's options, checked.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) options: derust_engine::filters::segment_rust::SegmentOptions,
    pub(crate) survey: Surveying,
    pub(crate) info: Place,
}

/// A picture and what is wanted of it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) image: Pixels,
    pub(crate) mask: Option<Pixels>,
    pub(crate) probability: Option<Pixels>,
    /// Whether a report is wanted.
    pub(crate) report: bool,
}

/// # Safety
/// The texts end with a zero byte, and `info` is NULL or structs that say their size.
pub(crate) unsafe fn asked(options: &SegmentOptions) -> Result<Asked, Failure> {
    let contours = switch(options.contours, "options.contours")?;
    Ok(Asked {
        options: derust_engine::filters::segment_rust::SegmentOptions {
            // SAFETY: the caller's promise.
            model: unsafe { selector(options.model) }?,
            threshold: threshold(options.threshold)?,
            scale: scale(options.scale)?,
            judge_anyway: switch(options.judge_anyway, "options.judge_anyway")?,
        },
        survey: if contours { Surveying::Contours } else { Surveying::Regions },
        // SAFETY: the caller's promise.
        info: unsafe { Place::new(options.info) }?,
    })
}

/// The model that the caller wants; the one that serves where it is NULL.
///
/// # Safety
/// `model` is NULL or a C string.
pub(crate) unsafe fn selector(model: *const c_char) -> Result<Option<Selector>, Failure> {
    // SAFETY: the caller's promise.
    let model = unsafe { text::optional(model, "options.model") }?;
    let parse = |text: String| text.parse::<Selector>();
    model.map(parse).transpose().map_err(|error| Failure::argument(format!("options.model: {error}")))
}

/// Whether something that is 0 or 1 is 1.
pub(crate) fn switch(value: u32, argument: &str) -> Result<bool, Failure> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Failure::argument(format!("{argument} is {other}; it is 0 or 1"))),
    }
}

pub(crate) fn scale(scale: i32) -> Result<Scale, Failure> {
    match scale {
        DERUST_SCALE_MODEL => Ok(Scale::Model),
        DERUST_SCALE_NATIVE => Ok(Scale::Native),
        other => {
            Err(Failure::argument(format!("options.scale is {other}, which is no DERUST_SCALE_ constant")))
        }
    }
}

/// A threshold, absent where the caller leaves it to the model.
pub(crate) fn threshold(threshold: f32) -> Result<Option<f32>, Failure> {
    if threshold == 0.0 {
        Ok(None)
    } else if threshold > 0.0 && threshold < 1.0 {
        Ok(Some(threshold))
    } else {
        Err(Failure::argument(format!(
            "options.threshold is {threshold}; it lies between 0 and 1, or is 0 for the default"
        )))
    }
}

impl Job {
    /// Checks that the images go together.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for output in self.outputs() {
            output.must_be_gray()?;
            output.must_have_size(self.image.size(), self.image.name())?;
            output.apart(&self.image)?;
            if let Some(mask) = self.image.region_mask() {
                output.apart(mask)?;
            }
        }
        match (&self.mask, &self.probability) {
            (Some(mask), Some(probability)) => probability.apart(mask),
            _ => Ok(()),
        }
    }

    pub(crate) fn outputs(&self) -> impl Iterator<Item = &Pixels> {
        self.mask.iter().chain(&self.probability)
    }

    /// Runs the network and writes what is wanted. The images have been checked, against all others in use too.
    pub(crate) fn run(
        &self,
        engine: &derust_engine::Engine,
        asked: &Asked,
        control: Control<'_>,
    ) -> Result<(Option<FoundRust>, Info), Failure> {
        let timings = Timings::begin();
        let control = control.measured(&timings);
        let lent = self.image.lend()?;
        let picture = lent.picture()?;
        let found = engine.segment(&picture, &asked.options, control.part(0.0, ANALYSING))?;
        // SAFETY: the outputs share nothing with the image or with one another: `check` and the caller of `run`.
        let mut lent_mask = self.mask.as_ref().map(|mask| unsafe { mask.lend_mut() }).transpose()?;
        let mut mask = lent_mask.as_mut().map(LentMut::picture).transpose()?;
        // SAFETY: as above.
        let mut lent_probability =
            self.probability.as_ref().map(|probability| unsafe { probability.lend_mut() }).transpose()?;
        let mut probability = lent_probability.as_mut().map(LentMut::picture).transpose()?;
        let outputs = Outputs {
            mask: mask.as_mut(),
            probability: probability.as_mut(),
            survey: if self.report { asked.survey } else { Surveying::None },
        };
        let survey = found.write(&picture, outputs, control.part(ANALYSING, 1.0))?;
        let report = survey.map(|survey| FoundRust::new(survey, &found));
        Ok((report, Info { caution: found.caution(), spent: timings.spent() }))
    }
}

/// Finds the rust in an image's region of interest.
///
/// `mask` gets white where there is rust and black elsewhere, `probability` how likely a pixel is rust, black for 0
/// and white for 1; both are gray, have the size of the image's region, and share no memory with the image or with
/// one another. `report` gets a report, freed with derust_report_free(). Each of the three may be NULL; with all of
/// them NULL the network runs, which warms it up.
///
/// Errors: DERUST_ERROR_MODEL, _RUNTIME, _IMAGE, _FORMAT, _OVERLAP, _MEMORY, _CANCELLED, _TIMEOUT, _UNJUDGEABLE, and those of every
/// call.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `options` is NULL (every default) or a struct that says its
/// size; the images are NULL or describe memory of the caller; `report` is NULL or where the handle goes; `error` is
/// NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_segment(
    engine: *mut Engine,
    image: *const Image,
    options: *const SegmentOptions,
    mask: *const Image,
    probability: *const Image,
    report: *mut *mut Report,
    error: *mut *mut Error,
) -> Status {
    let body = || {
        // SAFETY: the caller's promise.
        let slot = unsafe { Slot::optional(report) };
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        // SAFETY: the caller's promise.
        let options = unsafe { sized::read_or_default(options, "options") }?;
        // SAFETY: the caller's promise.
        let asked = unsafe { asked(&options) }?;
        let job = Job {
            // SAFETY: the caller's promise.
            image: unsafe { image::pixels(image, "image") }?,
            // SAFETY: the caller's promise.
            mask: unsafe { image::optional_pixels(mask, "mask") }?,
            // SAFETY: the caller's promise.
            probability: unsafe { image::optional_pixels(probability, "probability") }?,
            report: slot.is_some(),
        };
        job.check()?;
        let callback = Callback::new(options.progress, options.progress_user_data);
        // SAFETY: the caller's promise.
        let limits = unsafe { Limits::new(options.cancel, options.timeout_ms) };
        let (found, info) = watch::over(callback, limits, |watch| {
            watch.run(|control| job.run(&entered.engine, &asked, control))
        })?;
        // SAFETY: the caller's promise; there is one image.
        unsafe { asked.info.tell(0, info) }?;
        if let (Some(slot), Some(found)) = (slot, found) {
            slot.fill(found);
        }
        Ok(())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}
