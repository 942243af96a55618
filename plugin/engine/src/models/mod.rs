//! Model files: what lies in the folders, whether it can be trusted, and which one serves.

mod data_file;
mod embedded;
mod file;
mod glimpse;
mod inspect;
mod preferences;
mod selector;
mod shelf;
mod standing;
mod store;

use std::path::PathBuf;

use derust_manifest::Manifest;

pub use data_file::with_weights;
#[cfg(test)]
use embedded::MODELS;
pub use file::{ModelFile, sidecar_path};
#[cfg(any(test, feature = "fixtures"))]
pub(crate) use inspect::allowed_operators;
pub(crate) use inspect::channels;
pub use inspect::{
    Contents, Dimension, Examination, Limits, ModelError, Needs, Port, Ports, Refusal, Rule, SIZE_LIMIT,
    element_type_name, examine, inspect,
};
pub use preferences::{Preferences, PreferencesError};
pub use selector::{Selector, SelectorError};
pub(crate) use shelf::{Looked, Shelf};
pub use standing::{Because, Idle};
pub(crate) use store::{Added, Offer, reason};
pub use store::{Candidate, Store};

/// A model that passed inspection.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it says about itself.
    pub manifest: Manifest,
    /// Height and width of the image input, where the graph fixes them.
    pub fixed_size: [Option<usize>; 2],
    /// Whether all inputs and outputs leave open how many pictures go through the network at once.
    pub takes_batches: bool,
    /// What it needs of ONNX Runtime beyond the lowest version that can serve.
    pub needs: Option<Needs>,
    /// Tells the content of the file and its sidecar from any other.
    pub digest: Digest,
}

/// SHA-256 (FIPS 180-4) of an ONNX file, followed by its sidecar where there is one.
pub type Digest = [u8; 32];

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A file in one of the folders.
    File(PathBuf),
    /// Part of this program.
    Embedded,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::File(path) => path.display().fmt(f),
            Origin::Embedded => f.write_str("(built in)"),
        }
    }
}
