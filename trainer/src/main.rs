//! `derust-trainer`: trains the networks of derust and writes them as ONNX models.

mod data;
mod evaluate;
mod losses;
mod model_file;
mod networks;
mod report;
mod run;
mod tasks;
mod whole_file;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use evaluate::compare;
use model_file::export;
use run::{Outcome, config, curves, interrupt, runtime};
use tasks::{calibrate, derust, grade, preview, recipe, segment, speed, texture};

#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what a data set holds, and what of it cannot be used and why.
    Check(data::check::CheckOptions),
    /// Train a network, on your own photos.
    #[command(subcommand)]
    Train(Box<TrainCommand>),
    /// Follow a recipe: several trainings, each of which begins where others ended, and the model file that comes of them.
    Recipe(recipe::RecipeOptions),
    /// Choose working scale and threshold for a segmentation run, on the photos that it set aside.
    Calibrate(calibrate::CalibrateOptions),
    /// Write a contact sheet of the samples that a training sees.
    Preview(Box<preview::PreviewOptions>),
    /// Draw the curves of a run: loss.png and metrics.png in its folder.
    Curves(curves::CurvesOptions),
    /// Put runs and evaluations side by side: one table, one plot.
    Compare(compare::CompareOptions),
    /// Write a model file from the best weights of a run.
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Write a fixed list of rusty and clean pairs made from photos.
    Pairs(evaluate::PairsOptions),
    /// Write a fixed list of pictures without rust: rendered ones, and clean parts of photos.
    RustFree(evaluate::RustFreeOptions),
    /// Measure how many pictures a second a network learns from; `trainer/benchmarks/speed.py` calls this.
    #[command(hide = true)]
    Speed(speed::SpeedOptions),
    /// Measure model files through the `derust` command.
    #[command(subcommand, visible_alias = "eval")]
    Evaluate(evaluate::EvaluateCommand),
}

/// What to train.
#[derive(Subcommand)]
enum TrainCommand {
    /// The network that finds rust.
    Segment(segment::SegmentOptions),
    /// The network that fills the place of rust.
    Derust(derust::DerustOptions),
    /// A network that makes rust textures of noise.
    Texture(texture::TextureOptions),
    /// The network that grades pictures by their rust: none, light, moderate, severe.
    Grade(grade::GradeOptions),
}

fn main() -> ExitCode {
    runtime::keep_memory();
    match parse().and_then(run) {
        Ok(exit_code) => exit_code,
        Err(error) => {
            eprintln!("derust-trainer: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments of this call and of its settings file; what is wrong with the former clap says itself.
fn parse() -> anyhow::Result<Command> {
    let arguments = config::expand(std::env::args_os().collect(), &Arguments::command())?;
    match Arguments::try_parse_from(&arguments.all) {
        Ok(parsed) => Ok(parsed.command),
        Err(error) => match arguments.explain(&error) {
            Some(explanation) => anyhow::bail!(explanation),
            None => error.exit(),
        },
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Train(command) => {
            let outcome = match *command {
                TrainCommand::Segment(options) => segment::train(&options)?,
                TrainCommand::Derust(options) => derust::train(&options)?,
                TrainCommand::Texture(options) => texture::train(&options)?,
                TrainCommand::Grade(options) => grade::train(&options)?,
            };
            return Ok(match outcome {
                Outcome::Finished | Outcome::Stopped => ExitCode::SUCCESS,
                Outcome::Interrupted => ExitCode::from(interrupt::EXIT_CODE),
            });
        }
        Command::Recipe(options) => return recipe::follow(&options),
        Command::Check(options) => data::check::check(&options),
        Command::Calibrate(options) => calibrate::calibrate(&options),
        Command::Preview(options) => preview::write(&options),
        Command::Curves(options) => curves::write(&options),
        Command::Compare(options) => compare::compare(&options),
        Command::Export(command) => export::export(&command),
        Command::Pairs(options) => evaluate::write_pairs(&options),
        Command::RustFree(options) => evaluate::write_rust_free(&options),
        Command::Speed(options) => speed::measure(&options),
        Command::Evaluate(command) => evaluate::evaluate(&command),
    }?;
    Ok(ExitCode::SUCCESS)
}
