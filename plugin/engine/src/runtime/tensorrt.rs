//! TensorRT compiles a network for one GPU, which takes minutes; what it made is kept in the user's cache folder.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use libloading::{Library, Symbol};
use ort::ep::{self, ExecutionProviderDispatch};
use sha2::{Digest, Sha256};

use super::nvidia::Gpu;
use super::session::{NetworkInfo, SessionOptions};
use super::{Shared, foreign};
use crate::log::{Level, Log};
use crate::user_folders;

/// Held while TensorRT builds: two builds of one network at a time would do the work twice and disturb the other's
/// measurements of how fast things are.
static LOCK: Mutex<()> = Mutex::new(());

/// A session with TensorRT that is being made; the host hears of it where an engine has to be built.
#[derive(Debug)]
pub(super) struct Building<'a> {
    /// The network's name and who hears, where an engine is built.
    told: Option<(&'a str, &'a Log)>,
    begin: Instant,
    _alone: MutexGuard<'static, ()>,
}

impl<'a> Building<'a> {
    /// Waits until no other session with TensorRT is being made in this process.
    pub(super) fn begin(
        runtime: &Shared,
        options: &SessionOptions,
        network: &'a NetworkInfo,
        tile: &[(String, Vec<usize>)],
        onnx: &[u8],
        gpu: Option<&Gpu>,
    ) -> Self {
        let alone = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let cached = cache(runtime, options, tile, onnx, gpu);
        Building::tell(network, cached.as_deref().map_err(String::as_str), alone)
    }

    /// `cached` is the folder in which the engine is kept, or why it cannot be.
    fn tell(network: &'a NetworkInfo, cached: Result<&Path, &str>, alone: MutexGuard<'static, ()>) -> Self {
        let (name, log) = (network.name.as_str(), &network.log);
        let is_built = match cached {
            Ok(folder) if holds_engine(folder) => false,
            Ok(_) => {
                log.say(
                    Level::Info,
                    format_args!(
                        "{name}: TensorRT builds an engine for this GPU, once; that takes up to some minutes"
                    ),
                );
                true
            }
            Err(problem) => {
                log.say(
                    Level::Warning,
                    format_args!(
                        "{name}: TensorRT builds an engine for this GPU, which takes up to some minutes and will be \
                         done anew at the next start, because it cannot be kept: {problem}"
                    ),
                );
                true
            }
        };
        if is_built {
            log.builds(name, true);
        }
        Building { told: is_built.then_some((name, log)), begin: Instant::now(), _alone: alone }
    }
}

impl Drop for Building<'_> {
    fn drop(&mut self) {
        if let Some((name, log)) = self.told {
            let seconds = self.begin.elapsed().as_secs_f32();
            log.say(Level::Info, format_args!("{name}: TensorRT is done after {seconds:.0} s"));
            log.builds(name, false);
        }
    }
}

/// TensorRT for this network on this GPU, for tiles of these shapes and no others; of any shape where `tile` is empty.
pub(super) fn provider(
    runtime: &Shared,
    options: &SessionOptions,
    tile: &[(String, Vec<usize>)],
    onnx: &[u8],
    gpu: Option<&Gpu>,
) -> ExecutionProviderDispatch {
    let mut tensorrt = ep::TensorRT::default()
        .with_device_id(options.device.id.try_into().unwrap_or(i32::MAX))
        .with_fp16(options.half_precision);
    if !tile.is_empty() {
        // One size and no other: what TensorRT compiles for a range of sizes is slower, and is compiled again for
        // a size that is beyond it.
        let shapes = shapes(tile);
        tensorrt = tensorrt
            .with_profile_min_shapes(&shapes)
            .with_profile_opt_shapes(&shapes)
            .with_profile_max_shapes(&shapes);
    }
    if let Some(bytes) = options.gpu_memory_limit {
        tensorrt = tensorrt.with_max_workspace_size(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    if let Ok(folder) = cache(runtime, options, tile, onnx, gpu) {
        let path = folder.to_string_lossy();
        tensorrt = tensorrt
            .with_engine_cache(true)
            .with_engine_cache_path(&path)
            .with_timing_cache(true)
            .with_timing_cache_path(&path);
    }
    tensorrt.build().error_on_failure()
}

/// As the provider reads them: `image:1x3x512x512,mask:1x1x512x512`.
pub(super) fn shapes(tile: &[(String, Vec<usize>)]) -> String {
    let shape = |(name, sides): &(String, Vec<usize>)| {
        let sides: Vec<String> = sides.iter().map(usize::to_string).collect();
        format!("{name}:{}", sides.join("x"))
    };
    tile.iter().map(shape).collect::<Vec<_>>().join(",")
}

/// The folder for what TensorRT makes of this network, by everything that it depends on.
fn cache(
    runtime: &Shared,
    options: &SessionOptions,
    tile: &[(String, Vec<usize>)],
    onnx: &[u8],
    gpu: Option<&Gpu>,
) -> Result<PathBuf, String> {
    let gpu = gpu.ok_or("the GPU is not known")?;
    let version = tensorrt_version().ok_or("the version of TensorRT cannot be found out")?;
    let caches = user_folders::cache()
        .ok_or("there is no folder for caches: neither XDG_CACHE_HOME nor HOME is set")?;
    let digest = Sha256::digest(onnx).into();
    let folder =
        caches.join("tensorrt").join(folder_name(&digest, gpu, &runtime.version, version, options, tile));
    // What lies in it is loaded as code for the GPU.
    // What lies in it is loaded as code for the GPU.
    user_folders::make_private(&folder)
        .map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    Ok(folder)
}

fn folder_name(
    digest: &[u8; 32],
    gpu: &Gpu,
    runtime: &str,
    tensorrt: i32,
    options: &SessionOptions,
    tile: &[(String, Vec<usize>)],
) -> String {
    let mut hash = Sha256::new();
    let (major, minor) = gpu.capability;
    let precision = if options.half_precision { "fp16" } else { "fp32" };
    hash.update(digest);
    hash.update(format!("{}|{major}.{minor}|{runtime}|{tensorrt}|{precision}|{}", gpu.name, shapes(tile)));
    let mut name = format!("sm{major}{minor}-ort{runtime}-trt{tensorrt}-{precision}-");
    for byte in &hash.finalize()[..16] {
        write!(name, "{byte:02x}").expect("writing to a text cannot fail");
    }
    name
}

fn holds_engine(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.path().extension().is_some_and(|extension| extension == "engine"))
}

/// The version of the TensorRT that the provider has loaded, such as 101302.
fn tensorrt_version() -> Option<i32> {
    let is_tensorrt = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libnvinfer.so"))
    };
    let path = foreign::loaded_libraries().into_iter().find(is_tensorrt)?;
    // SAFETY: it is loaded already; this only counts one user more for a while.
    let library = unsafe { Library::new(path) }.ok()?;
    // SAFETY: the function has this type in every version (NvInferRuntime.h).
    let version: Symbol<'_, unsafe extern "C" fn() -> i32> =
        unsafe { library.get(b"getInferLibVersion") }.ok()?;
    // SAFETY: it takes nothing and answers with a number.
    Some(unsafe { version() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_engine_is_used_again_only_for_what_it_was_built_for() {
        let gpu = |name: &str, minor| Gpu { name: name.into(), capability: (9, minor) };
        let tile = |side| {
            vec![("image".to_owned(), vec![1, 3, side, side]), ("mask".to_owned(), vec![1, 1, side, side])]
        };
        let half = SessionOptions { half_precision: true, ..SessionOptions::default() };
        let full = SessionOptions::default();
        let names = [
            folder_name(&[1; 32], &gpu("A", 0), "1.31.1", 101302, &full, &tile(512)),
            folder_name(&[2; 32], &gpu("A", 0), "1.31.1", 101302, &full, &tile(512)),
            folder_name(&[1; 32], &gpu("B", 0), "1.31.1", 101302, &full, &tile(512)),
            folder_name(&[1; 32], &gpu("A", 1), "1.31.1", 101302, &full, &tile(512)),
            folder_name(&[1; 32], &gpu("A", 0), "1.32.0", 101302, &full, &tile(512)),
            folder_name(&[1; 32], &gpu("A", 0), "1.31.1", 101400, &full, &tile(512)),
            folder_name(&[1; 32], &gpu("A", 0), "1.31.1", 101302, &half, &tile(512)),
            folder_name(&[1; 32], &gpu("A", 0), "1.31.1", 101302, &full, &tile(256)),
        ];
        let different: std::collections::HashSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert!(names[0].starts_with("sm90-ort1.31.1-trt101302-fp32-"), "{}", names[0]);
        assert_eq!(names[0], folder_name(&[1; 32], &gpu("A", 0), "1.31.1", 101302, &full, &tile(512)));
        assert_eq!(shapes(&tile(512)), "image:1x3x512x512,mask:1x1x512x512");
    }

    #[test]
    fn a_host_hears_when_an_engine_is_built_and_not_when_it_is_kept() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (log, named) = (Arc::clone(&heard), NetworkInfo::unknown());
        let log = Log::default()
            .on_building(move |name, begins| log.lock().unwrap().push((name.to_owned(), begins)));
        let network = NetworkInfo { log, ..named };
        let folder = tempfile::tempdir().unwrap();
        let told = |cached| {
            let alone = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
            let building = Building::tell(&network, cached, alone);
            let meanwhile = heard.lock().unwrap().len();
            assert!(LOCK.try_lock().is_err(), "two at a time");
            drop(building);
            (meanwhile, std::mem::take(&mut *heard.lock().unwrap()))
        };
        let built = vec![(network.name.clone(), true), (network.name.clone(), false)];
        assert_eq!(told(Ok(folder.path())), (1, built.clone()));
        assert_eq!(told(Err("no folder")), (1, built));
        fs::write(folder.path().join("network.engine"), "").unwrap();
        assert_eq!(told(Ok(folder.path())), (0, vec![]));
    }

    #[cfg(unix)]
    #[test]
    fn the_cache_is_the_users_alone() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("derust/tensorrt/sm90");
        // What lies in it is loaded as code for the GPU.
        user_folders::make_private(&folder).unwrap();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!holds_engine(&folder));
        fs::write(folder.join("network.engine"), "").unwrap();
        assert!(holds_engine(&folder));
        // What lies in it is loaded as code for the GPU.
        user_folders::make_private(&folder).unwrap();
    }
}
