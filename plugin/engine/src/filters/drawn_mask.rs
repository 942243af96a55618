//! What a network is told of a mask that somebody drew.
//!
//! Drawn masks have grays: feathered, antialiased, painted with a soft brush or stored as JPEG. They say how the result is
//! blended. A network learned from masks that are black and white, and takes a gray for "some of this colour is to stay",
//! so that rust would leak into its fill.

use ndarray::Array2;

use crate::control::Stopped;
use crate::resample::window_max;
use crate::room;

/// A coverage that is no trace of lossy compression: ten steps of an 8-bit mask.
const LEAST: f32 = 10.0 / 255.0;
/// Part of the highest coverage nearby from which on a pixel is treated: soft edges end well outside what they enclose, since
/// colours there are often rust; hard ones where they are; and strokes of a faint brush are treated as whole as others.
const PART: f32 = 0.25;
/// How far, in pixels at the working scale, a higher coverage makes a lower one an edge.
const NEARBY: usize = 8;
/// Of a mask's `coverage`, 0 to 1, what is to be treated: 0 or 1.
pub(super) fn treated(coverage: &Array2<f32>) -> Result<Array2<f32>, Stopped> {
    let highest = window_max(coverage, NEARBY)?;
    let mut treated = room::filled(coverage.dim(), 0.0)?;
    treated.zip_mut_with(&highest, |treated, highest| *treated = (PART * highest).max(LEAST));
    treated.zip_mut_with(coverage, |treated, coverage| {
        *treated = f32::from(u8::from(*coverage >= *treated));
    });
    Ok(treated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::window_mean;

    fn square(value: f32) -> Array2<f32> {
        Array2::from_shape_fn((40, 60), |(y, x)| {
            if (10..30).contains(&y) && (20..40).contains(&x) { value } else { 0.0 }
        })
    }

    #[test]
    fn masks_of_any_softness_and_opacity_treat_the_same_place() {
        let hard = treated(&square(1.0)).unwrap();
        assert_eq!(hard.sum(), 400.0);
        assert!(hard.iter().all(|treated| [0.0, 1.0].contains(treated)));
        for opacity in [0.1, 0.3, 250.0 / 255.0] {
            assert_eq!(treated(&square(opacity)).unwrap(), hard, "opacity {opacity}");
        }
        // What a blur with a sigma of about 3 pixels makes of it: the square, larger by one or two pixels on each side.
        let mean = |plane: &Array2<f32>, radius| window_mean(plane.view(), radius).unwrap();
        let blurred = mean(&mean(&mean(&square(1.0), 3), 2), 1);
        let soft = treated(&blurred).unwrap();
        assert!(soft.iter().zip(&hard).all(|(soft, hard)| soft >= hard), "less than the square is treated");
        assert!((22.0 * 22.0 - 12.0..=25.0 * 25.0).contains(&soft.sum()), "{}", soft.sum());
        // Ringing beside an edge, and faint noise far from any.
        let mut rings = square(1.0);
        rings.iter_mut().enumerate().for_each(|(i, value)| *value = (*value - 0.03 * (i % 2) as f32).abs());
        assert_eq!(treated(&rings).unwrap(), hard);
    }
}
