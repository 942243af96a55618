//! Where a result goes: into the layer, a new layer, a layer mask, the selection, a channel.
//!
//! The image is touched last, in one step of its undo history: whoever stops a filter before finds the image as it was.

use super::{Canvas, Filter, Made, Output};
use crate::gimp::{Buffer, Generation, Gimp, Visible};
use crate::pixels::{Picture, Plane, Rectangle};
use crate::text::{Problem, tr};

/// Says why an output is not possible for a drawable, before work is done for it.
///
/// # Errors
/// Always, if it is not possible.
pub fn check<G: Generation>(
    gimp: &Gimp<G>,
    filter: Filter,
    drawable: G::Handle,
    output: Output,
) -> Result<(), Problem> {
    let problem = |text: String| Err(Problem::new(text));
    let takes_pixels = matches!(output, Output::ThisLayer | Output::NewLayer)
        || (filter == Filter::Derust && output == Output::LayerMask);
    let changes_layer =
        output == Output::ThisLayer || (filter == Filter::SegmentRust && output == Output::LayerMask);
    if output != Output::ThisLayer && !gimp.is_layer(drawable) {
        return problem(tr(
            "A mask or a channel can only be changed itself: choose a layer, or the output “this layer”.",
        ));
    }
    if takes_pixels && gimp.is_group(drawable) {
        return problem(tr(
            "A layer group has no pixels of its own: choose a layer in it, or merge the group first.",
        ));
    }
    if changes_layer && gimp.is_locked(drawable) {
        return problem(tr("The layer is locked: unlock its pixels, or choose another output."));
    }
    let needs_free_mask = output == Output::LayerMask;
    if needs_free_mask && gimp.has_mask(drawable) {
        return problem(tr(
            "The layer has a layer mask already: apply or delete it, or choose another output.",
        ));
    }
    Ok(())
}

/// What a result is for.
pub struct Target<'a, G: Generation> {
    /// The image.
    pub image: G::Handle,
    /// The layer.
    pub drawable: G::Handle,
    /// What was looked at instead, if filters on the layer count as part of it.
    pub visible: Option<&'a Visible<'a, G>>,
}

impl<G: Generation> Target<'_, G> {
    /// The layer that was looked at.
    fn shown(&self) -> G::Handle {
        self.visible.map_or(self.drawable, |visible| visible.layer)
    }
}

/// The shadow buffer of a layer, to which GIMP gets the rows of the result while others are still being composed.
pub struct Stream<'a, G: Generation> {
    shadow: Buffer<'a, G>,
    /// What has not been sent yet.
    rest: Rectangle,
}

/// A stream, if the result replaces pixels of the layer that are stored as they are worked on.
///
/// # Errors
/// When GIMP refuses.
pub fn stream<'a, G: Generation>(
    gimp: &'a Gimp<G>,
    target: &Target<'_, G>,
    output: Output,
    area: Rectangle,
) -> Result<Option<Stream<'a, G>>, Problem> {
    let fits = output == Output::ThisLayer && target.visible.is_none();
    if !fits || !gimp.encoding(target.drawable)?.is_exact() {
        return Ok(None);
    }
    Ok(Some(Stream { shadow: gimp.shadow(target.drawable)?, rest: area }))
}

impl<G: Generation> Stream<'_, G> {
    /// Sends the next rows if they are finished; says whether they were.
    pub fn send(&mut self, gimp: &Gimp<G>, canvas: &Canvas) -> bool {
        let Some((band, rest)) = self.rest.split_band() else { return false };
        if (band.y + band.height as i32) as u32 > canvas.finished() {
            return false;
        }
        gimp.write_rows(&self.shadow, canvas.format(), canvas.rows(), band);
        self.rest = rest;
        true
    }
}

/// Puts a result where it belongs; a stream has sent it there already.
///
/// # Errors
/// When GIMP refuses; the image is then as it was, or one undo takes it back there.
pub fn put<G: Generation>(
    gimp: &Gimp<G>,
    filter: Filter,
    target: &Target<'_, G>,
    output: Output,
    made: &Made,
    stream: Option<Stream<'_, G>>,
) -> Result<(), Problem> {
    let source = &made.source;
    let mask = || -> Result<Plane, Problem> {
        let mut mask = made.mask.as_deref().ok_or_else(nothing)?.clone();
        if let Some(selection) = &source.selection {
            mask.limit(selection);
        }
        Ok(mask)
    };
    let name = tr(filter.procedure().title);
    match (filter, output) {
        (_, Output::ThisLayer) if target.visible.is_some() => gimp.one_undo_step(target.image, || {
            gimp.merge_filters(target.drawable)?;
            fill_shadow(gimp, target.drawable, made)?;
            merge(gimp, target.drawable, source.area)
        }),
        (_, Output::ThisLayer) => {
            match stream {
                // Its buffer has to be gone before the merge.
                Some(stream) => drop(stream),
                None => fill_shadow(gimp, target.drawable, made)?,
            }
            gimp.one_undo_step(target.image, || merge(gimp, target.drawable, source.area))
        }
        (_, Output::NewLayer) => {
            let layer = gimp.copy_of(target.shown(), target.image, &name)?;
            fill_shadow(gimp, layer, made)?;
            gimp.one_undo_step(target.image, || {
                gimp.insert_layer_over(target.image, layer, target.drawable)?;
                merge(gimp, layer, source.area)
            })
        }
        (Filter::Derust, Output::LayerMask) => {
            let (mask, layer) = (mask()?, gimp.copy_of(target.shown(), target.image, &name)?);
            {
                let (before, buffer) = (gimp.buffer(target.shown())?, gimp.buffer(layer)?);
                let picture = &source.picture;
                let whole = Rectangle { x: 0, y: 0, width: picture.width, height: picture.height };
                gimp.write_result(layer, (&before, &buffer), (picture, changed(made)?), whole)?;
            }
            let of_layer = gimp.create_mask(layer)?;
            gimp.write_plane(of_layer, &mask, (0, 0))?;
            gimp.one_undo_step(target.image, || {
                gimp.insert_layer_over(target.image, layer, target.drawable)?;
                gimp.add_mask(layer, of_layer)
            })
        }
        (Filter::SegmentRust, Output::LayerMask) => {
            let (mask, of_layer) = (mask()?, gimp.create_mask(target.drawable)?);
            gimp.write_plane(of_layer, &mask, source.origin)?;
            gimp.one_undo_step(target.image, || gimp.add_mask(target.drawable, of_layer))
        }
        (_, Output::Selection | Output::Channel) => {
            let (mask, channel) = (mask()?, gimp.new_channel(target.image, &tr("Rust"))?);
            gimp.write_plane(channel, &mask, gimp.offsets(target.shown()))?;
            gimp.one_undo_step(target.image, || {
                gimp.insert_channel(target.image, channel)?;
                if output == Output::Selection {
                    let selected = gimp.select(target.image, channel);
                    gimp.remove_channel(target.image, channel);
                    selected?;
                }
                Ok(())
            })
        }
    }
}

fn nothing() -> Problem {
    Problem::new("nothing was made")
}

fn changed(made: &Made) -> Result<&Picture, Problem> {
    made.picture.as_deref().ok_or_else(nothing)
}

/// Prepares what [`merge`] makes visible; nothing of it shows before. The layer has the pixels that the result was made of.
fn fill_shadow<G: Generation>(gimp: &Gimp<G>, layer: G::Handle, made: &Made) -> Result<(), Problem> {
    // Both buffers have to be gone, and with them all pixels in GIMP's process, before the merge.
    let (before, shadow) = (gimp.buffer(layer)?, gimp.shadow(layer)?);
    let source = &made.source;
    gimp.write_result(layer, (&before, &shadow), (&source.picture, changed(made)?), source.area)
}

fn merge<G: Generation>(gimp: &Gimp<G>, layer: G::Handle, area: Rectangle) -> Result<(), Problem> {
    gimp.merge_shadow(layer)?;
    gimp.changed(layer, area);
    Ok(())
}
