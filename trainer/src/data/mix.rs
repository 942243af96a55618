//! What samples are made of: photos, rust pasted onto them, rendered metal, things that only look like rust.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::data::random::{Random, chance};

/// Options of the mixture; each training has its own defaults.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[command(next_help_heading = "Mixture of samples")]
#[serde(rename_all = "kebab-case")]
pub struct MixOptions {
    /// Part of the samples that is rendered metal with rust. [default: 0.06 to segment, 0.2 to derust]
    #[arg(long, value_name = "PART")]
    pub rendered: Option<f64>,
    /// Part of the samples that shows brown wood, brick, leaves, soil and the like, rendered, so that not all that is brown
    /// is taken for rust. [default: 0.06 to segment, 0 to derust]
    #[arg(long, value_name = "PART")]
    pub negatives: Option<f64>,
    /// Part of the photos that gets rust of another photo pasted on, to segment; to derust, all of them do. [default: 0.3]
    #[arg(long, value_name = "PART")]
    pub pasted: Option<f64>,
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
    /// Part of the samples that is rendered and has no rust.
    pub negatives: f32,
    /// Part of the photos that gets rust of another one pasted on.
    pub pasted: f32,
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
    /// Rendered things without rust.
    Negative,
}

impl Mix {
    /// To segment: with what the shipped network learned from. For pasting see Ghiasi et al. 2021, arXiv:2012.07177.
    pub const SEGMENT: Mix = Mix { rendered: 0.06, negatives: 0.06, pasted: 0.3, textured: 0.5 };
    /// To derust.
    pub const DERUST: Mix = Mix { rendered: 0.2, negatives: 0.0, pasted: 1.0, textured: 0.5 };

    /// Draws where the next sample comes from.
    pub fn origin(&self, random: &mut Random) -> Origin {
        let made = self.rendered + self.negatives;
        if !chance(random, made) {
            return Origin::Photo;
        }
        if chance(random, self.negatives / made) { Origin::Negative } else { Origin::Rendered }
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
            negatives: or(self.negatives, defaults.negatives),
            pasted: or(self.pasted, defaults.pasted),
            textured: or(self.textured, defaults.textured),
        };
        for (name, part) in [
            ("rendered", mix.rendered),
            ("negatives", mix.negatives),
            ("pasted", mix.pasted),
            ("textured", mix.textured),
        ] {
            ensure!((0.0..=1.0).contains(&part), "--{name} {part} is not a part from 0 to 1");
        }
        ensure!(mix.rendered + mix.negatives <= 1.0, "--rendered and --negatives make more than 1 together");
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
        let none = Mix { rendered: 0.0, ..Mix::DERUST };
        assert_eq!(count(&none, Origin::Photo), 4000);
        let too_much = MixOptions { negatives: Some(0.7), rendered: Some(0.4), ..options };
        assert!(too_much.mix(Mix::SEGMENT).unwrap_err().to_string().contains("more than 1"));
    }
}
