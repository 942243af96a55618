//! derust: from a layer to a layer without rust.

use std::sync::{Arc, OnceLock};

use derust_client::{ComposeOptions, Progress};

use super::work::{begin, part};
use super::{ANALYSED, Canvas, Made, Output, Settings, Work, segment};
use crate::pixels::Plane;
use crate::text::Problem;

/// Makes the picture without rust, and the mask for it if one is asked for.
///
/// # Errors
/// See [`make`](super::make).
pub fn make(
    work: &mut Work,
    settings: &Settings,
    canvas: &OnceLock<Canvas>,
    progress: Progress<'_>,
) -> Result<Made, Problem> {
    let source = work.source(settings).clone();
    let picture = &*source.picture;
    let masked = settings.output == Output::LayerMask;
    let limited = masked || settings.threshold.is_some();
    work.removal(settings, &mut part(progress, 0.0, if limited { 0.45 } else { ANALYSED }))?;
    let limit = if limited {
        let rust = work.rust(None, settings, &mut part(progress, 0.45, ANALYSED - 0.05))?;
        let progress = &mut part(progress, ANALYSED - 0.05, ANALYSED);
        let mut mask = segment::mask(rust, picture, settings.threshold, progress)?;
        mask.soften(settings.edge_softness);
        Some(mask)
    } else {
        None
    };
    let removal = work.removal(settings, progress)?;
    let caution = removal.info().caution;
    // Behind a layer mask the whole result is kept, so that the mask can be painted on.
    let limit_now = limit.as_ref().filter(|_| !masked);
    let canvas = begin(canvas, Canvas::like(picture)?);
    let options = ComposeOptions {
        strength: settings.strength,
        mask: limit_now.map(Plane::image),
        progress: Some(&mut part(progress, ANALYSED, 1.0)),
        ..ComposeOptions::default()
    };
    removal.compose_onto(&picture.image(), canvas.target(), options)?;
    let mask = limit.filter(|_| masked).map(Arc::new);
    Ok(Made { source, picture: None, mask, summary: None, caution })
}
