//! A look at a model file before ONNX Runtime sees it. Nothing in the file is trusted.

mod ports;

use std::sync::Arc;

use derust_manifest::onnx::{Property, ValueInfo};
use derust_manifest::{METADATA_KEY, Manifest, ManifestError};
use prost::Message;
use sha2::{Digest as _, Sha256};

use super::Model;
pub(crate) use ports::channels;
pub use ports::{Dimension, Port, Ports};

/// The most bytes that a model file may have.
pub const SIZE_LIMIT: u64 = 256 << 20;

/// Operator sets that ONNX Runtime brings along; others would need a library of their own.
const KNOWN_DOMAINS: [&str; 4] = ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"];

/// Why a model file cannot serve.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(Arc<std::io::Error>),
    /// The file is too large.
    #[error("it has more than {} MB", SIZE_LIMIT >> 20)]
    TooLarge,
    /// The file is no longer the one that was looked at.
    #[error("it changed meanwhile")]
    Changed,
    /// The file is not in the ONNX format.
    #[error("it is no ONNX file: {0}")]
    NotOnnx(#[from] prost::DecodeError),
    /// Neither the file nor a sidecar says what the model is.
    #[error("it has no manifest; put one into NAME.onnx.json beside it")]
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

/// The messages of `onnx.proto3` once more, with the fields that tell whether a file reaches beyond itself, and
/// without the weights, so that looking copies little.
mod look {
    use super::{Message, Property, ValueInfo};

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Model {
        #[prost(message, optional, tag = "7")]
        pub graph: Option<Graph>,
        #[prost(message, repeated, tag = "14")]
        pub metadata_props: Vec<Property>,
        #[prost(message, repeated, tag = "25")]
        pub functions: Vec<Function>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Function {
        #[prost(message, repeated, tag = "7")]
        pub node: Vec<Node>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Graph {
        #[prost(message, repeated, tag = "1")]
        pub node: Vec<Node>,
        #[prost(message, repeated, tag = "5")]
        pub initializer: Vec<Tensor>,
        #[prost(message, repeated, tag = "11")]
        pub input: Vec<ValueInfo>,
        #[prost(message, repeated, tag = "12")]
        pub output: Vec<ValueInfo>,
        #[prost(message, repeated, tag = "15")]
        pub sparse_initializer: Vec<SparseTensor>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Node {
        #[prost(string, tag = "4")]
        pub op_type: String,
        #[prost(message, repeated, tag = "5")]
        pub attribute: Vec<Attribute>,
        #[prost(string, tag = "7")]
        pub domain: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Attribute {
        #[prost(message, optional, tag = "5")]
        pub t: Option<Tensor>,
        #[prost(message, optional, tag = "6")]
        pub g: Option<Graph>,
        #[prost(message, repeated, tag = "10")]
        pub tensors: Vec<Tensor>,
        #[prost(message, repeated, tag = "11")]
        pub graphs: Vec<Graph>,
        #[prost(message, optional, tag = "22")]
        pub sparse_tensor: Option<SparseTensor>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct SparseTensor {
        #[prost(message, optional, tag = "1")]
        pub values: Option<Tensor>,
        #[prost(message, optional, tag = "2")]
        pub indices: Option<Tensor>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Tensor {
        #[prost(string, tag = "8")]
        pub name: String,
        #[prost(message, repeated, tag = "13")]
        pub external_data: Vec<Property>,
        #[prost(int32, tag = "14")]
        pub data_location: i32,
    }
}

/// Inspects an ONNX file's content; `sidecar` is the text of the manifest beside it, which wins over the one inside.
///
/// # Errors
/// Says why the file cannot serve.
pub fn inspect(onnx: &[u8], sidecar: Option<&str>) -> Result<Model, ModelError> {
    if onnx.len() as u64 > SIZE_LIMIT {
        return Err(ModelError::TooLarge);
    }
    let file = look::Model::decode(onnx)?;
    let graph = file.graph.ok_or_else(|| ModelError::Graph("it holds no graph".into()))?;
    let embedded = file.metadata_props.iter().find(|property| property.key == METADATA_KEY);
    let manifest_text = sidecar.or(embedded.map(|property| property.value.as_str()));
    let manifest = Manifest::from_json(manifest_text.ok_or(ModelError::NoManifest)?)?;
    let stays_inside = check_graph(&graph)
        .and_then(|()| file.functions.iter().flat_map(|function| &function.node).try_for_each(check_node));
    stays_inside.map_err(ModelError::Graph)?;
    let fixed_size = ports::check(&ports_of(graph), &manifest).map_err(ModelError::Graph)?;
    let mut hash = Sha256::new_with_prefix(onnx);
    hash.update(sidecar.unwrap_or_default());
    Ok(Model { manifest, fixed_size, digest: hash.finalize().into() })
}

/// Weights that are listed among the inputs, as older exporters do, are no inputs.
fn ports_of(graph: look::Graph) -> Ports {
    let look::Graph { input, output, initializer, .. } = graph;
    let is_weight = |name: &str| initializer.iter().any(|tensor| tensor.name == name);
    let inputs = input.into_iter().filter(|port| !is_weight(&port.name)).map(Port::from).collect();
    Ports { inputs, outputs: output.into_iter().map(Port::from).collect() }
}

fn check_graph(graph: &look::Graph) -> Result<(), String> {
    graph.initializer.iter().try_for_each(check_tensor)?;
    graph.sparse_initializer.iter().try_for_each(check_sparse)?;
    graph.node.iter().try_for_each(check_node)
}

fn check_node(node: &look::Node) -> Result<(), String> {
    if !KNOWN_DOMAINS.contains(&node.domain.as_str()) {
        return Err(format!("it uses `{}` of the foreign operator set `{}`", node.op_type, node.domain));
    }
    for attribute in &node.attribute {
        attribute.t.iter().chain(&attribute.tensors).try_for_each(check_tensor)?;
        attribute.sparse_tensor.iter().try_for_each(check_sparse)?;
        attribute.g.iter().chain(&attribute.graphs).try_for_each(check_graph)?;
    }
    Ok(())
}

fn check_sparse(tensor: &look::SparseTensor) -> Result<(), String> {
    tensor.values.iter().chain(&tensor.indices).try_for_each(check_tensor)
}

fn check_tensor(tensor: &look::Tensor) -> Result<(), String> {
    if tensor.data_location == 0 && tensor.external_data.is_empty() {
        return Ok(());
    }
    Err(format!("its tensor `{}` lies in another file; a model is one file", tensor.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Network;
    use derust_manifest::onnx;

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
        let fixed = Network { fixed_size: Some((48, 64)), ..network };
        assert_eq!(inspect(&fixed.to_onnx(), None).unwrap().fixed_size, [Some(48), Some(64)]);
    }

    #[test]
    fn files_that_are_something_else_are_refused_with_the_reason() {
        assert!(matches!(inspect(b"\xff\xff\xff", None), Err(ModelError::NotOnnx(_))));
        assert!(inspect(b"", None).unwrap_err().to_string().contains("no graph"));
        let good = Network::red_is_rust().to_model();
        let mut broken = good.clone();
        broken.metadata_props.clear();
        assert!(refusal(&broken).contains("NAME.onnx.json"));
        let mut broken = good;
        broken.graph.as_mut().unwrap().node[0].domain = "com.example".into();
        assert!(refusal(&broken).contains("com.example"));
    }

    #[test]
    fn weights_in_another_file_are_refused() {
        #[derive(Clone, PartialEq, Message)]
        struct Outside {
            #[prost(message, optional, tag = "7")]
            graph: Option<OutsideGraph>,
        }
        #[derive(Clone, PartialEq, Message)]
        struct OutsideGraph {
            #[prost(message, repeated, tag = "5")]
            initializer: Vec<look::Tensor>,
        }
        let location = Property { key: "location".into(), value: "/etc/passwd".into() };
        let tensor = look::Tensor { name: "w".into(), external_data: vec![location], data_location: 1 };
        let outside = Outside { graph: Some(OutsideGraph { initializer: vec![tensor] }) };
        // Protobuf merges messages that follow one another.
        let mut file = Network::red_is_rust().to_onnx();
        file.extend(outside.encode_to_vec());
        assert!(inspect(&file, None).unwrap_err().to_string().contains("another file"));
    }
}
