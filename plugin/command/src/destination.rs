//! Where results go, and what must not be written over.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::cli::{Files, usage_error};

/// Chooses the file for each result of a call.
#[derive(Debug)]
pub struct Destinations<'a> {
    files: &'a Files,
    /// Results of this call, which a later picture must not replace.
    taken: HashSet<PathBuf>,
}

impl<'a> Destinations<'a> {
    /// Ends the program with a usage error when one file is to take the results of several pictures.
    pub fn new(files: &'a Files) -> anyhow::Result<Self> {
        let several = files.inputs.len() > 1 || files.inputs.iter().any(|input| input.is_dir());
        if files.output_file.is_some() && several {
            usage_error("-o takes the result of one picture; use --out-dir for several pictures or a folder");
        }
        if let Some(folder) = &files.out_dir {
            fs::create_dir_all(folder)
                .with_context(|| format!("{}: the folder cannot be made", folder.display()))?;
        }
        Ok(Destinations { files, taken: HashSet::new() })
    }

    /// The file for a result of `input`: the one named with `-o`; `STEM.EXTENSION` in the folder named with
    /// `--out-dir`; else `STEM-SUFFIX.EXTENSION` beside the input.
    pub fn choose(&mut self, input: &Path, suffix: &str, extension: &str) -> anyhow::Result<PathBuf> {
        let stem = input.file_stem().context("it has no file name")?;
        let name = |between: &str| {
            let mut name = OsString::from(stem);
            name.push(format!("{between}.{extension}"));
            name
        };
        let target = match (&self.files.output_file, &self.files.out_dir) {
            (Some(file), _) => file.clone(),
            (None, Some(folder)) => folder.join(name("")),
            (None, None) => input.with_file_name(name(&format!("-{suffix}"))),
        };
        if self.files.inputs.iter().any(|other| same_file(other, &target)) || same_file(input, &target) {
            bail!("the result would replace the input {}; name another file", target.display());
        }
        if !self.taken.insert(target.clone()) {
            bail!("the result of another picture is already in {}; use another folder", target.display());
        }
        if target.symlink_metadata().is_ok() && !self.files.force {
            bail!("{} exists already; use --force to replace it", target.display());
        }
        Ok(target)
    }
}

/// Whether two paths lead to the same file that exists.
fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(inputs: &[PathBuf]) -> Files {
        Files { inputs: inputs.into(), output_file: None, out_dir: None, force: false }
    }

    #[test]
    fn results_lie_where_they_are_wanted_and_replace_nothing_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.b.png"), "").unwrap();
        let mut files = files(&[at("a.b.png")]);
        let choose = |files: &Files| Destinations::new(files).unwrap().choose(&at("a.b.png"), "mask", "png");
        assert_eq!(choose(&files).unwrap(), at("a.b-mask.png"));
        fs::write(at("a.b-mask.png"), "").unwrap();
        assert!(choose(&files).unwrap_err().to_string().contains("--force"));
        files.force = true;
        assert_eq!(choose(&files).unwrap(), at("a.b-mask.png"));
        files.out_dir = Some(at("out"));
        assert_eq!(choose(&files).unwrap(), at("out/a.b.png"));
        files.out_dir = Some(folder.path().join("."));
        assert!(choose(&files).unwrap_err().to_string().contains("the input"));
        (files.out_dir, files.output_file) = (None, Some(at("c.png")));
        assert_eq!(choose(&files).unwrap(), at("c.png"));
    }

    #[test]
    fn two_pictures_never_share_a_result() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(&["x/a.png".into(), "y/a.jpg".into()]);
        (files.out_dir, files.force) = (Some(folder.path().into()), true);
        let mut destinations = Destinations::new(&files).unwrap();
        destinations.choose(Path::new("x/a.png"), "mask", "png").unwrap();
        let error = destinations.choose(Path::new("y/a.jpg"), "mask", "png").unwrap_err();
        assert!(error.to_string().contains("another picture"), "{error}");
    }
}
