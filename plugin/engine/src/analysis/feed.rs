//! What an input is fed: the picture or the mask in the words of the manifest.

use derust_manifest::{ColourOrder, Input, InputRole, Layout};
use ndarray::{Array3, Array4, Axis};

/// What a network with a mask input is fed when there is no mask: find the rust yourself.
const NO_MASK: f32 = -1.0;

/// The tensor for an input, in the order of dimensions that its manifest says: of the picture [3, height, width], red
/// first, 0 to 1, or of the mask [1, height, width].
pub(super) fn feed(input: &Input, picture: &Array3<f32>, mask: Option<&Array3<f32>>) -> Array4<f32> {
    let [black, white] = input.range;
    let planes = match (input.role, mask) {
        (InputRole::Image, _) => picture,
        (_, Some(mask)) => mask,
        (_, None) => {
            let (_, height, width) = picture.dim();
            return arrange(Array4::from_elem((1, 1, height, width), NO_MASK), input.layout);
        }
    };
    let mut tensor = planes.clone().insert_axis(Axis(0));
    if input.role == InputRole::Image && input.colour_order == ColourOrder::Bgr {
        tensor.invert_axis(Axis(1));
        tensor = tensor.as_standard_layout().into_owned();
    }
    for (c, mut plane) in tensor.axis_iter_mut(Axis(1)).enumerate() {
        let mean = input.mean.get(c).copied().unwrap_or(0.0);
        let std = input.std.get(c).copied().unwrap_or(1.0);
        let (scale, shift) = ((white - black) / std, (black - mean) / std);
        if (scale, shift) != (1.0, 0.0) {
            plane.mapv_inplace(|value| value * scale + shift);
        }
    }
    arrange(tensor, input.layout)
}

fn arrange(nchw: Array4<f32>, layout: Layout) -> Array4<f32> {
    match layout {
        Layout::Nchw => nchw,
        Layout::Nhwc => nchw.permuted_axes([0, 2, 3, 1]),
    }
}
