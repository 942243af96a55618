//! The model contract: what a model file says about itself.
//!
//! A model is one ONNX file. Its [`Manifest`] is JSON, kept in the file's `metadata_props` under the key
//! [`METADATA_KEY`]; a file without one takes the same JSON from `NAME.onnx.json` beside it. The trainer writes
//! manifests, the engine reads them, and both use the types of this crate.
//!
//! [`onnx`] holds the protobuf messages of the ONNX format that both sides need.

pub mod onnx;

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

/// The key of the manifest in an ONNX file's `metadata_props`.
pub const METADATA_KEY: &str = "derust";

/// The schema number that this crate writes, and the highest that it reads.
///
/// Every program refuses fields and roles that it does not know, by name, and new fields are left out where they say
/// nothing new. So a field alone does not raise the number; what changes the meaning of an old one does.
pub const SCHEMA: u32 = 1;

/// What a model says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format; see [`SCHEMA`].
    pub schema: u32,
    /// What the model is for.
    pub kind: Kind,
    /// Name by which people choose the model: ASCII letters, digits, `.`, `_` and `-`, at most 64 of them.
    pub name: String,
    /// Version of the model; of models with the same name the highest serves.
    pub version: Version,
    /// Licence of the weights, as an SPDX expression.
    #[serde(default)]
    pub licence: String,
    /// The data that the model learned from, with the attribution that its licence asks for.
    #[serde(default)]
    pub trained_on: String,
    /// Figures measured when the model was made, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// The graph's inputs.
    pub inputs: Vec<Input>,
    /// The graph's outputs that carry a meaning; others are ignored.
    pub outputs: Vec<Output>,
    /// How a large picture is cut for this network.
    #[serde(default)]
    pub tile: Tile,
    /// Long side, in pixels, at which a picture looks like the training data; larger ones are analysed at this size.
    #[serde(default)]
    pub long_side: Option<u32>,
    /// Probability from which on a pixel counts as rust.
    #[serde(default = "default_threshold")]
    pub threshold: f32,
    /// Views of a picture over which the network's answers are averaged: 1, the picture; 2, and its mirror image; 4, and
    /// both upside down. The network is run as many times (the self-ensemble of Lim et al. 2017, arXiv:1707.02921).
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub views: u32,
    /// Part of the working scale at which mirror images are analysed, 0.25 to 1: details show in the picture itself, and
    /// what they lie in shows in the smaller ones. For models that find rust; `None`, all views at one scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror_scale: Option<f32>,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Takes rust away.
    Derust,
    /// Finds rust.
    SegmentRust,
    /// Makes rust textures; used by the trainer.
    RustTexture,
    /// Grades a picture; used by the survey.
    RustGrade,
}

impl Kind {
    /// The name used in manifests, on the command line and in host programs.
    pub fn id(self) -> &'static str {
        match self {
            Kind::Derust => "derust",
            Kind::SegmentRust => "segment-rust",
            Kind::RustTexture => "rust-texture",
            Kind::RustGrade => "rust-grade",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

/// One input of the graph: float32, float16 or uint8, as the graph declares, in four dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name in the graph.
    pub name: String,
    /// What to feed.
    pub role: InputRole,
    /// Order of the dimensions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub layout: Layout,
    /// Order of the colour channels.
    #[serde(default)]
    pub colour_order: ColourOrder,
    /// The values that black and white take before `mean` and `std` apply.
    #[serde(default = "unit_range")]
    pub range: [f32; 2],
    /// Subtracted per channel after `range`; empty means zero.
    #[serde(default)]
    pub mean: Vec<f32>,
    /// Divided by per channel after `mean`; empty means one.
    #[serde(default)]
    pub std: Vec<f32>,
    /// For `image`: the gray, 0 to 1, of the border in whose middle a picture lies that is smaller than a tile. `None`:
    /// it lies in the tile's upper left corner, and the rest shows its mirror image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letterbox: Option<f32>,
    /// For `mask`: what 1 means; the other is 0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub white: White,
    /// For `mask`: pixels by which it is grown before it goes in, 0 to 64, so that no rust shows around it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grow: u32,
}

/// What the 1 of a mask means to a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum White {
    /// A hole that is to be filled.
    #[default]
    Hole,
    /// What stays as it is.
    Keep,
}

/// What the engine feeds to an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputRole {
    /// The picture, three channels, sRGB-encoded.
    Image,
    /// One channel: 1 where the caller asks for treatment, 0 where not; see [`White`]. Where there is no mask, a network
    /// that answers with an alpha gets -1 everywhere and has to find the rust by itself; one without an alpha gets the mask
    /// of what a segment-rust model found.
    Mask,
    /// Standard normal noise in the shape that the graph declares.
    Noise,
}

/// Order of a tensor's dimensions: batch N, channels C, height H, width W.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Plane after plane, as PyTorch has it.
    #[default]
    Nchw,
    /// Pixel after pixel, as TensorFlow has it.
    Nhwc,
}

/// Order of the colour channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColourOrder {
    /// Red first.
    #[default]
    Rgb,
    /// Blue first.
    Bgr,
}

/// One output of the graph: float32, float16, uint8, int32 or int64, as the graph declares. Outputs of one channel may
/// leave the dimension of the channels out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Name in the graph.
    pub name: String,
    /// What the values mean.
    pub role: OutputRole,
    /// Order of the dimensions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub layout: Layout,
    /// Pixels of the input, across and down, for each pixel of the output: 4 where the output has a quarter of the
    /// input's height and width. The engine enlarges it between the nearest values, class numbers without mixing them.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub stride: u32,
    /// For `rgb`, `rgba` and `residual`: order of the colour channels.
    #[serde(default)]
    pub colour_order: ColourOrder,
    /// For `rgb`, `residual` and the colours of `rgba`: the values of black and white. For `probability` and `alpha`:
    /// the values of none and all.
    #[serde(default = "unit_range")]
    pub range: [f32; 2],
    /// For `classes` and `labels`: whether soft-max or logistic function have still to be applied.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scores: Scores,
    /// For `classes` and `labels` the name of each channel, for `class-index` and `boxes` that of each number, from zero on.
    #[serde(default)]
    pub classes: Vec<String>,
    /// For `classes`, `labels`, `class-index` and `boxes`: the names of those that are rust.
    #[serde(default)]
    pub rust: Vec<String>,
    /// For `boxes`: whether the best of those that overlap have still to be chosen.
    #[serde(default, skip_serializing_if = "is_default")]
    pub detections: Detections,
    /// For `boxes`: the score above which an object counts, 0 to 1.
    #[serde(default = "usual_confidence", skip_serializing_if = "is_usual_confidence")]
    pub confidence: f32,
    /// For `boxes` that are candidates: of two of one class whose intersection over union is above this, the better counts.
    #[serde(default = "usual_overlap", skip_serializing_if = "is_usual_overlap")]
    pub max_overlap: f32,
}

/// What the values of an output mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputRole {
    /// One channel, the probability of rust.
    Probability,
    /// One channel; the logistic function makes it a probability.
    Logits,
    /// One channel per class, of which one is right for a pixel: the soft-max over them makes probabilities, and the
    /// rust's is the sum over the classes that are rust.
    Classes,
    /// One channel per class, of which any number can be right for a pixel: the logistic function makes each a
    /// probability, and the rust's is the highest among the classes that are rust.
    Labels,
    /// One channel, the number of the pixel's class, counted from zero. Numbers without a name are not rust.
    ClassIndex,
    /// The picture without rust, three channels.
    Rgb,
    /// One channel: how much of the fill replaces the picture.
    Alpha,
    /// Fill and alpha in four channels.
    Rgba,
    /// Three channels to be added to the picture.
    Residual,
    /// Objects, each with its box in pixels of the input, its scores and the coefficients of its mask; see [`Detections`].
    /// The probability of rust is the highest among the masks of the objects that are rust, and 0 outside of their boxes.
    /// An output of the role `prototypes` belongs to it (Bolya et al. 2019, "YOLACT", arXiv:1904.02689).
    Boxes,
    /// One channel for each coefficient of `boxes`: the logistic function of their sum, weighted by an object's
    /// coefficients, is its mask.
    Prototypes,
}

/// What `boxes` hold, [1, values, objects] or [1, objects, values].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detections {
    /// [1, values, objects]: the centre's column and row, width and height, a probability for each class, coefficients.
    /// Many of them show the same object, and the best have to be chosen (non-maximum suppression).
    #[default]
    Candidates,
    /// [1, objects, values]: left, top, right and bottom, a probability, the number of the class, coefficients. Each shows
    /// another object; those without one have a probability of 0.
    Selected,
}

/// What the channels of `classes` and `labels` hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scores {
    /// Any numbers, as they come out of a last convolution.
    #[default]
    Logits,
    /// Probabilities, because the graph ends in the soft-max or the logistic function.
    Probabilities,
}

/// How a large picture is cut for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tile {
    /// Side of a tile in pixels.
    pub size: u32,
    /// Pixels that neighbouring tiles share.
    pub overlap: u32,
    /// Height and width of every tile are a multiple of this.
    pub multiple: u32,
}

impl Default for Tile {
    fn default() -> Self {
        Tile { size: 512, overlap: 64, multiple: 32 }
    }
}

/// Whether a text can be a model's name: 1 to 64 ASCII letters, digits, `.`, `_` and `-`.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn one() -> u32 {
    1
}

fn is_one(value: &u32) -> bool {
    *value == 1
}

/// Fields that came after the first manifests are written only where they say something, so that programs from before
/// them read whatever they can run; see [`SCHEMA`].
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn unit_range() -> [f32; 2] {
    [0.0, 1.0]
}

fn default_threshold() -> f32 {
    0.5
}

fn usual_confidence() -> f32 {
    0.25
}

fn is_usual_confidence(value: &f32) -> bool {
    *value == usual_confidence()
}

fn usual_overlap() -> f32 {
    0.7
}

fn is_usual_overlap(value: &f32) -> bool {
    *value == usual_overlap()
}

/// Why a text is no usable manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The text is not JSON of the right shape.
    #[error("the manifest cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A value breaks the contract.
    #[error("the manifest's `{field}` {problem}")]
    Invalid {
        /// The field, as a path into the JSON.
        field: String,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// When the text is no JSON of this shape or a value breaks the contract; the error names the field.
    pub fn from_json(text: &str) -> Result<Self, ManifestError> {
        let manifest: Manifest = serde_json::from_str(text)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest as JSON, the form in which it stands in a model file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a manifest holds only strings, numbers and lists")
    }

    /// The work of all views in multiples of that of the picture alone.
    pub fn work(&self) -> f32 {
        let scale = self.mirror_scale.unwrap_or(1.0);
        1.0 + (self.views.max(1) - 1) as f32 * scale * scale
    }

    /// The output with this role, if there is one.
    pub fn output(&self, role: OutputRole) -> Option<&Output> {
        self.outputs.iter().find(|output| output.role == role)
    }

    /// The input with this role, if there is one.
    pub fn input(&self, role: InputRole) -> Option<&Input> {
        self.inputs.iter().find(|input| input.role == role)
    }

    /// Checks every value against the contract.
    ///
    /// # Errors
    /// Names the first field that breaks it.
    pub fn check(&self) -> Result<(), ManifestError> {
        use OutputRole::*;
        ensure(self.schema >= 1 && self.schema <= SCHEMA, "schema", || {
            format!("is {}; this version reads 1 to {SCHEMA}", self.schema)
        })?;
        ensure(is_name(&self.name), "name", || {
            "must be 1 to 64 ASCII letters, digits, `.`, `_` or `-`".into()
        })?;
        ensure(self.threshold > 0.0 && self.threshold < 1.0, "threshold", || {
            format!("is {}; it must lie between 0 and 1", self.threshold)
        })?;
        ensure(self.metrics.values().all(|v| v.is_finite()), "metrics", || {
            "holds a value that is not finite".into()
        })?;
        ensure(matches!(self.views, 1 | 2 | 4), "views", || {
            format!("is {}; it must be 1, 2 or 4", self.views)
        })?;
        if let Some(scale) = self.mirror_scale {
            ensure((0.25..=1.0).contains(&scale), "mirror_scale", || {
                format!("is {scale}; it must be 0.25 to 1")
            })?;
            ensure(self.views > 1, "mirror_scale", || "needs `views` of 2 or 4".into())?;
            ensure(self.kind == Kind::SegmentRust, "mirror_scale", || {
                format!("is for segment-rust models; a {} model's views have one scale", self.kind)
            })?;
        }
        self.check_tile()?;
        if let Some(side) = self.long_side {
            ensure((16..=65_536).contains(&side), "long_side", || {
                format!("is {side}; it must be 16 to 65536")
            })?;
        }
        let images = self.inputs.iter().filter(|input| input.role == InputRole::Image).count();
        let needs_image = matches!(self.kind, Kind::Derust | Kind::SegmentRust);
        ensure(!needs_image || images == 1, "inputs", || {
            format!("has {images} of role `image`; one is needed")
        })?;
        for (i, input) in self.inputs.iter().enumerate() {
            input.check(&format!("inputs[{i}]"))?;
        }
        for (i, output) in self.outputs.iter().enumerate() {
            output.check(&format!("outputs[{i}]"), &self.tile)?;
        }
        let count = |role| self.outputs.iter().filter(|output| output.role == role).count();
        let (boxes, prototypes) = (count(Boxes), count(Prototypes));
        ensure(boxes == prototypes && boxes <= 1, "outputs", || {
            format!(
                "has {boxes} of role `boxes` and {prototypes} of role `prototypes`; one of each makes masks"
            )
        })?;
        let has = |roles: &[OutputRole]| self.outputs.iter().any(|output| roles.contains(&output.role));
        match self.kind {
            Kind::SegmentRust => {
                ensure(has(&[Probability, Logits, Classes, Labels, ClassIndex, Boxes]), "outputs", || {
                    "of a segment-rust model needs one of role `probability`, `logits`, `classes`, `labels`, \
                     `class-index` or `boxes`"
                        .into()
                })
            }
            Kind::Derust => ensure(has(&[Rgb, Rgba, Residual]), "outputs", || {
                "of a derust model needs one of role `rgb`, `rgba` or `residual`".into()
            }),
            Kind::RustTexture | Kind::RustGrade => Ok(()),
        }
    }

    fn check_tile(&self) -> Result<(), ManifestError> {
        let Tile { size, overlap, multiple } = self.tile;
        ensure((1..=1024).contains(&multiple), "tile.multiple", || {
            format!("is {multiple}; it must be 1 to 1024")
        })?;
        ensure((16..=4096).contains(&size) && size % multiple == 0, "tile.size", || {
            format!("is {size}; it must be 16 to 4096 and a multiple of {multiple}")
        })?;
        ensure(overlap <= size / 2, "tile.overlap", || {
            format!("is {overlap}; it must be at most half of {size}")
        })
    }
}

impl Input {
    /// An input with the defaults: NCHW, red first, black 0 and white 1.
    pub fn new(name: impl Into<String>, role: InputRole) -> Self {
        Input {
            name: name.into(),
            role,
            layout: Layout::default(),
            colour_order: ColourOrder::default(),
            range: unit_range(),
            mean: vec![],
            std: vec![],
            letterbox: None,
            white: White::default(),
            grow: 0,
        }
    }

    fn check(&self, at: &str) -> Result<(), ManifestError> {
        check_range(&self.range, at)?;
        let channels = if self.role == InputRole::Image { 3 } else { 1 };
        for (field, values) in [("mean", &self.mean), ("std", &self.std)] {
            let fits = values.is_empty() || values.len() == channels;
            ensure(fits && values.iter().all(|v| v.is_finite()), &format!("{at}.{field}"), || {
                format!("must be empty or {channels} finite numbers")
            })?;
        }
        ensure(self.std.iter().all(|v| *v > 0.0), &format!("{at}.std"), || "must be above zero".into())?;
        let is_mask = self.role == InputRole::Mask;
        ensure(self.grow <= if is_mask { 64 } else { 0 }, &format!("{at}.grow"), || {
            format!("is {}; it must be 0 to 64, and is for the role `mask`", self.grow)
        })?;
        ensure(is_mask || self.white == White::Hole, &format!("{at}.white"), || {
            "is for the role `mask`".into()
        })?;
        let Some(gray) = self.letterbox else { return Ok(()) };
        let fits = self.role == InputRole::Image && (0.0..=1.0).contains(&gray);
        ensure(fits, &format!("{at}.letterbox"), || {
            format!("is {gray}; it must be 0 to 1, and is for the role `image`")
        })
    }
}

impl Output {
    /// An output with the defaults: NCHW, of the input's size, red first, black 0 and white 1, no classes.
    pub fn new(name: impl Into<String>, role: OutputRole) -> Self {
        Output {
            name: name.into(),
            role,
            layout: Layout::default(),
            stride: one(),
            colour_order: ColourOrder::default(),
            range: unit_range(),
            scores: Scores::default(),
            classes: vec![],
            rust: vec![],
            detections: Detections::default(),
            confidence: usual_confidence(),
            max_overlap: usual_overlap(),
        }
    }

    fn check(&self, at: &str, tile: &Tile) -> Result<(), ManifestError> {
        check_range(&self.range, at)?;
        let fits = self.stride != 0 && tile.multiple.is_multiple_of(self.stride);
        ensure(fits, &format!("{at}.stride"), || {
            format!("is {}; `tile.multiple`, {}, must be a multiple of it", self.stride, tile.multiple)
        })?;
        for (field, value) in [("confidence", self.confidence), ("max_overlap", self.max_overlap)] {
            ensure(value > 0.0 && value < 1.0, &format!("{at}.{field}"), || {
                format!("is {value}; it must lie between 0 and 1")
            })?;
        }
        use OutputRole::{Boxes, ClassIndex, Classes, Labels};
        if !matches!(self.role, Classes | Labels | ClassIndex | Boxes) {
            return Ok(());
        }
        ensure(
            !self.rust.is_empty() && self.rust.iter().all(|r| self.classes.contains(r)),
            &format!("{at}.rust"),
            || "must name at least one of `classes`".into(),
        )
    }
}

fn check_range(range: &[f32; 2], at: &str) -> Result<(), ManifestError> {
    let [black, white] = *range;
    ensure(black.is_finite() && white.is_finite() && black < white, &format!("{at}.range"), || {
        format!("is [{black}, {white}]; it must be two finite numbers, the smaller first")
    })
}

fn ensure(holds: bool, field: &str, problem: impl FnOnce() -> String) -> Result<(), ManifestError> {
    if holds { Ok(()) } else { Err(ManifestError::Invalid { field: field.into(), problem: problem() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{
        "schema": 1, "kind": "segment-rust", "name": "small", "version": "0.1.0",
        "inputs": [{"name": "image", "role": "image"}],
        "outputs": [{"name": "p", "role": "probability"}]
    }"#;

    #[test]
    fn a_small_manifest_gets_the_defaults_and_survives_a_round_trip() {
        let manifest = Manifest::from_json(SMALL).unwrap();
        assert_eq!(manifest.tile, Tile { size: 512, overlap: 64, multiple: 32 });
        assert_eq!((manifest.threshold, manifest.inputs[0].range), (0.5, [0.0, 1.0]));
        assert_eq!(Manifest::from_json(&manifest.to_json()).unwrap(), manifest);
    }

    #[test]
    fn fields_that_came_later_are_written_only_where_they_say_something() {
        let later = [
            "views",
            "mirror_scale",
            "layout",
            "stride",
            "scores",
            "letterbox",
            "detections",
            "confidence",
            "max_overlap",
        ]
        .map(|field| format!("\"{field}\""));
        let mut manifest = Manifest::from_json(SMALL).unwrap();
        let plain = manifest.to_json();
        assert!(later.iter().all(|field| !plain.contains(field)), "{plain}");
        (manifest.views, manifest.mirror_scale) = (4, Some(0.5));
        assert_eq!(manifest.work(), 1.75);
        manifest.inputs.push(Input { white: White::Keep, grow: 3, ..Input::new("m", InputRole::Mask) });
        (manifest.inputs[0].layout, manifest.inputs[0].letterbox) = (Layout::Nhwc, Some(0.5));
        manifest.outputs[0] = Output {
            layout: Layout::Nhwc,
            stride: 4,
            scores: Scores::Probabilities,
            classes: vec!["rust".into()],
            rust: vec!["rust".into()],
            detections: Detections::Selected,
            confidence: 0.5,
            max_overlap: 0.5,
            ..Output::new("p", OutputRole::Labels)
        };
        let full = manifest.to_json();
        assert!(later.iter().all(|field| full.contains(field)), "{full}");
        assert_eq!(Manifest::from_json(&full).unwrap(), manifest);
    }

    #[test]
    fn every_broken_value_is_refused_by_its_name() {
        let broken = [
            (r#""schema": 1"#, r#""schema": 2"#, "schema"),
            (r#""name": "small""#, r#""name": "../up""#, "name"),
            (r#""version": "0.1.0""#, r#""version": "0.1.0", "threshold": 1.5"#, "threshold"),
            (r#""version": "0.1.0""#, r#""version": "0.1.0", "long_side": 3"#, "long_side"),
            (r#""version": "0.1.0""#, r#""version": "0.1.0", "views": 3"#, "views"),
            (r#""version": "0.1.0""#, r#""version": "0.1.0", "mirror_scale": 0.5"#, "mirror_scale"),
            (
                r#""version": "0.1.0""#,
                r#""version": "0.1.0", "views": 2, "mirror_scale": 1.5"#,
                "mirror_scale",
            ),
            (r#""role": "image""#, r#""role": "noise""#, "inputs"),
            (r#""role": "image""#, r#""role": "image", "range": [1, 0]"#, "inputs[0].range"),
            (r#""role": "image""#, r#""role": "image", "std": [1, 0, 1]"#, "inputs[0].std"),
            (r#""role": "image""#, r#""role": "image", "mean": [1]"#, "inputs[0].mean"),
            (r#""role": "image""#, r#""role": "image", "letterbox": 114"#, "inputs[0].letterbox"),
            (r#""role": "image""#, r#""role": "image", "grow": 3"#, "inputs[0].grow"),
            (r#""role": "image""#, r#""role": "image", "white": "keep""#, "inputs[0].white"),
            (r#""role": "probability""#, r#""role": "alpha""#, "outputs"),
            (r#""role": "probability""#, r#""role": "prototypes""#, "outputs"),
            (r#""role": "probability""#, r#""role": "boxes", "classes": ["a"], "rust": ["a"]"#, "outputs"),
            (r#""role": "probability""#, r#""role": "boxes", "classes": ["a"]"#, "outputs[0].rust"),
            (r#""role": "probability""#, r#""role": "boxes", "confidence": 0"#, "outputs[0].confidence"),
            (r#""role": "probability""#, r#""role": "boxes", "max_overlap": 1"#, "outputs[0].max_overlap"),
            (
                r#""role": "probability""#,
                r#""role": "classes", "classes": ["a"], "rust": ["b"]"#,
                "outputs[0].rust",
            ),
            (
                r#""role": "probability""#,
                r#""role": "class-index", "classes": ["a"], "rust": []"#,
                "outputs[0].rust",
            ),
            (r#""role": "probability""#, r#""role": "probability", "stride": 0"#, "outputs[0].stride"),
            (r#""role": "probability""#, r#""role": "probability", "stride": 5"#, "outputs[0].stride"),
            (
                r#""version": "0.1.0""#,
                r#""version": "0.1.0", "tile": {"size": 100, "overlap": 8, "multiple": 16}"#,
                "tile.size",
            ),
            (
                r#""version": "0.1.0""#,
                r#""version": "0.1.0", "tile": {"size": 64, "overlap": 33, "multiple": 16}"#,
                "tile.overlap",
            ),
        ];
        for (from, to, field) in broken {
            assert!(SMALL.contains(from), "{from}");
            let error = Manifest::from_json(&SMALL.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("the manifest's `{field}` ")), "{to}: {error}");
        }
        assert!(Manifest::from_json("{}").unwrap_err().to_string().contains("missing field"));
        let unknown = SMALL.replacen("\"schema\"", "\"colour\": 1, \"schema\"", 1);
        assert!(Manifest::from_json(&unknown).unwrap_err().to_string().contains("unknown field `colour`"));
    }
}
