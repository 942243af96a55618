//! Where results go, and what must not be written over.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::cli::{Files, usage_error};
use crate::inputs::{self, Input};
use crate::picture_file::{Coding, Format, Target};
use crate::whole_file::Times;

const FORMATS: &str = "results can be written as .png, .jpg, .tif, .webp, .bmp or .exr";

/// Where the result of a picture goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// There.
    Write(Target),
    /// Nowhere: it lies in this file already.
    Done(PathBuf),
}

/// What a verb calls its results.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// What the name of a result beside its picture ends in.
    pub suffix: &'a str,
    /// Whether the result is the picture itself, changed, so that it may take the picture's place.
    pub may_replace_input: bool,
}

/// Chooses the file for each result of a call.
#[derive(Debug)]
pub struct Destinations<'a> {
    files: &'a Files,
    naming: Naming<'a>,
    /// The pictures of this call, as the system knows them.
    inputs: HashSet<PathBuf>,
    /// Results of this call, which a later picture must not replace.
    taken: HashSet<PathBuf>,
}

impl<'a> Destinations<'a> {
    /// Ends the program with a usage error when one file is to take the results of several pictures.
    ///
    /// # Errors
    /// When the folder for the results cannot be made.
    pub fn new(files: &'a Files, inputs: &[Input], naming: Naming<'a>) -> anyhow::Result<Self> {
        let several = inputs.len() > 1 || files.inputs.len() > 1 || files.inputs.iter().any(|i| i.is_dir());
        let standard = files.inputs.iter().any(|input| inputs::is_standard(input));
        if standard && files.inputs.len() > 1 {
            usage_error("- stands for one picture; name it alone");
        }
        if standard && files.out_dir.is_some() {
            usage_error("- has no name that its result in --out-dir could have; use -o");
        }
        if let (Some(file), Some(wanted)) = (&files.output_file, files.format)
            && !inputs::is_standard(file)
            && Format::of_extension(file).is_some_and(|format| format != wanted.into())
        {
            usage_error("-o and --format ask for two formats");
        }
        if files.output_file.is_some() && several {
            usage_error("-o takes the result of one picture; use --out-dir for several pictures or a folder");
        }
        if let Some(folder) = &files.out_dir {
            make_folder(folder)?;
        }
        let inputs = inputs.iter().filter_map(|input| input.path.canonicalize().ok()).collect();
        Ok(Destinations { files, naming, inputs, taken: HashSet::new() })
    }

    /// Where a result of `input` goes: standard output; the file named with `-o`; `STEM.EXTENSION` in the folder named with
    /// `--out-dir`; else `STEM-SUFFIX.EXTENSION` beside the input.
    ///
    /// # Errors
    /// When something would be written over that must stay, or the folder cannot be made.
    pub fn choose(&mut self, input: &Input, extension: &str) -> anyhow::Result<Destination> {
        let extension = self.files.format.map_or(extension, |format| Format::from(format).extension());
        if writes_standard_output(self.files) {
            let target = PathBuf::from(format!("-.{extension}"));
            let format = Format::of_extension(&target).context(FORMATS)?;
            return Ok(Destination::Write(Target::StandardOutput(format)));
        }
        let stem = input.path.file_stem().context("it has no file name")?;
        let name = |between: &str| {
            let mut name = OsString::from(stem);
            name.push(format!("{between}.{extension}"));
            name
        };
        let target = match (&self.files.output_file, &self.files.out_dir) {
            (Some(file), _) => file.clone(),
            (None, Some(folder)) => folder.join(&input.below).join(name("")),
            (None, None) => input.path.with_file_name(name(&format!("-{}", self.naming.suffix))),
        };
        if Format::of_extension(&target).is_none() {
            bail!("{}: {FORMATS}", target.display());
        }
        let real = target.canonicalize().ok();
        if real.as_ref().is_some_and(|real| self.inputs.contains(real)) {
            let itself = real == input.path.canonicalize().ok();
            if !(itself && self.naming.may_replace_input) {
                bail!("the result would replace the input {}; name another file", target.display());
            }
            if !self.files.force {
                bail!(
                    "the result would replace the input {}; name another file, or use --force to replace it",
                    target.display()
                );
            }
        }
        if !self.taken.insert(target.clone()) {
            bail!("the result of another picture goes to {} already; use another folder", target.display());
        }
        if target.symlink_metadata().is_ok() && !self.files.force {
            if self.files.resume {
                return Ok(Destination::Done(target));
            }
            bail!(
                "{} exists already; use --force to replace it, or --resume to skip what is done",
                target.display()
            );
        }
        if self.files.out_dir.is_some() {
            target.parent().map(make_folder).transpose()?;
        }
        Ok(Destination::Write(Target::File(target)))
    }
}

/// Whether the result goes to standard output.
pub fn writes_standard_output(files: &Files) -> bool {
    match &files.output_file {
        Some(file) => inputs::is_standard(file),
        None => files.inputs.iter().any(|input| inputs::is_standard(input)),
    }
}

/// How a result is written, as far as the call says so of all pictures.
pub fn coding(files: &Files, input: &Input, target: &Target) -> Coding {
    let times = files.keep_times.then(|| Times::of(&input.path).ok()).flatten();
    let real = target.path().canonicalize().ok();
    let in_place = real.is_some() && real == input.path.canonicalize().ok();
    Coding { may_replace: files.force, in_place, may_drop: files.drop_further, times, ..Coding::default() }
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{}: the folder cannot be made", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: Naming<'_> = Naming { suffix: "mask", may_replace_input: false };
    const PICTURE: Naming<'_> = Naming { suffix: "derusted", may_replace_input: true };

    fn input(path: impl Into<PathBuf>) -> Input {
        Input::file(path.into(), PathBuf::new())
    }

    fn choose(files: &Files, naming: Naming<'_>, path: &Path) -> Result<PathBuf, String> {
        let inputs = [input(path)];
        match Destinations::new(files, &inputs, naming).unwrap().choose(&inputs[0], "png") {
            Ok(Destination::Write(target)) => Ok(target.path().to_owned()),
            Ok(Destination::Done(target)) => Err(format!("done: {}", target.display())),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn results_lie_where_they_are_wanted_and_replace_nothing_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let picture = at("a.b.png");
        fs::write(&picture, "").unwrap();
        let mut files = Files { inputs: vec![picture.clone()], ..Files::default() };
        assert_eq!(choose(&files, MASK, &picture).unwrap(), at("a.b-mask.png"));
        fs::write(at("a.b-mask.png"), "").unwrap();
        assert!(choose(&files, MASK, &picture).unwrap_err().contains("--force"));
        files.resume = true;
        assert!(choose(&files, MASK, &picture).unwrap_err().starts_with("done: "));
        (files.resume, files.force) = (false, true);
        assert_eq!(choose(&files, MASK, &picture).unwrap(), at("a.b-mask.png"));
        files.out_dir = Some(at("out"));
        assert_eq!(choose(&files, MASK, &picture).unwrap(), at("out/a.b.png"));
        (files.out_dir, files.output_file) = (None, Some(at("c.png")));
        assert_eq!(choose(&files, MASK, &picture).unwrap(), at("c.png"));
    }

    #[test]
    fn only_the_picture_itself_may_take_its_own_place_and_only_when_forced() {
        let folder = tempfile::tempdir().unwrap();
        let picture = folder.path().join("a.png");
        fs::write(&picture, "").unwrap();
        let mut files = Files { inputs: vec![picture.clone()], ..Files::default() };
        files.out_dir = Some(folder.path().join("."));
        assert!(choose(&files, PICTURE, &picture).unwrap_err().contains("--force"));
        files.resume = true;
        assert!(choose(&files, PICTURE, &picture).unwrap_err().contains("the input"), "it is not done");
        (files.resume, files.force) = (false, true);
        assert_eq!(choose(&files, PICTURE, &picture).unwrap(), folder.path().join("./a.png"));
        assert!(choose(&files, MASK, &picture).unwrap_err().contains("the input"));
        let other = folder.path().join("b.png");
        fs::write(&other, "").unwrap();
        (files.out_dir, files.output_file) = (None, Some(picture.clone()));
        let inputs = [input(&other)];
        let mut destinations = Destinations::new(&files, &inputs, PICTURE).unwrap();
        destinations.inputs.insert(picture.canonicalize().unwrap());
        assert!(destinations.choose(&inputs[0], "png").unwrap_err().to_string().contains("the input"));
    }

    #[test]
    fn two_pictures_never_share_a_result() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = [input("x/a.png"), input("y/a.jpg")];
        let mut files = Files { inputs: inputs.iter().map(|i| i.path.clone()).collect(), ..Files::default() };
        (files.out_dir, files.force) = (Some(folder.path().into()), true);
        let mut destinations = Destinations::new(&files, &inputs, MASK).unwrap();
        destinations.choose(&inputs[0], "png").unwrap();
        let error = destinations.choose(&inputs[1], "png").unwrap_err();
        assert!(error.to_string().contains("another picture"), "{error}");
        let below = Input { below: "y".into(), ..inputs[1].clone() };
        let apart = Destination::Write(Target::File(folder.path().join("y/a.png")));
        assert_eq!(destinations.choose(&below, "png").unwrap(), apart);
    }
}
