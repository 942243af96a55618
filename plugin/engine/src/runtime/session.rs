//! One network, ready to run.

use std::collections::BTreeMap;
use std::num::NonZero;

use ndarray::{ArrayD, ArrayViewD};
use ort::logging::LogLevel;
use ort::session::RunOptions;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::brake::stoppable;
use super::buffers::{Buffers, HostMemory};
use super::device::{Device, Provider};
use super::exhaustion::is_want_of_memory;
use super::placement::{self, Placement};
use super::providers::{self, Search};
use super::tensorrt::{self, Building};
use super::{RuntimeError, Shared, elements, one_line};
use crate::control::{Control, Stopped};
use crate::log::Log;
use crate::room;

/// How a session computes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SessionOptions {
    /// Threads that work on one run; the number of processors that this process may use when absent.
    pub threads: Option<NonZero<usize>>,
    /// Where it computes.
    pub device: Device,
    /// Whether a GPU may compute with the precision of float16, which is faster: TensorRT in float16, CUDA in
    /// TensorFloat-32. The processor always computes in float32.
    pub half_precision: bool,
    /// Bytes of a GPU's memory that ONNX Runtime may hold for one session; no limit when absent.
    pub gpu_memory_limit: Option<u64>,
}

impl SessionOptions {
    pub(super) fn thread_count(&self) -> usize {
        // Knows the affinity mask and the limits of control groups.
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok());
        threads.map_or(1, NonZero::get)
    }
}

/// Why there is no session.
enum Failure {
    Stopped(Stopped),
    Because(String),
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        Failure::Stopped(stopped)
    }
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Failure::Because(reason)
    }
}

/// The shape of every input, by its name, for one tile.
type TileShapes = Vec<(String, Vec<usize>)>;

/// What is known of a network beside its file.
#[derive(Clone, Debug)]
pub(crate) struct NetworkInfo {
    /// Its name, for messages.
    pub(crate) name: String,
    /// The tiles with which it can be run: the usual one first, then ever smaller ones, for when memory is short. Empty
    /// where they are not known.
    pub(crate) tiles: Vec<TileShapes>,
    /// Whether buffers are kept from run to run on the processor, too, where they save nothing.
    pub(crate) keeps_buffers: bool,
    /// Hears what takes long.
    pub(crate) log: Log,
}

impl NetworkInfo {
    /// Nothing is known.
    pub(super) fn unknown() -> Self {
        NetworkInfo {
            name: "the network".into(),
            tiles: Vec::new(),
            keeps_buffers: false,
            log: Log::default(),
        }
    }

    /// The shapes of the tiles of this size.
    pub(super) fn tile(&self, shrunk: usize) -> &[(String, Vec<usize>)] {
        self.tiles.get(shrunk).map_or(&[], Vec::as_slice)
    }
}

/// A network loaded into ONNX Runtime; see [`super::Runtime::session`].
#[derive(Debug)]
pub struct Session {
    // Before the session, to which their memory belongs.
    pub(super) buffers: Option<Buffers>,
    inner: ort::session::Session,
    placement: Placement,
    shrunk: usize,
}

impl Session {
    /// Loads the network on the best of the providers that the device names, for tiles that are not larger than those
    /// with the number `shrunk` of the network's.
    pub(super) fn new(
        runtime: &Shared,
        onnx: &[u8],
        options: &SessionOptions,
        network: &NetworkInfo,
        shrunk: usize,
        control: &Control<'_>,
    ) -> Result<Self, RuntimeError> {
        let mut skipped = Vec::new();
        let on_cpu = || {
            let providers = providers::set_up(runtime, Provider::Cpu, options, network, (onnx, shrunk), None);
            Session::with(runtime, onnx, options, network, providers, control)
                .map(|session| Session { shrunk, ..session })
                .map_err(|failure| match failure {
                    Failure::Stopped(stopped) => stopped.into(),
                    Failure::Because(report) => RuntimeError::Load(report),
                })
        };
        for provider in options.device.kind.candidates() {
            let made = match provider {
                Provider::Cpu => on_cpu()?,
                gpu => match Session::on_gpu(*gpu, runtime, onnx, options, network, shrunk, control) {
                    Ok(session) => session,
                    Err(Failure::Stopped(stopped)) => return Err(stopped.into()),
                    Err(Failure::Because(reason)) if options.device.is_named() => {
                        // Where the processor cannot load the network either, it is not the device's fault.
                        on_cpu()?;
                        return Err(RuntimeError::Device { device: options.device, reason });
                    }
                    Err(Failure::Because(reason)) => {
                        skipped.push((*gpu, reason));
                        continue;
                    }
                },
            };
            return Ok(Session { placement: Placement { skipped, ..made.placement }, ..made });
        }
        unreachable!("a named device returns, and the processor ends every other list of candidates")
    }

    /// Loads the network on a GPU and runs it once, since some of what a GPU lacks shows only then. What the GPU has no
    /// memory for is tried with smaller tiles.
    fn on_gpu(
        provider: Provider,
        runtime: &Shared,
        onnx: &[u8],
        options: &SessionOptions,
        network: &NetworkInfo,
        shrunk: usize,
        control: &Control<'_>,
    ) -> Result<Self, Failure> {
        let search = if options.device.is_named() { Search::All } else { Search::First };
        let gpu = providers::check(runtime, provider, options, search)?;
        let mut tried = Vec::new();
        for shrunk in shrunk..network.tiles.len().max(shrunk + 1) {
            let tile = network.tile(shrunk);
            let building = (provider == Provider::TensorRt)
                .then(|| Building::begin(runtime, options, network, tile, onnx, gpu.as_ref()));
            let providers =
                providers::set_up(runtime, provider, options, network, (onnx, shrunk), gpu.as_ref());
            let made = Session::with(runtime, onnx, options, network, providers, control)
                .and_then(|session| Session { shrunk, ..session }.checked(provider, tile, control));
            drop(building);
            match made {
                Err(Failure::Because(report)) if is_want_of_memory(&report) && !tile.is_empty() => {
                    tried.push(format!("tiles of {}: {report}", tensorrt::shapes(tile)));
                }
                made => return made,
            }
        }
        Err(format!("the GPU has too little memory for any size of tiles ({})", tried.join("; ")).into())
    }

    /// Checks that a GPU runs some of the network, and runs all of it over one black tile.
    fn checked(
        mut self,
        provider: Provider,
        tile: &[(String, Vec<usize>)],
        control: &Control<'_>,
    ) -> Result<Self, Failure> {
        self.placement.check_used(provider)?;
        let zeros: Vec<_> = tile
            .iter()
            .map(|(name, shape)| Ok((name.as_str(), room::filled(shape.as_slice(), 0.0)?)))
            .collect::<Result<_, Stopped>>()?;
        let inputs: Vec<_> = zeros.iter().map(|(name, array)| (*name, array.view())).collect();
        if !inputs.is_empty() {
            self.run_under(control, &inputs).map_err(|error| match error {
                RuntimeError::Stopped(stopped) => Failure::Stopped(stopped),
                other => Failure::Because(other.to_string()),
            })?;
        }
        Ok(self)
    }

    fn with(
        runtime: &Shared,
        onnx: &[u8],
        options: &SessionOptions,
        network: &NetworkInfo,
        providers: Vec<(Provider, ort::ep::ExecutionProviderDispatch)>,
        control: &Control<'_>,
    ) -> Result<Self, Failure> {
        let problem = |error: ort::Error| one_line(&error.to_string());
        let (registered, dispatches): (Vec<_>, Vec<_>) = providers.into_iter().unzip();
        let configure = || -> Result<SessionBuilder, ort::Error> {
            let builder = SessionBuilder::new(&runtime.environment)?
                .with_execution_providers(dispatches)?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(options.thread_count())?
                // Waiting threads must not take the processor from the program that derust lives in.
                .with_intra_op_spinning(false)?
                .with_config_entry(placement::RECORD, "1")?
                .with_log_level(LogLevel::Fatal)?;
            Ok(builder)
        };
        let load = |mut builder: SessionBuilder| {
            let canceler = builder.canceler();
            let stop = || {
                // Where it cannot be stopped, it ends by itself.
                let _ = canceler.cancel();
            };
            stoppable(control, stop, || builder.commit_from_memory(onnx))
        };
        let inner = load(configure().map_err(problem)?)?.map_err(problem)?;
        let placement = Placement::of(&inner, options.device, registered)?;
        let memory = match placement.provider() {
            Provider::Cpu => network.keeps_buffers.then_some(HostMemory::Ordinary),
            _ => Some(HostMemory::PageLocked(options.device.id.try_into().unwrap_or(i32::MAX))),
        };
        Ok(Session { buffers: memory.map(Buffers::new), inner, placement, shrunk: 0 })
    }

    /// The number of the largest of the network's tiles that fit, as far as is known.
    pub(crate) fn shrunk(&self) -> usize {
        self.shrunk
    }

    /// Where the network runs.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Names of the graph's inputs.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.inner.inputs().iter().map(|input| input.name())
    }

    /// Names of the graph's outputs.
    pub fn output_names(&self) -> impl Iterator<Item = &str> {
        self.inner.outputs().iter().map(|output| output.name())
    }

    /// Runs the network on named arrays, each converted to the type that the graph declares for the input, and answers
    /// with all outputs by name, as float32; those of other types than float32, float16, uint8, int32 and int64 are
    /// left out.
    ///
    /// # Errors
    /// [`RuntimeError::Memory`] where there is too little of it. Else when an input is missing or has the wrong shape, or
    /// the network fails; the text is ONNX Runtime's.
    pub fn run(
        &mut self,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
    ) -> Result<BTreeMap<String, ArrayD<f32>>, RuntimeError> {
        self.run_under(&Control::default(), inputs)
    }

    /// [`Session::run`], which ends between two of the network's operators when the call is to end.
    pub(crate) fn run_under(
        &mut self,
        control: &Control<'_>,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
    ) -> Result<BTreeMap<String, ArrayD<f32>>, RuntimeError> {
        let options = RunOptions::new().map_err(failure)?;
        let stop = || {
            // Where it cannot be stopped, it ends by itself.
            let _ = options.terminate();
        };
        stoppable(control, stop, || self.run_with(&options, control, inputs))?
    }

    fn run_with(
        &mut self,
        options: &RunOptions,
        control: &Control<'_>,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
    ) -> Result<BTreeMap<String, ArrayD<f32>>, RuntimeError> {
        if let Some(buffers) = &mut self.buffers {
            match buffers.run(&mut self.inner, options, inputs) {
                Some(Ok(outputs)) => return Ok(outputs),
                Some(Err(error @ (RuntimeError::Memory(_) | RuntimeError::Stopped(_)))) => return Err(error),
                Some(Err(error)) if control.check().is_err() => return Err(error),
                // A network whose answers change in size does not fit into what is kept for them.
                Some(Err(_)) => self.buffers = None,
                None => {}
            }
        }
        self.run_anew(options, inputs)
    }

    /// [`Session::run`] in memory that ONNX Runtime takes for this run.
    fn run_anew(
        &mut self,
        options: &RunOptions,
        inputs: &[(&str, ArrayViewD<'_, f32>)],
    ) -> Result<BTreeMap<String, ArrayD<f32>>, RuntimeError> {
        let mut values = Vec::with_capacity(inputs.len());
        for (name, array) in inputs {
            let port = self.inner.inputs().iter().find(|port| port.name() == *name);
            let declared = port.and_then(|port| port.dtype().tensor_type());
            values.push((*name, elements::encode(array, declared)?));
        }
        let outputs = self.inner.run_with_options(values, options).map_err(failure)?;
        let (mut arrays, mut shapes) = (BTreeMap::new(), Vec::new());
        for (name, value) in outputs.iter() {
            if let Some(array) = elements::decode(&value)? {
                if let (Some(element), Some(shape)) =
                    (value.dtype().tensor_type(), value.dtype().tensor_shape())
                {
                    shapes.push((name.to_owned(), element, shape.to_vec()));
                }
                arrays.insert(name.to_owned(), array);
            }
        }
        drop(outputs);
        if let Some(buffers) = &mut self.buffers
            && buffers.keep(&self.inner, inputs, &shapes).is_err()
        {
            // They only save time.
            self.buffers = None;
        }
        Ok(arrays)
    }
}

/// What ONNX Runtime says of a run that failed.
pub(super) fn failure(error: ort::Error) -> RuntimeError {
    let report = one_line(&error.to_string());
    if is_want_of_memory(&report) { RuntimeError::Memory(report) } else { RuntimeError::Run(report) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use ndarray::Array4;
    use once_cell::sync::OnceCell;
    use prost::Message as _;

    use super::super::Runtime;
    use super::*;
    use crate::fixtures::{Network, endless};

    fn session(onnx: &[u8]) -> Result<Session, RuntimeError> {
        Runtime::load(None)
            .unwrap()
            .session(onnx, &SessionOptions { threads: NonZero::new(1), ..SessionOptions::default() })
    }

    #[test]
    fn a_network_runs_on_arrays_of_any_layout_and_its_outputs_have_names() {
        let mut session = session(&Network::red_is_rust().to_onnx()).unwrap();
        assert_eq!(session.input_names().collect::<Vec<_>>(), ["image"]);
        assert_eq!(session.output_names().collect::<Vec<_>>(), ["probability"]);
        let planar =
            Array4::from_shape_fn((1, 3, 5, 4), |(_, c, y, x)| ((c + 2 * y + 3 * x) % 7) as f32 / 7.0);
        let interleaved = planar.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
        let strided = interleaved.view().permuted_axes([0, 3, 1, 2]);
        assert!(!strided.is_standard_layout());
        for view in [planar.view(), strided] {
            let outputs = session.run(&[("image", view.into_dyn())]).unwrap();
            let probability = &outputs["probability"];
            assert_eq!(probability.shape(), [1, 1, 5, 4]);
            let red = |c| planar[[0, c, 2, 3]];
            let expected = (red(0) - 0.5 * red(1) - 0.5 * red(2)).clamp(0.0, 1.0);
            assert!((probability[[0, 0, 2, 3]] - expected).abs() < 1e-6);
        }
    }

    /// Stops the work after a while and says how long that took.
    fn stop<T>(work: impl FnOnce(&Control<'_>) -> T) -> (T, Duration) {
        let (cancel, asked) = (AtomicBool::new(false), OnceCell::new());
        let done = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(300));
                asked.set(Instant::now()).unwrap();
                cancel.store(true, Ordering::Relaxed);
            });
            work(&Control::new(None, Some(&cancel)))
        });
        (done, asked.get().expect("it ended before it was stopped").elapsed())
    }

    #[test]
    fn loading_and_running_end_in_the_middle() {
        let options = SessionOptions { threads: NonZero::new(1), ..SessionOptions::default() };
        let runtime = Runtime::load(None).unwrap();
        let folding = endless(20, Some(1024)).encode_to_vec();
        let load = |control: &Control<'_>| {
            runtime.session_of(&NetworkInfo::unknown(), &folding, &options, 0, control).map(drop)
        };
        // ONNX Runtime looks between the steps of its optimiser; one of them computes with what is known.
        let (loaded, _) = stop(load);
        assert!(matches!(loaded, Err(RuntimeError::Stopped(Stopped::Cancelled))), "{loaded:?}");
        let late = load(&Control::default().until(Instant::now() + Duration::from_millis(100)));
        assert!(matches!(late, Err(RuntimeError::Stopped(Stopped::DeadlinePassed))), "{late:?}");

        let mut session = session(&endless(4000, None).encode_to_vec()).unwrap();
        let (large, small) = (ArrayD::<f32>::zeros(vec![1, 3, 512, 512]), ArrayD::zeros(vec![1, 3, 8, 8]));
        for _ in 0..2 {
            let (ran, took) =
                stop(|control| session.run_under(control, &[("image", large.view())]).map(drop));
            assert!(matches!(ran, Err(RuntimeError::Stopped(Stopped::Cancelled))), "{ran:?}");
            assert!(took < Duration::from_secs(2), "the network went on for {took:?}");
            // The session is as good as before.
            assert!(session.run(&[("image", small.view())]).unwrap().contains_key("probability"));
        }
    }

    #[test]
    fn what_onnx_runtime_refuses_comes_back_as_one_line() {
        let error = session(b"no network").unwrap_err().to_string();
        assert!(
            error.starts_with("ONNX Runtime cannot load the network") && !error.contains('\n'),
            "{error}"
        );
        let mut session = session(&Network::red_is_rust().to_onnx()).unwrap();
        let wrong = ArrayD::<f32>::zeros(vec![1, 2, 8, 8]);
        let error = session.run(&[("image", wrong.view())]).unwrap_err().to_string();
        assert!(error.starts_with("the network failed") && !error.contains('\n'), "{error}");
    }
}
