//! What can be typed. Names and defaults are a contract.

use std::num::NonZero;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use derust_engine::Kind;
use derust_engine::models::Selector;
use derust_engine::runtime::Device;

use crate::picture_file::Format;

/// What people want most, before anything else.
const EXAMPLES: &str = "\
Examples:
  derust remove photo.jpg                        photo-derusted.jpg without the rust
  derust segment photo.jpg                       photo-mask.png, and how much rust there is
  derust segment photo.jpg --output overlay      the picture with the rust coloured
  derust remove in/ --recursive --out-dir out    a folder and all folders in it
  derust remove 'in/*.tif' --out-dir out         a pattern, in quotes
  derust remove in/ --out-dir out --resume       go on after a stop, or share the work with another derust
  derust remove - --format png <a.jpg >b.png     from standard input to standard output
  derust segment in/ --out-dir masks --json      one line of JSON per picture";

const REMOVE_EXAMPLES: &str = "\
Examples:
  derust remove photo.jpg
  derust remove photo.jpg -o clean.jpg --strength 0.7
  derust remove gate.jpg --colour '#3a6ea5'
  derust remove photo.tif --mask brush.png --mask-mode replace
  derust remove in/ --recursive --out-dir out --resume";

const SEGMENT_EXAMPLES: &str = "\
Examples:
  derust segment photo.jpg
  derust segment photo.jpg --output probability -o map.png
  derust segment 'site/*.jpg' --out-dir masks --json > areas.jsonl";

const ADOPT_EXAMPLES: &str = "\
Examples:
  derust models adopt unet.onnx
  derust models adopt generator.onnx --kind derust
  derust models adopt segformer.onnx --classes background,paint,rust --rust rust";

/// Finds rust in pictures and takes it away.
#[derive(Debug, Parser)]
#[command(name = "derust", version, about = "Finds rust in pictures and takes it away", before_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find rust: write a mask, the probability, or an overlay
    #[command(before_help = SEGMENT_EXAMPLES)]
    Segment(Segment),
    /// Take rust away: write the picture without it
    #[command(before_help = REMOVE_EXAMPLES)]
    Remove(Remove),
    /// List the models and say which of them serve
    Models {
        /// What to do with them; without it they are listed.
        #[command(subcommand)]
        verb: Option<ModelsVerb>,
    },
    /// Say what this program is made of and what it found on this machine
    Info,
    /// Write the completions for a shell to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page to standard output, or all pages into a folder
    Man {
        /// Write a page for the command and for each of its verbs into this folder
        #[arg(long, value_name = "DIR")]
        out_dir: Option<PathBuf>,
    },
}

/// `derust models`.
#[derive(Debug, Subcommand)]
pub enum ModelsVerb {
    /// List the models and say which of them serve
    List,
    /// Say everything about a model file, try it out and time it; exit code 1 if it cannot serve
    Check(Check),
    /// Choose the model that serves
    Use(Use),
    /// Try a model out anew that was tried out before
    Retry(Retry),
    /// Write a manifest for a network that others trained, to be edited
    #[command(before_help = ADOPT_EXAMPLES)]
    Adopt(Adopt),
}

/// `derust models check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The ONNX file; its manifest is in it, or beside it in FILE.json
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to try it out: automatic, cpu, cuda, tensorrt, or a GPU by its number as in cuda:1
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// Say it as a line of JSON
    #[arg(long)]
    pub json: bool,
}

/// `derust models use`.
#[derive(Debug, Args)]
pub struct Use {
    /// The model: NAME, NAME@VERSION, or sha256:HEX for exactly one content
    #[arg(value_name = "MODEL", required_unless_present = "automatic")]
    pub model: Option<Selector>,
    /// For this kind of model only
    #[arg(long, value_name = "KIND", value_enum)]
    pub kind: Option<FilterKind>,
    /// Forget the choice: the model that was added last serves
    #[arg(long, conflicts_with = "model")]
    pub automatic: bool,
}

/// `derust models retry`.
#[derive(Debug, Args)]
pub struct Retry {
    /// The model: NAME, NAME@VERSION, or sha256:HEX for exactly one content
    #[arg(value_name = "MODEL")]
    pub model: Selector,
}

/// The kinds of models that filters use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FilterKind {
    /// Models that take rust away
    Derust,
    /// Models that find it
    SegmentRust,
}

impl From<FilterKind> for Kind {
    fn from(kind: FilterKind) -> Self {
        match kind {
            FilterKind::Derust => Kind::Derust,
            FilterKind::SegmentRust => Kind::SegmentRust,
        }
    }
}

/// `derust models adopt`.
#[derive(Debug, Args)]
pub struct Adopt {
    /// The ONNX file; the manifest goes beside it, FILE.json
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the model is for [default: what its answer looks like]
    #[arg(long, value_name = "KIND", value_enum)]
    pub kind: Option<FilterKind>,
    /// Name of the model [default: that of the file]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The names of its classes, in their order
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// Those of the classes that are rust
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub rust: Vec<String>,
    /// Show on this photo what each plausible reading of the file makes of it, as a sheet of numbered pictures
    #[arg(long = "try", value_name = "PHOTO")]
    pub photo: Option<PathBuf>,
    /// The reading of this number is right
    #[arg(long, value_name = "NUMBER")]
    pub reading: Option<usize>,
    /// Write what is guessed even if some of it is doubtful
    #[arg(long)]
    pub confirm: bool,
    /// Ask at the terminal which reading is right
    #[arg(long, conflicts_with_all = ["reading", "confirm"])]
    pub ask: bool,
    /// Write over a manifest that is there
    #[arg(long)]
    pub force: bool,
}

/// Pictures in, pictures out.
#[derive(Clone, Debug, Default, Args)]
pub struct Files {
    /// Pictures, folders of them, or patterns such as 'in/*.jpg'; - is standard input
    #[arg(value_name = "IN", required = true)]
    pub inputs: Vec<PathBuf>,
    /// Write the result of the one picture here; - is standard output, and where that of standard input goes
    #[arg(short = 'o', value_name = "FILE", conflicts_with = "out_dir")]
    pub output_file: Option<PathBuf>,
    /// Write the results into this folder
    #[arg(long, value_name = "DIR")]
    pub out_dir: Option<PathBuf>,
    /// Take the folders in the folders too; --out-dir gets the same folders
    #[arg(short, long)]
    pub recursive: bool,
    /// Replace results that exist already; `remove` may replace the input itself
    #[arg(long)]
    pub force: bool,
    /// With --force, replace even a picture whose file holds further pages, frames, channels or a video that get lost
    #[arg(long, requires = "force")]
    pub drop_further: bool,
    /// Skip pictures whose result exists already, or is made by another derust with --resume
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,
    /// The format of the results [default: what -o ends in, else png for segment, and for remove the input's]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<FileFormat>,
    /// Give the results the times of the pictures that they come from
    #[arg(long)]
    pub keep_times: bool,
}

/// The formats of picture files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "they are called so")]
pub enum FileFormat {
    Png,
    Jpg,
    Tif,
    Webp,
    Bmp,
    Exr,
}

impl From<FileFormat> for Format {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Png => Format::Png,
            FileFormat::Jpg => Format::Jpeg,
            FileFormat::Tif => Format::Tiff,
            FileFormat::Webp => Format::WebP,
            FileFormat::Bmp => Format::Bmp,
            FileFormat::Exr => Format::Exr,
        }
    }
}

/// How the work is done and what is said about it.
#[derive(Clone, Debug, Default, Args)]
pub struct Work {
    /// Use this model: NAME, NAME@VERSION, or sha256:HEX for exactly one content
    #[arg(long, value_name = "MODEL")]
    pub model: Option<Selector>,
    /// Look for models in this folder first
    #[arg(long, value_name = "DIR")]
    pub models: Option<PathBuf>,
    /// The scale at which pictures are analysed
    #[arg(long, value_name = "SCALE", value_enum, default_value_t)]
    pub scale: Scale,
    /// Where to compute: automatic, cpu, cuda, tensorrt, or a GPU by its number as in cuda:1; a named one that cannot
    /// be used is an error
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// Let a GPU compute with the precision of 16 bits, which is faster
    #[arg(long)]
    pub fp16: bool,
    /// Threads to compute with [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
    /// Say what came of each picture as a line of JSON
    #[arg(long)]
    pub json: bool,
    /// Say nothing but what failed
    #[arg(short, long, conflicts_with_all = ["json", "verbose"])]
    pub quiet: bool,
    /// Say what is used, and how large pictures are and how long they took
    #[arg(short, long)]
    pub verbose: bool,
}

/// What pictures mean, and which part of them counts.
#[derive(Clone, Debug, Default, Args)]
pub struct Judging {
    /// A picture of the same size; only what is white in it counts and changes
    #[arg(long, value_name = "FILE")]
    pub region: Option<PathBuf>,
    /// The value that is white, such as 4095 for 12 bits in 16
    #[arg(long, value_name = "N", value_parser = white_level)]
    pub white_level: Option<f32>,
    /// Look for rust even in pictures that cannot be judged, such as gray ones
    #[arg(long)]
    pub judge_anyway: bool,
}

/// The scale at which pictures are analysed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// The one that the model knows; large pictures are reduced for it
    #[default]
    Model,
    /// The picture's own
    Native,
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
    /// Grade even pictures that say that rust was taken out of them
    #[arg(long)]
    pub grade_treated: bool,
    /// What pictures mean, and which part of them counts.
    #[command(flatten)]
    pub judging: Judging,
    /// How the work is done and what is said about it.
    #[command(flatten)]
    pub work: Work,
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
    /// How much of the shape of what was rusty stays, its edges, relief and shading, 0 to 1
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = strength)]
    pub shape: f32,
    /// Paint what was rusty in this colour, #rrggbb of sRGB, with its light and shadow
    #[arg(long, value_name = "COLOUR", value_parser = colour)]
    pub colour: Option<[f32; 3]>,
    /// Paint it in the colour that the picture has at this place, counted in pixels from its upper left corner
    #[arg(long, value_name = "X,Y", value_parser = place, conflicts_with = "colour")]
    pub colour_from: Option<(u32, u32)>,
    /// A picture of the same size; white means: treat. So do opaque parts of a transparent one, all colours of a palette
    /// but the first, and all numbers but 0 where they are small
    #[arg(long, value_name = "FILE")]
    pub mask: Option<PathBuf>,
    /// Whether the mask limits what is found, or stands in for it
    #[arg(long, value_name = "MODE", value_enum, default_value_t = MaskMode::Limit, requires_if("replace", "mask"))]
    pub mask_mode: MaskMode,
    /// Leave the fill as the network made it, without texture from the clean parts of the picture
    #[arg(long)]
    pub plain_fill: bool,
    /// Do not write into the picture's XMP that it was treated, by which model, and how much of it
    #[arg(long)]
    pub no_mark: bool,
    /// JPEG quality, 1 to 100 [default: that of the input, or 95]
    #[arg(long, value_name = "Q", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
    /// What pictures mean, and which part of them counts.
    #[command(flatten)]
    pub judging: Judging,
    /// How the work is done and what is said about it.
    #[command(flatten)]
    pub work: Work,
}

/// How `--mask` acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MaskMode {
    /// Rust is removed only where the mask is white
    Limit,
    /// Everything white in the mask is treated as rust
    Replace,
}

impl From<Scale> for derust_engine::filters::Scale {
    fn from(scale: Scale) -> Self {
        match scale {
            Scale::Model => derust_engine::filters::Scale::Model,
            Scale::Native => derust_engine::filters::Scale::Native,
        }
    }
}

fn threshold(text: &str) -> Result<f32, String> {
    number(text, |value| value > 0.0 && value < 1.0, "a number between 0 and 1")
}

fn white_level(text: &str) -> Result<f32, String> {
    number(text, |value| value > 0.0 && value.is_finite(), "a number above 0")
}

fn strength(text: &str) -> Result<f32, String> {
    number(text, |value| (0.0..=1.0).contains(&value), "a number from 0 to 1")
}

fn colour(text: &str) -> Result<[f32; 3], String> {
    let wanted = || "a colour like #3a6ea5 is needed".to_owned();
    let digits = text.strip_prefix('#').unwrap_or(text);
    if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(wanted());
    }
    let number = u32::from_str_radix(digits, 16).map_err(|_| wanted())?;
    let [_, red, green, blue] = number.to_be_bytes();
    Ok([red, green, blue].map(|part| f32::from(part) / 255.0))
}

fn place(text: &str) -> Result<(u32, u32), String> {
    let place =
        text.split_once(',').and_then(|(x, y)| Some((x.trim().parse().ok()?, y.trim().parse().ok()?)));
    place.ok_or_else(|| "two whole numbers are needed, like 120,45".into())
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
            "derust remove a.png --shape 0.5 --colour #3a6ea5",
            "derust remove a.png --colour-from 12,0",
            "derust remove a.png --device cpu",
            "derust segment a.png --device tensorrt:1 --fp16",
            "derust remove in -r --out-dir out --resume --threads 3 --scale native --json",
            "derust remove - --format tif --keep-times --no-mark",
            "derust remove a.tif -o a.tif --force --drop-further",
            "derust segment a.jpg --grade-treated",
            "derust segment a.tif -o - --region r.png --white-level 4095 --judge-anyway",
            "derust models",
            "derust models list",
            "derust models check a.onnx --device cpu --json",
            "derust models use finder@1.2.0 --kind segment-rust",
            "derust models use --automatic",
            "derust models adopt a.onnx --kind derust --name a --force",
            "derust models adopt a.onnx --classes a,b,c --rust b,c",
            "derust models adopt a.onnx --try photo.jpg --reading 2",
            "derust models adopt a.onnx --ask",
            "derust info",
            "derust completions zsh",
            "derust man --out-dir pages",
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
            "derust segment a.png --device gpu",
            "derust segment a.png --device cpu:1",
            "derust remove a.png --strength 1.1",
            "derust remove a.png --shape -0.1",
            "derust remove a.png --colour blue",
            "derust remove a.png --colour #3a6ea",
            "derust remove a.png --colour #+a6ea5",
            "derust remove a.png --colour-from 12",
            "derust remove a.png --colour-from -1,2",
            "derust remove a.png --colour #3a6ea5 --colour-from 1,2",
            "derust remove a.png --model a@b",
            "derust models use",
            "derust models use a --automatic",
            "derust models use a --kind rust-grade",
            "derust remove a.png --mask-mode replace",
            "derust models check",
            "derust models check a.onnx b.onnx",
            "derust models adopt",
            "derust models adopt a.onnx --kind rust-texture",
            "derust models adopt a.onnx --ask --confirm",
            "derust segment a.png --white-level 0",
            "derust remove a.png --threads 0",
            "derust remove a.png --resume --force",
            "derust remove a.png --format gif",
            "derust remove a.png --drop-further",
            "derust remove a.png --quiet --json",
            "derust completions cmd",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
