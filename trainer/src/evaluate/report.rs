//! What a measurement says: on the terminal, as JSON, as a page, as a contact sheet.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::report::html::{Card, Page};
use crate::report::plot::{Chart, Series};
use crate::report::sheet::{Group, contact_sheet};
use crate::report::table::{Table, number, short};
use crate::whole_file;

/// Where a report goes.
#[derive(Args, Clone, Debug, Default)]
pub struct ReportOptions {
    /// Write everything as JSON into this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write a page with figures, curves and pictures into this file; it opens without a network.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the contact sheet into this PNG or JPEG file.
    #[arg(long, value_name = "FILE")]
    pub sheet: Option<PathBuf>,
}

/// A figure over all pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Key in JSON.
    pub name: String,
    /// In words.
    pub label: String,
    /// May be not finite where there was nothing to measure.
    pub value: f64,
    /// The range that holds it in 95 of 100 draws of as many pictures.
    pub range: Option<[f64; 2]>,
    /// `dB`, `px`, or nothing.
    pub unit: &'static str,
}

impl Figure {
    /// A figure without a range.
    pub fn new(name: &str, label: &str, value: f64) -> Self {
        Figure { name: name.into(), label: label.into(), value, range: None, unit: "" }
    }

    /// The same with its range.
    pub fn within(self, range: [f64; 2]) -> Self {
        Figure { range: Some(range), ..self }
    }

    /// The same with its unit.
    pub fn in_unit(self, unit: &'static str) -> Self {
        Figure { unit, ..self }
    }
}

/// Curves of one chart.
pub struct Curves {
    /// Key in JSON.
    pub name: &'static str,
    /// How they are drawn.
    pub chart: Chart,
}

/// Everything that came out.
pub struct Report {
    /// `segment`, `derust` or `real`.
    pub kind: &'static str,
    /// Above everything.
    pub title: String,
    /// What was measured, on what.
    pub subject: String,
    /// Over all pictures.
    pub figures: Vec<Figure>,
    /// Further figures in rows: of classes, of other methods.
    pub tables: Vec<(String, Table, Value)>,
    /// Curves.
    pub curves: Vec<Curves>,
    /// Figures of each picture, as JSON objects with a `name`.
    pub pictures: Vec<Value>,
    /// Heading of the contact sheet, and what its colours mean.
    pub sheet_title: (String, String),
    /// The pictures to look at.
    pub sheet: Vec<Group>,
}

/// Long side of a photo on a sheet, in pixels.
const SIDE: u32 = 320;

impl Report {
    /// Prints figures, the last line as JSON, and writes what was asked for.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn deliver(&self, options: &ReportOptions) -> Result<()> {
        for (title, table, _) in &self.tables {
            println!("{title}\n{}", table.text());
        }
        println!("{}", self.summary());
        if let Some(path) = &options.json {
            whole_file::write(path, format!("{:#}\n", self.json()).as_bytes())?;
        }
        if let Some(path) = &options.html {
            whole_file::write(path, self.html()?.as_bytes())?;
        }
        if let Some(path) = &options.sheet {
            whole_file::write_picture(path, contact_sheet(&self.sheet, 3, SIDE))?;
        }
        println!("{}", Value::Object(self.figures_json()));
        Ok(())
    }

    /// All figures in lines of text.
    fn summary(&self) -> String {
        let line = |figure: &Figure| {
            let range = figure.range.map(|r| format!(" ({} to {})", number(r[0]), number(r[1])));
            let unit = if figure.unit.is_empty() { String::new() } else { format!(" {}", figure.unit) };
            format!("{}: {}{unit}{}", figure.label, number(figure.value), range.unwrap_or_default())
        };
        self.figures.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn figures_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        for figure in &self.figures {
            object.insert(figure.name.clone(), rounded(figure.value));
            if let Some(range) = figure.range {
                object.insert(format!("{}_range", figure.name), json!(range.map(rounded)));
            }
        }
        object
    }

    /// Everything but the pictures to look at.
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("kind".into(), self.kind.into());
        object.insert("title".into(), self.title.clone().into());
        object.insert("subject".into(), self.subject.clone().into());
        object.extend(self.figures_json());
        for (_, _, value) in &self.tables {
            if let Value::Object(more) = value {
                object.extend(more.clone());
            }
        }
        let curves = self.curves.iter().map(|curves| {
            let chart = &curves.chart;
            let lines = chart.series.iter().map(|line| (line.name.clone(), points_json(line)));
            let value =
                json!({"x": chart.x.label, "y": chart.y.label, "lines": lines.collect::<Map<_, _>>()});
            (curves.name.to_owned(), value)
        });
        object.insert("curves".into(), Value::Object(curves.collect()));
        object.insert("pictures".into(), self.pictures.clone().into());
        Value::Object(object)
    }

    /// The page.
    ///
    /// # Errors
    /// When a picture cannot be encoded.
    pub fn html(&self) -> Result<String> {
        let mut page = Page::new(&self.title, &self.subject);
        let cards: Vec<Card> = self.figures.iter().map(card).collect();
        page.cards(&cards);
        if self.figures.iter().any(|figure| figure.range.is_some()) {
            page.note("Ranges hold the figure in 95 of 100 draws of as many pictures.");
        }
        for (title, table, _) in &self.tables {
            page.heading(title);
            page.table(table);
        }
        if !self.curves.is_empty() {
            page.heading("Curves");
            let drawn: Vec<_> = self
                .curves
                .iter()
                .map(|curves| {
                    let chart = Chart { size: (520, 420), ..curves.chart.clone() };
                    (curves.chart.title.as_str(), chart.draw())
                })
                .collect();
            page.charts(drawn.iter().map(|(title, picture)| (*title, picture)))?;
        }
        if !self.sheet.is_empty() {
            page.heading(&self.sheet_title.0);
            page.note(&self.sheet_title.1);
            page.gallery(&self.sheet, SIDE)?;
        }
        Ok(page.finish())
    }
}

fn card(figure: &Figure) -> Card {
    let value = short(figure.value);
    let note = figure.range.map(|r| format!("{} to {}", short(r[0]), short(r[1]))).unwrap_or_default();
    let value = if figure.unit.is_empty() { value } else { format!("{value} {}", figure.unit) };
    Card { label: figure.label.clone(), value, note }
}

/// JSON has no word for numbers that are not finite.
pub fn rounded(value: f64) -> Value {
    if !value.is_finite() {
        return Value::Null;
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return json!(value as i64);
    }
    json!((value * 1e6).round() / 1e6)
}

fn points_json(line: &Series) -> Value {
    line.points.iter().map(|(x, y)| json!([rounded(*x), rounded(*y)])).collect()
}

/// Of items in order of a figure, lowest first: the best three, the three in the middle, the worst three, each with
/// its word; few items come once.
pub fn best_median_worst(count: usize) -> Vec<(&'static str, usize)> {
    const EACH: usize = 3;
    let mut taken = vec![];
    let middle = (count / 2).saturating_sub(EACH / 2);
    let places = [
        ("best", count.saturating_sub(EACH)..count),
        ("worst", 0..EACH.min(count)),
        ("median", middle..(middle + EACH).min(count)),
    ];
    for (word, range) in places {
        for place in range.rev() {
            if !taken.iter().any(|(_, other)| *other == place) {
                taken.push((word, place));
            }
        }
    }
    taken.sort_by_key(|(_, place)| std::cmp::Reverse(*place));
    taken
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::report::plot::Axis;

    fn report() -> Report {
        let picture = RgbImage::from_pixel(4, 4, image::Rgb([90; 3]));
        let line = Series::new("rust", vec![(0.5, 1.0), (1.0, f64::NAN)]);
        Report {
            kind: "segment",
            title: "Found rust".into(),
            subject: "model a".into(),
            figures: vec![
                Figure::new("iou", "Rust IoU", 0.61234567).within([0.5, 0.75]),
                Figure::new("gain", "Gain", f64::NAN).in_unit("dB"),
                Figure::new("photos", "Photos", 7.0),
            ],
            tables: vec![("Classes".into(), Table::default(), json!({"classes": [{"name": "rust"}]}))],
            curves: vec![Curves {
                name: "precision_recall",
                chart: Chart::new("Precision", Axis::unit("recall"), Axis::unit("precision"), vec![line]),
            }],
            pictures: vec![json!({"name": "a", "iou": 0.5})],
            sheet_title: ("Best and worst".into(), "red: wrong".into()),
            sheet: vec![Group { pictures: vec![picture], caption: "best: a".into() }],
        }
    }

    #[test]
    fn json_holds_every_figure_curve_and_picture() {
        let json = report().json();
        assert_eq!(json["iou"], 0.612346);
        assert_eq!(json["iou_range"], json!([0.5, 0.75]));
        assert!(json["gain"].is_null());
        assert_eq!(json["photos"], 7);
        assert_eq!(json["classes"][0]["name"], "rust");
        assert_eq!(json["curves"]["precision_recall"]["lines"]["rust"], json!([[0.5, 1], [1, null]]));
        assert_eq!(json["pictures"][0]["name"], "a");
    }

    #[test]
    fn files_are_written_where_they_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| Some(folder.path().join(name));
        let options = ReportOptions { json: path("a.json"), html: path("a.html"), sheet: path("a.png") };
        report().deliver(&options).unwrap();
        let html = std::fs::read_to_string(options.html.unwrap()).unwrap();
        for wanted in
            ["<b>0.612</b>", "0.500 to 0.750", "Rust IoU", "data:image/png", "best: a", "red: wrong"]
        {
            assert!(html.contains(wanted), "{wanted}: {html}");
        }
        let json: Value = serde_json::from_slice(&std::fs::read(options.json.unwrap()).unwrap()).unwrap();
        assert_eq!(json["kind"], "segment");
        assert_eq!(image::open(options.sheet.unwrap()).unwrap().width(), 16);
    }

    #[test]
    fn best_median_and_worst_are_picked_once_each() {
        let words = |count: usize| {
            best_median_worst(count).iter().map(|(w, p)| format!("{w}{p} ")).collect::<String>()
        };
        assert_eq!(words(11), "best10 best9 best8 median6 median5 median4 worst2 worst1 worst0 ");
        assert_eq!(words(4), "best3 best2 best1 worst0 ");
        assert_eq!(words(1), "best0 ");
        assert_eq!(words(0), "");
    }
}
