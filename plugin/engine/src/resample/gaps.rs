//! Pixels that do not count, because they are transparent, outside of the host's mask, or no numbers: networks see even
//! surroundings in their place, and nothing is found or changed there.

use ndarray::{Array2, Array3, Axis, Zip, s};

use crate::control::{Control, Stopped};
use crate::pixels::Picture;
use crate::room;

use super::reduce::reduce;

/// The part of a pixel at the working scale that has to count for it to be seen.
const SEEN: f32 = 1.0 / 256.0;

/// The picture's region as [3, height, width] and how much of every pixel counts, [height, width], 0 to 1. Pixels of
/// which nothing counts have the mean colour of the others.
pub(crate) fn colours(
    picture: &Picture<'_>,
    size: (u32, u32),
    control: Control<'_>,
) -> Result<(Array3<f32>, Array2<f32>), Stopped> {
    let width = picture.size().0 as usize;
    let (mut row_colours, mut row_valid) = (room::row([0.0; 3], width)?, room::row(true, width)?);
    let mut complete = true;
    let planes = reduce(picture.size(), size, control, |y, row: &mut [[f32; 4]]| {
        picture.read_colours(y, &mut row_colours);
        picture.read_valid(y, &mut row_valid)?;
        for ((out, [red, green, blue]), valid) in row.iter_mut().zip(&row_colours).zip(&row_valid) {
            *out = if *valid { [*red, *green, *blue, 1.0] } else { [0.0; 4] };
            complete &= *valid;
        }
        Ok(())
    })?;
    let mut colours = room::copy(planes.slice(s![..3, .., ..]))?;
    let counts = planes.index_axis_move(Axis(0), 3);
    if complete {
        return Ok((colours, room::filled(counts.dim(), 1.0)?));
    }
    let whole: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    for mut plane in colours.outer_iter_mut() {
        let sum: f64 = plane.iter().map(|value| f64::from(*value)).sum();
        let mean = if whole > 0.0 { (sum / whole) as f32 } else { 0.0 };
        Zip::from(&mut plane).and(&counts).for_each(|value, count| {
            *value = if *count >= SEEN { (*value / count).min(1.0) } else { mean };
        });
    }
    Ok((colours, counts))
}

/// How much of every pixel at the working scale counts; `None` where all do.
pub(crate) fn counts(picture: &Picture<'_>, size: (u32, u32)) -> Result<Option<Array2<f32>>, Stopped> {
    if !picture.may_have_gaps() {
        return Ok(None);
    }
    let mut row_valid = room::row(true, picture.size().0 as usize)?;
    let planes = reduce(picture.size(), size, Control::default(), |y, row: &mut [[f32; 1]]| {
        picture.read_valid(y, &mut row_valid)?;
        row.iter_mut().zip(&row_valid).for_each(|(out, valid)| *out = [f32::from(u8::from(*valid))]);
        Ok(())
    })?;
    let counts = planes.index_axis_move(Axis(0), 0);
    Ok(counts.iter().any(|count| *count < 1.0 - SEEN).then_some(counts))
}

/// Sets the values of row `y` to zero that do not count, and answers with how many those are.
pub(crate) fn leave_out(picture: &Picture<'_>, y: u32, row: &mut [f32]) -> Result<usize, Stopped> {
    if !picture.may_have_gaps() {
        return Ok(0);
    }
    let mut valid = room::row(true, row.len())?;
    picture.read_valid(y, &mut valid)?;
    let mut left_out = 0;
    for (value, _) in row.iter_mut().zip(valid).filter(|(_, valid)| !valid) {
        *value = 0.0;
        left_out += 1;
    }
    Ok(left_out)
}
