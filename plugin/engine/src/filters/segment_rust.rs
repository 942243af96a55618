//! segment-rust: picture -> probability, mask, overlay, survey.

use std::sync::Arc;

use ndarray::{Array2, Array3};

use super::{Scale, Served};
use crate::compose::{self, GuidedPlane};
use crate::control::{Control, Stopped};
use crate::error::Error;
use crate::judgement::Caution;
use crate::models::Selector;
use crate::pixels::{Picture, PictureMut};
use crate::resample::gaps;
use crate::room;
use crate::survey::{Survey, Surveyor};

/// How to look for rust; the default leaves everything to the model.
#[derive(Clone, Debug, Default)]
pub struct SegmentOptions {
    /// The model; the one that serves when absent.
    pub model: Option<Selector>,
    /// Probability from which on a pixel counts as rust, above 0 and below 1; the model's own when absent.
    pub threshold: Option<f32>,
    /// The scale at which the picture is analysed.
    pub scale: Scale,
    /// Whether a picture that cannot be judged is looked at all the same.
    pub judge_anyway: bool,
}

/// Where rust is in a picture. Everything that can be asked of it costs no inference.
#[derive(Clone, Debug)]
pub struct Segmentation {
    /// Shared with its copies, which differ in the threshold.
    probability: Arc<GuidedPlane>,
    /// Width and height of the picture's region.
    size: (u32, u32),
    threshold: f32,
    caution: Option<Caution>,
    served: Served,
}

impl SegmentOptions {
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.threshold.filter(|threshold| !(*threshold > 0.0 && *threshold < 1.0)) {
            Some(threshold) => Err(Error::Option(format!(
                "a threshold of {threshold} makes no sense; it lies between 0 and 1"
            ))),
            None => Ok(()),
        }
    }
}

/// What to write of a segmentation; every target has the size of the picture's region.
#[derive(Debug, Default)]
pub struct Outputs<'a, 'p> {
    /// White where there is rust, black elsewhere.
    pub mask: Option<&'a mut PictureMut<'p>>,
    /// Black is 0, white is 1.
    pub probability: Option<&'a mut PictureMut<'p>>,
    /// What to say about the mask.
    pub survey: Surveying,
}

/// What to say about a mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Surveying {
    /// Nothing.
    #[default]
    None,
    /// Areas, regions and grades.
    Regions,
    /// The contour of every region as well, for an eighth of a byte per pixel.
    Contours,
}

impl Segmentation {
    /// `probability` was found in `colours`, both at the working scale, for a region of width and height `size`.
    pub(crate) fn new(
        probability: Array2<f32>,
        colours: &Array3<f32>,
        size: (u32, u32),
        threshold: f32,
        caution: Option<Caution>,
        served: Served,
    ) -> Result<Self, Stopped> {
        let probability = Arc::new(GuidedPlane::new(probability, colours.view(), size)?);
        Ok(Segmentation { probability, size, threshold, caution, served })
    }

    /// Width and height of the picture's region.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// What makes it less sure.
    pub fn caution(&self) -> Option<Caution> {
        self.caution
    }

    /// The model that found it.
    pub fn served(&self) -> &Served {
        &self.served
    }

    /// Probability from which on a pixel counts as rust.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// The same with another threshold, above 0 and below 1.
    pub fn with_threshold(mut self, threshold: f32) -> Self {
        self.threshold = threshold;
        self
    }

    /// The probability at the scale at which the network worked, [height, width].
    pub fn probability(&self) -> &Array2<f32> {
        self.probability.plane()
    }

    /// Writes what is wanted, in one pass over the picture that was looked at; edges follow those of the picture.
    ///
    /// # Errors
    /// When a size differs or the caller stops the call.
    pub fn write(
        &self,
        picture: &Picture<'_>,
        mut outputs: Outputs<'_, '_>,
        control: Control<'_>,
    ) -> Result<Option<Survey>, Error> {
        compose::same_size("picture", picture.size(), self.size)?;
        for target in outputs.mask.iter().chain(&outputs.probability) {
            compose::same_size("target", target.size(), self.size)?;
        }
        let mut surveyor = match outputs.survey {
            Surveying::None => None,
            Surveying::Regions => Some(Surveyor::default()),
            Surveying::Contours => Some(Surveyor::with_contours()),
        };
        let mut mask_row = room::row(0.0, self.size.0 as usize)?;
        compose::for_each_row(&self.probability, picture, control, |y, row| {
            let left_out = gaps::leave_out(picture, y, row)?;
            if let Some(mask) = &mut outputs.mask {
                let is_rust = |value: f32| f32::from(u8::from(value >= self.threshold));
                mask_row.iter_mut().zip(&*row).for_each(|(out, value)| *out = is_rust(*value));
                mask.write_coverage(y, &mask_row);
            }
            if let Some(probability) = &mut outputs.probability {
                probability.write_coverage(y, row);
            }
            if let Some(surveyor) = &mut surveyor {
                surveyor.row(row, self.threshold)?;
                surveyor.leave_out(left_out);
            }
            Ok(())
        })?;
        Ok(surveyor.map(Surveyor::finish).transpose()?)
    }

    /// Writes the mask into `target`: white is rust, black is not.
    ///
    /// # Errors
    /// See [`Self::write`].
    pub fn write_mask(
        &self,
        picture: &Picture<'_>,
        target: &mut PictureMut<'_>,
        control: Control<'_>,
    ) -> Result<(), Error> {
        self.write(picture, Outputs { mask: Some(target), ..Default::default() }, control).map(drop)
    }

    /// Writes the probability into `target`: black is 0, white is 1.
    ///
    /// # Errors
    /// See [`Self::write`].
    pub fn write_probability(
        &self,
        picture: &Picture<'_>,
        target: &mut PictureMut<'_>,
        control: Control<'_>,
    ) -> Result<(), Error> {
        self.write(picture, Outputs { probability: Some(target), ..Default::default() }, control).map(drop)
    }

    /// Areas, regions and grades of what [`Self::write_mask`] would write.
    ///
    /// # Errors
    /// See [`Self::write`].
    pub fn survey(&self, picture: &Picture<'_>, control: Control<'_>) -> Result<Survey, Error> {
        let outputs = Outputs { survey: Surveying::Regions, ..Default::default() };
        Ok(self.write(picture, outputs, control)?.expect("a survey was asked for"))
    }

    /// Colours the rust in `target`, which holds the picture.
    ///
    /// # Errors
    /// When the size differs or the caller stops the call.
    pub fn write_overlay(&self, target: &mut PictureMut<'_>, control: Control<'_>) -> Result<(), Error> {
        compose::same_size("target", target.size(), self.size)?;
        compose::overlay(&self.probability, self.threshold, target, control)
    }
}
