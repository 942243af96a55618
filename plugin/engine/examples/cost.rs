//! What the engine itself costs beside a network: seconds per megapixel of analysing and of writing, with a network
//! that hardly computes.
//!
//! ```sh
//! cargo xtask bench engine
//! ```

use std::time::Instant;

use derust_engine::filters::derust::{Look, RemoveOptions};
use derust_engine::filters::segment_rust::{Outputs, SegmentOptions, Surveying};
use derust_engine::fixtures::Network;
use derust_engine::models::Store;
use derust_engine::pixels::{Channels, Depth, Layout, Picture, PictureMut, Transfer};
use derust_engine::{Control, Engine, EngineOptions};

const SIZE: (u32, u32) = (4000, 3000);
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("derust-cost-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    for mut network in [Network::red_is_rust(), Network::red_to_gray()] {
        network.manifest.long_side = Some(320);
        std::fs::write(folder.join(format!("{}.onnx", network.manifest.name)), network.to_onnx())?;
    }
    let store = Store::only(std::slice::from_ref(&folder));
    let engine = Engine::new(EngineOptions { store, ..Default::default() });
    println!("| pixels | segment s/MP | mask and survey s/MP | analyse removal s/MP | compose s/MP |");
    println!("|---|---|---|---|---|");
    for (name, depth, transfer) in [
        ("8 bit", Depth::U8, Transfer::Srgb),
        ("16 bit", Depth::U16, Transfer::Srgb),
        ("float, linear", Depth::F32, Transfer::Linear),
    ] {
        let layout = Layout { transfer, ..Layout::packed(SIZE.0, SIZE.1, Channels::Bgr, depth) };
        let mut data = picture(depth);
        let mut mask = vec![0; SIZE.0 as usize * SIZE.1 as usize];
        let mask_layout = Layout::packed(SIZE.0, SIZE.1, Channels::Gray, Depth::U8);
        let mut times = [(); 4].map(|()| vec![]);
        for _ in 0..ROUNDS {
            let begin = Instant::now();
            let found = engine.segment(
                &Picture::new(&data, layout)?,
                &SegmentOptions::default(),
                Control::default(),
            )?;
            times[0].push(begin.elapsed());
            let begin = Instant::now();
            let mut target = PictureMut::new(&mut mask, mask_layout)?;
            let outputs =
                Outputs { mask: Some(&mut target), survey: Surveying::Regions, ..Default::default() };
            found.write(&Picture::new(&data, layout)?, outputs, Control::default())?;
            times[1].push(begin.elapsed());
            let begin = Instant::now();
            let picture = Picture::new(&data, layout)?;
            let removal =
                engine.analyse_removal(&picture, None, &RemoveOptions::default(), Control::default())?;
            times[2].push(begin.elapsed());
            let begin = Instant::now();
            removal.compose(
                None,
                &Look::default(),
                &mut PictureMut::new(&mut data, layout)?,
                Control::default(),
            )?;
            times[3].push(begin.elapsed());
        }
        let megapixels = f64::from(SIZE.0) * f64::from(SIZE.1) / 1e6;
        let medians = times.map(|mut times| {
            times.sort();
            format!("{:.4}", times[ROUNDS / 2].as_secs_f64() / megapixels)
        });
        println!("| {name} | {} |", medians.join(" | "));
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Gray with grain and red patches.
fn picture(depth: Depth) -> Vec<u8> {
    let value = |x: u32, y: u32, c: usize| {
        let red = (x / 700 + y / 500).is_multiple_of(3);
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)) >> 27;
        (if red { [30, 60, 200] } else { [120; 3] })[c] + grain as u8
    };
    let pixels = (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y)));
    let values = pixels.flat_map(|(x, y)| [0, 1, 2].map(|c| value(x, y, c)));
    match depth {
        Depth::U8 => values.collect(),
        Depth::U16 => values.flat_map(|v| (u16::from(v) * 257).to_ne_bytes()).collect(),
        Depth::F32 => values.flat_map(|v| (f32::from(v) / 255.0).to_ne_bytes()).collect(),
    }
}
