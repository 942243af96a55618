//! The runs of a network over the tiles of a picture.

use derust_manifest::{Input, Output};
use ndarray::{Array3, Array4, ArrayD, ArrayView3, ArrayView4, Axis, Slice, concatenate};

use super::decode::{decode, decoded_channels};
use super::feed::feed;
use super::fit::Size;
use super::tiles::TileAt;
use super::views::View;
use crate::control::Control;
use crate::error::Error;
use crate::models::Model;
use crate::runtime::Session;

/// A picture that a network is to look at.
pub(super) struct Subject<'a> {
    pub(super) model: &'a Model,
    /// [3, height, width]
    pub(super) colours: ArrayView3<'a, f32>,
    /// [1, height, width]
    pub(super) mask: Option<ArrayView3<'a, f32>>,
    pub(super) views: &'static [View],
}

impl Subject<'_> {
    /// Runs a session over all tiles of all views; answers with the planes of every output, [channels, height, width],
    /// the mean over the views. `done` says which part is done, 0 to 1, also after a failure.
    pub(super) fn run(
        &self,
        session: &mut Session,
        size: &Size,
        control: Control<'_>,
        done: &mut f32,
    ) -> Result<Vec<Array3<f32>>, Error> {
        let (_, height, width) = self.colours.dim();
        let outputs = &self.model.manifest.outputs;
        let mut planes: Vec<Array3<f32>> =
            outputs.iter().map(|output| Array3::zeros((decoded_channels(output), height, width))).collect();
        let tiles: Vec<TileAt<'_>> = size.plan.tiles().collect();
        let (passes, mut passed) = (tiles.len() * self.views.len(), 0);
        for view in self.views {
            for group in tiles.chunks(size.at_once) {
                control.step(passed, passes)?;
                self.pass(session, *view, group, &mut planes, &control)?;
                passed += group.len();
                *done = passed as f32 / passes as f32;
            }
        }
        if self.views.len() > 1 {
            planes.iter_mut().for_each(|plane| *plane *= 1.0 / self.views.len() as f32);
        }
        control.step(passes, passes)?;
        Ok(planes)
    }

    /// Runs a session once over some tiles of a view and adds what it answers to the planes of every output.
    fn pass(
        &self,
        session: &mut Session,
        view: View,
        group: &[TileAt<'_>],
        planes: &mut [Array3<f32>],
        control: &Control<'_>,
    ) -> Result<(), Error> {
        let manifest = &self.model.manifest;
        let pictures: Vec<Array3<f32>> = group.iter().map(|tile| tile.cut(view.of(self.colours))).collect();
        let masks: Vec<Option<Array3<f32>>> =
            group.iter().map(|tile| self.mask.map(|mask| tile.cut(view.of(mask)))).collect();
        let fed: Vec<(&str, Array4<f32>)> = manifest
            .inputs
            .iter()
            .map(|input| (input.name.as_str(), feed_all(input, &pictures, &masks)))
            .collect();
        let views: Vec<_> = fed.iter().map(|(name, array)| (*name, array.view().into_dyn())).collect();
        let mut answers = session.run_under(control, &views)?;
        for (output, plane) in manifest.outputs.iter().zip(planes) {
            let broken = |problem| Error::Answer { model: manifest.name.clone(), problem };
            let answer = answers
                .remove(&output.name)
                .ok_or_else(|| broken(format!("the output `{}` did not come", output.name)))?;
            let answers = split(output, answer, group.len()).map_err(broken)?;
            for ((tile, answer), picture) in group.iter().zip(answers).zip(&pictures) {
                let decoded = decode(output, answer, picture).map_err(broken)?;
                tile.add(decoded.view(), view.of(plane.view_mut()));
            }
        }
        Ok(())
    }
}

/// The tensor for an input, with one tile after the other along its first dimension.
fn feed_all(input: &Input, pictures: &[Array3<f32>], masks: &[Option<Array3<f32>>]) -> Array4<f32> {
    let mut fed: Vec<Array4<f32>> =
        pictures.iter().zip(masks).map(|(picture, mask)| feed(input, picture, mask.as_ref())).collect();
    if fed.len() == 1 {
        return fed.remove(0);
    }
    let views: Vec<ArrayView4<'_, f32>> = fed.iter().map(|fed| fed.view()).collect();
    concatenate(Axis(0), &views).expect("tiles have one size")
}

/// The answer for each of so many tiles, each with a first dimension of one.
fn split(output: &Output, answer: ArrayD<f32>, tiles: usize) -> Result<Vec<ArrayD<f32>>, String> {
    if tiles == 1 {
        return Ok(vec![answer]);
    }
    if answer.shape().first() != Some(&tiles) {
        return Err(format!(
            "the output `{}` has the shape {:?} for {tiles} tiles at once",
            output.name,
            answer.shape()
        ));
    }
    Ok((0..tiles).map(|i| answer.slice_axis(Axis(0), Slice::from(i..i + 1)).to_owned()).collect())
}
