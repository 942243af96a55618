//! The client with the real libderust and the real ONNX Runtime.

mod calls;
mod loading;
mod stopping;

use std::fs;
use std::sync::OnceLock;

use derust_client::{Engine, EngineOptions, Format, Image, Layout};
use derust_engine::fixtures::Network;
use derust_test_support::prefix;

/// Folder of the two networks whose answers follow from the colours of single pixels.
fn models() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for network in [Network::red_is_rust(), Network::red_to_gray()] {
        fs::write(folder.path().join(format!("{}.onnx", network.manifest.name)), network.to_onnx()).unwrap();
    }
    folder
}

/// Loads the library of the prefix, as every test of this process does.
fn load() {
    derust_client::load(&prefix().join("lib/libderust.so")).unwrap();
}

/// Options that see these networks and nothing else of this machine.
fn options() -> EngineOptions {
    static MODELS: OnceLock<tempfile::TempDir> = OnceLock::new();
    load();
    EngineOptions {
        model_folders: vec![MODELS.get_or_init(models).path().to_path_buf()],
        only_these_folders: true,
        threads: 1,
        watch: None,
        ..EngineOptions::default()
    }
}

/// One engine for the tests that need nothing special.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(options()).unwrap())
}

const WIDTH: u32 = 40;
const HEIGHT: u32 = 30;
/// Where the picture is red, and what a network that takes red for rust finds: column, row, width, height.
const RED: (u32, u32, u32, u32) = (8, 5, 10, 20);

fn is_red(x: u32, y: u32) -> bool {
    (RED.0..RED.0 + RED.2).contains(&x) && (RED.1..RED.1 + RED.3).contains(&y)
}

/// Gray, with a red rectangle.
fn picture() -> Vec<u8> {
    let pixel = |i: u32| if is_red(i % WIDTH, i / WIDTH) { [230, 0, 0] } else { [90, 90, 90] };
    (0..WIDTH * HEIGHT).flat_map(pixel).collect()
}

fn layout() -> Layout {
    Layout::new(WIDTH, HEIGHT, Format::RgbU8)
}

fn image(pixels: &[u8]) -> Image<'_> {
    Image::new(pixels, layout())
}
