//! What lies around the pixels of a plane.

use ndarray::{Array2, ArrayView2, Axis, Slice};

use crate::control::Stopped;
use crate::room;

/// Mean over the window of `2 radius + 1` pixels a side around every pixel, as far as it lies inside. Summed anew for
/// every pixel: running sums would leave traces of distant values where everything is zero.
pub(crate) fn window_mean(plane: ArrayView2<'_, f32>, radius: usize) -> Result<Array2<f32>, Stopped> {
    mean_along(mean_along(plane, radius, Axis(0))?.view(), radius, Axis(1))
}

/// The highest value of the window of `2 radius + 1` pixels a side around every pixel, as far as it lies inside.
pub(crate) fn window_max(plane: &Array2<f32>, radius: usize) -> Result<Array2<f32>, Stopped> {
    max_along(&max_along(plane, radius, Axis(0))?, radius, Axis(1))
}

fn max_along(plane: &Array2<f32>, radius: usize, axis: Axis) -> Result<Array2<f32>, Stopped> {
    let mut highest = room::copy(plane.view())?;
    for step in 1..=radius.min(plane.len_of(axis).saturating_sub(1)) {
        let step = step as isize;
        let (head, tail) = (Slice::from(..-step), Slice::from(step..));
        let raise = |highest: &mut f32, value: &f32| *highest = highest.max(*value);
        highest.slice_axis_mut(axis, head).zip_mut_with(&plane.slice_axis(axis, tail), raise);
        highest.slice_axis_mut(axis, tail).zip_mut_with(&plane.slice_axis(axis, head), raise);
    }
    Ok(highest)
}

fn mean_along(plane: ArrayView2<'_, f32>, radius: usize, axis: Axis) -> Result<Array2<f32>, Stopped> {
    let (height, width) = plane.dim();
    let mut mean = room::filled((height, width), 0.0)?;
    let in_order;
    let plane = if plane.is_standard_layout() {
        plane
    } else {
        in_order = room::copy(plane)?;
        in_order.view()
    };
    let source = plane.as_slice().expect("planes lie row by row");
    let target = mean.as_slice_mut().expect("planes lie row by row");
    let window = |i: usize, length: usize| i.saturating_sub(radius)..(i + radius + 1).min(length);
    for (y, out) in target.chunks_mut(width.max(1)).enumerate() {
        if axis == Axis(0) {
            let rows = window(y, height);
            let part = 1.0 / rows.len() as f32;
            for row in rows {
                let values = &source[row * width..][..width];
                out.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
            out.iter_mut().for_each(|sum| *sum *= part);
        } else {
            let row = &source[y * width..][..width];
            // Away from the borders every window has the same width, and whole rows can be added at once.
            let first = radius.min(width);
            let inner = first..width.saturating_sub(radius).max(first);
            for offset in 0..=2 * radius {
                let Some(shifted) = row.get(offset..offset + inner.len()) else { break };
                out[inner.clone()].iter_mut().zip(shifted).for_each(|(sum, value)| *sum += value);
            }
            out[inner.clone()].iter_mut().for_each(|sum| *sum *= 1.0 / (2 * radius + 1) as f32);
            for x in (0..inner.start).chain(inner.end..width) {
                let window = window(x, width);
                out[x] = row[window.clone()].iter().sum::<f32>() / window.len() as f32;
            }
        }
    }
    Ok(mean)
}

/// Row and column of the eight pixels around one; some may lie outside.
pub(crate) fn neighbours((y, x): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dy, dx)));
    around
        .filter(|step| *step != (0, 0))
        .map(move |(dy, dx)| (y.wrapping_add_signed(dy), x.wrapping_add_signed(dx)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_at_the_borders_of_planes_of_any_size() {
        for (height, width) in [(1, 1), (1, 9), (9, 1), (2, 3), (7, 8), (12, 11)] {
            let plane = Array2::from_shape_fn((height, width), |(y, x)| ((y * 5 + x * 3) % 7) as f32);
            for radius in [1, 2, 5] {
                let mean = window_mean(plane.view(), radius).unwrap();
                let highest = window_max(&plane, radius).unwrap();
                for ((y, x), mean) in mean.indexed_iter() {
                    let of = |at: usize, end: usize| at.saturating_sub(radius)..(at + radius + 1).min(end);
                    let window = plane.slice(ndarray::s![of(y, height), of(x, width)]);
                    let expected = window.mean().unwrap();
                    assert_eq!(highest[[y, x]], window.iter().copied().fold(0.0, f32::max));
                    assert!(
                        (mean - expected).abs() < 1e-5,
                        "{height} x {width}, {radius}: {mean}, {expected}"
                    );
                }
            }
        }
    }
}
