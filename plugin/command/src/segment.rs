//! `derust segment`.

use std::path::Path;
use std::process::ExitCode;

use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::{Control, Engine, EngineOptions};

use crate::cli::{Output, Segment};
use crate::destination::Destinations;
use crate::inputs;
use crate::picture_file::{PictureFile, check_exists};
use crate::report::Report;

/// Finds the rust in every picture.
///
/// # Errors
/// When nothing can be done at all; what concerns one picture goes into the report.
pub fn run(arguments: &Segment) -> anyhow::Result<ExitCode> {
    let mut destinations = Destinations::new(&arguments.files)?;
    let mut report = Report::default();
    let pictures = inputs::pictures(&arguments.files.inputs, &mut report);
    let engine = Engine::new(EngineOptions::default());
    if !pictures.is_empty() {
        engine.runtime()?;
    }
    for path in &pictures {
        let outcome = segment(&engine, arguments, path, &mut destinations);
        report.picture(path, outcome);
    }
    Ok(report.exit_code())
}

fn segment(
    engine: &Engine,
    arguments: &Segment,
    path: &Path,
    destinations: &mut Destinations<'_>,
) -> anyhow::Result<String> {
    check_exists(path)?;
    let suffix = match arguments.output {
        Output::Mask => "mask",
        Output::Probability => "probability",
        Output::Overlay => "overlay",
    };
    let target = destinations.choose(path, suffix, "png")?;
    let file = PictureFile::read(path)?;
    let options = SegmentOptions {
        model: arguments.model.clone(),
        threshold: arguments.threshold,
        ..Default::default()
    };
    let control = Control::default();
    let found = engine.segment(&file.picture()?, &options, control)?;
    let survey = found.survey(control)?;
    let mut result = if arguments.output == Output::Overlay { file } else { file.blank_gray() };
    let mut pixels = result.picture_mut()?;
    match arguments.output {
        Output::Mask => found.write_mask(&mut pixels, control)?,
        Output::Probability => found.write_probability(&mut pixels, control)?,
        Output::Overlay => found.write_overlay(&mut pixels, control)?,
    }
    result.write(&target)?;
    let (percent, grade) = (100.0 * survey.fraction(), survey.iso_4628_3());
    Ok(format!("{percent:.1} % rust (Ri {grade}), {suffix} written to {}", target.display()))
}
