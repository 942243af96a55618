//! A picture and its mirror images.

use ndarray::{ArrayBase, Axis, Ix3, RawData};

/// One way to look at planes [channels, height, width]. Every view is its own way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    mirrored: bool,
    upside_down: bool,
}

const VIEWS: [View; 4] = [
    View { mirrored: false, upside_down: false },
    View { mirrored: true, upside_down: false },
    View { mirrored: false, upside_down: true },
    View { mirrored: true, upside_down: true },
];

impl View {
    /// The picture itself, and the mirror images that so many views hold.
    pub(crate) fn first(count: u32) -> &'static [View] {
        &VIEWS[..VIEWS.len().min(count as usize)]
    }

    /// The planes as this view shows them.
    pub(crate) fn of<S: RawData>(self, mut planes: ArrayBase<S, Ix3>) -> ArrayBase<S, Ix3> {
        for (axis, turned) in [(Axis(1), self.upside_down), (Axis(2), self.mirrored)] {
            if turned {
                planes.invert_axis(axis);
            }
        }
        planes
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn views_differ_and_lead_back() {
        let planes = Array3::from_shape_fn((2, 3, 4), |(c, y, x)| 100 * c + 10 * y + x);
        let first = |view: &View| view.of(planes.view())[[1, 0, 0]];
        assert_eq!(View::first(1).iter().map(first).collect::<Vec<_>>(), [100]);
        assert_eq!(View::first(4).iter().map(first).collect::<Vec<_>>(), [100, 103, 120, 123]);
        for view in View::first(4) {
            assert_eq!(view.of(view.of(planes.view())), planes);
        }
    }
}
