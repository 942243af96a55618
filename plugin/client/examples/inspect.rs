//! Says how much rust is in a picture, and writes one without it.
//!
//! `cargo run -p derust-client --example inspect -- gate.jpg gate-clean.png`, with `DERUST_LIBRARY` set to the library of an
//! install prefix (`cargo xtask install --prefix PREFIX`: `PREFIX/lib/libderust.so`).

use std::error::Error;
use std::process::ExitCode;

use derust_client::{
    ComposeOptions, Engine, EngineOptions, Format, Image, ImageMut, Layout, RemoveOptions, SegmentOptions,
    SegmentOutputs,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, input, output] = &arguments[..] else {
        eprintln!("inspect PICTURE RESULT");
        return ExitCode::FAILURE;
    };
    match inspect(input, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("inspect: {error}");
            ExitCode::FAILURE
        }
    }
}

fn inspect(input: &str, output: &str) -> Result<(), Box<dyn Error>> {
    let picture = image::open(input)?.into_rgb8();
    let (width, height) = picture.dimensions();
    let layout = Layout::new(width, height, Format::RgbU8);
    let mut pixels = picture.into_raw();

    let engine = Engine::new(EngineOptions::default())?;
    println!("libderust {} with ONNX Runtime {}", derust_client::version()?, engine.runtime()?.version);

    let options = SegmentOptions { contours: true, ..SegmentOptions::default() };
    let report = engine.segment(&Image::new(&pixels, layout), SegmentOutputs::default(), options)?;
    let summary = report.summary();
    println!("{:.1} % rust, ISO 4628-3 Ri {}", summary.fraction * 100.0, summary.iso_4628_3);
    for (index, region) in report.regions().enumerate() {
        let at = region.bounds;
        let outline = report.contour(index as u64)?.len();
        println!("  {} pixels at {}, {}, {outline} along the border", region.area, at.x, at.y);
    }

    // The network runs once; results of any strength are then made without it.
    let mut progress = |done: f32| {
        eprint!("\r{:3.0} %", done * 100.0);
        true
    };
    let options = RemoveOptions { progress: Some(&mut progress), ..RemoveOptions::default() };
    let removal = engine.analyse_removal(&Image::new(&pixels, layout), options)?;
    eprintln!();
    let strong = ComposeOptions { strength: 1.0, ..ComposeOptions::default() };
    removal.compose_in_place(&mut ImageMut::new(&mut pixels, layout), strong)?;
    image::RgbImage::from_raw(width, height, pixels).ok_or("the picture has lost pixels")?.save(output)?;
    Ok(())
}
