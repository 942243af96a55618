//! The convolutions of an ONNX graph.

use anyhow::{Context, Result, bail, ensure};
use derust_manifest::onnx::{self, Attribute, Node, data_type};
use half::f16;
use tch::Tensor;

/// A convolution with its constants.
pub struct Convolution {
    pub name: String,
    /// `[outputs, inputs of a group, height, width]`.
    pub weight: Tensor,
    pub bias: Option<Tensor>,
    pub stride: i64,
    pub dilation: i64,
    pub groups: i64,
}

impl Convolution {
    /// Reads one of a graph's nodes.
    pub fn read(graph: &onnx::Graph, node: &Node) -> Result<Self> {
        let name = node.output.first().cloned().unwrap_or_default();
        let input = |i: usize| node.input.get(i).filter(|name| !name.is_empty());
        let weight = input(1).with_context(|| format!("`{name}` has no weight"))?;
        let weight = constant(graph, weight)?;
        ensure!(weight.dim() == 4, "the weight of `{name}` has {} dimensions, not 4", weight.dim());
        let attribute = |wanted: &str| node.attribute.iter().find(|one| one.name == wanted);
        let first = |wanted: &str| attribute(wanted).and_then(|one: &Attribute| one.ints.first().copied());
        Ok(Convolution {
            weight,
            bias: input(2).map(|bias| constant(graph, bias)).transpose()?,
            stride: first("strides").unwrap_or(1),
            dilation: first("dilations").unwrap_or(1),
            groups: attribute("group").map_or(1, |one| one.i),
            name,
        })
    }
}

/// The values of a constant tensor, in whatever form the file stores it.
fn constant(graph: &onnx::Graph, name: &str) -> Result<Tensor> {
    if let Some(stored) = graph.initializer.iter().find(|one| one.name == name) {
        return decode(stored);
    }
    let maker = graph.node.iter().find(|node| node.output.first().is_some_and(|output| output == name));
    let (operator, inputs) = maker
        .map(|node| (node.op_type.as_str(), &node.input[..]))
        .with_context(|| format!("`{name}` is missing"))?;
    match (operator, inputs) {
        ("Cast", [stored]) => constant(graph, stored),
        // One scale for each row, and zeros for zero points.
        ("DequantizeLinear", [whole, scale, ..]) => {
            let (whole, scale) = (constant(graph, whole)?, constant(graph, scale)?);
            let mut shape = vec![1; whole.dim()];
            let rows = shape.first_mut().with_context(|| format!("`{name}` has no rows"))?;
            *rows = -1;
            let values = scale.f_view(&shape[..]).and_then(|scale| whole.f_mul(&scale));
            values.ok().filter(|values| values.size() == whole.size()).with_context(|| {
                format!("`{name}` has {} scales, which is not its number of rows", scale.numel())
            })
        }
        _ => bail!("`{name}` is no constant"),
    }
}

fn decode(stored: &onnx::Tensor) -> Result<Tensor> {
    let bytes = &stored.raw_data;
    let fours = || bytes.chunks_exact(4).map(|four| [four[0], four[1], four[2], four[3]]);
    let values: Vec<f32> = match stored.data_type {
        data_type::FLOAT => fours().map(f32::from_le_bytes).collect(),
        data_type::FLOAT16 => {
            bytes.chunks_exact(2).map(|two| f16::from_le_bytes([two[0], two[1]]).to_f32()).collect()
        }
        data_type::INT32 => fours().map(|four| i32::from_le_bytes(four) as f32).collect(),
        data_type::INT8 => bytes.iter().map(|byte| f32::from(*byte as i8)).collect(),
        other => bail!("`{}` has elements of type {other}; no weights are stored so", stored.name),
    };
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "`{}` holds numbers that are not finite",
        stored.name
    );
    let values = Tensor::from_slice(&values).f_view(&stored.dims[..]);
    values.ok().with_context(|| format!("`{}` is not whole", stored.name))
}
