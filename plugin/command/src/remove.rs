//! `derust remove`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use derust_engine::filters::derust::RemoveOptions;
use derust_engine::{Control, Engine, EngineOptions, MaskMode};

use crate::cli::{self, Remove};
use crate::destination::Destinations;
use crate::inputs;
use crate::picture_file::{PictureFile, check_exists};
use crate::report::Report;

/// Takes the rust out of every picture.
///
/// # Errors
/// When nothing can be done at all; what concerns one picture goes into the report.
pub fn run(arguments: &Remove) -> anyhow::Result<ExitCode> {
    let mut destinations = Destinations::new(&arguments.files)?;
    let mut report = Report::default();
    let mask = match &arguments.mask {
        Some(path) => {
            let read = check_exists(path).and_then(|()| PictureFile::read(path));
            Some(read.with_context(|| path.display().to_string())?)
        }
        None => None,
    };
    let pictures = inputs::pictures(&arguments.files.inputs, &mut report);
    let engine = Engine::new(EngineOptions::default());
    if !pictures.is_empty() {
        engine.runtime()?;
    }
    for path in &pictures {
        let outcome = remove(&engine, arguments, path, mask.as_ref(), &mut destinations);
        report.picture(path, outcome);
    }
    Ok(report.exit_code())
}

fn remove(
    engine: &Engine,
    arguments: &Remove,
    path: &Path,
    mask: Option<&PictureFile>,
    destinations: &mut Destinations<'_>,
) -> anyhow::Result<String> {
    check_exists(path)?;
    let file = PictureFile::read(path)?;
    let target = destinations.choose(path, "derusted", own_extension(path).unwrap_or(file.extension()))?;
    let mask_mode = match arguments.mask_mode {
        cli::MaskMode::Limit => MaskMode::Limit,
        cli::MaskMode::Replace => MaskMode::Replace,
    };
    let options = RemoveOptions { model: arguments.model.clone(), mask_mode, ..Default::default() };
    let mask = mask.map(PictureFile::picture).transpose()?;
    let control = Control::default();
    let removal = engine.analyse_removal(&file.picture()?, mask.as_ref(), &options, control)?;
    let mut result = file.clone();
    removal.compose(mask.as_ref(), arguments.strength, &mut result.picture_mut()?, control)?;
    let percent = 100.0 * result.changed_fraction(&file);
    result.write(&target)?;
    Ok(format!("{percent:.1} % of the picture treated, written to {}", target.display()))
}

/// The input's own extension, when it is one that results can have.
fn own_extension(path: &Path) -> Option<&str> {
    let extension = path.extension()?.to_str()?;
    ["png", "jpg", "jpeg"].iter().any(|known| known.eq_ignore_ascii_case(extension)).then_some(extension)
}
