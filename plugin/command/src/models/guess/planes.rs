//! Which inputs and outputs of a graph hold planes, and how these lie in them.

use derust_engine::models::{Dimension, Port, Ports};
use derust_manifest::{Layout, Output, OutputRole};
use ndarray::{Array3, ArrayD, Axis};

/// The largest height or width that a graph may fix, and the most channels that an answer may have.
const LARGEST_SIDE: usize = 4096;
const MOST_CHANNELS: usize = 4096;

/// An input or output that can hold planes.
pub(super) struct Planes<'a> {
    pub(super) port: &'a Port,
    pub(super) layout: Layout,
    /// `None` where the file leaves it open.
    pub(super) channels: Option<usize>,
    /// Height and width.
    pub(super) size: [Option<usize>; 2],
}

/// Reads a shape in this layout; three dimensions are those of one channel.
fn planes(port: &Port, layout: Layout) -> Option<Planes<'_>> {
    let dimension = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => usize::try_from(*size).ok(),
        Dimension::Open(_) => None,
    };
    let sizes: Vec<Option<usize>> = port.shape.as_ref()?.iter().map(dimension).collect();
    let (channels, size) = match (sizes.as_slice(), layout) {
        (&[_, height, width], _) => (Some(1), [height, width]),
        (&[_, channels, height, width], Layout::Nchw) => (channels, [height, width]),
        (&[_, height, width, channels], Layout::Nhwc) => (channels, [height, width]),
        _ => return None,
    };
    Some(Planes { port, layout, channels, size })
}

/// Why there is no picture among the inputs, and how to export a network that takes one.
fn no_picture(ports: &Ports) -> String {
    let read = |layout| ports.inputs.iter().filter_map(move |port| planes(port, layout));
    let channels =
        |wanted| read(Layout::Nchw).chain(read(Layout::Nhwc)).any(|planes| planes.channels == Some(wanted));
    let wrapped = |call: &str, what: &str| {
        format!(
            "{what}; derust feeds three channels, red, green and blue. Wrap it in a module whose `forward` is `{call}`, and \
             export that"
        )
    };
    if channels(4) {
        wrapped(
            "def forward(self, image, mask): return self.network(torch.cat([image, mask], 1))",
            "its input takes four channels, a picture and a mask in one",
        )
    } else if channels(1) {
        wrapped(
            "def forward(self, image): return self.network(image.mean(1, keepdim=True))",
            "its input takes one channel, a gray picture",
        )
    } else {
        "none of its inputs takes a picture: four dimensions, of which the second or the last is 3".into()
    }
}

/// The input for the picture, and the one for a mask if there is one.
pub(super) fn inputs(ports: &Ports) -> Result<(Planes<'_>, Option<Planes<'_>>), String> {
    let read = |layout| ports.inputs.iter().filter_map(move |port| planes(port, layout));
    let image = read(Layout::Nchw)
        .chain(read(Layout::Nhwc))
        .find(|planes| planes.channels == Some(3))
        .or_else(|| read(Layout::Nchw).find(|planes| planes.channels.is_none()))
        .ok_or_else(|| no_picture(ports))?;
    if let Some(side) = image.size.into_iter().flatten().find(|side| !(1..=LARGEST_SIDE).contains(side)) {
        return Err(format!(
            "its input `{}` has a side of {side} pixels; 1 to {LARGEST_SIDE} can be run",
            image.port.name
        ));
    }
    let mut others = ports.inputs.iter().filter(|port| port.name != image.port.name);
    let mask = others
        .next()
        .map(|port| {
            let mask = planes(port, image.layout).filter(|planes| planes.channels == Some(1));
            mask.ok_or_else(|| format!("its input `{}` is neither a picture nor a mask", port.name))
        })
        .transpose()?;
    match others.next() {
        Some(port) => {
            Err(format!("its input `{}` is one too many; derust feeds a picture and a mask", port.name))
        }
        None => Ok((image, mask)),
    }
}

/// The array for an input that holds these planes, [channels, height, width].
pub(super) fn fed<'a>(planes: &Planes<'a>, values: Array3<f32>) -> (&'a str, ArrayD<f32>) {
    let nchw = values.insert_axis(Axis(0));
    let array = match planes.layout {
        Layout::Nchw => nchw,
        Layout::Nhwc => nchw.permuted_axes([0, 2, 3, 1]),
    };
    (&planes.port.name, array.into_dyn())
}

pub(super) fn no_planes() -> String {
    "it is no network that answers with planes: none of its outputs has the picture's height and width, or a whole part \
     of them. Where it takes any size and always answers with one, export it for that size alone, \
     `torch.onnx.export(network.eval(), (torch.rand(1, 3, 256, 256),), \"model.onnx\")`"
        .into()
}

/// An output that holds planes.
pub(super) struct Answer<'a> {
    pub(super) name: &'a str,
    pub(super) element_type: Option<i32>,
    pub(super) layout: Layout,
    pub(super) channels: usize,
    pub(super) stride: usize,
}

impl<'a> Answer<'a> {
    /// `size` is the height and width of the picture that was asked about. `None` for an output of another kind.
    pub(super) fn new(name: &'a str, port: &Port, image: &Planes<'_>, size: [usize; 2]) -> Option<Self> {
        let stride_of = |planes: &Planes<'_>| {
            let [height, width] = planes.size;
            let Some((height, width)) = height.zip(width) else {
                // As open as the picture's, which it then follows.
                return (planes.size == image.size).then_some(1);
            };
            let stride = size[0].checked_div(height)?;
            ([height.checked_mul(stride)?, width.checked_mul(stride)?] == size).then_some(stride)
        };
        let other = if image.layout == Layout::Nchw { Layout::Nhwc } else { Layout::Nchw };
        [image.layout, other].into_iter().find_map(|layout| {
            let planes = planes(port, layout)?;
            let channels = planes.channels.unwrap_or(1);
            if channels > MOST_CHANNELS {
                return None;
            }
            Some(Answer {
                name,
                element_type: port.element_type,
                layout,
                channels,
                stride: stride_of(&planes)?,
            })
        })
    }

    pub(super) fn output(&self, role: OutputRole) -> Output {
        Output { layout: self.layout, stride: self.stride as u32, ..Output::new(self.name, role) }
    }
}
