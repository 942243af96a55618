//! ONNX Runtime's execution providers: whether one can be used here, and how it is set up.

use std::path::Path;

use libloading::Library;
use ort::ep::{self, ArenaExtendStrategy, ExecutionProviderDispatch, cuda::ConvAlgorithmSearch};
use ort::session::builder::SessionBuilder;

use super::device::Provider;
use super::library_file::loader_problem;
use super::nvidia::{self, Gpu};
use super::session::{NetworkInfo, SessionOptions};
use super::{Shared, foreign, one_line, tensorrt};

/// What ONNX Runtime's CUDA provider opens when the first network needs it, by its names in the order of trying.
const CUDNN: [&str; 2] =
    if cfg!(windows) { ["cudnn64_9.dll", "cudnn64_9.dll"] } else { ["libcudnn.so.9", "libcudnn.so"] };

/// How much is found out about a provider that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// The first reason is enough. Without an NVIDIA driver none of the large libraries is loaded.
    First,
    /// Everything that is missing, so that a person need not install it piece by piece.
    All,
}

/// Checks that a provider can be used; answers with the GPU that it would use.
///
/// # Errors
/// Says why it cannot.
pub(super) fn check(
    runtime: &Shared,
    provider: Provider,
    options: &SessionOptions,
    search: Search,
) -> Result<Option<Gpu>, String> {
    let Some(file) = provider.library_file() else { return Ok(None) };
    let folder = runtime.path.parent().unwrap_or(Path::new(""));
    if !folder.join(&file).is_file() {
        return Err(format!(
            "this ONNX Runtime is a CPU build: {file} is not beside {}",
            runtime.path.display()
        ));
    }
    if let Some(other) = foreign::provider(folder) {
        return Err(format!(
            "another ONNX Runtime in this process has loaded its part for GPUs ({}); the two would mix up each other's \
             libraries",
            other.display()
        ));
    }
    let gpu = nvidia::gpu(options.device.id);
    match (gpu, search) {
        (Ok(gpu), _) => load(runtime, provider, options).map(|()| Some(gpu)),
        (Err(reason), Search::First) => Err(reason),
        (Err(reason), Search::All) => match load(runtime, provider, options) {
            Ok(()) => Err(reason),
            Err(library) => Err(format!("{reason}; {library}")),
        },
    }
}

/// Has ONNX Runtime load the provider's library and what that needs.
///
/// ONNX Runtime does it, not this code: a provider looks for the ONNX Runtime that it belongs to while it is loaded.
fn load(runtime: &Shared, provider: Provider, options: &SessionOptions) -> Result<(), String> {
    let registered = SessionBuilder::new(&runtime.environment).and_then(|builder| {
        let provider = match provider {
            Provider::Cpu => cpu(),
            Provider::Cuda => cuda(options),
            Provider::TensorRt => ep::TensorRT::default().build().error_on_failure(),
        };
        Ok(builder.with_execution_providers([provider])?)
    });
    registered.map_err(|error| library_problem(&one_line(&error.to_string())))?;
    // SAFETY: loading runs the initialisers of the machine's cuDNN, which ONNX Runtime would load a little later.
    let open = |name| unsafe { Library::new(name) };
    match open(CUDNN[0]).or_else(|first| open(CUDNN[1]).map_err(|_| first)) {
        Ok(cudnn) => {
            std::mem::forget(cudnn);
            Ok(())
        }
        Err(error) => Err(loader_problem(&error)),
    }
}

/// What the system's loader said, out of the report that ONNX Runtime makes of it.
fn library_problem(report: &str) -> String {
    report.split_once("with error: ").map_or(report, |(_, problem)| problem).to_owned()
}

/// The providers to register so that `provider` runs what it can, the first one first, and for each how.
///
/// The processor takes the rest. `onnx` is the network's file and the number of the tile that it is to run with.
pub(super) fn set_up(
    runtime: &Shared,
    provider: Provider,
    options: &SessionOptions,
    network: &NetworkInfo,
    (onnx, shrunk): (&[u8], usize),
    gpu: Option<&Gpu>,
) -> Vec<(Provider, ExecutionProviderDispatch)> {
    let mut providers = Vec::new();
    if provider == Provider::TensorRt {
        providers.push((
            Provider::TensorRt,
            tensorrt::provider(runtime, options, network.tile(shrunk), onnx, gpu),
        ));
    }
    if provider != Provider::Cpu {
        providers.push((Provider::Cuda, cuda(options)));
    }
    providers.push((Provider::Cpu, cpu()));
    providers
}

fn cpu() -> ExecutionProviderDispatch {
    ep::CPU::default().build().error_on_failure()
}

fn cuda(options: &SessionOptions) -> ExecutionProviderDispatch {
    let mut cuda = ep::CUDA::default()
        .with_device_id(options.device.id.try_into().unwrap_or(i32::MAX))
        // Growing by powers of two would take up to twice what networks need, from other programs on the GPU.
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        // Trying all algorithms out would begin anew with every size of picture.
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        // Tensor cores want channels last.
        .with_prefer_nhwc(true)
        // TensorFloat-32 has the mantissa of float16: whoever wants float32 gets it.
        .with_tf32(options.half_precision);
    if let Some(bytes) = options.gpu_memory_limit {
        cuda = cuda.with_memory_limit(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    cuda.build().error_on_failure()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_own_words_are_what_is_reported() {
        let report = "/onnxruntime_src/provider.cc:1 void Load() [ONNXRuntimeError] : 1 : FAIL : Failed to load library \
                      libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: \
                      No such file or directory";
        let problem = "libcublasLt.so.13: cannot open shared object file: No such file or directory";
        assert_eq!(library_problem(report), problem);
        assert_eq!(library_problem("CUDA is not enabled"), "CUDA is not enabled");
    }
}
