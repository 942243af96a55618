//! Which random changes samples go through, all of which leave the meaning of a picture as it is.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::data::geometry::GeometryRange;

/// Options of the augmentation. What is not given is as the preset says.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[command(next_help_heading = "Augmentation")]
#[serde(rename_all = "kebab-case")]
pub struct AugmentOptions {
    /// Changes of the samples: as for the shipped networks, or none but those that are given and a random place.
    #[arg(long, value_enum, default_value_t)]
    pub augment: Preset,
    /// Largest turn to either side. [standard: 15]
    #[arg(long, value_name = "DEGREES")]
    pub augment_rotation: Option<f64>,
    /// Part of the samples with a random number of quarter turns. [standard: 1]
    #[arg(long, value_name = "PART")]
    pub augment_quarter_turns: Option<f64>,
    /// Part of the samples that is mirrored. [standard: 0.5]
    #[arg(long, value_name = "PART")]
    pub augment_flip: Option<f64>,
    /// How far samples lie from the photo's centre: 0 not at all, 1 up to its border, also without augmentation. [standard: 1]
    #[arg(long, value_name = "PART")]
    pub augment_crop: Option<f64>,
    /// Strength of the change of size. [standard: 1]
    #[arg(long, value_name = "FACTOR")]
    pub augment_scale: Option<f64>,
    /// Strength of the change of width against height. [standard: 1]
    #[arg(long, value_name = "FACTOR")]
    pub augment_aspect: Option<f64>,
    /// Strength of the change of brightness. [standard: 1]
    #[arg(long, value_name = "FACTOR")]
    pub augment_brightness: Option<f64>,
    /// Strength of the change of contrast. [standard: 1]
    #[arg(long, value_name = "FACTOR")]
    pub augment_contrast: Option<f64>,
    /// Strength of the change of gamma. [standard: 1]
    #[arg(long, value_name = "FACTOR")]
    pub augment_gamma: Option<f64>,
    /// Strength of the change of saturation. [standard: 1]
    #[arg(long, value_name = "FACTOR")]
    pub augment_saturation: Option<f64>,
    /// Part of the samples without colours, as cameras for industry see. [standard: 0]
    #[arg(long, value_name = "PART")]
    pub augment_gray: Option<f64>,
    /// Strength of the change of white balance. [standard: 1]
    #[arg(long, value_name = "FACTOR")]
    pub augment_white_balance: Option<f64>,
    /// Part of the samples that is blurred. [standard: 0.25]
    #[arg(long, value_name = "PART")]
    pub augment_blur: Option<f64>,
    /// Part of the samples with noise. [standard: 0.3]
    #[arg(long, value_name = "PART")]
    pub augment_noise: Option<f64>,
    /// Part of the samples that is compressed as JPEG, at a random quality from 30 to 95. [standard: 0]
    #[arg(long, value_name = "PART")]
    pub augment_jpeg: Option<f64>,
    /// Part of the samples on which a shadow falls. [standard: 0.35]
    #[arg(long, value_name = "PART")]
    pub augment_shadow: Option<f64>,
}

/// What the single options begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// As the shipped networks were trained.
    #[default]
    Standard,
    /// None.
    None,
}

/// Chosen changes. Strengths are factors on what is done as a standard, parts are 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augment {
    /// Largest turn in degrees.
    pub rotation: f32,
    /// Part with quarter turns.
    pub quarter_turns: f32,
    /// Part that is mirrored.
    pub flip: f32,
    /// How far samples lie from the centre.
    pub crop: f32,
    /// Strength: size.
    pub scale: f32,
    /// Strength: width against height.
    pub aspect: f32,
    /// Strength: brightness.
    pub brightness: f32,
    /// Strength: contrast.
    pub contrast: f32,
    /// Strength: gamma.
    pub gamma: f32,
    /// Strength: saturation.
    pub saturation: f32,
    /// Part without colours.
    pub gray: f32,
    /// Strength: white balance.
    pub white_balance: f32,
    /// Part that is blurred.
    pub blur: f32,
    /// Part with noise.
    pub noise: f32,
    /// Part that is compressed.
    pub jpeg: f32,
    /// Part with a shadow.
    pub shadow: f32,
}

impl Augment {
    /// What the shipped networks were trained with.
    pub const STANDARD: Augment = Augment {
        rotation: 15.0,
        quarter_turns: 1.0,
        flip: 0.5,
        crop: 1.0,
        scale: 1.0,
        aspect: 1.0,
        brightness: 1.0,
        contrast: 1.0,
        gamma: 1.0,
        saturation: 1.0,
        gray: 0.0,
        white_balance: 1.0,
        blur: 0.25,
        noise: 0.3,
        jpeg: 0.0,
        shadow: 0.35,
    };

    /// Nothing but a random place in the photo, without which its borders would never be seen.
    pub const NONE: Augment = Augment {
        rotation: 0.0,
        quarter_turns: 0.0,
        flip: 0.0,
        crop: 1.0,
        scale: 0.0,
        aspect: 0.0,
        brightness: 0.0,
        contrast: 0.0,
        gamma: 0.0,
        saturation: 0.0,
        gray: 0.0,
        white_balance: 0.0,
        blur: 0.0,
        noise: 0.0,
        jpeg: 0.0,
        shadow: 0.0,
    };

    /// A training's range of sizes and stretches under this augmentation.
    pub fn geometry(&self, range: GeometryRange) -> GeometryRange {
        let [low, high] = range.long_side;
        let middle = (low * high).sqrt();
        let side = |end: f32| if self.scale == 1.0 { end } else { middle * (end / middle).powf(self.scale) };
        GeometryRange {
            long_side: [side(low), side(high)],
            stretch: range.stretch.powf(self.aspect),
            turn: self.rotation,
            quarter_turns: self.quarter_turns,
            flip: self.flip,
            crop: self.crop,
        }
    }
}

impl AugmentOptions {
    /// The preset with what was given in its place.
    ///
    /// # Errors
    /// When a strength is not 0 to 4, a part not 0 to 1, or the turn not 0 to 180 degrees.
    pub fn choose(&self) -> Result<Augment> {
        let mut augment = match self.augment {
            Preset::Standard => Augment::STANDARD,
            Preset::None => Augment::NONE,
        };
        const PART: f64 = 1.0;
        const FACTOR: f64 = 4.0;
        for (name, given, chosen, most) in [
            ("rotation", self.augment_rotation, &mut augment.rotation, 180.0),
            ("quarter-turns", self.augment_quarter_turns, &mut augment.quarter_turns, PART),
            ("flip", self.augment_flip, &mut augment.flip, PART),
            ("crop", self.augment_crop, &mut augment.crop, PART),
            ("scale", self.augment_scale, &mut augment.scale, FACTOR),
            ("aspect", self.augment_aspect, &mut augment.aspect, FACTOR),
            ("brightness", self.augment_brightness, &mut augment.brightness, FACTOR),
            ("contrast", self.augment_contrast, &mut augment.contrast, FACTOR),
            ("gamma", self.augment_gamma, &mut augment.gamma, FACTOR),
            ("saturation", self.augment_saturation, &mut augment.saturation, FACTOR),
            ("gray", self.augment_gray, &mut augment.gray, PART),
            ("white-balance", self.augment_white_balance, &mut augment.white_balance, FACTOR),
            ("blur", self.augment_blur, &mut augment.blur, PART),
            ("noise", self.augment_noise, &mut augment.noise, PART),
            ("jpeg", self.augment_jpeg, &mut augment.jpeg, PART),
            ("shadow", self.augment_shadow, &mut augment.shadow, PART),
        ] {
            if let Some(value) = given {
                ensure!(
                    (0.0..=most).contains(&value),
                    "--augment-{name} {value} is not between 0 and {most}"
                );
                *chosen = value as f32;
            }
        }
        Ok(augment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_leaves_a_trainings_range_and_none_takes_all_but_the_place() {
        let range =
            GeometryRange { long_side: [280.0, 700.0], stretch: 1.5, turn: 15.0, ..GeometryRange::FREE };
        assert_eq!(Augment::STANDARD.geometry(range), range);
        let none = AugmentOptions { augment: Preset::None, ..AugmentOptions::default() }.choose().unwrap();
        let still = none.geometry(range);
        assert_eq!(still.long_side[0], still.long_side[1]);
        assert!((still.long_side[0] - 442.7).abs() < 0.1);
        assert_eq!((still.stretch, still.turn, still.quarter_turns, still.flip), (1.0, 0.0, 0.0, 0.0));
        assert_eq!(still.crop, 1.0);
    }

    #[test]
    fn single_options_go_before_the_preset() {
        let options = AugmentOptions {
            augment: Preset::None,
            augment_jpeg: Some(0.5),
            augment_rotation: Some(90.0),
            ..AugmentOptions::default()
        };
        let expected = Augment { jpeg: 0.5, rotation: 90.0, ..Augment::NONE };
        assert_eq!(options.choose().unwrap(), expected);
        let wrong = AugmentOptions { augment_flip: Some(1.5), ..options };
        assert!(wrong.choose().unwrap_err().to_string().contains("--augment-flip 1.5"));
    }
}
