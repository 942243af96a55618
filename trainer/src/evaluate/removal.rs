//! derust on pairs: how near the result comes to the picture before rust was pasted on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use image::{GrayImage, RgbImage};
use serde_json::{Map, Value};

use super::command::{CommandOptions, Output};
use super::files::{area, check_size, open_gray, open_rgb, png, some_files, stem, title};
use super::halo::halo;
use super::pairs::folders;
use super::report::{Figure, Report, ReportOptions, best_median_worst, rounded};
use super::similarity::similarity_map;
use super::texture::spread_ratio;
use super::{confidence, median};
use crate::data::Plane;
use crate::evaluate::measure::psnr;
use crate::report::sheet::Group;

/// Options of `evaluate derust`.
#[derive(Args, Clone, Debug)]
pub struct RemovalOptions {
    #[command(flatten)]
    command: CommandOptions,
    /// Folder that `pairs` has written.
    #[arg(long)]
    pairs: PathBuf,
    /// Measure only this many of the pairs, evenly spread.
    #[arg(long)]
    count: Option<usize>,
    /// Tell the command where the pasted rust is.
    #[arg(long)]
    given_mask: bool,
    /// Measure the fill as the network made it, without texture from the picture.
    #[arg(long)]
    plain_fill: bool,
    /// Keep the results in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Measure the pictures in this folder instead, which another program made (`trainer/inpaint.py` is one).
    #[arg(long, conflicts_with_all = ["given_mask", "plain_fill", "keep"])]
    results: Option<PathBuf>,
    /// A segment-rust model, by name or as a file, that says how much of the pasted rust is still there.
    #[arg(long)]
    judge: Option<String>,
    #[command(flatten)]
    report: ReportOptions,
}

/// Where the result may differ from the input, around rust, in pixels.
const MARGIN: usize = 16;

/// Figures of one pair.
#[derive(Clone, Debug, Default)]
struct Figures {
    input_psnr: f64,
    psnr: f64,
    input_ssim: f64,
    ssim: f64,
    outside_psnr: f64,
    /// Part of the pixels beyond the margin of all rust that are as they were, bit for bit.
    outside_untouched: f64,
    texture: Option<f64>,
    /// Mean gradient across the mask's edge over that of the clean picture.
    halo: Option<f64>,
    /// Where rust has eaten through, and on print under rust: of rendered pairs that have such.
    holes_psnr: Option<f64>,
    print_psnr: Option<f64>,
    pasted: usize,
    /// Pixels of the pasted rust that the judge calls rust: before and after.
    called_rust: Option<[usize; 2]>,
}

pub fn evaluate(options: &RemovalOptions) -> Result<()> {
    measure(options)?.deliver(&options.report)
}

fn measure(options: &RemovalOptions) -> Result<Report> {
    let temporary = tempfile::tempdir()?;
    let rusty = some_files(&options.pairs.join(folders::RUSTY), options.count)?;
    let results = match &options.results {
        Some(made) => made.clone(),
        None => {
            let results = options.keep.clone().unwrap_or_else(|| temporary.path().join("result"));
            remove(options, &rusty, &results)?;
            results
        }
    };
    let judged = ["before", "after"].map(|name| temporary.path().join(name));
    if let Some(judge) = &options.judge {
        let judge = options.command.judge(judge)?;
        judge.segment(&rusty, Output::Mask, &judged[0])?;
        let after: Vec<PathBuf> = rusty.iter().map(|path| png(&results, stem(path))).collect();
        judge.segment(&after, Output::Mask, &judged[1])?;
    }

    let mut figures = vec![];
    for path in &rusty {
        let pair = Pair::open(&options.pairs, &results, path)?;
        let mut one = pair.compare();
        if options.judge.is_some() {
            let mut counts = [0; 2];
            for (count, folder) in counts.iter_mut().zip(&judged) {
                *count = called_rust(&open_gray(&png(folder, stem(path)))?, &pair.pasted);
            }
            one.called_rust = Some(counts);
        }
        figures.push(one);
    }
    let gain = |i: usize| figures[i].psnr - figures[i].input_psnr;
    let mut order: Vec<usize> = (0..figures.len()).collect();
    order.sort_by(|a, b| gain(*a).total_cmp(&gain(*b)));
    let mut sheet = vec![];
    for (word, place) in best_median_worst(order.len()) {
        let i = order[place];
        let pair = Pair::open(&options.pairs, &results, &rusty[i])?;
        let caption =
            format!("{word}: {:+.1} dB, SSIM {:.2}, {}", gain(i), figures[i].ssim, title(&rusty[i]));
        sheet.push(Group { pictures: vec![pair.before, pair.after, pair.clean], caption });
    }
    let told = if options.given_mask { "given the mask" } else { "finding the rust itself" };
    let texture = if options.plain_fill { ", without texture from the picture" } else { "" };
    let subject = match &options.results {
        Some(made) => format!("the pictures of {}", made.display()),
        None => format!("{}, {told}{texture}", options.command.subject()),
    };
    Ok(Report {
        kind: "derust",
        title: "Rust taken out of made pairs".into(),
        subject: format!("{subject}, on {} pairs of {}", figures.len(), options.pairs.display()),
        figures: summary(&figures),
        tables: vec![],
        curves: vec![],
        pictures: rusty.iter().zip(&figures).map(|(path, one)| picture(&title(path), one)).collect(),
        sheet_title: (
            "Best, median and worst".into(),
            "With pasted rust, without it as the model made it, and as it was before. By the gain in decibels.".into(),
        ),
        sheet,
    })
}

fn remove(options: &RemovalOptions, rusty: &[PathBuf], results: &Path) -> Result<()> {
    let derust = options.command.derust()?;
    let plain: &[&OsStr] = if options.plain_fill { &["--plain-fill".as_ref()] } else { &[] };
    if !options.given_mask {
        return derust.remove(rusty, plain, results);
    }
    for path in rusty {
        let mask = png(&options.pairs.join(folders::MASK), stem(path));
        let masked = ["--mask".as_ref(), mask.as_os_str(), "--mask-mode".as_ref(), "replace".as_ref()];
        derust.remove(std::slice::from_ref(path), &[&masked, plain].concat(), results)?;
    }
    Ok(())
}

/// Pixels of `area` that a mask calls rust.
pub fn called_rust(mask: &GrayImage, area: &GrayImage) -> usize {
    mask.as_raw().iter().zip(area.as_raw()).filter(|(mask, area)| **mask >= 128 && **area >= 128).count()
}

/// A pair, and what came of it.
struct Pair {
    before: RgbImage,
    after: RgbImage,
    clean: RgbImage,
    pasted: GrayImage,
    mask: GrayImage,
    own: GrayImage,
    holes: Option<GrayImage>,
    print: Option<GrayImage>,
}

impl Pair {
    fn open(pairs: &Path, results: &Path, rusty: &Path) -> Result<Self> {
        let of = |folder: &str| png(&pairs.join(folder), stem(rusty));
        let (before, result) = (open_rgb(rusty)?, png(results, stem(rusty)));
        let after = open_rgb(&result)?;
        check_size(before.dimensions(), after.dimensions(), &result)?;
        let marks = |folder: &str| {
            let path = of(folder);
            path.exists().then(|| open_gray(&path)).transpose()
        };
        Ok(Pair {
            before,
            after,
            clean: open_rgb(&of(folders::CLEAN))?,
            pasted: open_gray(&of(folders::PASTED))?,
            mask: open_gray(&of(folders::MASK))?,
            own: open_gray(&of(folders::OWN))?,
            holes: marks(folders::HOLES)?,
            print: marks(folders::PRINT)?,
        })
    }

    fn compare(&self) -> Figures {
        let error = |picture: &RgbImage, counts: &dyn Fn(usize) -> bool| {
            let (mut sum, mut count) = (0.0, 0usize);
            for (i, (a, b)) in picture.pixels().zip(self.clean.pixels()).enumerate() {
                if counts(i) {
                    count += 3;
                    sum += (0..3).map(|c| (f64::from(a.0[c]) - f64::from(b.0[c])).powi(2)).sum::<f64>();
                }
            }
            psnr(sum / (255.0 * 255.0) / count.max(1) as f64)
        };
        let inside = |i: usize| self.pasted.as_raw()[i] > 0;
        let outside = |i: usize| self.mask.as_raw()[i] == 0 && self.own.as_raw()[i] == 0;
        let similarity = |picture: &RgbImage| {
            let map = similarity_map(picture, &self.clean);
            let (sum, count) = map
                .iter()
                .enumerate()
                .filter(|(i, _)| inside(*i))
                .fold((0.0, 0usize), |(sum, count), (_, value)| (sum + f64::from(*value), count + 1));
            sum / count.max(1) as f64
        };
        let marked = |marks: &Option<GrayImage>| {
            let marks = marks.as_ref()?.as_raw();
            marks.iter().any(|mark| *mark > 0).then(|| error(&self.after, &|i| marks[i] > 0))
        };
        let mut rust = area(&self.mask);
        for (value, own) in rust.values.iter_mut().zip(area(&self.own).values) {
            *value = value.max(own);
        }
        Figures {
            input_psnr: error(&self.before, &inside),
            psnr: error(&self.after, &inside),
            input_ssim: similarity(&self.before),
            ssim: similarity(&self.after),
            outside_psnr: error(&self.after, &outside),
            outside_untouched: untouched(&self.before, &self.after, &rust),
            texture: spread_ratio(&self.after, &area(&self.pasted), &rust),
            halo: halo(&self.after, &self.clean, &self.mask),
            holes_psnr: marked(&self.holes),
            print_psnr: marked(&self.print),
            pasted: self.pasted.as_raw().iter().filter(|value| **value >= 128).count(),
            called_rust: None,
        }
    }
}

/// Part of the pixels beyond the margin of `rust` that are equal; 1 where there are none.
fn untouched(before: &RgbImage, after: &RgbImage, rust: &Plane) -> f64 {
    let mut near = rust.clone();
    near.dilate(MARGIN);
    let far = before.pixels().zip(after.pixels()).zip(&near.values).filter(|(_, near)| **near < 0.5);
    let (equal, all) = far.fold((0, 0), |(equal, all), ((a, b), _)| (equal + usize::from(a == b), all + 1));
    if all == 0 { 1.0 } else { equal as f64 / all as f64 }
}

fn summary(figures: &[Figures]) -> Vec<Figure> {
    let all: Vec<usize> = (0..figures.len()).collect();
    let mean = |name: &str, label: &str, of: &dyn Fn(&Figures) -> f64| {
        let mean =
            |drawn: &[usize]| drawn.iter().map(|&i| of(&figures[i])).sum::<f64>() / drawn.len().max(1) as f64;
        Figure::new(name, label, mean(&all)).within(confidence(figures.len(), mean))
    };
    let median_of = |of: fn(&Figures) -> Option<f64>| {
        move |drawn: &[usize]| median(drawn.iter().filter_map(|&i| of(&figures[i])).collect())
    };
    let (texture, halo) = (median_of(|f| f.texture), median_of(|f| f.halo));
    let mut summary = vec![
        Figure::new("pairs", "Pairs", figures.len() as f64),
        mean("input_psnr", "PSNR before, inside", &|f| f.input_psnr).in_unit("dB"),
        mean("psnr", "PSNR after, inside", &|f| f.psnr).in_unit("dB"),
        mean("gain", "Gain", &|f| f.psnr - f.input_psnr).in_unit("dB"),
        mean("input_ssim", "SSIM before, inside", &|f| f.input_ssim),
        mean("ssim", "SSIM after, inside", &|f| f.ssim),
        mean("outside_psnr", "PSNR outside", &|f| f.outside_psnr).in_unit("dB"),
        mean("outside_untouched", "Untouched outside", &|f| f.outside_untouched),
        Figure::new("texture", "Texture inside over around", texture(&all))
            .within(confidence(figures.len(), texture)),
        Figure::new("halo", "Gradient across the mask's edge over the clean picture's", halo(&all))
            .within(confidence(figures.len(), halo)),
    ];
    let holes = figures.iter().filter_map(|f| f.holes_psnr).collect::<Vec<_>>();
    let print = figures.iter().filter_map(|f| f.print_psnr).collect();
    for (name, label, values) in [
        ("holes_psnr", "PSNR where rust has eaten through", holes),
        ("print_psnr", "PSNR on print under rust", print),
    ] {
        if values.is_empty() {
            continue;
        }
        let mean = |drawn: &[usize]| drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64;
        let every: Vec<usize> = (0..values.len()).collect();
        let figure = Figure::new(name, label, mean(&every)).in_unit("dB");
        summary.push(figure.within(confidence(values.len(), mean)));
    }
    if figures.iter().any(|f| f.called_rust.is_some()) {
        for (i, (name, label)) in
            [("rust_before", "Pasted rust seen before"), ("residual_rust", "Pasted rust seen after")]
                .into_iter()
                .enumerate()
        {
            let part = |drawn: &[usize]| {
                let sum =
                    |of: &dyn Fn(&Figures) -> usize| drawn.iter().map(|&i| of(&figures[i])).sum::<usize>();
                let seen = sum(&|f| f.called_rust.map_or(0, |counts| counts[i]));
                seen as f64 / sum(&|f| f.pasted).max(1) as f64
            };
            summary.push(Figure::new(name, label, part(&all)).within(confidence(figures.len(), part)));
        }
    }
    summary
}

fn picture(name: &str, one: &Figures) -> Value {
    let mut object = Map::from_iter([("name".to_owned(), Value::from(name))]);
    let figures = [
        ("input_psnr", one.input_psnr),
        ("psnr", one.psnr),
        ("input_ssim", one.input_ssim),
        ("ssim", one.ssim),
        ("outside_psnr", one.outside_psnr),
        ("outside_untouched", one.outside_untouched),
        ("texture", one.texture.unwrap_or(f64::NAN)),
        ("halo", one.halo.unwrap_or(f64::NAN)),
        ("holes_psnr", one.holes_psnr.unwrap_or(f64::NAN)),
        ("print_psnr", one.print_psnr.unwrap_or(f64::NAN)),
    ];
    object.extend(figures.map(|(name, value)| (name.to_owned(), rounded(value))));
    if let Some([before, after]) = one.called_rust {
        let part = |seen: usize| rounded(seen as f64 / one.pasted.max(1) as f64);
        object.insert("rust_before".into(), part(before));
        object.insert("residual_rust".into(), part(after));
    }
    object.into()
}

#[cfg(test)]
mod tests {
    use image::{Luma, Rgb};

    use super::*;

    /// 60 pixels in a row: rust pasted on the first ten; the result is a tenth too bright there and wrong at 40.
    fn pair() -> Pair {
        let gray = |value: u8| RgbImage::from_pixel(60, 1, Rgb([value; 3]));
        let mut after = gray(100);
        for x in 0..10 {
            after.put_pixel(x, 0, Rgb([126; 3]));
        }
        after.put_pixel(40, 0, Rgb([101, 100, 100]));
        let mut before = gray(100);
        let mut pasted = GrayImage::new(60, 1);
        for x in 0..10 {
            before.put_pixel(x, 0, Rgb([202; 3]));
            pasted.put_pixel(x, 0, Luma([255]));
        }
        let mask = pasted.clone();
        let own = GrayImage::new(60, 1);
        Pair { before, after, clean: gray(100), mask, own, pasted, holes: None, print: None }
    }

    #[test]
    fn figures_are_those_of_a_calculation_by_hand() {
        let figures = pair().compare();
        let decibels = |difference: f64| -20.0 * (difference / 255.0).log10();
        assert!((figures.input_psnr - decibels(102.0)).abs() < 1e-9);
        assert!((figures.psnr - decibels(26.0)).abs() < 1e-9);
        // One of 50 * 3 values is wrong by one.
        assert!((figures.outside_psnr - decibels((1.0f64 / 150.0).sqrt())).abs() < 1e-9);
        // Beyond pixel 25 lie 34.
        assert!((figures.outside_untouched - 33.0 / 34.0).abs() < 1e-12, "{}", figures.outside_untouched);
        assert_eq!((figures.pasted, figures.texture), (10, None));
    }

    #[test]
    fn rust_that_is_still_called_rust_is_a_part_of_what_was_pasted() {
        let pair = pair();
        let mut mask = GrayImage::new(60, 1);
        for x in 6..20 {
            mask.put_pixel(x, 0, Luma([255]));
        }
        assert_eq!(called_rust(&mask, &pair.pasted), 4);
        let figures = Figures { called_rust: Some([10, 4]), ..pair.compare() };
        let other = Figures { called_rust: Some([10, 0]), pasted: 30, ..pair.compare() };
        let summary = summary(&[figures, other]);
        let value = |name: &str| summary.iter().find(|f| f.name == name).unwrap().value;
        assert_eq!((value("rust_before"), value("residual_rust")), (0.5, 0.1));
        assert!((value("gain") - 20.0 * (102.0f64 / 26.0).log10()).abs() < 1e-9);
    }
}
