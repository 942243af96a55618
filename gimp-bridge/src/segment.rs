//! segment-rust: from a layer to a mask of its rust.

use std::sync::{Arc, OnceLock};

use crate::engine::{Canvas, Progress};
use crate::problem::Problem;
use crate::settings::{Output, Settings};
use crate::work::{ANALYSED, Made, Work, begin, part};

/// Makes the mask, says how much rust there is, and colours the picture if that is asked for.
///
/// # Errors
/// See [`Work::make`].
pub fn make(
    work: &mut Work,
    settings: &Settings,
    canvas: &OnceLock<Canvas>,
    progress: Progress<'_>,
) -> Result<Made, Problem> {
    let source = work.source(settings).clone();
    let picture = &*source.picture;
    let model = settings.model.as_deref();
    let rust = work.rust(model, settings, &mut part(progress, 0.0, ANALYSED))?;
    let mut mask = rust.mask(picture, settings.threshold, &mut part(progress, ANALYSED, 0.9))?;
    mask.soften(settings.edge_softness);
    let summary = rust.summary(picture, settings.threshold)?;
    if settings.output == Output::NewLayer {
        let canvas = begin(canvas, Canvas::like(picture)?);
        rust.overlay(picture, settings.threshold, canvas, &mut part(progress, 0.9, 1.0))?;
    }
    Ok(Made { source, picture: None, mask: Some(Arc::new(mask)), summary: Some(summary) })
}
