//! Why a model serves, and why another does not. What to do about it, each host says in its own words.

use derust_manifest::Kind;

use super::{ModelError, Origin};

/// Why a model serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Because {
    /// The call asks for it.
    #[error("the call asks for it")]
    Wanted,
    /// The user has chosen it.
    #[error("the user has chosen it")]
    Preferred,
    /// It was added last to the first folder that holds a usable one.
    #[error("it comes first, and was added last")]
    Newest,
}

/// Why a model does not serve.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Idle {
    /// Its file cannot be used.
    #[error(transparent)]
    Unusable(#[from] ModelError),
    /// It passed inspection, and failed when it was tried out.
    #[error("{0}")]
    Failed(String),
    /// No filter uses models of its kind.
    #[error("no filter uses a model of the kind {0}")]
    Unused(Kind),
    /// Another file of its folder has its name, this one, and a version that is as high or higher.
    #[error("another file holds the same or a higher version of `{0}`")]
    Older(String),
    /// The user has chosen the model of this name.
    #[error("the user has chosen `{0}`")]
    Unchosen(String),
    /// The model from here comes first.
    #[error("{0} comes first")]
    Outranked(Origin),
    /// It is used by calls that name it.
    #[error("only calls that name it use it")]
    Named,
    /// The model of this name was added later to the same folder.
    #[error("`{0}` was added later")]
    AddedEarlier(String),
}
