//! segment-rust: from a layer to a mask of its rust.

use std::sync::Arc;

use derust_client::{Analysis, ComposeOptions, Progress, SegmentOptions};

use super::work::part;
use super::{ANALYSED, Made, Output, Settings, Work};
use crate::pixels::{Picture, Plane};
use crate::text::Problem;

/// Makes the mask, says how much rust there is, and colours the picture if that is asked for.
///
/// # Errors
/// See [`make`](super::make).
pub fn make(work: &mut Work, settings: &Settings, progress: Progress<'_>) -> Result<Made, Problem> {
    let source = work.source(settings).clone();
    let picture = &*source.picture;
    let model = settings.model.as_deref();
    let rust = work.rust(model, settings, &mut part(progress, 0.0, ANALYSED))?;
    let threshold = settings.threshold;
    let caution = rust.info().caution;
    let mut mask = mask(rust, picture, threshold, &mut part(progress, ANALYSED, 0.9))?;
    mask.soften(settings.edge_softness);
    let asked = SegmentOptions { threshold, ..SegmentOptions::default() };
    let summary = *rust.report(&picture.image(), asked)?.summary();
    let coloured = if settings.output == Output::NewLayer {
        let mut coloured = picture.empty_like()?;
        let progress: Progress<'_> = &mut part(progress, 0.9, 1.0);
        let options = ComposeOptions { threshold, progress: Some(progress), ..ComposeOptions::default() };
        rust.overlay(&picture.image(), &mut coloured.image_mut(), options)?;
        Some(Arc::new(coloured))
    } else {
        None
    };
    Ok(Made { source, picture: coloured, mask: Some(Arc::new(mask)), summary: Some(summary), caution })
}

/// White where rust is at least as probable as `threshold`, black elsewhere.
///
/// # Errors
/// When memory is short or `progress` says that it is enough.
pub fn mask(
    rust: &Analysis,
    picture: &Picture,
    threshold: Option<f32>,
    progress: Progress<'_>,
) -> Result<Plane, Problem> {
    let mut plane = Plane::black(picture.width, picture.height);
    let options = ComposeOptions { threshold, progress: Some(progress), ..ComposeOptions::default() };
    rust.mask(&picture.image(), &mut plane.image_mut(), options)?;
    Ok(plane)
}
