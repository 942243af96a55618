//! ONNX Runtime: finding its library, loading it once, and sessions that run networks.
//!
//! The library is chosen once per process; see [`Runtime::load`]. A tool that only wants to run a network needs
//! no more than this module:
//!
//! ```no_run
//! use derust_engine::runtime::{Runtime, SessionOptions};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::load(None)?;
//! let onnx = std::fs::read("network.onnx")?;
//! let mut session = runtime.session(&onnx, &SessionOptions::default())?;
//! let image = ndarray::ArrayD::<f32>::zeros(vec![1, 3, 128, 128]);
//! let outputs = session.run(&[("image", image.view())])?;
//! println!("{:?}", outputs["probability"].shape());
//! # Ok(())
//! # }
//! ```

mod brake;
mod buffers;
mod device;
mod elements;
mod environment;
mod exhaustion;
mod foreign;
mod library_file;
mod locate;
mod nvidia;
mod placement;
mod pool;
mod providers;
mod session;
mod tensorrt;

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;
use ort::environment::Environment;

pub use device::{Device, DeviceKind, Provider};
pub use locate::Location;
pub use placement::Placement;
pub(crate) use pool::SessionPool;
pub(crate) use session::NetworkInfo;
pub use session::{Session, SessionOptions};

use crate::control::{Control, Stopped};
use providers::Search;

/// The lowest minor version `N` of ONNX Runtime `1.N` that can serve.
pub const LOWEST_MINOR_VERSION: u32 = ort::MINOR_VERSION;

/// Why ONNX Runtime cannot be used, or a network cannot be run with it.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No library was found in any of the places where one may lie.
    #[error(
        "ONNX Runtime was not found: set ORT_DYLIB_PATH to the path of a libonnxruntime.so, version \
         1.{LOWEST_MINOR_VERSION} or newer"
    )]
    NotFound,
    /// The library that was asked for cannot be used.
    #[error("ONNX Runtime at {} cannot be used: {problem}", path.display())]
    Unusable {
        /// The library file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// Another library already serves this process.
    #[error(
        "ONNX Runtime is already loaded from {}; one process can load one only, start a new one for {}",
        loaded.display(), wanted.display()
    )]
    AlreadyLoaded {
        /// The library that serves.
        loaded: PathBuf,
        /// The library that was asked for.
        wanted: PathBuf,
    },
    /// The device that was named cannot be used.
    #[error("the device {device} cannot be used: {reason}")]
    Device {
        /// What was asked for.
        device: Device,
        /// What is missing.
        reason: String,
    },
    /// ONNX Runtime refused a network.
    #[error("ONNX Runtime cannot load the network: {0}")]
    Load(String),
    /// A network failed while it ran.
    #[error("the network failed: {0}")]
    Run(String),
    /// There is too little memory to run a network.
    #[error("there is too little memory to run the network: {0}")]
    Memory(String),
    /// The call was to end.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// ONNX Runtime, loaded. Clones are handles to the same library.
#[derive(Clone, Debug)]
pub struct Runtime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// The library that serves this process; the choice is made once and holds to the end.
static LOADED: OnceCell<Runtime> = OnceCell::new();

impl Runtime {
    /// Loads ONNX Runtime, or answers with the library that this process has loaded already.
    ///
    /// Without a `path` the library is looked for in this order: `ORT_DYLIB_PATH`; beside the executable; in
    /// `onnxruntime/` of the build folder that holds the executable; in the system's library folders. The file is
    /// checked (ELF, this processor) before it is loaded. After a failure another path may be tried.
    ///
    /// The first call sets `ORT_DISABLE_TELEMETRY` in the process's environment, unless it is set already: without
    /// it ONNX Runtime writes into the user's cache folder and reports to its makers. Other threads may read the
    /// environment meanwhile; a host whose other threads change it calls this before it starts them.
    ///
    /// # Errors
    /// When there is none, when it cannot be loaded or is too old, or when `path` names another library than the
    /// one that serves this process.
    pub fn load(path: Option<&Path>) -> Result<Runtime, RuntimeError> {
        Runtime::load_from(&Location { file: path.map(Path::to_owned), folders: vec![] })
    }

    /// [`Runtime::load`] for a host that knows where the library may lie: its folders are searched after
    /// `ORT_DYLIB_PATH` and before all others.
    ///
    /// # Errors
    /// See [`Runtime::load`].
    pub fn load_from(location: &Location) -> Result<Runtime, RuntimeError> {
        let runtime = LOADED.get_or_try_init(|| open(locate::library(location)?))?;
        match location.file.as_deref().map(locate::absolute) {
            Some(wanted) if wanted != runtime.shared.path => {
                Err(RuntimeError::AlreadyLoaded { loaded: runtime.shared.path.clone(), wanted })
            }
            _ => Ok(runtime.clone()),
        }
    }

    /// The file of the library that serves this process, or that would be loaded for it. Loads nothing.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`].
    pub(crate) fn library(location: &Location) -> Result<PathBuf, RuntimeError> {
        LOADED.get().map_or_else(|| locate::library(location), |runtime| Ok(runtime.shared.path.clone()))
    }

    /// The library file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// The library's version, such as `1.32.0`.
    pub fn version(&self) -> &str {
        &self.shared.version
    }

    /// Every device that derust knows, and whether networks can run there. `options` say which GPU is meant.
    pub fn devices(&self, options: &SessionOptions) -> Vec<DeviceState> {
        let state = |provider| {
            let found = providers::check(&self.shared, provider, options, Search::First);
            let (name, problem) = match found {
                Ok(Some(gpu)) => (gpu.name, None),
                Ok(None) => (format!("{} threads", options.thread_count()), None),
                Err(problem) => (String::new(), Some(problem)),
            };
            DeviceState { provider, name, problem }
        };
        Provider::ALL.into_iter().map(state).collect()
    }

    /// Checks that a device that was named can be used, as far as that shows without a network.
    ///
    /// # Errors
    /// [`RuntimeError::Device`] with everything that is missing. Never for [`DeviceKind::Automatic`] and the processor.
    pub fn check_device(&self, options: &SessionOptions) -> Result<(), RuntimeError> {
        let device = options.device;
        let Some(provider) = device.kind.candidates().first().filter(|_| device.is_named()) else {
            return Ok(());
        };
        providers::check(&self.shared, *provider, options, Search::All)
            .map(drop)
            .map_err(|reason| RuntimeError::Device { device, reason })
    }

    /// Makes a session for the ONNX file whose content is `onnx`.
    ///
    /// # Errors
    /// When ONNX Runtime refuses the file, or the device that `options` name cannot be used.
    pub fn session(&self, onnx: &[u8], options: &SessionOptions) -> Result<Session, RuntimeError> {
        self.session_of(&NetworkInfo::unknown(), onnx, options, 0, &Control::default())
    }

    /// [`Runtime::session`] for a network of which more is known, and for its tiles from the one with this number on.
    pub(crate) fn session_of(
        &self,
        network: &NetworkInfo,
        onnx: &[u8],
        options: &SessionOptions,
        shrunk: usize,
        control: &Control<'_>,
    ) -> Result<Session, RuntimeError> {
        Session::new(&self.shared, onnx, options, network, shrunk, control)
    }
}

/// A device that derust knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceState {
    /// What runs networks there.
    pub provider: Provider,
    /// The GPU's name, or the number of threads; empty where it cannot be used.
    pub name: String,
    /// Why it cannot be used.
    pub problem: Option<String>,
}

/// Loads the library at the absolute `path` into the process.
fn open(path: PathBuf) -> Result<Runtime, RuntimeError> {
    let unusable = |problem: String| RuntimeError::Unusable { path: path.clone(), problem };
    library_file::check(&path).map_err(unusable)?;
    let version = probe_version(&path).map_err(unusable)?;
    forbid_telemetry();
    // `ort` panics or worse when it loads by itself, so it is told the path and asked for an answer.
    let environment = ort::init_from(&path)
        .map_err(|error| unusable(one_line(&error.to_string())))?
        .with_name("derust")
        .with_telemetry(false)
        // A library inside other people's programs prints nothing; failures come back as errors.
        .with_logger(Arc::new(|_, _, _, _, _| {}))
        .build()
        .map_err(|error| unusable(one_line(&error.to_string())))?;
    environment.set_log_level(ort::logging::LogLevel::Fatal);
    Ok(Runtime { shared: Arc::new(Shared { path, version, environment }) })
}

/// Keeps ONNX Runtime from writing a device identifier into the user's cache folder and sending events.
///
/// Builds from 1.29 on do both when the environment is made, before `DisableTelemetryEvents` can be called; only
/// `ORT_DISABLE_TELEMETRY` stops that (microsoft/onnxruntime pull request 27379). Whoever sets the variable decides.
fn forbid_telemetry() {
    const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(VARIABLE).is_none() {
        environment::add(VARIABLE, "1");
    }
}

/// Asks the library for its version before `ort` relies on it.
fn probe_version(path: &Path) -> Result<String, String> {
    // SAFETY: loading runs the initialisers of the library that the user or the system named for this purpose;
    // `library_file::check` has seen that it is a library for this processor.
    let library =
        unsafe { libloading::Library::new(path) }.map_err(|error| library_file::loader_problem(&error))?;
    // SAFETY: `OrtGetApiBase` has this signature in every version of ONNX Runtime's C API (onnxruntime_c_api.h).
    let api_base =
        unsafe { library.get::<unsafe extern "C" fn() -> *const ort::sys::OrtApiBase>(b"OrtGetApiBase") }
            .map_err(|_| "it is another library, without `OrtGetApiBase`".to_owned())?;
    // SAFETY: the function takes nothing and answers with a pointer to a static table, or null.
    let base = unsafe { api_base().as_ref() }.ok_or("it answers without an API table")?;
    // SAFETY: the table's functions live as long as the library; the version is a static C string.
    let version = unsafe { CStr::from_ptr((base.GetVersionString)()) };
    let version = version.to_str().map_err(|_| "its version is no text")?.to_owned();
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if (major, minor) < (1, LOWEST_MINOR_VERSION) {
        return Err(format!("its version is {version}; 1.{LOWEST_MINOR_VERSION} or newer is needed"));
    }
    // ONNX Runtime does not like being unloaded; `ort` holds it to the end of the process anyway.
    std::mem::forget(library);
    Ok(version)
}

/// ONNX Runtime's messages can span lines; a report has one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Network;

    #[test]
    fn the_runtime_is_loaded_once_and_says_what_it_is() {
        let runtime = Runtime::load(None).unwrap();
        assert!(runtime.path().is_absolute());
        assert!(runtime.version().starts_with("1."), "{}", runtime.version());
        let error = Runtime::load(Some(Path::new("/elsewhere/libonnxruntime.so"))).unwrap_err();
        assert!(matches!(error, RuntimeError::AlreadyLoaded { .. }), "{error}");
    }

    #[test]
    fn a_named_device_runs_the_network_or_says_why_not() {
        let runtime = Runtime::load(None).unwrap();
        let onnx = Network::red_is_rust().to_onnx();
        let states = runtime.devices(&SessionOptions::default());
        for (kind, provider) in [
            (DeviceKind::Cpu, Provider::Cpu),
            (DeviceKind::Cuda, Provider::Cuda),
            (DeviceKind::TensorRt, Provider::TensorRt),
        ] {
            let device = Device { kind, id: 0 };
            let options = SessionOptions { device, ..SessionOptions::default() };
            let state = states.iter().find(|state| state.provider == provider).unwrap();
            match runtime.session(&onnx, &options) {
                Ok(session) => {
                    let placement = session.placement();
                    assert_eq!(placement.provider(), provider, "{placement}");
                    assert_eq!((placement.asked, &*placement.skipped), (device, &[][..]));
                    assert!(state.problem.is_none() && !state.name.is_empty(), "{state:?}");
                    runtime.check_device(&options).unwrap();
                }
                Err(RuntimeError::Device { device: named, reason }) => {
                    assert_eq!(named, device);
                    assert_ne!(provider, Provider::Cpu);
                    let first = state.problem.as_ref().expect("the list says so, too");
                    assert!(!first.is_empty() && reason.starts_with(first.as_str()), "{first}\n{reason}");
                    let checked = runtime.check_device(&options).unwrap_err();
                    assert_eq!(checked.to_string(), format!("the device {device} cannot be used: {reason}"));
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn the_automatic_device_says_why_others_are_not_used() {
        let runtime = Runtime::load(None).unwrap();
        let session = runtime.session(&Network::red_is_rust().to_onnx(), &SessionOptions::default()).unwrap();
        let placement = session.placement();
        let unused: Vec<Provider> = placement.skipped.iter().map(|(provider, _)| *provider).collect();
        match placement.provider() {
            Provider::Cpu => assert_eq!(unused, [Provider::TensorRt, Provider::Cuda]),
            Provider::Cuda => assert_eq!(unused, [Provider::TensorRt]),
            Provider::TensorRt => assert_eq!(unused, []),
        }
        assert!(placement.skipped.iter().all(|(_, reason)| !reason.is_empty()), "{placement}");
        // The network is a chain of these.
        let operators: Vec<&str> =
            placement.nodes.values().flat_map(|operators| operators.keys().map(String::as_str)).collect();
        assert!(operators.contains(&"Conv"), "{placement}");
    }

    #[test]
    fn a_network_that_nothing_can_load_is_not_the_devices_fault() {
        let runtime = Runtime::load(None).unwrap();
        for kind in [DeviceKind::Automatic, DeviceKind::Cpu, DeviceKind::Cuda, DeviceKind::TensorRt] {
            let device = Device { kind, id: 0 };
            let error =
                runtime.session(b"no network", &SessionOptions { device, ..SessionOptions::default() });
            assert!(matches!(error, Err(RuntimeError::Load(_))), "{device}: {error:?}");
        }
    }

    #[test]
    fn a_library_that_is_something_else_is_named() {
        let problem = probe_version(Path::new("libc.so.6")).unwrap_err();
        assert!(problem.contains("OrtGetApiBase"), "{problem}");
    }
}
