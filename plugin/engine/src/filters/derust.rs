//! derust: picture -> picture without rust. Analysing runs the networks; composing from the analysis does not.

use std::borrow::Cow;
use std::sync::Arc;

use derust_manifest::{InputRole, Kind, OutputRole};
use ndarray::{Array2, Array3};

use super::{Scale, drawn_mask};
use crate::analysis::Network;
use crate::compose::{self, AlphaSource, Fill, GuidedPlane, MaskMode};
use crate::control::Control;
use crate::error::Error;
use crate::models::Selector;
use crate::pixels::{Picture, PictureMut};
use crate::texture::Texture;
use crate::{Engine, tensor};

/// Half the width of the edge, in probability, when a segment-rust model gives the alpha.
const SOFT_EDGE: f32 = 0.15;

/// How to analyse a picture for the removal of rust.
#[derive(Clone, Debug, Default)]
pub struct RemoveOptions {
    /// The derust model; the one that serves when absent.
    pub model: Option<Selector>,
    /// How the mask acts, if there is one.
    pub mask_mode: MaskMode,
    /// The scale at which the picture is analysed.
    pub scale: Scale,
    /// Whether the fill stays as the network made it. It gets texture from the clean parts of the picture otherwise.
    pub plain_fill: bool,
}

/// What is to be removed from a picture, and what takes its place.
#[derive(Clone, Debug)]
pub struct Removal {
    fill: Fill,
    /// Absent where the caller's mask is the alpha.
    alpha: Option<GuidedPlane>,
    /// Width and height of the picture's region.
    size: (u32, u32),
}

impl Engine {
    /// Analyses a picture's region for [`Removal::compose`].
    ///
    /// A `mask` has the size of the region; white (1) means: treat. In [`MaskMode::Limit`] the network finds rust
    /// by itself and the mask limits it when composing; in [`MaskMode::Replace`] the mask is the alpha, and a
    /// network with a mask input is told what it covers, soft edges included: grays blend the result and nothing else. The alpha of a network that has none comes from the serving segment-rust
    /// model, at the scale that this one knows, or from the mask where there is no such model.
    ///
    /// # Errors
    /// When no model serves, ONNX Runtime cannot be used, a network fails, the mask is missing or of another size,
    /// or the caller stops the call.
    pub fn analyse_removal(
        &self,
        picture: &Picture<'_>,
        mask: Option<&Picture<'_>>,
        options: &RemoveOptions,
        control: Control<'_>,
    ) -> Result<Removal, Error> {
        if let Some(mask) = mask {
            compose::same_size("mask", mask.size(), picture.size())?;
        }
        let replacing = options.mask_mode == MaskMode::Replace;
        if replacing && mask.is_none() {
            return Err(Error::Option(
                "a mask can replace what the network finds only when there is one".into(),
            ));
        }
        let network = self.network(Kind::Derust, options.model.as_ref())?;
        let manifest = &network.model.manifest;
        let (control, texturing) = (control.part(0.0, 0.9), control.part(0.9, 1.0));
        let has_alpha =
            [OutputRole::Alpha, OutputRole::Rgba].iter().any(|role| manifest.output(*role).is_some());
        let finder = if has_alpha || replacing { None } else { self.finder(mask.is_some())? };
        let (main, finding) = match finder {
            Some(_) => (control.part(0.0, 0.5), control.part(0.5, 1.0)),
            None => (control, control),
        };

        let layout = picture.layout();
        let whole_long_side = layout.width.max(layout.height);
        let working_size = |network: &Network| {
            let long_side = options.scale.long_side(&network.model.manifest);
            tensor::working_size(picture.size(), whole_long_side, long_side)
        };
        let working = working_size(&network);
        let finder = finder.map(|finder| (working_size(&finder), finder));
        let needed_to_find = finder.as_ref().map_or(0, |(size, finder)| finder.bytes_needed(*size));
        let needed_for_texture = if options.plain_fill { 0 } else { Texture::bytes_needed(working) };
        let needed = network.bytes_needed(working) + needed_to_find + needed_for_texture;
        let _share = self.share_memory(needed)?;
        let colours = tensor::colours(picture, working, main.part(0.0, 0.1))?;
        let takes_mask = replacing && manifest.input(InputRole::Mask).is_some();
        let coverage = match mask.filter(|_| takes_mask) {
            Some(mask) => Some(drawn_mask::treated(&tensor::coverage(mask, working, main.part(0.1, 0.1))?)),
            None => None,
        };
        let found = network.run(
            &self.runtime()?,
            self.session_options(),
            colours.view(),
            coverage.as_ref().map(|plane| plane.view()),
            main.part(0.1, 1.0),
        )?;
        let fill = found.fill.ok_or_else(|| Error::Answer {
            model: manifest.name.clone(),
            problem: "it gives no fill".into(),
        })?;
        let size = picture.size();
        let alpha = match finder {
            Some((finding_size, finder)) if finding_size != working => {
                let colours = tensor::colours(picture, finding_size, finding.part(0.0, 0.1))?;
                let alpha = self.alpha_from_segmentation(&finder, &colours, finding.part(0.1, 1.0))?;
                Some(GuidedPlane::new(alpha, colours.view(), size))
            }
            finder => {
                let alpha = match finder {
                    Some((_, finder)) => Some(self.alpha_from_segmentation(&finder, &colours, finding)?),
                    None => found.alpha.filter(|_| !replacing).map(compose::without_faint_traces),
                };
                let reduction = whole_long_side as f32 / working.0.max(working.1) as f32;
                alpha.map(|alpha| {
                    let alpha = compose::without_unseen_traces(alpha, &fill, &colours, reduction);
                    GuidedPlane::new(alpha, colours.view(), size)
                })
            }
        };
        let texture = if options.plain_fill {
            None
        } else {
            let filled = match (&alpha, coverage, mask) {
                (Some(alpha), ..) => Some(alpha.at(working)),
                (None, Some(coverage), _) => Some(Cow::Owned(coverage)),
                (None, None, Some(mask)) => {
                    Some(Cow::Owned(tensor::coverage(mask, working, texturing.part(0.0, 0.1))?))
                }
                (None, None, None) => None,
            };
            let find = |plane: Cow<'_, Array2<f32>>| {
                Texture::find(&colours, &fill, plane.view(), texturing.part(0.1, 1.0))
            };
            filled.map(find).transpose()?.flatten()
        };
        texturing.step(1, 1)?;
        Ok(Removal { fill: Fill::new(fill, &colours, size, texture), alpha, size })
    }

    /// The network that gives the alpha for one that has none; none if there is no such model and the mask can stand
    /// in.
    fn finder(&self, mask_can_stand_in: bool) -> Result<Option<Arc<Network>>, Error> {
        match self.network(Kind::SegmentRust, None) {
            Err(Error::NoModel { .. }) if mask_can_stand_in => Ok(None),
            network => network.map(Some),
        }
    }

    /// An alpha with a soft edge around the segment-rust model's threshold, [height, width], for a picture whose `colours`
    /// are at the scale that the model knows.
    fn alpha_from_segmentation(
        &self,
        network: &Network,
        colours: &Array3<f32>,
        control: Control<'_>,
    ) -> Result<Array2<f32>, Error> {
        let manifest = &network.model.manifest;
        let found = network.run(&self.runtime()?, self.session_options(), colours.view(), None, control)?;
        let soft = |probability: f32| {
            let t = ((probability - manifest.threshold) / (2.0 * SOFT_EDGE) + 0.5).clamp(0.0, 1.0);
            t * t * (3.0 - 2.0 * t)
        };
        let probability = found.probability.ok_or_else(|| Error::Answer {
            model: manifest.name.clone(),
            problem: "it gives no probability".into(),
        })?;
        Ok(compose::without_faint_traces(probability.mapv_into(soft)))
    }
}

impl Removal {
    /// Width and height of the picture's region.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The picture without rust, red first, sRGB-encoded, 0 to 1, at the scale at which the network worked:
    /// [3, height, width].
    pub fn fill(&self) -> &Array3<f32> {
        self.fill.colours()
    }

    /// What was found, 0 to 1, at the scale at which the network that found it worked: [height, width]; absent where
    /// the caller's mask is the alpha.
    pub fn alpha(&self) -> Option<&Array2<f32>> {
        self.alpha.as_ref().map(GuidedPlane::plane)
    }

    /// Replaces the rust in `target`, which holds the picture: result = picture + alpha x strength x (fill -
    /// picture). Where alpha or strength is zero, pixels stay bit for bit the same. Alpha's edges follow the
    /// picture's; where the network worked at a smaller scale, the picture's fine detail is laid over the fill.
    ///
    /// `strength` goes from 0 to 1. `mask` is the one that the analysis was made with, or another of its size.
    ///
    /// # Errors
    /// When sizes differ, the strength makes no sense, the mask is missing, or the caller stops the call (`target`
    /// is then done in part).
    pub fn compose(
        &self,
        mask: Option<&Picture<'_>>,
        strength: f32,
        target: &mut PictureMut<'_>,
        control: Control<'_>,
    ) -> Result<(), Error> {
        compose::same_size("target", target.size(), self.size)?;
        if !(0.0..=1.0).contains(&strength) {
            return Err(Error::Option(format!(
                "a strength of {strength} makes no sense; it goes from 0 to 1"
            )));
        }
        let alpha = match (&self.alpha, mask) {
            (Some(alpha), None) => AlphaSource::Found(alpha),
            (Some(alpha), Some(mask)) => AlphaSource::Limited(alpha, mask),
            (None, Some(mask)) => AlphaSource::Mask(mask),
            (None, None) => {
                return Err(Error::Option("the mask of the analysis is needed to compose from it".into()));
            }
        };
        compose::removal(&self.fill, &alpha, strength, target, control)
    }
}
