//! What is compared: runs by their metrics file, evaluations by their JSON.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::better::{Better, better};
use crate::report::plot::{Axis, Series, read_metrics};
use crate::run::files;

/// Lines of one chart.
pub struct Curves {
    /// The figure, or the name of the curve: those of the same name share a chart.
    pub name: String,
    /// To the right and upwards.
    pub axes: [Axis; 2],
    /// A name for each line where there are several, else nothing.
    pub lines: Vec<Series>,
}

/// A run or an evaluation.
pub struct Source {
    /// What it is called.
    pub name: String,
    /// By name, in their order.
    pub figures: Vec<(String, f64)>,
    /// Everything that can be drawn.
    pub curves: Vec<Curves>,
}

/// The last part of each path, with as many parts before it as tell it from the others.
pub fn names(paths: &[PathBuf]) -> Vec<String> {
    let parts = |path: &Path, count: usize| {
        let path =
            if path.extension().is_some_and(|e| e == "json") { path.with_extension("") } else { path.into() };
        let all: Vec<_> =
            path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
        all[all.len().saturating_sub(count)..].join("/")
    };
    let name = |path: &PathBuf| {
        let is_unique = |count: &usize| {
            paths.iter().filter(|other| parts(other, *count) == parts(path, *count)).count() == 1
        };
        let count = (1..=path.components().count()).find(is_unique).unwrap_or(1);
        parts(path, count)
    };
    paths.iter().map(name).collect()
}

impl Source {
    /// Reads a run's folder or an evaluation's file.
    ///
    /// # Errors
    /// When it is neither, or has no figures yet.
    pub fn read(path: &Path, name: String) -> Result<Self> {
        if path.is_dir() { Source::of_run(path, name) } else { Source::of_evaluation(path, name) }
    }

    fn of_run(folder: &Path, name: String) -> Result<Self> {
        let path = folder.join(files::METRICS);
        ensure!(path.is_file(), "{} is no run's folder: it has no {}", folder.display(), files::METRICS);
        let series = read_metrics(&path)?;
        ensure!(!series.is_empty(), "{} has no figures yet", path.display());
        let mut figures = vec![];
        let steps = series.iter().flat_map(|one| &one.points).map(|point| point.0).fold(0.0, f64::max);
        figures.push(("steps".to_owned(), steps));
        figures.push(("minutes".to_owned(), seconds(&path)? / 60.0));
        let mut curves = vec![];
        for one in series {
            let values = || one.points.iter().map(|point| point.1).filter(|value| value.is_finite());
            let best = match better(&one.name) {
                Some(Better::Higher) => values().reduce(f64::max),
                Some(Better::Lower) => values().reduce(f64::min),
                None => None,
            };
            figures.extend(best.map(|best| (format!("{}, best", one.name), best)));
            figures.push((format!("{}, last", one.name), values().next_back().unwrap_or(f64::NAN)));
            curves.push(Curves {
                name: one.name.clone(),
                axes: [Axis::of("step"), Axis::of("")],
                lines: vec![Series::new("", one.points)],
            });
        }
        Ok(Source { name, figures, curves })
    }

    fn of_evaluation(path: &Path, name: String) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("cannot read {}: neither a run's folder nor a JSON file of evaluate", path.display())
        })?;
        let value: Option<Value> = serde_json::from_str(&text).ok();
        let object = value.as_ref().and_then(Value::as_object).filter(|object| object.contains_key("kind"));
        let object =
            object.with_context(|| format!("{} was not written by evaluate --json", path.display()))?;
        let mut figures: Vec<(String, f64)> =
            object.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect();
        for class in object.get("classes").and_then(Value::as_array).into_iter().flatten() {
            let of = class["name"].as_str().unwrap_or_default();
            let of_class = class.as_object().into_iter().flatten();
            figures.extend(
                of_class.filter_map(|(name, value)| Some((format!("{of}: {name}"), value.as_f64()?))),
            );
        }
        let curves = object.get("curves").and_then(Value::as_object).into_iter().flatten();
        let curves = curves.map(|(name, value)| curves_of(name, value)).collect();
        Ok(Source { name, figures, curves })
    }
}

/// The seconds in the last line of a metrics file; zero where there are none.
fn seconds(metrics: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(metrics)?;
    let lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.filter_map(|line| line["seconds"].as_f64()).next().unwrap_or_default())
}

fn curves_of(name: &str, value: &Value) -> Curves {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let lines: Vec<Series> = value["lines"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, points)| {
            let points = points.as_array().into_iter().flatten();
            Series::new(name.clone(), points.map(|point| (number(&point[0]), number(&point[1]))).collect())
        })
        .collect();
    let within = |of: fn(&(f64, f64)) -> f64| {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(of)
            .all(|value| !value.is_finite() || (0.0..=1.0).contains(&value))
    };
    let axis = |key: &str, unit: bool| {
        let label = value[key].as_str().unwrap_or_default();
        if unit { Axis::unit(label) } else { Axis::of(label) }
    };
    let axes = [axis("x", within(|point| point.0)), axis("y", within(|point| point.1))];
    Curves { name: name.into(), axes, lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_long_as_they_need_to_be() {
        let paths = ["runs/a/segment", "runs/b/segment", "x.json"].map(PathBuf::from);
        assert_eq!(names(&paths), ["a/segment", "b/segment", "x"]);
        assert_eq!(names(&["a", "a"].map(PathBuf::from)), ["a", "a"]);
    }

    #[test]
    fn what_is_neither_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("other.json"), "{}").unwrap();
        std::fs::create_dir(path("begun")).unwrap();
        std::fs::write(path("begun/metrics.jsonl"), "").unwrap();
        for (source, hint) in [
            (folder.path().to_owned(), "no run's folder"),
            (path("missing"), "cannot read"),
            (path("other.json"), "not written by evaluate"),
            (path("begun"), "no figures yet"),
        ] {
            let said = format!("{:#}", Source::read(&source, "x".into()).err().unwrap());
            assert!(said.contains(hint) && said.lines().count() == 1, "{said}");
        }
    }
}
