//! Finds rust in pictures and takes it away.
//!
//! A picture flows through the modules in this order:
//!
//! | module       | what happens there                                                            |
//! |--------------|-------------------------------------------------------------------------------|
//! | [`pixels`]   | a host's pixels are described and checked; nothing is copied                  |
//! | `tensor`     | they become planar float32 at the scale that the network knows                |
//! | `tiles`      | large ones are cut into overlapping tiles, results joined without seams       |
//! | [`models`]   | model files are inspected, and the one that serves is chosen                  |
//! | [`runtime`]  | ONNX Runtime is found and loaded; sessions run networks                       |
//! | `analysis`   | a network runs over the picture: probability, fill, alpha                     |
//! | `compose`    | analysis, picture and settings become a result; no network runs               |
//! | [`filters`]  | the recipes: [`Engine::segment`] and [`Engine::analyse_removal`]              |
//! | [`survey`]   | areas, patches and grades of what was found                                   |
//!
//! Hosts talk to [`Engine`]. Every call takes a [`Control`] to watch and to stop it.

mod analysis;
mod compose;
mod control;
mod error;
pub mod filters;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
pub mod models;
pub mod pixels;
pub mod runtime;
pub mod survey;
mod tensor;
mod tiles;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use compose::MaskMode;
pub use control::{Cancelled, Control};
pub use derust_manifest::{Kind, Manifest};
pub use error::Error;

use analysis::Network;
use models::{Candidate, Store};
use runtime::{Runtime, RuntimeError, SessionOptions};

/// How an engine is set up; the default searches everywhere and uses all processors.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The ONNX Runtime library; see [`Runtime::load`] for where it is looked for otherwise.
    pub runtime: Option<PathBuf>,
    /// Where models are looked for.
    pub store: Store,
    /// How sessions compute.
    pub session: SessionOptions,
    /// Pictures that one network works on at a time; further callers wait.
    pub sessions: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            runtime: None,
            store: Store::new(&[]),
            session: SessionOptions::default(),
            sessions: 1,
        }
    }
}

/// Finds rust and takes it away. One engine serves any number of threads.
#[derive(Debug)]
pub struct Engine {
    options: EngineOptions,
    /// The networks in use, by kind and the name that was asked for.
    networks: Mutex<Networks>,
}

type Networks = HashMap<(Kind, Option<String>), Arc<Network>>;

/// A line in the list of models.
#[derive(Debug)]
pub struct ModelEntry {
    /// The file that was looked at.
    pub candidate: Candidate,
    /// Why it does not serve; `None` when it does.
    pub idle_because: Option<String>,
}

impl Engine {
    /// Sets an engine up. Nothing is loaded before it is needed.
    pub fn new(options: EngineOptions) -> Self {
        Engine { options, networks: Mutex::default() }
    }

    /// ONNX Runtime, loaded.
    ///
    /// # Errors
    /// See [`Runtime::load`].
    pub fn runtime(&self) -> Result<Runtime, RuntimeError> {
        Runtime::load(self.options.runtime.as_deref())
    }

    /// The folders in which models are looked for, in the order of their rank.
    pub fn model_folders(&self) -> impl Iterator<Item = &Path> {
        self.options.store.folders().iter().map(PathBuf::as_path)
    }

    /// Every model file, and whether it serves.
    pub fn models(&self) -> Vec<ModelEntry> {
        let candidates = self.options.store.candidates();
        let reasons: Vec<Option<String>> = candidates
            .iter()
            .enumerate()
            .map(|(i, candidate)| match &candidate.model {
                Err(error) => Some(error.to_string()),
                Ok(model) => match models::choose(&candidates, model.manifest.kind, None) {
                    Some(serving) if serving != i => Some(models::reason(candidate, &candidates[serving])),
                    _ => None,
                },
            })
            .collect();
        let entries = candidates.into_iter().zip(reasons);
        entries.map(|(candidate, idle_because)| ModelEntry { candidate, idle_because }).collect()
    }

    fn session_options(&self) -> &SessionOptions {
        &self.options.session
    }

    /// The network of this kind that serves, or the one with this name.
    fn network(&self, kind: Kind, name: Option<&str>) -> Result<Arc<Network>, Error> {
        let mut networks = self.networks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (kind, name.map(str::to_owned));
        if let Some(network) = networks.get(&key) {
            return Ok(Arc::clone(network));
        }
        let mut candidates = self.options.store.candidates();
        let model =
            models::choose(&candidates, kind, name).and_then(|i| candidates.swap_remove(i).model.ok());
        let model = model.ok_or_else(|| Error::NoModel {
            kind,
            name: key.1.clone(),
            folders: self.model_folders().map(Path::to_owned).collect(),
        })?;
        let network = Arc::new(Network::new(model, self.options.sessions));
        networks.insert(key, Arc::clone(&network));
        Ok(network)
    }
}
