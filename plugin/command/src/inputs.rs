//! Which pictures a call means: files, folders, patterns.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use walkdir::WalkDir;

use crate::cli::Files;
use crate::picture_file::{Foreign, Format, Source};
use crate::report::Report;
use crate::stop;

/// Endings of the results that are written beside pictures; a folder's results are not its pictures.
pub const SUFFIXES: [&str; 4] = ["mask", "probability", "overlay", "derusted"];

/// A picture to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// The folder that holds it, seen from the folder that was named.
    pub below: PathBuf,
    /// Its bytes.
    pub source: Source,
}

impl Input {
    /// A file in this folder, seen from the folder that was named.
    pub fn file(path: PathBuf, below: PathBuf) -> Self {
        Input { source: Source::File(path.clone()), path, below }
    }
}

/// Whether standard input is meant.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The pictures that are named, and those in the folders that are named, in the order of their names.
///
/// Folders that cannot be read, or hold no picture, and patterns without a match go into the report.
pub fn pictures(files: &Files, report: &mut Report) -> Vec<Input> {
    let mut pictures = Vec::new();
    for input in &files.inputs {
        if is_standard(input) {
            match Source::standard_input() {
                Ok(source) => pictures.push(Input { path: input.clone(), below: PathBuf::new(), source }),
                Err(error) => report.failure(input, &error),
            }
            continue;
        }
        let paths = match matches(input) {
            Ok(paths) => paths,
            Err(error) => {
                report.failure(input, &error);
                continue;
            }
        };
        for path in paths {
            if !path.is_dir() {
                pictures.push(Input::file(path, PathBuf::new()));
                continue;
            }
            match pictures_in(&path, files, report) {
                Ok(found) => pictures.extend(found),
                Err(error) => report.failure(&path, &error),
            }
        }
    }
    pictures
}

/// What a pattern stands for; a path that exists, or is no pattern, stands for itself.
fn matches(input: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let pattern = input.to_str().filter(|text| text.contains(['*', '?', '[']));
    let Some(pattern) = pattern.filter(|_| input.symlink_metadata().is_err()) else {
        return Ok(vec![input.to_owned()]);
    };
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
    let found = glob::glob_with(pattern, options).map_err(|error| anyhow!("it is no pattern: {error}"))?;
    let found: Vec<PathBuf> = found.filter_map(Result::ok).collect();
    if found.is_empty() {
        bail!("no file matches the pattern");
    }
    // A pattern that fits results only means them.
    let (results, pictures): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| is_result(path));
    Ok(if pictures.is_empty() { results } else { pictures })
}

fn pictures_in(folder: &Path, files: &Files, report: &mut Report) -> anyhow::Result<Vec<Input>> {
    let results = files.out_dir.as_deref().and_then(|folder| folder.canonicalize().ok());
    let named = folder.canonicalize().context("the folder cannot be read")?;
    let mut found = Vec::new();
    let mut foreign = 0;
    let mut entered = HashSet::new();
    let mut entries = WalkDir::new(folder)
        .max_depth(if files.recursive { usize::MAX } else { 1 })
        .follow_links(true)
        .sort_by_file_name()
        .into_iter();
    while let Some(entry) = entries.next() {
        if stop::requested() {
            return Ok(found);
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 => return Err(error).context("the folder cannot be read"),
            Err(error) => {
                report_entry(&error, files.recursive, folder, report);
                continue;
            }
        };
        if is_left_behind(entry.file_name()) && entry.depth() > 0 {
            if entry.file_type().is_dir() {
                entries.skip_current_dir();
            }
        } else if entry.file_type().is_dir() {
            // Results that lie in the folder are no pictures of it, and links lead to no folder twice.
            let real = entry.path().canonicalize().unwrap_or_else(|_| entry.path().to_owned());
            let holds_results = Some(&real) == results.as_ref() && real != named;
            if holds_results || !entered.insert(real) {
                entries.skip_current_dir();
            }
        } else if Format::of_extension(entry.path()).is_some() && entry.file_type().is_file() {
            let below = entry.path().parent().and_then(|parent| parent.strip_prefix(folder).ok());
            let below = below.unwrap_or(Path::new("")).to_owned();
            found.push(Input::file(entry.into_path(), below));
        } else if let Some(kind) = Foreign::of_extension(entry.path()).filter(|_| entry.file_type().is_file())
        {
            foreign += 1;
            report.failure(entry.path(), &kind.into());
        }
    }
    found.retain(|input| !is_result(&input.path));
    if found.is_empty() && foreign == 0 {
        let deeper = if files.recursive { "" } else { ", or --recursive for the folders in it" };
        bail!("the folder holds no picture; name a picture or a folder of pictures{deeper}");
    }
    Ok(found)
}

/// Whether systems and servers put such files beside pictures, and small copies of pictures into such folders.
fn is_left_behind(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b"._") || ["@eaDir", ".thumbnails"].iter().any(|known| name == *known)
}

/// A link that leads back up loses no picture; everything else that cannot be entered may hold some.
fn report_entry(error: &walkdir::Error, recursive: bool, folder: &Path, report: &mut Report) {
    let path = error.path().unwrap_or(folder);
    if error.loop_ancestor().is_some() {
        if recursive {
            report.note(path, "the link leads back to a folder above it and is not followed");
        }
    } else if error.path().is_some_and(|path| recursive || Format::of_extension(path).is_some()) {
        report.failure(path, &anyhow!("it cannot be read: {}", reason(error)));
    }
}

fn reason(error: &walkdir::Error) -> String {
    error.io_error().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether the name ends as those of our results do and the picture that it belongs to lies beside it.
fn is_result(path: &Path) -> bool {
    let Some(stem) = path.file_stem().and_then(OsStr::to_str) else { return false };
    let original = SUFFIXES.iter().find_map(|suffix| stem.strip_suffix(suffix)?.strip_suffix('-'));
    original.is_some_and(|original| {
        Format::extensions().any(|extension| {
            [extension.to_owned(), extension.to_ascii_uppercase()]
                .iter()
                .any(|extension| path.with_file_name(format!("{original}.{extension}")).is_file())
        })
    })
}
