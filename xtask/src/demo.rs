//! `cargo xtask demo`: both filters on one picture, from nothing but the checkout.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::Workspace;
use crate::{onnxruntime, process};

/// A picture that the project rendered itself.
pub const SAMPLE: &str = "tests/samples/rusty-panel.jpg";

/// Runs the demonstration on `photo`, or on the sample.
pub fn run(workspace: &Workspace, photo: Option<&Path>) -> Result<ExitCode> {
    let sample = workspace.root.join(SAMPLE);
    let picture = photo.unwrap_or(&sample);
    let ending = check_picture(picture)?;
    onnxruntime::provide(workspace)?;
    let derust = build(workspace)?;

    let results = Results::new(&workspace.target.join("demo"), picture, ending)?;
    println!("\nderust on {}", picture.display());
    let started = Instant::now();
    if !results.make(&derust, picture)? {
        return Ok(ExitCode::FAILURE);
    }
    println!("\nBoth filters ran in {:.1} s. The results:", started.elapsed().as_secs_f32());
    println!("  where the rust is       {}", results.mask.display());
    println!("  the picture with it     {}", results.overlay.display());
    println!("  the picture without it  {}", results.derusted.display());
    println!("The command that did it is {}; its --help says what else it does.", derust.display());
    Ok(ExitCode::SUCCESS)
}

/// Says what is wrong with a picture before anything is downloaded or compiled for it; returns the ending that
/// its format has.
pub fn check_picture(path: &Path) -> Result<&'static str> {
    let cannot_read = || format!("cannot read the picture {}", path.display());
    let metadata = fs::metadata(path).with_context(cannot_read)?;
    ensure!(metadata.is_file(), "{} is no file; name one PNG or JPEG picture", path.display());
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(4).read_to_end(&mut start)).with_context(cannot_read)?;
    match start[..] {
        [0x89, b'P', b'N', b'G'] => Ok("png"),
        [0xff, 0xd8, 0xff, _] => Ok("jpg"),
        _ => bail!("{} is no PNG or JPEG picture, whatever its name says", path.display()),
    }
}

/// Builds the `derust` command as users get it; returns where it lies.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    println!("building derust (the first time takes some minutes)");
    let mut cargo = process::cargo(workspace);
    cargo.args(["build", "--release", "--package", "derust-command"]);
    process::run(&mut cargo, "building derust")?;
    let derust = workspace.target.join("release").join(format!("derust{}", std::env::consts::EXE_SUFFIX));
    ensure!(derust.is_file(), "cargo built derust, but not at {}", derust.display());
    Ok(derust)
}

/// The pictures that both filters make of one.
pub struct Results {
    /// Where the rust is, in white.
    pub mask: PathBuf,
    /// The picture with its rust marked.
    pub overlay: PathBuf,
    /// The picture without its rust.
    pub derusted: PathBuf,
}

impl Results {
    /// Names the results after `picture` and removes those of an earlier run.
    pub fn new(folder: &Path, picture: &Path, ending: &str) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot write to {}", folder.display()))?;
        let stem = picture.file_stem().context("the picture has no name")?.to_string_lossy();
        let file = |name: &str| folder.join(format!("{stem}-{name}"));
        let results = Self {
            mask: file("mask.png"),
            overlay: file("overlay.png"),
            derusted: file(&format!("derusted.{ending}")),
        };
        for old in [&results.mask, &results.overlay, &results.derusted] {
            if old.exists() {
                fs::remove_file(old).with_context(|| format!("cannot replace {}", old.display()))?;
            }
        }
        Ok(results)
    }

    /// Runs the filters on `picture`. Where `derust` fails it has said why, and this answers `false`.
    pub fn make(&self, derust: &Path, picture: &Path) -> Result<bool> {
        for (arguments, output) in [
            (&["segment", "--output", "mask"][..], &self.mask),
            (&["segment", "--output", "overlay"], &self.overlay),
            (&["remove"], &self.derusted),
        ] {
            let mut command = Command::new(derust);
            command.args(arguments).arg("-o").arg(output).arg("--").arg(picture);
            if *output == self.overlay {
                // What was found has been said of the mask.
                command.stdout(Stdio::null());
            }
            if !command.status().with_context(|| format!("cannot start {}", derust.display()))?.success() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_path_is_told_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.jpg");
        let told = format!("{:#}", check_picture(&missing).unwrap_err());
        assert!(told.contains("missing.jpg") && !told.contains('\n'), "{told}");
        assert!(check_picture(folder.path()).unwrap_err().to_string().contains("is no file"));
        let text = folder.path().join("text.jpg");
        fs::write(&text, "no picture").unwrap();
        assert!(check_picture(&text).unwrap_err().to_string().contains("no PNG or JPEG"));
        fs::write(&text, b"\xff\xd8\xff\xe0").unwrap();
        assert_eq!(check_picture(&text).unwrap(), "jpg");
        fs::write(&text, b"\x89PNG\r\n").unwrap();
        assert_eq!(check_picture(&text).unwrap(), "png");
    }

    #[test]
    fn results_are_named_after_the_picture_and_replace_old_ones() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gate-mask.png"), "old").unwrap();
        let results = Results::new(folder.path(), Path::new("somewhere/gate.jpeg"), "jpg").unwrap();
        assert_eq!(results.derusted, folder.path().join("gate-derusted.jpg"));
        assert!(!results.mask.exists());
    }
}
