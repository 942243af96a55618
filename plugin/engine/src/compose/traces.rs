//! Alphas without faint traces: those that lead nowhere, and those that nobody sees.

use ndarray::{Array2, Array3, Axis, Zip};

use super::SMALLEST_ALPHA;
use crate::control::Stopped;
use crate::resample::{neighbours, window_mean};
use crate::room;

/// An alpha from which on something was found for sure.
const SURE: f32 = 0.5;

/// Change of a colour value, 0 to 1, from which on it is seen. A little more than the 6 of 255 by which treatments are
/// told from leaks in measuring, since texture may take some of it back.
const SEEN: f32 = 8.0 / 255.0;
/// How far, in the picture's pixels, changes that are not seen may lie from those that are: the soft edges around them.
const REACH: f32 = 12.0;

/// Makes alpha zero wherever it is faint and no path over pixels with an alpha leads to one where something was found
/// for sure (hysteresis thresholding; Canny 1986, IEEE PAMI 8(6)).
pub(crate) fn without_faint_traces(mut alpha: Array2<f32>) -> Result<Array2<f32>, Stopped> {
    let mut kept = room::map(alpha.view(), |alpha| *alpha >= SURE)?;
    let mut open: Vec<(usize, usize)> =
        room::collect(kept.indexed_iter().filter(|(_, sure)| **sure).map(|(at, _)| at))?;
    while let Some(pixel) = open.pop() {
        for next in neighbours(pixel) {
            if alpha.get(next).is_some_and(|alpha| *alpha >= SMALLEST_ALPHA) && !kept[next] {
                kept[next] = true;
                room::push(&mut open, next)?;
            }
        }
    }
    alpha.zip_mut_with(&kept, |alpha, kept| {
        if !kept {
            *alpha = 0.0;
        }
    });
    Ok(alpha)
}

/// Makes alpha zero wherever it changes the picture so little that nobody sees it, and so it is all around: what is not
/// treated stays bit for bit the same. `fill` and `picture` are [3, height, width], as large as `alpha`; the picture was
/// reduced to that by `reduction`, 1 or more.
pub(crate) fn without_unseen_traces(
    mut alpha: Array2<f32>,
    fill: &Array3<f32>,
    picture: &Array3<f32>,
    reduction: f32,
) -> Result<Array2<f32>, Stopped> {
    let mut seen = room::filled(alpha.dim(), 0.0)?;
    for (fill, picture) in fill.axis_iter(Axis(0)).zip(picture.axis_iter(Axis(0))) {
        Zip::from(&mut seen).and(&alpha).and(fill).and(picture).for_each(|seen, alpha, fill, picture| {
            if alpha * (fill - picture).abs() >= SEEN {
                *seen = 1.0;
            }
        });
    }
    // Beyond two pixels the change of one is not spread, however coarse they are.
    let reach = (REACH / reduction).round().max(2.0) as usize;
    alpha.zip_mut_with(&window_mean(seen.view(), reach)?, |alpha, seen| {
        if *seen == 0.0 {
            *alpha = 0.0;
        }
    });
    Ok(alpha)
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    #[test]
    fn only_what_leads_to_something_sure_stays() {
        let alpha =
            arr2(&[[0.2, 0.0, 0.0, 0.3, 0.4], [0.0, 0.4, 0.0, 0.0, 0.001], [0.001, 0.0, 0.6, 0.0, 0.9]]);
        let expected =
            arr2(&[[0.2, 0.0, 0.0, 0.0, 0.0], [0.0, 0.4, 0.0, 0.0, 0.0], [0.0, 0.0, 0.6, 0.0, 0.9]]);
        assert_eq!(without_faint_traces(alpha).unwrap(), expected);
        assert_eq!(without_faint_traces(arr2(&[[0.49]])).unwrap(), arr2(&[[0.0]]));
    }

    #[test]
    fn what_nobody_sees_stays_only_beside_what_is_seen() {
        let picture = Array3::zeros((3, 1, 40));
        let mut fill = Array3::zeros((3, 1, 40));
        fill.index_axis_mut(Axis(0), 1).fill(0.5);
        let mut alpha = Array2::from_elem((1, 40), 0.05);
        alpha[[0, 20]] = 0.1;
        let kept = |reduction| {
            let alpha = without_unseen_traces(alpha.clone(), &fill, &picture, reduction).unwrap();
            let kept = alpha.iter().enumerate().filter(|(_, alpha)| **alpha > 0.0).map(|(x, _)| x);
            kept.collect::<Vec<_>>()
        };
        assert_eq!(kept(1.0), (8..=32).collect::<Vec<_>>());
        assert_eq!(kept(4.0), (17..=23).collect::<Vec<_>>());
        assert_eq!(kept(100.0), (18..=22).collect::<Vec<_>>());
        alpha[[0, 20]] = 0.05;
        let none = without_unseen_traces(alpha, &fill, &picture, 1.0).unwrap();
        assert!(none.iter().all(|alpha| *alpha == 0.0));
    }
}
