//! The figures of short trainings, one JSON object per line, and the tables that are made of them.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Study;

/// One training that came to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The trainer's verb.
    pub kind: String,
    /// What it did otherwise.
    pub variant: String,
    pub seed: u64,
    pub steps: u64,
    /// What was measured after its last step, by name.
    pub figures: Map<String, Value>,
}

/// A file of rows.
pub struct Record {
    path: PathBuf,
    rows: Vec<Row>,
}

impl Record {
    /// Reads what is there; nothing, if the file is not.
    pub fn read(path: PathBuf) -> Result<Self> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let row = |(number, line): (usize, &str)| {
            serde_json::from_str(line).with_context(|| {
                format!("line {} of {} is no training's figures", number + 1, path.display())
            })
        };
        let rows = text.lines().enumerate().map(row).collect::<Result<_>>()?;
        Ok(Record { path, rows })
    }

    /// Whether a training stands there.
    pub fn has(&self, study: &Study, variant: &str, seed: u64) -> bool {
        self.of(study, variant).any(|row| row.seed == seed)
    }

    /// Adds what a run's folder says of its last step.
    pub fn add(&mut self, study: &Study, variant: &str, seed: u64, run: &Path) -> Result<()> {
        let path = run.join("metrics.jsonl");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let last = lines.rfind(|line| line["step"].as_u64() == Some(study.steps));
        let last =
            last.with_context(|| format!("{} does not come to step {}", path.display(), study.steps))?;
        let told = |(name, ..): &(&str, &str, usize)| Some(((*name).to_owned(), last.get(*name)?.clone()));
        let figures = study.figures.iter().filter_map(told).collect();
        let row = Row { kind: study.kind.into(), variant: variant.into(), seed, steps: study.steps, figures };
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        writeln!(file, "{}", serde_json::to_string(&row)?)
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        self.rows.push(row);
        Ok(())
    }

    /// The mean over seeds of each figure of a study, and its lowest and highest value.
    pub fn table(&self, study: &Study) -> String {
        let mut text = format!("{}, {} steps\n\n| |", study.kind, study.steps);
        study.figures.iter().for_each(|(_, heading, _)| write!(text, " {heading} |").unwrap_or_default());
        text.push_str(" Trainings |\n|---|");
        text.push_str(&"---|".repeat(study.figures.len() + 1));
        text.push('\n');
        for (variant, _) in &study.variants {
            write!(text, "| {variant} |").unwrap_or_default();
            for (figure, _, decimals) in study.figures {
                let values: Vec<f64> =
                    self.of(study, variant).filter_map(|row| row.figures.get(*figure)?.as_f64()).collect();
                write!(text, " {} |", mean_and_range(&values, *decimals)).unwrap_or_default();
            }
            writeln!(text, " {} |", self.of(study, variant).count()).unwrap_or_default();
        }
        text.push('\n');
        text
    }

    fn of(&self, study: &Study, variant: &str) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(move |row| row.kind == study.kind && row.steps == study.steps && row.variant == variant)
    }
}

fn mean_and_range(values: &[f64], decimals: usize) -> String {
    if values.is_empty() {
        return String::new();
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let (lowest, highest) =
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    format!("{mean:.decimals$} ({lowest:.decimals$} to {highest:.decimals$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_mean_over_the_trainings_that_came_to_their_end() {
        let out = tempfile::tempdir().unwrap();
        let study = Study {
            kind: "segment",
            steps: 4,
            shared: vec![],
            variants: vec![("as shipped", vec![]), ("no frills, bare", vec![])],
            figures: &[("best_iou", "IoU", 2)],
        };
        let path = out.path().join("record.jsonl");
        let mut record = Record::read(path.clone()).unwrap();
        for (seed, step, iou) in [(1, 4, 0.5), (2, 4, 0.25), (3, 2, 0.9)] {
            let run = out.path().join(seed.to_string());
            fs::create_dir(&run).unwrap();
            let lines = format!("{{\"step\":0,\"best_iou\":0.9}}\n{{\"step\":{step},\"best_iou\":{iou}}}\n");
            fs::write(run.join("metrics.jsonl"), lines).unwrap();
            assert_eq!(record.add(&study, "as shipped", seed, &run).is_ok(), step == 4);
        }
        let expected = "segment, 4 steps\n\n| | IoU | Trainings |\n|---|---|---|\n\
                        | as shipped | 0.38 (0.25 to 0.50) | 2 |\n| no frills, bare |  | 0 |\n\n";
        let read = Record::read(path.clone()).unwrap();
        assert_eq!(read.table(&study), expected);
        let stands = |steps, seed| read.has(&Study { steps, ..study.clone() }, "as shipped", seed);
        assert_eq!([stands(4, 1), stands(4, 3), stands(5, 1)], [true, false, false]);
        fs::write(&path, "{}").unwrap();
        assert!(Record::read(path).is_err());
    }
}
