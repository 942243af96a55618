//! Analysis + picture + settings -> result. Never runs a network; holds one row at the picture's scale.

mod upsample;

use ndarray::{Array2, Array3, Axis};

use crate::control::Control;
use crate::error::Error;
use crate::pixels::{Picture, PictureMut, PixelsError};
use upsample::Upsampler;

/// Alphas below one 8-bit step are exact zeros: those pixels stay bit for bit the same.
const SMALLEST_ALPHA: f32 = 1.0 / 255.0;

/// The colour of the overlay, and how much of it lies over a pixel that is surely rust.
const OVERLAY: ([f32; 3], f32) = ([1.0, 0.0, 0.25], 0.6);

/// How a caller's mask acts on the alpha that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaskMode {
    /// The mask limits what the network found.
    #[default]
    Limit,
    /// The mask stands in for what the network found.
    Replace,
}

/// Where the alpha of a removal comes from.
pub(crate) enum AlphaSource<'a> {
    /// Found, at the working scale.
    Found(&'a Array2<f32>),
    /// Found, and multiplied by the caller's mask.
    Limited(&'a Array2<f32>, &'a Picture<'a>),
    /// The caller's mask alone.
    Mask(&'a Picture<'a>),
}

/// Blends `fill` [3, height, width], at the working scale, into `target`:
/// result = picture + alpha x strength x (fill - picture).
pub(crate) fn removal(
    fill: &Array3<f32>,
    alpha: &AlphaSource<'_>,
    strength: f32,
    target: &mut PictureMut<'_>,
    control: Control<'_>,
) -> Result<(), Error> {
    let (width, height) = target.size();
    if let AlphaSource::Limited(_, mask) | AlphaSource::Mask(mask) = alpha {
        same_size("mask", mask.size(), target.size())?;
    }
    let (_, fill_height, fill_width) = fill.dim();
    let upsampler = Upsampler::new((fill_width as u32, fill_height as u32), target.size());
    let mut amount = vec![0.0; width as usize];
    let mut coverage = vec![0.0; width as usize];
    let mut colours = vec![[0.0; 3]; width as usize];
    for y in 0..height {
        control.row(y, height)?;
        match alpha {
            AlphaSource::Found(found) => upsampler.read(found.view(), y, &mut amount),
            AlphaSource::Limited(found, mask) => {
                upsampler.read(found.view(), y, &mut amount);
                mask.read_coverage(y, &mut coverage);
            }
            AlphaSource::Mask(mask) => mask.read_coverage(y, &mut amount),
        }
        amount.iter_mut().filter(|alpha| **alpha < SMALLEST_ALPHA).for_each(|alpha| *alpha = 0.0);
        if let AlphaSource::Limited(..) = alpha {
            amount.iter_mut().zip(&coverage).for_each(|(alpha, mask)| *alpha *= mask);
        }
        amount.iter_mut().for_each(|alpha| *alpha *= strength);
        if amount.iter().all(|alpha| *alpha == 0.0) {
            continue;
        }
        for (c, plane) in fill.axis_iter(Axis(0)).enumerate() {
            upsampler.read_channel(plane, y, c, &mut colours);
        }
        target.blend(y, &amount, &colours);
    }
    Ok(control.step(1, 1)?)
}

/// Calls `use_row` with each row of `plane` at the size `to`.
pub(crate) fn for_each_row(
    plane: &Array2<f32>,
    to: (u32, u32),
    control: Control<'_>,
    mut use_row: impl FnMut(u32, &[f32]),
) -> Result<(), Error> {
    let upsampler = Upsampler::new((plane.ncols() as u32, plane.nrows() as u32), to);
    let mut row = vec![0.0; to.0 as usize];
    for y in 0..to.1 {
        control.row(y, to.1)?;
        upsampler.read(plane.view(), y, &mut row);
        use_row(y, &row);
    }
    Ok(control.step(1, 1)?)
}

/// Writes white where `probability` reaches `threshold`, black elsewhere.
pub(crate) fn mask(
    probability: &Array2<f32>,
    threshold: f32,
    target: &mut PictureMut<'_>,
    control: Control<'_>,
) -> Result<(), Error> {
    let mut row = vec![0.0; target.size().0 as usize];
    for_each_row(probability, target.size(), control, |y, values| {
        row.iter_mut().zip(values).for_each(|(out, value)| *out = f32::from(u8::from(*value >= threshold)));
        target.write_coverage(y, &row);
    })
}

/// Writes the probability, black for 0 and white for 1.
pub(crate) fn probability(
    probability: &Array2<f32>,
    target: &mut PictureMut<'_>,
    control: Control<'_>,
) -> Result<(), Error> {
    for_each_row(probability, target.size(), control, |y, values| target.write_coverage(y, values))
}

/// Colours what reaches `threshold` in `target`, which holds the picture; the surer the stronger.
pub(crate) fn overlay(
    probability: &Array2<f32>,
    threshold: f32,
    target: &mut PictureMut<'_>,
    control: Control<'_>,
) -> Result<(), Error> {
    let (colour, most) = OVERLAY;
    let width = target.size().0 as usize;
    let colours = vec![colour; width];
    let mut amount = vec![0.0; width];
    for_each_row(probability, target.size(), control, |y, values| {
        let strength = |value: f32| if value >= threshold { most * value } else { 0.0 };
        amount.iter_mut().zip(values).for_each(|(out, value)| *out = strength(*value));
        target.blend(y, &amount, &colours);
    })
}

/// Refuses pictures that do not lie upon one another.
pub(crate) fn same_size(what: &'static str, got: (u32, u32), needed: (u32, u32)) -> Result<(), PixelsError> {
    if got == needed { Ok(()) } else { Err(PixelsError::Size { what, got, needed }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::{Channels, Depth, Layout};

    #[test]
    fn alphas_below_one_step_are_zeros() {
        let fill = Array3::ones((3, 1, 3));
        let alpha = ndarray::arr2(&[[0.0, 0.003, 0.5]]);
        let mut data: Vec<u8> = [0.25_f32; 9].iter().flat_map(|value| value.to_ne_bytes()).collect();
        let before = data.clone();
        let mut target = PictureMut::new(&mut data, Layout::packed(3, 1, Channels::Rgb, Depth::F32)).unwrap();
        removal(&fill, &AlphaSource::Found(&alpha), 1.0, &mut target, Control::default()).unwrap();
        assert_eq!(data[..24], before[..24]);
        assert_ne!(data[24..], before[24..]);
    }
}
