//! What an input is fed: the picture or the mask in the words of the manifest.

use derust_manifest::{ColourOrder, Input, InputRole, Layout, White};
use ndarray::{Array3, Array4, Axis};

use crate::control::Stopped;
use crate::room;

/// What a network with a mask input is fed when there is no mask: find the rust yourself.
const NO_MASK: f32 = -1.0;

/// The tensor for an input, in the order of dimensions that its manifest says: of the picture [3, height, width], red
/// first, 0 to 1, or of the mask [1, height, width].
pub(super) fn feed(
    input: &Input,
    picture: &Array3<f32>,
    mask: Option<&Array3<f32>>,
) -> Result<Array4<f32>, Stopped> {
    let [black, white] = input.range;
    let planes = match (input.role, mask) {
        (InputRole::Image, _) => picture,
        (_, Some(mask)) => mask,
        (_, None) => {
            let (_, height, width) = picture.dim();
            return Ok(arrange(room::filled((1, 1, height, width), NO_MASK)?, input.layout));
        }
    };
    let mut planes = planes.view();
    if input.role == InputRole::Image && input.colour_order == ColourOrder::Bgr {
        planes.invert_axis(Axis(0));
    }
    let mut tensor = room::copy(planes)?.insert_axis(Axis(0));
    if input.role == InputRole::Mask && input.white == White::Keep {
        tensor.mapv_inplace(|value| 1.0 - value);
    }
    for (c, mut plane) in tensor.axis_iter_mut(Axis(1)).enumerate() {
        let mean = input.mean.get(c).copied().unwrap_or(0.0);
        let std = input.std.get(c).copied().unwrap_or(1.0);
        let (scale, shift) = ((white - black) / std, (black - mean) / std);
        if (scale, shift) != (1.0, 0.0) {
            plane.mapv_inplace(|value| value * scale + shift);
        }
    }
    Ok(arrange(tensor, input.layout))
}

/// The shape of what [`feed`] makes of a picture of this height and width.
pub(super) fn shape(input: &Input, [height, width]: [usize; 2]) -> Vec<usize> {
    let channels = if input.role == InputRole::Image { 3 } else { 1 };
    match input.layout {
        Layout::Nchw => vec![1, channels, height, width],
        Layout::Nhwc => vec![1, height, width, channels],
    }
}

fn arrange(nchw: Array4<f32>, layout: Layout) -> Array4<f32> {
    match layout {
        Layout::Nchw => nchw,
        Layout::Nhwc => nchw.permuted_axes([0, 2, 3, 1]),
    }
}
