//! Runs and evaluations side by side: one table, one plot.

mod better;
mod source;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use image::RgbImage;
use serde_json::{Map, Value, json};

use better::{Better, better};
use source::{Source, names};

use crate::report::html::Page;
use crate::report::plot::{Chart, Series};
use crate::report::sheet::{Group, contact_sheet};
use crate::report::table::{Cell, Table, number};
use crate::whole_file;

/// Options of `compare`.
#[derive(Args, Clone, Debug)]
pub struct CompareOptions {
    /// Folders of runs, and JSON files that `evaluate --json` has written.
    #[arg(required = true, value_name = "RUN_OR_JSON")]
    sources: Vec<PathBuf>,
    /// Write the curves of all into this PNG or JPEG file.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Write a page with table and curves into this file; it opens without a network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the table as JSON into this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Prints the table and writes what was asked for.
///
/// # Errors
/// When a run or an evaluation cannot be read, or a file cannot be written.
pub fn compare(options: &CompareOptions) -> Result<()> {
    let names = names(&options.sources);
    let sources: Vec<Source> = options
        .sources
        .iter()
        .zip(names)
        .map(|(path, name)| Source::read(path, name))
        .collect::<Result<_>>()?;
    let (table, rows) = table(&sources);
    print!("{}", table.text());
    if let Some(path) = &options.json {
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let paths: Vec<String> = options.sources.iter().map(|path| path.display().to_string()).collect();
        let content = json!({ "names": names, "paths": paths, "rows": rows });
        whole_file::write(path, format!("{content:#}\n").as_bytes())?;
    }
    let charts = charts(&sources);
    if let Some(path) = &options.plot {
        let group = |chart: &Chart| Group { pictures: vec![chart.draw()], caption: String::new() };
        let groups: Vec<Group> = charts.iter().map(group).collect();
        ensure!(!groups.is_empty(), "there are no curves to plot");
        whole_file::write_picture(path, contact_sheet(&groups, 2, u32::MAX))?;
    }
    if let Some(path) = &options.html {
        let mut page = Page::new("Runs side by side", &said(&options.sources));
        page.table(&table);
        page.note("The best of each row is marked.");
        page.heading("Curves");
        let drawn: Vec<(String, RgbImage)> = charts
            .iter()
            .map(|chart| (chart.title.clone(), Chart { size: (520, 420), ..chart.clone() }.draw()))
            .collect();
        page.charts(drawn.iter().map(|(title, picture)| (title.as_str(), picture)))?;
        whole_file::write(path, page.finish().as_bytes())?;
    }
    Ok(())
}

fn said(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Figures in rows, a column for each source; and the rows as JSON.
fn table(sources: &[Source]) -> (Table, Vec<Value>) {
    let mut order: Vec<&str> = vec![];
    for (name, _) in sources.iter().flat_map(|source| &source.figures) {
        if !order.contains(&name.as_str()) {
            order.push(name);
        }
    }
    let head =
        std::iter::once(String::new()).chain(sources.iter().map(|source| source.name.clone())).collect();
    let mut table = Table { head, rows: vec![] };
    let mut rows = vec![];
    for name in order {
        let value =
            |source: &Source| source.figures.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
        let values: Vec<Option<f64>> =
            sources.iter().map(|source| value(source).filter(|value| value.is_finite())).collect();
        let best = best_of(name, &values);
        let cells = values
            .iter()
            .zip(&best)
            .map(|(value, best)| Cell { text: value.map_or("-".into(), number), best: *best });
        table.rows.push(std::iter::once(Cell::from(name)).chain(cells).collect());
        let mut row = Map::new();
        row.insert("figure".into(), name.into());
        row.insert("values".into(), json!(values));
        row.insert("best".into(), json!(best));
        rows.push(row.into());
    }
    (table, rows)
}

/// Which values are the best; none where nothing is compared.
fn best_of(name: &str, values: &[Option<f64>]) -> Vec<bool> {
    let there = || values.iter().flatten().copied();
    let best = match better(name) {
        Some(Better::Higher) if there().count() > 1 => there().reduce(f64::max),
        Some(Better::Lower) if there().count() > 1 => there().reduce(f64::min),
        _ => None,
    };
    values.iter().map(|value| value.is_some() && *value == best).collect()
}

/// A chart for each name of curves, with a line for each source.
fn charts(sources: &[Source]) -> Vec<Chart> {
    let mut charts: Vec<Chart> = vec![];
    for source in sources {
        for curves in &source.curves {
            let found = charts.iter().position(|chart| chart.title == curves.name);
            let at = found.unwrap_or_else(|| {
                let [x, y] = curves.axes.clone();
                let mut chart = Chart::new(&curves.name, x, y, vec![]);
                chart.diagonal = curves.name == "reliability";
                chart.size = (720, 420);
                chart.named = true;
                charts.push(chart);
                charts.len() - 1
            });
            let named = |line: &Series| {
                let several = curves.lines.len() > 1;
                let name =
                    if several { format!("{}: {}", source.name, line.name) } else { source.name.clone() };
                Series::new(name, line.points.clone())
            };
            charts[at].series.extend(curves.lines.iter().map(named));
        }
    }
    for chart in charts.iter_mut().filter(|chart| chart.y.range.is_none()) {
        chart.y.logarithmic = chart.spans_decades();
    }
    charts
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn run(folder: &Path, name: &str, ious: &[f64]) -> PathBuf {
        let run = folder.join(name);
        std::fs::create_dir_all(&run).unwrap();
        let line = |(i, iou): (usize, &f64)| {
            format!(
                "{{\"step\":{},\"seconds\":{},\"loss\":{},\"held_out_iou\":{iou}}}\n",
                i * 10,
                i * 60,
                1.0 - iou
            )
        };
        std::fs::write(run.join("metrics.jsonl"), ious.iter().enumerate().map(line).collect::<String>())
            .unwrap();
        run
    }

    fn evaluation(folder: &Path, name: &str, iou: f64) -> PathBuf {
        let path = folder.join(name);
        let value = json!({
            "kind": "segment", "title": "x", "iou": iou, "iou_range": [0.1, 0.9], "calibration_error": 1.0 - iou, "photos": 7,
            "classes": [{"name": "severe", "iou": iou / 2.0}],
            "curves": {"precision_recall": {"x": "recall", "y": "precision", "lines": {"rust": [[0, 1], [1, null]]}}},
            "pictures": [],
        });
        std::fs::write(&path, value.to_string()).unwrap();
        path
    }

    fn row(rows: &[Value], name: &str) -> (Vec<Option<f64>>, Vec<bool>) {
        let row = rows.iter().find(|row| row["figure"] == name).unwrap_or_else(|| panic!("no row {name}"));
        let values = row["values"].as_array().unwrap().iter().map(Value::as_f64).collect();
        (values, row["best"].as_array().unwrap().iter().map(|best| best.as_bool().unwrap()).collect())
    }

    #[test]
    fn runs_and_evaluations_stand_side_by_side_with_the_best_marked() {
        let folder = tempfile::tempdir().unwrap();
        let sources = [
            run(folder.path(), "a", &[0.1, 0.6, 0.5]),
            run(folder.path(), "b", &[0.1, 0.55]),
            evaluation(folder.path(), "c.json", 0.7),
            evaluation(folder.path(), "d.json", 0.8),
        ];
        let path = |name: &str| Some(folder.path().join(name));
        let options = CompareOptions {
            sources: sources.to_vec(),
            plot: path("all.png"),
            html: path("all.html"),
            json: path("all.json"),
        };
        compare(&options).unwrap();
        let json: Value = serde_json::from_slice(&std::fs::read(options.json.unwrap()).unwrap()).unwrap();
        assert_eq!(json["names"], json!(["a", "b", "c", "d"]));
        let rows = json["rows"].as_array().unwrap();
        let none = None::<f64>;
        assert_eq!(
            row(rows, "held_out_iou, best"),
            (vec![Some(0.6), Some(0.55), none, none], vec![true, false, false, false])
        );
        assert_eq!(row(rows, "held_out_iou, last").1, [false, true, false, false]);
        assert_eq!(row(rows, "loss, best").1, [true, false, false, false], "of a loss the lowest is best");
        assert_eq!(
            row(rows, "iou"),
            (vec![none, none, Some(0.7), Some(0.8)], vec![false, false, false, true])
        );
        assert_eq!(row(rows, "calibration_error").1, [false, false, false, true]);
        assert_eq!(row(rows, "photos").1, [false; 4]);
        assert_eq!(row(rows, "severe: iou").0, [none, none, Some(0.35), Some(0.4)]);
        assert_eq!((row(rows, "steps").0[0], row(rows, "minutes").0[0]), (Some(20.0), Some(2.0)));
        // Charts of loss, IoU and precision, two in a row.
        assert_eq!(image::open(options.plot.unwrap()).unwrap().width(), 2 * 720 + 18);
        let html = std::fs::read_to_string(options.html.unwrap()).unwrap();
        assert!(html.contains("<td class=\"best\">0.8000</td>") && html.contains("alt=\"precision_recall\""));
    }

    #[test]
    fn lines_of_all_sources_share_a_chart() {
        let folder = tempfile::tempdir().unwrap();
        let read = |path: PathBuf, name: &str| Source::read(&path, name.into()).unwrap();
        let sources =
            [read(run(folder.path(), "a", &[0.1, 0.6]), "a"), read(run(folder.path(), "b", &[0.2]), "b")];
        let charts = charts(&sources);
        assert_eq!(
            charts.iter().map(|chart| chart.title.as_str()).collect::<Vec<_>>(),
            ["held_out_iou", "loss"]
        );
        let lines: Vec<(&str, &[(f64, f64)])> =
            charts[0].series.iter().map(|line| (line.name.as_str(), line.points.as_slice())).collect();
        assert_eq!(lines, [("a", &[(0.0, 0.1), (10.0, 0.6)][..]), ("b", &[(0.0, 0.2)])]);
    }
}
