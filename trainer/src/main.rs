//! `derust-trainer`: trains the networks of derust and writes them as ONNX models.

#[allow(dead_code, unused_imports, reason = "some networks have no training yet")]
mod architectures;
mod average;
mod backbone;
mod calibrate;
mod checkpoint;
mod data;
mod derust;
mod evaluate;
mod export;
mod fold;
mod graph;
mod layers;
mod lettering;
#[allow(dead_code, unused_imports, reason = "some losses have no training yet")]
mod losses;
mod measure;
mod network;
mod onnx;
mod optimiser;
mod parity;
mod plot;
mod preview;
mod random;
mod run;
mod runtime;
mod segment;
mod whole_file;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train the network that finds rust.
    Segment(segment::SegmentOptions),
    /// Choose working scale and threshold for a segmentation run, on the photos that it set aside.
    Calibrate(calibrate::CalibrateOptions),
    /// Train the network that fills the place of rust.
    Derust(derust::DerustOptions),
    /// Write a contact sheet of the samples that a training sees.
    Preview(preview::PreviewOptions),
    /// Draw the curves of a run: loss.png and metrics.png in its folder.
    Curves(plot::CurvesOptions),
    /// Write a model file from the best weights of a run.
    #[command(subcommand)]
    Export(export::ExportCommand),
    /// Write a fixed list of rusty and clean pairs made from photos.
    Pairs(evaluate::PairsOptions),
    /// Write a fixed list of pictures without rust: rendered ones, and clean parts of photos.
    RustFree(evaluate::RustFreeOptions),
    /// Measure model files through the `derust` command.
    #[command(subcommand)]
    Evaluate(evaluate::EvaluateCommand),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Segment(options) => segment::train(&options),
        Command::Calibrate(options) => calibrate::calibrate(&options),
        Command::Derust(options) => derust::train(&options),
        Command::Preview(options) => preview::write(&options),
        Command::Curves(options) => plot::write_run(&options),
        Command::Export(command) => export::export(&command),
        Command::Pairs(options) => evaluate::write_pairs(&options),
        Command::RustFree(options) => evaluate::write_rust_free(&options),
        Command::Evaluate(command) => evaluate::evaluate(&command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("derust-trainer: {error:#}");
            ExitCode::FAILURE
        }
    }
}
