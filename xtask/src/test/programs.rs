//! Building everything that tests run, in one call of cargo: each crate is compiled once, with one set of features.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;
use crate::workspace::Workspace;

/// A program that runs tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its package, without `derust-`.
    pub package: String,
    /// The library, program or file under `tests/` that it tests.
    pub target: String,
    /// Whether it is a file under `tests/`, and not tests beside the code.
    pub is_integration: bool,
    /// Where it lies.
    pub path: PathBuf,
    /// The package's folder, in which cargo runs it.
    pub folder: PathBuf,
}

impl Program {
    /// What people know it by.
    pub fn name(&self) -> String {
        if self.is_integration { format!("{}/{}", self.package, self.target) } else { self.package.clone() }
    }
}

impl Program {
    /// The names of its tests.
    pub fn list(&self) -> Result<Vec<String>> {
        let mut command = Command::new(&self.path);
        let output = command.args(["--list", "--format", "terse"]).output();
        let output = output.with_context(|| format!("cannot start {}", self.path.display()))?;
        ensure!(output.status.success(), "{} does not say which tests it has", self.path.display());
        let said = String::from_utf8(output.stdout).context("a test's name is no text")?;
        Ok(said.lines().filter_map(|line| line.strip_suffix(": test")).map(String::from).collect())
    }
}

/// What one build made.
#[derive(Debug, Default)]
pub struct Built {
    /// Test programs.
    pub tests: Vec<Program>,
    /// libderust.
    pub library: Option<PathBuf>,
    /// GIMP's plug-in.
    pub plug_in: Option<PathBuf>,
}

/// Builds the workspace with its tests, but for the packages `without`.
pub fn build(workspace: &Workspace, without: &[&str]) -> Result<Built> {
    let mut cargo = process::cargo(workspace);
    // As `cargo test --no-run`, and also the programs that no test of their own package asks for.
    cargo.args(["build", "--workspace", "--lib", "--bins", "--tests", "--examples"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    cargo.arg("--target-dir").arg(&workspace.target);
    cargo.args(without.iter().flat_map(|package| ["--exclude", package]));
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let mut built = Built::default();
    for line in BufReader::new(child.stdout.take().context("cargo has no output")?).lines() {
        built.read(&line.context("cannot read what cargo says")?);
    }
    let status = child.wait().context("cannot wait for cargo")?;
    ensure!(status.success(), "the tests do not compile");
    Ok(built)
}

impl Built {
    /// Takes in one of cargo's messages, see "External tools" in The Cargo Book.
    fn read(&mut self, line: &str) {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return };
        let (text, target) = (|value: &Value| value.as_str().map(String::from), &message["target"]);
        let is_kind =
            |kind: &str| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|k| k == kind));
        let Some(package) = text(&message["package_id"]).as_deref().and_then(package_of) else { return };
        let executable = text(&message["executable"]).map(PathBuf::from);
        if message["profile"]["test"] == true {
            let folder = text(&message["manifest_path"])
                .and_then(|manifest| Path::new(&manifest).parent().map(Path::to_path_buf));
            let (Some(path), Some(folder), Some(target)) = (executable, folder, text(&target["name"])) else {
                return;
            };
            let package = package.strip_prefix("derust-").unwrap_or(&package).to_owned();
            self.tests.push(Program { package, target, is_integration: is_kind("test"), path, folder });
        } else if package == "derust-capi" && is_kind("cdylib") {
            let files = message["filenames"].as_array().into_iter().flatten();
            self.library = files
                .filter_map(text)
                .map(PathBuf::from)
                .find(|file| file.extension().is_some_and(|e| e == "so"));
        } else if package == "derust-gimp" && is_kind("bin") {
            self.plug_in = executable;
        }
    }
}

/// The name in a package id such as `path+file:///derust/plugin/engine#derust-engine@0.1.0` or
/// `path+file:///derust/xtask#0.1.0`.
fn package_of(id: &str) -> Option<String> {
    let (place, rest) = id.rsplit_once('#')?;
    let name = rest.split_once('@').map(|(name, _)| name).or_else(|| place.rsplit('/').next())?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_built_is_read_off_cargos_messages() {
        let mut built = Built::default();
        for line in [
            r#"{"reason":"compiler-artifact","package_id":"registry+x#serde@1.0.0","target":{"kind":["lib"],"name":"serde"},"profile":{"test":false},"filenames":["/t/libserde.rlib"],"executable":null}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///d/plugin/engine#derust-engine@0.1.0","manifest_path":"/d/plugin/engine/Cargo.toml","target":{"kind":["lib"],"name":"derust_engine"},"profile":{"test":true},"filenames":["/t/a"],"executable":"/t/a"}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///d/xtask#0.1.0","manifest_path":"/d/xtask/Cargo.toml","target":{"kind":["test"],"name":"command_line"},"profile":{"test":true},"filenames":["/t/b"],"executable":"/t/b"}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///d/plugin/capi#derust-capi@0.1.0","manifest_path":"/d/plugin/capi/Cargo.toml","target":{"kind":["cdylib","rlib"],"name":"derust"},"profile":{"test":false},"filenames":["/t/libderust.rlib","/t/libderust.so"],"executable":null}"#,
            r#"{"reason":"compiler-artifact","package_id":"path+file:///d/gimp-bridge#derust-gimp@0.1.0","manifest_path":"/d/gimp-bridge/Cargo.toml","target":{"kind":["bin"],"name":"gimp-derust"},"profile":{"test":false},"filenames":["/t/gimp-derust"],"executable":"/t/gimp-derust"}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "no message",
        ] {
            built.read(line);
        }
        assert_eq!(built.library.as_deref(), Some(Path::new("/t/libderust.so")));
        assert_eq!(built.plug_in.as_deref(), Some(Path::new("/t/gimp-derust")));
        let tests: Vec<_> = built.tests.iter().map(|test| (test.name(), &*test.folder)).collect();
        assert_eq!(
            tests,
            [
                ("engine".to_owned(), Path::new("/d/plugin/engine")),
                ("xtask/command_line".to_owned(), Path::new("/d/xtask"))
            ]
        );
    }
}
