//! Measures the rust that `derust segment` finds in photos against masks drawn by people.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use derust_tests::overlap::Overlap;
use image::GrayImage;

/// Measures the rust that `derust segment` finds in photos against masks drawn by people.
#[derive(Parser)]
struct Arguments {
    /// The `derust` command.
    #[arg(long)]
    derust: PathBuf,
    /// A folder with `images/` and `masks/` (white is rust) of the same names, without their endings.
    #[arg(long)]
    data: PathBuf,
    /// A folder for the masks that are found.
    #[arg(long)]
    out_dir: PathBuf,
    /// The intersection over union below which this is a failure.
    #[arg(long, default_value_t = 0.5)]
    at_least: f64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let truths = files_by_stem(&arguments.data.join("masks"))?;
    ensure!(!truths.is_empty(), "{} holds no masks", arguments.data.join("masks").display());
    segment(&arguments)?;

    let mut overlap = Overlap::default();
    for (stem, truth) in &truths {
        let found = arguments.out_dir.join(format!("{stem}.png"));
        overlap.add(&mask(&found)?, &mask(truth)?).with_context(|| format!("the photo {stem}"))?;
    }
    let reached = overlap.intersection_over_union();
    println!(
        "rust found in {} photos: IoU {reached:.3}, precision {:.3}, recall {:.3} (IoU wanted: {:.2})",
        truths.len(),
        overlap.precision(),
        overlap.recall(),
        arguments.at_least
    );
    ensure!(reached >= arguments.at_least, "the rust that is found agrees too little with the masks");
    Ok(())
}

fn segment(arguments: &Arguments) -> Result<()> {
    // Old masks would be measured in place of ones that this run fails to write.
    if arguments.out_dir.exists() {
        fs::remove_dir_all(&arguments.out_dir)
            .with_context(|| format!("cannot empty {}", arguments.out_dir.display()))?;
    }
    fs::create_dir_all(&arguments.out_dir)
        .with_context(|| format!("cannot make {}", arguments.out_dir.display()))?;
    let output = Command::new(&arguments.derust)
        .args(["segment", "--output", "mask", "--out-dir"])
        .arg(&arguments.out_dir)
        .arg("--")
        .arg(arguments.data.join("images"))
        .output()
        .with_context(|| format!("cannot start {}", arguments.derust.display()))?;
    ensure!(output.status.success(), "derust segment failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn files_by_stem(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?.path();
        if let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) {
            files.insert(stem.to_owned(), path.clone());
        }
    }
    Ok(files)
}

fn mask(path: &Path) -> Result<GrayImage> {
    Ok(image::open(path).with_context(|| format!("cannot read the mask {}", path.display()))?.into_luma8())
}
