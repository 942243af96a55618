//! ONNX Runtime, which runs the networks: the machine's own, or the libraries out of its Python wheels.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::wheel::{self, Wheel};
use crate::workspace::Workspace;
use crate::{install, system_library};

/// A build of ONNX Runtime that is pinned.
struct Build {
    version: &'static str,
    wheel: Wheel,
    /// What is taken out of the wheel: the libraries, and the texts that the licence wants beside them.
    files: &'static [&'static str],
}

const CPU: Build = Build {
    version: "1.32.0",
    wheel: Wheel {
        file: "onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        sha256: "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d",
        megabytes: 28,
    },
    files: &[
        "onnxruntime/capi/libonnxruntime.so.1.32.0",
        "onnxruntime/LICENSE",
        "onnxruntime/ThirdPartyNotices.txt",
    ],
};

/// The newest build for GPUs when it was pinned; none has the number of the other one.
const GPU: Build = Build {
    version: "1.31.1",
    wheel: Wheel {
        file: "onnxruntime_gpu-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl",
        sha256: "e26c475fe361b2015f45b4b824bd13f0bb20204e59b62814e6f0acd5f3d491a6",
        megabytes: 256,
    },
    files: &[
        "onnxruntime/capi/libonnxruntime.so.1.31.1",
        "onnxruntime/capi/libonnxruntime_providers_shared.so",
        "onnxruntime/capi/libonnxruntime_providers_cuda.so",
        "onnxruntime/capi/libonnxruntime_providers_tensorrt.so",
        "onnxruntime/LICENSE",
        "onnxruntime/ThirdPartyNotices.txt",
    ],
};

impl Build {
    fn library(&self, folder: &Path) -> PathBuf {
        folder.join(format!("libonnxruntime.so.{}", self.version))
    }
}

/// Sees to it that the engine finds an ONNX Runtime, says which one, and returns its path.
///
/// The order is the engine's: `ORT_DYLIB_PATH`, `onnxruntime/` in the build folder, the system's folders.
/// Only when none of them has a usable library is one fetched into the build folder.
pub fn provide(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(path) = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        let version = system_library::check(&path).context(
            "ORT_DYLIB_PATH names no usable ONNX Runtime; correct it, or unset it to have one fetched",
        )?;
        println!("ONNX Runtime {version}: {} (from ORT_DYLIB_PATH)", path.display());
        return Ok(path);
    }
    let folder = workspace.target.join("onnxruntime");
    if !install::is_installed(&folder, CPU.wheel.sha256) {
        match system_library::find() {
            Some((path, Ok(version))) => {
                println!("ONNX Runtime {version}: {} (the system's)", path.display());
                return Ok(path);
            }
            Some((_, Err(reason))) => println!("the system's ONNX Runtime does not serve: {reason:#}"),
            None => (),
        }
    }
    provide_build(workspace, &CPU, &folder)
}

/// Puts the build for NVIDIA GPUs into the build folder, beside the other one, and returns the library's path. Nothing
/// finds it there by itself: `ORT_DYLIB_PATH` names it.
pub fn provide_gpu(workspace: &Workspace) -> Result<PathBuf> {
    provide_build(workspace, &GPU, &workspace.target.join("onnxruntime-gpu"))
}

fn provide_build(workspace: &Workspace, build: &Build, folder: &Path) -> Result<PathBuf> {
    if !install::is_installed(folder, build.wheel.sha256) {
        unpack(workspace, build, folder)?;
    }
    let library = build.library(folder);
    println!("ONNX Runtime {}: {}", build.version, library.display());
    Ok(library)
}

fn unpack(workspace: &Workspace, build: &Build, folder: &Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "no ONNX Runtime is pinned for this kind of machine (only for Linux on x86-64): install ONNX Runtime {} \
             or newer and set ORT_DYLIB_PATH to its library",
            system_library::LOWEST
        );
    }
    let wheel = build.wheel.fetch(workspace).with_context(|| {
        format!(
            "ONNX Runtime cannot be fetched (one of your own, {} or newer, serves as well: set ORT_DYLIB_PATH to \
             its library)",
            system_library::LOWEST
        )
    })?;
    install::install(folder, build.wheel.sha256, |fresh| {
        let place = |name: &str| {
            build.files.contains(&name).then(|| name.rsplit('/').next().map(PathBuf::from)).flatten()
        };
        let count = wheel::unpack(&wheel, fresh, place)?;
        ensure!(count == build.files.len(), "{} lacks some of {:?}", wheel.display(), build.files);
        Ok(())
    })
}
