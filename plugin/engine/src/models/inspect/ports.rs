//! A graph's inputs and outputs, and whether they are what the manifest says.

use derust_manifest::onnx::{ValueInfo, data_type, dimension};
use derust_manifest::{InputRole, Manifest, Output, OutputRole};

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
        let channels = match input.role {
            InputRole::Image => 3,
            InputRole::Mask => 1,
            InputRole::Noise => {
                return Err(format!("its input `{}` wants noise, which no filter feeds yet", input.name));
            }
        };
        let size = check_port("input", &input.name, &ports.inputs, channels)?;
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
        check_port("output", &output.name, &ports.outputs, channels(output))?;
    }
    Ok(fixed)
}

/// How many channels an output has.
pub(crate) fn channels(output: &Output) -> usize {
    match output.role {
        OutputRole::Probability | OutputRole::Logits | OutputRole::Alpha => 1,
        OutputRole::Classes => output.classes.len(),
        OutputRole::Rgb | OutputRole::Residual => 3,
        OutputRole::Rgba => 4,
    }
}

fn check_port(kind: &str, name: &str, ports: &[Port], channels: usize) -> Result<[Option<usize>; 2], String> {
    let port = ports.iter().find(|port| port.name == name);
    let port = port.ok_or_else(|| format!("the manifest's {kind} `{name}` is not in the graph"))?;
    match port.element_type {
        Some(data_type::FLOAT) => {}
        Some(_) => return Err(format!("its {kind} `{name}` is not float32")),
        None => return Err(format!("its {kind} `{name}` is no tensor")),
    }
    let Some(shape) = &port.shape else { return Ok([None; 2]) };
    let sizes: Vec<Option<i64>> = shape
        .iter()
        .map(|dimension| match dimension {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Open(_) => None,
        })
        .collect();
    let &[batch, depth, height, width] = sizes.as_slice() else {
        return Err(format!("its {kind} `{name}` has {} dimensions; NCHW has 4", sizes.len()));
    };
    if batch.is_some_and(|batch| batch != 1) {
        return Err(format!("its {kind} `{name}` has a fixed batch size other than 1"));
    }
    if let Some(depth) = depth.filter(|depth| *depth != channels as i64) {
        return Err(format!("its {kind} `{name}` has {depth} channels; its role needs {channels}"));
    }
    let side = |side: Option<i64>| match side {
        Some(side) if !(1..=LARGEST_FIXED_SIDE).contains(&side) => Err(format!(
            "its {kind} `{name}` has a side of {side} pixels; 1 to {LARGEST_FIXED_SIDE} can be run"
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
