//! Pictures without labels: pairs of folders, and folders alone.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use rayon::prelude::*;

use super::classes::by_name;
use super::listing::{Listed, files, is_picture};
use super::report::{Reason, Report, Size, Unusable};
use super::{ReadingOptions, open, reduce, reduced};
use crate::data::photos::Photo;
use crate::data::plane::Plane;

/// A rusty picture and the same without rust.
pub struct PhotoPair {
    /// The rusty one; labelled where the two differ.
    pub rusty: Photo,
    /// `r, g, b` per pixel of the clean one, of the same size.
    pub clean: Vec<u8>,
}

/// How far colours, 0 to 1, must lie apart for a pixel to count as rust.
const DIFFERENCE: f32 = 0.06;

/// Reads pairs `rusty/NAME` and `clean/NAME`, long sides brought to at most `long_side` pixels.
///
/// # Errors
/// When a folder cannot be read. What cannot be used is in the report; see [`ReadingOptions::settle`].
pub fn load_paired(
    rusty: &Path,
    clean: &Path,
    long_side: u32,
    options: &ReadingOptions,
) -> Result<(Vec<PhotoPair>, Report)> {
    let (ours, theirs) = (pictures(rusty)?, pictures(clean)?);
    let mut report = Report { labels: "pairs", ..Report::default() };
    let names: BTreeSet<String> = ours.iter().map(|one| one.name.clone()).collect();
    let theirs = by_name(theirs);
    for one in theirs.values().filter(|one| !names.contains(&one.name)) {
        let wanted = format!("{} has no {}", rusty.display(), one.name);
        report.unusable.push(Unusable::new(&one.path, Reason::NoPicture(wanted)));
    }
    let read: Vec<_> = ours
        .par_iter()
        .map(|one| {
            let pair = match theirs.get(&one.name) {
                Some(other) => load_pair(one, other, long_side, options.smallest),
                None => Err(Reason::NoPicture(format!("{} has no {}", clean.display(), one.name))),
            };
            pair.map_err(|reason| Unusable::new(&one.path, reason))
        })
        .collect();
    Ok((report.sort(read), report))
}

fn load_pair(
    rusty: &Listed,
    clean: &Listed,
    long_side: u32,
    smallest: u32,
) -> Result<(PhotoPair, Size), Reason> {
    let ours = open(&rusty.path, smallest)?;
    let theirs = open(&clean.path, 0).map_err(|reason| match reason {
        Reason::Corrupt(what) => Reason::Corrupt(format!("{}: {what}", clean.path.display())),
        other => other,
    })?;
    let size = ours.size();
    if theirs.size() != size {
        let other = "the clean one";
        return Err(Reason::SizeDiffers { picture: size, other, size: theirs.size() });
    }
    let small = reduced(size, long_side);
    let (ours, theirs) = (reduce(ours.into_rgb(), small), reduce(theirs.into_rgb(), small));
    let (width, height) = (small.0 as usize, small.1 as usize);
    let (rgb, clean) = (ours.into_raw(), theirs.into_raw());
    let labels = differing(&rgb, &clean, width, height);
    Ok((PhotoPair { rusty: Photo { name: rusty.name.clone(), width, height, rgb, labels }, clean }, size))
}

/// 1 where two pictures differ by more than noise and compression make them.
fn differing(a: &[u8], b: &[u8], width: usize, height: usize) -> Vec<u8> {
    let apart = |(a, b): (&[u8], &[u8])| {
        let sum: u32 = a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum();
        sum as f32 / (3.0 * 255.0)
    };
    let values = a.chunks_exact(3).zip(b.chunks_exact(3)).map(apart).collect();
    let mut difference = Plane { channels: 1, height, width, values };
    difference.box_blur(1);
    difference.values.iter().map(|&value| u8::from(value > DIFFERENCE)).collect()
}

/// Reads all pictures of a folder, unlabelled, long sides brought to at most `long_side` pixels.
///
/// # Errors
/// When the folder cannot be read. What cannot be used is in the report; see [`ReadingOptions::settle`].
pub fn load_unpaired(
    folder: &Path,
    long_side: u32,
    options: &ReadingOptions,
) -> Result<(Vec<Photo>, Report)> {
    let mut report = Report { labels: "none", ..Report::default() };
    let read: Vec<_> = pictures(folder)?
        .par_iter()
        .map(|one| {
            let picture =
                open(&one.path, options.smallest).map_err(|reason| Unusable::new(&one.path, reason))?;
            let size = picture.size();
            let small = reduced(size, long_side);
            let rgb = reduce(picture.into_rgb(), small).into_raw();
            let (width, height) = (small.0 as usize, small.1 as usize);
            Ok((Photo { name: one.name.clone(), width, height, rgb, labels: vec![0; width * height] }, size))
        })
        .collect();
    Ok((report.sort(read), report))
}

fn pictures(folder: &Path) -> Result<Vec<Listed>> {
    Ok(files(folder)?.into_iter().filter(|one| is_picture(&one.path)).collect())
}
