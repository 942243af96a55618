//! The window with the controls of a procedure, made of GTK 2's widgets by hand.

use std::cell::RefCell;
use std::ffi::{c_double, c_int, c_uint};
use std::ptr::{null, null_mut};

use libloading::Library;

use super::Two;
use crate::gimp::controls::value_at;
use crate::gimp::functions::{Pointer, Text, Widgets, c_name, in_full, name_in, table};
use crate::gimp::generation::open;
use crate::gimp::{Controls, Entry, Generation, Parameter, ParameterKind, Procedure, Value};
use crate::text::{Problem, c_text, tr};

/// `GtkResponseType`, and one of our own.
mod response {
    use std::ffi::c_int;
    pub const OK: c_int = -5;
    pub const CANCEL: c_int = -6;
    pub const RESET: c_int = 1;
}

/// `GTK_EXPAND | GTK_FILL`
const EXPAND_AND_FILL: c_int = 5;
/// `GTK_FILL`
const FILL: c_int = 4;

table! {
    /// What the dialog needs of GTK 2 and GIMP 2.10's widgets alone.
    struct Gtk2 {
        gimp_ui_init(Text, c_int);
        gimp_dialog_new(Text, Text, Pointer, c_int, Pointer, Text; ...) -> Pointer;
        gimp_dialog_run(Pointer) -> c_int;
        gimp_window_set_transient(Pointer);
        gtk_adjustment_new(c_double, c_double, c_double, c_double, c_double, c_double) -> Pointer;
        gtk_adjustment_get_value(Pointer) -> c_double;
        gtk_adjustment_set_value(Pointer, c_double);
        gtk_hscale_new(Pointer) -> Pointer;
        gtk_scale_set_draw_value(Pointer, c_int);
        gtk_spin_button_new(Pointer, c_double, c_uint) -> Pointer;
        gtk_table_new(c_uint, c_uint, c_int) -> Pointer;
        gtk_table_attach(Pointer, Pointer, c_uint, c_uint, c_uint, c_uint, c_int, c_int, c_uint, c_uint);
        gtk_table_set_row_spacings(Pointer, c_uint);
        gtk_table_set_col_spacings(Pointer, c_uint);
        gtk_label_new_with_mnemonic(Text) -> Pointer;
        gtk_label_set_mnemonic_widget(Pointer, Pointer);
        gtk_vbox_new(c_int, c_int) -> Pointer;
        gtk_check_button_new() -> Pointer;
        gtk_toggle_button_get_active(Pointer) -> c_int;
        gtk_toggle_button_set_active(Pointer, c_int);
    }
}

/// A control, and the widgets that are greyed out with it.
struct Control {
    name: &'static str,
    kind: ControlKind,
    widgets: Vec<Pointer>,
}

enum ControlKind {
    /// A combo box, and the values of its entries.
    Text(Pointer, Vec<String>),
    /// An adjustment.
    Number(Pointer),
    /// A check box.
    Toggle(Pointer),
    /// A combo box.
    Choice(Pointer),
}

/// The dialog; nothing is shown before it is opened.
pub(super) struct Window {
    widgets: Widgets<i32>,
    gtk: Gtk2,
    open: RefCell<Option<Open>>,
}

struct Open {
    dialog: Pointer,
    procedure: &'static Procedure,
    controls: Vec<Control>,
}

/// Finds every function that windows need, and says how many there are.
pub(super) fn check() -> Result<usize, String> {
    Window::find().map(|_| Widgets::<i32>::COUNT + Gtk2::COUNT)
}

impl Window {
    /// Finds every function that dialogs need.
    pub fn find() -> Result<Self, String> {
        let library = open::<Two>("gimpui")?;
        Ok(Window {
            widgets: Widgets::find::<Two>(library)?,
            gtk: Gtk2::find::<Two>(library)?,
            open: RefCell::default(),
        })
    }

    /// A combo box with these entries.
    fn combo(&self, entries: impl Iterator<Item = String>) -> Pointer {
        // SAFETY: GTK copies the texts.
        unsafe {
            let combo = (self.widgets.gtk_combo_box_text_new)();
            for entry in entries {
                (self.widgets.gtk_combo_box_text_append_text)(combo, c_text(&entry).as_ptr());
            }
            combo
        }
    }

    /// The widgets of a parameter in their row of the table.
    fn control(
        &self,
        table: Pointer,
        row: c_uint,
        parameter: &'static Parameter,
        entries: &[Entry],
    ) -> Control {
        let attach = |widget, column, end, options| {
            // SAFETY: widgets of this window.
            unsafe {
                (self.gtk.gtk_table_attach)(table, widget, column, end, row, row + 1, options, FILL, 0, 0)
            };
        };
        // SAFETY: GTK copies the text; widgets belong to the table as soon as they are attached.
        let label = unsafe {
            let label = (self.gtk.gtk_label_new_with_mnemonic)(c_text(&tr(parameter.label)).as_ptr());
            (self.widgets.gtk_misc_set_alignment)(label, 0.0, 0.5);
            label
        };
        attach(label, 0, 1, FILL);
        let (kind, widget, mut widgets) = match parameter.kind {
            ParameterKind::Text => {
                let combo = self.combo(entries.iter().map(|entry| entry.label.clone()));
                attach(combo, 1, 3, EXPAND_AND_FILL);
                let texts = entries.iter().map(|entry| entry.value.clone()).collect();
                (ControlKind::Text(combo, texts), combo, vec![combo])
            }
            ParameterKind::Toggle => {
                // SAFETY: the widget belongs to the table as soon as it is attached.
                let check = unsafe { (self.gtk.gtk_check_button_new)() };
                attach(check, 1, 3, EXPAND_AND_FILL);
                (ControlKind::Toggle(check), check, vec![check])
            }
            ParameterKind::Choice(choices) => {
                let combo = self.combo(choices.iter().map(|(_, label)| tr(label)));
                attach(combo, 1, 3, EXPAND_AND_FILL);
                (ControlKind::Choice(combo), combo, vec![combo])
            }
            ParameterKind::Number { from, to, default } => {
                // SAFETY: the adjustment belongs to the scale as soon as that is made.
                let (adjustment, scale, spin) = unsafe {
                    let adjustment = (self.gtk.gtk_adjustment_new)(default, from, to, 1.0, 10.0, 0.0);
                    let scale = (self.gtk.gtk_hscale_new)(adjustment);
                    (self.gtk.gtk_scale_set_draw_value)(scale, 0);
                    (self.widgets.gtk_widget_set_size_request)(scale, 160, -1);
                    (adjustment, scale, (self.gtk.gtk_spin_button_new)(adjustment, 1.0, 0))
                };
                attach(scale, 1, 2, EXPAND_AND_FILL);
                attach(spin, 2, 3, FILL);
                (ControlKind::Number(adjustment), spin, vec![scale, spin])
            }
        };
        // SAFETY: widgets of this window; GTK copies the text.
        unsafe {
            (self.gtk.gtk_label_set_mnemonic_widget)(label, widget);
            for widget in &widgets {
                (self.widgets.gtk_widget_set_tooltip_text)(*widget, c_text(&tr(parameter.about)).as_ptr());
            }
        }
        widgets.push(label);
        Control { name: parameter.name, kind, widgets }
    }

    fn show(&self, controls: &[Control], values: &[Value]) {
        for (control, value) in controls.iter().zip(values) {
            // SAFETY: widgets of this window, of these types.
            unsafe {
                match (&control.kind, value) {
                    (ControlKind::Number(adjustment), Value::Number(value)) => {
                        (self.gtk.gtk_adjustment_set_value)(*adjustment, *value);
                    }
                    (ControlKind::Toggle(check), Value::Toggle(value)) => {
                        (self.gtk.gtk_toggle_button_set_active)(*check, c_int::from(*value));
                    }
                    (ControlKind::Choice(combo), Value::Choice(index)) => {
                        (self.widgets.gtk_combo_box_set_active)(*combo, *index as c_int);
                    }
                    (ControlKind::Text(combo, texts), Value::Text(wanted)) => {
                        let index = texts.iter().position(|text| text == wanted).unwrap_or(0);
                        (self.widgets.gtk_combo_box_set_active)(*combo, index as c_int);
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Controls<Two> for Window {
    fn widgets(&self) -> &Widgets<i32> {
        &self.widgets
    }

    fn open(
        &self,
        procedure: &'static Procedure,
        values: &[Value],
        entries: &[Entry],
        top: &mut dyn FnMut(Pointer),
    ) -> Result<(), Problem> {
        let name = c_text(procedure.name);
        // SAFETY: GTK copies texts; the list of buttons ends with NULL.
        let (dialog, content) = unsafe {
            (self.gtk.gimp_ui_init)(c"gimp-derust".as_ptr(), 0);
            let dialog = (self.gtk.gimp_dialog_new)(
                c_text(&tr(procedure.title)).as_ptr(),
                name.as_ptr(),
                null_mut(),
                0,
                null_mut(),
                name.as_ptr(),
                c_text(&tr("_Reset")).as_ptr(),
                response::RESET,
                c"gtk-cancel".as_ptr(),
                response::CANCEL,
                c"gtk-ok".as_ptr(),
                response::OK,
                null::<std::ffi::c_char>(),
            );
            (self.gtk.gimp_window_set_transient)(dialog);
            let content = (self.gtk.gtk_vbox_new)(0, 6);
            (self.widgets.gtk_container_set_border_width)(content, 12);
            (self.widgets.gtk_box_pack_start)(
                (self.widgets.gtk_dialog_get_content_area)(dialog),
                content,
                1,
                1,
                0,
            );
            (dialog, content)
        };
        top(content);
        let parameters: Vec<_> = procedure.parameters_in::<Two>().collect();
        // SAFETY: widgets of this window.
        let table = unsafe {
            let table = (self.gtk.gtk_table_new)(parameters.len() as c_uint, 3, 0);
            (self.gtk.gtk_table_set_row_spacings)(table, 6);
            (self.gtk.gtk_table_set_col_spacings)(table, 6);
            (self.widgets.gtk_box_pack_start)(content, table, 0, 0, 0);
            table
        };
        let rows = parameters.iter().enumerate();
        let controls: Vec<_> =
            rows.map(|(row, parameter)| self.control(table, row as c_uint, parameter, entries)).collect();
        self.show(&controls, values);
        // SAFETY: the window is complete.
        unsafe { (self.widgets.gtk_widget_show_all)(dialog) };
        *self.open.borrow_mut() = Some(Open { dialog, procedure, controls });
        Ok(())
    }

    fn values(&self) -> Vec<Value> {
        let open = self.open.borrow();
        let Some(open) = &*open else { return Vec::new() };
        // SAFETY: widgets of this window, of these types.
        let value = |control: &Control| unsafe {
            match &control.kind {
                ControlKind::Number(adjustment) => {
                    Value::Number((self.gtk.gtk_adjustment_get_value)(*adjustment).round())
                }
                ControlKind::Toggle(check) => {
                    Value::Toggle((self.gtk.gtk_toggle_button_get_active)(*check) != 0)
                }
                ControlKind::Choice(combo) => {
                    Value::Choice((self.widgets.gtk_combo_box_get_active)(*combo).max(0) as usize)
                }
                ControlKind::Text(combo, texts) => {
                    let index = (self.widgets.gtk_combo_box_get_active)(*combo);
                    Value::Text(value_at(texts, index))
                }
            }
        };
        open.controls.iter().map(value).collect()
    }

    fn set_sensitive(&self, parameter: &str, sensitive: bool) {
        let open = self.open.borrow();
        let controls = open.iter().flat_map(|open| &open.controls);
        for widget in
            controls.filter(|control| control.name == parameter).flat_map(|control| &control.widgets)
        {
            // SAFETY: a widget of this window.
            unsafe { (self.widgets.gtk_widget_set_sensitive)(*widget, c_int::from(sensitive)) };
        }
    }

    fn set_acceptable(&self, acceptable: bool) {
        if let Some(open) = &*self.open.borrow() {
            let acceptable = c_int::from(acceptable);
            // SAFETY: the window is open.
            unsafe {
                (self.widgets.gtk_dialog_set_response_sensitive)(open.dialog, response::OK, acceptable)
            };
        }
    }

    fn run(&self) -> bool {
        let Some(dialog) = self.open.borrow().as_ref().map(|open| open.dialog) else {
            return false;
        };
        loop {
            // SAFETY: the window is open.
            match unsafe { (self.gtk.gimp_dialog_run)(dialog) } {
                response::OK => return true,
                response::RESET => {
                    if let Some(open) = &*self.open.borrow() {
                        let parameters = open.procedure.parameters_in::<Two>();
                        let defaults: Vec<_> = parameters.map(|parameter| parameter.kind.default()).collect();
                        self.show(&open.controls, &defaults);
                    }
                }
                _ => return false,
            }
        }
    }

    fn close(&self) {
        if let Some(open) = self.open.borrow_mut().take() {
            // SAFETY: the window is open, and nobody has its widgets from now on.
            unsafe { (self.widgets.gtk_widget_destroy)(open.dialog) };
        }
    }
}
