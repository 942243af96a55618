//! Pixels to planar float32, at the scale at which networks work.

use ndarray::{Array2, Array3, ArrayView3, s};

use super::gaps;
use crate::control::{Control, Stopped};
use crate::pixels::Picture;
use crate::room;
use crate::timings::Phase;

/// Width and height at which a picture of `size` is analysed, when its whole has the long side `whole_long_side`
/// and the network wants at most `long_side`.
pub(crate) fn working_size(size: (u32, u32), whole_long_side: u32, long_side: Option<u32>) -> (u32, u32) {
    let Some(long_side) = long_side.filter(|side| *side < whole_long_side) else { return size };
    let scale = f64::from(long_side) / f64::from(whole_long_side);
    let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).clamp(1, length);
    (scaled(size.0), scaled(size.1))
}

/// The picture's region as [3, height, width], red first, sRGB-encoded, 0 to 1; smaller sizes by area averaging over the
/// pixels that count.
pub(crate) fn colours(
    picture: &Picture<'_>,
    size: (u32, u32),
    control: Control<'_>,
) -> Result<Array3<f32>, Stopped> {
    control.within(Phase::Reduce, || {
        if picture.may_have_gaps() {
            return Ok(gaps::colours(picture, size, control)?.0);
        }
        reduce(picture.size(), size, control, |y, row: &mut [[f32; 3]]| {
            picture.read_colours(y, row);
            Ok(())
        })
    })
}

/// The mask's region as [height, width], 0 to 1; smaller sizes by area averaging.
pub(crate) fn coverage(
    mask: &Picture<'_>,
    size: (u32, u32),
    control: Control<'_>,
) -> Result<Array2<f32>, Stopped> {
    let mut values = room::row(0.0, mask.size().0 as usize)?;
    let read_row = |y, row: &mut [[f32; 1]]| {
        mask.read_coverage(y, &mut values);
        row.iter_mut().zip(&values).for_each(|(pixel, value)| *pixel = [*value]);
        Ok(())
    };
    let plane = control.within(Phase::Reduce, || reduce(mask.size(), size, control, read_row))?;
    Ok(plane.index_axis_move(ndarray::Axis(0), 0))
}

/// Planes [3, height, width] at a part of their height and width, `scale` 0 to 1, by area averaging.
pub(crate) fn smaller(colours: ArrayView3<'_, f32>, scale: f32) -> Result<Array3<f32>, Stopped> {
    let (_, height, width) = colours.dim();
    let scaled = |side: usize| ((side as f32 * scale).round() as u32).clamp(1, side as u32);
    reduce(
        (width as u32, height as u32),
        (scaled(width), scaled(height)),
        Control::default(),
        |y, row: &mut [[f32; 3]]| {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = std::array::from_fn(|c| colours[[c, y as usize, x]]);
            }
            Ok(())
        },
    )
}

/// What an input pixel adds to the output pixels `index` and `index + 1`.
struct Share {
    index: usize,
    here: f32,
    next: f32,
}

/// The shares of `from` input pixels in `to` output pixels (`to <= from`); those of one output pixel sum to 1.
fn shares(from: u32, to: u32) -> Result<Vec<Share>, Stopped> {
    let ratio = f64::from(to) / f64::from(from);
    let edge = |i: u32| if from == to { f64::from(i) } else { f64::from(i) * ratio };
    let share = |i| {
        let (left, right) = (edge(i), edge(i + 1).min(f64::from(to)));
        let index = (left as usize).min(to as usize - 1);
        let border = (index + 1) as f64;
        Share { index, here: (right.min(border) - left) as f32, next: (right - border).max(0.0) as f32 }
    };
    room::collect((0..from).map(share))
}

/// Area averaging (each output pixel is the mean over the rectangle that it covers): rows are summed at full width
/// first, so that the columns are walked through once per output row only.
pub(crate) fn reduce<const N: usize>(
    from: (u32, u32),
    to: (u32, u32),
    control: Control<'_>,
    mut read_row: impl FnMut(u32, &mut [[f32; N]]) -> Result<(), Stopped>,
) -> Result<Array3<f32>, Stopped> {
    let [columns, rows] = [shares(from.0, to.0)?, shares(from.1, to.1)?];
    let mut planes = room::filled((N, to.1 as usize, to.0 as usize), 0.0)?;
    let mut input = room::row([0.0; N], from.0 as usize)?;
    let mut sum = room::row([0.0; N], from.0 as usize)?;
    // One more than needed, for the share that the last pixel does not give to a next one.
    let mut output = room::row([0.0; N], to.0 as usize + 1)?;
    for (y, row) in (0..from.1).zip(&rows) {
        control.row(y, from.1)?;
        read_row(y, &mut input)?;
        add(&mut sum, &input, row.here);
        if rows.get(y as usize + 1).is_some_and(|next| next.index == row.index) {
            continue;
        }
        output.fill([0.0; N]);
        for (pixel, column) in sum.iter().zip(&columns) {
            for c in 0..N {
                output[column.index][c] += pixel[c] * column.here;
                output[column.index + 1][c] += pixel[c] * column.next;
            }
        }
        for c in 0..N {
            let mut plane = planes.slice_mut(s![c, row.index, ..]);
            plane.iter_mut().zip(&output).for_each(|(value, pixel)| *value = pixel[c]);
        }
        sum.fill([0.0; N]);
        add(&mut sum, &input, row.next);
    }
    Ok(planes)
}

fn add<const N: usize>(sum: &mut [[f32; N]], row: &[[f32; N]], weight: f32) {
    if weight == 0.0 {
        return;
    }
    for (sum, value) in sum.as_flattened_mut().iter_mut().zip(row.as_flattened()) {
        *sum += value * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::{Channels, Depth, Layout};

    fn gray(width: u32, height: u32) -> Vec<u8> {
        (0..width * height).map(|i| (i * 97 % 256) as u8).collect()
    }

    fn planes(data: &[u8], from: (u32, u32), to: (u32, u32)) -> Array3<f32> {
        let picture = Picture::new(data, Layout::packed(from.0, from.1, Channels::Gray, Depth::U8)).unwrap();
        colours(&picture, to, Control::default()).unwrap()
    }

    #[test]
    fn the_working_size_keeps_the_shape_and_never_grows() {
        assert_eq!(working_size((6000, 4000), 6000, Some(512)), (512, 341));
        assert_eq!(working_size((300, 200), 300, Some(512)), (300, 200));
        assert_eq!(working_size((20000, 1), 20000, Some(512)), (512, 1));
        assert_eq!(working_size((600, 400), 6000, Some(3000)), (300, 200));
        assert_eq!(working_size((600, 400), 600, None), (600, 400));
    }

    #[test]
    fn the_same_size_is_an_exact_copy() {
        let data = gray(13, 7);
        let planes = planes(&data, (13, 7), (13, 7));
        for ((_, y, x), value) in planes.indexed_iter() {
            assert_eq!(*value, f32::from(data[y * 13 + x]) / 255.0);
        }
    }

    #[test]
    fn reducing_keeps_the_mean_and_averages_exact_blocks() {
        let data = gray(12, 9);
        let reduced = planes(&data, (12, 9), (4, 3));
        let block: u32 = (3..6)
            .flat_map(|y| (4 - 1..6).map(move |x| (x, y)))
            .map(|(x, y)| u32::from(data[y * 12 + x]))
            .sum();
        assert!((reduced[[0, 1, 1]] - block as f32 / 9.0 / 255.0).abs() < 1e-6);
        let uneven = planes(&data, (12, 9), (7, 5));
        let mean = data.iter().map(|v| f32::from(*v)).sum::<f32>() / 108.0 / 255.0;
        assert!((uneven.mean().unwrap() - mean).abs() < 1e-5);
        assert_eq!(planes(&data, (12, 9), (1, 1)).shape(), [3, 1, 1]);
    }
}
