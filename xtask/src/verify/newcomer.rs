//! A person who has never seen derust, on a bare Debian 12: clones it into an empty home and types what the README says.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::debian_root::{self, Root};
use crate::process;
use crate::workspace::Workspace;

/// What the README asks for, beside Rust the language.
const ROOT: Root<'_> = Root {
    name: "newcomer",
    suite: "bookworm",
    packages: "gcc,libc6-dev,git,python3,python3-pip,ca-certificates",
};

/// Runs `$3` as an ordinary user with an empty home in the root `$1`, with the Rust toolchain `$2`. What the machine needs
/// to reach package registries, certificates above all, is the machine's own.
const IN_ROOT: &str = r#"
root=$1 toolchain=$2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/opt/rust"
mount --bind "$toolchain" "$root/opt/rust"
for place in /etc/resolv.conf /etc/hosts /etc/ssl /etc/pip.conf; do
    [ -e "$place" ] && [ -e "$root$place" -o -f "$place" ] || continue
    [ -d "$place" ] || touch "$root$place"
    mount --bind "$place" "$root$place"
done
shift 2
exec chroot "$root" setpriv --reuid=1000 --regid=1000 --clear-groups env -i "$@"
"#;

/// Variables that say how a machine reaches package registries.
fn is_way(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["CERT", "CA_BUNDLE", "CAINFO", "PROXY"].iter().any(|part| name.contains(part))
}

/// Types the README's commands; returns what the tests said in the end.
pub fn type_readme(workspace: &Workspace) -> Result<String> {
    let commands =
        commands(&fs::read_to_string(workspace.root.join("README.md")).context("there is no README.md")?);
    ensure!(commands.len() == 2, "README.md has other commands than expected: {commands:?}");
    let root = debian_root::provide(workspace, &ROOT)?;
    let home = root.join("home/newcomer");
    let outcome = clone(workspace, &home).and_then(|()| type_in(&root, &commands));
    fs::remove_dir_all(&home).with_context(|| format!("cannot empty {}", home.display()))?;
    outcome
}

/// The commands that the README begins with, without the one that wants a picture of the reader's.
fn commands(readme: &str) -> Vec<String> {
    let lines = readme.lines().filter_map(|line| Some(line.split('#').next()?.trim()));
    let is_first = |line: &&str| line.starts_with("cargo xtask ") && line.split(' ').count() == 3;
    lines.filter(is_first).take(2).map(String::from).collect()
}

fn clone(workspace: &Workspace, home: &Path) -> Result<()> {
    if home.exists() {
        fs::remove_dir_all(home).with_context(|| format!("cannot empty {}", home.display()))?;
    }
    fs::create_dir_all(home).with_context(|| format!("cannot make {}", home.display()))?;
    let mut git = Command::new("git");
    git.args(["clone", "--quiet", "--no-hardlinks"]).arg(&workspace.root).arg(home.join("derust"));
    process::run_quietly(&mut git, "cloning the checkout")?;
    process::run_quietly(Command::new("chown").args(["-R", "1000:1000"]).arg(home), "giving the home away")
}

fn type_in(root: &Path, commands: &[String]) -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let toolchain = process::run_and_read(Command::new(rustc).args(["--print", "sysroot"]), "asking rustc")?;
    let script = format!("cd ~/derust && set -ex && {}", commands.join(" && "));
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-e", "-c", IN_ROOT, "sh"]);
    command.arg(root).arg(toolchain.trim());
    command.args([
        "HOME=/home/newcomer",
        "PATH=/opt/rust/bin:/usr/bin:/bin",
        "LANG=C.UTF-8",
        "CARGO_TERM_COLOR=never",
    ]);
    command.args(env::vars().filter(|(name, _)| is_way(name)).map(|(name, value)| format!("{name}={value}")));
    command.args(["sh", "-c", &script]);
    let said = process::run_and_read(&mut command, "typing what the README says")?;
    said.lines().next_back().map(String::from).context("the tests said nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_commands_stand_in_the_readme() {
        let readme = include_str!("../../../README.md");
        assert_eq!(commands(readme), ["cargo xtask demo", "cargo xtask test"]);
    }

    #[test]
    fn the_way_to_package_registries_goes_along_and_nothing_else() {
        assert!(is_way("SSL_CERT_FILE") && is_way("https_proxy") && is_way("REQUESTS_CA_BUNDLE"));
        assert!(!is_way("DERUST_DATA") && !is_way("HOME") && !is_way("CARGO_HOME"));
    }
}
