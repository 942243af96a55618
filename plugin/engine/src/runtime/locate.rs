//! Where ONNX Runtime lies.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::RuntimeError;

/// Where ONNX Runtime lies, as far as a host knows; the default leaves it to the search. See [`super::Runtime::load_from`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The library file, which is taken as it is.
    pub file: Option<PathBuf>,
    /// Folders that are searched before all others, for hosts whose executable says nothing about where derust lies.
    pub folders: Vec<PathBuf>,
}

/// The library's name without the version that may follow.
const LIBRARY: &str = if cfg!(windows) {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

/// Where distributions put libraries.
const SYSTEM_FOLDERS: [&str; 8] = [
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/opt/onnxruntime/lib",
    "/opt/homebrew/lib",
];

/// The absolute path of the library to load.
///
/// A path that was named, by the caller or in `ORT_DYLIB_PATH`, is taken as it is, so that a mistake in it is
/// reported rather than passed over.
pub(super) fn library(location: &Location) -> Result<PathBuf, RuntimeError> {
    if let Some(file) = &location.file {
        return Ok(absolute(file));
    }
    if let Some(path) = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return Ok(absolute(Path::new(&path)));
    }
    search(&location.folders)
        .or_else(|| search(&folders(env::current_exe().ok().as_deref())))
        .ok_or(RuntimeError::NotFound)
}

/// The path from the root, without its symbolic links where they can be followed.
pub(super) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// The folders to search, the first one first.
fn folders(executable: Option<&Path>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(folder) = executable.and_then(Path::parent) {
        folders.push(folder.to_owned());
        folders.push(folder.join("onnxruntime"));
        let build_folder = folder
            .ancestors()
            .find(|above| above.ends_with("target") || above.join("CACHEDIR.TAG").is_file());
        folders.extend(build_folder.map(|target| target.join("onnxruntime")));
    }
    folders.extend(SYSTEM_FOLDERS.iter().map(PathBuf::from));
    folders
}

/// The library in the first folder that has one.
fn search(folders: &[PathBuf]) -> Option<PathBuf> {
    folders.iter().find_map(|folder| {
        let names = folder.read_dir().ok()?.filter_map(|entry| Some(entry.ok()?.file_name()));
        let name = names.filter(|name| is_library(name)).max()?;
        Some(absolute(&folder.join(name)))
    })
}

/// `libonnxruntime.so` or `libonnxruntime.so.1.32.0`, but not `libonnxruntime_providers_cuda.so`.
fn is_library(name: &OsStr) -> bool {
    name.to_str().and_then(|name| name.strip_prefix(LIBRARY)).is_some_and(|version| {
        version.is_empty()
            || version.strip_prefix('.').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_folder_is_found_from_any_depth_and_the_providers_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let store = root.path().join("target/onnxruntime");
        std::fs::create_dir_all(&store).unwrap();
        std::fs::write(store.join("libonnxruntime_providers_shared.so"), "").unwrap();
        let executable = root.path().join("target/debug/deps/engine-1");
        let found = || search(&folders(Some(&executable))[..3]);
        assert_eq!(found(), None);
        std::fs::write(store.join(format!("{LIBRARY}.1.32.0")), "").unwrap();
        assert_eq!(found(), Some(absolute(&store.join(format!("{LIBRARY}.1.32.0")))));
    }

    #[test]
    fn a_named_path_is_taken_as_it_is() {
        let named = Location { file: Some("nowhere/x.so".into()), folders: vec![] };
        let path = library(&named).unwrap();
        assert!(path.is_absolute() && path.ends_with("nowhere/x.so"));
    }
}
