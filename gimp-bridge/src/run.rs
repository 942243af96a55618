//! A run of a filter: from what GIMP asks for to what it gets.

use std::path::Path;

use crate::dialog::{self, Controls};
use crate::engine::{Engine, Summary};
use crate::gimp::{Gimp, Handle};
use crate::messages::tr;
use crate::outputs::{self, Target};
use crate::problem::Problem;
use crate::procedures::Procedure;
use crate::settings::{Device, Settings, Value};
use crate::work::Work;

/// What GIMP asks for.
pub struct Call<'a, H> {
    /// The filter.
    pub procedure: &'static Procedure,
    /// The image.
    pub image: H,
    /// The layer.
    pub drawable: H,
    /// The values of the parameters; what the dialog begins with if there is one.
    pub values: Vec<Value>,
    /// The dialog's controls; none: nobody is asked.
    pub controls: Option<&'a dyn Controls<H>>,
}

/// How a run ended.
pub enum Ending {
    /// With a result.
    Done {
        /// The values of the parameters, for the next run.
        values: Vec<Value>,
        /// How much rust there is, if that was asked for.
        summary: Option<Summary>,
    },
    /// The user closed the dialog.
    Cancelled,
}

/// Runs a filter. The plug-in's other files lie in `folder`.
///
/// # Errors
/// With a message for the user; the image is then as it was.
pub fn run<H: Handle>(gimp: &Gimp<H>, folder: &Path, call: &Call<'_, H>) -> Result<Ending, Problem> {
    let Call { procedure, image, drawable, .. } = *call;
    gimp.start_gegl();
    if gimp.is_indexed(drawable) {
        return Err(Problem::new(tr(
            "The colours of this image are those of a palette: change its mode to RGB first (Image ▸ Mode ▸ RGB).",
        )));
    }
    let area = gimp.selected(drawable).ok_or_else(|| {
        Problem::new(tr("The selection does not touch this layer: move it, or select everything or nothing."))
    })?;
    let device = match call.controls {
        // The dialog lists models before it is known which device will be wanted.
        Some(_) => Device::Automatic,
        None => {
            let settings = Settings::new(procedure, &call.values)?;
            outputs::check(gimp, procedure, drawable, settings.output)?;
            settings.device
        }
    };
    let read = || -> Result<_, Problem> {
        let picture = gimp.picture(drawable)?;
        let everything = gimp.nothing_is_selected(image);
        let selection = if everything { None } else { Some(gimp.selection(image, drawable)?) };
        Ok((picture, selection))
    };
    // GIMP hands over pixels while ONNX Runtime is loaded.
    let (engine, pixels) = std::thread::scope(|scope| {
        let engine = scope.spawn(|| {
            let engine = Engine::new(folder, device)?;
            engine.runs_on()?;
            Ok(engine)
        });
        let pixels = read();
        let bug = |_| Err(Problem::new(tr("A bug in Derust: it panicked.")));
        (engine.join().unwrap_or_else(bug), pixels)
    });
    let mut work = Work::new(procedure.filter, folder, Some(engine?), pixels?);

    let (values, made) = match call.controls {
        None => (call.values.clone(), None),
        Some(controls) => {
            let check = |output| outputs::check(gimp, procedure, drawable, output);
            match dialog::ask(gimp, controls, call, work, &check)? {
                None => return Ok(Ending::Cancelled),
                Some(answer) => {
                    work = answer.work;
                    (answer.values, answer.made)
                }
            }
        }
    };
    let settings = Settings::new(procedure, &values)?;
    outputs::check(gimp, procedure, drawable, settings.output)?;
    let made = match made {
        Some(made) => made,
        None => {
            gimp.begin_progress(&tr(procedure.title));
            let mut shown = 0.0;
            let made = work.make(&settings, &mut |done| {
                // Every step is a message to GIMP's process.
                if done >= shown + 0.01 {
                    shown = done;
                    gimp.progress(f64::from(done));
                }
                true
            });
            gimp.end_progress();
            made?
        }
    };
    let target = Target { image, drawable, area };
    let pixels = (&*work.picture, work.selection.as_deref());
    outputs::put(gimp, procedure, &target, settings.output, pixels, &made)?;
    gimp.show();
    Ok(Ending::Done { values, summary: made.summary })
}
