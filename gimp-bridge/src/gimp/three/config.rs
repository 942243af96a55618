//! The values of a procedure's parameters, as GIMP keeps them.

use std::ffi::{CStr, c_char, c_double, c_int};
use std::ptr::{null, null_mut};

use libloading::Library;

use crate::gimp::functions::{Pointer, Text, c_name, in_full, name_in, table};
use crate::gimp::{Generation, ParameterKind, Procedure, Value};
use crate::text::c_text;

table! {
    /// What it takes to read and write values.
    pub(super) struct Functions {
        g_object_get(Pointer, Text; ...);
        g_object_set(Pointer, Text; ...);
        g_free(Pointer);
        gimp_procedure_config_get_choice_id(Pointer, Text) -> c_int;
    }
}

/// The values of a procedure's parameters, as GIMP keeps them.
#[derive(Clone, Copy)]
pub(super) struct Config {
    /// The procedure.
    pub procedure: Pointer,
    /// The object with the values.
    pub object: Pointer,
    /// What reads and writes them.
    pub functions: &'static Functions,
}

impl Config {
    /// The value of a text.
    pub fn text(&self, name: &str) -> String {
        let mut text: *mut c_char = null_mut();
        // SAFETY: a name of a text parameter; the copy that is handed out is freed.
        unsafe {
            let name = c_text(name);
            (self.functions.g_object_get)(self.object, name.as_ptr(), &raw mut text, null::<c_char>());
            let owned = if text.is_null() {
                String::new()
            } else {
                CStr::from_ptr(text).to_string_lossy().into_owned()
            };
            (self.functions.g_free)(text.cast());
            owned
        }
    }

    /// Changes the value of a text.
    pub fn set_text(&self, name: &str, value: &str) {
        // SAFETY: a name of a text parameter; the value is copied.
        unsafe {
            let (name, value) = (c_text(name), c_text(value));
            (self.functions.g_object_set)(self.object, name.as_ptr(), value.as_ptr(), null::<c_char>());
        }
    }

    fn number(&self, name: &str) -> f64 {
        let mut number: c_double = 0.0;
        // SAFETY: a name of a parameter that is a double.
        unsafe {
            let name = c_text(name);
            (self.functions.g_object_get)(self.object, name.as_ptr(), &raw mut number, null::<c_char>());
        }
        number
    }

    fn toggle(&self, name: &str) -> bool {
        let mut value: c_int = 0;
        // SAFETY: a name of a parameter that is a boolean.
        unsafe {
            let name = c_text(name);
            (self.functions.g_object_get)(self.object, name.as_ptr(), &raw mut value, null::<c_char>());
        }
        value != 0
    }

    fn choice(&self, name: &str) -> usize {
        // SAFETY: a name of a parameter that is a choice.
        let index = unsafe {
            (self.functions.gimp_procedure_config_get_choice_id)(self.object, c_text(name).as_ptr())
        };
        usize::try_from(index).unwrap_or(0)
    }

    /// The values of all parameters.
    pub fn values(&self, procedure: &Procedure) -> Vec<Value> {
        let parameters = procedure.parameters.iter();
        parameters
            .map(|parameter| match parameter.kind {
                ParameterKind::Text => Value::Text(self.text(parameter.name)),
                ParameterKind::Number { .. } => Value::Number(self.number(parameter.name)),
                ParameterKind::Toggle => Value::Toggle(self.toggle(parameter.name)),
                ParameterKind::Choice(_) => Value::Choice(self.choice(parameter.name)),
            })
            .collect()
    }
}
