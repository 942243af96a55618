//! What to do about what the engine says, in this command's words.

use derust_engine::Error;
use derust_engine::models::{Because, Idle, ModelError, Rule};
use derust_engine::runtime::RuntimeError;

/// Why a call or a picture failed, and what to do about it where the engine's words do not say all.
pub fn failure(error: &anyhow::Error) -> String {
    let is_missing = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(RuntimeError::NotFound))
            || matches!(cause.downcast_ref(), Some(Error::Runtime(RuntimeError::NotFound)))
    };
    let advice = if error.chain().any(is_missing) {
        ", or run `cargo xtask setup` in derust's source folder"
    } else {
        ""
    };
    format!("{error:#}{advice}")
}

/// Why a model file cannot serve.
pub fn unusable(error: &ModelError) -> String {
    match error {
        ModelError::NoManifest => format!("{error}; `derust models adopt` writes one there, to be edited"),
        ModelError::Refused(refusal) if refusal.rule == Rule::ExternalData => {
            format!("{error}; `derust models adopt` makes one file of the two")
        }
        other => other.to_string(),
    }
}

/// Why a model does not serve.
pub fn idle(because: &Idle) -> String {
    match because {
        Idle::Unusable(error) => unusable(error),
        Idle::Failed(reason) => format!("{reason}; `derust models retry` tries it out anew"),
        Idle::Unchosen(chosen) => format!("`{chosen}` was chosen by `derust models use`"),
        other => other.to_string(),
    }
}

/// Why a model serves.
pub fn serves(because: Because) -> String {
    match because {
        Because::Preferred => "it was chosen by `derust models use`".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn who_lacks_onnx_runtime_is_told_how_a_source_folder_gets_it() {
        let bare: anyhow::Error = RuntimeError::NotFound.into();
        let deep = Err::<(), _>(Error::from(RuntimeError::NotFound)).context("a.png").unwrap_err();
        for error in [bare, deep] {
            let said = failure(&error);
            assert!(said.contains("ORT_DYLIB_PATH") && said.contains("cargo xtask setup"), "{said}");
        }
        let other: anyhow::Error = RuntimeError::Run("out of order".into()).into();
        assert_eq!(failure(&other), other.to_string());
    }
}
