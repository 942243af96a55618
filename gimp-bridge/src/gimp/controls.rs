//! The window with the controls of a procedure.

use std::ffi::c_int;

use super::functions::{Pointer, Widgets};
use super::{Generation, Procedure, Value};
use crate::text::Problem;

/// A value that can be chosen of a text.
pub struct Entry {
    /// The value.
    pub value: String,
    /// How it stands in the list.
    pub label: String,
}

/// The window with the controls of a procedure, as a generation of GIMP makes it.
pub trait Controls<G: Generation> {
    /// The widgets of this generation.
    fn widgets(&self) -> &Widgets<G::Handle>;
    /// Makes the window, with controls that show `values`, below `top`, which makes what stands there and packs it into the
    /// box that it is handed. A text is chosen of `entries`, of which the first one stands for an empty one.
    fn open(
        &self,
        procedure: &'static Procedure,
        values: &[Value],
        entries: &[Entry],
        top: &mut dyn FnMut(Pointer),
    ) -> Result<(), Problem>;
    /// What the controls say.
    fn values(&self) -> Vec<Value>;
    /// Lets a parameter be changed, or greys it out.
    fn set_sensitive(&self, parameter: &str, sensitive: bool);
    /// Lets the user accept, or not.
    fn set_acceptable(&self, acceptable: bool);
    /// Waits for the user; says whether it was accepted.
    fn run(&self) -> bool;
    /// Takes the window away.
    fn close(&self);
}

/// The value for a place in the list of entries.
pub(super) fn value_at(values: &[String], index: c_int) -> String {
    let index = usize::try_from(index).unwrap_or(0);
    if index == 0 { String::new() } else { values.get(index).cloned().unwrap_or_default() }
}
