//! ONNX Runtime, which runs the networks: the machine's own, or the library out of its Python wheel.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::wheel::{self, Wheel};
use crate::workspace::Workspace;
use crate::{install, system_library};

const WHEEL: Wheel = Wheel {
    file: "onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    sha256: "5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d",
    megabytes: 28,
};

/// What is taken out of the wheel: the library, and the texts that its licence wants beside it.
const FILES: [&str; 3] =
    ["onnxruntime/capi/libonnxruntime.so.1.32.0", "onnxruntime/LICENSE", "onnxruntime/ThirdPartyNotices.txt"];

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
    let library = folder.join("libonnxruntime.so.1.32.0");
    if !install::is_installed(&folder, WHEEL.sha256) {
        match system_library::find() {
            Some((path, Ok(version))) => {
                println!("ONNX Runtime {version}: {} (the system's)", path.display());
                return Ok(path);
            }
            Some((_, Err(reason))) => println!("the system's ONNX Runtime does not serve: {reason:#}"),
            None => (),
        }
        unpack(workspace, &folder)?;
    }
    println!("ONNX Runtime 1.32.0: {}", library.display());
    Ok(library)
}

fn unpack(workspace: &Workspace, folder: &Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "no ONNX Runtime is pinned for this kind of machine (only for Linux on x86-64): install ONNX Runtime {} \
             or newer and set ORT_DYLIB_PATH to its library",
            system_library::LOWEST
        );
    }
    let wheel = WHEEL.fetch(workspace).with_context(|| {
        format!(
            "ONNX Runtime cannot be fetched (one of your own, {} or newer, serves as well: set ORT_DYLIB_PATH to \
             its library)",
            system_library::LOWEST
        )
    })?;
    install::install(folder, WHEEL.sha256, |fresh| {
        let place =
            |name: &str| FILES.contains(&name).then(|| name.rsplit('/').next().map(PathBuf::from)).flatten();
        let count = wheel::unpack(&wheel, fresh, place)?;
        ensure!(count == FILES.len(), "{} lacks some of {FILES:?}", wheel.display());
        Ok(())
    })
}
