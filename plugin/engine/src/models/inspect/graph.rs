//! The walk over a graph: its nodes, their attributes, and the graphs in these.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::examine::{Checked, Examiner, Needs, malformed};
use super::operators;
use super::refusal::{Refusal, Rule, quoted};
use super::schema::{self, Message};
use super::tensor::volume;
use super::wire::{Field, Fields};
use crate::room;

/// Operators whose output has the size that a constant says, and which input that is.
const SIZE_INPUTS: [(&str, usize); 6] =
    [("ConstantOfShape", 0), ("Expand", 1), ("OneHot", 1), ("Range", 1), ("Resize", 3), ("Tile", 1)];
/// Operators whose output is larger than their input by the factors in a constant, and which input that is.
const SCALE_INPUTS: [(&str, usize); 3] = [("Resize", 1), ("Resize", 2), ("Upsample", 1)];
/// How many times as many pixels one node may make of a picture.
const LARGEST_SCALE: f64 = 4096.0;
/// Attributes that make a value larger by what they say, and how much each of their numbers may say.
const GROWING_ATTRIBUTES: [&str; 3] = ["output_padding", "pads", "strides"];
const LARGEST_GROWTH: u64 = 1024;

/// A node in the file.
#[derive(Clone, Copy)]
pub(super) struct NodeBytes<'a> {
    /// Which one of its graph it is.
    index: usize,
    bytes: &'a [u8],
}

/// A node whose output may be as large as one of its inputs says.
pub(super) struct SizedNode<'a> {
    node: NodeBytes<'a>,
    enclosing: Vec<NodeBytes<'a>>,
    operator: &'a str,
    /// The names of its first inputs.
    inputs: [&'a str; 4],
}

/// What a name in a graph stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Definition {
    Input,
    Weights,
    /// Weights that are listed among the inputs, as in old files.
    WeightsAndInput,
    Output,
}

/// The value of a node's attribute.
fn attribute_of<'a>(node: &'a [u8], wanted: &str) -> Option<operators::Value<'a>> {
    let mut attributes = Fields::new(&schema::NODE, node).flatten().filter(|field| field.name == "attribute");
    let bytes = attributes
        .find(|field| text_of(&schema::ATTRIBUTE, field.bytes(), "name") == wanted)
        .map(|field| field.bytes())?;
    Fields::new(&schema::ATTRIBUTE, bytes).flatten().find_map(|field| match field.name {
        "s" => std::str::from_utf8(field.bytes()).ok().map(operators::Value::Text),
        "i" => Some(operators::Value::Number(field.signed())),
        _ => None,
    })
}

/// Operators that are listed, beside those that may run.
const MOST_NAMED: usize = 1024;

/// The names that a graph defines.
#[derive(Default)]
struct Scope<'a> {
    definitions: HashMap<&'a str, Definition>,
}

impl<'a> Scope<'a> {
    fn define(&mut self, name: &'a str, definition: Definition) -> Checked {
        use Definition::{Input, Weights, WeightsAndInput};
        if name.is_empty() {
            return Ok(());
        }
        room::for_one_more(&mut self.definitions)?;
        match self.definitions.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(definition);
            }
            Entry::Occupied(mut entry) => match (entry.get(), definition) {
                (Input, Weights) | (Weights, Input) => {
                    entry.insert(WeightsAndInput);
                }
                _ => {
                    return Err(Refusal::new(
                        Rule::Names,
                        format!("the name {} is given twice", quoted(name)),
                    ));
                }
            },
        }
        Ok(())
    }
}

impl<'a> Examiner<'a> {
    /// The outermost graph has a `depth` of 1.
    pub(super) fn graph(&mut self, bytes: &'a [u8], depth: u64) -> Checked {
        self.reach("graphs inside one another", |limits| &mut limits.nesting, depth)?;
        let mut scope = Scope::default();
        let [mut nodes, mut tensors, mut inputs, mut outputs, mut between] = [0; 5];
        let mut fields = Fields::new(&schema::GRAPH, bytes);
        while let Some(field) = self.next(&mut fields)? {
            let bytes = field.bytes();
            match field.name {
                "node" => {
                    let node = NodeBytes { index: nodes, bytes };
                    let checked = self.node(node, depth, &mut scope);
                    self.note(checked, || node)?;
                    nodes += 1;
                }
                "initializer" => {
                    let checked = self.tensor(bytes).and_then(|tensor| {
                        self.remember_constant(tensor.name, tensor.volume)?;
                        scope.define(tensor.name, Definition::Weights)
                    });
                    self.note(checked, || numbered(&schema::TENSOR, bytes, "initialiser", tensors))?;
                    tensors += 1;
                }
                "sparse_initializer" => self.note_whole(sparse())?,
                "input" | "output" | "value_info" => {
                    let index = match field.name {
                        "input" => &mut inputs,
                        "output" => &mut outputs,
                        _ => &mut between,
                    };
                    let checked = self.value(field, depth, &mut scope);
                    self.note(checked, || numbered(&schema::VALUE_INFO, bytes, field.name, *index))?;
                    *index += 1;
                }
                "quantization_annotation" => self.annotation(bytes)?,
                "metadata_props" => {
                    self.property(bytes)?;
                }
                _ => {}
            }
        }
        if depth == 1 {
            let fed = |name: &str| scope.definitions.get(name) != Some(&Definition::WeightsAndInput);
            self.contents.ports.inputs.retain(|port| fed(&port.name));
        }
        Ok(())
    }

    fn node(&mut self, node: NodeBytes<'a>, depth: u64, scope: &mut Scope<'a>) -> Checked {
        self.spend("nodes", |limits| &mut limits.nodes, 1)?;
        let (mut operator, mut domain, mut output) = ("", "", "");
        let (mut inputs, mut input_count, mut outputs) = ([""; 4], 0, 0);
        let mut checked = Ok(());
        let mut fields = Fields::new(&schema::NODE, node.bytes);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "input" => {
                    let name = self.name(field)?;
                    if let Some(input) = inputs.get_mut(input_count) {
                        *input = name;
                    }
                    input_count += 1;
                }
                "output" => {
                    output = self.name(field)?;
                    outputs += usize::from(!output.is_empty());
                    checked = checked.and_then(|()| scope.define(output, Definition::Output));
                }
                "op_type" => operator = self.name(field)?,
                "domain" => domain = self.name(field)?,
                "name" | "overload" => {
                    self.name(field)?;
                }
                "metadata_props" => {
                    self.property(field.bytes())?;
                }
                "device_configurations" => {
                    let problem = "it says on which devices it has to run";
                    checked = checked.and(Err(Refusal::new(Rule::Settings, problem)));
                }
                _ => {}
            }
        }
        let is_allowed = operators::is_allowed(domain, operator);
        // Of those that are none, some are enough to name; a file can make up any number.
        if is_allowed || self.contents.operators.len() < MOST_NAMED {
            *self.contents.operators.entry((domain.to_owned(), operator.to_owned())).or_default() += 1;
        }
        if !is_allowed {
            let set = if domain.is_empty() { "ONNX's operator set".into() } else { quoted(domain) };
            let problem = format!("derust does not run the operator {} of {set}", quoted(operator));
            return Err(Refusal::new(Rule::Operators, problem));
        }
        let attribute = |wanted: &str| attribute_of(node.bytes, wanted);
        if let Some((since, asks)) = operators::since(domain, operator, input_count, attribute) {
            let by = match asks {
                "" => format!("the operator {}", quoted(operator)),
                asks => format!("the operator {} with {asks}", quoted(operator)),
            };
            self.contents.needs = Some(Needs { minor_version: since, by });
        }
        if operator == "BatchNormalization"
            && (outputs > 1 || matches!(attribute("training_mode"), Some(operators::Value::Number(1..))))
        {
            let problem = "it is in training mode, so that its answers depend on what else is asked: call `model.eval()` \
                           before `torch.onnx.export(...)`, and export it anew";
            return Err(Refusal::new(Rule::Operators, problem));
        }
        if SIZE_INPUTS.iter().chain(&SCALE_INPUTS).any(|(name, _)| *name == operator) {
            let sized = SizedNode { node, enclosing: self.enclosing.clone(), operator, inputs };
            room::push(&mut self.sized, sized)?;
        }
        let mut names = HashSet::new();
        for attribute in
            Fields::new(&schema::NODE, node.bytes).flatten().filter(|field| field.name == "attribute")
        {
            let name = text_of(&schema::ATTRIBUTE, attribute.bytes(), "name");
            let volume = self
                .attribute(attribute.bytes(), name, operator, node, depth)
                .map_err(|refusal| refusal.within(format_args!("attribute {}", quoted(name))))?;
            room::for_one_more_in(&mut names)?;
            if !names.insert(name) {
                let problem = format!("it has two attributes with the name {}", quoted(name));
                return Err(Refusal::new(Rule::Names, problem));
            }
            if operator == "Constant" {
                self.remember_constant(output, volume)?;
            }
        }
        checked
    }

    /// Answers with the volume of the shape that the attribute holds, if it can be one.
    fn attribute(
        &mut self,
        bytes: &'a [u8],
        name: &'a str,
        operator: &str,
        node: NodeBytes<'a>,
        depth: u64,
    ) -> Checked<Option<f64>> {
        let is_branch = operator == "If" && matches!(name, "then_branch" | "else_branch");
        let mut shape = None;
        let mut fields = Fields::new(&schema::ATTRIBUTE, bytes);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "name" | "s" => {
                    self.reach("name bytes", |limits| &mut limits.name_bytes, field.bytes().len() as u64)?
                }
                "t" => shape = self.tensor(field.bytes())?.volume,
                "g" if is_branch => {
                    self.enclosing.push(node);
                    let checked = self.graph(field.bytes(), depth + 1);
                    self.enclosing.pop();
                    checked?;
                }
                "floats" => self.list(field, 4)?,
                "ints" => {
                    self.list(field, 8)?;
                    if GROWING_ATTRIBUTES.contains(&name) {
                        check_growth(field)?;
                    }
                    let numbers = field.numbers().map_while(Result::ok).map(|number| number as f64);
                    shape = Some(shape.unwrap_or(1.0) * volume(numbers));
                }
                "sparse_tensor" | "sparse_tensors" => return Err(sparse()),
                "ref_attr_name" => {
                    let problem = "it refers to the attribute of a function, and a model may hold none";
                    return Err(Refusal::new(Rule::Functions, problem));
                }
                "g" | "graphs" | "strings" | "tensors" | "tp" | "type_protos" => {
                    let problem = format!("{operator} has no attribute of this kind (`{}`)", field.name);
                    return Err(Refusal::new(Rule::Attributes, problem));
                }
                _ => {}
            }
        }
        Ok(shape)
    }

    /// A list of numbers of `size` bytes each.
    fn list(&mut self, field: Field<'a>, size: u64) -> Checked {
        let count = field.count().map_err(|broken| malformed(&schema::ATTRIBUTE, &broken))?;
        self.spend("weight bytes", |limits| &mut limits.weight_bytes, count.saturating_mul(size))
    }

    fn value(&mut self, field: Field<'a>, depth: u64, scope: &mut Scope<'a>) -> Checked {
        let (port, checked) = self.port(field.bytes())?;
        let name = text_of(&schema::VALUE_INFO, field.bytes(), "name");
        let checked = checked.and(match field.name {
            "input" => scope.define(name, Definition::Input),
            _ => Ok(()),
        });
        match field.name {
            "input" if depth == 1 => room::push(&mut self.contents.ports.inputs, port)?,
            "output" if depth == 1 => room::push(&mut self.contents.ports.outputs, port)?,
            _ => {}
        }
        checked
    }

    fn annotation(&mut self, bytes: &'a [u8]) -> Checked {
        let mut fields = Fields::new(&schema::ANNOTATION, bytes);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "tensor_name" => {
                    self.name(field)?;
                }
                _ => {
                    self.property(field.bytes())?;
                }
            }
        }
        Ok(())
    }

    fn remember_constant(&mut self, name: &'a str, volume: Option<f64>) -> Checked {
        let Some(volume) = volume else { return Ok(()) };
        room::for_one_more(&mut self.constants)?;
        // Graphs that do not see each other may use the same name: the larger one counts.
        let known = self.constants.entry(name).or_insert(volume);
        *known = known.max(volume);
        Ok(())
    }

    /// Checks the nodes whose output is as large as a constant says. What a network works out itself is not known here.
    pub(super) fn check_constant_sizes(&mut self) -> Checked {
        for sized in std::mem::take(&mut self.sized) {
            let constant = |(operator, input): &(&str, usize)| {
                if *operator != sized.operator {
                    None
                } else {
                    self.constants.get(sized.inputs[*input]).copied()
                }
            };
            let bytes = SIZE_INPUTS.iter().filter_map(constant).fold(0.0, f64::max) * 4.0;
            let scale = SCALE_INPUTS.iter().filter_map(constant).fold(0.0, f64::max);
            self.contents.used.value_bytes = self.contents.used.value_bytes.max(bytes as u64);
            let limit = self.limits.value_bytes;
            let problem = if bytes > limit as f64 {
                format!("it makes a value of {bytes:.0} bytes; {limit} are the most that a value may have")
            } else if scale > LARGEST_SCALE {
                format!("it makes {scale} pixels of one; {LARGEST_SCALE} are the most")
            } else {
                continue;
            };
            self.enclosing = sized.enclosing;
            self.note(Err(Refusal::new(Rule::Shapes, problem)), || sized.node)?;
        }
        Ok(())
    }
}

fn check_growth(field: Field<'_>) -> Checked {
    let mut numbers = field.numbers().map_while(Result::ok);
    match numbers.find(|number| number.unsigned_abs() > LARGEST_GROWTH) {
        None => Ok(()),
        Some(number) => Err(Refusal::new(
            Rule::Shapes,
            format!("it is {number}; {LARGEST_GROWTH} is the largest that is run"),
        )),
    }
}

fn sparse() -> Refusal {
    Refusal::new(Rule::ElementTypes, "it holds a sparse tensor; a model's tensors are dense")
}

impl std::fmt::Display for NodeBytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operator = text_of(&schema::NODE, self.bytes, "op_type");
        write!(f, "{} ({})", numbered(&schema::NODE, self.bytes, "node", self.index), quoted(operator))
    }
}

/// Speaks of the `index`-th of a list, with the name that the file gives it.
fn numbered(message: &'static Message, bytes: &[u8], what: &str, index: usize) -> String {
    match text_of(message, bytes, "name") {
        "" => format!("{what} {index}"),
        name => format!("{what} {index} {}", quoted(name)),
    }
}

/// The text in a message's field, as far as the message can be read.
fn text_of<'a>(message: &'static Message, bytes: &'a [u8], field: &str) -> &'a str {
    let mut fields = Fields::new(message, bytes).map_while(Result::ok);
    fields.find(|candidate| candidate.name == field).and_then(|field| field.text().ok()).unwrap_or("")
}
