//! A Debian with GIMP 3, for machines whose own GIMP is older.

use std::path::PathBuf;

use anyhow::Result;

use crate::debian_root::{self, Root};
use crate::workspace::Workspace;

/// The Debian whose GIMP is tested: 3.0.
pub const SUITE: &str = "trixie";

/// The Debian whose GIMP is 3.2.
pub const NEWER_SUITE: &str = "forky";

const NAME: &str = "gimp";

/// GIMP with its Script-Fu server, and what a window needs to look like one.
const PACKAGES: &str = "gimp,adwaita-icon-theme,fonts-dejavu-core";

/// Unpacks the root, making its tarball first where the cache has none (150 MB, some minutes); returns the folder.
///
/// # Errors
/// When this is not root, may not mount, or cannot get the packages.
pub fn provide(workspace: &Workspace, suite: &str) -> Result<PathBuf> {
    let root = debian_root::provide(workspace, &Root { name: NAME, suite, packages: PACKAGES })?;
    println!("GIMP of Debian {suite}: {}", root.display());
    Ok(root)
}

/// Where the root is, once it is there.
pub fn folder(workspace: &Workspace, suite: &str) -> PathBuf {
    debian_root::folder(workspace, NAME, suite)
}
