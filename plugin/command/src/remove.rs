//! `derust remove`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use derust_engine::filters::derust::{Look, RemoveOptions, colour_at};
use derust_engine::{Control, Kind, MaskMode};
use serde_json::{Map, json};

use crate::batch::{self, Desk, Job, Verb};
use crate::cli::{self, Remove};
use crate::destination::{self, Naming};
use crate::judging;
use crate::picture_file::{Coding, Format, Mark, PictureFile};
use crate::report::{self, Done};

/// Takes the rust out of every picture.
///
/// # Errors
/// When nothing can be done at all; what concerns one picture goes into the report.
pub fn run(arguments: &Remove) -> anyhow::Result<ExitCode> {
    let mask = judging::mask(arguments.mask.as_deref())?;
    let region = judging::mask(arguments.judging.region.as_deref())?;
    let one = |desk: &Desk<'_>, job: &Job<'_>, control: Control<'_>| {
        remove(desk, arguments, job, [mask.as_ref(), region.as_ref()], control)
    };
    batch::run(&Verb {
        files: &arguments.files,
        work: &arguments.work,
        naming: Naming { suffix: "derusted", may_replace_input: true },
        kind: Kind::Derust,
        extension: &extension,
        one: &one,
    })
}

/// The result has the format of the input, and the input's own ending where that says so.
fn extension(path: &Path, format: Format) -> String {
    let own = path.extension().and_then(|extension| extension.to_str());
    let own = own.filter(|_| Format::of_extension(path) == Some(format));
    own.unwrap_or(format.extension()).to_owned()
}

fn remove(
    desk: &Desk<'_>,
    arguments: &Remove,
    job: &Job<'_>,
    [mask, region]: [Option<&PictureFile>; 2],
    control: Control<'_>,
) -> anyhow::Result<Done> {
    let opened = PictureFile::open(&job.input.source)?;
    let _memory = desk.memory.take(opened.memory(), &control)?;
    let mut file = opened.decode()?;
    judging::apply(&arguments.judging, region, &mut file)?;
    file.check_target(job.target)?;
    let mask_mode = match arguments.mask_mode {
        cli::MaskMode::Limit => MaskMode::Limit,
        cli::MaskMode::Replace => MaskMode::Replace,
    };
    let options = RemoveOptions {
        model: arguments.work.model.clone(),
        mask_mode,
        scale: arguments.work.scale.into(),
        plain_fill: arguments.plain_fill,
        judge_anyway: arguments.judging.judge_anyway,
    };
    let mut notes = file.take_notes();
    notes.extend([mask, region].iter().flatten().flat_map(|mask| mask.notes().iter().cloned()));
    let mask = mask.map(PictureFile::picture).transpose()?;
    let removal = desk
        .engine
        .analyse_removal(&file.picture()?, mask.as_ref(), &options, control)
        .map_err(judging::explained)?;
    notes.extend(removal.caution().map(|caution| caution.to_string()));
    let colour = match arguments.colour_from {
        Some(place) => Some(colour_at(&file.picture()?, place).context("--colour-from")?),
        None => arguments.colour,
    };
    let look = Look { strength: arguments.strength, shape: arguments.shape, colour };
    let mut result = file.try_clone()?;
    removal.compose(mask.as_ref(), &look, &mut result.picture_mut()?, control)?;
    let changed = result.changed_fraction(&file);
    let size = file.size();
    let mut facts = Map::from_iter([("treated_fraction".to_owned(), json!(changed))]);
    let model = report::of_model(removal.served());
    // What was not changed needs no mark.
    let mark = (changed > 0.0 && !arguments.no_mark)
        .then(|| Mark { model: report::model_name(removal.served()), fraction: changed });
    facts.extend(model);
    drop((file, removal));
    let coding = Coding {
        jpeg_quality: arguments.quality,
        mark,
        ..destination::coding(&arguments.files, job.input, job.target)
    };
    notes.extend(result.write(job.target, &coding)?);
    Ok(Done { said: format!("{:.1} % of the picture treated,", 100.0 * changed), facts, size, notes })
}
