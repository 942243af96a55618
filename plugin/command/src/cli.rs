//! What can be typed. Names and defaults are a contract.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

/// Finds rust in pictures and takes it away.
#[derive(Debug, Parser)]
#[command(name = "derust", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find rust: write a mask, the probability, or an overlay
    Segment(Segment),
    /// Take rust away: write the picture without it
    Remove(Remove),
    /// List the models and say which of them serve
    Models,
    /// Say what this program is made of and what it found on this machine
    Info,
}

/// Pictures in, pictures out.
#[derive(Debug, Args)]
pub struct Files {
    /// PNG or JPEG pictures, or folders of them
    #[arg(value_name = "IN", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Write the result of the one picture here
    #[arg(short = 'o', value_name = "FILE", conflicts_with = "out_dir")]
    pub output_file: Option<PathBuf>,
    /// Write the results into this folder
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// Replace results that exist already (never the input)
    #[arg(long)]
    pub force: bool,
}

/// `derust segment`.
#[derive(Debug, Args)]
pub struct Segment {
    /// Pictures in, pictures out.
    #[command(flatten)]
    pub files: Files,
    /// What to write
    #[arg(long = "output", value_name = "KIND", value_enum, default_value_t = Output::Mask)]
    pub output: Output,
    /// Probability from which on a pixel counts as rust, between 0 and 1 [default: the model's]
    #[arg(long, value_name = "T", value_parser = threshold)]
    pub threshold: Option<f32>,
    /// Use the model of this name
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
}

/// What `derust segment` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// White where rust is, black elsewhere
    Mask,
    /// Gray: black is 0, white is 1
    Probability,
    /// The picture with the rust coloured
    Overlay,
}

/// `derust remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// Pictures in, pictures out.
    #[command(flatten)]
    pub files: Files,
    /// How much of the change to apply, 0 to 1
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = strength)]
    pub strength: f32,
    /// A picture of the same size; white means: treat
    #[arg(long, value_name = "FILE")]
    pub mask: Option<PathBuf>,
    /// Whether the mask limits what is found, or stands in for it
    #[arg(long, value_name = "MODE", value_enum, default_value_t = MaskMode::Limit, requires_if("replace", "mask"))]
    pub mask_mode: MaskMode,
    /// Use the model of this name
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
}

/// How `--mask` acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MaskMode {
    /// Rust is removed only where the mask is white
    Limit,
    /// Everything white in the mask is treated as rust
    Replace,
}

fn threshold(text: &str) -> Result<f32, String> {
    number(text, |value| value > 0.0 && value < 1.0, "a number between 0 and 1")
}

fn strength(text: &str) -> Result<f32, String> {
    number(text, |value| (0.0..=1.0).contains(&value), "a number from 0 to 1")
}

fn number(text: &str, fits: impl Fn(f32) -> bool, wanted: &str) -> Result<f32, String> {
    text.parse().ok().filter(|value| fits(*value)).ok_or_else(|| format!("{wanted} is needed"))
}

/// Ends the program as clap does for calls that contradict themselves (exit code 2).
pub fn usage_error(message: &str) -> ! {
    Cli::command().error(ErrorKind::ArgumentConflict, message).exit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn calls_that_make_no_sense_are_refused() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map(|_| ());
        for good in [
            "derust segment a.png b.png --out-dir out --output overlay --threshold 0.3 --model m",
            "derust remove a.png -o b.png --strength 0.5 --mask m.png --mask-mode replace",
            "derust remove a.png --mask-mode limit",
            "derust models",
            "derust info",
        ] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
        }
        for bad in [
            "derust",
            "derust segment",
            "derust segment a.png -o b.png --out-dir c",
            "derust segment a.png --threshold 1",
            "derust segment a.png --threshold nan",
            "derust segment a.png --output text",
            "derust remove a.png --strength 1.1",
            "derust remove a.png --mask-mode replace",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
