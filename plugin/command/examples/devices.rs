//! How fast and how exact each device is: the processor, CUDA, and TensorRT, each GPU also with the precision of float16.
//!
//! ```sh
//! cargo xtask bench devices
//! ```
//!
//! It takes the ONNX Runtime that `cargo xtask runtime --gpu` fetches, unless `ORT_DYLIB_PATH` names another.
//!
//! Differences are those of the network's answers from the processor's, in steps of 1/255, at the picture's own scale, so
//! that every device works in the same tiles. Times are those of whole calls: with the way to the GPU and back. A start
//! is that of a fresh process up to its first result, with nothing kept from an earlier one, and with what TensorRT
//! kept. A device that cannot be used is listed with the reason.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use derust_engine::filters::Scale;
use derust_engine::filters::derust::RemoveOptions;
use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::pixels::{Channels, Depth, Layout, Picture};
use derust_engine::runtime::{Device, SessionOptions};
use derust_engine::{Control, Engine, EngineOptions, Kind};
use image::RgbImage;
use image::imageops::{flip_horizontal, flip_vertical};

/// Devices, and whether they may compute with the precision of float16. The first one is what others are compared with.
const DEVICES: [(&str, bool); 5] =
    [("cpu", false), ("cuda", false), ("cuda", true), ("tensorrt", false), ("tensorrt", true)];

/// How far results may be from the processor's, in steps of 1/255.
const ALLOWED: [f32; 2] = [2.0, 4.0];

/// Calls of which the middle one's time counts.
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = gpu_runtime();
    derust_engine::runtime::Runtime::load(runtime.as_deref())?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => compare(),
        ["start", device, half] => start(device, half == "true"),
        _ => Err("no arguments are taken".into()),
    }
}

/// The ONNX Runtime for GPUs that `cargo xtask runtime --gpu` fetched.
fn gpu_runtime() -> Option<PathBuf> {
    if std::env::var_os("ORT_DYLIB_PATH").is_some() {
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/onnxruntime-gpu");
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let is_library = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so"))
    };
    files.into_iter().find(is_library)
}

/// What the networks answer.
#[derive(Clone)]
struct Answer {
    probability: Vec<f32>,
    fill: Vec<f32>,
    alpha: Vec<f32>,
}

fn compare() -> Result<(), Box<dyn Error>> {
    let picture = rusty_panel(3)?;
    let megapixels = f64::from(picture.width() * picture.height()) / 1e6;
    let runtime = derust_engine::runtime::Runtime::load(None)?;
    println!("ONNX Runtime {}, {}", runtime.version(), runtime.path().display());
    for state in runtime.devices(&SessionOptions::default()) {
        println!("{}: {}", state.provider, state.problem.as_ref().unwrap_or(&state.name));
    }
    println!("{} x {} pixels, {megapixels:.1} megapixels\n", picture.width(), picture.height());
    println!(
        "| device | segment ms/MP | remove ms/MP | probability, most n/255 | fill, most n/255 | alpha, most n/255 | \
         first start s | later start s | where it ran |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut expected = None;
    let (mut is_off, mut has_failed) = (false, false);
    for (device, half) in DEVICES {
        let name = if half { format!("{device}, fp16") } else { device.to_owned() };
        let engine = engine(device, half)?;
        if let Err(error) = engine.check_device() {
            println!("| {name} | | | | | | | | {error} |");
            continue;
        }
        let (answer, times) = match measure(&engine, &picture) {
            Ok(measured) => measured,
            Err(error) => {
                has_failed = true;
                println!("| {name} | | | | | | | | {error} |");
                continue;
            }
        };
        let expected = expected.get_or_insert_with(|| answer.clone());
        let off = [
            most(&answer.probability, &expected.probability),
            most(&answer.fill, &expected.fill),
            most(&answer.alpha, &expected.alpha),
        ];
        is_off |= off.iter().any(|off| *off > ALLOWED[usize::from(half)]);
        let cache = tempfile::tempdir()?;
        let starts = [start_anew(device, half, cache.path())?, start_anew(device, half, cache.path())?];
        println!(
            "| {name} | {:.0} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
            times[0] * 1000.0 / megapixels,
            times[1] * 1000.0 / megapixels,
            off[0],
            off[1],
            off[2],
            starts[0],
            starts[1],
            engine.prepare(Kind::SegmentRust, None, Control::default())?
        );
    }
    if has_failed {
        return Err("a device that looked usable is not; the table says why".into());
    }
    if is_off {
        return Err(
            format!("a device is further from the processor than {ALLOWED:?} (float32, float16)").into()
        );
    }
    Ok(())
}

fn engine(device: &str, half_precision: bool) -> Result<Engine, String> {
    let device: Device = device.parse()?;
    let session = SessionOptions { device, half_precision, ..SessionOptions::default() };
    Ok(Engine::new(EngineOptions { session, ..EngineOptions::default() }))
}

/// The answers, and the seconds that a segmentation and the analysis of a removal took.
fn measure(engine: &Engine, picture: &RgbImage) -> Result<(Answer, [f64; 2]), Box<dyn Error>> {
    let layout = Layout::packed(picture.width(), picture.height(), Channels::Rgb, Depth::U8);
    let picture = Picture::new(picture.as_raw(), layout)?;
    let (scale, control) = (Scale::Native, Control::default());
    let segment = SegmentOptions { scale, ..SegmentOptions::default() };
    let remove = RemoveOptions { scale, ..RemoveOptions::default() };
    let found = engine.segment(&picture, &segment, control)?;
    let removal = engine.analyse_removal(&picture, None, &remove, control)?;
    let answer = Answer {
        probability: found.probability().iter().copied().collect(),
        fill: removal.fill().iter().copied().collect(),
        alpha: removal.alpha().into_iter().flatten().copied().collect(),
    };
    let mut times = [vec![], vec![]];
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        engine.segment(&picture, &segment, control)?;
        times[0].push(begin.elapsed().as_secs_f64());
        let begin = Instant::now();
        engine.analyse_removal(&picture, None, &remove, control)?;
        times[1].push(begin.elapsed().as_secs_f64());
    }
    Ok((answer, times.map(middle)))
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The largest difference, in steps of 1/255.
fn most(values: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(values.len(), expected.len(), "answers of one size");
    values.iter().zip(expected).map(|(a, b)| (a - b).abs() * 255.0).fold(0.0, f32::max)
}

/// Seconds from the start of a process to its first result; TensorRT keeps its engines below `cache`.
fn start_anew(device: &str, half: bool, cache: &Path) -> Result<f64, Box<dyn Error>> {
    let begin = Instant::now();
    let mut command = Command::new(std::env::current_exe()?);
    let status = command.args(["start", device, &half.to_string()]).env("XDG_CACHE_HOME", cache).status()?;
    if !status.success() {
        return Err(format!("the start on {device} ended with {status}").into());
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// One small picture, in a process of its own.
fn start(device: &str, half: bool) -> Result<(), Box<dyn Error>> {
    let picture = rusty_panel(1)?;
    let layout = Layout::packed(picture.width(), picture.height(), Channels::Rgb, Depth::U8);
    let picture = Picture::new(picture.as_raw(), layout)?;
    engine(device, half)?.segment(&picture, &SegmentOptions::default(), Control::default())?;
    Ok(())
}

/// The sample picture, beside and below itself as in a mirror.
fn rusty_panel(times: u32) -> Result<RgbImage, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples/rusty-panel.jpg");
    let panel = image::open(path)?.into_rgb8();
    let (width, height) = panel.dimensions();
    let mut picture = RgbImage::new(width * times, height * times);
    for y in 0..times {
        for x in 0..times {
            let mut tile = panel.clone();
            if x % 2 == 1 {
                tile = flip_horizontal(&tile);
            }
            if y % 2 == 1 {
                tile = flip_vertical(&tile);
            }
            image::imageops::replace(&mut picture, &tile, (x * width).into(), (y * height).into());
        }
    }
    Ok(picture)
}
