//! The dialog: the controls of a filter, and a preview that is composed from one analysis.
//!
//! The network and the composition run on a thread of their own, and GIMP is only talked to on the main one: a clock looks at
//! the controls and at the answers of that thread, so the dialog never waits for either.

mod preview;
mod worker;

use std::cell::{Cell, RefCell};

use derust_client::ModelInfo;

use crate::filter::{Device, Filter, Made, Output, Settings, Work};
use crate::gimp::{Call, Controls, Entry, Generation, Gimp, Value, View};
use crate::text::{Problem, caution_text, tr};
use preview::Preview;
use worker::{Answer, Worker};

/// The line that says what happens, and how much rust there is.
const STATUS: usize = 0;
/// The line that says what the network runs on.
const DEVICE: usize = 1;
/// How many lines there are.
const LINES: usize = 2;

/// What the user wants.
pub struct Choice {
    /// The values of the parameters.
    pub values: Vec<Value>,
    /// What was found so far.
    pub work: Work,
    /// What was made with these values, if the preview had it already.
    pub made: Option<Made>,
}

/// Everything that happens while the window is open.
struct Dialog<'a, G: Generation> {
    controls: &'a dyn Controls<G>,
    filter: Filter,
    check: &'a dyn Fn(Output) -> Result<(), Problem>,
    view: &'a View<'a, G, LINES>,
    preview: Preview,
    has_shape: Cell<bool>,
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
pub fn ask<G: Generation>(
    gimp: &Gimp<G>,
    controls: &dyn Controls<G>,
    (filter, call): (Filter, &Call<'_, G>),
    mut work: Work,
    check: &dyn Fn(Output) -> Result<(), Problem>,
) -> Result<Option<Choice>, Problem> {
    // A device that the last run had may be gone; the models are the same on every one.
    let models = work.engine(Device::Automatic).and_then(|engine| engine.models(filter))?;
    let models: Vec<_> = models.into_iter().map(entry).collect();
    let (stored, has_visible) = (work.stored().clone(), work.has_visible());
    let view = View::open(gimp, controls, call.drawable, call.procedure, (&call.values, &models))?;
    let dialog = Dialog {
        controls,
        filter,
        check,
        view: &view,
        preview: Preview::new(stored),
        has_shape: Cell::new(false),
        worker: Worker::start(work),
        values: RefCell::default(),
        asked: RefCell::default(),
        made: RefCell::default(),
        busy: Cell::new(true),
    };
    controls.set_sensitive("use-visible", has_visible);
    let accepted = view.watch(&|| dialog.tick(), &|| dialog.draw(), || {
        dialog.look();
        controls.run()
    });
    let values = controls.values();
    controls.close();
    let Dialog { worker, made, .. } = dialog;
    let work = worker.stop();
    if !accepted {
        return Ok(None);
    }
    let settings = Settings::new(filter, &values)?;
    let made = made.into_inner().filter(|(with, _)| *with == settings).map(|(_, made)| made);
    work.map(|work| Some(Choice { values, work, made }))
}

impl<G: Generation> Dialog<'_, G> {
    fn tick(&self) {
        // GIMP fills the rest of a preview of another shape with the last row or column.
        if !self.has_shape.replace(true) {
            self.view.set_size(self.preview.shape());
        }
        self.look();
    }

    /// Draws what is visible of the preview.
    fn draw(&self) {
        if let Some(port) = self.view.port() {
            self.view.draw(&port, &self.preview.render(&port));
        }
    }

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
                    self.view.say(STATUS, &text.replace("{0}", &format!("{:.0}", done * 100.0)));
                }
                Answer::Progress(_) => {}
                Answer::RunsOn { device, placements } => {
                    self.view.say(DEVICE, &device);
                    self.view.explain(DEVICE, &placements);
                }
                Answer::Made(settings, made) => {
                    self.busy.set(self.asked.borrow().as_ref() != Some(&settings));
                    self.view.say(STATUS, &self.found(&made));
                    self.preview.show(&made, self.filter);
                    self.view.invalidate();
                    *self.made.borrow_mut() = Some((settings, made));
                }
                Answer::Failed(problem) => {
                    self.busy.set(false);
                    self.view.say(STATUS, &problem.to_string());
                    self.view.say(DEVICE, "");
                }
            }
        }
    }

    fn controls_changed(&self, values: &[Value]) {
        let settings = Settings::new(self.filter, values);
        let checked = settings.and_then(|settings| (self.check)(settings.output).map(|()| settings));
        self.controls.set_acceptable(checked.is_ok());
        match checked {
            Err(problem) => self.view.say(STATUS, &problem.to_string()),
            Ok(settings) => {
                if self.filter == Filter::Derust {
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
        let found = match made.summary {
            Some(summary) => tr("{0} % rust in {1} regions")
                .replace("{0}", &format!("{:.2}", summary.fraction * 100.0))
                .replace("{1}", &summary.region_count.to_string()),
            None => tr("The preview shows the result."),
        };
        match made.caution {
            Some(caution) => format!("{found}\n{}", caution_text(caution)),
            None => found,
        }
    }
}

/// How a model stands in the list.
fn entry(model: ModelInfo) -> Entry {
    Entry { label: format!("{} {}", model.name, model.version), value: model.name }
}
