//! `cargo xtask install-gimp`: the plug-in in the plug-in folders of this user's GIMPs.
//!
//! ```text
//! PLUG-INS/gimp-derust/gimp-derust          the plug-in; GIMP wants its folder to have the same name
//! PLUG-INS/gimp-derust/libderust.so.ABI     what it loads when a filter runs
//! PLUG-INS/gimp-derust/derust-trial         tries models out, which libderust looks for beside itself
//! PLUG-INS/gimp-derust/onnxruntime/         the runtime, which libderust looks for beside itself
//! PLUG-INS/gimp-derust/locale/              translations, where GIMP looks for them
//! PLUG-INS/gimp-derust/models/              for ONNX files that the user drops in
//! PLUG-INS/gimp-derust/installed-files.txt  what of this was installed
//! ```
//!
//! Nothing outside the folder is needed, so that a GIMP in a sandbox can use it.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::prefix::{self, Profile};
use crate::workspace::Workspace;
use crate::{onnxruntime, process};

/// The name of the plug-in's executable, and so of its folder.
const NAME: &str = "gimp-derust";

/// The list of the installed files, one a line, relative to the plug-in's folder.
const LIST: &str = "installed-files.txt";

const MODELS: &str = "models";

const MODELS_README: &str = "\
Models for derust in GIMP
=========================

Drop a model here (one .onnx file, with its .onnx.json beside it if it has one): it serves from the next time that a
filter is opened, before those that came with derust. Take it away to have the old one back.
";

/// What a person can ask of the installation.
#[derive(clap::Args)]
pub struct Options {
    /// Take the plug-in away again; models that you dropped in stay.
    #[arg(long)]
    uninstall: bool,
    /// With --uninstall: take your models away as well.
    #[arg(long, requires = "uninstall")]
    remove_models: bool,
    /// A folder for plug-ins, instead of those of your GIMPs; may be given several times.
    #[arg(long, value_name = "DIR")]
    plug_ins: Vec<PathBuf>,
    /// Compile quickly and with checks, for tests.
    #[arg(long)]
    debug: bool,
}

/// Installs the plug-in, or takes it away.
pub fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let folders = if options.plug_ins.is_empty() {
        Places::of_this_user().folders()?
    } else {
        options.plug_ins.clone()
    };
    if options.uninstall {
        ensure!(
            !folders.is_empty(),
            "there is no GIMP of yours from which to take the plug-in: {}",
            Places::of_this_user().searched()
        );
        return folders.iter().try_for_each(|folder| uninstall(folder, options.remove_models));
    }
    ensure!(
        !folders.is_empty(),
        "no GIMP of yours was found ({}): start GIMP once, which makes its folder, or name a folder for plug-ins with \
         --plug-ins",
        Places::of_this_user().searched()
    );
    let profile = if options.debug { Profile::Debug } else { Profile::Release };
    install(workspace, profile, &folders)
}

/// Builds the plug-in and what it needs, and puts them into each of `folders`.
pub fn install(workspace: &Workspace, profile: Profile, folders: &[PathBuf]) -> Result<()> {
    let runtime = onnxruntime::provide(workspace)?;
    let library = prefix::build(workspace, profile)?;
    let executable = build(workspace, profile, &library)?;
    install_built(workspace, folders, executable, library, runtime)
}

/// Puts a plug-in that was built before into each of `folders`, with this libderust and this ONNX Runtime.
pub fn install_built(
    workspace: &Workspace,
    folders: &[PathBuf],
    executable: PathBuf,
    library: PathBuf,
    runtime: PathBuf,
) -> Result<()> {
    let header = workspace.root.join("ffi-headers").join("include").join("derust.h");
    let abi = prefix::abi_number(&header)?;
    let catalogues = workspace.target.join("gimp-locale");
    let mut write = Command::new(&executable);
    process::run_quietly(write.arg("--write-catalogues").arg(&catalogues), "writing the translations")?;
    let parts = Parts { executable, library, abi, runtime, catalogues };
    for folder in folders {
        let place = put_plug_in(&parts, folder)?;
        println!("derust {} for GIMP is in {}", env!("CARGO_PKG_VERSION"), place.display());
    }
    Ok(())
}

/// What the plug-in's folder is made of.
struct Parts {
    executable: PathBuf,
    library: PathBuf,
    abi: u32,
    runtime: PathBuf,
    /// A folder of translations, as it goes beside the plug-in.
    catalogues: PathBuf,
}

/// Compiles the plug-in, beside `library`; returns the program.
fn build(workspace: &Workspace, profile: Profile, library: &Path) -> Result<PathBuf> {
    println!("building {NAME}");
    let mut cargo = process::cargo(workspace);
    cargo
        .args(["build", "--package", "derust-gimp", "--bin", NAME])
        .arg("--target-dir")
        .arg(&workspace.target);
    cargo.args(profile.arguments());
    process::run(&mut cargo, "building the GIMP plug-in")?;
    let executable = library.with_file_name(NAME);
    ensure!(executable.is_file(), "cargo built derust-gimp, but not {}", executable.display());
    Ok(executable)
}

/// Makes or renews the plug-in's folder in `plug_ins`; returns it.
fn put_plug_in(parts: &Parts, plug_ins: &Path) -> Result<PathBuf> {
    let folder = plug_ins.join(NAME);
    let old = if folder.symlink_metadata().is_ok() { installed_files(&folder)? } else { BTreeSet::new() };
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let mut files = BTreeSet::from([LIST.into()]);
    let library = format!("libderust.so.{}", parts.abi);
    prefix::copy(&parts.library, &folder.join(&library))?;
    files.insert(library);
    files.insert(prefix::put_program(&prefix::trial_beside(&parts.library), &folder)?);
    for file in prefix::put_runtime(&parts.runtime, &folder.join("onnxruntime"))? {
        files.insert(format!("onnxruntime/{file}"));
    }
    for file in prefix::files_below(&parts.catalogues)? {
        let place = Path::new("locale").join(&file);
        prefix::copy(&parts.catalogues.join(&file), &folder.join(&place))?;
        files.insert(place.display().to_string());
    }
    let readme = format!("{MODELS}/README.txt");
    prefix::put(&folder.join(&readme), MODELS_README.as_bytes())?;
    files.insert(readme);
    // Last, so that GIMP never finds it without what it needs.
    files.insert(prefix::put_program(&parts.executable, &folder)?);

    let list: String = files.union(&old).map(|file| format!("{file}\n")).collect();
    prefix::put(&folder.join(LIST), list.as_bytes())?;
    for gone in old.difference(&files) {
        remove(&folder.join(gone))?;
    }
    let list: String = files.iter().map(|file| format!("{file}\n")).collect();
    prefix::put(&folder.join(LIST), list.as_bytes())?;
    Ok(folder)
}

/// Takes away what was installed in `plug_ins`, and the folders that are empty then.
fn uninstall(plug_ins: &Path, models_too: bool) -> Result<()> {
    let folder = plug_ins.join(NAME);
    if folder.symlink_metadata().is_err() {
        println!("{} is not there", folder.display());
        return Ok(());
    }
    let files = installed_files(&folder)?;
    // First what makes GIMP find it, last what says how to go on after an interruption.
    let first = files.iter().filter(|file| *file == NAME);
    let others = files.iter().filter(|file| *file != NAME && *file != LIST);
    for file in first.chain(others) {
        remove(&folder.join(file))?;
    }
    let models = folder.join(MODELS);
    if models_too && models.is_dir() {
        fs::remove_dir_all(&models).with_context(|| format!("cannot remove {}", models.display()))?;
    }
    remove(&folder.join(LIST))?;
    let inner = files.iter().flat_map(|file| Path::new(file).ancestors().skip(1));
    let inner: BTreeSet<PathBuf> = inner.map(|parent| folder.join(parent)).collect();
    // The innermost first; one that is not empty stays.
    inner.iter().rev().for_each(|folder| drop(fs::remove_dir(folder)));
    if folder.symlink_metadata().is_err() {
        println!("removed {}", folder.display());
    } else {
        println!("removed derust from {}, but kept what is yours:", folder.display());
        prefix::files_below(&folder)?.iter().for_each(|file| println!("    {}", file.display()));
    }
    Ok(())
}

/// What was installed in the plug-in's folder.
///
/// # Errors
/// When something else than this task made the folder, or the list was changed into one that leads out of it.
fn installed_files(folder: &Path) -> Result<BTreeSet<String>> {
    let list = folder.join(LIST);
    if !list.is_file() {
        // What an uninstallation left for the user to decide.
        let only_models = prefix::files_below(folder)?.iter().all(|file| file.starts_with(MODELS));
        ensure!(
            only_models,
            "{} was not made by `cargo xtask install-gimp` (it has no {LIST}): remove it yourself, if it is to go",
            folder.display()
        );
        return Ok(BTreeSet::new());
    }
    let text = fs::read_to_string(&list).with_context(|| format!("cannot read {}", list.display()))?;
    let is_inside =
        |file: &str| Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
    if let Some(file) = text.lines().find(|file| !is_inside(file)) {
        bail!("{} names {file:?}, which is not below its own folder", list.display());
    }
    Ok(text.lines().filter(|line| !line.is_empty()).map(String::from).collect())
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

/// Where GIMP looks for a user's own things.
struct Places {
    home: Option<PathBuf>,
    /// `GIMP/X.Y` lies in it.
    config: Option<PathBuf>,
    /// `GIMP2_DIRECTORY` and `GIMP3_DIRECTORY`, which stand for the folder of the version in use.
    own: [Option<PathBuf>; 2],
}

impl Places {
    fn of_this_user() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        Self::from(variable)
    }

    fn from(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).map(PathBuf::from);
        let home = path("HOME").filter(|home| home.is_absolute());
        let config = path("XDG_CONFIG_HOME").filter(|config| config.is_absolute());
        let config = config.or_else(|| Some(home.as_ref()?.join(".config")));
        // As GIMP reads it: a relative path begins at the home folder.
        let own = ["GIMP2_DIRECTORY", "GIMP3_DIRECTORY"].map(|name| {
            let path = path(name)?;
            if path.is_absolute() { Some(path) } else { Some(home.as_ref()?.join(path)) }
        });
        Places { home, config, own }
    }

    /// The plug-in folders of every GIMP that was started once. In others nothing may be made: GIMP takes over the
    /// settings of an older version only when it makes its folder itself.
    fn folders(&self) -> Result<Vec<PathBuf>> {
        let mut folders: Vec<PathBuf> =
            self.own.iter().flatten().filter(|folder| folder.is_dir()).cloned().collect();
        if let Some(gimp) =
            self.config.as_ref().map(|config| config.join("GIMP")).filter(|gimp| gimp.is_dir())
        {
            let cannot_read = || format!("cannot read {}", gimp.display());
            for entry in fs::read_dir(&gimp).with_context(cannot_read)? {
                let entry = entry.with_context(cannot_read)?;
                let Some(generation) = entry.file_name().to_str().and_then(generation) else { continue };
                // With the variable set, GIMP does not look here.
                if entry.path().is_dir() && self.own[generation].is_none() {
                    folders.push(entry.path());
                }
            }
        }
        folders.sort();
        folders.dedup();
        Ok(folders.into_iter().map(|folder| folder.join("plug-ins")).collect())
    }

    /// Where [`Self::folders`] looks, for a message.
    fn searched(&self) -> String {
        let own = self.own.iter().flatten();
        let config = self.config.iter().map(|config| config.join("GIMP"));
        let places: Vec<_> = own.cloned().chain(config).map(|place| place.display().to_string()).collect();
        if places.is_empty() && self.home.is_none() {
            return "HOME is not set".into();
        }
        format!("looked in {}", places.join(", "))
    }
}

/// 0 for a folder of GIMP 2.10, 1 for one of GIMP 3; none for versions that the plug-in does not know.
fn generation(version: &str) -> Option<usize> {
    match version.split_once('.')? {
        ("2", "10") => Some(0),
        ("3", minor) if minor.parse::<u32>().is_ok() => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(folder: &Path, abi: u32) -> Parts {
        let file = |name: &str, content: &str| {
            let file = folder.join(name);
            prefix::put(&file, content.as_bytes()).unwrap();
            file
        };
        file("runtime/LICENSE", "free");
        file("derust-trial", "program");
        file("locale/zh_CN/LC_MESSAGES/gimp-derust.mo", "words");
        Parts {
            executable: file("programs/gimp-derust", "program"),
            library: file("built.so", "library"),
            abi,
            runtime: file("runtime/libonnxruntime.so.9", "runtime"),
            catalogues: folder.join("locale"),
        }
    }

    fn files(folder: &Path) -> Vec<String> {
        let files = prefix::files_below(folder).unwrap();
        files.iter().map(|file| file.to_str().unwrap().into()).collect()
    }

    #[test]
    fn exactly_what_was_installed_is_removed() {
        let work = tempfile::tempdir().unwrap();
        let plug_ins = work.path().join("GIMP/3.0/plug-ins");
        let others = plug_ins.join("other/other");
        prefix::put(&others, b"another plug-in").unwrap();
        let folder = put_plug_in(&parts(work.path(), 1), &plug_ins).unwrap();
        assert_eq!(
            files(&folder),
            [
                "derust-trial",
                "gimp-derust",
                LIST,
                "libderust.so.1",
                "locale/zh_CN/LC_MESSAGES/gimp-derust.mo",
                "models/README.txt",
                "onnxruntime/LICENSE",
                "onnxruntime/libonnxruntime.so.1"
            ]
        );
        uninstall(&plug_ins, false).unwrap();
        assert!(!folder.exists() && others.is_file());
        uninstall(&plug_ins, false).unwrap();
    }

    #[test]
    fn models_of_the_user_stay_unless_they_are_to_go() {
        let work = tempfile::tempdir().unwrap();
        let folder = put_plug_in(&parts(work.path(), 1), work.path()).unwrap();
        let model = folder.join("models/mine.onnx");
        for (models_too, stays) in [(false, true), (true, false)] {
            prefix::put(&model, b"weights").unwrap();
            uninstall(work.path(), models_too).unwrap();
            assert_eq!(model.is_file(), stays);
            assert_eq!(folder.exists(), stays);
            // What was kept is no obstacle to installing again.
            put_plug_in(&parts(work.path(), 1), work.path()).unwrap();
            assert_eq!(model.is_file(), stays);
        }
    }

    #[test]
    fn an_update_leaves_nothing_of_the_old_version() {
        let work = tempfile::tempdir().unwrap();
        put_plug_in(&parts(work.path(), 1), work.path()).unwrap();
        let folder = put_plug_in(&parts(work.path(), 2), work.path()).unwrap();
        assert!(folder.join("libderust.so.2").is_file() && !folder.join("libderust.so.1").exists());
        assert!(!fs::read_to_string(folder.join(LIST)).unwrap().contains("libderust.so.1\n"));
    }

    #[test]
    fn folders_that_others_made_are_left_alone() {
        let work = tempfile::tempdir().unwrap();
        let theirs = work.path().join("gimp-derust/gimp-derust");
        prefix::put(&theirs, b"theirs").unwrap();
        for error in [
            uninstall(work.path(), true).unwrap_err(),
            put_plug_in(&parts(work.path(), 1), work.path()).unwrap_err(),
        ] {
            assert!(error.to_string().contains("was not made by"), "{error}");
        }
        let outside = work.path().join("outside");
        fs::write(&outside, "mine").unwrap();
        for escape in ["../outside".to_owned(), outside.to_str().unwrap().to_owned()] {
            fs::write(work.path().join("gimp-derust").join(LIST), escape).unwrap();
            let error = uninstall(work.path(), true).unwrap_err().to_string();
            assert!(error.contains("not below its own folder"), "{error}");
        }
        assert!(outside.is_file() && theirs.is_file());
    }

    #[test]
    fn every_gimp_that_was_started_is_found() {
        let home = tempfile::tempdir().unwrap();
        let make = |path: &str| fs::create_dir_all(home.path().join(path)).unwrap();
        for version in ["2.8", "2.10", "2.99", "3.0", "3.2", "notes"] {
            make(&format!(".config/GIMP/{version}"));
        }
        make("xdg/GIMP/3.0");
        make("own");
        let find = |variables: &[(&str, &str)]| {
            let places = Places::from(|name| match name {
                "HOME" => Some(home.path().into()),
                _ => Some(variables.iter().find(|(key, _)| *key == name)?.1.into()),
            });
            let relative =
                |path: &PathBuf| path.strip_prefix(home.path()).unwrap().to_str().unwrap().to_owned();
            places.folders().unwrap().iter().map(relative).collect::<Vec<_>>()
        };
        let below = |place: &str| format!("{place}/plug-ins");
        let standard = ["2.10", "3.0", "3.2"].map(|version| below(&format!(".config/GIMP/{version}")));
        assert_eq!(find(&[]), standard);
        assert_eq!(find(&[("XDG_CONFIG_HOME", "relative")]), standard);
        let xdg = home.path().join("xdg");
        assert_eq!(find(&[("XDG_CONFIG_HOME", xdg.to_str().unwrap())]), [below("xdg/GIMP/3.0")]);
        assert_eq!(find(&[("GIMP3_DIRECTORY", "own")]), [below(".config/GIMP/2.10"), below("own")]);
        assert_eq!(
            find(&[("GIMP2_DIRECTORY", "never-started")]),
            [below(".config/GIMP/3.0"), below(".config/GIMP/3.2")]
        );
    }
}
