//! Another ONNX Runtime in the same process.
//!
//! On the processor two of them live side by side. Their GPU providers do not: all copies share one library by name,
//! `libonnxruntime_providers_shared.so`, and a provider that finds the other one's calls into the wrong ONNX Runtime.

use std::path::{Path, PathBuf};

/// What the names of all providers' libraries begin with.
const PREFIX: &str = "libonnxruntime_providers_";

/// A provider's library that this process has loaded from elsewhere than `own_folder`, where the system tells.
pub(super) fn provider(own_folder: &Path) -> Option<PathBuf> {
    provider_among(loaded_libraries(), own_folder)
}

fn provider_among(loaded: Vec<PathBuf>, own_folder: &Path) -> Option<PathBuf> {
    loaded.into_iter().find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(PREFIX) && path.parent() != Some(own_folder)
    })
}

/// The files that are mapped into this process (proc_pid_maps(5)); none where the system does not tell.
pub(super) fn loaded_libraries() -> Vec<PathBuf> {
    let maps = if cfg!(target_os = "linux") {
        std::fs::read("/proc/self/maps").unwrap_or_default()
    } else {
        Vec::new()
    };
    let mut paths: Vec<PathBuf> =
        String::from_utf8_lossy(&maps).lines().filter_map(mapped_file).map(PathBuf::from).collect();
    paths.dedup();
    paths
}

/// The path in a line such as `7f00-7f10 r-xp 00000000 08:01 42   /usr/lib/libx.so`.
fn mapped_file(line: &str) -> Option<&str> {
    let path = &line[line.find('/')?..];
    Some(path.strip_suffix(" (deleted)").unwrap_or(path))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn lines_without_a_file_are_passed_over() {
        let line = "7f7d4c3a8000-7f7d4c3aa000 r-xp 00026000 00:1d 29 ";
        assert_eq!(mapped_file(&format!("{line}   /opt/a b/libx.so.1")), Some("/opt/a b/libx.so.1"));
        assert_eq!(mapped_file(&format!("{line}   /tmp/x.so (deleted)")), Some("/tmp/x.so"));
        assert_eq!(mapped_file(line), None);
        assert_eq!(mapped_file(&format!("{line}   [heap]")), None);
    }

    #[test]
    fn a_provider_from_another_folder_is_seen() {
        let is_libc = |path: &PathBuf| path.file_name().is_some_and(|name| name == "libc.so.6");
        let libc = loaded_libraries().into_iter().find(is_libc).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let path = folder.join("libonnxruntime_providers_shared.so");
        std::fs::copy(libc.with_file_name("libm.so.6"), &path).unwrap();
        let here = || loaded_libraries().into_iter().filter(|path| path.starts_with(&folder)).collect();
        assert_eq!(provider_among(here(), Path::new("/elsewhere")), None);
        // SAFETY: it is the mathematics library of this system.
        let library = unsafe { libloading::Library::new(&path) }.unwrap();
        assert_eq!(provider_among(here(), &folder), None);
        assert_eq!(provider_among(here(), Path::new("/elsewhere")), Some(path));
        drop(library);
    }
}
