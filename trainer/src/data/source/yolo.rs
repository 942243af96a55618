//! Labels as YOLO segmentation files: `labels/NAME.txt` beside `images/NAME.jpg`, one instance a line: its class's number
//! and the points of its outline as parts of width and height.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use image::GrayImage;
use serde::Deserialize;

use super::classes::{Classes, by_name};
use super::listing::{Listed, files, has_ending};
use super::picture::Picture;
use super::polygon;
use super::report::{Reason, Unusable};
use super::{Item, Labels, Listing};

const FILES: [&str; 2] = ["data.yaml", "data.yml"];

/// What is read of `data.yaml`.
#[derive(Deserialize)]
struct Description {
    names: Names,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    List(Vec<String>),
    Map(BTreeMap<usize, String>),
}

/// Whether a folder looks as if it held YOLO labels.
pub fn lies_in(folder: &Path) -> bool {
    folder.join("labels").is_dir() || FILES.iter().any(|name| folder.join(name).is_file())
}

/// Pairs every picture of a data folder with its labels.
///
/// # Errors
/// When a folder or `data.yaml` cannot be read, or that has not all of the wanted classes.
pub fn list(folder: &Path, classes: &Classes) -> Result<Listing> {
    let pictures = files(&folder.join("images"))?;
    let texts = files(&folder.join("labels"))?.into_iter().filter(|one| has_ending(&one.path, &["txt"]));
    let texts = by_name(texts.collect());
    let numbers = Arc::new(numbers(folder, classes)?);
    let mut unusable = vec![];
    let names: BTreeSet<&str> = pictures.iter().map(|one| one.name.as_str()).collect();
    for text in texts.values().filter(|text| !names.contains(text.name.as_str())) {
        let wanted = format!("no picture is named {}", text.name);
        unusable.push(Unusable::new(&text.path, Reason::NoPicture(wanted)));
    }
    let mut items = vec![];
    for Listed { name, path } in pictures {
        let Some(text) = texts.get(&name) else {
            let wanted =
                format!("there is no labels/{name}.txt; an empty one says that nothing is to be labelled");
            unusable.push(Unusable::new(&path, Reason::NoLabels(wanted)));
            continue;
        };
        let (text, numbers) = (text.path.clone(), Arc::clone(&numbers));
        let labels = Box::new(move |picture: &Picture| draw(&text, &numbers, picture));
        items.push(Item { name, picture: path, labels });
    }
    Ok(Listing { kind: "YOLO", items, unusable })
}

/// The label of each class number: by the names in `data.yaml`, which lies in the folder or above it, or as the classes
/// were given.
fn numbers(folder: &Path, classes: &Classes) -> Result<BTreeMap<usize, u8>> {
    let above = folder.parent().unwrap_or(folder);
    let places = [folder, above].into_iter().flat_map(|place| FILES.iter().map(|name| place.join(name)));
    let Some(path) = places.into_iter().find(|path: &PathBuf| path.is_file()) else {
        return Ok((0..classes.names.len()).map(|number| (number, number as u8 + 1)).collect());
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let description: Description = serde_saphyr::from_str(&text)
        .with_context(|| format!("{} has no list `names` of the classes", path.display()))?;
    let names: BTreeMap<usize, String> = match description.names {
        Names::List(names) => names.into_iter().enumerate().collect(),
        Names::Map(names) => names,
    };
    classes.require(names.values().map(String::as_str), &path)?;
    Ok(names.into_iter().map(|(number, name)| (number, classes.label(&name).unwrap_or(0))).collect())
}

fn draw(path: &Path, numbers: &BTreeMap<usize, u8>, picture: &Picture) -> Result<Labels, Reason> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Reason::Corrupt(format!("{}: {error}", path.display())))?;
    let size = picture.size();
    let sides = [size.0, size.1].map(f64::from);
    let mut drawn = vec![0; size.0 as usize * size.1 as usize];
    for (line, fields) in text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).enumerate() {
        let place = || format!("{}, line {}", path.display(), line + 1);
        let Some((number, coordinates)) = fields.split_first() else { continue };
        let malformed = |what: &str| Reason::Malformed(format!("{}: {what}", place()));
        let number: usize = number.parse().map_err(|_| malformed("the class is no number"))?;
        let Some(&label) = numbers.get(&number) else {
            return Err(Reason::UnknownClass(format!("{}: class {number}", place())));
        };
        if coordinates.len() == 4 {
            return Err(Reason::BoxOnly(place()));
        }
        let values: Result<Vec<f64>, _> = coordinates.iter().map(|text| text.parse::<f64>()).collect();
        let values = values.map_err(|_| malformed("a coordinate is no number"))?;
        let (points, rest) = values.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(malformed("an odd number of coordinates"));
        }
        let mut outline = points.iter().map(|[x, y]| [x * sides[0], y * sides[1]]).collect();
        polygon::check(&mut outline, size).map_err(|reason| match reason {
            Reason::Outside(what) => Reason::Outside(format!("{}: {what}", place())),
            Reason::Malformed(what) => malformed(&what),
            other => other,
        })?;
        polygon::fill(&[outline], label, size, &mut drawn);
    }
    Ok(Labels::Classes(GrayImage::from_raw(size.0, size.1, drawn).expect("one label for each pixel")))
}
