//! Finds rust in pictures and takes it away.
//!
//! A picture flows through the modules in this order:
//!
//! | module       | what happens there                                                            |
//! |--------------|-------------------------------------------------------------------------------|
//! | [`pixels`]   | a host's pixels are described and checked; nothing is copied                  |
//! | `resample`   | they become planar float32 at the scale that the network knows, and back      |
//! | [`runtime`]  | ONNX Runtime is found and loaded; sessions run networks                       |
//! | [`models`]   | model files are inspected, and the one that serves is chosen                  |
//! | `analysis`   | a network runs over the picture in tiles: probability, fill, alpha            |
//! | [`trial`]    | an unknown network is tried out, in a process of its own                      |
//! | `serving`    | the networks in use, replaced when a better one comes or one fails            |
//! | `judgement`  | whether a picture can be judged at all                                        |
//! | `compose`    | analysis, picture and settings become a result; no network runs               |
//! | [`survey`]   | areas, regions and grades of what was found                                   |
//! | [`filters`]  | what the two recipes, [`Engine::segment`] and [`Engine::analyse_removal`], ask and give |
//!
//! Hosts talk to [`Engine`]. Every call takes a [`Control`] to watch it, to stop it, to give it a deadline and to measure it
//! (`timings`); whatever waits for others, waits under it (`waiting`).

mod analysis;
mod compose;
mod control;
mod error;
pub mod filters;
#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
mod health;
mod judgement;
mod log;
pub mod memory;
pub mod models;
pub mod pixels;
mod printable;
mod resample;
mod room;
pub mod runtime;
mod serving;
pub mod survey;
mod timings;
pub mod trial;
mod user_folders;
mod waiting;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use compose::MaskMode;
pub use control::{Control, Stopped};
pub use derust_manifest::{Kind, Manifest};
pub use error::Error;
pub use health::Health;
pub use judgement::{Caution, Unjudgeable};
pub use log::{Level, Log};
pub use printable::printable;
pub use serving::ModelEntry;
pub use timings::{Spent, Timings};
pub use trial::Trial;

use filters::Served;
use filters::derust::{Cleaning, Removal, RemoveOptions};
use filters::require_judgement;
use filters::segment_rust::{SegmentOptions, Segmentation};
use health::Meter;
use memory::{Memory, Share};
use models::{Digest, Model, Preferences, PreferencesError, Selector, Store};
use pixels::Picture;
use runtime::{
    DeviceKind, DeviceState, Location, Placement, Provider, Runtime, RuntimeError, SessionOptions,
};
use serving::{Serving, Watcher};
use trial::TrialOptions;

/// How an engine is set up; the default searches everywhere and uses all processors.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Where ONNX Runtime lies.
    pub runtime: Location,
    /// Where models are looked for.
    pub store: Store,
    /// How sessions compute.
    pub session: SessionOptions,
    /// Pictures that one network works on at a time; further callers wait.
    pub sessions: usize,
    /// Bytes that calls at work may hold together, beside the caller's pictures; further callers wait.
    pub memory_limit: Option<u64>,
    /// Where unknown models are tried out.
    pub trial: TrialOptions,
    /// The pace at which the model folders are looked at for files that came, changed or went, which then take effect
    /// as with [`Engine::refresh`]; never when absent.
    pub watch: Option<Duration>,
    /// Hears which models serve and why others do not.
    pub log: Log,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            runtime: Location::default(),
            store: Store::new(&[]),
            session: SessionOptions::default(),
            sessions: 1,
            memory_limit: None,
            trial: TrialOptions::default(),
            watch: None,
            log: Log::default(),
        }
    }
}

/// Finds rust and takes it away. One engine serves any number of threads.
#[derive(Debug)]
pub struct Engine {
    serving: Arc<Serving>,
    memory: Option<Memory>,
    meter: Meter,
    watcher: Mutex<Option<Watcher>>,
}

/// A device that derust knows.
#[derive(Clone, Debug)]
pub struct DeviceEntry {
    /// The device, and whether networks can run there.
    pub state: DeviceState,
    /// Whether the engine's networks run there; before one was used: whether they are going to.
    pub in_use: bool,
}

impl Engine {
    /// Sets an engine up. Nothing is loaded before it is needed.
    pub fn new(options: EngineOptions) -> Self {
        let EngineOptions { runtime, store, session, sessions, memory_limit, mut trial, watch, log } =
            options;
        trial.memory_limit = trial.memory_limit.or(memory_limit);
        let serving = Arc::new(Serving::new(runtime, store, (session, sessions), trial, log));
        let watcher = Mutex::new(watch.and_then(|interval| serving.watch(interval)));
        Engine { serving, memory: memory_limit.map(Memory::new), meter: Meter::default(), watcher }
    }

    /// Finds the rust in a picture's region.
    ///
    /// # Errors
    /// When the picture cannot be judged, no model serves, ONNX Runtime cannot be used, the network fails, or the caller
    /// stops the call.
    pub fn segment(
        &self,
        picture: &Picture<'_>,
        options: &SegmentOptions,
        control: Control<'_>,
    ) -> Result<Segmentation, Error> {
        self.meter.over(control, |control| self.find(picture, options, control))
    }

    fn find(
        &self,
        picture: &Picture<'_>,
        options: &SegmentOptions,
        control: Control<'_>,
    ) -> Result<Segmentation, Error> {
        options.check()?;
        let network = self.serving.network(Kind::SegmentRust, options.model.as_ref(), &control)?;
        let manifest = &network.model.manifest;
        let working = options.scale.working_size(picture, manifest);
        let _share = self.share_memory(network.bytes_needed(working), &control)?;
        let colours = resample::colours(picture, working, control.part(0.0, 0.1))?;
        let caution = require_judgement(picture, &colours, options.judge_anyway, control.part(0.1, 0.1))?;
        let found = self.serving.run(&network, &colours, None, control.part(0.1, 1.0))?;
        let probability = found.probability(&network)?;
        let threshold = options.threshold.unwrap_or(manifest.threshold);
        let served = Served::by(&network.model);
        Ok(Segmentation::new(probability, &colours, picture.size(), threshold, caution, served)?)
    }

    /// Analyses a picture's region for [`Removal::compose`].
    ///
    /// A `mask` has the size of the region; white (1) means: treat. In [`MaskMode::Limit`] the network finds rust
    /// by itself and the mask limits it when composing; in [`MaskMode::Replace`] the mask is the alpha, and a
    /// network with a mask input is told what it covers, soft edges included: grays blend the result and nothing
    /// else. The alpha of a network that has none comes from the serving segment-rust model, at the scale that
    /// this one knows, or from the mask where there is no such model.
    ///
    /// # Errors
    /// When no model serves, ONNX Runtime cannot be used, a network fails, the mask is missing or of another size, the
    /// caller stops the call, or the picture cannot be judged and no mask replaces what is found.
    pub fn analyse_removal(
        &self,
        picture: &Picture<'_>,
        mask: Option<&Picture<'_>>,
        options: &RemoveOptions,
        control: Control<'_>,
    ) -> Result<Removal, Error> {
        self.meter.over(control, |control| self.clean(picture, mask, options, control))
    }

    fn clean(
        &self,
        picture: &Picture<'_>,
        mask: Option<&Picture<'_>>,
        options: &RemoveOptions,
        control: Control<'_>,
    ) -> Result<Removal, Error> {
        let cleaning = Cleaning::new(&self.serving, picture, mask, options, control)?;
        let _share = self.share_memory(cleaning.bytes_needed(), &cleaning.main)?;
        let colours = cleaning.colours()?;
        let caution = cleaning.judge(&colours)?;
        let sought = cleaning.seek(&colours)?;
        let coverage = cleaning.coverage(sought.as_ref())?;
        let told = coverage.as_ref().map(|plane| plane.view());
        let found = self.serving.run(&cleaning.network, &colours, told, cleaning.main)?;
        let fill = found.fill.ok_or_else(|| cleaning.network.lacks("fill"))?;
        let alpha = cleaning.alpha(found.alpha, sought, &fill, &colours)?;
        let texture = cleaning.texture(&colours, &fill, alpha.as_ref(), coverage)?;
        let served = Served::by(&cleaning.network.model);
        Ok(Removal::new(fill, &colours, texture, alpha, picture.size(), caution, served)?)
    }

    /// ONNX Runtime, loaded.
    ///
    /// # Errors
    /// See [`Runtime::load_from`].
    pub fn runtime(&self) -> Result<Runtime, RuntimeError> {
        self.serving.runtime()
    }

    /// Every device that derust knows, whether it can be used, and whether this engine uses it.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be used.
    pub fn devices(&self) -> Result<Vec<DeviceEntry>, RuntimeError> {
        let options = self.session_options();
        let states = self.runtime()?.devices(options);
        let mut used = self.serving.providers();
        if used.is_empty() {
            used.extend(options.device.kind.first_of(&states));
        }
        Ok(states
            .into_iter()
            .map(|state| DeviceEntry { in_use: used.contains(&state.provider), state })
            .collect())
    }

    /// Where the next network is going to be tried first, as [`Placement::device`] calls it.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be used, or the device that was named cannot.
    pub fn first_device(&self) -> Result<String, RuntimeError> {
        let options = self.session_options();
        if options.device.kind == DeviceKind::Cpu {
            return Ok(Provider::Cpu.word().into());
        }
        self.check_device()?;
        let states = self.runtime()?.devices(options);
        let provider = options.device.kind.first_of(&states).unwrap_or(Provider::Cpu);
        Ok(provider.on(options.device))
    }

    /// Checks that the device that was named can be used, as far as that shows without a network; networks that cannot
    /// run there fail in the same way. Loads nothing where none was named.
    ///
    /// # Errors
    /// When it cannot be used, or ONNX Runtime cannot.
    pub fn check_device(&self) -> Result<(), RuntimeError> {
        let options = self.session_options();
        match options.device.kind {
            DeviceKind::Automatic | DeviceKind::Cpu => Ok(()),
            DeviceKind::Cuda | DeviceKind::TensorRt => self.runtime()?.check_device(options),
        }
    }

    /// Loads the network of this kind that serves, or the one that is wanted, and says where it runs.
    ///
    /// # Errors
    /// When there is none that can be used, ONNX Runtime or the device cannot, or the call is to end.
    pub fn prepare(
        &self,
        kind: Kind,
        wanted: Option<&Selector>,
        control: Control<'_>,
    ) -> Result<Arc<Placement>, Error> {
        let network = self.serving.network(kind, wanted, &self.meter.watching(control))?;
        Ok(network.placement().expect("a network serves once it has run"))
    }

    /// The folders in which models are looked for, in the order of their rank.
    pub fn model_folders(&self) -> impl Iterator<Item = &Path> {
        self.serving.store().folders().iter().map(PathBuf::as_path)
    }

    /// The models that the user has chosen, and the file that keeps the choice.
    ///
    /// # Errors
    /// When that file cannot be read.
    pub fn preferences(&self) -> Result<(Preferences, Option<&Path>), PreferencesError> {
        let store = self.serving.store();
        Ok((store.preferences()?, store.preferences_file()))
    }

    /// Every model file, and whether it serves.
    pub fn models(&self) -> Vec<ModelEntry> {
        self.serving.list()
    }

    /// What has become of the calls.
    pub fn health(&self) -> Health {
        self.meter.health()
    }

    /// The networks in use now, without a look at any file: those that serve, and those that calls have named.
    pub fn in_use(&self) -> Vec<ModelEntry> {
        self.serving.in_use()
    }

    /// Tries a model out, whose ONNX file's content is `onnx`, as it would be before it serves, beside whatever serves;
    /// `later_runs` runs are timed after the first one.
    ///
    /// # Errors
    /// When ONNX Runtime or the device cannot be used, cannot load the network or fails to run it, or when the network
    /// does not answer what its manifest says, or when the call is to end.
    pub fn try_out(
        &self,
        model: &Model,
        onnx: &[u8],
        later_runs: usize,
        control: Control<'_>,
    ) -> Result<Trial, Error> {
        self.serving.try_out(model, onnx, later_runs, &control)
    }

    /// Forgets what came of a model's trial and what was held against it since: it is tried out anew.
    ///
    /// # Errors
    /// When what is kept cannot be removed.
    pub fn forget_trial(&self, digest: &Digest) -> std::io::Result<()> {
        self.serving.forget_trial(digest)
    }

    /// Looks at the model folders again. What serves better now takes over once it has been tried out; calls in flight
    /// end on the network that they began with. A file that became unusable changes nothing: what was read from it
    /// before serves on, and [`Engine::models`] says why. Where a file is gone, the next best serves.
    ///
    /// # Errors
    /// When ONNX Runtime cannot be used, or the call is to end; then what serves stays as it is.
    pub fn refresh(&self, control: Control<'_>) -> Result<(), Error> {
        self.serving.refresh(&control)
    }

    /// Looks at the model folders no more, but when it is asked to. When this returns, which takes no longer than a tile,
    /// the log says nothing more of them, unless it is called from there.
    pub fn stop_watching(&self) {
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Waits for what the watcher has begun.
        drop(watcher);
    }

    fn session_options(&self) -> &SessionOptions {
        self.serving.session_options()
    }

    /// Waits until a call may hold its share of the memory that calls may use.
    fn share_memory(&self, bytes: u64, control: &Control<'_>) -> Result<Option<Share<'_>>, Error> {
        let Some(memory) = &self.memory else { return Ok(None) };
        if bytes > memory.limit() {
            return Err(Error::Memory { needed: bytes, limit: memory.limit() });
        }
        Ok(Some(memory.take(bytes, control)?))
    }
}
