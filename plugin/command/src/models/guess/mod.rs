//! A manifest for a file that has none, as far as the file tells: a start to edit.
//!
//! `planes` finds the picture among the inputs and outputs, `objects` boxes and prototypes, `flow` sees what the graph does
//! with its first and last values, `metadata` what its exporter wrote down, `seen` what it answers to a picture of rusty
//! metal; here that becomes a manifest, with a reason, a doubt or a question for each guess.

mod flow;
mod metadata;
mod objects;
mod planes;
mod seen;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use derust_engine::models::{Dimension, Examination, Limits, ModelError, Port, Ports, examine};
use derust_engine::runtime::Session;
use derust_manifest::onnx::{self, data_type};
use derust_manifest::{
    Detections, Input, InputRole, Kind, Layout, Manifest, Output, OutputRole, SCHEMA, Scores, Tile,
};
use prost::Message;
use semver::Version;

use flow::{Beginning, Flow};
use metadata::Metadata;
use planes::{Answer, Planes, fed, inputs, no_planes};
use seen::Seen;

use super::samples;

/// Side in pixels of the picture that a network is asked about, where its graph does not demand another.
const TRIAL_SIDE: usize = 128;
/// What the pooling of most networks divides by.
const USUAL_MULTIPLE: usize = 32;

/// The correlation with the picture from which on an answer of three channels is one.
const LEAST_LIKENESS: f32 = 0.5;

const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

/// What the caller knows of the model; the rest is guessed.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The model's name.
    pub name: String,
    /// What the model is for.
    pub kind: Option<Kind>,
    /// The name of each class, in the order of the channels or numbers.
    pub classes: Vec<String>,
    /// The names of the classes that are rust.
    pub rust: Vec<String>,
}

/// A manifest, and where it comes from.
#[derive(Clone, Debug)]
pub struct Guess {
    /// What the file seems to be.
    pub manifest: Manifest,
    /// What the file tells, a sentence each.
    pub reasons: Vec<String>,
    /// What is customary and nothing speaks against, and what to change if that is wrong; a sentence each.
    pub doubts: Vec<String>,
    /// What may as well be otherwise, so that a person has to say it; a sentence each.
    pub questions: Vec<String>,
    /// Whether nothing tells which numbers the colours are.
    pub colours_are_open: bool,
    /// Whether nothing tells which of the classes are rust.
    pub rust_is_open: bool,
}

/// Guesses a manifest from an ONNX file's content. With a `session` of the same file the network is run once, and its
/// outputs have the shapes in which they come; without, those that the file declares.
///
/// # Errors
/// When the file breaks a rule, or is no network that takes a picture and answers with planes.
pub fn guess(onnx: &[u8], known: &Known, session: Option<&mut Session>) -> Result<Guess, ModelError> {
    let Examination { contents, verdict } = examine(onnx, &Limits::default());
    verdict?;
    let unreadable = |error: prost::DecodeError| ModelError::Graph(format!("it cannot be read: {error}"));
    let model = onnx::Model::decode(onnx).map_err(unreadable)?;
    let metadata = Metadata::of(&model);
    let graph = model.graph.unwrap_or_default();
    let flow = Flow::new(&graph);
    let mut guesser = Guesser {
        flow,
        metadata,
        known,
        seen: BTreeMap::new(),
        reasons: vec![],
        doubts: vec![],
        questions: vec![],
        colours_are_open: false,
        rust_is_open: false,
    };
    let manifest = guesser.manifest(&contents.ports, session).map_err(ModelError::Graph)?;
    manifest.check()?;
    let Guesser { reasons, doubts, questions, colours_are_open, rust_is_open, .. } = guesser;
    Ok(Guess { manifest, reasons, doubts, questions, colours_are_open, rust_is_open })
}

/// Names for a text, not too many.
fn shown(names: &[String]) -> String {
    const MOST: usize = 12;
    let more = if names.len() > MOST { format!(" and {} more", names.len() - MOST) } else { String::new() };
    format!("{}{more}", names[..names.len().min(MOST)].join(", "))
}

struct Guesser<'a> {
    flow: Flow<'a>,
    metadata: Metadata,
    known: &'a Known,
    /// What the outputs held for a picture of rusty metal, by their names.
    seen: BTreeMap<String, Seen>,
    reasons: Vec<String>,
    doubts: Vec<String>,
    questions: Vec<String>,
    colours_are_open: bool,
    rust_is_open: bool,
}

impl<'a> Guesser<'a> {
    fn manifest(&mut self, ports: &'a Ports, session: Option<&mut Session>) -> Result<Manifest, String> {
        if self.metadata.is_ultralytics {
            objects::refuse_other_tasks(&self.metadata.task)?;
        }
        let (image, mask) = inputs(ports)?;
        let size = image.size.map(|side| side.unwrap_or(TRIAL_SIDE));
        let answered = self.answered(ports, &image, mask.as_ref(), size, session);
        let named = ports.outputs.iter().zip(&answered);
        let answers: Vec<Answer<'_>> =
            named.filter_map(|(port, answered)| Answer::new(&port.name, answered, &image, size)).collect();
        let objects = objects::recognise(&answered, size, self.metadata.names.len())
            .filter(|_| self.known.kind != Some(Kind::Derust));
        let kind = if objects.is_some() { Kind::SegmentRust } else { self.kind(&answers)? };
        let outputs = match (&objects, kind) {
            (Some(objects), _) => self.objects(objects),
            (None, Kind::Derust) => self.fill_and_alpha(&answers),
            (None, _) => self.probability(&answers),
        }?;
        let is_yolo = objects.is_some() || self.metadata.is_ultralytics;
        let mut picture = self.image(&image, kind, &outputs[0], is_yolo);
        if is_yolo {
            picture.letterbox = self.letterbox();
        }
        let mut inputs = vec![picture];
        inputs.extend(
            mask.map(|mask| Input { layout: mask.layout, ..Input::new(&mask.port.name, InputRole::Mask) }),
        );
        if inputs.len() > 1 {
            let name = &inputs[1].name;
            self.reasons.push(format!("`{name}` is the mask: it has one channel"));
            self.doubts.push(format!(
                "the `white` of `{name}` is hole, which is to be filled; set keep if 1 means what stays. `grow` is 0: set some \
                 pixels if rims of rust are left"
            ));
        }
        let stride = outputs.iter().map(|output| output.stride as usize).max().unwrap_or(1);
        let (tile, long_side) = match self.told_tile(&image) {
            Some(told) => told,
            None => self.tile(&image, stride),
        };
        if kind == Kind::SegmentRust {
            self.doubts
                .push("`threshold` is 0.5; choose it on pictures of which you know where rust is".into());
        }
        let licence = self.metadata.licence.clone();
        if licence.is_empty() {
            self.doubts.push("`licence` and `trained_on` are empty; say there whose work it is".into());
        } else {
            self.reasons.push(format!(
                "`licence` is {licence}: the file says so; it holds for whoever passes the file on"
            ));
        }
        Ok(Manifest {
            schema: SCHEMA,
            kind,
            name: self.known.name.clone(),
            version: Version::new(1, 0, 0),
            licence,
            trained_on: self.metadata.description.clone(),
            metrics: BTreeMap::new(),
            inputs,
            outputs,
            tile,
            long_side,
            threshold: 0.5,
            views: 1,
            mirror_scale: None,
        })
    }

    /// The outputs with the shapes that they really have, or as the file declares them.
    fn answered(
        &mut self,
        ports: &Ports,
        image: &Planes<'_>,
        mask: Option<&Planes<'_>>,
        size: [usize; 2],
        session: Option<&mut Session>,
    ) -> Vec<Port> {
        let [height, width] = size;
        let (asked, rusty) = samples::resized(width as u32, height as u32);
        let takes_bytes = image.port.element_type == Some(data_type::UINT8)
            || matches!(self.flow.beginning(&image.port.name), Some(Beginning::Bytes));
        let scale = if takes_bytes { 255.0 } else { 1.0 };
        let mut arrays = vec![fed(image, asked.mapv(|value| value * scale))];
        arrays.extend(mask.map(|mask| fed(mask, rusty)));
        let views: Vec<_> = arrays.iter().map(|(name, array)| (*name, array.view())).collect();
        let answers = session.and_then(|session| session.run(&views).ok());
        if answers.is_none() {
            self.doubts.push("the network could not be run; all rests on what its file declares".into());
        }
        let answers = answers.unwrap_or_default();
        let answered = |port: &Port| match answers.get(&port.name) {
            Some(answer) => {
                let shape = answer.shape().iter().map(|size| Dimension::Fixed(*size as i64)).collect();
                Port { shape: Some(shape), ..port.clone() }
            }
            None => port.clone(),
        };
        let answered: Vec<Port> = ports.outputs.iter().map(answered).collect();
        for port in &answered {
            let shape = Answer::new(&port.name, port, image, size);
            let seen = shape
                .zip(answers.get(&port.name))
                .and_then(|(shape, answer)| Seen::of(&shape, answer, &asked));
            self.seen.extend(seen.map(|seen| (port.name.clone(), seen)));
        }
        answered
    }

    fn seen(&self, answer: &Answer<'_>) -> Option<Seen> {
        self.seen.get(answer.name).copied()
    }

    fn kind(&mut self, answers: &[Answer<'a>]) -> Result<Kind, String> {
        if let Some(kind) = self.known.kind {
            return Ok(kind);
        }
        if !self.known.classes.is_empty() {
            self.reasons.push("`kind` is segment-rust: it has classes".into());
            return Ok(Kind::SegmentRust);
        }
        let first = answers.first().ok_or_else(no_planes)?;
        let is_picture = |answer: &&Answer<'a>| {
            answer.channels == 3
                && answer.stride == 1
                && self.flow.ending(answer.name).activation != "Softmax"
                && self.seen(answer).is_none_or(|seen| !seen.sums_to_one)
                && self.metadata.names.len() != 3
        };
        let picture = answers.iter().find(is_picture);
        let likeness = picture.and_then(|answer| self.seen(answer)).and_then(|seen| seen.likeness);
        let percent = likeness.map_or(0.0, |likeness| 100.0 * likeness.max(0.0)).round();
        let (kind, reason) = match (picture, likeness) {
            (Some(answer), Some(alike)) if alike < LEAST_LIKENESS => {
                self.questions.push(format!(
                    "`kind` is segment-rust: `{}` has 3 channels that do not look like the picture that went in \
                     ({percent} % alike), so they are read as classes. If it is a picture, say --kind derust; if it is what \
                     has to be added to one, set the role `residual` then",
                    answer.name
                ));
                (Kind::SegmentRust, format!("`{}` is no picture, by its values", answer.name))
            }
            (Some(answer), Some(_)) => (
                Kind::Derust,
                format!(
                    "`kind` is derust: `{}` has 3 channels, as a picture has, and is {percent} % like the one that went in",
                    answer.name
                ),
            ),
            (Some(answer), None) => {
                self.questions.push(format!(
                    "`kind` is derust: `{}` has 3 channels, as a picture has; if these are classes, say --kind segment-rust",
                    answer.name
                ));
                (Kind::Derust, format!("`{}` may be a picture, by its channels", answer.name))
            }
            (None, _) => (
                Kind::SegmentRust,
                format!(
                    "`kind` is segment-rust: `{}` is no picture, by its {} channels; if it is, say --kind derust",
                    first.name, first.channels
                ),
            ),
        };
        self.reasons.push(reason);
        Ok(kind)
    }

    fn image(&mut self, image: &Planes<'_>, kind: Kind, output: &Output, is_yolo: bool) -> Input {
        let name = &image.port.name;
        let mut input = Input { layout: image.layout, ..Input::new(name, InputRole::Image) };
        let layout = if image.layout == Layout::Nchw { "nchw" } else { "nhwc" };
        self.reasons.push(format!("`{name}` is the picture, {layout}: it has three channels there"));
        if image.port.element_type == Some(data_type::UINT8) {
            input.range = [0.0, 255.0];
            self.reasons.push("its `range` is [0, 255]: it takes bytes".into());
            return self.in_some_order(input);
        }
        if is_yolo {
            self.reasons.push("its `range` is [0, 1], its `colour_order` rgb: the custom of YOLO".into());
            return input;
        }
        match self.flow.beginning(name) {
            Some(Beginning::Bytes) => {
                input.range = [0.0, 255.0];
                self.reasons
                    .push("its `range` is [0, 255]: the first layers bring bytes to another range".into());
                return self.in_some_order(input);
            }
            Some(Beginning::Normalised) => {
                self.reasons.push(
                    "its `range` is [0, 1] without `mean` and `std`: the first layers normalise".into(),
                );
                return self.in_some_order(input);
            }
            None => {}
        }
        self.colours_are_open = true;
        let (custom, wrong) = if kind == Kind::Derust {
            input.range = output.range;
            let [black, white] = input.range;
            (format!("[{black}, {white}], as that of the answer"), "If the fill looks wrong")
        } else {
            let by_keras =
                ["tf2onnx", "keras", "tensorflow"].iter().any(|word| self.metadata.producer.contains(word));
            let custom = if by_keras {
                "[0, 1], the custom of Keras, which wrote the file"
            } else if image.layout == Layout::Nchw {
                (input.mean, input.std) = (IMAGENET_MEAN.into(), IMAGENET_STD.into());
                "[0, 1] with the mean and std of ImageNet, the custom of PyTorch's segmentation networks"
            } else {
                "[0, 1], the custom of networks in this layout"
            };
            (custom.to_owned(), "If nothing or everything is found")
        };
        self.doubts.push(format!(
            "the picture's `range` is {custom}; nothing in the file tells. {wrong}, try [0, 1], [-1, 1] or [0, 255], \
             without or with `mean` and `std`"
        ));
        self.in_some_order(input)
    }

    fn in_some_order(&mut self, input: Input) -> Input {
        self.doubts
            .push("`colour_order` is rgb; set bgr if the network was trained on what OpenCV reads".into());
        input
    }

    fn probability(&mut self, answers: &[Answer<'a>]) -> Result<Vec<Output>, String> {
        let answer = answers.first().ok_or_else(no_planes)?;
        let ending = self.flow.ending(answer.name);
        let whole = matches!(answer.element_type, Some(data_type::INT32 | data_type::INT64))
            || self.metadata.is_ultralytics && self.metadata.task == "semantic" && answer.channels == 1;
        let seen = self.seen(answer);
        if let Some(seen) = seen.filter(|seen| !whole && seen.is_constant()) {
            self.questions.push(format!(
                "`{}` is {} for every pixel of a picture of rusty metal, which is no map of anything: either the network \
                 is not trained, or it wants other numbers for colours",
                answer.name, seen.low
            ));
        }
        let seen = seen.filter(|seen| !seen.is_constant());
        let mut output = answer.output(OutputRole::Logits);
        let reason = if whole || ending.activation == "ArgMax" {
            output.role = OutputRole::ClassIndex;
            "class-index: it holds whole numbers".to_owned()
        } else if answer.channels == 1 && matches!(ending.activation, "Sigmoid" | "HardSigmoid") {
            output.role = OutputRole::Probability;
            output.range = ending.bounds.unwrap_or(output.range);
            let [none, all] = output.range;
            format!("probability from {none} to {all}: it ends in {}", ending.activation)
        } else if answer.channels == 1 && answer.element_type == Some(data_type::UINT8) {
            output.role = OutputRole::Probability;
            output.range = [0.0, 255.0];
            "probability from 0 to 255: it has one channel of bytes".into()
        } else if answer.channels == 1
            && let Some(bounds) = ending.bounds
        {
            output.role = OutputRole::Probability;
            output.range = bounds;
            format!("probability from {} to {}: its graph ends within these bounds", bounds[0], bounds[1])
        } else if answer.channels == 1 && seen.is_some_and(|seen| seen.lies_within(0.0, 1.0)) {
            output.role = OutputRole::Probability;
            let Seen { low, high, .. } = seen.expect("it was seen");
            self.doubts.push(format!(
                "`role` is probability, since its values for a picture of rusty metal lie between {low:.3} and {high:.3}; if \
                 these are logits, set that"
            ));
            "probability: by its values, not by its graph".into()
        } else if answer.channels == 1
            && seen.is_some_and(|seen| seen.low >= 0.0 && seen.high > 2.0 && seen.high <= 255.0)
        {
            output.role = OutputRole::Probability;
            output.range = [0.0, 255.0];
            let Seen { low, high, .. } = seen.expect("it was seen");
            self.questions.push(format!(
                "`role` is probability with the `range` [0, 255], since its values for a picture of rusty metal lie between \
                 {low:.1} and {high:.1}; a map of anomalies has another highest value: set it in `range`"
            ));
            "probability from 0 to 255: by its values, not by its graph".into()
        } else if answer.channels == 1 {
            "logits: it has one channel, and neither its graph nor its values are bounded".into()
        } else if matches!(ending.activation, "Sigmoid" | "HardSigmoid") {
            (output.role, output.scores) = (OutputRole::Labels, Scores::Probabilities);
            format!(
                "labels: it ends in {}, so that its classes do not exclude one another",
                ending.activation
            )
        } else if ending.activation == "Softmax" || seen.is_some_and(|seen| seen.sums_to_one) {
            (output.role, output.scores) = (OutputRole::Classes, Scores::Probabilities);
            format!(
                "classes with probabilities as `scores`: it has {} channels that add up to one",
                answer.channels
            )
        } else {
            output.role = OutputRole::Classes;
            self.doubts.push(
                "`role` is classes, of which one is right; if several can be right for a pixel, set labels"
                    .into(),
            );
            format!("classes: it has {} channels and no Softmax at its end", answer.channels)
        };
        self.reasons.push(format!("`{}` is read as {reason}", answer.name));
        self.stride(answer);
        if matches!(output.role, OutputRole::Classes | OutputRole::Labels | OutputRole::ClassIndex) {
            let before = self
                .flow
                .classes_before_argmax(answer.name)
                .filter(|_| output.role == OutputRole::ClassIndex);
            if let Some(before) = before {
                self.reasons.push(format!("it tells {before} classes apart: so many go into its ArgMax"));
            }
            self.classes(&mut output, before.unwrap_or(answer.channels))?;
        }
        if answers.len() > 1 {
            self.doubts.push(format!(
                "`{}` is the first of {} outputs; the others are ignored",
                answer.name,
                answers.len()
            ));
        }
        Ok(vec![output])
    }

    /// Names the classes and says which are rust.
    fn classes(&mut self, output: &mut Output, channels: usize) -> Result<(), String> {
        let is_index = output.role == OutputRole::ClassIndex;
        let told = self.metadata.names.as_slice();
        let told = if told.len() == channels || (is_index && channels < 2) { told } else { &[] };
        let count = if is_index { channels.max(2) } else { channels };
        output.classes = match (self.known.classes.as_slice(), told, count) {
            ([], [], 2) if output.role != OutputRole::Boxes => {
                ["background", "rust"].map(str::to_owned).into()
            }
            ([], [], count) => (0..count).map(|class| format!("class-{class}")).collect(),
            ([], told, _) => {
                self.reasons.push(format!("the names of its classes stand in the file: {}", shown(told)));
                told.to_vec()
            }
            (classes, ..) => classes.to_vec(),
        };
        let counted = !is_index && output.detections == Detections::Candidates;
        if counted && output.classes.len() != channels {
            let what = if output.role == OutputRole::Boxes { "classes" } else { "channels" };
            return Err(format!(
                "its output `{}` has {channels} {what}; {} classes were named",
                output.name,
                output.classes.len()
            ));
        }
        let named_rust = |class: &&String| {
            let class = class.to_lowercase();
            ["rust", "corrosion", "corroded"].iter().any(|word| class.contains(word))
        };
        output.rust = match self.known.rust.as_slice() {
            [] => output.classes.iter().filter(named_rust).cloned().collect(),
            rust => rust.to_vec(),
        };
        if let Some(unknown) = output.rust.iter().find(|class| !output.classes.contains(class)) {
            return Err(format!("`{unknown}` is none of its classes: {}", output.classes.join(", ")));
        }
        let is_named = !output.rust.is_empty();
        if output.rust.is_empty() {
            // The first one is usually the background, unless there is no other.
            let first = usize::from(output.classes.len() > 1 && output.role != OutputRole::Boxes);
            output.rust = output.classes.iter().skip(first).take(1).cloned().collect();
        }
        if self.known.rust.is_empty() {
            let text = format!(
                "`rust` names the classes that are rust: {}, of {}; check that, and the names, or say --classes and --rust",
                output.rust.join(", "),
                shown(&output.classes)
            );
            if is_named || output.classes.len() <= 2 {
                self.doubts.push(text);
            } else {
                self.rust_is_open = true;
                self.questions.push(text);
            }
        }
        Ok(())
    }

    fn fill_and_alpha(&mut self, answers: &[Answer<'a>]) -> Result<Vec<Output>, String> {
        let picture = answers.iter().find(|answer| matches!(answer.channels, 3 | 4));
        let picture = picture.ok_or("none of its outputs has 3 or 4 channels, as a picture has")?;
        let role = if picture.channels == 3 { OutputRole::Rgb } else { OutputRole::Rgba };
        let mut output = picture.output(role);
        let ending = self.flow.ending(picture.name);
        let seen = self.seen(picture).filter(|seen| !seen.is_constant());
        let is_bytes = picture.element_type == Some(data_type::UINT8);
        output.range = match (ending.bounds, seen) {
            (Some(bounds), _) => bounds,
            _ if is_bytes => [0.0, 255.0],
            (None, Some(seen)) if seen.high > 4.0 || ending.scale == 255.0 => [0.0, 255.0],
            (None, Some(seen)) if seen.low < -0.2 => [-1.0, 1.0],
            (None, None) if ending.scale == 255.0 => [0.0, 255.0],
            _ => [0.0, 1.0],
        };
        let [black, white] = output.range;
        let told = match (ending.bounds.is_some(), is_bytes) {
            (true, _) if !ending.activation.is_empty() => Some(format!("it ends in {}", ending.activation)),
            (true, _) => Some("its graph ends within these bounds".into()),
            (false, true) => Some("it holds bytes".into()),
            (false, false) => None,
        };
        match (told, seen) {
            (Some(told), _) => {
                self.reasons.push(format!("`{}` is the fill, from {black} to {white}: {told}", picture.name));
            }
            (None, Some(Seen { low, high, .. })) => self.doubts.push(format!(
                "the `range` of `{}` is [{black}, {white}], since its values for a picture of rusty metal lie between {low:.2} \
                 and {high:.2}. If the fill is too dark or too pale, try [0, 1], [-1, 1] or [0, 255]; if it is what has to be \
                 added to the picture, set the role `residual`",
                picture.name
            )),
            (None, None) => self.questions.push(format!(
                "the `range` of `{}` is [{black}, {white}]; nothing in the file tells. If the fill is too dark or too pale, \
                 try [-1, 1] or [0, 255]; if it is what has to be added to the picture, set the role `residual`",
                picture.name
            )),
        }
        self.stride(picture);
        let mut outputs = vec![output];
        let alpha = answers.iter().find(|answer| answer.channels == 1 && role == OutputRole::Rgb);
        match alpha {
            Some(alpha) => {
                self.reasons.push(format!("`{}` is the alpha: it has one channel", alpha.name));
                outputs.push(alpha.output(OutputRole::Alpha));
            }
            None if role == OutputRole::Rgb => self.reasons.push(
                "it has no alpha: a segment-rust model or the mask of a call says where the fill goes".into(),
            ),
            None => {}
        }
        Ok(outputs)
    }

    fn stride(&mut self, answer: &Answer) {
        if answer.stride > 1 {
            self.reasons.push(format!(
                "its `stride` is {}: the answer has that part of the picture's height and width",
                answer.stride
            ));
        }
    }

    fn tile(&mut self, image: &Planes<'_>, stride: usize) -> (Tile, Option<u32>) {
        let Some((height, width)) = image.size[0].zip(image.size[1]) else {
            let multiple = stride * USUAL_MULTIPLE.div_ceil(stride);
            let size = multiple * 512_usize.div_ceil(multiple);
            self.doubts.push(format!(
                "`tile.multiple` is {multiple}, which most networks divide height and width by; `long_side` is open, so \
                 pictures are analysed at their full size: set it to the long side of the pictures that the network was \
                 trained on"
            ));
            let [size, multiple] = [size, multiple].map(|value| value as u32);
            return (Tile { size, overlap: size / 8, multiple }, None);
        };
        self.reasons.push(format!("pictures go in as tiles of {width} x {height}: the graph fixes that"));
        self.doubts.push(format!(
            "`long_side` is {}: a network of one size has usually seen whole pictures at it; leave it out to cut the \
             picture at its full size into tiles",
            width.max(height)
        ));
        let mut multiple = stride;
        while 2 * multiple <= USUAL_MULTIPLE
            && height.is_multiple_of(2 * multiple)
            && width.is_multiple_of(2 * multiple)
        {
            multiple *= 2;
        }
        let long_side = width.max(height);
        let size = multiple * long_side.div_ceil(multiple);
        let [size, multiple, long_side] = [size, multiple, long_side].map(|value| value as u32);
        (Tile { size, overlap: size / 8, multiple }, Some(long_side))
    }
}
