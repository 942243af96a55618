//! What a caller makes of a fill: how much of its shape stays, and in which colour it is painted.

use std::borrow::Cow;

use ndarray::{Array2, Array3, Zip};

use crate::control::Stopped;
use crate::error::Error;
use crate::pixels::{Transfer, from_srgb, luma, to_srgb};
use crate::resample::window_mean;
use crate::room;

/// How a fill takes the place of rust.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// How much of the rust goes, 0 to 1.
    pub strength: f32,
    /// How much of the fill's shape stays, its edges, relief and shading, 0 to 1; at 0 its coarse colours are left.
    pub shape: f32,
    /// The colour in which the fill is painted, with its light and shadow: red, green and blue, sRGB-encoded, 0 to 1. Its
    /// own colours when absent.
    pub colour: Option<[f32; 3]>,
}

impl Default for Look {
    fn default() -> Self {
        Look { strength: 1.0, shape: 1.0, colour: None }
    }
}

/// Half the side of the windows whose mean is taken, twice, for coarse colours; in pixels at the working scale.
const COARSE: usize = 8;

/// The brightest that paint gets where the fill is brighter than on the whole, in times its colour.
const MOST_LIGHT: f32 = 4.0;

/// Luminance that is added on both sides, so that what is black all over has the colour itself.
const DARKEST: f32 = 1e-3;

impl Look {
    /// Whether fills are taken as they are.
    pub(super) fn is_plain(&self) -> bool {
        self.shape == 1.0 && self.colour.is_none()
    }

    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, value) in [("strength", self.strength), ("shape", self.shape)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::Option(format!(
                    "a {name} of {value} makes no sense; it goes from 0 to 1"
                )));
            }
        }
        if let Some(colour) =
            self.colour.filter(|colour| !colour.iter().all(|part| (0.0..=1.0).contains(part)))
        {
            return Err(Error::Option(format!(
                "the colour {colour:?} makes no sense; its parts go from 0 to 1"
            )));
        }
        Ok(())
    }

    /// The colours of a `fill` [3, height, width], sRGB-encoded, for this look. `alpha` [height, width] says where it is
    /// going to be seen.
    pub(super) fn of<'a>(
        &self,
        fill: &'a Array3<f32>,
        alpha: &Array2<f32>,
    ) -> Result<Cow<'a, Array3<f32>>, Stopped> {
        let mut colours = Cow::Borrowed(fill);
        if self.shape < 1.0 {
            colours = Cow::Owned(flattened(fill, alpha, self.shape)?);
        }
        if let Some(colour) = self.colour {
            let mut owned = match colours {
                Cow::Owned(owned) => owned,
                Cow::Borrowed(fill) => room::copy(fill.view())?,
            };
            paint(&mut owned, alpha, colour);
            colours = Cow::Owned(owned);
        }
        Ok(colours)
    }
}

/// The fill with `shape` times its difference from its own mean nearby, in which only what is seen counts.
fn flattened(fill: &Array3<f32>, alpha: &Array2<f32>, shape: f32) -> Result<Array3<f32>, Stopped> {
    let twice = |plane: Array2<f32>| window_mean(window_mean(plane.view(), COARSE)?.view(), COARSE);
    let weight = twice(room::copy(alpha.view())?)?;
    let mut flat = room::copy(fill.view())?;
    for mut plane in flat.outer_iter_mut() {
        let mut weighted = room::copy(plane.view())?;
        weighted *= alpha;
        let coarse = twice(weighted)?;
        Zip::from(&mut plane).and(&coarse).and(&weight).for_each(|value, coarse, weight| {
            if *weight > 1e-4 {
                let coarse = coarse / weight;
                *value = (coarse + shape * (*value - coarse)).clamp(0.0, 1.0);
            }
        });
    }
    Ok(flat)
}

/// Paints a fill: its luminance over the mean luminance of what is seen is the light that falls on the colour.
fn paint(fill: &mut Array3<f32>, alpha: &Array2<f32>, colour: [f32; 3]) {
    let linear = |encoded: f32| from_srgb(Transfer::Linear, encoded);
    // Of linear colours the weights give luminance.
    let at = |fill: &Array3<f32>, y: usize, x: usize| luma([0, 1, 2].map(|c| linear(fill[[c, y, x]])));
    let (mut sum, mut weight) = (0.0_f64, 0.0_f64);
    for ((y, x), alpha) in alpha.indexed_iter().filter(|(_, alpha)| **alpha > 0.0) {
        sum += f64::from(alpha * at(fill, y, x));
        weight += f64::from(*alpha);
    }
    if weight == 0.0 {
        return;
    }
    let mean = (sum / weight) as f32;
    let colour = colour.map(linear);
    let (_, height, width) = fill.dim();
    for y in 0..height {
        for x in 0..width {
            let light = ((at(fill, y, x) + DARKEST) / (mean + DARKEST)).min(MOST_LIGHT);
            for c in 0..3 {
                fill[[c, y, x]] = to_srgb(Transfer::Linear, (colour[c] * light).min(1.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gray with fine stripes upon a slope, seen in its left half.
    fn fill() -> (Array3<f32>, Array2<f32>) {
        let gray = |x: usize| 0.3 + 0.004 * x as f32 + if x.is_multiple_of(2) { 0.05 } else { -0.05 };
        let fill = Array3::from_shape_fn((3, 40, 80), |(_, _, x)| if x < 40 { gray(x) } else { 1.0 });
        (fill, Array2::from_shape_fn((40, 80), |(_, x)| if x < 40 { 1.0 } else { 0.0 }))
    }

    fn stripes(fill: &Array3<f32>) -> f32 {
        (10..30).map(|x| (fill[[1, 20, x]] - fill[[1, 20, x + 1]]).abs()).sum::<f32>() / 20.0
    }

    #[test]
    fn shape_goes_from_the_fills_own_to_none_and_nothing_unseen_leaks_in() {
        let (fill, alpha) = fill();
        let of = |shape| Look { shape, ..Look::default() }.of(&fill, &alpha).unwrap().into_owned();
        assert_eq!(of(1.0), fill);
        let (half, none) = (of(0.5), of(0.0));
        assert!((stripes(&half) - stripes(&fill) / 2.0).abs() < 0.01, "{}", stripes(&half));
        assert!(stripes(&none) < 0.01, "{}", stripes(&none));
        assert!(none[[1, 20, 39]] < 0.6, "the white beside it: {}", none[[1, 20, 39]]);
        assert!(none[[1, 20, 38]] > none[[1, 20, 2]] + 0.05, "the slope is coarse, and stays");
    }

    #[test]
    fn paint_has_its_colour_on_the_whole_and_the_fills_light() {
        let (fill, alpha) = fill();
        let colour = [0.2, 0.4, 0.7];
        let painted = Look { colour: Some(colour), ..Look::default() }.of(&fill, &alpha).unwrap();
        let linear = |encoded: f32| from_srgb(Transfer::Linear, encoded);
        for (c, wanted) in colour.into_iter().enumerate() {
            let mean = (0..40).map(|x| linear(painted[[c, 20, x]])).sum::<f32>() / 40.0;
            assert!((to_srgb(Transfer::Linear, mean) - wanted).abs() < 0.02, "{c}: {mean}");
        }
        for x in 0..39 {
            let (own, paints) =
                (fill[[1, 20, x]] < fill[[1, 20, x + 1]], painted[[1, 20, x]] < painted[[1, 20, x + 1]]);
            assert_eq!(own, paints, "light and shadow at {x}");
        }
    }

    #[test]
    fn a_black_fill_can_be_painted() {
        let (fill, alpha) = (Array3::zeros((3, 4, 4)), Array2::ones((4, 4)));
        let painted =
            Look { colour: Some([1.0; 3]), ..Look::default() }.of(&fill, &alpha).unwrap().into_owned();
        assert!(painted.iter().all(|value| *value > 0.999), "{painted}");
    }
}
