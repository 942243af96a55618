//! Tests of networks that find too little memory, each in a process of its own with a limit on what it can have.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex};

use derust_manifest::{Tile, onnx};
use prost::Message as _;

use super::tests::{network, picture, run};
use super::*;
use crate::fixtures::{Convolution, Network as Fixture};

/// Says in a process of its own what a test is to do there.
const PART: &str = "DERUST_TEST_PART";

const MEGABYTE: u64 = 1 << 20;

/// A network that makes so many channels of every pixel on its way to the probability of rust.
fn wide(channels: usize, tile: Tile, fixed_size: Option<(u32, u32)>) -> Vec<u8> {
    let narrow =
        Convolution { weights: vec![vec![vec![0.1 / channels as f32; 9]; channels]], bias: vec![0.2] };
    let mut fixture = Fixture { fixed_size, ..Fixture::segment("wide", narrow) };
    fixture.manifest.tile = tile;
    let mut model = fixture.to_model();
    let graph = model.graph.as_mut().unwrap();
    let weights: Vec<f32> = (0..channels * 3).map(|i| (i % 7) as f32 / 7.0).collect();
    graph.initializer.push(onnx::Tensor::floats("wide.weight", &[channels as i64, 3, 1, 1], &weights));
    graph.node[0].input[0] = "wide".into();
    let widen = onnx::Node {
        op_type: "Conv".into(),
        input: vec!["image".into(), "wide.weight".into()],
        output: vec!["wide".into()],
        attribute: vec![onnx::Attribute::ints("kernel_shape", &[1, 1])],
        ..Default::default()
    };
    graph.node.insert(0, widen);
    model.encode_to_vec()
}

/// Lets this process have so many bytes of address space more than it has.
fn limit_memory(more: u64) {
    let pages: u64 =
        fs::read_to_string("/proc/self/statm").unwrap().split(' ').next().unwrap().parse().unwrap();
    let limit = pages * 4096 + more;
    let status = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &format!("--as={limit}")])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Runs a test of this module once more in a process of its own, where it plays a part; answers with what it prints there.
fn child(test: &str, part: &str) -> String {
    let name = format!("{}::{test}", module_path!().split_once("::").unwrap().1);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture"])
        .env(PART, part)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// Runs a network where there are so many bytes more than it takes to load it; answers with what was found or why not,
/// and what was said on the way.
fn run_short(
    mut network: Network,
    more: u64,
    picture: &Array3<f32>,
) -> (Result<Analysis, Error>, Vec<String>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    network.log = Log::to(move |_, message| ears.lock().unwrap().push(message.to_owned()));
    let runtime = Runtime::load(None).unwrap();
    let options = SessionOptions { threads: std::num::NonZero::new(1), ..SessionOptions::default() };
    network.load(&runtime, &options, &Control::default()).unwrap();
    limit_memory(more);
    let told = Mutex::new(Vec::new());
    let hear = |done: f32| told.lock().unwrap().push(done);
    let found = network.run(&runtime, &options, picture.view(), None, Control::new(Some(&hear), None));
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted() && found.is_ok() == (told.last() == Some(&1.0)), "{told:?}");
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    (found, heard)
}

#[test]
fn tiles_shrink_until_they_fit_and_give_what_small_ones_give() {
    let tile = |size| Tile { size, overlap: 64, multiple: 32 };
    let picture = picture(900, 600);
    if std::env::var_os(PART).is_none() {
        child("tiles_shrink_until_they_fit_and_give_what_small_ones_give", "limited");
        return;
    }
    let expected = run(&network(wide(256, tile(256), None), 1), &picture, None).unwrap();
    let (found, heard) = run_short(network(wide(256, tile(512), None), 1), 220 * MEGABYTE, &picture);
    assert_eq!(found.unwrap().probability, expected.probability);
    let [heard] = &heard[..] else { panic!("{heard:?}") };
    let beginning =
        "wide: too little memory for tiles of 512x512 pixels, goes on with tiles of 256x256 pixels: ";
    assert!(heard.starts_with(beginning), "{heard}");
}

#[test]
fn fewer_tiles_go_at_once_before_they_shrink() {
    let tile = Tile { size: 128, overlap: 16, multiple: 16 };
    let picture = picture(400, 300);
    if std::env::var_os(PART).is_none() {
        child("fewer_tiles_go_at_once_before_they_shrink", "limited");
        return;
    }
    let expected = run(&network(wide(1024, tile, None), 1), &picture, None).unwrap();
    let (found, heard) = run_short(network(wide(1024, tile, None), 6), 300 * MEGABYTE, &picture);
    assert_eq!(found.unwrap().probability, expected.probability);
    assert!(
        heard[0].starts_with("wide: too little memory for 6 tiles of 128x128 pixels at a time"),
        "{heard:?}"
    );
    assert!(heard.iter().all(|message| message.contains("at a time: ")), "{heard:?}");
}

#[test]
fn what_was_tried_is_said_at_the_end() {
    let test = "what_was_tried_is_said_at_the_end";
    let tile = Tile { size: 256, overlap: 64, multiple: 32 };
    let picture = picture(400, 300);
    let fixed = match std::env::var(PART) {
        Err(_) => {
            child(test, "open");
            child(test, "fixed");
            return;
        }
        Ok(part) => (part == "fixed").then_some((256, 256)),
    };
    let (found, _) = run_short(network(wide(8192, tile, fixed), 1), 60 * MEGABYTE, &picture);
    let error = found.unwrap_err();
    assert!(matches!(error, Error::Runtime(RuntimeError::Memory(_))), "{error}");
    let error = error.to_string();
    let end = match fixed {
        None => {
            "; tried tiles of 256x256 pixels, tiles of 128x128 pixels, tiles of 64x64 pixels; there are no smaller tiles"
        }
        Some(_) => {
            "; tried tiles of 256x256 pixels; its file fixes the size of what it takes at 256x256 pixels, so that tiles \
             cannot be smaller"
        }
    };
    assert!(
        error.starts_with("there is too little memory to run the network: ") && error.ends_with(end),
        "{error}"
    );
}
