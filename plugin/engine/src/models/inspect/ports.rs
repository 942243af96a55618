//! A graph's inputs and outputs, and whether they are what the manifest says.

use derust_manifest::onnx::{ValueInfo, data_type, dimension};
use derust_manifest::{Detections, Input, InputRole, Layout, Manifest, Output, OutputRole};

/// The largest height or width that a graph may fix.
const LARGEST_FIXED_SIDE: i64 = 4096;

/// The inputs and outputs of a graph, in its order. Weights are not among the inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// What has to be fed.
    pub inputs: Vec<Port>,
    /// What comes out.
    pub outputs: Vec<Port>,
}

/// An input or output, as the file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// The type of its elements by its number in ONNX (`TensorProto.DataType`); `None` where it is no tensor.
    pub element_type: Option<i32>,
    /// Its dimensions, outermost first; `None` where the file leaves even their number open.
    pub shape: Option<Vec<Dimension>>,
}

/// One dimension of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Always this many. Nothing has checked the number.
    Fixed(i64),
    /// Open, with the name that the file gives it, which can be empty.
    Open(String),
}

impl From<ValueInfo> for Port {
    fn from(info: ValueInfo) -> Self {
        let tensor = info.r#type.and_then(|kind| kind.tensor_type);
        let dimension = |dimension: derust_manifest::onnx::Dimension| match dimension.value {
            Some(dimension::Value::Size(size)) => Dimension::Fixed(size),
            Some(dimension::Value::Name(name)) => Dimension::Open(name),
            None => Dimension::Open(String::new()),
        };
        Port {
            name: info.name,
            element_type: tensor.as_ref().map(|tensor| tensor.elem_type),
            shape: tensor
                .and_then(|tensor| tensor.shape)
                .map(|shape| shape.dim.into_iter().map(dimension).collect()),
        }
    }
}

/// Checks the manifest's inputs and outputs against the graph's; answers with the fixed height and width.
pub(super) fn check(ports: &Ports, manifest: &Manifest) -> Result<[Option<usize>; 2], String> {
    let mut fixed = [None; 2];
    for input in &manifest.inputs {
        let size = check_input(input, &ports.inputs)?;
        if input.role == InputRole::Image {
            fixed = size;
        }
    }
    if let Some(unknown) =
        ports.inputs.iter().find(|port| !manifest.inputs.iter().any(|input| input.name == port.name))
    {
        return Err(format!("its input `{}` is not in the manifest", unknown.name));
    }
    for output in &manifest.outputs {
        check_output(output, &ports.outputs, fixed)?;
    }
    check_objects(manifest, &ports.outputs)?;
    Ok(fixed)
}

/// The most prototypes that masks are made of.
const MOST_PROTOTYPES: i64 = 1024;

/// Checks what the file says of objects and prototypes: how many values each object has.
fn check_objects(manifest: &Manifest, ports: &[Port]) -> Result<(), String> {
    let both = manifest.output(OutputRole::Boxes).zip(manifest.output(OutputRole::Prototypes));
    let Some((boxes, prototypes)) = both else { return Ok(()) };
    let coefficients = match find("output", &prototypes.name, ports)?.0.shape.as_deref() {
        Some([_, Dimension::Fixed(coefficients), _, _]) => *coefficients,
        _ => return Ok(()),
    };
    let (port, what) = find("output", &boxes.name, ports)?;
    let Some([batch, values, objects]) = port.shape.as_deref() else {
        return match &port.shape {
            None => Ok(()),
            Some(shape) => Err(format!("{what} has {} dimensions; `boxes` have 3", shape.len())),
        };
    };
    if matches!(batch, Dimension::Fixed(batch) if *batch != 1) {
        return Err(other_batch(&what));
    }
    let (found, wanted) = match boxes.detections {
        Detections::Candidates => (values, 4 + boxes.classes.len() as i64 + coefficients),
        Detections::Selected => (objects, 6 + coefficients),
    };
    match found {
        Dimension::Fixed(found) if *found != wanted => Err(format!(
            "{what} has {found} values for each object; with {coefficients} prototypes and {} classes it needs {wanted}",
            boxes.classes.len()
        )),
        _ => Ok(()),
    }
}

/// Whether all inputs and outputs leave their first dimension open.
pub(super) fn take_batches(ports: &Ports) -> bool {
    let is_open = |port: &Port| {
        let first = port.shape.as_ref().and_then(|shape| shape.first());
        matches!(first, Some(Dimension::Open(_)))
    };
    ports.inputs.iter().chain(&ports.outputs).all(is_open)
}

/// How many channels an output has; of `prototypes` there are usually 32 of a quarter of the size, which hold as much as two.
pub(crate) fn channels(output: &Output) -> usize {
    match output.role {
        OutputRole::Probability | OutputRole::Logits | OutputRole::ClassIndex | OutputRole::Alpha => 1,
        OutputRole::Boxes => 1,
        OutputRole::Prototypes => 2,
        OutputRole::Classes | OutputRole::Labels => output.classes.len(),
        OutputRole::Rgb | OutputRole::Residual => 3,
        OutputRole::Rgba => 4,
    }
}

fn check_input(input: &Input, ports: &[Port]) -> Result<[Option<usize>; 2], String> {
    let channels = match input.role {
        InputRole::Image => 3,
        InputRole::Mask => 1,
        InputRole::Noise => {
            return Err(format!("its input `{}` wants noise, which no filter feeds yet", input.name));
        }
    };
    let (port, what) = find("input", &input.name, ports)?;
    let types = [data_type::FLOAT, data_type::FLOAT16, data_type::UINT8];
    check_type(port, &what, &types, "float32, float16 nor uint8")?;
    if port.element_type == Some(data_type::UINT8) {
        let [black, white] = input.range;
        let fits = black >= 0.0 && white <= 255.0 && white > 1.0;
        if input.role != InputRole::Image || !fits || !input.mean.is_empty() || !input.std.is_empty() {
            return Err(format!(
                "{what} takes bytes; that fits the role `image` with the range [0, 255], no mean and no std"
            ));
        }
    }
    check_shape(port, &what, channels, input.layout, 1)
}

fn check_output(output: &Output, ports: &[Port], fixed: [Option<usize>; 2]) -> Result<(), String> {
    let (port, what) = find("output", &output.name, ports)?;
    let types = [data_type::FLOAT, data_type::FLOAT16, data_type::UINT8, data_type::INT32, data_type::INT64];
    check_type(port, &what, &types, "float32, float16, uint8, int32 nor int64")?;
    if output.role == OutputRole::Boxes {
        return Ok(());
    }
    let stride = output.stride as usize;
    let channels = match (output.role, port.shape.as_deref()) {
        (OutputRole::Prototypes, Some([_, Dimension::Fixed(channels), _, _])) => {
            if !(1..=MOST_PROTOTYPES).contains(channels) {
                return Err(format!("{what} has {channels} prototypes; 1 to {MOST_PROTOTYPES} can be used"));
            }
            *channels as usize
        }
        (OutputRole::Prototypes, _) => return Ok(()),
        _ => channels(output),
    };
    let size = check_shape(port, &what, channels, output.layout, stride)?;
    for (wanted, side) in fixed.into_iter().zip(size) {
        let Some((wanted, side)) = wanted.zip(side) else { continue };
        if side * stride != wanted {
            return Err(format!(
                "{what} has {side} pixels where its input has {wanted}; the stride in the manifest, {stride}, does \
                 not make up for that"
            ));
        }
    }
    if let Some(side) = fixed.into_iter().flatten().find(|side| side % stride != 0) {
        return Err(format!(
            "{what} has a stride of {stride}, of which its input's side of {side} is no multiple"
        ));
    }
    Ok(())
}

/// The port of this name, and how to speak of it.
fn find<'a>(kind: &str, name: &str, ports: &'a [Port]) -> Result<(&'a Port, String), String> {
    let port = ports.iter().find(|port| port.name == name);
    let port = port.ok_or_else(|| format!("the manifest's {kind} `{name}` is not in the graph"))?;
    Ok((port, format!("its {kind} `{name}`")))
}

fn check_type(port: &Port, what: &str, known: &[i32], names: &str) -> Result<(), String> {
    const BOOL: i32 = 9;
    match port.element_type {
        Some(BOOL) => Err(format!(
            "{what} is of the type bool, yes or no for each value, and neither {names}; end the network with numbers \
             (`return mask.float()`, or better the probability before it became yes or no) and export it anew"
        )),
        Some(element_type) if known.contains(&element_type) => Ok(()),
        Some(_) => Err(format!("{what} is neither {names}")),
        None => Err(format!("{what} is no tensor")),
    }
}

fn other_batch(what: &str) -> String {
    format!(
        "{what} has a fixed batch size other than 1: it was exported for several pictures at once. Export it for one, \
         `torch.onnx.export(network.eval(), (torch.rand(1, 3, 512, 512),), \"model.onnx\")`, or for any number of them"
    )
}

/// Checks what the file says of a port's dimensions; answers with the fixed height and width.
fn check_shape(
    port: &Port,
    what: &str,
    channels: usize,
    layout: Layout,
    stride: usize,
) -> Result<[Option<usize>; 2], String> {
    let Some(shape) = &port.shape else { return Ok([None; 2]) };
    let mut sizes: Vec<Option<i64>> = shape
        .iter()
        .map(|dimension| match dimension {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Open(_) => None,
        })
        .collect();
    if channels == 1 && sizes.len() == 3 {
        sizes.insert(if layout == Layout::Nchw { 1 } else { 3 }, Some(1));
    }
    let &[batch, second, third, fourth] = sizes.as_slice() else {
        return Err(format!("{what} has {} dimensions; 4 are needed", sizes.len()));
    };
    let (depth, height, width, other, other_name) = match layout {
        Layout::Nchw => (second, third, fourth, fourth, "nhwc"),
        Layout::Nhwc => (fourth, second, third, second, "nchw"),
    };
    if batch.is_some_and(|batch| batch != 1) {
        return Err(other_batch(what));
    }
    let wanted = Some(channels as i64);
    // Where the file leaves the channels open, three rows or columns are more likely the channels.
    let turned = depth != wanted && other == wanted && channels > 1;
    if turned || depth.is_some_and(|depth| Some(depth) != wanted) {
        let found = depth.map_or("any number of".into(), |depth| depth.to_string());
        let hint = if turned {
            format!("; the layout `{other_name}` in the manifest would fit")
        } else {
            String::new()
        };
        return Err(format!("{what} has {found} channels; its role needs {channels}{hint}"));
    }
    let side = |side: Option<i64>| match side {
        Some(side) if !(1..=LARGEST_FIXED_SIDE / stride as i64).contains(&side) => Err(format!(
            "{what} has a side of {side} pixels; 1 to {} can be run",
            LARGEST_FIXED_SIDE / stride as i64
        )),
        side => Ok(side.map(|side| side as usize)),
    };
    Ok([side(height)?, side(width)?])
}

#[cfg(test)]
mod tests {
    use derust_manifest::onnx;
    use prost::Message;

    use super::*;
    use crate::fixtures::Network;
    use crate::models::inspect;

    #[test]
    fn ports_that_are_not_what_the_manifest_says_are_refused() {
        let refusal = |change: &dyn Fn(&mut onnx::Graph)| {
            let mut model = Network::red_is_rust().to_model();
            change(model.graph.as_mut().unwrap());
            inspect(&model.encode_to_vec(), None).unwrap_err().to_string()
        };
        assert!(refusal(&|graph| graph.output.clear()).contains("output `probability`"));
        let image = |channels: &'static str, width: &'static str| {
            move |graph: &mut onnx::Graph| {
                graph.input[0] = ValueInfo::floats("image", &["1", channels, "h", width]);
            }
        };
        assert!(refusal(&image("4", "w")).contains("4 channels"));
        assert!(refusal(&image("3", "9999999")).contains("9999999"));
        let extra = |graph: &mut onnx::Graph| {
            graph.input.push(ValueInfo::floats("extra", &["1", "3", "h", "w"]));
        };
        assert!(refusal(&extra).contains("`extra`"));
    }
}
