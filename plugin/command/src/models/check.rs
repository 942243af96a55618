//! `derust models check`: everything that the store would think of a file.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use derust_engine::models::{
    Contents, Dimension, Examination, Limits, ModelError, ModelFile, Port, element_type_name, examine,
};
use derust_engine::runtime::SessionOptions;
use derust_engine::{Control, Engine, EngineOptions, Error, Manifest, Trial};
use serde_json::{Map, Value, json};

use crate::advice;
use crate::cli::Check;
use crate::console::say;
use crate::engine;
use crate::report::on_building;

/// Runs of the network that are timed after the first one.
const TIMED_RUNS: usize = 5;

/// What came of a file.
struct Outcome {
    path: String,
    bytes: usize,
    digest: String,
    has_sidecar: bool,
    examination: Examination,
    manifest: Option<Manifest>,
    /// What is wrong with the file.
    problem: Option<ModelError>,
    /// How it did; `None` where it is not fit to be tried.
    trial: Option<Result<Trial, Error>>,
}

/// Looks at the file as the store does, tries it out, and says what came of it.
///
/// # Errors
/// When the file cannot be read; one that cannot serve is reported with exit code 1.
pub fn run(arguments: &Check) -> anyhow::Result<ExitCode> {
    let path = &arguments.file;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = match ModelFile::read(folder, path) {
        Ok(file) => file,
        Err(problem) if arguments.json => {
            say(json!({ "file": path.to_string_lossy(), "usable": false, "problem": problem.to_string() }));
            return Ok(ExitCode::FAILURE);
        }
        Err(problem) => anyhow::bail!("{} cannot be used: {problem}", path.display()),
    };
    let outcome = examine_and_try(path, file, arguments);
    if arguments.json {
        say(Value::Object(outcome.as_json()))
    } else {
        outcome.lines().iter().for_each(say)
    }
    Ok(if outcome.is_usable() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn examine_and_try(path: &Path, file: ModelFile, arguments: &Check) -> Outcome {
    let examination = examine(&file.onnx, &Limits::default());
    let text = file.sidecar.as_ref().or(examination.contents.manifest.as_ref());
    let manifest = text.and_then(|text| Manifest::from_json(text).ok());
    let digest = file.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    let (bytes, has_sidecar) = (file.onnx.len(), file.sidecar.is_some());
    let inspected = file.inspect();
    let (problem, trial) = match inspected {
        Err(problem) => (Some(problem), None),
        Ok(model) => {
            let session = SessionOptions { device: arguments.device, ..Default::default() };
            let log = on_building(Arc::default());
            let engine = Engine::new(EngineOptions { session, log, ..engine::options() });
            (None, Some(engine.try_out(&model, &file.onnx, TIMED_RUNS, Control::default())))
        }
    };
    let path = path.to_string_lossy().into_owned();
    Outcome { path, bytes, digest, has_sidecar, examination, manifest, problem, trial }
}

impl Outcome {
    fn is_usable(&self) -> bool {
        matches!(self.trial, Some(Ok(_)))
    }

    /// Why the file cannot serve.
    fn obstacle(&self) -> Option<String> {
        let trial = self.trial.as_ref().and_then(|trial| trial.as_ref().err());
        self.problem.as_ref().map(advice::unusable).or(trial.map(ToString::to_string))
    }

    fn lines(&self) -> Vec<String> {
        let contents = &self.examination.contents;
        let line = |label: &str, text: String| format!("{label:<12}{text}");
        let mut lines = vec![
            line("file", self.path.clone()),
            line("size", format!("{} bytes", self.bytes)),
            line(
                "SHA-256",
                format!(
                    "{}{}",
                    self.digest,
                    if self.has_sidecar { " (with the manifest beside it)" } else { "" }
                ),
            ),
            line("format", format_of(contents)),
            line("manifest", self.manifest_line()),
        ];
        for (label, ports) in [("input", &contents.ports.inputs), ("output", &contents.ports.outputs)] {
            lines.extend(ports.iter().map(|port| line(label, port_line(port))));
        }
        lines.push(line("parameters", contents.parameters.to_string()));
        lines.push(line("operators", operators_line(contents)));
        for ((what, used), (_, limit)) in contents.used.each().into_iter().zip(Limits::default().each()) {
            lines.push(line("limits", format!("{what}: {used} of {limit}")));
        }
        let inspection = match &self.examination.verdict {
            Ok(()) => "passed".to_owned(),
            Err(refusal) => format!("failed: {refusal}"),
        };
        lines.push(line("inspection", inspection));
        match &self.trial {
            None => {}
            Some(Err(error)) => lines.push(line("trial", format!("failed: {error}"))),
            Some(Ok(trial)) => {
                lines.extend(trial.placement.iter().map(|placement| line("device", placement.to_string())));
                lines.push(line("trial", trial_line(trial)));
            }
        }
        lines
            .push(line("usable", self.obstacle().map_or("yes".into(), |obstacle| format!("no: {obstacle}"))));
        lines
    }

    fn manifest_line(&self) -> String {
        let place = if self.has_sidecar { "beside the file" } else { "in the file" };
        let Some(manifest) = &self.manifest else {
            let there = self.has_sidecar || self.examination.contents.manifest.is_some();
            return if there { format!("{place}, but it cannot be used") } else { "none".into() };
        };
        let Manifest { kind, name, version, tile, threshold, views, mirror_scale, .. } = manifest;
        let mut line = format!(
            "{place}: {kind} {name} {version}, tiles of {} with an overlap of {}",
            tile.size, tile.overlap
        );
        if let Some(side) = manifest.long_side {
            line += &format!(", long side {side}");
        }
        line += &format!(", threshold {threshold}");
        if *views > 1 {
            line += &format!(", the mean over {views} views");
        }
        if let Some(scale) = mirror_scale {
            line += &format!(", mirror images at {scale} of the size");
        }
        line
    }

    fn as_json(&self) -> Map<String, Value> {
        let contents = &self.examination.contents;
        let operators: Map<String, Value> = contents
            .operators
            .iter()
            .map(|((set, name), count)| (operator(set, name), json!(count)))
            .collect();
        let used = contents.used.each().into_iter().zip(Limits::default().each());
        let limits: Map<String, Value> = used
            .map(|((what, used), (_, limit))| (what.to_owned(), json!({ "used": used, "limit": limit })))
            .collect();
        let sets: Map<String, Value> = contents
            .operator_sets
            .iter()
            .map(|(set, version)| (set_name(set).to_owned(), json!(version)))
            .collect();
        let mut facts = Map::new();
        let mut put = |name: &str, value: Value| facts.insert(name.to_owned(), value);
        put("file", json!(self.path));
        put("usable", json!(self.is_usable()));
        put("problem", json!(self.obstacle()));
        if let Err(refusal) = &self.examination.verdict {
            put(
                "refusal",
                json!({ "rule": refusal.rule.id(), "place": refusal.place, "problem": refusal.problem }),
            );
        }
        put("bytes", json!(self.bytes));
        put("sha256", json!(self.digest));
        put("ir_version", json!(contents.ir_version));
        put("producer", json!(contents.producer));
        put("operator_sets", sets.into());
        put("sidecar", json!(self.has_sidecar));
        put("manifest", manifest_json(self.manifest.as_ref()));
        put("inputs", contents.ports.inputs.iter().map(port_json).collect());
        put("outputs", contents.ports.outputs.iter().map(port_json).collect());
        put("parameters", json!(contents.parameters));
        put("operators", operators.into());
        put("limits", limits.into());
        if let Some(Ok(trial)) = &self.trial {
            put(
                "trial",
                json!({
                    "device": trial.placement.as_ref().map(|placement| placement.device()),
                    "width": trial.size.0,
                    "height": trial.size.1,
                    "loading_ms": milliseconds(trial.loading),
                    "first_run_ms": milliseconds(trial.first_run),
                    "median_run_ms": milliseconds(trial.median_run()),
                    "runs": trial.later_runs.len(),
                    "ms_per_megapixel": milliseconds(trial.per_megapixel()),
                }),
            );
        }
        facts
    }
}

fn format_of(contents: &Contents) -> String {
    let sets: Vec<String> = contents
        .operator_sets
        .iter()
        .map(|(set, version)| format!("{} {version}", plain(set_name(set))))
        .collect();
    let writer =
        if contents.producer.is_empty() { "a program that does not say" } else { &contents.producer };
    format!(
        "ONNX IR {}, operator sets {}, written by {}",
        contents.ir_version,
        sets.join(", "),
        plain(writer)
    )
}

fn operators_line(contents: &Contents) -> String {
    let mut counts: Vec<_> = contents.operators.iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let counts: Vec<String> = counts
        .iter()
        .map(|((set, name), count)| format!("{} {count}", plain(&operator(set, name))))
        .collect();
    counts.join(", ")
}

fn trial_line(trial: &Trial) -> String {
    format!(
        "{} x {} pixels: loading {:.1} ms, first run {:.1} ms, then {:.1} ms (median of {}), {:.0} ms per megapixel",
        trial.size.0,
        trial.size.1,
        milliseconds(trial.loading),
        milliseconds(trial.first_run),
        milliseconds(trial.median_run()),
        trial.later_runs.len(),
        milliseconds(trial.per_megapixel()),
    )
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}

fn set_name(set: &str) -> &str {
    if set.is_empty() { "ai.onnx" } else { set }
}

/// ONNX's own operators by their name, others with their set.
fn operator(set: &str, name: &str) -> String {
    if set.is_empty() { name.into() } else { format!("{set}.{name}") }
}

fn port_line(port: &Port) -> String {
    let element_type = port.element_type.map_or("no tensor", element_type_name);
    let Some(shape) = &port.shape else { return format!("{}: {element_type}, any shape", plain(&port.name)) };
    let sizes: Vec<String> = shape
        .iter()
        .map(|dimension| match dimension {
            Dimension::Fixed(size) => size.to_string(),
            Dimension::Open(name) if name.is_empty() => "?".into(),
            Dimension::Open(name) => plain(name),
        })
        .collect();
    format!("{}: {element_type} [{}]", plain(&port.name), sizes.join(", "))
}

fn manifest_json(manifest: Option<&Manifest>) -> Value {
    manifest.and_then(|manifest| serde_json::from_str(&manifest.to_json()).ok()).unwrap_or_default()
}

fn port_json(port: &Port) -> Value {
    let size = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => json!(size),
        Dimension::Open(name) => json!(name),
    };
    let shape: Option<Vec<Value>> = port.shape.as_ref().map(|shape| shape.iter().map(size).collect());
    json!({ "name": port.name, "type": port.element_type.map(element_type_name), "shape": shape })
}

/// A text from the file, without what would play with the terminal.
fn plain(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_debug().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
