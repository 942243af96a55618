//! Looks at a data set without training on it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::source::{DataOptions, Report, Size, UnusableFiles, load_paired, load_unpaired};
use super::{LONG_SIDE, Photo, PhotoSet};

/// Options of `check`.
#[derive(Args, Clone, Debug)]
pub struct CheckOptions {
    #[command(flatten)]
    data: DataOptions,
    /// Folder of the same pictures without rust: --data is then the folder of the rusty ones, without labels.
    #[arg(long, value_name = "DIR")]
    clean: Option<PathBuf>,
    /// The pictures of --data need no labels.
    #[arg(long, conflicts_with = "clean")]
    unlabelled: bool,
}

/// Prints what a data set holds, and what of it cannot be used.
///
/// # Errors
/// When the data set is not recognised, nothing in it can be used, or something cannot and is to be refused.
pub fn check(options: &CheckOptions) -> Result<()> {
    let DataOptions { data, reading, .. } = &options.data;
    let (set, report) = if let Some(clean) = &options.clean {
        let (pairs, report) = load_paired(data, clean, LONG_SIDE, reading)?;
        let photos = pairs.into_iter().map(|pair| pair.rusty).collect();
        (PhotoSet { photos, classes: vec!["differing".into()] }, report)
    } else if options.unlabelled {
        let (photos, report) = load_unpaired(data, LONG_SIDE, reading)?;
        (PhotoSet { photos, classes: vec![] }, report)
    } else {
        options.data.read(LONG_SIDE)?
    };
    for line in describe(&set, &report) {
        println!("{line}");
    }
    let (good, bad) = (report.sizes.len(), report.unusable.len());
    anyhow::ensure!(good > 0, "{} holds no picture that can be used", data.display());
    if bad > 0 && reading.unusable == UnusableFiles::Refuse {
        anyhow::bail!(
            "{bad} files cannot be used; a training would stop here, or leave them out by --unusable skip"
        );
    }
    Ok(())
}

/// Counts, sizes, shares, and what cannot be used, a line each.
fn describe(set: &PhotoSet, report: &Report) -> Vec<String> {
    let mut lines = vec![format!("{} pictures, labels: {}", set.photos.len(), report.labels)];
    lines.extend(sizes(&report.sizes));
    let pixels: usize = set.photos.iter().map(|photo| photo.labels.len()).sum();
    for (name, label) in set.classes.iter().zip(1..) {
        let count = |photo: &Photo| photo.labels.iter().filter(|&&other| other == label).count();
        let counts: Vec<usize> = set.photos.iter().map(count).collect();
        let there = counts.iter().filter(|&&count| count > 0).count();
        let share = 100.0 * counts.iter().sum::<usize>() as f64 / pixels.max(1) as f64;
        let most = set.photos.iter().max_by(|a, b| a.rust_fraction().total_cmp(&b.rust_fraction()));
        let most = most.filter(|_| there > 0 && set.classes.len() == 1);
        let most = most.map_or(String::new(), |photo| {
            format!(", most in {}: {:.1} %", photo.name, 100.0 * photo.rust_fraction())
        });
        lines.push(format!("class {label}, {name}: {share:.2} % of the pixels, in {there} pictures{most}"));
    }
    if !report.unusable.is_empty() {
        let kinds: Vec<String> =
            report.kinds().into_iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        lines.push(format!("{} files cannot be used: {}", report.unusable.len(), kinds.join(", ")));
        lines.extend(report.unusable.iter().map(|one| format!("  {one}")));
    }
    lines
}

fn sizes(sizes: &[Size]) -> Option<String> {
    let mut sorted = sizes.to_vec();
    sorted.sort_by_key(|&(width, height)| u64::from(width) * u64::from(height));
    let text = |(width, height): &Size| format!("{width} x {height}");
    let (first, last) = (sorted.first()?, sorted.last()?);
    let middle = &sorted[sorted.len() / 2];
    Some(if first == last {
        format!("all of {} pixels", text(first))
    } else {
        format!("from {} to {} pixels, half of them up to {}", text(first), text(last), text(middle))
    })
}
