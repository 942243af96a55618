//! A manifest for a file that has none, as far as the file tells: a start to edit.

use std::collections::{BTreeMap, HashMap};

use derust_manifest::onnx::{self, data_type};
use derust_manifest::{Input, InputRole, Kind, Layout, Manifest, Output, OutputRole, SCHEMA, Scores, Tile};
use ndarray::ArrayD;
use prost::Message;
use semver::Version;

use super::ModelError;
use super::inspect::{Dimension, Examination, Limits, Port, Ports, examine};
use crate::runtime::Session;

/// Side in pixels of the picture that a network is asked about, where its graph does not demand another.
const TRIAL_SIDE: usize = 128;
/// What the pooling of most networks divides by.
const USUAL_MULTIPLE: usize = 32;
/// Nodes between a network's last activation and its output, or its input and first layer, that are looked through.
const LONGEST_LOOK: usize = 16;

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
    /// What it does not tell, and what to change if the guess is wrong; a sentence each.
    pub doubts: Vec<String>,
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
    let graph = onnx::Model::decode(onnx).map_err(unreadable)?.graph.unwrap_or_default();
    let flow = Flow::new(&graph);
    let mut guesser = Guesser { flow, known, reasons: vec![], doubts: vec![] };
    let manifest = guesser.manifest(&contents.ports, session).map_err(ModelError::Graph)?;
    manifest.check()?;
    Ok(Guess { manifest, reasons: guesser.reasons, doubts: guesser.doubts })
}

/// What stands next to what in a graph.
struct Flow<'a> {
    makers: HashMap<&'a str, &'a onnx::Node>,
    users: HashMap<&'a str, Vec<&'a onnx::Node>>,
    /// Float constants of few numbers.
    constants: HashMap<&'a str, Vec<f32>>,
}

/// How a network's last values come about: `scale * activation + shift`.
struct Ending<'a> {
    /// The operator that bounds the values, if one does.
    activation: &'a str,
    scale: f32,
    shift: f32,
}

impl<'a> Flow<'a> {
    fn new(graph: &'a onnx::Graph) -> Self {
        let mut flow = Flow { makers: HashMap::new(), users: HashMap::new(), constants: HashMap::new() };
        for node in &graph.node {
            flow.makers.extend(node.output.iter().map(|name| (name.as_str(), node)));
            for name in &node.input {
                flow.users.entry(name).or_default().push(node);
            }
            let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
            if let (Some(value), Some(name)) = (value, node.output.first()) {
                flow.constants.extend(few_floats(value).map(|values| (name.as_str(), values)));
            }
        }
        let weights = graph.initializer.iter();
        flow.constants.extend(weights.filter_map(|tensor| Some((tensor.name.as_str(), few_floats(tensor)?))));
        flow
    }

    /// The first input of a node that is no constant, and the constant among the others.
    fn operands(&self, node: &'a onnx::Node) -> (Option<&'a str>, Option<&[f32]>) {
        let constant = |name: &&String| self.constants.contains_key(name.as_str());
        let value = node.input.iter().find(|name| !constant(name)).map(String::as_str);
        let constant = node.input.iter().find(constant);
        (value, constant.map(|name| self.constants[name.as_str()].as_slice()))
    }

    fn ending(&self, output: &'a str) -> Ending<'a> {
        let mut ending = Ending { activation: "", scale: 1.0, shift: 0.0 };
        let mut name = output;
        for _ in 0..LONGEST_LOOK {
            let Some(node) = self.makers.get(name) else { break };
            let (value, constant) = self.operands(node);
            let number = constant.and_then(|values| if let [number] = values { Some(*number) } else { None });
            match (node.op_type.as_str(), number) {
                ("Mul", Some(number)) => ending.scale *= number,
                ("Div", Some(number)) => ending.scale /= number,
                ("Add", Some(number)) => ending.shift += ending.scale * number,
                ("Sub", Some(number)) => ending.shift -= ending.scale * number,
                (
                    "Cast" | "Identity" | "Reshape" | "Resize" | "Round" | "Slice" | "Squeeze" | "Transpose"
                    | "Unsqueeze" | "Upsample",
                    _,
                ) => {}
                ("ArgMax" | "HardSigmoid" | "Sigmoid" | "Softmax" | "Tanh", _) => {
                    ending.activation = &node.op_type;
                    break;
                }
                _ => break,
            }
            let Some(value) = value else { break };
            name = value;
        }
        ending
    }

    /// Whether the graph's first layers bring bytes (0 to 255) to another range, or normalise the colours; `None` where
    /// they do neither.
    fn beginning(&self, input: &'a str) -> Option<Beginning> {
        let mut name = input;
        for _ in 0..LONGEST_LOOK {
            let [node] = self.users.get(name)?.as_slice() else { return None };
            let (_, constant) = self.operands(node);
            match (node.op_type.as_str(), constant?) {
                ("Div" | "Sub", values) if values[0] > 100.0 => return Some(Beginning::Bytes),
                ("Mul", values) if values[0] > 0.0 && values[0] < 0.01 => return Some(Beginning::Bytes),
                ("Sub" | "Div" | "Mul" | "Add", values) if values.len() == 3 => {
                    return Some(Beginning::Normalised);
                }
                ("Cast" | "Identity" | "Transpose", _) => {}
                _ => return None,
            }
            name = node.output.first()?;
        }
        None
    }
}

/// What the first layers of a graph do with the colours.
enum Beginning {
    Bytes,
    Normalised,
}

fn few_floats(tensor: &onnx::Tensor) -> Option<Vec<f32>> {
    let is_few = tensor.data_type == data_type::FLOAT && (4..=16).contains(&tensor.raw_data.len());
    let (numbers, _) = tensor.raw_data.as_chunks();
    is_few.then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// An input or output that can hold planes.
struct Planes<'a> {
    port: &'a Port,
    layout: Layout,
    /// `None` where the file leaves it open.
    channels: Option<usize>,
    /// Height and width.
    size: [Option<usize>; 2],
}

/// Reads a shape in this layout; three dimensions are those of one channel.
fn planes(port: &Port, layout: Layout) -> Option<Planes<'_>> {
    let dimension = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => usize::try_from(*size).ok(),
        Dimension::Open(_) => None,
    };
    let sizes: Vec<Option<usize>> = port.shape.as_ref()?.iter().map(dimension).collect();
    let (channels, size) = match (sizes.as_slice(), layout) {
        (&[_, height, width], _) => (Some(1), [height, width]),
        (&[_, channels, height, width], Layout::Nchw) => (channels, [height, width]),
        (&[_, height, width, channels], Layout::Nhwc) => (channels, [height, width]),
        _ => return None,
    };
    Some(Planes { port, layout, channels, size })
}

/// The input for the picture, and the one for a mask if there is one.
fn inputs(ports: &Ports) -> Result<(Planes<'_>, Option<Planes<'_>>), String> {
    let read = |layout| ports.inputs.iter().filter_map(move |port| planes(port, layout));
    let image = read(Layout::Nchw)
        .chain(read(Layout::Nhwc))
        .find(|planes| planes.channels == Some(3))
        .or_else(|| read(Layout::Nchw).find(|planes| planes.channels.is_none()))
        .ok_or("none of its inputs takes a picture: four dimensions, of which the second or the last is 3")?;
    let mut others = ports.inputs.iter().filter(|port| port.name != image.port.name);
    let mask = others
        .next()
        .map(|port| {
            let mask = planes(port, image.layout).filter(|planes| planes.channels == Some(1));
            mask.ok_or_else(|| format!("its input `{}` is neither a picture nor a mask", port.name))
        })
        .transpose()?;
    match others.next() {
        Some(port) => {
            Err(format!("its input `{}` is one too many; derust feeds a picture and a mask", port.name))
        }
        None => Ok((image, mask)),
    }
}

/// An array for an input, of one value.
fn filled<'a>(
    planes: &Planes<'a>,
    channels: usize,
    [height, width]: [usize; 2],
    value: f32,
) -> (&'a str, ArrayD<f32>) {
    let shape = match planes.layout {
        Layout::Nchw => [1, channels, height, width],
        Layout::Nhwc => [1, height, width, channels],
    };
    (&planes.port.name, ArrayD::from_elem(shape.as_slice(), value))
}

fn no_planes() -> String {
    "none of its outputs has a part of the picture's height and width that divides them".into()
}

struct Guesser<'a> {
    flow: Flow<'a>,
    known: &'a Known,
    reasons: Vec<String>,
    doubts: Vec<String>,
}

impl<'a> Guesser<'a> {
    fn manifest(&mut self, ports: &'a Ports, session: Option<&mut Session>) -> Result<Manifest, String> {
        let (image, mask) = inputs(ports)?;
        let size = image.size.map(|side| side.unwrap_or(TRIAL_SIDE));
        let answered = self.answered(ports, &image, mask.as_ref(), size, session);
        let named = ports.outputs.iter().zip(&answered);
        let answers: Vec<Answer<'_>> =
            named.filter_map(|(port, answered)| Answer::new(&port.name, answered, &image, size)).collect();
        let kind = self.kind(&answers)?;
        let outputs = match kind {
            Kind::Derust => self.fill_and_alpha(&answers),
            _ => self.probability(&answers),
        }?;
        let mut inputs = vec![self.image(&image, kind, &outputs[0])];
        inputs.extend(
            mask.map(|mask| Input { layout: mask.layout, ..Input::new(&mask.port.name, InputRole::Mask) }),
        );
        let stride = outputs.iter().map(|output| output.stride as usize).max().unwrap_or(1);
        let (tile, long_side) = self.tile(&image, stride);
        if kind == Kind::SegmentRust {
            self.doubts
                .push("`threshold` is 0.5; choose it on pictures of which you know where rust is".into());
        }
        self.doubts.push("`licence` and `trained_on` are empty; say there whose work it is".into());
        Ok(Manifest {
            schema: SCHEMA,
            kind,
            name: self.known.name.clone(),
            version: Version::new(1, 0, 0),
            licence: String::new(),
            trained_on: String::new(),
            metrics: BTreeMap::new(),
            inputs,
            outputs,
            tile,
            long_side,
            threshold: 0.5,
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
        let mut fed = vec![filled(image, 3, size, 0.5)];
        fed.extend(mask.map(|mask| filled(mask, 1, size, 0.0)));
        let views: Vec<_> = fed.iter().map(|(name, array)| (*name, array.view())).collect();
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
        ports.outputs.iter().map(answered).collect()
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
        };
        let picture = answers.iter().find(is_picture);
        let (kind, reason) = match picture {
            Some(answer) => (
                Kind::Derust,
                format!(
                    "`kind` is derust: `{}` has 3 channels, as a picture has; if these are classes, say --kind \
                     segment-rust",
                    answer.name
                ),
            ),
            None => (
                Kind::SegmentRust,
                format!(
                    "`kind` is segment-rust: `{}` has {} channels, and is no picture; if it is, say --kind derust",
                    first.name, first.channels
                ),
            ),
        };
        self.reasons.push(reason);
        Ok(kind)
    }

    fn image(&mut self, image: &Planes<'_>, kind: Kind, output: &Output) -> Input {
        let name = &image.port.name;
        let mut input = Input { layout: image.layout, ..Input::new(name, InputRole::Image) };
        let layout = if image.layout == Layout::Nchw { "nchw" } else { "nhwc" };
        self.reasons.push(format!("`{name}` is the picture, {layout}: it has three channels there"));
        if image.port.element_type == Some(data_type::UINT8) {
            input.range = [0.0, 255.0];
            self.reasons.push("its `range` is [0, 255]: it takes bytes".into());
            return self.in_some_order(input);
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
        let (custom, wrong) = if kind == Kind::Derust {
            input.range = output.range;
            let [black, white] = input.range;
            (format!("[{black}, {white}], as that of the answer"), "If the fill looks wrong")
        } else {
            let custom = if image.layout == Layout::Nchw {
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
        let whole = matches!(answer.element_type, Some(data_type::INT32 | data_type::INT64));
        let mut output = answer.output(OutputRole::Logits);
        let reason = if whole || ending.activation == "ArgMax" {
            output.role = OutputRole::ClassIndex;
            "class-index: it holds whole numbers".to_owned()
        } else if answer.channels == 1 && matches!(ending.activation, "Sigmoid" | "HardSigmoid") {
            output.role = OutputRole::Probability;
            output.range = [ending.shift, ending.shift + ending.scale];
            let [none, all] = output.range;
            format!("probability from {none} to {all}: it ends in {}", ending.activation)
        } else if answer.channels == 1 && answer.element_type == Some(data_type::UINT8) {
            output.role = OutputRole::Probability;
            output.range = [0.0, 255.0];
            "probability from 0 to 255: it has one channel of bytes".into()
        } else if answer.channels == 1 {
            "logits: it has one channel, and no function that makes probabilities at its end".into()
        } else if matches!(ending.activation, "Sigmoid" | "HardSigmoid") {
            (output.role, output.scores) = (OutputRole::Labels, Scores::Probabilities);
            format!(
                "labels: it ends in {}, so that its classes do not exclude one another",
                ending.activation
            )
        } else if ending.activation == "Softmax" {
            (output.role, output.scores) = (OutputRole::Classes, Scores::Probabilities);
            format!(
                "classes with probabilities as `scores`: it has {} channels and ends in Softmax",
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
            self.classes(&mut output, answer.channels)?;
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
        let count = if output.role == OutputRole::ClassIndex { 2 } else { channels };
        output.classes = match (self.known.classes.as_slice(), count) {
            ([], 2) => ["background", "rust"].map(str::to_owned).into(),
            ([], count) => (0..count).map(|class| format!("class-{class}")).collect(),
            (classes, _) => classes.to_vec(),
        };
        if output.role != OutputRole::ClassIndex && output.classes.len() != channels {
            return Err(format!(
                "its output `{}` has {channels} channels; {} classes were named",
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
        if output.rust.is_empty() {
            output.rust = output.classes.iter().skip(1).take(1).cloned().collect();
        }
        if self.known.rust.is_empty() {
            self.doubts.push(format!(
                "`rust` names the classes that are rust: {}, of {}; check that, and the names",
                output.rust.join(", "),
                output.classes.join(", ")
            ));
        }
        Ok(())
    }

    fn fill_and_alpha(&mut self, answers: &[Answer<'a>]) -> Result<Vec<Output>, String> {
        let picture = answers.iter().find(|answer| matches!(answer.channels, 3 | 4));
        let picture = picture.ok_or("none of its outputs has 3 or 4 channels, as a picture has")?;
        let role = if picture.channels == 3 { OutputRole::Rgb } else { OutputRole::Rgba };
        let mut output = picture.output(role);
        let ending = self.flow.ending(picture.name);
        output.range = match ending.activation {
            "Tanh" => [ending.shift - ending.scale, ending.shift + ending.scale],
            "Sigmoid" | "HardSigmoid" => [ending.shift, ending.shift + ending.scale],
            _ if picture.element_type == Some(data_type::UINT8) => [0.0, 255.0],
            _ => [0.0, 1.0],
        };
        let [black, white] = output.range;
        if ending.activation.is_empty() && picture.element_type != Some(data_type::UINT8) {
            self.doubts.push(format!(
                "the `range` of `{}` is [{black}, {white}]; nothing in the file tells. If the fill is too dark or too \
                 pale, try [-1, 1] or [0, 255]",
                picture.name
            ));
        } else {
            let ending = if ending.activation.is_empty() { "bytes" } else { ending.activation };
            self.reasons.push(format!(
                "`{}` is the fill, from {black} to {white}: it ends in {ending}",
                picture.name
            ));
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

/// An output that holds planes.
struct Answer<'a> {
    name: &'a str,
    element_type: Option<i32>,
    layout: Layout,
    channels: usize,
    stride: usize,
}

impl<'a> Answer<'a> {
    /// `size` is the height and width of the picture that was asked about. `None` for an output of another kind.
    fn new(name: &'a str, port: &Port, image: &Planes<'_>, size: [usize; 2]) -> Option<Self> {
        let stride_of = |planes: &Planes<'_>| {
            let [height, width] = planes.size;
            let Some((height, width)) = height.zip(width) else {
                // As open as the picture's, which it then follows.
                return (planes.size == image.size).then_some(1);
            };
            let stride = size[0].checked_div(height)?;
            ([height * stride, width * stride] == size).then_some(stride)
        };
        let other = if image.layout == Layout::Nchw { Layout::Nhwc } else { Layout::Nchw };
        [image.layout, other].into_iter().find_map(|layout| {
            let planes = planes(port, layout)?;
            let channels = planes.channels.unwrap_or(1);
            Some(Answer {
                name,
                element_type: port.element_type,
                layout,
                channels,
                stride: stride_of(&planes)?,
            })
        })
    }

    fn output(&self, role: OutputRole) -> Output {
        Output { layout: self.layout, stride: self.stride as u32, ..Output::new(self.name, role) }
    }
}
