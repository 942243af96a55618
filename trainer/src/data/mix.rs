//! What samples are made of: photos, rust pasted onto them, rendered metal, things that only look like rust.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::data::random::{Random, uniform};

/// Options of the mixture; each training has its own defaults.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[command(next_help_heading = "Mixture of samples")]
#[serde(rename_all = "kebab-case")]
pub struct MixOptions {
    /// Part of the samples that is rendered metal with rust. [default: 0.06 to segment, 0.1 to derust]
    #[arg(long, value_name = "PART")]
    pub rendered: Option<f64>,
    /// Part of the samples that is rendered things which have rusted as a whole. [default: 0 to segment, 0.2 to derust]
    #[arg(long, value_name = "PART")]
    pub objects: Option<f64>,
    /// Part of the samples that shows brown wood, brick, leaves, soil and the like, rendered, so that not all that is brown
    /// is taken for rust. [default: 0.06 to segment, 0 to derust]
    #[arg(long, value_name = "PART")]
    pub negatives: Option<f64>,
    /// Part of the photos that gets rust of another photo pasted on, to segment; to derust, all of them do. [default: 0.3]
    #[arg(long, value_name = "PART")]
    pub pasted: Option<f64>,
    /// Part of the pairs made of photos in which rust lies on what was there, whose shape shows through; in the others it
    /// covers that. [default: 0.5 to derust]
    #[arg(long, value_name = "PART")]
    pub stained: Option<f64>,
    /// Folder of pictures of rust alone, as `train texture` writes them: pasted as rust of photos is.
    #[arg(long, value_name = "DIR")]
    pub textures: Option<PathBuf>,
    /// Part of the pasted rust that is taken from --textures. [default: 0.5]
    #[arg(long, value_name = "PART")]
    pub textured: Option<f64>,
}

/// The mixture of one training. All parts are 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mix {
    /// Part of the samples that is rendered with rust.
    pub rendered: f32,
    /// Part of the samples that is rendered things which have rusted as a whole.
    pub objects: f32,
    /// Part of the samples that is rendered and has no rust.
    pub negatives: f32,
    /// Part of the photos that gets rust of another one pasted on.
    pub pasted: f32,
    /// Part of the pairs of photos that is stained and not covered.
    pub stained: f32,
    /// Part of the pasted rust that is of a texture source, where there is one.
    pub textured: f32,
}

/// Where a sample comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Photos of the data set.
    Photo,
    /// Rendered metal with rust.
    Rendered,
    /// Rendered things that have rusted as a whole.
    Object,
    /// Rendered things without rust.
    Negative,
}

impl Mix {
    /// To segment: with what the shipped network learned from. For pasting see Ghiasi et al. 2021, arXiv:2012.07177.
    pub const SEGMENT: Mix =
        Mix { rendered: 0.06, objects: 0.0, negatives: 0.06, pasted: 0.3, stained: 0.0, textured: 0.5 };
    /// To derust.
    pub const DERUST: Mix =
        Mix { rendered: 0.1, objects: 0.2, negatives: 0.0, pasted: 1.0, stained: 0.5, textured: 0.5 };

    /// Draws where the next sample comes from.
    pub fn origin(&self, random: &mut Random) -> Origin {
        let drawn = uniform(random, 0.0, 1.0);
        let of = [
            (self.rendered, Origin::Rendered),
            (self.objects, Origin::Object),
            (self.negatives, Origin::Negative),
        ];
        let mut reached = 0.0;
        for (part, origin) in of {
            reached += part;
            if drawn < reached {
                return origin;
            }
        }
        Origin::Photo
    }
}

impl MixOptions {
    /// The mixture: what was given, and `defaults` for the rest.
    ///
    /// # Errors
    /// When a part is not 0 to 1, or more than everything is rendered.
    pub fn mix(&self, defaults: Mix) -> Result<Mix> {
        let or = |given: Option<f64>, default: f32| given.map_or(default, |given| given as f32);
        let mix = Mix {
            rendered: or(self.rendered, defaults.rendered),
            objects: or(self.objects, defaults.objects),
            negatives: or(self.negatives, defaults.negatives),
            pasted: or(self.pasted, defaults.pasted),
            stained: or(self.stained, defaults.stained),
            textured: or(self.textured, defaults.textured),
        };
        for (name, part) in [
            ("rendered", mix.rendered),
            ("objects", mix.objects),
            ("negatives", mix.negatives),
            ("pasted", mix.pasted),
            ("stained", mix.stained),
            ("textured", mix.textured),
        ] {
            ensure!((0.0..=1.0).contains(&part), "--{name} {part} is not a part from 0 to 1");
        }
        ensure!(
            mix.rendered + mix.objects + mix.negatives <= 1.0,
            "--rendered, --objects and --negatives make more than 1 together"
        );
        Ok(mix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::random::{Purpose, stream};

    #[test]
    fn origins_come_as_often_as_asked() {
        let options = MixOptions { negatives: Some(0.3), rendered: Some(0.1), ..Default::default() };
        let mix = options.mix(Mix::SEGMENT).unwrap();
        assert_eq!(mix.pasted, 0.3);
        let mut random = stream(1, Purpose::Measuring, 0);
        let mut count = |mix: &Mix, origin| (0..4000).filter(|_| mix.origin(&mut random) == origin).count();
        assert!((1100..1300).contains(&count(&mix, Origin::Negative)));
        assert!((330..470).contains(&count(&mix, Origin::Rendered)));
        assert_eq!(count(&Mix::DERUST, Origin::Negative), 0);
        assert!((730..870).contains(&count(&Mix::DERUST, Origin::Object)));
        let none = Mix { rendered: 0.0, objects: 0.0, ..Mix::DERUST };
        assert_eq!(count(&none, Origin::Photo), 4000);
        let too_much = MixOptions { negatives: Some(0.7), rendered: Some(0.4), ..options };
        assert!(too_much.mix(Mix::SEGMENT).unwrap_err().to_string().contains("more than 1"));
    }
}
