//! What went wrong, for the person in front of GIMP.

/// A message that says what is wrong and what to do about it, in the user's language.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text}")]
pub struct Problem {
    text: String,
    cancelled: bool,
}

impl Problem {
    /// A message.
    pub fn new(text: impl Into<String>) -> Self {
        Problem { text: text.into(), cancelled: false }
    }

    /// The work was stopped because it is not wanted any more; nobody has to be told.
    pub fn cancelled() -> Self {
        Problem { text: "cancelled".into(), cancelled: true }
    }

    /// Whether the work was stopped on request.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }
}
