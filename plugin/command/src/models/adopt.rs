//! `derust models adopt`: a manifest for a network that others trained.

use std::fs;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use derust_engine::models::{
    Contents, Examination, Limits, Rule, SIZE_LIMIT, examine, inspect, sidecar_path, with_weights,
};
use derust_engine::runtime::{Runtime, SessionOptions};
use derust_engine::{Control, Engine, EngineOptions, Kind, Manifest, Trial};
use derust_manifest::Tile;

use super::guess::{Guess, Known, guess};
use super::readings::{Reading, Seen, look, plausible};
use super::samples;
use super::sheet::sheet;
use crate::cli::Adopt;
use crate::console::say;
use crate::engine;
use crate::report::on_building;
use crate::whole_file::WholeFile;

/// Guesses a manifest, tries the network with it, and writes it beside the file. A file whose weights lie in another one
/// becomes one with them.
///
/// # Errors
/// When the file cannot be read or is no network that derust can use, when it does not run, or when something cannot be
/// written; then nothing is.
pub fn run(arguments: &Adopt) -> anyhow::Result<ExitCode> {
    let file = open(arguments)?;
    let File { path, onnx, packed } = &file;
    let sidecar = sidecar_path(path);
    let known = Known {
        name: arguments.name.clone().unwrap_or_else(|| name_for(&arguments.file)),
        kind: arguments.kind.map(Kind::from),
        classes: arguments.classes.clone(),
        rust: arguments.rust.clone(),
    };
    let unusable = || format!("{} cannot be used", arguments.file.display());
    let runtime = Runtime::load(None).ok();
    let has_runtime = runtime.is_some();
    let mut session = runtime.and_then(|runtime| runtime.session(onnx, &SessionOptions::default()).ok());
    let mut guess = guess(onnx, &known, session.as_mut()).with_context(unusable)?;
    drop(session);
    let tried =
        if has_runtime { Some(try_out(onnx, &mut guess.manifest).with_context(unusable)?) } else { None };
    let mut choice = Choice { readings: plausible(&guess), chosen: 0, is_said: arguments.confirm };
    if let Some(trial) = &tried {
        look_at_samples(onnx, trial, &mut guess, &mut choice);
        if let Some(photo) = &arguments.photo {
            show_on(photo, onnx, &choice.readings)?;
        }
    }
    if let Some(number) = arguments.reading {
        choice.say(number)?;
    }
    tell(&arguments.file, &guess);
    if !choice.is_said && arguments.ask {
        ask(&guess, &mut choice)?;
    }
    let manifest = &choice.readings[choice.chosen].manifest;
    let wants_choice = arguments.photo.is_some() && choice.readings.len() > 1;
    if !choice.is_said && (wants_choice || !guess.questions.is_empty()) {
        say("What would be written:");
        manifest.to_json().lines().for_each(say);
        say(if wants_choice {
            "Nothing is written yet: look at the sheet, and say --reading NUMBER."
        } else {
            "Nothing is written yet, since so much is doubtful: say --confirm if it is right, tell with --kind, --classes and \
             --rust what you know, or look at what it makes of a picture of yours with --try PHOTO."
        });
        return Ok(ExitCode::FAILURE);
    }

    if *packed {
        write(path, onnx, arguments.force)?;
        say(format_args!(
            "Written: {}, {} with the weights that lie beside it, in one file.",
            path.display(),
            arguments.file.display()
        ));
    }
    let mut text = manifest.to_json();
    text.push('\n');
    write(&sidecar, text.as_bytes(), arguments.force)?;
    say(format_args!("Written: {}. Edit it where it is wrong.", sidecar.display()));
    let Some(trial) = tried else {
        say("It could not be tried out: there is no ONNX Runtime that can be used.");
        return Ok(ExitCode::FAILURE);
    };
    let ((width, height), seconds) = (trial.size, trial.median_run().as_secs_f64());
    say(format_args!(
        "It runs: a picture of {width} x {height} pixels took {seconds:.2} s. It serves where both files lie in a folder of \
         models; `derust models` lists them."
    ));
    Ok(ExitCode::SUCCESS)
}

/// The readings of a file, and which one is right.
struct Choice {
    readings: Vec<Reading>,
    chosen: usize,
    /// Whether a person said so.
    is_said: bool,
}

impl Choice {
    /// The reading of this number, counted from 1 on, is right.
    fn say(&mut self, number: usize) -> anyhow::Result<()> {
        let chosen = number.checked_sub(1).filter(|chosen| *chosen < self.readings.len());
        let count = self.readings.len();
        self.chosen =
            chosen.with_context(|| format!("there is no reading {number}: the file has {count}"))?;
        self.is_said = true;
        Ok(())
    }
}

/// A network that takes longer for a picture is looked at in one reading only.
const LONGEST_RUN: Duration = Duration::from_secs(4);
/// The intersection over union with the rust of the rendered panel below which a reading finds nothing, and from which on
/// another one is taken instead, which is more than that of calling all of it rust.
const FINDS_NOTHING: f32 = 0.05;
const FINDS_IT: f32 = 0.35;

/// Looks at what the readings make of the rendered panel: another one than the guess is taken where that finds nothing.
fn look_at_samples(onnx: &[u8], trial: &Trial, guess: &mut Guess, choice: &mut Choice) {
    if guess.manifest.kind != Kind::SegmentRust {
        return;
    }
    let seen = |reading: &Reading| look(onnx, &reading.manifest, samples::panel());
    let overlap = |seen: &anyhow::Result<Seen>| {
        let plausible = seen.as_ref().ok().filter(|seen| seen.complaint().is_none());
        plausible.and_then(|seen| seen.overlap).unwrap_or(0.0)
    };
    let first = seen(&choice.readings[0]);
    let found = overlap(&first);
    if found < FINDS_NOTHING && choice.readings.len() > 1 && trial.median_run() < LONGEST_RUN {
        let others: Vec<f32> = choice.readings[1..].iter().map(|reading| overlap(&seen(reading))).collect();
        let best = (0..others.len()).max_by(|a, b| others[*a].total_cmp(&others[*b]));
        if let Some(best) = best.filter(|best| others[*best] >= FINDS_IT) {
            choice.chosen = best + 1;
            guess.doubts.push(format!(
                "of its readings, `{}` finds the rust of a rendered panel (intersection over union {:.2}), and what is \
                 customary does not ({found:.2}): so it is read like that",
                choice.readings[best + 1].label,
                others[best]
            ));
            return;
        }
    }
    match first.map(|seen| seen.complaint()) {
        Err(error) => guess.questions.push(format!("it could not be tried on a picture: {error:#}")),
        Ok(Some(complaint)) => guess.questions.push(format!(
            "of a rendered panel of metal, of which a part is rust, {complaint}: `range`, `mean`, `std` or the classes may \
             be wrong"
        )),
        Ok(None) => guess.reasons.push(format!(
            "on a rendered panel of rusty metal it finds some of the rust (intersection over union {found:.2})"
        )),
    }
}

/// Writes a sheet of what each reading makes of a photo.
fn show_on(photo: &Path, onnx: &[u8], readings: &[Reading]) -> anyhow::Result<()> {
    let sample = samples::photo(photo)?;
    let mut pictures = Vec::new();
    say(format_args!("Readings, as the sheet numbers them:"));
    for (number, reading) in (1..).zip(readings) {
        let seen = look(onnx, &reading.manifest, &sample);
        let said = match &seen {
            Err(error) => format!("it does not run: {error:#}"),
            Ok(Seen { rusty: Some(rusty), .. }) => format!("{:.1} % of the picture is rust", 100.0 * rusty),
            Ok(_) => "the picture as the network gives it back".into(),
        };
        say(format_args!("{number}: {}: {said}", reading.label));
        pictures.push(seen.map_or_else(
            |_| image::RgbImage::new(sample.picture.width(), sample.picture.height()),
            |seen| seen.shown,
        ));
    }
    let stem = photo.file_stem().unwrap_or_default().to_string_lossy();
    let place = PathBuf::from(format!("{stem}-readings.png"));
    let mut bytes = Vec::new();
    sheet(&pictures).write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png)?;
    write(&place, &bytes, true)?;
    say(format_args!("Written: {}", place.display()));
    Ok(())
}

/// Says what was found out of a file, the sure first.
fn tell(path: &Path, guess: &Guess) {
    say(format_args!("{}: what the file tells (sure)", path.display()));
    guess.reasons.iter().for_each(|reason| say(format_args!("- {reason}")));
    say("What it does not tell, as it usually is (likely):");
    guess.doubts.iter().for_each(|doubt| say(format_args!("- {doubt}")));
    if !guess.questions.is_empty() {
        say("What may as well be otherwise (doubtful):");
        guess.questions.iter().for_each(|question| say(format_args!("- {question}")));
    }
}

/// Has the person at the terminal say which reading is right, where something is doubtful.
fn ask(guess: &Guess, choice: &mut Choice) -> anyhow::Result<()> {
    if guess.questions.is_empty() && choice.readings.len() == 1 {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("--ask needs a terminal; say --confirm or --reading NUMBER instead");
    }
    for (number, reading) in (1..).zip(&choice.readings) {
        say(format_args!("{number}: {}", reading.label));
    }
    say(format_args!("Which reading is right? 1 to {}, or nothing for none: ", choice.readings.len()));
    let mut line = String::new();
    std::io::stdin().lock().take(64).read_line(&mut line)?;
    match line.trim() {
        "" => Ok(()),
        number => choice.say(number.parse().with_context(|| format!("`{number}` is no number"))?),
    }
}

/// A file that passed inspection.
struct File {
    /// Where it lies, or is to lie.
    path: PathBuf,
    onnx: Vec<u8>,
    /// Whether it was made of several.
    packed: bool,
}

/// Reads the file, and what belongs to it.
fn open(arguments: &Adopt) -> anyhow::Result<File> {
    let path = &arguments.file;
    let unusable = || format!("{} cannot be used", path.display());
    let onnx = read(path)?;
    let Examination { contents, verdict } = examine(&onnx, &Limits::default());
    // ONNX Runtime sees nothing that inspection refuses.
    match verdict {
        Ok(()) => {
            if !arguments.force {
                refuse_what_has_one(path, &contents, &sidecar_path(path))?;
            }
            Ok(File { path: path.clone(), onnx, packed: false })
        }
        Err(refusal) if refusal.rule == Rule::ExternalData => {
            let packed = with_weights(path, &onnx).with_context(unusable)?;
            examine(&packed, &Limits::default()).verdict.with_context(unusable)?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let place = path.with_file_name(format!("{stem}-packed.onnx"));
            if !arguments.force && (place.exists() || sidecar_path(&place).exists()) {
                bail!(
                    "{} was packed before, into {}; write over that with --force",
                    path.display(),
                    place.display()
                );
            }
            Ok(File { path: place, onnx: packed, packed: true })
        }
        Err(refusal) => Err(refusal).with_context(unusable),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let what = || format!("cannot read {}", path.display());
    let metadata = fs::metadata(path).with_context(what)?;
    if !metadata.is_file() {
        bail!("{} is no file", path.display());
    }
    if metadata.len() > SIZE_LIMIT {
        bail!("{} has more than {} MB", path.display(), SIZE_LIMIT >> 20);
    }
    fs::read(path).with_context(what)
}

fn refuse_what_has_one(path: &Path, contents: &Contents, sidecar: &Path) -> anyhow::Result<()> {
    if sidecar.exists() {
        bail!("{} exists already; edit it, or write over it with --force", sidecar.display());
    }
    if contents.manifest.is_some() {
        bail!(
            "{} has a manifest inside, so that it needs none beside it; with --force one is written, which then counts \
             instead",
            path.display()
        );
    }
    Ok(())
}

/// A model's name made of the file's.
fn name_for(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = stem.chars().map(plain).take(64).collect();
    if name.is_empty() { "model".into() } else { name }
}

fn write(path: &Path, bytes: &[u8], replace: bool) -> anyhow::Result<()> {
    let write = || {
        let mut file = WholeFile::begin(path)?;
        file.as_file_mut().write_all(bytes)?;
        if replace { file.replace() } else { file.put() }
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The largest multiple that height and width of tiles are tried with.
const LARGEST_MULTIPLE: u32 = 256;

/// Has an engine run the network on a picture of the size of its tiles, and on smaller ones. Where it fails at those, and
/// its sides may be any, the multiple of tiles grows until it does not.
fn try_out(onnx: &[u8], manifest: &mut Manifest) -> anyhow::Result<Trial> {
    let mut first = None;
    loop {
        let model = inspect(onnx, Some(&manifest.to_json()))?;
        let log = on_building(Arc::default());
        let engine = Engine::new(EngineOptions { log, ..engine::options() });
        let failure = match engine.try_out(&model, onnx, 1, Control::default()) {
            Ok(trial) => return Ok(trial),
            Err(failure) => failure,
        };
        let Tile { size, multiple, .. } = manifest.tile;
        let larger = 2 * multiple;
        let is_fixed = model.fixed_size.iter().all(Option::is_some);
        let failure = first.get_or_insert(failure);
        if is_fixed || larger > LARGEST_MULTIPLE {
            bail!("{failure}");
        }
        let size = size.next_multiple_of(larger);
        manifest.tile = Tile { size, overlap: size / 8, multiple: larger };
    }
}
