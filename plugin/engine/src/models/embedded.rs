//! The models that are part of the library.

/// File name and content.
#[cfg(feature = "embedded-models")]
pub(super) const MODELS: &[(&str, &[u8])] = &[
    ("segment-rust.onnx", include_bytes!("../../../models/segment-rust.onnx")),
    ("derust.onnx", include_bytes!("../../../models/derust.onnx")),
];

/// File name and content.
#[cfg(not(feature = "embedded-models"))]
pub(super) const MODELS: &[(&str, &[u8])] = &[];
