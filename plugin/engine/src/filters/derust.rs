//! derust: picture -> picture without rust. Analysing runs the networks; composing from the analysis does not.

use std::borrow::Cow;
use std::sync::Arc;

use derust_manifest::{InputRole, Kind, OutputRole};
use ndarray::{Array2, Array3};

use super::{Scale, Served, drawn_mask, require_judgement};
use crate::analysis::Network;
pub use crate::compose::Look;
use crate::compose::{self, AlphaSource, Fill, GuidedPlane, MaskMode, Texture};
use crate::control::{Control, Stopped};
use crate::error::Error;
use crate::judgement::Caution;
use crate::models::Selector;
use crate::pixels::{Picture, PictureMut};
use crate::resample::{self, gaps, window_max};
use crate::room;
use crate::serving::Serving;

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
    /// Whether rust is looked for in a picture that cannot be judged all the same.
    pub judge_anyway: bool,
}

/// What is to be removed from a picture, and what takes its place.
#[derive(Clone, Debug)]
pub struct Removal {
    fill: Fill,
    /// Absent where the caller's mask is the alpha.
    alpha: Option<GuidedPlane>,
    /// Width and height of the picture's region.
    size: (u32, u32),
    caution: Option<Caution>,
    served: Served,
}

impl RemoveOptions {
    fn check(&self, picture: &Picture<'_>, mask: Option<&Picture<'_>>) -> Result<(), Error> {
        if let Some(mask) = mask {
            compose::same_size("mask", mask.size(), picture.size())?;
        }
        if self.mask_mode == MaskMode::Replace && mask.is_none() {
            return Err(Error::Option(
                "a mask can replace what the network finds only when there is one".into(),
            ));
        }
        Ok(())
    }
}

/// The parts of an analysis, which [`crate::Engine::analyse_removal`] puts together.
pub(crate) struct Cleaning<'a> {
    serving: &'a Serving,
    picture: &'a Picture<'a>,
    mask: Option<&'a Picture<'a>>,
    /// Whether the mask stands in for what the network finds.
    replacing: bool,
    plain_fill: bool,
    /// Whether the picture need not be one that can be judged.
    judge_anyway: bool,
    /// What gives the fill.
    pub(crate) network: Arc<Network>,
    /// Width and height at which it works.
    working: (u32, u32),
    /// What gives the alpha where the network has none, and the width and height at which it works.
    finder: Option<((u32, u32), Arc<Network>)>,
    /// The steps of the work.
    reducing: Control<'a>,
    finding: Control<'a>,
    pub(crate) main: Control<'a>,
    texturing: Control<'a>,
}

/// What a segment-rust model found, for a network that does not find rust by itself.
pub(crate) struct Sought {
    /// [height, width]
    alpha: Array2<f32>,
    /// The picture at the scale at which it looked, where that is another than the network's.
    colours: Option<Array3<f32>>,
}

impl<'a> Cleaning<'a> {
    /// Chooses the networks and the scales at which they work.
    pub(crate) fn new(
        serving: &'a Serving,
        picture: &'a Picture<'a>,
        mask: Option<&'a Picture<'a>>,
        options: &RemoveOptions,
        control: Control<'a>,
    ) -> Result<Self, Error> {
        options.check(picture, mask)?;
        let replacing = options.mask_mode == MaskMode::Replace;
        let network = serving.network(Kind::Derust, options.model.as_ref(), &control)?;
        let (control, texturing) = (control.part(0.0, 0.9), control.part(0.9, 1.0));
        let finder =
            if has_alpha(&network) || replacing { None } else { finder(serving, mask.is_some(), &control)? };
        let (reducing, rest) = (control.part(0.0, 0.1), control.part(0.1, 1.0));
        let (finding, main) = match finder {
            Some(_) => (rest.part(0.0, 0.5), rest.part(0.5, 1.0)),
            None => (rest, rest),
        };
        let working_size = |network: &Network| options.scale.working_size(picture, &network.model.manifest);
        let working = working_size(&network);
        let finder = finder.map(|finder| (working_size(&finder), finder));
        let plain_fill = options.plain_fill;
        Ok(Cleaning {
            serving,
            picture,
            mask,
            replacing,
            plain_fill,
            judge_anyway: replacing || options.judge_anyway,
            network,
            working,
            finder,
            reducing,
            finding,
            main,
            texturing,
        })
    }

    /// About how many bytes the whole analysis holds.
    pub(crate) fn bytes_needed(&self) -> u64 {
        let needed_to_find = self.finder.as_ref().map_or(0, |(size, finder)| finder.bytes_needed(*size));
        let needed_for_texture = if self.plain_fill { 0 } else { Texture::bytes_needed(self.working) };
        self.network.bytes_needed(self.working) + needed_to_find + needed_for_texture
    }

    /// The picture at the working scale, [3, height, width].
    pub(crate) fn colours(&self) -> Result<Array3<f32>, Stopped> {
        resample::colours(self.picture, self.working, self.reducing)
    }

    /// Whether what is found in the picture's `colours` means anything; a mask that replaces it needs no judgement.
    pub(crate) fn judge(&self, colours: &Array3<f32>) -> Result<Option<Caution>, Error> {
        let done = self.reducing.part(1.0, 1.0);
        let caution = require_judgement(self.picture, colours, self.judge_anyway, done)?;
        Ok(caution.filter(|_| !self.replacing))
    }

    /// Looks for rust in the picture's `colours` with another network, where the one that fills does not.
    pub(crate) fn seek(&self, colours: &Array3<f32>) -> Result<Option<Sought>, Error> {
        let Some((size, finder)) = &self.finder else { return Ok(None) };
        if *size == self.working {
            let alpha = alpha_from_segmentation(self.serving, finder, colours, self.finding)?;
            return Ok(Some(Sought { alpha, colours: None }));
        }
        let own = resample::colours(self.picture, *size, self.finding.part(0.0, 0.1))?;
        let alpha = alpha_from_segmentation(self.serving, finder, &own, self.finding.part(0.1, 1.0))?;
        Ok(Some(Sought { alpha, colours: Some(own) }))
    }

    /// What the network is told to treat, [height, width] at the working scale, if it is told anything: the mask that
    /// replaces what is found, or what was `sought`, since a network without an alpha cannot find it.
    pub(crate) fn coverage(&self, sought: Option<&Sought>) -> Result<Option<Array2<f32>>, Stopped> {
        let Some(input) = self.network.model.manifest.input(InputRole::Mask) else { return Ok(None) };
        let coverage = match (sought, self.mask) {
            (Some(sought), _) => {
                let plane = room::copy(sought.alpha.view())?;
                let size = (plane.dim().1 as u32, plane.dim().0 as u32);
                // Of one scale with itself, it needs no guide.
                let guide = room::filled((3, 1, 1), 0.0)?;
                GuidedPlane::new(plane, guide.view(), size)?.at(self.working)?.into_owned()
            }
            (None, Some(mask)) if self.replacing || !self.has_alpha() => {
                resample::coverage(mask, self.working, self.main.part(0.0, 0.0))?
            }
            _ => return Ok(None),
        };
        let treated = drawn_mask::treated(&coverage)?;
        if input.grow == 0 { Ok(Some(treated)) } else { window_max(&treated, input.grow as usize).map(Some) }
    }

    fn has_alpha(&self) -> bool {
        has_alpha(&self.network)
    }

    /// Where the `fill` of the picture's `colours` goes; `found` is the network's own answer to that, `sought` that of
    /// another one. None where the mask says it.
    pub(crate) fn alpha(
        &self,
        found: Option<Array2<f32>>,
        sought: Option<Sought>,
        fill: &Array3<f32>,
        colours: &Array3<f32>,
    ) -> Result<Option<GuidedPlane>, Error> {
        let size = self.picture.size();
        let alpha = match sought {
            Some(Sought { alpha, colours: Some(own) }) => {
                return Ok(Some(GuidedPlane::new(alpha, own.view(), size)?));
            }
            Some(Sought { alpha, colours: None }) => Some(alpha),
            None => found.filter(|_| !self.replacing).map(compose::without_faint_traces).transpose()?,
        };
        let layout = self.picture.layout();
        let reduction = layout.width.max(layout.height) as f32 / self.working.0.max(self.working.1) as f32;
        let Some(alpha) = alpha else { return Ok(None) };
        let alpha = compose::without_unseen_traces(alpha, fill, colours, reduction)?;
        Ok(Some(GuidedPlane::new(alpha, colours.view(), size)?))
    }

    /// The texture that the `fill` of the picture's `colours` lacks, if it is to get some and there is any.
    pub(crate) fn texture(
        &self,
        colours: &Array3<f32>,
        fill: &Array3<f32>,
        alpha: Option<&GuidedPlane>,
        coverage: Option<Array2<f32>>,
    ) -> Result<Option<Texture>, Stopped> {
        let texture = if self.plain_fill {
            None
        } else {
            let filled = match (alpha, coverage, self.mask) {
                (Some(alpha), ..) => Some(alpha.at(self.working)?),
                (None, Some(coverage), _) => Some(Cow::Owned(coverage)),
                (None, None, Some(mask)) => {
                    Some(Cow::Owned(resample::coverage(mask, self.working, self.texturing.part(0.0, 0.1))?))
                }
                (None, None, None) => None,
            };
            let find = |mut plane: Cow<'_, Array2<f32>>| {
                // Nothing is taken from where nothing counts.
                if let Some(counts) = gaps::counts(self.picture, self.working)? {
                    plane.to_mut().zip_mut_with(&counts, |alpha, count| *alpha = alpha.max(1.0 - count));
                }
                Texture::find(colours, fill, plane.view(), self.texturing.part(0.1, 1.0))
            };
            filled.map(find).transpose()?.flatten()
        };
        self.texturing.step(1, 1)?;
        Ok(texture)
    }
}

/// Whether a network says where its fill goes.
fn has_alpha(network: &Network) -> bool {
    let is_given = |role: &OutputRole| network.model.manifest.output(*role).is_some();
    [OutputRole::Alpha, OutputRole::Rgba].iter().any(is_given)
}

/// The network that gives the alpha for one that has none; none if there is no such model and the mask can stand in.
fn finder(
    serving: &Serving,
    mask_can_stand_in: bool,
    control: &Control<'_>,
) -> Result<Option<Arc<Network>>, Error> {
    match serving.network(Kind::SegmentRust, None, control) {
        Err(Error::NoModel { .. }) if mask_can_stand_in => Ok(None),
        network => network.map(Some),
    }
}

/// An alpha with a soft edge around the segment-rust model's threshold, [height, width], for a picture whose `colours` are
/// at the scale that the model knows.
fn alpha_from_segmentation(
    serving: &Serving,
    network: &Network,
    colours: &Array3<f32>,
    control: Control<'_>,
) -> Result<Array2<f32>, Error> {
    let threshold = network.model.manifest.threshold;
    let probability = serving.run(network, colours, None, control)?.probability(network)?;
    let soft = |probability: f32| {
        let t = ((probability - threshold) / (2.0 * SOFT_EDGE) + 0.5).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    };
    Ok(compose::without_faint_traces(probability.mapv_into(soft))?)
}

impl Removal {
    /// `fill` was made of `colours`, both at the working scale, for a region of width and height `size`.
    pub(crate) fn new(
        fill: Array3<f32>,
        colours: &Array3<f32>,
        texture: Option<Texture>,
        alpha: Option<GuidedPlane>,
        size: (u32, u32),
        caution: Option<Caution>,
        served: Served,
    ) -> Result<Self, Stopped> {
        Ok(Removal { fill: Fill::new(fill, colours, size, texture)?, alpha, size, caution, served })
    }

    /// Width and height of the picture's region.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The model that made the fill.
    pub fn served(&self) -> &Served {
        &self.served
    }

    /// What makes it less sure that all rust was found.
    pub fn caution(&self) -> Option<Caution> {
        self.caution
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
    /// `look` says how much of the rust goes, and what the fill looks like; no network runs for another one. `mask` is the one that the analysis was made with, or another of its size.
    ///
    /// # Errors
    /// When sizes differ, the look makes no sense, the mask is missing, or the caller stops the call (`target`
    /// is then done in part).
    pub fn compose(
        &self,
        mask: Option<&Picture<'_>>,
        look: &Look,
        target: &mut PictureMut<'_>,
        control: Control<'_>,
    ) -> Result<(), Error> {
        compose::same_size("target", target.size(), self.size)?;
        look.check()?;
        let alpha = match (&self.alpha, mask) {
            (Some(alpha), None) => AlphaSource::Found(alpha),
            (Some(alpha), Some(mask)) => AlphaSource::Limited(alpha, mask),
            (None, Some(mask)) => AlphaSource::Mask(mask),
            (None, None) => {
                return Err(Error::Option("the mask of the analysis is needed to compose from it".into()));
            }
        };
        compose::removal(&self.fill, &alpha, look, target, control)
    }
}

/// The colour around a place of a picture's region, the mean over 7 x 7 pixels as far as they count: red, green and blue,
/// sRGB-encoded, 0 to 1, for [`Look::colour`].
///
/// # Errors
/// When the place lies outside, or nothing around it counts.
pub fn colour_at(picture: &Picture<'_>, (x, y): (u32, u32)) -> Result<[f32; 3], Error> {
    const NEAR: u32 = 3;
    let (width, height) = picture.size();
    if x >= width || y >= height {
        return Err(Error::Option(format!(
            "the place {x},{y} lies outside of the {width} x {height} pixels"
        )));
    }
    let mut colours = room::row([0.0; 3], width as usize)?;
    let mut counts = room::row(true, width as usize)?;
    let (mut sum, mut pixels) = ([0.0; 3], 0.0);
    for y in y.saturating_sub(NEAR)..=(y + NEAR).min(height - 1) {
        picture.read_colours(y, &mut colours);
        picture.read_valid(y, &mut counts)?;
        for x in x.saturating_sub(NEAR)..=(x + NEAR).min(width - 1) {
            if counts[x as usize] {
                pixels += 1.0;
                for (sum, part) in sum.iter_mut().zip(colours[x as usize]) {
                    *sum += part;
                }
            }
        }
    }
    if pixels == 0.0 {
        return Err(Error::Option(format!("nothing around the place {x},{y} counts, so it has no colour")));
    }
    Ok(sum.map(|sum| sum / pixels))
}
