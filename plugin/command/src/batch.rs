//! Many pictures, several at a time, reported in the order in which they were named.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use derust_engine::models::{Model, Selector, Store};
use derust_engine::runtime::SessionOptions;
use derust_engine::{Control, Engine, EngineOptions, Error, Kind};
use indicatif::ProgressBar;

use crate::claim::Claim;
use crate::cli::{Files, Work};
use crate::destination::{self, Destination, Destinations, Naming};
use crate::engine;
use crate::free_memory;
use crate::inputs::{self, Input};
use crate::picture_file::{Format, MEMORY_LIMIT, Target};
use crate::progress::{self, Share};
use crate::report::{self, Done, Report};
use crate::stop;
use derust_engine::memory::Memory;

/// What a verb does with the pictures of a call.
pub struct Verb<'a> {
    /// Which pictures, and where results go.
    pub files: &'a Files,
    /// How the work is done.
    pub work: &'a Work,
    /// What results are called.
    pub naming: Naming<'a>,
    /// The kind of model that is needed.
    pub kind: Kind,
    /// How the name of the result ends, for an input of this format.
    pub extension: &'a (dyn Fn(&Path, Format) -> String + Sync),
    /// Works on one picture and writes its result.
    pub one: &'a (dyn Fn(&Desk<'_>, &Job<'_>, Control<'_>) -> anyhow::Result<Done> + Sync),
}

/// A picture to work on.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The picture.
    pub input: &'a Input,
    /// Where its result goes.
    pub target: &'a Target,
}

/// What every picture of a call is worked on with.
#[derive(Debug)]
pub struct Desk<'a> {
    /// Finds rust and takes it away.
    pub engine: &'a Engine,
    /// The memory that pictures share.
    pub memory: &'a Memory,
}

/// What came of a picture.
#[derive(Debug)]
enum Came {
    /// It is done.
    Done(Done),
    /// Another process did it.
    Elsewhere,
}

/// What came of a picture, and how long it took.
type Outcome = (anyhow::Result<Came>, Duration);

/// How long a picture that another process works on is left alone.
const PATIENCE: Duration = Duration::from_millis(100);

/// Works on every picture of a call.
///
/// # Errors
/// When nothing can be done at all; what concerns one picture goes into the report.
pub fn run(verb: &Verb<'_>) -> anyhow::Result<ExitCode> {
    stop::listen()?;
    if !verb.work.verbose {
        // A picture's failure is one line; who wants to know more asks for it.
        std::panic::set_hook(Box::new(|_| {}));
    }
    let mut report = Report::new(verb.work, destination::writes_standard_output(verb.files));
    let pictures = inputs::pictures(verb.files, &mut report);
    let mut destinations = Destinations::new(verb.files, &pictures, verb.naming)?;
    let planned: Vec<(Input, anyhow::Result<Destination>)> = pictures
        .into_iter()
        .map(|input| {
            let destination = input
                .source
                .format()
                .and_then(|format| destinations.choose(&input, &(verb.extension)(&input.path, format)));
            (input, destination)
        })
        .collect();
    let to_do: VecDeque<(usize, Job<'_>)> = planned
        .iter()
        .enumerate()
        .filter_map(|(i, (input, destination))| match destination {
            Ok(Destination::Write(target)) => Some((i, Job { input, target })),
            _ => None,
        })
        .collect();

    let threads = verb.work.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let workers = threads.min(to_do.len()).max(1);
    let shown = Arc::new(OnceLock::new());
    let engine = engine(verb.work, workers, threads / workers, Arc::clone(&shown))?;
    if !to_do.is_empty() {
        let runtime = engine.runtime()?;
        engine.check_device()?;
        check_model(&engine, verb.kind, verb.work.model.as_ref())?;
        report.detail(format_args!("ONNX Runtime {}, {}", runtime.version(), runtime.path().display()));
        report.detail(format_args!("{threads} threads, {workers} pictures at a time"));
        if verb.work.verbose
            && let Ok(placement) = engine.prepare(verb.kind, verb.work.model.as_ref(), stop::control())
        {
            // What is wrong with a network is said of every picture.
            report.detail(format_args!("the {} network runs on {placement}", verb.kind));
        }
    }
    let bar = progress::bar(verb.work, to_do.len());
    report.attach(bar.clone());
    shown.get_or_init(|| bar.clone());
    let memory = Memory::new(
        [free_memory::available(), free_memory::address_space()]
            .into_iter()
            .flatten()
            .fold(MEMORY_LIMIT, u64::min),
    );
    let desk = Desk { engine: &engine, memory: &memory };
    let mut done = planned.iter().filter(|(_, d)| matches!(d, Ok(Destination::Done(_)))).count();
    let to_do = Mutex::new(to_do);
    let next = || to_do.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        let (send, outcomes) = mpsc::channel::<(usize, Outcome)>();
        for _ in 0..workers {
            let (send, next, to_do, desk, bar) = (send.clone(), &next, &to_do, &desk, &bar);
            scope.spawn(move || {
                while let Some((i, job)) = next() {
                    if stop::requested() {
                        break;
                    }
                    let begin = Instant::now();
                    let Some(outcome) = work_on(verb, desk, &job, bar) else {
                        // Whoever works on it may yet end without having done it.
                        to_do.lock().unwrap_or_else(PoisonError::into_inner).push_back((i, job));
                        thread::sleep(PATIENCE);
                        continue;
                    };
                    if send.send((i, (outcome, begin.elapsed()))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        let mut early = BTreeMap::new();
        for (i, (input, destination)) in planned.iter().enumerate() {
            match destination {
                Err(error) => report.failure(&input.path, error),
                Ok(Destination::Done(target)) => report.skipped(&input.path, target),
                Ok(Destination::Write(target)) => {
                    while !early.contains_key(&i) {
                        match outcomes.recv() {
                            Ok((finished, outcome)) => drop(early.insert(finished, outcome)),
                            Err(mpsc::RecvError) => break,
                        }
                    }
                    match early.remove(&i) {
                        Some((Ok(Came::Done(outcome)), took)) => {
                            done += 1;
                            report.done(&input.path, target.path(), &outcome, took);
                        }
                        Some((Ok(Came::Elsewhere), _)) => {
                            done += 1;
                            report.skipped(&input.path, target.path());
                        }
                        Some((Err(error), _)) if !stop::caused(&error) => report.failure(&input.path, &error),
                        _ => {}
                    }
                }
            }
        }
    });
    bar.finish_and_clear();
    report.sum_up();
    if stop::requested() && done < planned.len() {
        report.stopped(done, planned.len());
        return Ok(stop::exit_code());
    }
    Ok(report.exit_code())
}

/// Works on one picture; `None` while another process does.
fn work_on(
    verb: &Verb<'_>,
    desk: &Desk<'_>,
    job: &Job<'_>,
    bar: &ProgressBar,
) -> Option<anyhow::Result<Came>> {
    let shared = match job.target {
        Target::File(result) if verb.files.resume => Some(result),
        _ => None,
    };
    let claim = shared.map(|result| Claim::take(result)).transpose();
    let _claim = match claim {
        Ok(Some(None)) => return None,
        Ok(claim) => claim,
        Err(error) => {
            return Some(Err(anyhow!("{}: it cannot be written: {error}", job.target)));
        }
    };
    let share = Share::new(bar);
    if shared.is_some_and(|result| result.exists()) {
        return Some(Ok(Came::Elsewhere));
    }
    let progress = |part| share.set(part);
    let control = Control::new(Some(&progress), Some(stop::flag()));
    // A decoder that fails on a broken file in an unforeseen way must not take the others along.
    let outcome = catch_unwind(AssertUnwindSafe(|| (verb.one)(desk, job, control)))
        .unwrap_or_else(|_| Err(anyhow!("the picture cannot be worked on; it may be broken")));
    Some(outcome.map(|mut done| {
        if let Ok(placement) = desk.engine.prepare(verb.kind, verb.work.model.as_ref(), control) {
            done.facts.insert("device".to_owned(), placement.device().into());
        }
        Came::Done(done)
    }))
}

/// `bar` is where progress will be shown.
fn engine(
    work: &Work,
    sessions: usize,
    threads: usize,
    bar: Arc<OnceLock<ProgressBar>>,
) -> anyhow::Result<Engine> {
    check_model_folders(work)?;
    let mut options = EngineOptions { sessions, ..engine::options() };
    if !work.quiet {
        options.log = report::on_building(bar);
    }
    options.store = Store::new(work.models.as_slice());
    options.session = SessionOptions {
        threads: NonZero::new(threads),
        device: work.device,
        half_precision: work.fp16,
        ..SessionOptions::default()
    };
    Ok(Engine::new(options))
}

/// A folder of models that somebody named and that is not there is a mistake, not an empty one.
fn check_model_folders(work: &Work) -> anyhow::Result<()> {
    if let Some(folder) = work.models.as_deref().filter(|folder| !folder.is_dir()) {
        anyhow::bail!("{}: there is no such folder of models", folder.display());
    }
    let named = std::env::var_os("DERUST_MODELS").unwrap_or_default();
    let absent =
        std::env::split_paths(&named).find(|folder| !folder.as_os_str().is_empty() && !folder.is_dir());
    match absent {
        Some(folder) => Err(anyhow!(
            "{}: there is no such folder of models; make it, or change the variable DERUST_MODELS that names it",
            folder.display()
        )),
        None => Ok(()),
    }
}

/// Says what is wrong with the models before the first picture is read, and once for all pictures.
fn check_model(engine: &Engine, kind: Kind, wanted: Option<&Selector>) -> anyhow::Result<()> {
    let entries = engine.models();
    let usable = || entries.iter().filter_map(|entry| entry.candidate.model.as_ref().ok());
    let meant = |model: &&Model| wanted.is_none_or(|wanted| wanted.fits(model));
    if usable().filter(meant).any(|model| model.manifest.kind == kind) {
        return Ok(());
    }
    if let (Some(wanted), Some(other)) = (wanted, usable().find(meant)) {
        anyhow::bail!(
            "the model `{wanted}` is a {} model, and a {kind} model is needed; `derust models` lists what there is",
            other.manifest.kind
        );
    }
    let mut problem = Error::NoModel {
        kind,
        wanted: wanted.map(Selector::to_string),
        folders: engine.model_folders().map(Path::to_owned).collect(),
    }
    .to_string();
    for entry in &entries {
        if let Err(error) = &entry.candidate.model {
            problem += &format!("; {} does not serve: {error}", entry.candidate.origin);
        }
    }
    Err(anyhow!(problem))
}
