//! Writes rendered pictures: one scene, a contact sheet of many, or the sample of the documentation.

use anyhow::{Context, Result};
use clap::Parser;
use derust_render::{Set, clutter, object, sample, scene, texture};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GrayImage, RgbImage, imageops};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Render pictures of metal with and without rust.
#[derive(Parser)]
struct Options {
    /// Folder that the pictures go to.
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// First seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Width in pixels.
    #[arg(long, default_value_t = 256)]
    width: u32,
    /// Height in pixels.
    #[arg(long, default_value_t = 256)]
    height: u32,
    /// Write contact sheets (scenes.png, textures.png, clutter.png, objects-training.png, objects-measuring.png) of this many seeds instead of one scene.
    #[arg(long, value_name = "COUNT")]
    sheet: Option<u32>,
    /// Write the documentation's sample (rusty-panel.jpg and its clean picture and mask), normally to tests/samples.
    #[arg(long, conflicts_with = "sheet")]
    sample: bool,
    /// Measure the time of this many scenes on one core and write nothing.
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["sheet", "sample"])]
    bench: Option<u32>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    anyhow::ensure!(options.width > 0 && options.height > 0, "--width and --height must be at least 1");
    if let Some(count) = options.bench {
        bench(&options, count);
        return Ok(());
    }
    fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot create folder {}", options.out.display()))?;
    if options.sample {
        write_sample(&options.out)
    } else if let Some(count) = options.sheet {
        write_sheets(&options, count)
    } else {
        let scene = scene(options.seed, options.width, options.height);
        let stem = format!("scene-{}", options.seed);
        save_png(&scene.rusty.into(), &options.out.join(format!("{stem}.png")))?;
        save_png(&scene.clean.into(), &options.out.join(format!("{stem}-clean.png")))?;
        save_png(&scene.mask.into(), &options.out.join(format!("{stem}-mask.png")))
    }
}

fn write_sample(out: &Path) -> Result<()> {
    let sample = sample(912, 608);
    save_jpeg(&sample.rusty, &out.join("rusty-panel.jpg"), 90)?;
    save_jpeg(&sample.clean, &out.join("rusty-panel-clean.jpg"), 90)?;
    save_png(&sample.mask.into(), &out.join("rusty-panel-mask.png"))
}

fn write_sheets(options: &Options, count: u32) -> Result<()> {
    let (width, height) = (options.width, options.height);
    let seeds = (0..count).map(|i| options.seed + u64::from(i));
    let scenes = seeds.clone().map(|seed| {
        let scene = scene(seed, width, height);
        beside(&[scene.rusty, scene.clean, grey_as_rgb(&scene.mask)])
    });
    save_png(&grid(&scenes.collect::<Vec<_>>(), 3).into(), &options.out.join("scenes.png"))?;
    for (set, name) in [(Set::Training, "objects-training.png"), (Set::Measuring, "objects-measuring.png")] {
        let objects = seeds.clone().map(|seed| {
            let object = object(set, seed, width, height);
            let marks = RgbImage::from_fn(width, height, |x, y| {
                let at = |mask: &GrayImage| mask.get_pixel(x, y).0[0];
                image::Rgb([at(&object.scene.mask), at(&object.holes), at(&object.print)])
            });
            beside(&[object.scene.rusty, object.scene.clean, marks])
        });
        save_png(&grid(&objects.collect::<Vec<_>>(), 3).into(), &options.out.join(name))?;
    }
    let textures = seeds.clone().map(|seed| {
        let texture = texture(seed, width, height);
        beside(&[texture.colour, grey_as_rgb(&texture.coverage)])
    });
    save_png(&grid(&textures.collect::<Vec<_>>(), 4).into(), &options.out.join("textures.png"))?;
    let clutter = seeds.map(|seed| clutter(seed, width, height));
    save_png(&grid(&clutter.collect::<Vec<_>>(), 8).into(), &options.out.join("clutter.png"))
}

fn bench(options: &Options, count: u32) {
    let start = Instant::now();
    let mut rusted = 0u64;
    for i in 0..count {
        let scene = scene(options.seed + u64::from(i), options.width, options.height);
        rusted += scene.mask.iter().filter(|&&m| m == 255).count() as u64;
    }
    let each = start.elapsed().as_secs_f64() * 1000.0 / f64::from(count.max(1));
    let pixels = u64::from(options.width) * u64::from(options.height) * u64::from(count.max(1));
    let share = rusted as f64 * 100.0 / pixels as f64;
    println!("{count} scenes of {}x{}: {each:.1} ms each, {share:.1} % rust", options.width, options.height);
}

fn grey_as_rgb(grey: &GrayImage) -> RgbImage {
    DynamicImage::from(grey.clone()).to_rgb8()
}

fn beside(pictures: &[RgbImage]) -> RgbImage {
    grid(pictures, pictures.len() as u32)
}

fn grid(pictures: &[RgbImage], columns: u32) -> RgbImage {
    let Some(first) = pictures.first() else { return RgbImage::new(1, 1) };
    let (width, height) = first.dimensions();
    let columns = columns.min(pictures.len() as u32);
    let rows = (pictures.len() as u32).div_ceil(columns);
    let mut sheet = RgbImage::new(width * columns, height * rows);
    for (i, picture) in (0u32..).zip(pictures) {
        let (x, y) = (i % columns * width, i / columns * height);
        imageops::replace(&mut sheet, picture, i64::from(x), i64::from(y));
    }
    sheet
}

fn save_png(picture: &DynamicImage, path: &Path) -> Result<()> {
    picture.save(path).with_context(|| format!("cannot write {}", path.display()))
}

fn save_jpeg(picture: &RgbImage, path: &Path, quality: u8) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    JpegEncoder::new_with_quality(file, quality)
        .encode_image(picture)
        .with_context(|| format!("cannot write {}", path.display()))
}
