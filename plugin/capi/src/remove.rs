//! Removing rust.

use derust_engine::{Control, MaskMode, Timings};
use derust_interface::*;

use crate::failure::Failure;
use crate::guard;
use crate::image::{self, Lent, Pixels};
use crate::info::{Info, Place};
use crate::look::Look;
use crate::segment::{ANALYSING, scale, selector, switch};
use crate::watch::{self, Callback, Limits};
use crate::{engine, sized};

/// The caller's options, checked.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) options: derust_engine::filters::derust::RemoveOptions,
    pub(crate) mask: Option<Pixels>,
    pub(crate) look: Look,
    pub(crate) info: Place,
}

/// A picture and where the one without rust goes.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) image: Pixels,
    pub(crate) output: Pixels,
}

/// # Safety
/// The texts end with a zero byte, the mask describes memory of the caller, and `info` is NULL or structs that say their
/// size.
pub(crate) unsafe fn asked(options: &RemoveOptions) -> Result<Asked, Failure> {
    let mask_mode = match options.mask_mode {
        DERUST_MASK_LIMIT => MaskMode::Limit,
        DERUST_MASK_REPLACE => MaskMode::Replace,
        other => {
            let text = format!("options.mask_mode is {other}, which is no DERUST_MASK_ constant");
            return Err(Failure::argument(text));
        }
    };
    let plain_fill = switch(options.plain_fill, "options.plain_fill")?;
    // SAFETY: the caller's promise.
    let mask = unsafe { image::optional_pixels(options.mask, "options.mask") }?;
    if mask_mode == MaskMode::Replace && mask.is_none() {
        return Err(Failure::argument(
            "options.mask is NULL, but options.mask_mode is DERUST_MASK_REPLACE, which needs a mask",
        ));
    }
    if let Some(mask) = &mask {
        mask.must_be_gray()?;
    }
    Ok(Asked {
        options: derust_engine::filters::derust::RemoveOptions {
            // SAFETY: the caller's promise.
            model: unsafe { selector(options.model) }?,
            mask_mode,
            scale: scale(options.scale)?,
            plain_fill,
            judge_anyway: switch(options.judge_anyway, "options.judge_anyway")?,
        },
        mask,
        look: Look::new(
            (options.strength, options.shape),
            options.colour_source,
            options.colour,
            (options.colour_x, options.colour_y),
        )?,
        // SAFETY: the caller's promise.
        info: unsafe { Place::new(options.info) }?,
    })
}

impl Job {
    /// Checks that the images go together.
    pub(crate) fn check(&self, mask: Option<&Pixels>) -> Result<(), Failure> {
        self.output.must_be_like(&self.image)?;
        self.output.same_or_apart(&self.image)?;
        if let Some(mask) = self.image.region_mask() {
            self.output.apart(mask)?;
        }
        if let Some(mask) = mask {
            mask.must_have_size(self.image.size(), self.image.name())?;
            self.output.apart(mask)?;
        }
        Ok(())
    }

    /// Runs the network and writes the result. The images have been checked, against all others in use too.
    pub(crate) fn run(
        &self,
        engine: &derust_engine::Engine,
        asked: &Asked,
        control: Control<'_>,
    ) -> Result<Info, Failure> {
        let timings = Timings::begin();
        let control = control.measured(&timings);
        let lent_mask = asked.mask.as_ref().map(Pixels::lend).transpose()?;
        let mask = lent_mask.as_ref().map(Lent::picture).transpose()?;
        let look = asked.look.of(&self.image)?;
        let removal = {
            let lent = self.image.lend()?;
            let picture = lent.picture()?;
            engine.analyse_removal(&picture, mask.as_ref(), &asked.options, control.part(0.0, ANALYSING))?
        };
        let compose = control.part(ANALYSING, 1.0);
        self.compose(|target| Ok(removal.compose(mask.as_ref(), &look, target, compose)?))?;
        Ok(Info { caution: removal.caution(), spent: timings.spent() })
    }

    /// Makes the output hold the image, and composes on it.
    pub(crate) fn compose(
        &self,
        compose: impl FnOnce(&mut derust_engine::pixels::PictureMut<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let in_place = self.output.is(&self.image);
        // SAFETY: nobody reads these bytes meanwhile: where the output is the image itself, the image's own view is
        // not used any more, and else they share nothing with any other image (`check` and the caller of `run`).
        let mut lent = unsafe { self.output.lend_mut_as(&self.image) }?;
        let mut target = lent.picture()?;
        if !in_place {
            self.image.copy_to(&mut target)?;
        }
        compose(&mut target)
    }
}

/// Removes the rust in an image's region of interest.
///
/// `output` has the size and format of the image's region and gets the picture without rust; its pixels outside of its
/// own region stay as they are. A camera's frame gives colours in any order, with as many bits, and is never the output itself.
/// Any other image may be the output itself, described exactly alike, and else shares no memory with
/// it. Where nothing is removed, pixels are bit for bit those of the image.
///
/// Errors: DERUST_ERROR_MODEL, _RUNTIME, _IMAGE, _FORMAT, _OVERLAP, _MEMORY, _CANCELLED, _TIMEOUT, _UNJUDGEABLE, and those of every
/// call.
///
/// # Safety
/// `engine` is NULL or an engine that was not freed; `options` is NULL (every default) or a struct that says its
/// size; the images are NULL or describe memory of the caller; `error` is NULL or where an error goes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_remove(
    engine: *mut Engine,
    image: *const Image,
    options: *const RemoveOptions,
    output: *const Image,
    error: *mut *mut Error,
) -> Status {
    let body = || {
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
            output: unsafe { image::pixels(output, "output") }?,
        };
        job.check(asked.mask.as_ref())?;
        let callback = Callback::new(options.progress, options.progress_user_data);
        // SAFETY: the caller's promise.
        let limits = unsafe { Limits::new(options.cancel, options.timeout_ms) };
        let info = watch::over(callback, limits, |watch| {
            watch.run(|control| job.run(&entered.engine, &asked, control))
        })?;
        // SAFETY: the caller's promise; there is one image.
        unsafe { asked.info.tell(0, info) }
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, body) }
}
