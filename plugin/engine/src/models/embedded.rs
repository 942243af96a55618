//! The models that are part of the library.

use std::sync::OnceLock;

use super::{Model, ModelError, inspect};

/// File name and content.
#[cfg(feature = "embedded-models")]
pub(super) const MODELS: &[(&str, &[u8])] = &[
    ("segment-rust.onnx", include_bytes!("../../../models/segment-rust.onnx")),
    ("derust.onnx", include_bytes!("../../../models/derust.onnx")),
];

/// File name and content.
#[cfg(not(feature = "embedded-models"))]
pub(super) const MODELS: &[(&str, &[u8])] = &[];

/// What inspection says of a model, and its content.
type Inspected = (Result<Model, ModelError>, &'static [u8]);

/// The models, inspected once for the whole process: they cannot change.
pub(super) fn inspected() -> &'static [Inspected] {
    static INSPECTED: OnceLock<Vec<Inspected>> = OnceLock::new();
    INSPECTED.get_or_init(|| MODELS.iter().map(|(_, onnx)| (inspect(onnx, None), *onnx)).collect())
}
