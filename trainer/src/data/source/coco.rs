//! Labels as COCO files: outlines or run lengths, by category (<https://cocodataset.org/#format-data>).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use image::GrayImage;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::classes::Classes;
use super::listing::{Listed, files, has_ending, is_picture};
use super::picture::Picture;
use super::polygon::{self, Outline};
use super::report::{Reason, Size, Unusable};
use super::{Item, Labels, Listing, rle};

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: i64,
    file_name: String,
    width: Option<u32>,
    height: Option<u32>,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

/// Crowds (`iscrowd`) are regions of their class like any other.
#[derive(Deserialize)]
struct Annotation {
    image_id: i64,
    category_id: i64,
    #[serde(default)]
    segmentation: Option<Segmentation>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Segmentation {
    /// One list `x, y, x, y, …` per outline.
    Outlines(Vec<Vec<f64>>),
    Runs {
        counts: Counts,
        /// Height, width.
        size: [u32; 2],
    },
    Other(IgnoredAny),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Counts {
    Plain(Vec<u64>),
    Short(String),
}

/// Where the COCO file of a folder lies, if there is one.
///
/// # Errors
/// When there are several.
pub fn find(folder: &Path) -> Result<Option<PathBuf>> {
    let mut found = vec![];
    for folder in [folder.to_owned(), folder.join("annotations")] {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        found.extend(paths.filter(|path| path.is_file() && has_ending(path, &["json"])));
    }
    found.sort();
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        bail!("several COCO files may be meant: name one of them by --data: {}", names.join(", "));
    }
    Ok(found.pop())
}

/// Pairs every picture that a COCO file names with its labels.
///
/// # Errors
/// When the file cannot be read, or has not all of the wanted classes.
pub fn list(path: &Path, classes: &Classes) -> Result<Listing> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File = serde_json::from_slice(&text).with_context(|| {
        format!("{} is no COCO file of images, annotations and categories", path.display())
    })?;
    classes.require(file.categories.iter().map(|category| category.name.as_str()), path)?;
    let labels: HashMap<i64, u8> = file
        .categories
        .iter()
        .map(|category| (category.id, classes.label(&category.name).unwrap_or(0)))
        .collect();
    let mut annotations: HashMap<i64, Vec<Annotation>> = HashMap::new();
    for annotation in file.annotations {
        annotations.entry(annotation.image_id).or_default().push(annotation);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let (mut items, mut unusable) = (vec![], vec![]);
    let mut known = vec![];
    let labels = Arc::new(labels);
    for image in file.images {
        let Some(picture) = locate(folder, &image.file_name) else {
            let wanted = format!("{} names it", path.display());
            unusable.push(Unusable::new(Path::new(&image.file_name), Reason::NoPicture(wanted)));
            continue;
        };
        known.push(picture.clone());
        let shapes = annotations.remove(&image.id).unwrap_or_default();
        let (labels, size) = (Arc::clone(&labels), image.width.zip(image.height));
        let name = Path::new(&image.file_name).with_extension("").to_string_lossy().into_owned();
        let labels = Box::new(move |picture: &Picture| draw(&shapes, &labels, size, picture));
        items.push(Item { name, picture, labels });
    }
    unusable.extend(annotations.into_keys().map(|id| {
        Unusable::new(path, Reason::NoPicture(format!("annotations for image {id}, which is not listed")))
    }));
    known.sort();
    unusable.extend(unlisted(folder, &known, path));
    Ok(Listing { kind: "COCO", items, unusable })
}

/// A picture by its name in the file, which tools take from different folders.
fn locate(folder: &Path, name: &str) -> Option<PathBuf> {
    let above = folder.parent().unwrap_or(folder);
    let bases = [folder.to_owned(), folder.join("images"), above.to_owned(), above.join("images")];
    let short = Path::new(name).file_name()?;
    let whole = bases.iter().map(|base| base.join(name));
    whole.chain(bases.iter().map(|base| base.join(short))).find(|path| path.is_file())
}

/// Pictures beside those that the file names.
fn unlisted(folder: &Path, known: &[PathBuf], file: &Path) -> Vec<Unusable> {
    let mut folders: Vec<&Path> = known.iter().filter_map(|path| path.parent()).collect();
    folders.dedup();
    folders.sort();
    folders.dedup();
    let wanted = || Reason::NoLabels(format!("{} does not name it", file.display()));
    let beside = |folder: &&Path| files(folder).unwrap_or_default();
    let mut found: Vec<PathBuf> = folders
        .iter()
        .flat_map(beside)
        .map(|Listed { path, .. }| path)
        .filter(|path| is_picture(path) && known.binary_search(path).is_err())
        .filter(|path| path.parent() == Some(folder) || folders.contains(&path.parent().unwrap_or(folder)))
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().map(|path| Unusable::new(&path, wanted())).collect()
}

fn draw(
    shapes: &[Annotation],
    labels: &HashMap<i64, u8>,
    size: Option<Size>,
    picture: &Picture,
) -> Result<Labels, Reason> {
    let size = size.unwrap_or(picture.size());
    if size != picture.size() && size != picture.stored {
        return Err(Reason::SizeDiffers {
            picture: picture.size(),
            other: "its entry in the COCO file",
            size,
        });
    }
    let mut drawn = vec![0; size.0 as usize * size.1 as usize];
    for shape in shapes {
        let Some(&label) = labels.get(&shape.category_id) else {
            return Err(Reason::UnknownClass(format!("category {} is not listed", shape.category_id)));
        };
        match &shape.segmentation {
            None => return Err(Reason::BoxOnly("an annotation without segmentation".into())),
            Some(Segmentation::Outlines(lists)) if lists.is_empty() => {
                return Err(Reason::BoxOnly("an annotation with an empty segmentation".into()));
            }
            Some(Segmentation::Outlines(lists)) => {
                let outlines = lists.iter().map(|list| outline(list, size)).collect::<Result<Vec<_>, _>>()?;
                polygon::fill(&outlines, label, size, &mut drawn);
            }
            Some(Segmentation::Runs { counts, size: [height, width] }) => {
                if (*width, *height) != size {
                    let other = "a segmentation in run lengths";
                    return Err(Reason::SizeDiffers { picture: size, other, size: (*width, *height) });
                }
                match counts {
                    Counts::Plain(runs) => rle::fill(runs, label, size, &mut drawn)?,
                    Counts::Short(text) => rle::fill(&rle::parse(text)?, label, size, &mut drawn)?,
                }
            }
            Some(Segmentation::Other(_)) => {
                return Err(Reason::Malformed(
                    "a segmentation that is neither outlines nor run lengths".into(),
                ));
            }
        }
    }
    Ok(Labels::Classes(GrayImage::from_raw(size.0, size.1, drawn).expect("one label for each pixel")))
}

fn outline(list: &[f64], size: Size) -> Result<Outline, Reason> {
    let (points, rest) = list.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Reason::Malformed("an outline with an odd number of coordinates".into()));
    }
    let mut outline = points.to_vec();
    polygon::check(&mut outline, size)?;
    Ok(outline)
}
