//! derust on the real rust of photos, judged by a segment-rust model that had no part in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use image::{GrayImage, RgbImage};
use serde_json::{Map, Value, json};

use super::command::{CommandOptions, Derust, Output};
use super::files::{Selection, area, check_size, open_gray, open_rgb, png, stem, title};
use super::removal::called_rust;
use super::report::{Figure, Report, ReportOptions, rounded};
use super::shape::shape_kept;
use super::texture::spread_ratio;
use super::treatment::{solid, treated};
use super::{confidence, median};
use crate::report::sheet::Group;
use crate::report::table::{Cell, Table, number};

/// Options of `evaluate real`.
#[derive(Args, Clone, Debug)]
pub struct RealOptions {
    #[command(flatten)]
    command: CommandOptions,
    /// Folder with images/ and masks/.
    #[arg(long)]
    data: PathBuf,
    /// The segment-rust model that judges, by name or as a file; trained apart from the one that is measured.
    #[arg(long)]
    judge: String,
    #[command(flatten)]
    selection: Selection,
    /// Keep the results in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Put what another method made of the same photos beside it: NAME=FOLDER, or a folder; may come several times
    /// (`trainer/inpaint.py` makes such folders).
    #[arg(long, value_name = "[NAME=]FOLDER")]
    results: Vec<String>,
    /// Photos on the contact sheet.
    #[arg(long, default_value_t = 24)]
    hardest: usize,
    #[command(flatten)]
    report: ReportOptions,
}

/// How far from treated pixels others may change.
const MARGIN: usize = 16;
/// Smallest part of a photo that must be labelled for it to count among the hardest.
const LABELLED: f64 = 0.005;

/// A method and what it made.
struct Method {
    name: String,
    folder: PathBuf,
}

/// What a method made of one photo.
#[derive(Clone, Debug, Default)]
struct Figures {
    /// Pixels labelled as rust, and those of them that the judge calls rust before and after.
    labelled: usize,
    before: usize,
    after: usize,
    /// Part of the photo that was treated.
    treated: f64,
    /// Pixels beyond the margin that changed. Of other programs nothing is known: they may have read JPEG files with
    /// other rounding.
    changed_outside: Option<usize>,
    texture: Option<f64>,
    /// Correlation of shape before and after, inside what was treated.
    shape: Option<f64>,
}

pub fn evaluate(options: &RealOptions) -> Result<()> {
    measure(options)?.deliver(&options.report)
}

fn measure(options: &RealOptions) -> Result<Report> {
    let photos = options.selection.files(&options.data.join("images"))?;
    let temporary = tempfile::tempdir()?;
    // Results of JPEG files would be JPEG files, which differ everywhere.
    let inputs = temporary.path().join("input");
    let pictures = copy_as_png(&photos, &inputs)?;
    let own = Method {
        name: "derust".into(),
        folder: options.keep.clone().unwrap_or_else(|| temporary.path().join("derust")),
    };
    options.command.derust()?.remove(&pictures, &[], &own.folder)?;
    let mut methods = vec![own];
    for text in &options.results {
        let (name, folder) = text.split_once('=').unwrap_or((text, text));
        ensure!(Path::new(folder).is_dir(), "--results: {folder} is no folder");
        methods.push(Method { name: name.into(), folder: folder.into() });
    }
    let judge = options.command.judge(&options.judge)?;
    let before = temporary.path().join("before");
    judge.segment(&pictures, Output::Mask, &before)?;
    let mut measured = vec![];
    for (number, method) in methods.iter().enumerate() {
        let after = temporary.path().join(format!("after-{number}"));
        let mut figures = judged(method, &pictures, &options.data, &judge, &before, &after)?;
        if number > 0 {
            figures.iter_mut().for_each(|one| one.changed_outside = None);
        }
        measured.push(figures);
    }

    let order = hardest(&measured[0], &pictures, options.hardest)?;
    let mut sheet = vec![];
    for i in order {
        let one = &measured[0][i];
        let part = |seen: usize| 100.0 * seen as f64 / one.labelled.max(1) as f64;
        let caption =
            format!("{:.0} % -> {:.0} % seen, {}", part(one.before), part(one.after), title(&pictures[i]));
        let result = open_rgb(&png(&methods[0].folder, stem(&pictures[i])))?;
        sheet.push(Group { pictures: vec![open_rgb(&pictures[i])?, result], caption });
    }
    let names: Vec<&str> = methods.iter().map(|method| method.name.as_str()).collect();
    let summaries: Vec<Vec<Figure>> = measured.iter().map(|figures| summary(figures)).collect();
    let mut tables = vec![];
    if methods.len() > 1 {
        tables.push((
            "Beside other methods".into(),
            table(&names, &summaries),
            methods_json(&names, &summaries),
        ));
    }
    Ok(Report {
        kind: "real",
        title: "Rust taken out of photos".into(),
        subject: format!(
            "{} on {} photos of {}, judged by {}",
            options.command.subject(),
            photos.len(),
            options.data.display(),
            options.judge
        ),
        figures: summaries.into_iter().next().unwrap_or_default(),
        tables,
        curves: vec![],
        pictures: pictures.iter().zip(&measured[0]).map(|(path, one)| picture(&title(path), one)).collect(),
        sheet_title: (
            "The hardest".into(),
            "Before and after; with the parts of the labelled rust that the judge sees, most of it left first.".into(),
        ),
        sheet,
    })
}

fn copy_as_png(photos: &[PathBuf], folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir(folder)?;
    let copy = |path: &PathBuf| {
        let copy = png(folder, stem(path));
        open_rgb(path)?.save(&copy).with_context(|| format!("cannot write {}", copy.display()))?;
        Ok(copy)
    };
    photos.iter().map(copy).collect()
}

/// Lets the judge look at what a method made, and measures it.
fn judged(
    method: &Method,
    pictures: &[PathBuf],
    data: &Path,
    judge: &Derust,
    before: &Path,
    after: &Path,
) -> Result<Vec<Figures>> {
    let results: Vec<PathBuf> = pictures.iter().map(|path| png(&method.folder, stem(path))).collect();
    judge.segment(&results, Output::Mask, after)?;
    let mut figures = vec![];
    for (path, result) in pictures.iter().zip(&results) {
        let name = stem(path);
        let (photo, made) = (open_rgb(path)?, open_rgb(result)?);
        check_size(photo.dimensions(), made.dimensions(), result)?;
        let label_path = png(&data.join("masks"), name);
        let label = open_gray(&label_path)?;
        check_size(photo.dimensions(), label.dimensions(), &label_path)?;
        let [seen_before, seen_after] = [before, after].map(|folder| open_gray(&png(folder, name)));
        figures.push(compare(&photo, &made, &label, &seen_before?, &seen_after?));
    }
    Ok(figures)
}

fn compare(
    photo: &RgbImage,
    made: &RgbImage,
    label: &GrayImage,
    seen_before: &GrayImage,
    seen_after: &GrayImage,
) -> Figures {
    let treated = treated(photo, made);
    let mut near = treated.clone();
    near.dilate(MARGIN);
    let outside = photo.pixels().zip(made.pixels()).zip(&near.values);
    // What is rust still is no clean metal, nor is what was rust and may have been treated.
    let mut rust = area(label);
    for mask in [seen_before, seen_after] {
        for (value, seen) in rust.values.iter_mut().zip(area(mask).values) {
            *value = value.max(seen);
        }
    }
    Figures {
        labelled: label.as_raw().iter().filter(|value| **value >= 128).count(),
        before: called_rust(seen_before, label),
        after: called_rust(seen_after, label),
        treated: f64::from(treated.mean()),
        changed_outside: Some(outside.filter(|((a, b), near)| **near < 0.5 && a != b).count()),
        shape: shape_kept(photo, made, &solid(treated.clone())),
        texture: spread_ratio(made, &solid(treated), &rust),
    }
}

/// Part of the rust that the judge saw that it no longer sees.
fn fall<'a>(figures: impl Iterator<Item = &'a Figures>) -> f64 {
    let (before, after) = figures.fold((0, 0), |(b, a), one| (b + one.before, a + one.after));
    1.0 - after as f64 / before.max(1) as f64
}

fn summary(figures: &[Figures]) -> Vec<Figure> {
    let all: Vec<usize> = (0..figures.len()).collect();
    let with_range = |name: &str, label: &str, of: &dyn Fn(&[usize]) -> f64| {
        Figure::new(name, label, of(&all)).within(confidence(figures.len(), of))
    };
    let seen = |drawn: &[usize], of: &dyn Fn(&Figures) -> usize| {
        let sum = |of: &dyn Fn(&Figures) -> usize| drawn.iter().map(|&i| of(&figures[i])).sum::<usize>();
        sum(of) as f64 / sum(&|one| one.labelled).max(1) as f64
    };
    let texture = |drawn: &[usize]| median(drawn.iter().filter_map(|&i| figures[i].texture).collect());
    let shape = |drawn: &[usize]| median(drawn.iter().filter_map(|&i| figures[i].shape).collect());
    let outside: Option<Vec<usize>> = figures.iter().map(|one| one.changed_outside).collect();
    let outside = |of: fn(usize) -> usize| {
        outside
            .as_ref()
            .map_or(f64::NAN, |counts| counts.iter().map(|count| of(*count)).sum::<usize>() as f64)
    };
    vec![
        Figure::new("photos", "Photos", figures.len() as f64),
        with_range("rust_before", "Labelled rust seen before", &|drawn| seen(drawn, &|one| one.before)),
        with_range("residual_rust", "Labelled rust seen after", &|drawn| seen(drawn, &|one| one.after)),
        with_range("fall", "Fall", &|drawn| fall(drawn.iter().map(|&i| &figures[i]))),
        with_range("texture", "Texture inside over around", &texture),
        with_range("shape", "Shape kept", &shape),
        Figure::new("photos_changed_outside", "Photos changed beyond 16 px", outside(|count| count.min(1))),
        Figure::new("pixels_changed_outside", "Pixels changed beyond 16 px", outside(|count| count))
            .in_unit("px"),
        with_range("treated", "Part treated", &|drawn| {
            drawn.iter().map(|&i| figures[i].treated).sum::<f64>() / drawn.len().max(1) as f64
        }),
    ]
}

fn table(names: &[&str], summaries: &[Vec<Figure>]) -> Table {
    let head = std::iter::once(String::new()).chain(names.iter().map(|name| (*name).to_owned())).collect();
    let row = |i: usize| {
        let cells = summaries.iter().map(|summary| Cell::from(number(summary[i].value)));
        std::iter::once(Cell::from(summaries[0][i].label.clone())).chain(cells).collect()
    };
    Table { head, rows: (0..summaries[0].len()).map(row).collect() }
}

fn methods_json(names: &[&str], summaries: &[Vec<Figure>]) -> Value {
    let methods = names.iter().zip(summaries).map(|(name, summary)| {
        let figures = summary.iter().map(|figure| (figure.name.clone(), rounded(figure.value)));
        ((*name).to_owned(), Value::Object(figures.collect()))
    });
    json!({ "methods": Value::Object(methods.collect::<Map<_, _>>()) })
}

fn picture(name: &str, one: &Figures) -> Value {
    json!({
        "name": name,
        "labelled": one.labelled,
        "rust_before": one.before,
        "rust_after": one.after,
        "treated": rounded(one.treated),
        "changed_outside": one.changed_outside,
        "texture": rounded(one.texture.unwrap_or(f64::NAN)),
        "shape": rounded(one.shape.unwrap_or(f64::NAN)),
    })
}

/// The photos of which most of the labelled rust is still seen, hardest first; those with next to no rust are left out.
fn hardest(figures: &[Figures], pictures: &[PathBuf], count: usize) -> Result<Vec<usize>> {
    let mut order = vec![];
    for (i, one) in figures.iter().enumerate() {
        let (width, height) = image::image_dimensions(&pictures[i])?;
        if one.labelled as f64 >= LABELLED * f64::from(width) * f64::from(height) {
            order.push(i);
        }
    }
    let left = |i: usize| figures[i].after as f64 / figures[i].labelled.max(1) as f64;
    order.sort_by(|a, b| left(*b).total_cmp(&left(*a)));
    order.truncate(count);
    Ok(order)
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb};

    use super::*;

    fn square(from: u32, to: u32, value: u8) -> GrayImage {
        GrayImage::from_fn(100, 100, |x, y| {
            let inside = (from..to).contains(&x) && (from..to).contains(&y);
            Luma([if inside { value } else { 0 }])
        })
    }

    /// 20 by 20 pixels were changed; those from `from` to `to` in addition, a little, in the row 90.
    fn made(from: u32, to: u32) -> (RgbImage, RgbImage) {
        let photo = RgbImage::from_pixel(100, 100, Rgb([100; 3]));
        let mut made = photo.clone();
        for (x, y, pixel) in made.enumerate_pixels_mut() {
            if (20..40).contains(&x) && (20..40).contains(&y) {
                pixel.0 = [140, 100, 100];
            }
            if y == 90 && (from..to).contains(&x) {
                pixel.0[2] += 1;
            }
        }
        (photo, made)
    }

    #[test]
    fn figures_are_those_of_a_calculation_by_hand() {
        let (photo, made) = made(10, 17);
        let label = square(20, 40, 255);
        let figures = compare(&photo, &made, &label, &square(20, 30, 255), &square(20, 25, 255));
        assert_eq!((figures.labelled, figures.before, figures.after), (400, 100, 25));
        assert!((figures.treated - 0.04).abs() < 1e-6);
        assert_eq!(figures.changed_outside, Some(7));
        assert_eq!(fall([&figures].into_iter()), 0.75);
        let summary =
            summary(&[figures.clone(), Figures { labelled: 400, before: 100, after: 75, ..figures }]);
        let value = |name: &str| summary.iter().find(|f| f.name == name).unwrap().value;
        assert_eq!((value("fall"), value("rust_before"), value("residual_rust")), (0.5, 0.25, 0.125));
        assert_eq!((value("photos_changed_outside"), value("pixels_changed_outside")), (2.0, 14.0));
    }

    #[test]
    fn changes_within_the_margin_and_no_change_are_fine_and_specks_have_no_texture() {
        let (photo, same) = made(0, 0);
        let none = GrayImage::new(100, 100);
        assert_eq!(compare(&photo, &same, &none, &none, &none).changed_outside, Some(0));
        let mut near = same.clone();
        near.get_pixel_mut(55, 30).0[0] += 1;
        assert_eq!(compare(&photo, &near, &none, &none, &none).changed_outside, Some(0));
        near.get_pixel_mut(56, 30).0[0] += 1;
        assert_eq!(compare(&photo, &near, &none, &none, &none).changed_outside, Some(1));
        // A strong change far away is a treatment of its own, but a speck has no texture.
        let mut speck = photo.clone();
        speck.get_pixel_mut(80, 80).0 = [0; 3];
        let figures = compare(&photo, &speck, &none, &none, &none);
        assert_eq!((figures.changed_outside, figures.texture), (Some(0), None));
        assert_eq!(treated(&photo, &speck).values.iter().sum::<f32>(), 1.0);
        assert_eq!(solid(treated(&photo, &speck)).mean(), 0.0);
    }

    #[test]
    fn the_hardest_come_first_and_photos_without_rust_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let pictures: Vec<PathBuf> = (0..4).map(|i| folder.path().join(format!("{i}.png"))).collect();
        for path in &pictures {
            RgbImage::new(100, 100).save(path).unwrap();
        }
        let one = |labelled, after| Figures { labelled, after, ..Figures::default() };
        let figures = [one(100, 20), one(49, 49), one(200, 100), one(100, 0)];
        assert_eq!(hardest(&figures, &pictures, 2).unwrap(), [2, 0]);
    }
}
