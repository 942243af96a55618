//! TensorRT compiles a network for one GPU, which takes minutes; what it made is kept in the user's cache folder.

use std::env;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use libloading::{Library, Symbol};
use ort::ep::{self, ExecutionProviderDispatch};
use sha2::{Digest, Sha256};

use super::nvidia::Gpu;
use super::session::{NetworkInfo, SessionOptions};
use super::{Shared, foreign};
use crate::log::Level;

/// Held while TensorRT builds: two builds of one network at a time would do the work twice and disturb the other's
/// measurements of how fast things are.
pub(super) static BUILDING: Mutex<()> = Mutex::new(());

/// TensorRT for this network on this GPU.
pub(super) fn provider(
    runtime: &Shared,
    options: &SessionOptions,
    network: &NetworkInfo,
    onnx: &[u8],
    gpu: Option<&Gpu>,
) -> ExecutionProviderDispatch {
    let mut tensorrt = ep::TensorRT::default()
        .with_device_id(options.device.id.try_into().unwrap_or(i32::MAX))
        .with_fp16(options.half_precision);
    if !network.tile.is_empty() {
        // One size and no other: what TensorRT compiles for a range of sizes is slower, and is compiled again for
        // a size that is beyond it.
        let shapes = shapes(&network.tile);
        tensorrt = tensorrt
            .with_profile_min_shapes(&shapes)
            .with_profile_opt_shapes(&shapes)
            .with_profile_max_shapes(&shapes);
    }
    if let Some(bytes) = options.gpu_memory_limit {
        tensorrt = tensorrt.with_max_workspace_size(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
    match cache(runtime, options, network, onnx, gpu) {
        Ok(folder) => {
            if !holds_engine(&folder) {
                network.log.say(
                    Level::Info,
                    format_args!(
                        "{}: TensorRT builds an engine for this GPU, once; that takes up to some minutes",
                        network.name
                    ),
                );
            }
            let path = folder.to_string_lossy();
            tensorrt = tensorrt
                .with_engine_cache(true)
                .with_engine_cache_path(&path)
                .with_timing_cache(true)
                .with_timing_cache_path(&path);
        }
        Err(problem) => network.log.say(
            Level::Warning,
            format_args!(
                "{}: TensorRT builds an engine for this GPU, which takes up to some minutes and will be done anew at \
                 the next start, because it cannot be kept: {problem}",
                network.name
            ),
        ),
    }
    tensorrt.build().error_on_failure()
}

/// As the provider reads them: `image:1x3x512x512,mask:1x1x512x512`.
fn shapes(tile: &[(String, Vec<usize>)]) -> String {
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
    network: &NetworkInfo,
    onnx: &[u8],
    gpu: Option<&Gpu>,
) -> Result<PathBuf, String> {
    let gpu = gpu.ok_or("the GPU is not known")?;
    let version = tensorrt_version().ok_or("the version of TensorRT cannot be found out")?;
    let base = cache_base().ok_or("there is no folder for caches: neither XDG_CACHE_HOME nor HOME is set")?;
    let digest = Sha256::digest(onnx).into();
    let folder = base.join(folder_name(&digest, gpu, &runtime.version, version, options, &network.tile));
    make_private(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
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

/// The user's folder for what can be made again (XDG Base Directory Specification; on Windows `%LOCALAPPDATA%`).
fn cache_base() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else {
        variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))
    };
    Some(base.filter(|base| base.is_absolute())?.join("derust").join("tensorrt"))
}

/// Makes the folder; what lies in it is loaded as code for the GPU, so nobody else may write there.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
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

    #[cfg(unix)]
    #[test]
    fn the_cache_is_the_users_alone() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("derust/tensorrt/sm90");
        make_private(&folder).unwrap();
        assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!holds_engine(&folder));
        fs::write(folder.join("network.engine"), "").unwrap();
        assert!(holds_engine(&folder));
        make_private(&folder).unwrap();
    }
}
