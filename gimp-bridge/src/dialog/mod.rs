//! The dialog: the controls of a filter, and a preview that is composed from one analysis.
//!
//! The network and the composition run on a thread of their own, and GIMP is only talked to on the main one: a clock looks at
//! the controls and at the answers of that thread, so the dialog never waits for either.

mod preview;
mod window2;
mod window3;
mod worker;

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use derust_client::ModelInfo;

use crate::engine::Engine;
use crate::gimp::{Gimp, Handle, Pointer, Widgets, c_text};
use crate::messages::tr;
use crate::problem::Problem;
use crate::procedures::{Filter, Procedure};
use crate::run::Call;
use crate::settings::{Output, Settings, Value};
use crate::work::{Made, Work};
use preview::Preview;
use worker::{Answer, Worker};

pub use window2::Window2;
pub use window3::Window3;

/// Milliseconds from one look at the controls and the worker to the next.
const CLOCK: u32 = 50;

/// The window with the controls of a filter, as a generation of GIMP makes it.
pub trait Controls<H> {
    /// The widgets of this generation.
    fn widgets(&self) -> &Widgets<H>;
    /// Makes the window, with controls that show `values`, below `top`, which it makes with the window there to pack the
    /// preview.
    fn open(
        &self,
        procedure: &'static Procedure,
        values: &[Value],
        models: &[ModelInfo],
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

/// What the user wants.
pub struct Choice {
    /// The values of the parameters.
    pub values: Vec<Value>,
    /// What was found so far.
    pub work: Work,
    /// What was made with these values, if the preview had it already.
    pub made: Option<Made>,
}

/// Everything that the callbacks of an open dialog look at.
struct Dialog<'a, H: Handle> {
    controls: &'a dyn Controls<H>,
    procedure: &'static Procedure,
    check: &'a dyn Fn(Output) -> Result<(), Problem>,
    preview: Preview<'a, H>,
    /// Says what happens, and how much rust there is.
    status: Pointer,
    /// Says what the network runs on.
    device: Pointer,
    worker: Worker,
    values: RefCell<Vec<Value>>,
    asked: RefCell<Option<Settings>>,
    made: RefCell<Option<(Settings, Made)>>,
    busy: Cell<bool>,
}

/// Shows the dialog until the user accepts or closes it; nothing in the latter case.
///
/// # Errors
/// When libderust cannot be used.
pub fn ask<H: Handle>(
    gimp: &Gimp<H>,
    controls: &dyn Controls<H>,
    call: &Call<'_, H>,
    mut work: Work,
    check: &dyn Fn(Output) -> Result<(), Problem>,
) -> Result<Option<Choice>, Problem> {
    // A device that the last run had may be gone; the models are the same on every one.
    let models = work
        .engine(crate::settings::Device::Automatic)
        .and_then(|engine| engine.models(call.procedure.filter))?;
    let widgets = controls.widgets();
    let mut parts = None;
    let (stored, has_visible) = (work.stored().clone(), work.has_visible());
    controls.open(call.procedure, &call.values, &models, &mut |content| {
        // SAFETY: widgets of this window, made on the main thread; GTK copies texts.
        parts = Some(unsafe {
            let preview = (widgets.gimp_zoom_preview_new)(call.drawable);
            (widgets.gtk_box_pack_start)(content, preview, 1, 1, 0);
            let label = || {
                let label = (widgets.gtk_label_new)(c"".as_ptr());
                (widgets.gtk_misc_set_alignment)(label, 0.0, 0.5);
                (widgets.gtk_label_set_line_wrap)(label, 1);
                (widgets.gtk_box_pack_start)(content, label, 0, 0, 2);
                label
            };
            (preview, label(), label())
        });
    })?;
    let (widget, status, device) =
        parts.ok_or_else(|| Problem::new("the dialog has no place for a preview"))?;
    let dialog = Dialog {
        controls,
        procedure: call.procedure,
        check,
        preview: Preview::new(widgets, widget, stored),
        status,
        device,
        worker: Worker::start(work),
        values: RefCell::default(),
        asked: RefCell::default(),
        made: RefCell::default(),
        busy: Cell::new(true),
    };
    controls.set_sensitive("use-visible", has_visible);
    let data: Pointer = (&raw const dialog).cast_mut().cast();
    // SAFETY: the clock and the signal's handler see `dialog`, which lives until both are gone.
    let clock = unsafe {
        let draw = draw::<H> as unsafe extern "C" fn(Pointer, Pointer);
        let nothing = std::ptr::null_mut();
        let glib = &gimp.glib;
        (glib.g_signal_connect_data)(widget, c"invalidated".as_ptr(), draw as Pointer, data, nothing, 0);
        (glib.g_timeout_add)(CLOCK, tick::<H>, data)
    };
    dialog.look();
    let accepted = controls.run();
    // SAFETY: the clock of this dialog, which never stops by itself.
    unsafe { (gimp.glib.g_source_remove)(clock) };
    let values = controls.values();
    controls.close();
    let work = dialog.worker.stop();
    if !accepted {
        return Ok(None);
    }
    let settings = Settings::new(call.procedure, &values)?;
    let made = dialog.made.into_inner().filter(|(with, _)| *with == settings).map(|(_, made)| made);
    work.map(|work| Some(Choice { values, work, made }))
}

impl<H: Handle> Dialog<'_, H> {
    /// Looks at the controls and at the answers of the worker.
    fn look(&self) {
        let values = self.controls.values();
        if *self.values.borrow() != values {
            self.controls_changed(&values);
            *self.values.borrow_mut() = values;
        }
        while let Some(answer) = self.worker.answer() {
            match answer {
                Answer::Progress(done) if self.busy.get() => {
                    let text = tr("Looking for rust: {0} %");
                    self.say(self.status, &text.replace("{0}", &format!("{:.0}", done * 100.0)));
                }
                Answer::Progress(_) => {}
                Answer::RunsOn { device, placements } => {
                    self.say(self.device, &device);
                    self.explain(self.device, &placements);
                }
                Answer::Made(settings, made) => {
                    self.busy.set(self.asked.borrow().as_ref() != Some(&settings));
                    self.say(self.status, &self.found(&made));
                    self.preview.show(&made, self.procedure.filter);
                    *self.made.borrow_mut() = Some((settings, made));
                }
                Answer::Failed(problem) => {
                    self.busy.set(false);
                    self.say(self.status, &problem.to_string());
                    self.say(self.device, "");
                }
            }
        }
    }

    fn controls_changed(&self, values: &[Value]) {
        let settings = Settings::new(self.procedure, values);
        let checked = settings.and_then(|settings| (self.check)(settings.output).map(|()| settings));
        self.controls.set_acceptable(checked.is_ok());
        match checked {
            Err(problem) => self.say(self.status, &problem.to_string()),
            Ok(settings) => {
                if self.procedure.filter == Filter::Derust {
                    // Edges are those of the mask that a threshold or a layer mask makes.
                    let masked = settings.threshold.is_some() || settings.output == Output::LayerMask;
                    self.controls.set_sensitive("edge-softness", masked);
                }
                if self.asked.borrow().as_ref() != Some(&settings) {
                    self.busy.set(true);
                    self.worker.make(settings.clone());
                    *self.asked.borrow_mut() = Some(settings);
                }
            }
        }
    }

    fn found(&self, made: &Made) -> String {
        match made.summary {
            Some(summary) => tr("{0} % rust in {1} regions")
                .replace("{0}", &format!("{:.2}", summary.fraction * 100.0))
                .replace("{1}", &summary.region_count.to_string()),
            None => tr("The preview shows the result."),
        }
    }

    fn say(&self, label: Pointer, text: &str) {
        let widgets = self.controls.widgets();
        // SAFETY: a label of the window, which is open; GTK copies the text.
        unsafe { (widgets.gtk_label_set_text)(label, c_text(text).as_ptr()) };
    }

    /// What a label says when the pointer rests on it.
    fn explain(&self, label: Pointer, text: &str) {
        let widgets = self.controls.widgets();
        // SAFETY: a label of the window, which is open; GTK copies the text.
        unsafe { (widgets.gtk_widget_set_tooltip_text)(label, c_text(text).as_ptr()) };
    }
}

/// How a model stands in the list.
fn entry(model: &ModelInfo) -> String {
    format!("{} {}", model.name, model.version)
}

/// The value of the parameter `model` for an entry of the list: the first one serves, whatever its name will be.
fn name_at(names: &[String], index: c_int) -> String {
    let index = usize::try_from(index).unwrap_or(0);
    if index == 0 { String::new() } else { names.get(index).cloned().unwrap_or_default() }
}

impl Engine {
    /// [`Engine::runs_on`], or why it does not run.
    fn truth(&self) -> String {
        self.runs_on().unwrap_or_else(|problem| problem.to_string())
    }
}

/// The clock's callback; goes on for ever.
unsafe extern "C" fn tick<H: Handle>(data: Pointer) -> c_int {
    // SAFETY: the address of the dialog, which lives as long as its clock.
    let dialog = unsafe { &*data.cast::<Dialog<'_, H>>() };
    let _ = catch_unwind(AssertUnwindSafe(|| {
        dialog.preview.take_shape();
        dialog.look();
    }));
    1
}

/// The preview shows another part of the picture, or has something new to show.
unsafe extern "C" fn draw<H: Handle>(_preview: Pointer, data: Pointer) {
    // SAFETY: the address of the dialog, which lives as long as its window.
    let dialog = unsafe { &*data.cast::<Dialog<'_, H>>() };
    let _ = catch_unwind(AssertUnwindSafe(|| dialog.preview.draw()));
}
