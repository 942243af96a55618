//! The user's folders, as the XDG Base Directory Specification names them; on Windows below `%LOCALAPPDATA%`.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where data of the user's own lies.
pub(crate) fn data() -> Option<PathBuf> {
    folder("XDG_DATA_HOME", ".local/share")
}

/// Where choices are kept.
pub(crate) fn configuration() -> Option<PathBuf> {
    folder("XDG_CONFIG_HOME", ".config")
}

/// Where lies what can be made again. A relative path is no such folder, as the specification asks.
pub(crate) fn cache() -> Option<PathBuf> {
    let base = if cfg!(windows) { variable("LOCALAPPDATA") } else { folder("XDG_CACHE_HOME", ".cache") };
    Some(base.filter(|base| base.is_absolute())?.join("derust"))
}

/// Makes a folder in which nobody else may write.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn folder(name: &str, below_home: &str) -> Option<PathBuf> {
    variable(name).or_else(|| Some(variable("HOME")?.join(below_home)))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
