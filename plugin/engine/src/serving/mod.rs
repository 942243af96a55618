//! The networks that serve: tried out before they do, and kept until a better one has proven itself.

mod trial;
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
    self, Added, Because, Candidate, Digest, Idle, Model, Origin, Preferences, Selector, Store,
};
use crate::runtime::{Location, Placement, Provider, Runtime, RuntimeError, SessionOptions};
use crate::waiting::Turn;
pub use trial::Trial;
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
    log: Log,
    state: Mutex<State>,
    /// Held while networks are loaded and tried out, so that no two threads do the same work.
    loading: Turn,
}

#[derive(Debug, Default)]
struct State {
    in_use: HashMap<Key, InUse>,
    /// Why a file's content cannot serve although it passed inspection.
    refused: HashMap<Digest, String>,
}

#[derive(Clone, Debug)]
struct InUse {
    network: Arc<Network>,
    origin: Origin,
    added: Added,
    because: Because,
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
    /// Where it runs; `None` before it was used.
    pub placement: Option<Arc<Placement>>,
}

impl Serving {
    pub(crate) fn new(
        runtime: Location,
        store: Store,
        session: SessionOptions,
        sessions: usize,
        log: Log,
    ) -> Self {
        Serving { runtime, store, session, sessions, log, state: Mutex::default(), loading: Turn::default() }
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
        if let Some(in_use) = self.state().in_use.get(&key) {
            return Ok(Arc::clone(&in_use.network));
        }
        let _loading = self.loading.take(control)?;
        if let Some(in_use) = self.state().in_use.get(&key) {
            return Ok(Arc::clone(&in_use.network));
        }
        let mut candidates = self.store.candidates();
        self.bring_into_use(&key, &mut candidates, control)
    }

    /// Runs a network over `colours` [3, height, width] and, where it has an input for it, a `mask` [height, width].
    pub(crate) fn run(
        &self,
        network: &Network,
        colours: &Array3<f32>,
        mask: Option<ArrayView2<'_, f32>>,
        control: Control<'_>,
    ) -> Result<Analysis, Error> {
        network.run(&self.runtime()?, &self.session, colours.view(), mask, control)
    }

    /// Tries out a model, whose ONNX file's content is `onnx`, beside what serves.
    pub(crate) fn try_out(
        &self,
        model: Model,
        onnx: Vec<u8>,
        later_runs: usize,
        control: &Control<'_>,
    ) -> Result<Trial, Error> {
        let network = Network::new(model, onnx.into(), 1, self.log.only_building());
        Trial::of(&network, &self.runtime()?, &self.session, later_runs, control)
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
        let keys: Vec<Key> = self.state().in_use.keys().cloned().collect();
        let candidates = self.store.candidates();
        for candidate in &candidates {
            if let Err(error) = &candidate.model {
                self.log.say(Level::Warning, format_args!("{} does not serve: {error}", candidate.origin));
            }
        }
        self.warn_of_missing_preferences(&candidates);
        for key in keys {
            let mut candidates = candidates.clone();
            match self.bring_into_use(&key, &mut candidates, control) {
                Err(error @ Error::NoModel { .. }) => {
                    self.log.say(Level::Warning, format_args!("{error}"));
                    self.state().in_use.remove(&key);
                }
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        let there: HashSet<Digest> =
            candidates.iter().filter_map(|candidate| Some(candidate.model.as_ref().ok()?.digest)).collect();
        self.state().refused.retain(|digest, _| there.contains(digest));
        Ok(())
    }

    /// Every model file and whether it serves, and what serves although its file is gone.
    pub(crate) fn list(&self) -> Vec<ModelEntry> {
        let candidates = self.store.candidates();
        let preferences = self.store.preferences().unwrap_or_default();
        let state = self.state();
        let in_use = |kind| state.in_use.get(&(kind, None));
        let standing = |i: usize, candidate: &Candidate| {
            let model = match &candidate.model {
                Ok(model) => model,
                Err(error) => return Standing::Idle(error.clone().into()),
            };
            if let Some(refusal) = state.refused.get(&model.digest) {
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
                    let choice = self.store.choose(&candidates, kind, None, &preferences, &state.refused);
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
            let digest = candidate.model.as_ref().ok().map(|model| model.digest);
            let placement = digest.and_then(|digest| placements.get(&digest).cloned());
            standing.entry(candidate, placement)
        };
        candidates.into_iter().zip(standings).chain(gone).map(entry).collect()
    }

    /// The user's choice; one that cannot be read is none, and the log says so.
    fn preferences(&self) -> Preferences {
        self.store.preferences().unwrap_or_else(|error| {
            self.log.say(Level::Warning, format_args!("{error}"));
            Preferences::default()
        })
    }

    fn warn_of_missing_preferences(&self, candidates: &[Candidate]) {
        let usable = |kind, chosen: &Selector| {
            let mut models = candidates.iter().filter_map(|candidate| candidate.model.as_ref().ok());
            models.any(|model| model.manifest.kind == kind && chosen.fits(model))
        };
        for (kind, chosen) in self.preferences().iter().filter(|(kind, chosen)| !usable(*kind, chosen)) {
            self.log.say(
                Level::Warning,
                format_args!("`{chosen}`, which the user has chosen, is no usable {kind} model"),
            );
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

    /// Chooses for `key`, tries out what is chosen, and goes on to the next best where it fails.
    fn bring_into_use(
        &self,
        key: &Key,
        candidates: &mut [Candidate],
        control: &Control<'_>,
    ) -> Result<Arc<Network>, Error> {
        let (kind, wanted) = key;
        let current = self.state().in_use.get(key).cloned();
        let preferences = self.preferences();
        loop {
            let refused = self.state().refused.clone();
            if let Some(current) = &current {
                current.stand_in_for_its_broken_file(candidates, &refused);
            }
            let chosen = self.store.choose(candidates, *kind, wanted.as_ref(), &preferences, &refused);
            let (chosen, because) = chosen.ok_or_else(|| Error::NoModel {
                kind: *kind,
                wanted: wanted.as_ref().map(Selector::to_string),
                folders: self.store.folders().to_vec(),
            })?;
            let Candidate { origin, model, added, .. } = candidates[chosen].clone();
            let model = model.map_err(|error| Error::Option(error.to_string()))?;
            if let Some(current) = current.as_ref().filter(|c| c.network.model.digest == model.digest) {
                let network = Arc::clone(&current.network);
                let in_use = InUse { network: Arc::clone(&network), origin, added, because };
                self.state().in_use.insert(key.clone(), in_use);
                return Ok(network);
            }
            let what = format!("{} ({origin})", model.manifest.name);
            let onnx = match self.store.content(&origin, &model.digest) {
                Ok(onnx) => onnx,
                Err(error) => {
                    self.log.say(Level::Warning, format_args!("{what} does not serve: {error}"));
                    candidates[chosen].model = Err(error);
                    continue;
                }
            };
            let digest = model.digest;
            let network = Arc::new(Network::new(model, onnx, self.sessions, self.log.clone()));
            match trial::run_once(&network, &self.runtime()?, &self.session, control) {
                Ok(()) => {
                    self.log.say(Level::Info, format_args!("{kind}: {what} serves now"));
                    let in_use = InUse { network: Arc::clone(&network), origin, added, because };
                    self.state().in_use.insert(key.clone(), in_use);
                    return Ok(network);
                }
                Err(
                    error @ (Error::Answer { .. }
                    | Error::Runtime(
                        RuntimeError::Load(_) | RuntimeError::Run(_) | RuntimeError::Memory(_),
                    )),
                ) => {
                    self.log.say(Level::Warning, format_args!("{what} does not serve: {error}"));
                    self.state().refused.insert(digest, error.to_string());
                }
                Err(error) => return Err(error),
            }
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

    /// Takes the place of the candidate with the same origin if that one cannot serve.
    fn stand_in_for_its_broken_file(&self, candidates: &mut [Candidate], refused: &HashMap<Digest, String>) {
        let broken = |candidate: &&mut Candidate| {
            candidate.origin == self.origin
                && candidate.model.as_ref().map_or(true, |model| refused.contains_key(&model.digest))
        };
        if let Some(candidate) = candidates.iter_mut().find(broken) {
            candidate.model = Ok(self.network.model.clone());
            candidate.added = self.added;
        }
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
    fn entry(self, candidate: Candidate, placement: Option<Arc<Placement>>) -> ModelEntry {
        let (idle_because, serves_because) = match self {
            Standing::Serves(because) => (None, Some(because)),
            Standing::Idle(reason) => (Some(reason), None),
        };
        ModelEntry { candidate, idle_because, serves_because, placement }
    }
}
