//! A look at a model file before ONNX Runtime sees it. Nothing in the file is trusted.
//!
//! `examine` walks the file: `wire` reads it field by field as `schema` says, `graph` and `tensor` hold the rules,
//! `operators` the list of what may be run, `limits` how much of anything; `lookalikes` knows files that are no ONNX, and
//! `pack` puts weights that lie in another file into the one. A breach becomes a [`Refusal`]. `ports`
//! compares what was found with the manifest.
//!
//! What cannot be told without running a network is how much memory it takes: shapes that it works out itself are known
//! to no one before. Shapes that stand in the file are held to [`Limits::value_bytes`].

mod examine;
mod graph;
mod limits;
mod lookalikes;
mod operators;
mod pack;
mod ports;
mod refusal;
mod schema;
mod tensor;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;

use derust_manifest::{Manifest, ManifestError};
use sha2::{Digest as _, Sha256};

use super::{Digest, Model};
use crate::room;
pub use examine::{Contents, Examination, Needs, examine};
pub use limits::Limits;
#[cfg(any(test, feature = "fixtures"))]
pub(crate) use operators::allowed_operators;
pub(super) use pack::pack;
pub(crate) use ports::channels;
pub use ports::{Dimension, Port, Ports};
pub use refusal::{Refusal, Rule};
pub use tensor::element_type_name;

/// The most bytes that a model file may have.
pub const SIZE_LIMIT: u64 = 256 << 20;

/// Why a model file cannot serve.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(Arc<std::io::Error>),
    /// The path is a folder, a pipe or a device.
    #[error("it is no regular file")]
    NoFile,
    /// The path is a link to a file elsewhere.
    #[error("it is a link that leads out of its folder, to {}; copy the file into the folder instead", .0.display())]
    Outside(PathBuf),
    /// The file is too large.
    #[error("it has more than {} MB", SIZE_LIMIT >> 20)]
    TooLarge,
    /// The file is no longer the one that was looked at.
    #[error("it changed meanwhile")]
    Changed,
    /// The file is not in the ONNX format, or breaks a rule that keeps bad files from doing harm.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Neither the file nor a sidecar says what the model is.
    #[error("it has no manifest, neither inside nor in NAME.onnx.json beside it")]
    NoManifest,
    /// The manifest breaks the contract.
    #[error(transparent)]
    Manifest(Arc<ManifestError>),
    /// The graph is not what the manifest says, or not what derust runs.
    #[error("{0}")]
    Graph(String),
}

impl From<ManifestError> for ModelError {
    fn from(error: ManifestError) -> Self {
        ModelError::Manifest(Arc::new(error))
    }
}

impl From<std::io::Error> for ModelError {
    fn from(error: std::io::Error) -> Self {
        ModelError::Read(Arc::new(error))
    }
}

/// Inspects an ONNX file's content; `sidecar` is the text of the manifest beside it, which wins over the one inside.
///
/// # Errors
/// Says why the file cannot serve.
pub fn inspect(onnx: &[u8], sidecar: Option<&str>) -> Result<Model, ModelError> {
    let Examination { contents, verdict } = examine(onnx, &Limits::default());
    verdict?;
    let manifest_text = sidecar.or(contents.manifest.as_deref());
    let manifest_text = manifest_text.ok_or(ModelError::NoManifest)?;
    // An entry of a list takes some twenty bytes here and a few hundred there.
    room::probe(manifest_text.len().saturating_mul(16)).map_err(Refusal::from)?;
    let manifest = Manifest::from_json(manifest_text)?;
    let fixed_size = ports::check(&contents.ports, &manifest).map_err(ModelError::Graph)?;
    let takes_batches = ports::take_batches(&contents.ports);
    let digest = digest(onnx, sidecar);
    Ok(Model { manifest, fixed_size, takes_batches, needs: contents.needs, digest })
}

/// Key and value of one of a model's properties (`metadata_props`); `None` where the bytes are no property.
pub(super) fn property(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (mut key, mut value) = ("", &[][..]);
    for field in wire::Fields::new(&schema::PROPERTY, bytes) {
        let field = field.ok()?;
        match field.name {
            "key" => key = field.text().ok()?,
            _ => value = field.bytes(),
        }
    }
    Some((key, value))
}

/// SHA-256 of an ONNX file's content and of the manifest beside it.
pub(super) fn digest(onnx: &[u8], sidecar: Option<&str>) -> Digest {
    let mut hash = Sha256::new_with_prefix(onnx);
    hash.update(sidecar.unwrap_or_default());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Network;
    use derust_manifest::onnx;
    use prost::Message as _;

    fn refusal(model: &onnx::Model) -> String {
        inspect(&model.encode_to_vec(), None).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_passes_and_a_sidecar_wins() {
        let network = Network::red_is_rust();
        let model = inspect(&network.to_onnx(), None).unwrap();
        assert_eq!((model.manifest, model.fixed_size), (network.manifest.clone(), [None, None]));
        let mut other = network.manifest.clone();
        other.name = "other".into();
        let model = inspect(&network.to_onnx(), Some(&other.to_json())).unwrap();
        assert_eq!(model.manifest.name, "other");
        let fixed = Network { fixed_size: Some((48, 64)), ..network.clone() };
        assert_eq!(inspect(&fixed.to_onnx(), None).unwrap().fixed_size, [Some(48), Some(64)]);
        assert!(model.takes_batches);
        let mut single = network.to_model();
        let output = &mut single.graph.as_mut().unwrap().output[0];
        let shape = output.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap().shape.as_mut().unwrap();
        shape.dim[0].value = Some(onnx::dimension::Value::Size(1));
        assert!(!inspect(&single.encode_to_vec(), None).unwrap().takes_batches);
    }

    #[test]
    fn what_an_older_runtime_crashes_on_needs_a_newer_one() {
        let mut model = Network::red_is_rust().to_model();
        let sample = |mode: &str| onnx::Node {
            op_type: "GridSample".into(),
            input: vec!["image".into(), "grid".into()],
            output: vec!["sampled".into()],
            attribute: vec![onnx::Attribute::string("padding_mode", mode)],
            ..Default::default()
        };
        let graph = model.graph.as_mut().unwrap();
        graph.initializer.push(onnx::Tensor::floats("grid", &[1, 1, 1, 2], &[0.0; 2]));
        graph.node.push(sample("border"));
        assert_eq!(inspect(&model.encode_to_vec(), None).unwrap().needs, None);
        *model.graph.as_mut().unwrap().node.last_mut().unwrap() = sample("reflection");
        let needs = inspect(&model.encode_to_vec(), None).unwrap().needs.unwrap();
        let refusal = needs.refusal("1.24.4").unwrap();
        for word in ["GridSample", "padding_mode", "1.24.4", "1.32"] {
            assert!(refusal.contains(word), "{refusal}");
        }
        assert_eq!(needs.refusal("1.32.0"), None);
    }

    #[test]
    fn what_was_exported_wrongly_is_refused_with_the_line_that_exports_it_anew() {
        let refusal = |change: &dyn Fn(&mut onnx::Model)| {
            let mut model = Network::red_is_rust().to_model();
            change(&mut model);
            refusal(&model)
        };
        let training = |attribute: Option<i64>, outputs: &'static [&'static str]| {
            move |model: &mut onnx::Model| {
                model.graph.as_mut().unwrap().node.push(onnx::Node {
                    op_type: "BatchNormalization".into(),
                    output: outputs.iter().map(|name| (*name).into()).collect(),
                    attribute: attribute
                        .map(|mode| onnx::Attribute::int("training_mode", mode))
                        .into_iter()
                        .collect(),
                    ..Default::default()
                });
            }
        };
        for said in [refusal(&training(Some(1), &["a"])), refusal(&training(None, &["a", "b", "c"]))] {
            assert!(said.contains("training mode") && said.contains("`model.eval()`"), "{said}");
        }
        let mut evaluating = Network::red_is_rust().to_model();
        training(Some(0), &["a"])(&mut evaluating);
        inspect(&evaluating.encode_to_vec(), None).unwrap();

        let said = refusal(&|model| model.ir_version = 99);
        assert!(said.contains("(IR) 99") && said.contains("opset_version="), "{said}");
        let said = refusal(&|model| model.opset_import[0].version = 99);
        assert!(said.contains("(opset)") && said.contains("opset_version="), "{said}");
        let output = |change: &dyn Fn(&mut onnx::TensorType)| {
            refusal(&|model| {
                let graph = model.graph.as_mut().unwrap();
                change(graph.output[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap());
            })
        };
        let said = output(&|tensor| tensor.elem_type = 9);
        assert!(said.contains("bool") && said.contains(".float()"), "{said}");
        let said = output(&|tensor| {
            tensor.shape.as_mut().unwrap().dim[0].value = Some(onnx::dimension::Value::Size(4));
        });
        assert!(said.contains("several pictures at once") && said.contains("torch.rand(1, 3"), "{said}");
    }

    #[test]
    fn the_shipped_models_stay_far_below_the_limits() {
        for (name, onnx) in crate::models::embedded::MODELS {
            let Examination { contents, verdict } = examine(onnx, &Limits::default());
            verdict.unwrap();
            for ((what, used), (_, limit)) in contents.used.each().into_iter().zip(Limits::default().each()) {
                assert!(used > 0 && used <= limit / 4, "{name}: {used} {what} of {limit}");
            }
        }
    }

    #[test]
    fn files_that_are_something_else_are_refused_with_the_reason() {
        let garbage = inspect(b"\xff\xff\xff", None).unwrap_err().to_string();
        assert!(garbage.contains("no ONNX file"), "{garbage}");
        assert!(inspect(b"", None).unwrap_err().to_string().contains("no graph"));
        let good = Network::red_is_rust().to_model();
        let mut broken = good.clone();
        broken.metadata_props.clear();
        assert!(refusal(&broken).contains("NAME.onnx.json"));
        let mut broken = good;
        broken.graph.as_mut().unwrap().node[0].domain = "com.example".into();
        assert!(refusal(&broken).contains("com.example"));
    }
}
