//! How samples are made: the mixture, the changes that they go through, and where rust beside that of the photos is from.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::data::Plane;
use crate::data::augment::{Augment, AugmentOptions};
use crate::data::mix::{Mix, MixOptions};
use crate::data::random::{Random, chance};
use crate::data::textures::{self, FolderTextures, TextureSource};

/// Options of how samples are made.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SampleOptions {
    #[command(flatten)]
    #[serde(flatten)]
    pub mix: MixOptions,
    #[command(flatten)]
    #[serde(flatten)]
    pub augment: AugmentOptions,
}

/// How samples are made.
#[derive(Clone)]
pub struct Recipe {
    /// What of.
    pub mix: Mix,
    /// The changes that they go through.
    pub augment: Augment,
    /// Rust beside that of the photos.
    pub textures: Option<Arc<dyn TextureSource>>,
}

impl Recipe {
    /// As the shipped networks were trained, with a training's mixture.
    pub fn standard(mix: Mix) -> Self {
        Recipe { mix, augment: Augment::STANDARD, textures: None }
    }

    /// A donor of rust for pairs, picture and labels: a texture where there is a source and it is its turn, else what
    /// `photo` makes. Textures are of the first class.
    pub fn donor(
        &self,
        side: usize,
        random: &mut Random,
        photo: impl FnOnce(&mut Random) -> (Plane, Plane),
    ) -> (Plane, Plane) {
        match &self.textures {
            Some(source) if chance(random, self.mix.textured) => textures::donor(&**source, side, random),
            _ => photo(random),
        }
    }
}

impl SampleOptions {
    /// The recipe: what was given, and a training's own mixture for the rest.
    ///
    /// # Errors
    /// When a value is out of its range, or textures cannot be read.
    pub fn choose(&self, defaults: Mix) -> Result<Recipe> {
        let textures = match &self.mix.textures {
            Some(folder) => Some(Arc::new(FolderTextures::load(folder)?) as Arc<dyn TextureSource>),
            None => None,
        };
        Ok(Recipe { mix: self.mix.mix(defaults)?, augment: self.augment.choose()?, textures })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::data::Photo;
    use crate::data::batches::Samples;
    use crate::data::segmentation::SegmentSamples;

    #[derive(Parser)]
    struct Call {
        #[command(flatten)]
        samples: SampleOptions,
    }

    /// Samples of grey photos, with lighter rust in the upper left, as flags ask for.
    fn samples(flags: &[&str]) -> Vec<Vec<Plane>> {
        let (width, height) = (120, 90);
        let inside = |i: usize| i % width < 50 && i / width < 40;
        let labels: Vec<u8> = (0..width * height).map(|i| u8::from(inside(i))).collect();
        let grey = |i: usize| 100 + (i * 31 % 17) as u8 + if inside(i) { 60 } else { 0 };
        let rgb = (0..width * height).flat_map(|i| [grey(i); 3]).collect();
        let photos = vec![Photo { name: "grey".into(), width, height, rgb, labels }];
        let call = Call::parse_from([&["call"], flags].concat());
        let recipe = call.samples.choose(Mix::SEGMENT).unwrap();
        let samples = SegmentSamples { photos, side: 64, seed: 4, recipe };
        (0..8).map(|number| samples.sample(number)).collect()
    }

    #[test]
    fn samples_follow_the_options() {
        let colours = |samples: &[Vec<Plane>]| samples.iter().map(|s| s[0].clone()).collect::<Vec<_>>();
        let labels = |samples: &[Vec<Plane>]| samples.iter().map(|s| s[1].clone()).collect::<Vec<_>>();
        let still = ["--augment", "none", "--rendered", "0", "--negatives", "0"];
        let with = |more: &[&'static str]| samples(&[&still[..], more].concat());
        let plain = with(&["--pasted", "0"]);
        assert!(plain == with(&["--pasted", "0"]), "the same options give other samples");
        let borders = labels(&plain).iter().filter(|plane| (0.02..0.98).contains(&plane.mean())).count();
        assert!(borders >= 2, "{borders} of the samples show a border of the rust");
        for kind in ["--augment-jpeg", "--augment-blur", "--augment-noise", "--augment-shadow"] {
            let changed = with(&["--pasted", "0", kind, "1"]);
            assert!(colours(&changed) != colours(&plain) && labels(&changed) == labels(&plain), "{kind}");
        }
        for kind in ["--augment-flip", "--augment-aspect", "--augment-scale", "--augment-quarter-turns"] {
            assert!(labels(&with(&["--pasted", "0", kind, "1"])) != labels(&plain), "{kind}");
        }
        assert!(samples(&[]) != samples(&["--augment", "none"]));
        let gray = samples(&["--rendered", "1", "--negatives", "0", "--augment-gray", "1"]);
        let coloured = |plane: &Plane| {
            (0..plane.area()).any(|i| (plane.channel(0)[i] - plane.channel(2)[i]).abs() > 0.01)
        };
        assert!(gray.iter().all(|sample| !coloured(&sample[0])), "colours in gray samples");
        assert!(labels(&gray).iter().any(|plane| plane.mean() > 0.0));

        let negatives = samples(&["--negatives", "1", "--rendered", "0"]);
        assert!(
            labels(&negatives).iter().all(|plane| plane.mean() == 0.0),
            "rust in what only looks like it"
        );
        let rendered = samples(&["--negatives", "0", "--rendered", "1"]);
        assert!(labels(&rendered).iter().any(|plane| plane.mean() > 0.0), "no rust in rendered scenes");

        let folder = tempfile::tempdir().unwrap();
        let blue = image::RgbImage::from_pixel(32, 32, image::Rgb([0, 0, 255]));
        blue.save(folder.path().join("blue.png")).unwrap();
        let textures = ["--pasted", "1", "--textured", "1", "--textures", folder.path().to_str().unwrap()];
        let textured = samples(&[&still[..], &textures].concat());
        let is_blue = |plane: &Plane, i: usize| plane.channel(2)[i] > plane.channel(0)[i] + 0.5;
        let mut found = 0;
        for sample in &textured {
            for i in (0..sample[0].area()).filter(|&i| is_blue(&sample[0], i)) {
                assert_eq!(sample[1].values[i], 1.0, "a texture without its label");
                found += 1;
            }
        }
        assert!(found > 500, "{found} pixels of the texture");
        assert!(colours(&plain).iter().all(|plane| (0..plane.area()).all(|i| !is_blue(plane, i))));
    }
}
