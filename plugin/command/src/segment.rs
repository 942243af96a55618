//! `derust segment`.

use std::process::ExitCode;

use derust_engine::filters::segment_rust::{Outputs, SegmentOptions, Surveying};
use derust_engine::{Control, Kind};
use serde_json::{Map, Value, json};

use crate::batch::{self, Desk, Job, Verb};
use crate::cli::{Output, Segment};
use crate::destination::{self, Naming};
use crate::judging;
use crate::picture_file::PictureFile;
use crate::report::{self, Done};

/// Finds the rust in every picture.
///
/// # Errors
/// When nothing can be done at all; what concerns one picture goes into the report.
pub fn run(arguments: &Segment) -> anyhow::Result<ExitCode> {
    let region = judging::mask(arguments.judging.region.as_deref())?;
    let one = |desk: &Desk<'_>, job: &Job<'_>, control: Control<'_>| {
        segment(desk, arguments, job, region.as_ref(), control)
    };
    batch::run(&Verb {
        files: &arguments.files,
        work: &arguments.work,
        naming: Naming { suffix: suffix(arguments.output), may_replace_input: false },
        kind: Kind::SegmentRust,
        extension: &|_, _| "png".to_owned(),
        one: &one,
    })
}

fn suffix(output: Output) -> &'static str {
    match output {
        Output::Mask => "mask",
        Output::Probability => "probability",
        Output::Overlay => "overlay",
    }
}

fn segment(
    desk: &Desk<'_>,
    arguments: &Segment,
    job: &Job<'_>,
    region: Option<&PictureFile>,
    control: Control<'_>,
) -> anyhow::Result<Done> {
    let opened = PictureFile::open(&job.input.source)?;
    let _memory = desk.memory.take(opened.memory(), &control)?;
    let mut file = opened.decode()?;
    judging::apply(&arguments.judging, region, &mut file)?;
    let options = SegmentOptions {
        model: arguments.work.model.clone(),
        threshold: arguments.threshold,
        scale: arguments.work.scale.into(),
        judge_anyway: arguments.judging.judge_anyway,
    };
    let found = desk.engine.segment(&file.picture()?, &options, control).map_err(judging::explained)?;
    let mut notes = file.take_notes();
    notes.extend(region.iter().flat_map(|region| region.notes().iter().cloned()));
    notes.extend(found.caution().map(|caution| caution.to_string()));
    let size = file.size();
    let treatment = file.treatment();
    if let Some(treatment) = &treatment {
        notes.push(format!("the picture says of itself that it was {treatment}"));
    }
    let (result, survey) = if arguments.output == Output::Overlay {
        let survey = found.survey(&file.picture()?, control)?;
        found.write_overlay(&mut file.picture_mut()?, control)?;
        (file, survey)
    } else {
        let mut result = file.blank_gray()?;
        let mut target = result.picture_mut()?;
        let (mask, probability) = match arguments.output {
            Output::Probability => (None, Some(&mut target)),
            _ => (Some(&mut target), None),
        };
        let outputs = Outputs { mask, probability, survey: Surveying::Regions };
        let survey = found.write(&file.picture()?, outputs, control)?;
        (result, survey.expect("a survey was asked for"))
    };
    notes.extend(result.write(job.target, &destination::coding(&arguments.files, job.input, job.target))?);
    let graded = treatment.is_none() || arguments.grade_treated;
    let grade = |grade: Value| if graded { grade } else { Value::Null };
    let mut facts = Map::from_iter([
        ("rust_fraction".to_owned(), json!(survey.fraction())),
        ("iso_4628_3".to_owned(), grade(json!(survey.iso_4628_3()))),
        ("astm_d610".to_owned(), grade(json!(survey.astm_d610()))),
        ("treated".to_owned(), json!(treatment)),
    ]);
    facts.extend(report::of_model(found.served()));
    let percent = 100.0 * survey.fraction();
    let grade = match graded {
        true => format!("Ri {}", survey.iso_4628_3()),
        false => "not graded; --grade-treated grades it".to_owned(),
    };
    let said = format!("{percent:.1} % rust ({grade}), {}", suffix(arguments.output));
    Ok(Done { said, facts, size, notes })
}
