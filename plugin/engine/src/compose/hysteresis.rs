//! Alphas without faint traces that lead nowhere.

use ndarray::Array2;

use super::SMALLEST_ALPHA;
use crate::window::neighbours;

/// An alpha from which on something was found for sure.
const SURE: f32 = 0.5;

/// Makes alpha zero wherever it is faint and no path over pixels with an alpha leads to one where something was found
/// for sure (hysteresis thresholding; Canny 1986, IEEE PAMI 8(6)).
pub(crate) fn without_faint_traces(mut alpha: Array2<f32>) -> Array2<f32> {
    let mut kept = alpha.mapv(|alpha| alpha >= SURE);
    let mut open: Vec<(usize, usize)> =
        kept.indexed_iter().filter(|(_, sure)| **sure).map(|(at, _)| at).collect();
    while let Some(pixel) = open.pop() {
        for next in neighbours(pixel) {
            if alpha.get(next).is_some_and(|alpha| *alpha >= SMALLEST_ALPHA) && !kept[next] {
                kept[next] = true;
                open.push(next);
            }
        }
    }
    alpha.zip_mut_with(&kept, |alpha, kept| {
        if !kept {
            *alpha = 0.0;
        }
    });
    alpha
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
        assert_eq!(without_faint_traces(alpha), expected);
        assert_eq!(without_faint_traces(arr2(&[[0.49]])), arr2(&[[0.0]]));
    }
}
