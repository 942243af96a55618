//! libtorch, which the trainer links to: the processor-only part of PyTorch's wheel.
//!
//! The wheel is PyTorch's CUDA build. Its `libtorch_cpu.so` stands alone but for two small libraries of NVIDIA's
//! that are wheels of their own; its `libtorch.so` is an empty shim that would pull in all of CUDA, so another
//! empty shim takes that name. About 500 MB stay of 530 MB packed and 1.5 GB unpacked.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::wheel::{self, Wheel};
use crate::workspace::Workspace;
use crate::{install, process};

/// The PyTorch that the `tch` crate of the trainer wants.
const VERSION: &str = "2.11.0";

const WHEELS: [Wheel; 3] = [
    Wheel {
        file: "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
        megabytes: 531,
    },
    Wheel {
        file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
        megabytes: 3,
    },
    Wheel {
        file: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
        sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
        megabytes: 11,
    },
];

/// The libraries taken out of the wheels.
const LIBRARIES: [&str; 5] =
    ["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"];

/// Sees to it that the trainer finds libtorch, says where, and returns the folder.
pub fn provide(workspace: &Workspace) -> Result<PathBuf> {
    // `.cargo/config.toml` sets LIBTORCH to the folder in the checkout unless the user did.
    let own = workspace.root.join("target").join("libtorch");
    let folder = env::var_os("LIBTORCH").map_or_else(|| own.clone(), PathBuf::from);
    if folder == own {
        if !install::is_installed(&folder, &stamp()) {
            unpack(workspace, &folder)?;
        }
        println!("libtorch {VERSION}: {}", folder.display());
    } else {
        check_given(&folder)?;
        println!("libtorch: {} (from LIBTORCH)", folder.display());
    }
    Ok(folder)
}

fn check_given(folder: &Path) -> Result<()> {
    let library = folder.join("lib").join("libtorch_cpu.so");
    ensure!(
        library.is_file(),
        "LIBTORCH is {}, but there is no {}; correct it, or unset it to have libtorch fetched",
        folder.display(),
        library.display()
    );
    Ok(())
}

fn stamp() -> String {
    WHEELS.map(|wheel| wheel.sha256).join("\n")
}

fn unpack(workspace: &Workspace, folder: &Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "no libtorch is pinned for this kind of machine (only for Linux on x86-64): unpack libtorch {VERSION} \
             and set LIBTORCH to its folder"
        );
    }
    let wheels = WHEELS
        .iter()
        .map(|wheel| wheel.fetch(workspace))
        .collect::<Result<Vec<_>>>()
        .with_context(|| {
            format!("libtorch cannot be fetched (a copy of your own, {VERSION}, serves as well: set LIBTORCH to its folder)")
        })?;
    println!("unpacking libtorch");
    install::install(folder, &stamp(), |fresh| {
        for wheel in &wheels {
            wheel::unpack(wheel, fresh, place)?;
        }
        for library in LIBRARIES {
            ensure!(fresh.join("lib").join(library).is_file(), "the wheels of libtorch lack {library}");
        }
        make_shim(&fresh.join("lib").join("libtorch.so"))?;
        let version = fresh.join("build-version");
        std::fs::write(&version, format!("{VERSION}\n"))
            .with_context(|| format!("cannot write {}", version.display()))
    })
}

/// Where a file of the wheels goes: headers, the needed libraries and licence texts.
fn place(name: &str) -> Option<PathBuf> {
    let file = name.rsplit('/').next()?;
    if let Some(header) = name.strip_prefix("torch/include/") {
        Some(Path::new("include").join(header))
    } else if LIBRARIES.contains(&file) && name.contains("/lib/") {
        Some(Path::new("lib").join(file))
    } else {
        let (package, text) = name.split_once(".dist-info/licenses/")?;
        Some(Path::new("licenses").join(package).join(text))
    }
}

/// An empty library: torch-sys only wants the name to exist.
fn make_shim(path: &Path) -> Result<()> {
    let source = path.with_extension("c");
    std::fs::write(&source, "void derust_libtorch_shim(void) {}\n")
        .with_context(|| format!("cannot write {}", source.display()))?;
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command.args(["-shared", "-fPIC", "-Wl,-soname,libtorch.so", "-o"]).arg(path).arg(&source);
    process::run_quietly(&mut command, "compiling libtorch's shim")
        .context("the trainer needs a C++ compiler; on Debian and Ubuntu: apt-get install g++")?;
    std::fs::remove_file(&source).with_context(|| format!("cannot remove {}", source.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_trainer_links_is_taken() {
        let placed = |name| place(name).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(placed("torch/lib/libtorch_cpu.so").as_deref(), Some("lib/libtorch_cpu.so"));
        assert_eq!(placed("nvidia/cu13/lib/libcudart.so.13").as_deref(), Some("lib/libcudart.so.13"));
        assert_eq!(placed("torch/include/ATen/ATen.h").as_deref(), Some("include/ATen/ATen.h"));
        assert_eq!(
            placed("torch-2.11.0.dist-info/licenses/LICENSE").as_deref(),
            Some("licenses/torch-2.11.0/LICENSE")
        );
        for other in ["torch/lib/libtorch.so", "torch/lib/libtorch_cuda.so", "torch/nn/modules.py"] {
            assert_eq!(placed(other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_without_libtorch_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_given(folder.path()).unwrap_err().to_string().contains("LIBTORCH"));
    }

    #[test]
    fn the_shim_is_a_library_of_that_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libtorch.so");
        make_shim(&path).unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(b"\x7fELF"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
