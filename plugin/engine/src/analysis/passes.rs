//! The runs of a network over the tiles of a picture.

use derust_manifest::{Input, Output, OutputRole};
use ndarray::{Array3, Array4, ArrayD, ArrayView3, Axis, Slice};

use super::decode::{Refusal, decode, decoded_channels};
use super::feed::feed;
use super::fit::Size;
use super::tiles::TileAt;
use super::views::View;
use super::{detections, letterbox};
use crate::control::{Control, Stopped};
use crate::error::Error;
use crate::models::Model;
use crate::room;
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
        let mut planes: Vec<Array3<f32>> = room::try_collect(
            outputs.iter().map(|output| room::filled((decoded_channels(output), height, width), 0.0)),
        )?;
        let tiles: Vec<TileAt<'_>> = room::collect(size.plan.tiles())?;
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
        let border = letterbox(self.model);
        let pictures: Vec<Array3<f32>> =
            room::try_collect(group.iter().map(|tile| tile.cut(view.of(self.colours), border)))?;
        let masks: Vec<Option<Array3<f32>>> = room::try_collect(
            group
                .iter()
                .map(|tile| self.mask.map(|mask| tile.cut(view.of(mask), border.map(|_| 0.0))).transpose()),
        )?;
        let fed: Vec<(&str, Array4<f32>)> = manifest
            .inputs
            .iter()
            .map(|input| Ok((input.name.as_str(), feed_all(input, &pictures, &masks)?)))
            .collect::<Result<_, Stopped>>()?;
        let views: Vec<_> = fed.iter().map(|(name, array)| (*name, array.view().into_dyn())).collect();
        let mut answers = session.run_under(control, &views)?;
        let unusable = |refusal| match refusal {
            Refusal::Broken(problem) => Error::Answer { model: manifest.name.clone(), problem },
            Refusal::Stopped(stopped) => stopped.into(),
        };
        let mut of_tiles = |output: &Output| {
            let answer = answers.remove(&output.name);
            let answer = answer.ok_or_else(|| format!("the output `{}` did not come", output.name))?;
            split(output, answer, group.len())
        };
        for (output, plane) in manifest.outputs.iter().zip(planes) {
            // They are part of the answer in `boxes`.
            if output.role == OutputRole::Prototypes {
                continue;
            }
            let answers = of_tiles(output).map_err(unusable)?;
            let beside = manifest.output(OutputRole::Prototypes).filter(|_| output.role == OutputRole::Boxes);
            let mut prototypes = beside.map(&mut of_tiles).transpose().map_err(unusable)?.map(Vec::into_iter);
            for ((tile, answer), picture) in group.iter().zip(answers).zip(&pictures) {
                let prototypes = beside.zip(prototypes.as_mut().and_then(Iterator::next));
                let decoded = match prototypes {
                    Some(prototypes) => detections::decode(output, answer, prototypes, picture),
                    None => decode(output, answer, picture),
                };
                tile.add(decoded.map_err(unusable)?.view(), view.of(plane.view_mut()))?;
            }
        }
        Ok(())
    }
}

/// The tensor for an input, with one tile after the other along its first dimension.
fn feed_all(
    input: &Input,
    pictures: &[Array3<f32>],
    masks: &[Option<Array3<f32>>],
) -> Result<Array4<f32>, Stopped> {
    let one = |(picture, mask): (&Array3<f32>, &Option<Array3<f32>>)| feed(input, picture, mask.as_ref());
    let mut fed: Vec<Array4<f32>> = room::try_collect(pictures.iter().zip(masks).map(one))?;
    if fed.len() == 1 {
        return Ok(fed.remove(0));
    }
    let (_, height, width, channels) = fed[0].dim();
    let mut all = room::filled((fed.len(), height, width, channels), 0.0)?;
    all.outer_iter_mut().zip(&fed).for_each(|(mut one, fed)| one.assign(&fed.index_axis(Axis(0), 0)));
    Ok(all)
}

/// The answer for each of so many tiles, each with a first dimension of one.
fn split(output: &Output, answer: ArrayD<f32>, tiles: usize) -> Result<Vec<ArrayD<f32>>, Refusal> {
    if tiles == 1 {
        return Ok(vec![answer]);
    }
    if answer.shape().first() != Some(&tiles) {
        return Err(format!(
            "the output `{}` has the shape {:?} for {tiles} tiles at once",
            output.name,
            answer.shape()
        )
        .into());
    }
    Ok(room::try_collect((0..tiles).map(|i| room::copy(answer.slice_axis(Axis(0), Slice::from(i..i + 1)))))?)
}
