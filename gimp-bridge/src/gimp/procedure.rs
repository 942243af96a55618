//! What a plug-in offers, and what it is asked for: the same for every generation.

use std::path::{Path, PathBuf};

use super::{Controls, Generation, Gimp};
use crate::text::Problem;

/// What a plug-in has to offer.
pub struct Offer<G: Generation> {
    /// Its procedures.
    pub procedures: &'static [&'static Procedure],
    /// What is said of all of them.
    pub about: &'static About,
    /// Where its other files lie.
    pub folder: PathBuf,
    /// Runs one of them.
    pub run: Run<G>,
}

/// Runs a procedure of the plug-in whose other files lie in the folder; a message for the user, where it cannot.
pub type Run<G> = fn(&Gimp<G>, &Path, &Call<'_, G>) -> Result<Ending, Problem>;

/// What is said of every procedure.
pub struct About {
    /// The menu that they are in.
    pub menu: &'static str,
    /// The name of its sub-menu.
    pub submenu: &'static str,
    /// Layers that the menu offers them for.
    pub image_types: &'static str,
    /// Who made them.
    pub authors: &'static str,
    /// Under which terms.
    pub copyright: &'static str,
    /// When.
    pub date: &'static str,
}

/// What GIMP asks for.
pub struct Call<'a, G: Generation> {
    /// The procedure.
    pub procedure: &'static Procedure,
    /// The image.
    pub image: G::Handle,
    /// The layer.
    pub drawable: G::Handle,
    /// The values of the parameters; what the dialog begins with if there is one.
    pub values: Vec<Value>,
    /// The dialog's controls; none: nobody is asked.
    pub controls: Option<&'a dyn Controls<G>>,
}

/// How a run ended.
pub enum Ending {
    /// With a result.
    Done {
        /// The values of the parameters, for the next run.
        values: Vec<Value>,
        /// What the procedure returns, one number for each of [`Procedure::returns`].
        returns: Vec<f64>,
    },
    /// The user closed the dialog.
    Cancelled,
}

/// A procedure of the plug-in.
pub struct Procedure {
    /// Its name in the procedure browser and in scripts.
    pub name: &'static str,
    /// Its entry in the menu.
    pub label: &'static str,
    /// The title of its dialog.
    pub title: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What it does, in some lines.
    pub help: &'static str,
    /// What it is told beside run mode, image and drawable; see [`Procedure::parameters_in`].
    pub parameters: &'static [Parameter],
    /// What it returns beside a status.
    pub returns: &'static [Return],
}

/// A parameter of a procedure.
pub struct Parameter {
    /// Its name in scripts.
    pub name: &'static str,
    /// Its name in the dialog.
    pub label: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Its type, its range and its default.
    pub kind: ParameterKind,
    /// Whether it is about filters on layers; a GIMP that has none does not have it.
    pub of_layer_filters: bool,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParameterKind {
    /// A text, empty by default.
    Text,
    /// A number.
    Number {
        /// The smallest.
        from: f64,
        /// The largest.
        to: f64,
        /// The one that counts if nobody says anything.
        default: f64,
    },
    /// Yes or no, no by default.
    Toggle,
    /// One of several words: what scripts call it, and what the dialog does. The first one is the default. GIMP 2.10 counts
    /// them from 0.
    Choice(&'static [(&'static str, &'static str)]),
}

/// What a procedure returns beside a status.
pub struct Return {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Whether it is a whole number.
    pub whole: bool,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a text.
    Text(String),
    /// Of a number.
    Number(f64),
    /// Of a question.
    Toggle(bool),
    /// Of a choice: which one, counted from 0.
    Choice(usize),
}

impl ParameterKind {
    /// The value that counts if nobody says anything.
    pub fn default(self) -> Value {
        match self {
            ParameterKind::Text => Value::Text(String::new()),
            ParameterKind::Number { default, .. } => Value::Number(default),
            ParameterKind::Toggle => Value::Toggle(false),
            ParameterKind::Choice(_) => Value::Choice(0),
        }
    }
}

impl Procedure {
    /// The parameters that it has in a generation of GIMP.
    pub fn parameters_in<G: Generation>(&self) -> impl Iterator<Item = &'static Parameter> + use<G> {
        self.parameters.iter().filter(|parameter| G::HAS_LAYER_FILTERS || !parameter.of_layer_filters)
    }
}

impl<G: Generation> Offer<G> {
    /// The procedure that GIMP calls `name`.
    pub fn named(&self, name: &str) -> Option<&'static Procedure> {
        self.procedures.iter().copied().find(|procedure| procedure.name == name)
    }
}
