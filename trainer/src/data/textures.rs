//! Rust alone, such as a trained texture generator makes it, as a donor for pairs.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::data::geometry::{Geometry, GeometryRange};
use crate::data::pairs::low_noise;
use crate::data::random::{Random, index, uniform};
use crate::data::source::{ReadingOptions, load_unpaired};
use crate::data::{LONG_SIDE, Photo, Plane};

/// Something that makes pictures of rust.
pub trait TextureSource: Send + Sync {
    /// Rust that fills a square of `side` pixels: three channels, 0 to 1. It follows from the random stream alone.
    fn sample(&self, side: usize, random: &mut Random) -> Plane;
}

/// Textures out of picture files.
pub struct FolderTextures {
    pictures: Vec<Photo>,
}

/// Smallest picture that counts as a texture: generators start small.
const SMALLEST: u32 = 16;

impl FolderTextures {
    /// Reads all pictures of a folder and of those inside of it.
    ///
    /// # Errors
    /// When the folder cannot be read, holds no picture, or one that cannot be used.
    pub fn load(folder: &Path) -> Result<Self> {
        let options = ReadingOptions { smallest: SMALLEST, ..ReadingOptions::default() };
        let (pictures, report) = load_unpaired(folder, LONG_SIDE, &options)?;
        options.settle(&report, folder)?;
        ensure!(!pictures.is_empty(), "{} holds no textures", folder.display());
        Ok(FolderTextures { pictures })
    }
}

impl TextureSource for FolderTextures {
    fn sample(&self, side: usize, random: &mut Random) -> Plane {
        let picture = &self.pictures[index(random, self.pictures.len())];
        let own = picture.width.max(picture.height) as f32;
        // Its own size and up to twice that; what is missing to the square is a reflection.
        let range =
            GeometryRange { long_side: [own, own * 2.0], stretch: 1.3, turn: 45.0, ..GeometryRange::FREE };
        Geometry::random(picture, side, &range, random).colour(&picture.rgb, picture.width, picture.height)
    }
}

/// A donor for pairs: rust of a source, and a mask of patches that cover between a tenth and two thirds of the square.
pub fn donor(source: &dyn TextureSource, side: usize, random: &mut Random) -> (Plane, Plane) {
    let colour = source.sample(side, random);
    let noise = low_noise(side, side, random);
    let mut order = noise.clone();
    let covered = (order.len() as f32 * uniform(random, 0.1, 0.65)) as usize;
    let place = order.len().saturating_sub(covered + 1);
    let (_, level, _) = order.select_nth_unstable_by(place, f32::total_cmp);
    let values = noise.iter().map(|value| if value > level { 1.0 } else { 0.0 }).collect();
    (colour, Plane { channels: 1, height: side, width: side, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pairs::paste;
    use crate::data::random::{Purpose, stream};

    #[test]
    fn textures_of_a_folder_are_pasted_as_rust() {
        let folder = tempfile::tempdir().unwrap();
        for (name, colour) in [("a.png", [160, 70, 20]), ("b.png", [120, 50, 30])] {
            image::RgbImage::from_pixel(24, 24, image::Rgb(colour)).save(folder.path().join(name)).unwrap();
        }
        let textures = FolderTextures::load(folder.path()).unwrap();
        let side = 64;
        let mut reds = std::collections::BTreeSet::new();
        for number in 0..20 {
            let mut random = stream(5, Purpose::Measuring, number);
            let (colour, mask) = donor(&textures, side, &mut random);
            assert_eq!((colour.channels, colour.width, colour.height), (3, side, side));
            assert!((0.08..0.67).contains(&mask.mean()), "{}", mask.mean());
            reds.insert((colour.values[0] * 255.0).round() as u8);
            let host = (Plane::filled(3, side, side, 0.6), Plane::filled(1, side, side, 0.0));
            let pair = paste(host, &[(colour, mask)], &mut random);
            let rusty = pair.pasted.values.iter().position(|&cover| cover > 0.6);
            let Some(place) = rusty else { continue };
            let [red, _, blue] = [0, 1, 2].map(|channel| pair.rusty.channel(channel)[place]);
            assert!(red > blue + 0.1, "what was pasted is not the texture: {red} {blue}");
        }
        assert_eq!(reds.into_iter().collect::<Vec<_>>(), [120, 160]);
        let again = |number| donor(&textures, side, &mut stream(5, Purpose::Measuring, number)).0;
        assert_eq!(again(3), again(3));
        assert!(FolderTextures::load(&folder.path().join("missing")).is_err());
    }
}
