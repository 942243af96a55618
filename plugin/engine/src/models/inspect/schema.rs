//! The messages of the ONNX format and their fields (`onnx.proto`, IR version 13).

/// A kind of message.
#[derive(Debug)]
pub(super) struct Message {
    /// What it is, as refusals call it.
    pub(super) name: &'static str,
    pub(super) fields: &'static [FieldType],
}

/// A field that a message may hold.
#[derive(Debug)]
pub(super) struct FieldType {
    pub(super) number: u8,
    pub(super) name: &'static str,
    pub(super) kind: FieldKind,
    pub(super) repeated: bool,
    /// Of this field, given by its place in the list, and the ones that are alternatives to it, one may stand.
    pub(super) alternative_to: Option<u8>,
}

/// What a field holds. Repeated numbers may stand in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Number,
    Float,
    Double,
    Text,
    Bytes,
    Message,
}

use FieldKind::{Bytes, Double, Float, Message as Nested, Number, Text};

const fn one(number: u8, name: &'static str, kind: FieldKind) -> FieldType {
    FieldType { number, name, kind, repeated: false, alternative_to: None }
}

const fn many(number: u8, name: &'static str, kind: FieldKind) -> FieldType {
    FieldType { number, name, kind, repeated: true, alternative_to: None }
}

const fn or(place: u8, number: u8, name: &'static str, kind: FieldKind) -> FieldType {
    FieldType { number, name, kind, repeated: false, alternative_to: Some(place) }
}

pub(super) static MODEL: Message = Message {
    name: "model",
    fields: &[
        one(1, "ir_version", Number),
        one(2, "producer_name", Text),
        one(3, "producer_version", Text),
        one(4, "domain", Text),
        one(5, "model_version", Number),
        one(6, "doc_string", Text),
        one(7, "graph", Nested),
        many(8, "opset_import", Nested),
        many(14, "metadata_props", Nested),
        many(20, "training_info", Nested),
        many(25, "functions", Nested),
        many(26, "configuration", Nested),
    ],
};

pub(super) static OPERATOR_SET: Message =
    Message { name: "operator set", fields: &[one(1, "domain", Text), one(2, "version", Number)] };

pub(super) static PROPERTY: Message =
    Message { name: "property", fields: &[one(1, "key", Text), one(2, "value", Text)] };

pub(super) static GRAPH: Message = Message {
    name: "graph",
    fields: &[
        many(1, "node", Nested),
        one(2, "name", Text),
        many(5, "initializer", Nested),
        one(10, "doc_string", Text),
        many(11, "input", Nested),
        many(12, "output", Nested),
        many(13, "value_info", Nested),
        many(14, "quantization_annotation", Nested),
        many(15, "sparse_initializer", Nested),
        many(16, "metadata_props", Nested),
    ],
};

pub(super) static ANNOTATION: Message = Message {
    name: "annotation",
    fields: &[one(1, "tensor_name", Text), many(2, "quant_parameter_tensor_names", Nested)],
};

pub(super) static NODE: Message = Message {
    name: "node",
    fields: &[
        many(1, "input", Text),
        many(2, "output", Text),
        one(3, "name", Text),
        one(4, "op_type", Text),
        many(5, "attribute", Nested),
        one(6, "doc_string", Text),
        one(7, "domain", Text),
        one(8, "overload", Text),
        many(9, "metadata_props", Nested),
        many(10, "device_configurations", Nested),
    ],
};

pub(super) static ATTRIBUTE: Message = Message {
    name: "attribute",
    fields: &[
        one(1, "name", Text),
        one(2, "f", Float),
        one(3, "i", Number),
        one(4, "s", Bytes),
        one(5, "t", Nested),
        one(6, "g", Nested),
        many(7, "floats", Float),
        many(8, "ints", Number),
        many(9, "strings", Bytes),
        many(10, "tensors", Nested),
        many(11, "graphs", Nested),
        one(13, "doc_string", Text),
        one(14, "tp", Nested),
        many(15, "type_protos", Nested),
        one(20, "type", Number),
        one(21, "ref_attr_name", Text),
        one(22, "sparse_tensor", Nested),
        many(23, "sparse_tensors", Nested),
    ],
};

pub(super) static TENSOR: Message = Message {
    name: "tensor",
    fields: &[
        many(1, "dims", Number),
        one(2, "data_type", Number),
        one(3, "segment", Nested),
        many(4, "float_data", Float),
        many(5, "int32_data", Number),
        many(6, "string_data", Bytes),
        many(7, "int64_data", Number),
        one(8, "name", Text),
        one(9, "raw_data", Bytes),
        many(10, "double_data", Double),
        many(11, "uint64_data", Number),
        one(12, "doc_string", Text),
        many(13, "external_data", Nested),
        one(14, "data_location", Number),
        many(16, "metadata_props", Nested),
    ],
};

pub(super) static VALUE_INFO: Message = Message {
    name: "value",
    fields: &[
        one(1, "name", Text),
        one(2, "type", Nested),
        one(3, "doc_string", Text),
        many(4, "metadata_props", Nested),
    ],
};

pub(super) static TYPE: Message = Message {
    name: "type",
    fields: &[
        or(0, 1, "tensor_type", Nested),
        or(0, 4, "sequence_type", Nested),
        or(0, 5, "map_type", Nested),
        one(6, "denotation", Text),
        or(0, 7, "opaque_type", Nested),
        or(0, 8, "sparse_tensor_type", Nested),
        or(0, 9, "optional_type", Nested),
    ],
};

pub(super) static TENSOR_TYPE: Message =
    Message { name: "tensor type", fields: &[one(1, "elem_type", Number), one(2, "shape", Nested)] };

pub(super) static SHAPE: Message = Message { name: "shape", fields: &[many(1, "dim", Nested)] };

pub(super) static DIMENSION: Message = Message {
    name: "dimension",
    fields: &[or(0, 1, "dim_value", Number), or(0, 2, "dim_param", Text), one(3, "denotation", Text)],
};
