//! Tensors and values: their types, their shapes, and whether the data is there.

use derust_manifest::onnx::ValueInfo;
use prost::Message as _;

use super::examine::{Checked, Examiner, malformed};
use super::ports::{Dimension, Port};
use super::refusal::{Refusal, Rule};
use super::schema;
use super::wire::Fields;
use crate::room;

/// The most dimensions that a tensor or value may have.
const MOST_DIMENSIONS: usize = 16;
/// A tensor with more elements than this is no shape.
const LARGEST_SHAPE: u64 = 16;

/// The element types by their number in ONNX, with their size in bits and the field that holds them where they are not
/// raw bytes. A size of zero is for what a network for pictures has no use for.
const ELEMENT_TYPES: [(&str, u64, &str); 29] = [
    ("undefined", 0, ""),
    ("float32", 32, "float_data"),
    ("uint8", 8, "int32_data"),
    ("int8", 8, "int32_data"),
    ("uint16", 16, "int32_data"),
    ("int16", 16, "int32_data"),
    ("int32", 32, "int32_data"),
    ("int64", 64, "int64_data"),
    ("string", 0, ""),
    ("bool", 8, "int32_data"),
    ("float16", 16, "int32_data"),
    ("float64", 64, "double_data"),
    ("uint32", 32, "uint64_data"),
    ("uint64", 64, "uint64_data"),
    ("complex64", 0, ""),
    ("complex128", 0, ""),
    ("bfloat16", 16, "int32_data"),
    ("float8e4m3fn", 8, "int32_data"),
    ("float8e4m3fnuz", 8, "int32_data"),
    ("float8e5m2", 8, "int32_data"),
    ("float8e5m2fnuz", 8, "int32_data"),
    ("uint4", 4, "int32_data"),
    ("int4", 4, "int32_data"),
    ("float4e2m1", 0, ""),
    ("float8e8m0", 0, ""),
    ("uint2", 0, ""),
    ("int2", 0, ""),
    ("float6e2m3", 0, ""),
    ("float6e3m2", 0, ""),
];

/// What an element type is called.
pub fn element_type_name(element_type: i32) -> &'static str {
    usize::try_from(element_type)
        .ok()
        .and_then(|number| ELEMENT_TYPES.get(number))
        .map_or("unknown", |known| known.0)
}

/// A tensor that passed.
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    /// See [`volume`]; `None` where it can be no shape.
    pub(super) volume: Option<f64>,
}

/// How many elements something has whose shape or growth these numbers are.
pub(super) fn volume(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(|number| number.abs().max(1.0)).product()
}

impl<'a> Examiner<'a> {
    pub(super) fn tensor(&mut self, bytes: &'a [u8]) -> Checked<Tensor<'a>> {
        self.spend("tensors", |limits| &mut limits.tensors, 1)?;
        let (mut name, mut data_type, mut dimensions) = ("", 0, vec![]);
        let mut raw: Option<&[u8]> = None;
        let mut typed: Option<(&str, u64)> = None;
        let mut shape = 1.0;
        let mut fields = Fields::new(&schema::TENSOR, bytes);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "name" => name = self.name(field)?,
                "data_type" => data_type = field.signed(),
                "dims" => {
                    for dimension in field.numbers() {
                        dimensions.push(dimension.map_err(|broken| malformed(&schema::TENSOR, &broken))?);
                        check_rank(dimensions.len())?;
                    }
                }
                "raw_data" => raw = Some(field.bytes()),
                "float_data" | "int32_data" | "int64_data" | "double_data" | "uint64_data" => {
                    let count = field.count().map_err(|broken| malformed(&schema::TENSOR, &broken))?;
                    let before = match typed {
                        None => 0,
                        Some((other, before)) if other == field.name => before,
                        Some(_) => return Err(twice()),
                    };
                    typed = Some((field.name, before + count));
                    if before + count <= LARGEST_SHAPE {
                        let whole = field.numbers().map_while(Result::ok).map(|number| number as f64);
                        let floats = field.floats().map(f64::from);
                        shape *= if field.name == "float_data" { volume(floats) } else { volume(whole) };
                    }
                }
                "external_data" => return Err(external()),
                "data_location" if field.signed() != 0 => return Err(external()),
                "segment" => return Err(Refusal::new(Rule::Weights, "it holds only a part of its values")),
                "metadata_props" => {
                    self.property(field.bytes())?;
                }
                _ => {}
            }
        }
        let (_, bits, container) = known_type(data_type)?;
        let elements = elements(&dimensions)?;
        let size = elements.checked_mul(bits).ok_or_else(too_large)?.div_ceil(8);
        match (raw, typed) {
            (Some(raw), None) if raw.len() as u64 == size => shape = raw_volume(raw, data_type),
            // Types of less than a byte share one.
            (None, Some((field, count)))
                if field == container && count == elements.div_ceil(8 / bits.min(8)) => {}
            (None, None) if elements == 0 => {}
            (Some(_), Some(_)) => return Err(twice()),
            _ => {
                let there = raw.map_or_else(
                    || typed.map_or("none".into(), |(field, count)| format!("{count} in `{field}`")),
                    |raw| format!("{} raw bytes", raw.len()),
                );
                let problem = format!(
                    "its shape {dimensions:?} asks for {elements} values of {}, {size} bytes; there are {there}",
                    element_type_name(data_type as i32)
                );
                return Err(Refusal::new(Rule::Weights, problem));
            }
        }
        self.spend("weight bytes", |limits| &mut limits.weight_bytes, size)?;
        self.contents.parameters += elements;
        Ok(Tensor { name, volume: (elements <= LARGEST_SHAPE).then_some(shape) })
    }

    /// What the file says of a value, and whether such a value can be held.
    pub(super) fn port(&mut self, bytes: &'a [u8]) -> Checked<(Port, Checked)> {
        let mut checked = Ok(());
        let mut fields = Fields::new(&schema::VALUE_INFO, bytes);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "name" => {
                    self.name(field)?;
                }
                "type" => checked = self.value_type(field.bytes())?,
                "metadata_props" => {
                    self.property(field.bytes())?;
                }
                _ => {}
            }
        }
        let broken = |error: prost::DecodeError| Refusal::new(Rule::Format, error.to_string());
        // Each of its fields takes two bytes or more here and up to about a hundred there.
        room::probe(bytes.len().saturating_mul(50))?;
        let mut port = Port::from(ValueInfo::decode(bytes).map_err(broken)?);
        for dimension in port.shape.iter_mut().flatten() {
            // As ONNX Runtime has it, and as some exporters write a dimension that they do not know.
            if *dimension == Dimension::Fixed(-1) {
                *dimension = Dimension::Open(String::new());
            }
        }
        let checked = checked.and_then(|()| self.check_size(&port));
        Ok((port, checked))
    }

    fn value_type(&mut self, bytes: &'a [u8]) -> Checked<Checked> {
        let mut checked = Ok(());
        let mut fields = Fields::new(&schema::TYPE, bytes);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "tensor_type" => {
                    let mut tensor = Fields::new(&schema::TENSOR_TYPE, field.bytes());
                    while let Some(field) = self.next(&mut tensor)? {
                        match field.name {
                            "shape" => self.shape(field.bytes())?,
                            // Inference leaves it undefined where it does not know it.
                            _ if field.signed() == 0 => {}
                            _ => checked = known_type(field.signed()).map(drop),
                        }
                    }
                }
                "denotation" => {}
                _ => checked = Err(Refusal::new(Rule::ElementTypes, "it is no tensor")),
            }
        }
        Ok(checked)
    }

    fn shape(&mut self, bytes: &'a [u8]) -> Checked {
        let mut rank = 0;
        let mut fields = Fields::new(&schema::SHAPE, bytes);
        while let Some(field) = self.next(&mut fields)? {
            rank += 1;
            check_rank(rank)?;
            let mut dimension = Fields::new(&schema::DIMENSION, field.bytes());
            while let Some(field) = self.next(&mut dimension)? {
                if field.name == "dim_param" {
                    self.name(field)?;
                }
            }
        }
        Ok(())
    }

    fn check_size(&mut self, port: &Port) -> Checked {
        let fixed = port.shape.iter().flatten().filter_map(|dimension| match dimension {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Open(_) => None,
        });
        let bits = known_type(port.element_type.unwrap_or(0).into()).map_or(32, |known| known.1);
        let size = elements(&fixed.collect::<Vec<_>>())?.checked_mul(bits).ok_or_else(too_large)?.div_ceil(8);
        let limit = self.limits.value_bytes;
        let used = &mut self.contents.used.value_bytes;
        *used = size.max(*used);
        if size > limit {
            let problem =
                format!("its shape asks for {size} bytes; {limit} are the most that a value may have");
            return Err(Refusal::new(Rule::Shapes, problem));
        }
        Ok(())
    }
}

fn known_type(number: i64) -> Checked<(&'static str, u64, &'static str)> {
    let known = usize::try_from(number).ok().and_then(|number| ELEMENT_TYPES.get(number));
    match known {
        Some(&known) if known.1 > 0 => Ok(known),
        _ => {
            let name = known.map_or("unknown", |known| known.0);
            Err(Refusal::new(
                Rule::ElementTypes,
                format!("its elements are of the type {name} ({number}), no numbers that derust runs"),
            ))
        }
    }
}

fn elements(dimensions: &[i64]) -> Checked<u64> {
    let mut elements = 1_u64;
    for &dimension in dimensions {
        let dimension = u64::try_from(dimension)
            .map_err(|_| Refusal::new(Rule::Shapes, format!("it has a dimension of {dimension}")))?;
        elements = elements.checked_mul(dimension).ok_or_else(too_large)?;
    }
    Ok(elements)
}

fn check_rank(rank: usize) -> Checked {
    if rank <= MOST_DIMENSIONS {
        return Ok(());
    }
    Err(Refusal::new(Rule::Limits, format!("it has more than {MOST_DIMENSIONS} dimensions")))
}

/// The volume of a shape in raw bytes.
fn raw_volume(raw: &[u8], data_type: i64) -> f64 {
    match element_type_name(data_type as i32) {
        _ if raw.len() as u64 > 8 * LARGEST_SHAPE => 1.0,
        "int64" => volume(raw.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as f64)),
        "int32" => volume(raw.as_chunks().0.iter().map(|bytes| f64::from(i32::from_le_bytes(*bytes)))),
        "float32" => volume(raw.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)))),
        _ => 1.0,
    }
}

fn external() -> Refusal {
    let problem = "its values lie in another file; save the model as one file: \
                   `torch.onnx.export(..., external_data=False)`, or of the two that there are \
                   `onnx.save(onnx.load(\"a.onnx\"), \"b.onnx\")`";
    Refusal::new(Rule::ExternalData, problem)
}

fn twice() -> Refusal {
    Refusal::new(Rule::Weights, "it holds its values twice")
}

fn too_large() -> Refusal {
    Refusal::new(Rule::Shapes, "its shape asks for more than can be counted")
}
