//! The walk over a model file: what it holds, and whether it keeps to the rules.
//!
//! The file is read in place, once, and in bounded memory: names are borrowed, weights are measured and passed over.
//! `graph` and `tensor` walk the parts.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use derust_manifest::METADATA_KEY;

use super::graph::{NodeBytes, SizedNode};
use super::limits::Limits;
use super::lookalikes::other_format;
use super::ports::Ports;
use super::refusal::{Refusal, Rule};
use super::schema::{self, Message};
use super::wire::{Broken, Field, Fields};
use crate::room;

/// The newest version of the format, and of ONNX's operators, that ONNX Runtime 1.32 loads.
const NEWEST_IR: i64 = 14;
const NEWEST_OPSET: i64 = 28;

/// What a model file holds, as far as that can be told without running it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The version of the format (`ir_version`).
    pub ir_version: i64,
    /// The program that wrote the file, and its version.
    pub producer: String,
    /// The operator sets that the file names, each with its version; the empty name is ONNX's own set.
    pub operator_sets: Vec<(String, i64)>,
    /// How often each operator is used, by operator set and name.
    pub operators: BTreeMap<(String, String), u64>,
    /// What it needs of ONNX Runtime beyond the lowest version that can serve.
    pub needs: Option<Needs>,
    /// The graph's inputs and outputs.
    pub ports: Ports,
    /// Numbers in the graph's tensors.
    pub parameters: u64,
    /// The manifest in the file, unread.
    pub manifest: Option<String>,
    /// How much of each limit is used.
    pub used: Limits,
}

/// A version of ONNX Runtime that a model needs, because older ones crash on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The lowest `N` of ONNX Runtime `1.N` that may run it.
    pub minor_version: u32,
    /// What asks for it.
    pub by: String,
}

impl Needs {
    /// Why ONNX Runtime of this version, such as `1.24.0`, may not run it.
    pub(crate) fn refusal(&self, version: &str) -> Option<String> {
        let minor = version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0);
        (minor < self.minor_version).then(|| {
            let Needs { minor_version, by } = self;
            format!(
                "{by} can end the program with ONNX Runtime {version}; 1.{minor_version} or newer is needed to run it"
            )
        })
    }
}

/// What came of looking at a model file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// What the file holds; after a refusal, what had been read until then.
    pub contents: Contents,
    /// Whether the file keeps to every rule.
    pub verdict: Result<(), Refusal>,
}

/// Looks at an ONNX file's content, apart from what its manifest says.
pub fn examine(onnx: &[u8], limits: &Limits) -> Examination {
    let mut examiner = Examiner {
        limits,
        contents: Contents {
            ir_version: 0,
            producer: String::new(),
            operator_sets: vec![],
            operators: BTreeMap::new(),
            needs: None,
            ports: Ports::default(),
            parameters: 0,
            manifest: None,
            used: Limits::ZERO,
        },
        first_refusal: None,
        constants: HashMap::new(),
        sized: vec![],
        enclosing: vec![],
    };
    let verdict = examiner.model(onnx).and_then(|()| examiner.first_refusal.map_or(Ok(()), Err));
    Examination { contents: examiner.contents, verdict }
}

pub(super) type Checked<T = ()> = Result<T, Refusal>;

pub(super) struct Examiner<'a> {
    pub(super) limits: &'a Limits,
    pub(super) contents: Contents,
    /// The first of those that leave the rest readable.
    first_refusal: Option<Refusal>,
    /// The volumes of the tensors that are small enough to be shapes, by name.
    pub(super) constants: HashMap<&'a str, f64>,
    /// The nodes whose output is as large as one of their inputs says.
    pub(super) sized: Vec<SizedNode<'a>>,
    /// The nodes whose graphs are being walked, the outermost first.
    pub(super) enclosing: Vec<NodeBytes<'a>>,
}

impl<'a> Examiner<'a> {
    fn model(&mut self, onnx: &'a [u8]) -> Checked {
        self.reach("file bytes", |limits| &mut limits.file_bytes, onnx.len() as u64)?;
        if let Some(problem) = other_format(onnx) {
            return Err(Refusal::new(Rule::Format, problem));
        }
        let mut graph = false;
        let mut producer = [""; 2];
        let mut fields = Fields::new(&schema::MODEL, onnx);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "ir_version" => self.contents.ir_version = field.signed(),
                "producer_name" => producer[0] = self.name(field)?,
                "producer_version" => producer[1] = self.name(field)?,
                "opset_import" => self.operator_set(field.bytes())?,
                "metadata_props" => self.model_property(field.bytes())?,
                "functions" => self.note_whole(Refusal::new(
                    Rule::Functions,
                    "it defines operators of its own (functions); inline them before you save it, for example with \
                     onnx.inliner",
                ))?,
                "training_info" => {
                    self.note_whole(Refusal::new(Rule::Operators, "it holds a training graph; export it for inference"))?;
                }
                "configuration" => {
                    self.note_whole(Refusal::new(Rule::Settings, "it says on which devices its parts have to run"))?;
                }
                "graph" => {
                    graph = true;
                    self.graph(field.bytes(), 1)?;
                }
                _ => {}
            }
        }
        self.contents.producer = producer.join(" ").trim().to_owned();
        self.check_versions()?;
        if !graph {
            return Err(Refusal::new(Rule::Format, "it holds no graph, so it is no ONNX file"));
        }
        self.check_constant_sizes()
    }

    /// Versions that no ONNX Runtime of today loads: it would say so only once the file is to serve.
    fn check_versions(&mut self) -> Checked {
        let advice = "; export it anew with a lower one, for example `torch.onnx.export(..., opset_version=18)`, or bring \
                      it down with onnx.version_converter";
        let ir_version = self.contents.ir_version;
        if ir_version > NEWEST_IR {
            self.note_whole(Refusal::new(
                Rule::Format,
                format!("its format has the version (IR) {ir_version}, and {NEWEST_IR} is the newest that can be run{advice}"),
            ))?;
        }
        let standard =
            self.contents.operator_sets.iter().filter(|(set, _)| matches!(set.as_str(), "" | "ai.onnx"));
        let Some(newest) = standard.map(|(_, version)| *version).max() else { return Ok(()) };
        if newest > NEWEST_OPSET {
            self.note_whole(Refusal::new(
                Rule::Operators,
                format!(
                    "it asks for version {newest} of ONNX's operators (opset), and {NEWEST_OPSET} is the newest that can be \
                     run{advice}"
                ),
            ))?;
        }
        Ok(())
    }

    fn operator_set(&mut self, bytes: &'a [u8]) -> Checked {
        const MOST_SETS: usize = 64;
        let (mut domain, mut version) = ("", 0);
        let mut fields = Fields::new(&schema::OPERATOR_SET, bytes);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "domain" => domain = self.name(field)?,
                _ => version = field.signed(),
            }
        }
        if self.contents.operator_sets.len() == MOST_SETS {
            return Err(Refusal::new(Rule::Limits, format!("it names more than {MOST_SETS} operator sets")));
        }
        self.contents.operator_sets.push((domain.to_owned(), version));
        Ok(())
    }

    fn model_property(&mut self, bytes: &'a [u8]) -> Checked {
        let (key, value) = self.property(bytes)?;
        match key {
            METADATA_KEY if self.contents.manifest.is_some() => {
                Err(Refusal::new(Rule::Format, "it holds two manifests"))
            }
            METADATA_KEY => {
                self.reach("manifest bytes", |limits| &mut limits.manifest_bytes, value.len() as u64)?;
                let text = std::str::from_utf8(value);
                let text = text.map_err(|_| Refusal::new(Rule::Names, "its manifest is not UTF-8"))?;
                self.contents.manifest = Some(room::text(text)?);
                Ok(())
            }
            // ONNX Runtime reads it where an environment variable asks for that; it can make it write files.
            "ort_config" => self.note_whole(Refusal::new(
                Rule::Settings,
                "it holds settings for ONNX Runtime (`ort_config`)",
            )),
            _ => Ok(()),
        }
    }

    /// A pair of key and value; the value is any bytes.
    pub(super) fn property(&mut self, bytes: &'a [u8]) -> Checked<(&'a str, &'a [u8])> {
        let (mut key, mut value) = ("", &[][..]);
        let mut fields = Fields::new(&schema::PROPERTY, bytes);
        while let Some(field) = self.next(&mut fields)? {
            match field.name {
                "key" => key = self.name(field)?,
                _ => value = field.bytes(),
            }
        }
        Ok((key, value))
    }

    /// Reads and counts a message's next field.
    pub(super) fn next(&mut self, fields: &mut Fields<'a>) -> Checked<Option<Field<'a>>> {
        let Some(field) = fields.next() else { return Ok(None) };
        self.spend("fields", |limits| &mut limits.fields, 1)?;
        field.map(Some).map_err(|broken| malformed(fields.message(), &broken))
    }

    /// A name: text, and not too long.
    pub(super) fn name(&mut self, field: Field<'a>) -> Checked<&'a str> {
        self.reach("name bytes", |limits| &mut limits.name_bytes, field.bytes().len() as u64)?;
        field.text().map_err(|broken| Refusal::new(Rule::Names, broken.to_string()))
    }

    /// Counts `amount` more of what is limited.
    pub(super) fn spend(&mut self, what: &str, of: fn(&mut Limits) -> &mut u64, amount: u64) -> Checked {
        let used = of(&mut self.contents.used);
        *used = used.saturating_add(amount);
        let used = *used;
        self.check_limit(what, of, used)
    }

    /// Counts the largest of what is limited.
    pub(super) fn reach(&mut self, what: &str, of: fn(&mut Limits) -> &mut u64, amount: u64) -> Checked {
        let used = of(&mut self.contents.used);
        *used = amount.max(*used);
        self.check_limit(what, of, amount)
    }

    fn check_limit(&self, what: &str, of: fn(&mut Limits) -> &mut u64, amount: u64) -> Checked {
        let limit = *of(&mut self.limits.clone());
        if amount <= limit {
            return Ok(());
        }
        Err(Refusal::new(
            Rule::Limits,
            format!("{amount} {what} are more than {limit}, the most that a model may have"),
        ))
    }

    /// Keeps the first refusal after which the rest can be read, and ends the walk at others. The breach is at `place`.
    pub(super) fn note<P: Display>(&mut self, checked: Checked, place: impl FnOnce() -> P) -> Checked {
        match checked {
            Ok(()) => Ok(()),
            Err(refusal) if refusal.rule.ends_reading() => Err(refusal.within(place())),
            Err(refusal) => {
                if self.first_refusal.is_none() {
                    let enclosing = self.enclosing.iter().rev();
                    let refusal =
                        enclosing.fold(refusal.within(place()), |refusal, node| refusal.within(node));
                    self.first_refusal = Some(refusal);
                }
                Ok(())
            }
        }
    }

    /// Keeps a breach that is at no place of its own.
    pub(super) fn note_whole(&mut self, refusal: Refusal) -> Checked {
        self.note(Err(refusal), || "")
    }
}

pub(super) fn malformed(message: &Message, broken: &Broken) -> Refusal {
    let name = message.name;
    Refusal::new(
        Rule::Format,
        format!("it is no ONNX file, or a damaged one: where a {name} should be, {broken}"),
    )
}
