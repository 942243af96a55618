//! derust on pairs: how near the result comes to the picture before rust was pasted on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use image::{GrayImage, RgbImage};
use serde_json::json;

use super::command::{CommandOptions, files, open_gray, png};
use super::confidence;
use super::pairs::folders;
use super::similarity::similarity_map;
use crate::measure::psnr;

/// Options of `evaluate derust`.
#[derive(Args, Clone, Debug)]
pub struct RemovalOptions {
    #[command(flatten)]
    command: CommandOptions,
    /// Folder that `pairs` has written.
    #[arg(long)]
    pairs: PathBuf,
    /// Tell the command where the pasted rust is.
    #[arg(long)]
    given_mask: bool,
    /// Keep the results in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Measure the pictures in this folder instead, which another program made (`trainer/inpaint.py` is one).
    #[arg(long, conflicts_with_all = ["given_mask", "keep"])]
    results: Option<PathBuf>,
}

/// Figures of one pair.
struct Figures {
    input_psnr: f64,
    psnr: f64,
    input_ssim: f64,
    ssim: f64,
    outside_psnr: f64,
}

pub fn evaluate(options: &RemovalOptions) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let rusty = files(&options.pairs.join(folders::RUSTY))?;
    let results = match &options.results {
        Some(made) => made.clone(),
        None => {
            let results = options.keep.clone().unwrap_or_else(|| temporary.path().join("result"));
            std::fs::create_dir_all(&results)
                .with_context(|| format!("cannot make {}", results.display()))?;
            remove(options, &rusty, &results)?;
            results
        }
    };

    let mut figures = vec![];
    for path in &rusty {
        let stem = path.file_stem().unwrap_or_default();
        let of = |folder: &str| png(&options.pairs.join(folder), stem);
        let open = |path: PathBuf| -> Result<RgbImage> {
            Ok(image::open(&path).with_context(|| format!("cannot read {}", path.display()))?.into_rgb8())
        };
        let (before, after) = (open(path.clone())?, open(png(&results, stem))?);
        let clean = open(of(folders::CLEAN))?;
        let [pasted, mask, own] =
            [folders::PASTED, folders::MASK, folders::OWN].map(|name| open_gray(&of(name)));
        let (pasted, mask, own) = (pasted?, mask?, own?);
        figures.push(compare(&before, &after, &clean, &pasted, &touched(&mask, &own)));
    }
    report(&figures);
    Ok(())
}

fn remove(options: &RemovalOptions, rusty: &[PathBuf], results: &Path) -> Result<()> {
    let out_dir = [OsStr::new("--force"), OsStr::new("--out-dir"), results.as_os_str()];
    if !options.given_mask {
        let mut arguments = vec!["remove".as_ref()];
        arguments.extend(rusty.iter().map(|path| path.as_os_str()));
        arguments.extend(out_dir);
        return options.command.run(&arguments);
    }
    for path in rusty {
        let mask = png(&options.pairs.join(folders::MASK), path.file_stem().unwrap_or_default());
        let mut arguments = vec!["remove".as_ref(), path.as_os_str(), "--mask".as_ref(), mask.as_os_str()];
        arguments.extend(["--mask-mode", "replace"].map(OsStr::new));
        arguments.extend(out_dir);
        options.command.run(&arguments)?;
    }
    Ok(())
}

/// Where a picture has rust, pasted or its own.
fn touched(pasted: &GrayImage, own: &GrayImage) -> GrayImage {
    let mut touched = pasted.clone();
    for (pixel, own) in touched.pixels_mut().zip(own.pixels()) {
        pixel.0[0] = pixel.0[0].max(own.0[0]);
    }
    touched
}

fn compare(
    before: &RgbImage,
    after: &RgbImage,
    clean: &RgbImage,
    pasted: &GrayImage,
    touched: &GrayImage,
) -> Figures {
    let error = |picture: &RgbImage, counts: &dyn Fn(usize) -> bool| {
        let (mut sum, mut count) = (0.0, 0usize);
        for (i, (a, b)) in picture.pixels().zip(clean.pixels()).enumerate() {
            if counts(i) {
                count += 3;
                sum += (0..3).map(|c| (f64::from(a.0[c]) - f64::from(b.0[c])).powi(2)).sum::<f64>();
            }
        }
        psnr(sum / (255.0 * 255.0) / count.max(1) as f64)
    };
    let inside = |i: usize| pasted.as_raw()[i] > 0;
    let outside = |i: usize| touched.as_raw()[i] == 0;
    let similarity = |picture: &RgbImage| {
        let map = similarity_map(picture, clean);
        let (sum, count) = map
            .iter()
            .enumerate()
            .filter(|(i, _)| inside(*i))
            .fold((0.0, 0usize), |(sum, count), (_, value)| (sum + f64::from(*value), count + 1));
        sum / count.max(1) as f64
    };
    Figures {
        input_psnr: error(before, &inside),
        psnr: error(after, &inside),
        input_ssim: similarity(before),
        ssim: similarity(after),
        outside_psnr: error(after, &outside),
    }
}

fn report(figures: &[Figures]) {
    let all: Vec<usize> = (0..figures.len()).collect();
    let mean = |drawn: &[usize], of: &dyn Fn(&Figures) -> f64| {
        drawn.iter().map(|&i| of(&figures[i])).sum::<f64>() / drawn.len().max(1) as f64
    };
    let gain = |f: &Figures| f.psnr - f.input_psnr;
    let range = confidence(figures.len(), |drawn| mean(drawn, &gain));
    let report = json!({
        "pairs": figures.len(),
        "input_psnr": mean(&all, &|f| f.input_psnr),
        "psnr": mean(&all, &|f| f.psnr),
        "gain": mean(&all, &gain),
        "gain_range": range,
        "input_ssim": mean(&all, &|f| f.input_ssim),
        "ssim": mean(&all, &|f| f.ssim),
        "outside_psnr": mean(&all, &|f| f.outside_psnr),
    });
    println!(
        "{} pairs: inside the pasted rust {:.2} dB -> {:.2} dB, a gain of {:.2} dB (95 % range {:.2} to {:.2}), \
         SSIM {:.3} -> {:.3}; outside {:.1} dB",
        figures.len(),
        mean(&all, &|f| f.input_psnr),
        mean(&all, &|f| f.psnr),
        mean(&all, &gain),
        range[0],
        range[1],
        mean(&all, &|f| f.input_ssim),
        mean(&all, &|f| f.ssim),
        mean(&all, &|f| f.outside_psnr),
    );
    println!("{report}");
}
