//! The networks that serve: tried out before they do, and kept until a better one has proven itself.

mod setbacks;
mod watch;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use derust_manifest::Kind;
use ndarray::{Array3, ArrayView2};

use crate::analysis::{Analysis, Network};
use crate::control::Control;
use crate::error::Error;
use crate::log::{Level, Log};
use crate::models::{
    self, Added, Because, Candidate, Digest, Idle, Looked, Model, Offer, Origin, Preferences, Selector,
    Shelf, Store,
};
use crate::runtime::{Location, Placement, Provider, Runtime, RuntimeError, SessionOptions};
use crate::timings::Phase;
use crate::trial::{self, Subject, Trial, TrialOptions, Trials, Verdict};
use crate::waiting::Turn;
use setbacks::{MOST_FAILURES, Setbacks};
pub(crate) use watch::Watcher;

/// Kind of the network and which one was asked for, if any.
type Key = (Kind, Option<Selector>);

/// Chooses networks from the store and keeps those in use.
#[derive(Debug)]
pub(crate) struct Serving {
    runtime: Location,
    store: Store,
    session: SessionOptions,
    sessions: usize,
    trials: Trials,
    log: Log,
    state: Mutex<State>,
    /// Held while networks are loaded and tried out, so that no two threads do the same work.
    loading: Turn,
    looked: Mutex<Looked>,
}

#[derive(Debug, Default)]
struct State {
    in_use: HashMap<Key, InUse>,
    setbacks: Setbacks,
}

#[derive(Clone, Debug)]
struct InUse {
    network: Arc<Network>,
    origin: Origin,
    added: Added,
    because: Because,
    /// What served before, until this one has served some calls.
    before: Option<Box<InUse>>,
    /// Calls that it has served, as long as something else may come back.
    served: u32,
}

/// A line in the list of models.
#[derive(Debug)]
pub struct ModelEntry {
    /// The file that was looked at.
    pub candidate: Candidate,
    /// Why it does not serve; `None` when it does.
    pub idle_because: Option<Idle>,
    /// Why it serves; `None` when it does not.
    pub serves_because: Option<Because>,
    /// Whether it was tried out, with this runtime on this device. What was not may turn out not to serve.
    pub tried: bool,
    /// Where it runs; `None` before it was used.
    pub placement: Option<Arc<Placement>>,
}

impl Serving {
    pub(crate) fn new(
        runtime: Location,
        store: Store,
        (session, sessions): (SessionOptions, usize),
        trial: TrialOptions,
        log: Log,
    ) -> Self {
        Serving {
            runtime,
            store,
            session,
            sessions,
            trials: Trials::new(trial, log.clone()),
            log,
            state: Mutex::default(),
            loading: Turn::default(),
            looked: Mutex::default(),
        }
    }

    /// ONNX Runtime, loaded.
    pub(crate) fn runtime(&self) -> Result<Runtime, RuntimeError> {
        Runtime::load_from(&self.runtime)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn session_options(&self) -> &SessionOptions {
        &self.session
    }

    /// The network of this kind that serves, or the one that is wanted.
    pub(crate) fn network(
        &self,
        kind: Kind,
        wanted: Option<&Selector>,
        control: &Control<'_>,
    ) -> Result<Arc<Network>, Error> {
        let key = (kind, wanted.cloned());
        let serving = || {
            let state = self.state();
            let in_use = state.in_use.get(&key)?;
            // What was postponed may serve in its place.
            (!state.setbacks.is_due(kind)).then(|| Arc::clone(&in_use.network))
        };
        if let Some(network) = serving() {
            return Ok(network);
        }
        control.within(Phase::Network, || {
            let _loading = self.loading.take(control)?;
            match serving() {
                Some(network) => Ok(network),
                None => self.bring_into_use(&key, control),
            }
        })
    }

    /// Runs a network over `colours` [3, height, width] and, where it has an input for it, a `mask` [height, width].
    pub(crate) fn run(
        &self,
        network: &Network,
        colours: &Array3<f32>,
        mask: Option<ArrayView2<'_, f32>>,
        control: Control<'_>,
    ) -> Result<Analysis, Error> {
        let found = control.within(Phase::Network, || {
            network.run(&self.runtime()?, &self.session, colours.view(), mask, control)
        });
        match &found {
            Ok(_) => self.note_success(&network.model.digest),
            Err(error @ (Error::Answer { .. } | Error::Runtime(RuntimeError::Run(_)))) => {
                self.note_failure(&network.model.digest, error);
            }
            Err(_) => {}
        }
        found
    }

    /// After some calls, what served before is not needed any more.
    fn note_success(&self, digest: &Digest) {
        let mut state = self.state();
        state.setbacks.succeeded(digest);
        let mut dropped = Vec::new();
        for in_use in state.in_use.values_mut() {
            if in_use.before.is_some() && in_use.network.model.digest == *digest {
                in_use.served += 1;
                if in_use.served >= MOST_FAILURES {
                    dropped.extend(in_use.before.take());
                }
            }
        }
        // It takes time, and nobody has to wait for it.
        drop(state);
        drop(dropped);
    }

    /// A network that fails too often in a row is set aside, and what served before serves again.
    fn note_failure(&self, digest: &Digest, error: &Error) {
        let mut state = self.state();
        // There is nothing behind a network that is part of this program.
        let fails =
            |in_use: &InUse| in_use.origin != Origin::Embedded && in_use.network.model.digest == *digest;
        if !state.in_use.values().any(fails) || !state.setbacks.failed(*digest) {
            return;
        }
        state
            .setbacks
            .refuse(*digest, format!("it failed {MOST_FAILURES} calls in a row, the last one so: {error}"));
        let mut told = Vec::new();
        let keys: Vec<Key> =
            state.in_use.iter().filter(|(_, in_use)| fails(in_use)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            let Some(mut failed) = state.in_use.remove(&key) else { continue };
            let before = failed
                .before
                .take()
                .filter(|before| state.setbacks.against(&before.network.model.digest).is_none());
            let next = before.as_ref().map_or("the next best serves from now on".into(), |before| {
                format!("{} ({}) serves again", before.network.model.manifest.name, before.origin)
            });
            told.push((failed, next));
            if let Some(before) = before {
                state.in_use.insert(key, *before);
            }
        }
        drop(state);
        for (failed, next) in told {
            let (name, origin) = (&failed.network.model.manifest.name, &failed.origin);
            self.log.say(
                Level::Warning,
                format_args!("{name} ({origin}) failed {MOST_FAILURES} calls in a row and is set aside; {next}: {error}"),
            );
        }
    }

    /// Tries out a model, whose ONNX file's content is `onnx`, beside what serves.
    pub(crate) fn try_out(
        &self,
        model: &Model,
        onnx: &[u8],
        later_runs: usize,
        control: &Control<'_>,
    ) -> Result<Trial, Error> {
        self.trials.measure(Subject { model, onnx }, later_runs, &self.runtime()?, &self.session, control)
    }

    /// Forgets what is held against a network, and what came of its trial.
    pub(crate) fn forget_trial(&self, digest: &Digest) -> std::io::Result<()> {
        self.state().setbacks.forget(digest);
        self.trials.forget(digest)
    }

    /// Refreshes whenever files in the folders have changed, which is looked at with this pace at least, until the
    /// watcher is dropped. None where no thread can be started; the log says so.
    pub(crate) fn watch(self: &Arc<Self>, interval: Duration) -> Option<Watcher> {
        let serving = Arc::clone(self);
        let refresh = move |stop: &AtomicBool| match serving.refresh(&Control::new(None, Some(stop))) {
            Ok(()) | Err(Error::Cancelled) => {}
            Err(error) => serving.log.say(Level::Error, format_args!("{error}")),
        };
        let started = Watcher::start(self.store.clone(), interval, self.log.clone(), refresh);
        let complain =
            |error| self.log.say(Level::Error, format_args!("model folders are not watched: {error}"));
        started.map_err(complain).ok()
    }

    /// Looks at the folders again and brings what is better now into use. Where a file in use has become unusable, what
    /// was read from it serves on.
    pub(crate) fn refresh(&self, control: &Control<'_>) -> Result<(), Error> {
        let _loading = self.loading.take(control)?;
        self.tell_what_cannot_serve();
        let keys: Vec<Key> = self.state().in_use.keys().cloned().collect();
        for key in keys {
            match self.bring_into_use(&key, control) {
                Err(error @ Error::NoModel { .. }) => {
                    self.log.say(Level::Warning, format_args!("{error}"));
                    self.state().in_use.remove(&key);
                }
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Every model file and whether it serves, and what serves although its file is gone.
    pub(crate) fn list(&self) -> Vec<ModelEntry> {
        let candidates = self.store.candidates();
        let preferences = self.store.preferences().unwrap_or_default();
        let library = Runtime::library(&self.runtime).ok();
        let kept = |model: &Model| self.trials.known(&model.digest, library.as_deref()?, &self.session);
        let state = self.state();
        let in_use = |kind| state.in_use.get(&(kind, None));
        let refusal = |origin: &Origin, model: &Model| match (state.setbacks.against(&model.digest), origin) {
            (Some(reason), _) => Some(reason.to_owned()),
            (None, Origin::Embedded) => None,
            (None, Origin::File(_)) => match kept(model) {
                Some(Verdict::Failed(reason)) => Some(reason),
                _ => None,
            },
        };
        let refusals: Vec<Option<String>> = candidates
            .iter()
            .map(|candidate| refusal(&candidate.origin, candidate.model.as_ref().ok()?))
            .collect();
        let offers: Vec<Option<Offer<'_>>> = candidates
            .iter()
            .zip(&refusals)
            .map(|(candidate, refusal)| candidate.offer().filter(|_| refusal.is_none()))
            .collect();
        let standing = |i: usize, candidate: &Candidate| {
            let model = match &candidate.model {
                Ok(model) => model,
                Err(error) => return Standing::Idle(error.clone().into()),
            };
            if let Some(refusal) = &refusals[i] {
                return Standing::Idle(Idle::Failed(refusal.clone()));
            }
            let kind = model.manifest.kind;
            if !FILTERS.contains(&kind) {
                return Standing::Idle(Idle::Unused(kind));
            }
            match in_use(kind) {
                Some(in_use) if in_use.network.model.digest == model.digest => {
                    Standing::Serves(in_use.because)
                }
                Some(in_use) => {
                    let serving = in_use.as_candidate(&self.store);
                    Standing::Idle(models::reason(candidate, &serving, in_use.because))
                }
                None => {
                    let choice = self.store.choose(&offers, kind, None, &preferences);
                    let (serving, because) = choice.expect("this one can serve, so there is a choice");
                    match serving == i {
                        true => Standing::Serves(because),
                        false => Standing::Idle(models::reason(candidate, &candidates[serving], because)),
                    }
                }
            }
        };
        let standings: Vec<Standing> =
            candidates.iter().enumerate().map(|(i, candidate)| standing(i, candidate)).collect();
        let found = |digest: &Digest| {
            candidates
                .iter()
                .any(|candidate| candidate.model.as_ref().is_ok_and(|model| model.digest == *digest))
        };
        let gone: Vec<(Candidate, Standing)> = FILTERS
            .into_iter()
            .filter_map(in_use)
            .filter(|in_use| !found(&in_use.network.model.digest))
            .map(|in_use| (in_use.as_candidate(&self.store), Standing::Serves(in_use.because)))
            .collect();
        let placements: HashMap<Digest, Arc<Placement>> = state
            .in_use
            .values()
            .filter_map(|in_use| Some((in_use.network.model.digest, in_use.network.placement()?)))
            .collect();
        drop(state);
        let entry = |(candidate, standing): (Candidate, Standing)| {
            let model = candidate.model.as_ref().ok();
            let placement = model.and_then(|model| placements.get(&model.digest).cloned());
            let passed = || model.and_then(kept).is_some_and(|verdict| matches!(verdict, Verdict::Passed));
            let tried = placement.is_some() || candidate.origin == Origin::Embedded || passed();
            standing.entry(candidate, tried, placement)
        };
        candidates.into_iter().zip(standings).chain(gone).map(entry).collect()
    }

    /// The networks in use, those that serve first.
    pub(crate) fn in_use(&self) -> Vec<ModelEntry> {
        let state = self.state();
        let mut in_use: Vec<(&Key, &InUse)> = state.in_use.iter().collect();
        in_use.sort_by_key(|((kind, wanted), in_use)| {
            (wanted.is_some(), *kind != Kind::Derust, in_use.network.model.digest)
        });
        let mut seen = HashSet::new();
        in_use.retain(|((kind, _), in_use)| seen.insert((*kind, in_use.network.model.digest)));
        let entry = |((_, wanted), in_use): (&Key, &InUse)| {
            let standing = match wanted {
                None => Standing::Serves(in_use.because),
                Some(_) => Standing::Idle(Idle::Named),
            };
            standing.entry(in_use.as_candidate(&self.store), true, in_use.network.placement())
        };
        in_use.into_iter().map(entry).collect()
    }

    /// The user's choice; one that cannot be read is none, and the log says so.
    fn preferences(&self) -> Preferences {
        self.store.preferences().unwrap_or_else(|error| {
            self.log.say(Level::Warning, format_args!("{error}"));
            Preferences::default()
        })
    }

    /// Says which files cannot serve, and which models the user has chosen that are not there.
    fn tell_what_cannot_serve(&self) {
        let mut looked = self.looked();
        let mut shelf = Shelf::new(&self.store, &mut looked);
        for (kind, chosen) in self.preferences().iter() {
            if !shelf.holds(kind, chosen) {
                let text = format_args!("`{chosen}`, which the user has chosen, is no usable {kind} model");
                self.log.say(Level::Warning, text);
            }
        }
        for (origin, error) in shelf.unusable() {
            self.log.say(Level::Warning, format_args!("{origin} does not serve: {error}"));
        }
    }

    /// The providers that run the networks in use.
    pub(crate) fn providers(&self) -> HashSet<Provider> {
        let state = self.state();
        let placements = state.in_use.values().filter_map(|in_use| in_use.network.placement());
        placements.map(|placement| placement.provider()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses for `key`, tries out what is chosen, and goes on to the next best where it fails.
    fn bring_into_use(&self, key: &Key, control: &Control<'_>) -> Result<Arc<Network>, Error> {
        let (kind, wanted) = key;
        let current = self.state().in_use.get(key).cloned();
        let preferences = self.preferences();
        let mut looked = self.looked();
        let mut shelf = Shelf::new(&self.store, &mut looked);
        // Where nothing serves, nothing is lost by trying.
        let mut due = self.state().setbacks.take_due(*kind, current.is_none());
        let mut last_error = None;
        loop {
            control.check()?;
            let stands_back = |due: &HashSet<Digest>, digest: &Digest| {
                !due.contains(digest) && self.state().setbacks.against(digest).is_some()
            };
            if let Some(current) = &current {
                shelf.stand_in(&current.as_candidate(&self.store), |digest| stands_back(&due, digest));
            }
            let chosen =
                shelf.choose(*kind, wanted.as_ref(), &preferences, |digest| stands_back(&due, digest));
            let (candidate, because) = chosen.ok_or_else(|| {
                let refused = || self.refusal_of(&mut shelf, *kind, wanted.as_ref()?);
                last_error.take().or_else(refused).unwrap_or_else(|| Error::NoModel {
                    kind: *kind,
                    wanted: wanted.as_ref().map(Selector::to_string),
                    folders: self.store.folders().to_vec(),
                })
            })?;
            let Candidate { origin, model, added, .. } = candidate;
            let model = model.map_err(|error| Error::Option(error.to_string()))?;
            if let Some(current) = current.as_ref().filter(|c| c.network.model.digest == model.digest) {
                let network = Arc::clone(&current.network);
                let in_use = InUse { origin, added, because, ..current.clone() };
                self.state().in_use.insert(key.clone(), in_use);
                return Ok(network);
            }
            let what = format!("{} ({origin})", model.manifest.name);
            let onnx = match self.store.content(&origin, &model.digest) {
                Ok(onnx) => onnx,
                Err(error) => {
                    self.log.say(Level::Warning, format_args!("{what} does not serve: {error}"));
                    shelf.spoil(&origin, error);
                    continue;
                }
            };
            let digest = model.digest;
            let verdict = match &origin {
                Origin::Embedded => Verdict::Passed,
                Origin::File(_) => {
                    let subject = Subject { model: &model, onnx: &onnx };
                    self.trials.judge(subject, &self.runtime()?, &self.session, control)?
                }
            };
            let network = Arc::new(Network::new(model, onnx, self.sessions, self.log.clone()));
            let verdict = match verdict {
                Verdict::Passed => self.warm_up(&network, control)?,
                other => other,
            };
            match verdict {
                Verdict::Passed => {
                    self.log.say(Level::Info, format_args!("{kind}: {what} serves now"));
                    let before = current.map(|current| Box::new(InUse { before: None, ..current }));
                    let in_use =
                        InUse { network: Arc::clone(&network), origin, added, because, before, served: 0 };
                    let mut state = self.state();
                    state.setbacks.passed(&digest);
                    state.in_use.insert(key.clone(), in_use);
                    return Ok(network);
                }
                Verdict::Failed(reason) => {
                    self.log.say(Level::Warning, format_args!("{what} does not serve: {reason}"));
                    self.state().setbacks.refuse(digest, reason);
                }
                Verdict::Postponed(error) => {
                    self.log.say(
                        Level::Warning,
                        format_args!("{what} does not serve for now, and is tried again later: {error}"),
                    );
                    self.state().setbacks.postpone(digest, *kind, error.to_string());
                    last_error = Some(error);
                }
            }
            due.remove(&digest);
        }
    }

    /// Why the model that is wanted does not serve, where there is one.
    fn refusal_of(&self, shelf: &mut Shelf<'_>, kind: Kind, wanted: &Selector) -> Option<Error> {
        let (candidate, _) = shelf.choose(kind, Some(wanted), &Preferences::default(), |_| false)?;
        let model = candidate.model.ok()?;
        let problem = self.state().setbacks.against(&model.digest)?.to_owned();
        Some(Error::Answer { model: model.manifest.name, problem })
    }

    /// Loads a network that can serve into this process and runs it once, as the first call would.
    fn warm_up(&self, network: &Network, control: &Control<'_>) -> Result<Verdict, Error> {
        match trial::run_once(network, &self.runtime()?, &self.session, control) {
            Ok(()) => Ok(Verdict::Passed),
            Err(error) => Verdict::of(error),
        }
    }
}

impl InUse {
    fn as_candidate(&self, store: &Store) -> Candidate {
        let rank = match &self.origin {
            Origin::Embedded => store.folders().len(),
            Origin::File(path) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                store.folders().iter().position(|other| other == folder).unwrap_or(store.folders().len())
            }
        };
        let model = Ok(self.network.model.clone());
        Candidate { origin: self.origin.clone(), model, rank, added: self.added }
    }
}

/// The kinds of models that filters use.
const FILTERS: [Kind; 2] = [Kind::Derust, Kind::SegmentRust];

/// Whether a model serves, and why.
enum Standing {
    Serves(Because),
    Idle(Idle),
}

impl Standing {
    fn entry(self, candidate: Candidate, tried: bool, placement: Option<Arc<Placement>>) -> ModelEntry {
        let (idle_because, serves_because) = match self {
            Standing::Serves(because) => (None, Some(because)),
            Standing::Idle(reason) => (Some(reason), None),
        };
        ModelEntry { candidate, idle_because, serves_because, tried, placement }
    }
}
