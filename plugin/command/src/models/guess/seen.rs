//! What a network answers to a picture of rusty metal, as numbers: what they can mean and what not.

use derust_manifest::Layout;
use ndarray::{ArrayD, Axis, Ix3, Ix4};

use super::planes::Answer;

/// The numbers of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) low: f32,
    pub(super) high: f32,
    /// Whether the channels of each pixel add up to one, and none is below zero.
    pub(super) sums_to_one: bool,
    /// How much three channels look like the picture's, by the correlation of each with its own: 1 is the picture itself.
    pub(super) likeness: Option<f32>,
}

impl Seen {
    /// Looks at an `answer` to `asked` [3, height, width]; `None` where it is no planes, or holds what is no number.
    pub(super) fn of(shape: &Answer<'_>, answer: &ArrayD<f32>, asked: &ndarray::Array3<f32>) -> Option<Self> {
        if answer.is_empty() || answer.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let bound = |pick: fn(f32, f32) -> f32, start| answer.iter().fold(start, |a, b| pick(a, *b));
        let planes = match answer.ndim() {
            3 => answer.view().into_dimensionality::<Ix3>().ok()?,
            4 => {
                let planes = answer.view().into_dimensionality::<Ix4>().ok()?.index_axis_move(Axis(0), 0);
                if shape.layout == Layout::Nchw { planes } else { planes.permuted_axes([2, 0, 1]) }
            }
            _ => return None,
        };
        let sums = planes.sum_axis(Axis(0));
        let is_share = planes.dim().0 > 1
            && planes.iter().all(|value| *value >= -1e-4)
            && sums.iter().all(|sum| (sum - 1.0).abs() < 1e-2);
        let likeness = (planes.dim() == asked.dim() && planes.dim().0 == 3).then(|| {
            let of_channel = |c: usize| {
                correlation(planes.index_axis(Axis(0), c).iter(), asked.index_axis(Axis(0), c).iter())
            };
            (0..3).map(of_channel).sum::<f32>() / 3.0
        });
        Some(Seen {
            low: bound(f32::min, f32::MAX),
            high: bound(f32::max, f32::MIN),
            sums_to_one: is_share,
            likeness,
        })
    }

    /// Whether it says the same of every pixel.
    pub(super) fn is_constant(&self) -> bool {
        self.high - self.low <= 1e-3 * self.high.abs().max(self.low.abs()).max(1e-3)
    }

    pub(super) fn lies_within(&self, low: f32, high: f32) -> bool {
        let slack = 1e-3 * (high - low);
        self.low >= low - slack && self.high <= high + slack
    }
}

/// Pearson's correlation; 0 where one does not vary.
fn correlation<'a>(a: impl Iterator<Item = &'a f32>, b: impl Iterator<Item = &'a f32>) -> f32 {
    let (mut count, mut sums) = (0.0_f64, [0.0_f64; 5]);
    for (a, b) in a.zip(b) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        count += 1.0;
        for (sum, value) in sums.iter_mut().zip([a, b, a * a, b * b, a * b]) {
            *sum += value;
        }
    }
    let [a, b, aa, bb, ab] = sums.map(|sum| sum / count.max(1.0));
    let spread = ((aa - a * a) * (bb - b * b)).max(0.0).sqrt();
    if spread > 1e-9 { ((ab - a * b) / spread) as f32 } else { 0.0 }
}
