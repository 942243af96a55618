//! The window with the controls of a procedure, which GIMP makes of its parameters: with a reset, and settings that can be kept
//! as defaults. What stands above the controls and the choice of a text are put into it.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_double, c_int};
use std::ptr::null;

use libloading::Library;

use super::Three;
use super::config::Config;
use crate::gimp::controls::value_at;
use crate::gimp::functions::{Pointer, Text, Widgets, c_name, in_full, name_in, table};
use crate::gimp::generation::open;
use crate::gimp::{Controls, Entry, Generation, ParameterKind, Procedure, Value};
use crate::text::{Problem, c_text, tr};

/// `GTK_RESPONSE_OK`
const OK: c_int = -5;

table! {
    /// What the dialog needs of GTK 3 and GIMP 3's widgets alone.
    struct Gtk3 {
        gimp_ui_init(Text);
        gimp_procedure_dialog_new(Pointer, Pointer, Text) -> Pointer;
        gimp_procedure_dialog_get_scale_entry(Pointer, Text, c_double) -> Pointer;
        gimp_procedure_dialog_fill(Pointer; ...);
        gimp_procedure_dialog_get_widget(Pointer, Text, usize) -> Pointer;
        gimp_procedure_dialog_run(Pointer) -> c_int;
        gtk_box_new(c_int, c_int) -> Pointer;
        gtk_label_new_with_mnemonic(Text) -> Pointer;
        gtk_label_set_mnemonic_widget(Pointer, Pointer);
    }
}

/// The dialog; nothing is shown before it is opened.
pub(super) struct Window {
    widgets: Widgets<Pointer>,
    gtk: Gtk3,
    config: Config,
    open: RefCell<Option<Open>>,
}

struct Open {
    dialog: Pointer,
    procedure: &'static Procedure,
    combo: Pointer,
    /// The values of its entries.
    texts: Vec<String>,
    /// The entry that was chosen when the values were looked at last.
    chosen: Cell<c_int>,
}

/// Finds every function that dialogs need.
fn find() -> Result<(Widgets<Pointer>, Gtk3), String> {
    let library = open::<Three>("gimpui")?;
    Ok((Widgets::find::<Three>(library)?, Gtk3::find::<Three>(library)?))
}

impl Window {
    /// A dialog for a procedure with these values.
    pub fn new(config: Config) -> Result<Self, String> {
        let (widgets, gtk) = find()?;
        Ok(Window { widgets, gtk, config, open: RefCell::default() })
    }
}

/// Finds every function that windows need, and says how many there are.
pub(super) fn check() -> Result<usize, String> {
    find().map(|_| Widgets::<Pointer>::COUNT + Gtk3::COUNT)
}

impl Controls<Three> for Window {
    fn widgets(&self) -> &Widgets<Pointer> {
        &self.widgets
    }

    fn open(
        &self,
        procedure: &'static Procedure,
        _values: &[Value],
        entries: &[Entry],
        top: &mut dyn FnMut(Pointer),
    ) -> Result<(), Problem> {
        const HORIZONTAL: c_int = 0;
        const VERTICAL: c_int = 1;
        // SAFETY: GIMP checks procedure and values and copies the texts.
        let (dialog, content) = unsafe {
            (self.gtk.gimp_ui_init)(c"gimp-derust".as_ptr());
            let title = c_text(&tr(procedure.title));
            let dialog = (self.gtk.gimp_procedure_dialog_new)(
                self.config.procedure,
                self.config.object,
                title.as_ptr(),
            );
            let content = (self.gtk.gtk_box_new)(VERTICAL, 6);
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
        // SAFETY: widgets of this window; GTK copies texts.
        let combo = unsafe {
            let row = (self.gtk.gtk_box_new)(HORIZONTAL, 6);
            let combo = (self.widgets.gtk_combo_box_text_new)();
            for entry in entries {
                (self.widgets.gtk_combo_box_text_append_text)(combo, c_text(&entry.label).as_ptr());
            }
            let label = (self.gtk.gtk_label_new_with_mnemonic)(c_text(&tr("_Model")).as_ptr());
            (self.gtk.gtk_label_set_mnemonic_widget)(label, combo);
            (self.widgets.gtk_box_pack_start)(row, label, 0, 0, 0);
            (self.widgets.gtk_box_pack_start)(row, combo, 1, 1, 0);
            (self.widgets.gtk_box_pack_start)(content, row, 0, 0, 0);
            combo
        };
        for parameter in procedure.parameters {
            let name = c_text(parameter.name);
            // SAFETY: names of the procedure's parameters; the list of names ends with NULL.
            unsafe {
                match parameter.kind {
                    ParameterKind::Text => continue,
                    ParameterKind::Number { .. } => {
                        (self.gtk.gimp_procedure_dialog_get_scale_entry)(dialog, name.as_ptr(), 1.0);
                    }
                    ParameterKind::Toggle | ParameterKind::Choice(_) => {}
                }
                (self.gtk.gimp_procedure_dialog_fill)(dialog, name.as_ptr(), null::<c_char>());
            }
        }
        // SAFETY: the window is complete.
        unsafe { (self.widgets.gtk_widget_show_all)(content) };
        let texts = entries.iter().map(|entry| entry.value.clone()).collect();
        *self.open.borrow_mut() = Some(Open { dialog, procedure, combo, texts, chosen: Cell::new(-1) });
        Ok(())
    }

    fn values(&self) -> Vec<Value> {
        let open = self.open.borrow();
        let Some(open) = &*open else { return Vec::new() };
        // SAFETY: the combo box of this window.
        let active = unsafe { (self.widgets.gtk_combo_box_get_active)(open.combo) };
        if active == open.chosen.get() {
            // A reset changes what is kept behind the back of the combo box.
            let kept = self.config.text("model");
            let index = open.texts.iter().position(|text| *text == kept).unwrap_or(0) as c_int;
            // SAFETY: see above.
            unsafe { (self.widgets.gtk_combo_box_set_active)(open.combo, index) };
            open.chosen.set(index);
        } else if open.chosen.get() < 0 {
            open.chosen.set(active);
        } else {
            self.config.set_text("model", &value_at(&open.texts, active));
            open.chosen.set(active);
        }
        self.config.values(open.procedure)
    }

    fn set_sensitive(&self, parameter: &str, sensitive: bool) {
        let open = self.open.borrow();
        let Some(open) = &*open else { return };
        const NO_TYPE: usize = 0;
        // SAFETY: a name of one of the procedure's parameters; its widget was made when the window was.
        unsafe {
            let name = c_text(parameter);
            let widget = (self.gtk.gimp_procedure_dialog_get_widget)(open.dialog, name.as_ptr(), NO_TYPE);
            if !widget.is_null() {
                (self.widgets.gtk_widget_set_sensitive)(widget, c_int::from(sensitive));
            }
        }
    }

    fn set_acceptable(&self, acceptable: bool) {
        if let Some(open) = &*self.open.borrow() {
            let acceptable = c_int::from(acceptable);
            // SAFETY: the window is open.
            unsafe { (self.widgets.gtk_dialog_set_response_sensitive)(open.dialog, OK, acceptable) };
        }
    }

    fn run(&self) -> bool {
        let Some(dialog) = self.open.borrow().as_ref().map(|open| open.dialog) else {
            return false;
        };
        // SAFETY: the window is open.
        unsafe { (self.gtk.gimp_procedure_dialog_run)(dialog) != 0 }
    }

    fn close(&self) {
        if let Some(open) = self.open.borrow_mut().take() {
            // SAFETY: the window is open, and nobody has its widgets from now on.
            unsafe { (self.widgets.gtk_widget_destroy)(open.dialog) };
        }
    }
}
