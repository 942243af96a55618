//! The pairs that a removal network learns from: made of photos, or photographed with and without rust.

use super::batches::Samples;
use super::geometry::{Geometry, GeometryRange};
use super::mix::{Mix, Origin};
use super::random::{Purpose, Random, chance, index, stream, uniform};
use super::recolour::recolour;
use super::source::PhotoPair;
use super::{Photo, Plane, Recipe, pairs, rendered, stains};

/// Around the scale at which the segmentation network, and so this one, sees photos.
const GEOMETRY: GeometryRange =
    GeometryRange { long_side: [300.0, 640.0], stretch: 1.4, turn: 15.0, ..GeometryRange::FREE };
/// Part of the masks that get spots where there is no rust. With 0.3 the generator learned to keep rust as well.
const SPOTTED: f32 = 0.1;

/// Where pairs come from.
pub enum Source {
    /// Rust of one photo is pasted onto another.
    Photos(Vec<Photo>),
    /// The same pictures with and without rust.
    Pairs(Vec<PhotoPair>),
}

impl Source {
    /// Number of photos or pairs.
    pub fn len(&self) -> usize {
        match self {
            Source::Photos(photos) => photos.len(),
            Source::Pairs(pairs) => pairs.len(),
        }
    }

    /// What they are.
    pub fn what(&self) -> &'static str {
        match self {
            Source::Photos(_) => "photos to make pairs of",
            Source::Pairs(_) => "pairs",
        }
    }
}

/// Samples of five planes; a picture with rust, the same without, the mask that the network is told, where rust
/// was pasted, and where the target is known to be without rust.
pub struct Pairs {
    source: Source,
    side: usize,
    seed: u64,
    purpose: Purpose,
    recipe: Recipe,
}

impl Samples for Pairs {
    fn sample(&self, number: u64) -> Vec<Plane> {
        let mut random = stream(self.seed, self.purpose, number);
        let pair = match self.recipe.mix.origin(&mut random) {
            Origin::Rendered => rendered::random_pair(self.side, &mut random),
            Origin::Object => rendered::random_object(self.side, &mut random),
            Origin::Negative => {
                let host = rendered::random_negative(self.side, &mut random);
                self.pasted(host, &mut random)
            }
            Origin::Photo => match &self.source {
                Source::Photos(photos) => {
                    let geometry = self.recipe.augment.geometry(GEOMETRY);
                    let host = pairs::pick(photos, self.side, &geometry, 0.0..=0.5, &mut random);
                    self.pasted(host, &mut random)
                }
                Source::Pairs(pairs) => {
                    self.photographed(&pairs[index(&mut random, pairs.len())], &mut random)
                }
            },
        };
        let mut known = pair.own.clone();
        known.dilate(4);
        for value in &mut known.values {
            *value = 1.0 - *value;
        }
        let mask = match self.purpose {
            Purpose::Training => told_mask(&pair, &mut random),
            _ => exact_mask(&pair),
        };
        vec![pair.rusty, pair.target, mask, pair.pasted, known]
    }
}

impl Pairs {
    /// The samples that the network learns from.
    pub fn for_training(source: Source, side: usize, seed: u64, recipe: Recipe) -> Self {
        Pairs { source, side, seed, purpose: Purpose::Training, recipe }
    }

    /// Fixed samples, of exact masks, to measure on.
    pub fn for_measuring(source: Source, side: usize) -> Self {
        let recipe = Recipe::standard(Mix::DERUST);
        Pairs { source, side, seed: 0, purpose: Purpose::Measuring, recipe }
    }

    /// Whether there is nothing to draw from.
    pub fn is_empty(&self) -> bool {
        self.source.len() == 0
    }

    /// A host with rust of one or two donors.
    fn pasted(&self, mut host: (Plane, Plane), random: &mut Random) -> pairs::Pair {
        let geometry = self.recipe.augment.geometry(GEOMETRY);
        recolour(&mut host.0, &self.recipe.augment, random);
        let donors: Vec<(Plane, Plane)> = (0..1 + index(random, 2))
            .map(|_| {
                self.recipe.donor(self.side, random, |random| match &self.source {
                    Source::Photos(photos) => pairs::pick(photos, self.side, &geometry, 0.05..=1.0, random),
                    Source::Pairs(pairs) => {
                        let photo = &pairs[index(random, pairs.len())].rusty;
                        Geometry::random(photo, self.side, &geometry, random).apply(photo)
                    }
                })
            })
            .collect();
        if chance(random, self.recipe.mix.stained) {
            stains::stain(host, &donors, random)
        } else {
            pairs::paste(host, &donors, random)
        }
    }

    /// A pair as it was photographed, both sides under the same geometry and light.
    fn photographed(&self, pair: &PhotoPair, random: &mut Random) -> pairs::Pair {
        let photo = &pair.rusty;
        let geometry = Geometry::random(photo, self.side, &self.recipe.augment.geometry(GEOMETRY), random);
        let (mut rusty, pasted) = geometry.apply(photo);
        let mut target = geometry.colour(&pair.clean, photo.width, photo.height);
        let mut same = random.clone();
        recolour(&mut rusty, &self.recipe.augment, random);
        recolour(&mut target, &self.recipe.augment, &mut same);
        let own = Plane::filled(1, self.side, self.side, 0.0);
        pairs::Pair { rusty, target, pasted, own }
    }
}

/// Everything that is rust, a little widened.
fn exact_mask(pair: &pairs::Pair) -> Plane {
    let mut mask = pair.own.clone();
    for (value, pasted) in mask.values.iter_mut().zip(&pair.pasted.values) {
        if *pasted >= 0.1 {
            *value = 1.0;
        }
    }
    mask.dilate(2);
    mask
}

/// A mask such as a detector or a hurried person makes: too wide, too narrow, with spots where there is no rust. There
/// the generator learns to leave things as they are.
fn told_mask(pair: &pairs::Pair, random: &mut Random) -> Plane {
    let mut mask = exact_mask(pair);
    match index(random, 5) {
        0 => mask.erode(1 + index(random, 2)),
        1 => {}
        _ => mask.dilate(index(random, 6)),
    }
    if chance(random, SPOTTED) {
        let (side, spots) = (mask.width as f32, 1 + index(random, 3));
        for _ in 0..spots {
            let centre = [uniform(random, 0.0, side), uniform(random, 0.0, side)];
            let radius = uniform(random, 3.0, side / 6.0);
            for (i, value) in mask.values.iter_mut().enumerate() {
                let (x, y) = ((i % side as usize) as f32 - centre[0], (i / side as usize) as f32 - centre[1]);
                if x * x + y * y < radius * radius {
                    *value = 1.0;
                }
            }
        }
    }
    if chance(random, 0.5) {
        mask.box_blur(1);
    }
    mask
}
