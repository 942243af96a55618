//! Why a model file is refused, in words.

use std::fmt::{self, Display};

use crate::control::Stopped;

/// What a model file has to keep to before ONNX Runtime sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// It is in the ONNX format, and can be read in one way only.
    Format,
    /// It stays within [`Limits`](super::Limits).
    Limits,
    /// It uses operators of the list that networks for pictures are made of.
    Operators,
    /// It defines no operators of its own.
    Functions,
    /// It is one file: all weights are in it.
    ExternalData,
    /// Its tensors hold numbers.
    ElementTypes,
    /// Its tensors hold exactly the values that their shapes ask for.
    Weights,
    /// Its shapes can be held in memory.
    Shapes,
    /// Its names are unique, and are text.
    Names,
    /// Its attributes are of the kinds that these operators have.
    Attributes,
    /// It brings no settings for the program that runs it.
    Settings,
    /// There is memory to look at it. That is not the file's fault, and may be otherwise the next time.
    Memory,
}

impl Rule {
    /// The name by which lists and programs call the rule.
    pub fn id(self) -> &'static str {
        match self {
            Rule::Format => "format",
            Rule::Limits => "limits",
            Rule::Operators => "operators",
            Rule::Functions => "functions",
            Rule::ExternalData => "external-data",
            Rule::ElementTypes => "element-types",
            Rule::Weights => "weights",
            Rule::Shapes => "shapes",
            Rule::Names => "names",
            Rule::Attributes => "attributes",
            Rule::Settings => "settings",
            Rule::Memory => "memory",
        }
    }

    /// After a breach of these rules the rest of the file cannot be trusted to be read in bounded memory.
    pub(super) fn ends_reading(self) -> bool {
        matches!(self, Rule::Format | Rule::Limits | Rule::Memory)
    }
}

/// Which rule a model file breaks, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// The node, tensor or value, by its number in the file, its name and its operator, as far as it has them; empty
    /// where it is the whole file.
    pub place: String,
    /// What is wrong there, and what would be right.
    pub problem: String,
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        Refusal::new(Rule::Memory, stopped.to_string())
    }
}

impl Refusal {
    pub(super) fn new(rule: Rule, problem: impl Into<String>) -> Self {
        Refusal { rule, place: String::new(), problem: problem.into() }
    }

    /// The same, where the place so far lies in `outer`.
    pub(super) fn within(mut self, outer: impl Display) -> Self {
        let outer = outer.to_string();
        self.place = match (outer.is_empty(), self.place.is_empty()) {
            (true, _) => self.place,
            (_, true) => outer,
            _ => format!("{outer}, {}", self.place),
        };
        self
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{} [{}]", self.problem, self.rule.id())
    }
}

impl std::error::Error for Refusal {}

/// A name from the file, fit for a terminal or a log: without control characters, and not too long.
pub(super) fn quoted(name: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_a_file_cannot_play_tricks_on_a_terminal() {
        assert_eq!(quoted("w\u{1b}[2J\n"), r"`w\u{1b}[2J\n`");
        assert_eq!(quoted(&"x".repeat(61)).chars().count(), 63);
    }
}
