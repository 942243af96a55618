//! The samples that a segmentation network learns from: photos, rendered scenes, and rust pasted onto photos.

use super::batches::Samples;
use super::geometry::{Geometry, GeometryRange};
use super::mix::Origin;
use super::random::{Purpose, Random, chance, index, stream};
use super::recolour::recolour;
use super::{Photo, Plane, Recipe, pairs, rendered};

/// Samples of picture and labels: the class of each pixel, 0 for the background.
pub struct SegmentSamples {
    /// Photos to draw from.
    pub photos: Vec<Photo>,
    /// Side in pixels.
    pub side: usize,
    /// Everything random follows from this number.
    pub seed: u64,
    /// How they are made.
    pub recipe: Recipe,
}

/// Sizes and stretches of photos under the standard augmentation.
const GEOMETRY: GeometryRange =
    GeometryRange { long_side: [280.0, 700.0], stretch: 1.5, turn: 15.0, ..GeometryRange::FREE };

impl Samples for SegmentSamples {
    fn sample(&self, number: u64) -> Vec<Plane> {
        let mut random = stream(self.seed, Purpose::Training, number);
        let (mut colour, labels) = match self.recipe.mix.origin(&mut random) {
            Origin::Rendered => rendered::random_scene(self.side, &mut random),
            Origin::Object => {
                let object = rendered::random_object(self.side, &mut random);
                (object.rusty, object.pasted)
            }
            Origin::Negative => rendered::random_negative(self.side, &mut random),
            Origin::Photo => self.pasted_photos(&mut random),
        };
        recolour(&mut colour, &self.recipe.augment, &mut random);
        vec![colour, labels]
    }
}

impl SegmentSamples {
    fn pasted_photos(&self, random: &mut Random) -> (Plane, Plane) {
        let geometry = self.recipe.augment.geometry(GEOMETRY);
        let photo = &self.photos[index(random, self.photos.len())];
        let host = Geometry::random(photo, self.side, &geometry, random).apply(photo);
        if !chance(random, self.recipe.mix.pasted) {
            return host;
        }
        let mut donor = self.recipe.donor(self.side, random, |random| {
            pairs::pick(&self.photos, self.side, &geometry, 0.05..=1.0, random)
        });
        if chance(random, 0.5) {
            recolour(&mut donor.0, &self.recipe.augment, random);
        }
        let mut labels = host.1.clone();
        let pair = pairs::paste(host, std::slice::from_ref(&donor), random);
        pairs::label_pasted(&mut labels, &donor.1, &pair.pasted);
        (pair.rusty, labels)
    }
}
