//! Photos with labels, read from folders and kept in memory at a working size.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Result, ensure};

use crate::data::random::{Purpose, index, stream};

/// A photo and what is labelled in it.
pub struct Photo {
    /// The name by which a person finds it: its file's, below the data folder, without the ending.
    pub name: String,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `r, g, b` per pixel, row by row.
    pub rgb: Vec<u8>,
    /// The class of each pixel, row by row: 0 is the background, `n` the set's class number `n - 1`.
    pub labels: Vec<u8>,
}

impl Photo {
    /// Part of the pixels that is rust, of whichever class.
    pub fn rust_fraction(&self) -> f32 {
        self.labels.iter().filter(|label| **label != 0).count() as f32 / self.labels.len().max(1) as f32
    }
}

/// Photos with labels, and what the labels mean.
pub struct PhotoSet {
    /// The photos in the order of their names.
    pub photos: Vec<Photo>,
    /// Names of the classes without the background: label 1 is `classes[0]`.
    pub classes: Vec<String>,
}

/// What a mask without names of classes shows.
pub const RUST: &str = "rust";

/// Photos of the same first letters and neighbouring numbers often show the same thing; the division keeps groups of
/// this many neighbours together, of fewer where there are few photos.
pub const NEIGHBOURS: usize = 8;

impl PhotoSet {
    /// Sets aside about `fraction` of the photos, in groups of neighbours by name: (to learn from, to measure on).
    pub fn divide(self, fraction: f64, seed: u64) -> (PhotoSet, PhotoSet) {
        let aside = division(self.photos.len(), fraction, seed);
        self.part(&aside)
    }

    /// The photos that are not set aside, and those that are.
    fn part(self, aside: &[bool]) -> (PhotoSet, PhotoSet) {
        let empty = || PhotoSet { photos: vec![], classes: self.classes.clone() };
        let mut sets = (empty(), empty());
        for (photo, aside) in self.photos.into_iter().zip(aside) {
            let set = if *aside { &mut sets.1 } else { &mut sets.0 };
            set.photos.push(photo);
        }
        sets
    }

    /// Sets aside the photos of these families, or where none is named a part of all photos: (to learn from, to measure on).
    ///
    /// # Errors
    /// As [`PhotoSet::divide_families`].
    pub fn set_aside(self, families: &[String], fraction: f64, seed: u64) -> Result<(PhotoSet, PhotoSet)> {
        if families.is_empty() { Ok(self.divide(fraction, seed)) } else { self.divide_families(families) }
    }

    /// Sets aside the photos of these [`family`] names: (to learn from, to measure on).
    ///
    /// # Errors
    /// When there is none of one of the families, or none of any other.
    pub fn divide_families(self, families: &[String]) -> Result<(PhotoSet, PhotoSet)> {
        let all: BTreeSet<&str> = self.photos.iter().map(|photo| family(&photo.name)).collect();
        for wanted in families {
            let known = || all.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            ensure!(
                all.contains(wanted.as_str()),
                "no photo is of the family `{wanted}`; there are {}",
                known()
            );
        }
        let is_aside = |photo: &Photo| families.iter().any(|name| name == family(&photo.name));
        let aside: Vec<bool> = self.photos.iter().map(is_aside).collect();
        let sets = self.part(&aside);
        ensure!(!sets.0.photos.is_empty(), "all photos are of the families that are set aside");
        Ok(sets)
    }

    /// Keeps about this fraction of the photos, at least one: a larger fraction, by the same seed, keeps these and more.
    pub fn draw(&mut self, fraction: f64, seed: u64) {
        let count = (self.photos.len() as f64 * fraction).round().max(1.0) as usize;
        let kept: HashSet<usize> =
            shuffled(self.photos.len(), seed, Purpose::Draw).into_iter().take(count).collect();
        let mut number = 0..;
        self.photos.retain(|_| kept.contains(&number.next().unwrap_or_default()));
    }
}

/// The family of a photo, by its name: the letters that it begins with, or `digits`. Photos of one family are by one
/// photographer or of one collection more often than not.
pub fn family(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    let end = file.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(file.len());
    if end == 0 { "digits" } else { &file[..end] }
}

/// The numbers below `count` in an order of chance.
fn shuffled(count: usize, seed: u64, purpose: Purpose) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut random = stream(seed, purpose, 0);
    for i in (1..count).rev() {
        order.swap(i, index(&mut random, i + 1));
    }
    order
}

/// Which of so many pictures, in the order of their names, are set aside: about `fraction` of them, in groups of
/// neighbours.
pub fn division(count: usize, fraction: f64, seed: u64) -> Vec<bool> {
    let neighbours = NEIGHBOURS.min(count / 10).max(1);
    let groups = count.div_ceil(neighbours);
    // Something to learn from, and to measure on where that is wanted.
    let least = usize::from(fraction > 0.0);
    let aside = ((groups as f64 * fraction).round() as usize).max(least).min(groups.saturating_sub(1));
    let order = shuffled(groups, seed, Purpose::Division);
    let held_out: HashSet<usize> = order.into_iter().take(aside).collect();
    (0..count).map(|i| held_out.contains(&(i / neighbours))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(fraction: f64, seed: u64) -> Vec<String> {
        let photo = |number: u32| Photo {
            name: format!("{number:03}"),
            width: 1,
            height: 1,
            rgb: vec![0; 3],
            labels: vec![0],
        };
        let mut set = PhotoSet { photos: (0..40).map(photo).collect(), classes: vec![] };
        set.draw(fraction, seed);
        set.photos.into_iter().map(|photo| photo.name).collect()
    }

    #[test]
    fn families_are_set_aside_by_the_letters_of_their_names() {
        let set = || {
            let names = ["CM14_jpg", "below/CM2", "B1", "00012", "x/77_jpg", "CS3"];
            let photo = |name: &&str| Photo {
                name: (*name).into(),
                width: 1,
                height: 1,
                rgb: vec![0; 3],
                labels: vec![0],
            };
            PhotoSet { photos: names.iter().map(photo).collect(), classes: vec![] }
        };
        let divide = |families: &[&str]| {
            let families: Vec<String> = families.iter().map(|name| (*name).into()).collect();
            let names = |set: PhotoSet| set.photos.into_iter().map(|photo| photo.name).collect::<Vec<_>>();
            set().divide_families(&families).map(|(learn, aside)| (names(learn), names(aside)))
        };
        let (learn, aside) = divide(&["CM", "digits"]).unwrap();
        assert_eq!(
            (learn, aside),
            (
                vec!["B1".to_owned(), "CS3".into()],
                vec!["CM14_jpg".to_owned(), "below/CM2".into(), "00012".into(), "x/77_jpg".into()],
            )
        );
        let unknown = divide(&["CM", "QX"]).unwrap_err().to_string();
        assert!(unknown.contains("`QX`") && unknown.contains("`CS`"), "{unknown}");
        assert!(divide(&["CM", "CS", "B", "digits"]).is_err());
    }

    #[test]
    fn a_larger_part_of_the_photos_holds_the_smaller_one() {
        let (quarter, half) = (drawn(0.25, 1), drawn(0.5, 1));
        assert_eq!((quarter.len(), half.len(), drawn(1.0, 1).len(), drawn(0.001, 1).len()), (10, 20, 40, 1));
        assert!(quarter.iter().all(|name| half.contains(name)) && half.is_sorted());
        assert_ne!(quarter, drawn(0.25, 2));
    }
}
