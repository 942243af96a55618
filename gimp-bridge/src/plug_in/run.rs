//! A run of a filter: from what GIMP asks for to what it gets.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::dialog;
use crate::filter::{self, Device, Engine, Filter, Made, Settings, Source, Sources, Stream, Target, Work};
use crate::gimp::{Call, Ending, Generation, Gimp};
use crate::text::{Problem, caution_text, tr};

/// Runs a filter. The plug-in's other files lie in `folder`.
///
/// # Errors
/// With a message for the user; the image is then as it was.
pub fn run<G: Generation>(gimp: &Gimp<G>, folder: &Path, call: &Call<'_, G>) -> Result<Ending, Problem> {
    let Call { procedure, image, drawable, .. } = *call;
    let filter = Filter::of(procedure).ok_or_else(|| Problem::new(procedure.name))?;
    if gimp.is_indexed(drawable) {
        return Err(Problem::new(tr(
            "The colours of this image are those of a palette: change its mode to RGB first (Image ▸ Mode ▸ RGB).",
        )));
    }
    let asked = Settings::new(filter, &call.values);
    let (device, model, use_visible) = match call.controls {
        // The dialog lists models before it is known which device will be wanted.
        Some(_) => (Device::Automatic, asked.ok().and_then(|settings| settings.model), true),
        None => {
            let settings = asked?;
            filter::check(gimp, filter, drawable, settings.output)?;
            (settings.device, settings.model, settings.use_visible)
        }
    };
    let read = || -> Result<_, Problem> {
        gimp.start_gegl();
        let stored = read(gimp, image, drawable, (0, 0))?;
        if !use_visible || !gimp.has_visible_filters(drawable) {
            return Ok((Sources { stored, visible: None }, None));
        }
        let visible = gimp.visible(image, drawable)?;
        let (layer, shown) = (gimp.offsets(drawable), gimp.offsets(visible.layer));
        let origin = (shown.0 - layer.0, shown.1 - layer.1);
        let source = read(gimp, visible.image, visible.layer, origin)?;
        Ok((Sources { stored, visible: Some(source) }, Some(visible)))
    };
    // GEGL starts and GIMP hands over pixels while ONNX Runtime and the network are loaded.
    let (engine, read) = std::thread::scope(|scope| {
        let engine = scope.spawn(|| {
            let engine = Engine::new(folder, device)?;
            engine.runs_on()?;
            engine.warm_up(filter, model.as_deref());
            Ok(engine)
        });
        let read = read();
        let bug = |_| Err(Problem::new(tr("A bug in Derust: it panicked.")));
        (engine.join().unwrap_or_else(bug), read)
    });
    let (sources, visible) = read?;
    let mut work = Work::new(filter, folder, Some(engine?), sources);

    let (values, made) = match call.controls {
        None => (call.values.clone(), None),
        Some(controls) => {
            let check = |output| filter::check(gimp, filter, drawable, output);
            match dialog::ask(gimp, controls, (filter, call), work, &check)? {
                None => return Ok(Ending::Cancelled),
                Some(answer) => {
                    work = answer.work;
                    (answer.values, answer.made)
                }
            }
        }
    };
    let settings = Settings::new(filter, &values)?;
    filter::check(gimp, filter, drawable, settings.output)?;
    let target = Target { image, drawable, visible: visible.as_ref().filter(|_| settings.use_visible) };
    let (made, stream) = match made {
        Some(made) => (made, None),
        None => {
            let area = work.source(&settings).area;
            let mut stream = filter::stream(gimp, &target, settings.output, area)?;
            gimp.begin_progress(&tr(procedure.title));
            let made = make(gimp, &mut work, &settings, stream.as_mut());
            gimp.end_progress();
            (made?, stream)
        }
    };
    filter::put(gimp, filter, &target, settings.output, &made, stream)?;
    gimp.show();
    // Who had a dialog has read it there.
    if let Some(caution) = made.caution.filter(|_| call.controls.is_none()) {
        gimp.tell(&caution_text(caution));
    }
    let found = made.summary.map(|summary| vec![summary.fraction, summary.region_count as f64]);
    Ok(Ending::Done { values, returns: found.unwrap_or_default() })
}

/// Makes what the settings ask for on a thread of its own. This one tells GIMP how far it is, and sends it what is finished.
fn make<G: Generation>(
    gimp: &Gimp<G>,
    work: &mut Work,
    settings: &Settings,
    mut stream: Option<&mut Stream<'_, G>>,
) -> Result<Made, Problem> {
    const PAUSE: Duration = Duration::from_millis(5);
    let told = AtomicU32::new(0);
    let canvas = OnceLock::new();
    let made = std::thread::scope(|scope| {
        let maker = scope.spawn(|| {
            filter::make(work, settings, &canvas, &mut |done| {
                told.store(done.to_bits(), Ordering::Relaxed);
                true
            })
        });
        let mut shown = 0.0;
        while !maker.is_finished() {
            let done = f32::from_bits(told.load(Ordering::Relaxed));
            // Every step is a message to GIMP's process.
            if done >= shown + 0.01 {
                shown = done;
                gimp.progress(f64::from(done));
            }
            let sent = match (&mut stream, canvas.get()) {
                (Some(stream), Some(canvas)) => stream.send(gimp, canvas),
                _ => false,
            };
            if !sent {
                std::thread::sleep(PAUSE);
            }
        }
        maker.join().unwrap_or_else(|_| Err(Problem::new(tr("A bug in Derust: it panicked."))))
    });
    let made = made?;
    if let (Some(stream), Some(canvas)) = (stream, canvas.get()) {
        while stream.send(gimp, canvas) {}
    }
    Ok(made.with(canvas))
}

/// The pixels of a layer; `origin` is where it lies relative to the layer that the filter is for.
fn read<G: Generation>(
    gimp: &Gimp<G>,
    image: G::Handle,
    layer: G::Handle,
    origin: (i32, i32),
) -> Result<Source, Problem> {
    let area = gimp.selected(layer).ok_or_else(|| {
        Problem::new(tr("The selection does not touch this layer: move it, or select everything or nothing."))
    })?;
    let picture = Arc::new(gimp.picture(layer)?);
    let everything = gimp.nothing_is_selected(image);
    let selection = if everything { None } else { Some(Arc::new(gimp.selection(image, layer)?)) };
    Ok(Source { picture, selection, area, origin })
}
