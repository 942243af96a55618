//! The protobuf messages of the ONNX format that derust writes and reads (field numbers: `onnx.proto3`, IR version 8).
//!
//! Fields that derust never uses are left out; a decoder skips them.

#![allow(missing_docs, reason = "names and meanings are those of onnx.proto3")]

use prost::Message;

/// Element types of [`Tensor`] (`TensorProto.DataType`).
pub mod data_type {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT8: i32 = 3;
    pub const INT32: i32 = 6;
    pub const INT64: i32 = 7;
    pub const FLOAT16: i32 = 10;
}

#[derive(Clone, PartialEq, Message)]
pub struct Model {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(string, tag = "4")]
    pub domain: String,
    #[prost(int64, tag = "5")]
    pub model_version: i64,
    #[prost(string, tag = "6")]
    pub doc_string: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<Property>,
}

impl Model {
    /// The value of a metadata property.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.metadata_props
            .iter()
            .find(|property| property.key == key)
            .map(|property| property.value.as_str())
    }
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Property {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct OperatorSet {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, tag = "2")]
    pub f: f32,
    #[prost(int64, tag = "3")]
    pub i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<Tensor>,
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

impl Attribute {
    pub fn float(name: &str, f: f32) -> Self {
        Attribute { name: name.into(), f, r#type: 1, ..Default::default() }
    }

    pub fn int(name: &str, i: i64) -> Self {
        Attribute { name: name.into(), i, r#type: 2, ..Default::default() }
    }

    pub fn string(name: &str, s: &str) -> Self {
        Attribute { name: name.into(), s: s.into(), r#type: 3, ..Default::default() }
    }

    pub fn ints(name: &str, ints: &[i64]) -> Self {
        Attribute { name: name.into(), ints: ints.into(), r#type: 7, ..Default::default() }
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

impl Tensor {
    pub fn floats(name: &str, dims: &[i64], values: &[f32]) -> Self {
        let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Tensor { name: name.into(), dims: dims.into(), data_type: data_type::FLOAT, raw_data }
    }

    /// `bits` are IEEE 754 half-precision numbers.
    pub fn halves(name: &str, dims: &[i64], bits: &[u16]) -> Self {
        let raw_data = bits.iter().flat_map(|v| v.to_le_bytes()).collect();
        Tensor { name: name.into(), dims: dims.into(), data_type: data_type::FLOAT16, raw_data }
    }

    /// `values` are whole numbers of eight bits with a sign.
    pub fn bytes(name: &str, dims: &[i64], values: &[i8]) -> Self {
        let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Tensor { name: name.into(), dims: dims.into(), data_type: data_type::INT8, raw_data }
    }

    pub fn unsigned_byte(name: &str, value: u8) -> Self {
        Tensor { name: name.into(), dims: vec![], data_type: data_type::UINT8, raw_data: vec![value] }
    }

    pub fn short_ints(name: &str, values: &[i32]) -> Self {
        let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Tensor { name: name.into(), dims: vec![values.len() as i64], data_type: data_type::INT32, raw_data }
    }

    pub fn ints(name: &str, values: &[i64]) -> Self {
        let raw_data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Tensor { name: name.into(), dims: vec![values.len() as i64], data_type: data_type::INT64, raw_data }
    }
}

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
}

impl ValueInfo {
    /// A float32 tensor; a dimension that is no number is a name (a dynamic dimension).
    pub fn floats(name: &str, dims: &[&str]) -> Self {
        let dim = dims
            .iter()
            .map(|text| {
                let value = text
                    .parse()
                    .map(dimension::Value::Size)
                    .unwrap_or(dimension::Value::Name((*text).into()));
                Dimension { value: Some(value) }
            })
            .collect();
        let tensor_type = TensorType { elem_type: data_type::FLOAT, shape: Some(Shape { dim }) };
        ValueInfo { name: name.into(), r#type: Some(Type { tensor_type: Some(tensor_type) }) }
    }
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Type {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct TensorType {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Dimension {
    #[prost(oneof = "dimension::Value", tags = "1, 2")]
    pub value: Option<dimension::Value>,
}

pub mod dimension {
    #[derive(Clone, PartialEq, Eq, prost::Oneof)]
    pub enum Value {
        #[prost(int64, tag = "1")]
        Size(i64),
        #[prost(string, tag = "2")]
        Name(String),
    }
}
