//! The networks that serve: tried out before they do, and kept until a better one has proven itself.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use derust_manifest::Kind;
use ndarray::Array3;

use crate::ModelEntry;
use crate::analysis::Network;
use crate::control::Control;
use crate::error::Error;
use crate::log::{Level, Log};
use crate::models::{self, Candidate, Digest, Origin, Store};
use crate::runtime::{Placement, Provider, Runtime, RuntimeError, SessionOptions};

/// Side in pixels of the picture with which a network is tried out, where its graph does not demand another.
const TRIAL_SIDE: usize = 64;

/// Kind of the network and the name that was asked for, if any.
type Key = (Kind, Option<String>);

/// Chooses networks from the store and keeps those in use.
#[derive(Debug)]
pub(crate) struct Serving {
    store: Store,
    session: SessionOptions,
    sessions: usize,
    log: Log,
    state: Mutex<State>,
    /// Held while networks are loaded and tried out, so that no two threads do the same work.
    loading: Mutex<()>,
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
    added: SystemTime,
}

/// Gives ONNX Runtime when a network has to be tried out.
pub(crate) type LoadRuntime<'a> = &'a dyn Fn() -> Result<Runtime, RuntimeError>;

impl Serving {
    pub(crate) fn new(store: Store, session: SessionOptions, sessions: usize, log: Log) -> Self {
        Serving { store, session, sessions, log, state: Mutex::default(), loading: Mutex::default() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn session_options(&self) -> &SessionOptions {
        &self.session
    }

    /// The network of this kind that serves, or the best one with this name.
    pub(crate) fn network(
        &self,
        kind: Kind,
        name: Option<&str>,
        runtime: LoadRuntime<'_>,
    ) -> Result<Arc<Network>, Error> {
        let key = (kind, name.map(str::to_owned));
        if let Some(in_use) = self.state().in_use.get(&key) {
            return Ok(Arc::clone(&in_use.network));
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(in_use) = self.state().in_use.get(&key) {
            return Ok(Arc::clone(&in_use.network));
        }
        let mut candidates = self.store.candidates();
        self.bring_into_use(&key, &mut candidates, runtime)
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// Looks at the folders again and brings what is better now into use. Where a file in use has become unusable, what
    /// was read from it serves on.
    pub(crate) fn refresh(&self, runtime: LoadRuntime<'_>) -> Result<(), Error> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let keys: Vec<Key> = self.state().in_use.keys().cloned().collect();
        let candidates = self.store.candidates();
        for candidate in &candidates {
            if let Err(error) = &candidate.model {
                self.log.say(Level::Warning, format_args!("{} does not serve: {error}", candidate.origin));
            }
        }
        for key in keys {
            let mut candidates = candidates.clone();
            match self.bring_into_use(&key, &mut candidates, runtime) {
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
        let state = self.state();
        let refusal = |candidate: &Candidate| match &candidate.model {
            Err(error) => Some(error.to_string()),
            Ok(model) => state.refused.get(&model.digest).cloned(),
        };
        let in_use = |kind| state.in_use.get(&(kind, None));
        let idle_because = |i: usize, candidate: &Candidate| {
            if let Some(refusal) = refusal(candidate) {
                return Some(refusal);
            }
            let model = candidate.model.as_ref().ok()?;
            match in_use(model.manifest.kind) {
                Some(in_use) if in_use.network.model.digest == model.digest => None,
                Some(in_use) => Some(models::reason(candidate, &in_use.as_candidate(&self.store))),
                None => match models::choose(&candidates, model.manifest.kind, None, &state.refused) {
                    Some(serving) if serving != i => Some(models::reason(candidate, &candidates[serving])),
                    _ => None,
                },
            }
        };
        let reasons: Vec<Option<String>> =
            candidates.iter().enumerate().map(|(i, candidate)| idle_because(i, candidate)).collect();
        let found = |digest: &Digest| {
            candidates
                .iter()
                .any(|candidate| candidate.model.as_ref().is_ok_and(|model| model.digest == *digest))
        };
        let gone: Vec<(Candidate, Option<Arc<Placement>>)> = [Kind::Derust, Kind::SegmentRust]
            .into_iter()
            .filter_map(in_use)
            .filter(|in_use| !found(&in_use.network.model.digest))
            .map(|in_use| (in_use.as_candidate(&self.store), in_use.network.placement()))
            .collect();
        let placements: HashMap<Digest, Arc<Placement>> = state
            .in_use
            .values()
            .filter_map(|in_use| Some((in_use.network.model.digest, in_use.network.placement()?)))
            .collect();
        drop(state);
        let mut entries: Vec<ModelEntry> = candidates
            .into_iter()
            .zip(reasons)
            .map(|(candidate, idle_because)| {
                let digest = candidate.model.as_ref().ok().map(|model| model.digest);
                let placement = digest.and_then(|digest| placements.get(&digest).cloned());
                ModelEntry { candidate, idle_because, placement }
            })
            .collect();
        entries.extend(gone.into_iter().map(|(candidate, placement)| ModelEntry {
            candidate,
            idle_because: None,
            placement,
        }));
        entries
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
        runtime: LoadRuntime<'_>,
    ) -> Result<Arc<Network>, Error> {
        let (kind, name) = key;
        let current = self.state().in_use.get(key).cloned();
        loop {
            let refused = self.state().refused.clone();
            if let Some(current) = &current {
                current.stand_in_for_its_broken_file(candidates, &refused);
            }
            let chosen = models::choose(candidates, *kind, name.as_deref(), &refused);
            let chosen = chosen.map(|i| &candidates[i]).ok_or_else(|| Error::NoModel {
                kind: *kind,
                name: name.clone(),
                folders: self.store.folders().to_vec(),
            })?;
            let model = chosen.model.as_ref().map_err(|error| Error::Option(error.to_string()))?;
            let (origin, added) = (chosen.origin.clone(), chosen.added);
            if let Some(current) = current.as_ref().filter(|c| c.network.model.digest == model.digest) {
                let network = Arc::clone(&current.network);
                self.state().in_use.insert(key.clone(), InUse { origin, added, ..current.clone() });
                return Ok(network);
            }
            let (digest, what) = (model.digest, format!("{} ({})", model.manifest.name, chosen.origin));
            let network = Arc::new(Network::new(model.clone(), self.sessions, self.log.clone()));
            match try_out(&network, &runtime()?, &self.session) {
                Ok(()) => {
                    self.log.say(Level::Info, format_args!("{kind}: {what} serves now"));
                    let in_use = InUse { network: Arc::clone(&network), origin, added };
                    self.state().in_use.insert(key.clone(), in_use);
                    return Ok(network);
                }
                Err(
                    error @ (Error::Answer { .. }
                    | Error::Runtime(RuntimeError::Load(_) | RuntimeError::Run(_))),
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

/// Runs a network once over a small grey picture: what it answers must be what its manifest says.
fn try_out(network: &Network, runtime: &Runtime, options: &SessionOptions) -> Result<(), Error> {
    let [height, width] = network.model.fixed_size.map(|side| side.unwrap_or(TRIAL_SIDE));
    let grey = Array3::from_elem((3, height, width), 0.5);
    network.run(runtime, options, grey.view(), None, Control::default()).map(drop)
}
