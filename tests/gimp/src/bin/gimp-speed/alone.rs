//! The engine in a process of its own: the same analysis, the same composition.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use derust_engine::filters::derust::{Look, RemoveOptions};
use derust_engine::models::Store;
use derust_engine::pixels::{Channels, Depth, Layout, Picture, PictureMut};
use derust_engine::runtime::Location;
use derust_engine::{Control, Engine, EngineOptions};
use derust_test_support::{checkout, run as output_of};

use crate::{Cost, peak_of, photo};

/// The first argument of such a process.
pub const ARGUMENT: &str = "--engine";

/// Everything counts.
pub const ALL: &str = "all";

/// Only the second of two runs counts.
pub const LOADED: &str = "loaded";

/// Starts a process and waits for what it says.
pub fn start(what: &str, pixels: &Path, runtime: &Path) -> Cost {
    let own = env::current_exe().expect("the system says where this program lies");
    let said = output_of(Command::new(own).args([ARGUMENT, what]).arg(pixels).arg(runtime));
    let (seconds, peak) = said.trim().split_once(' ').expect(&said);
    Cost { seconds: seconds.parse().expect(&said), peak: peak.parse().expect(&said) }
}

/// What such a process does: says seconds and peak memory.
pub fn run(arguments: &[OsString]) {
    let [what, pixels, runtime] = arguments else { panic!("three arguments, not {arguments:?}") };
    let data = fs::read(pixels).expect("the pixels");
    let layout = Layout::packed(photo::SIZE.0, photo::SIZE.1, Channels::Rgba, Depth::U8);
    let mut begin = Instant::now();
    let engine = Engine::new(EngineOptions {
        runtime: Location { file: Some(runtime.into()), folders: vec![] },
        store: Store::only(&[checkout().join("plugin/models")]),
        ..EngineOptions::default()
    });
    if what == LOADED {
        compose(&engine, &data, layout);
        begin = Instant::now();
    }
    compose(&engine, &data, layout);
    let seconds = begin.elapsed().as_secs_f64();
    println!("{seconds} {}", peak_of(Path::new("/proc/self")).expect("the peak"));
}

/// Analyses the picture and composes another, as the plug-in does.
fn compose(engine: &Engine, data: &[u8], layout: Layout) {
    let picture = Picture::new(data, layout).expect("a layout that fits");
    let options = RemoveOptions::default();
    let removal = engine.analyse_removal(&picture, None, &options, Control::default()).expect("an analysis");
    let mut result = vec![0; data.len()];
    let mut target = PictureMut::new(&mut result, layout).expect("a layout that fits");
    target.copy_from(&picture).expect("pictures that are alike");
    removal.compose(None, &Look::default(), &mut target, Control::default()).expect("a result");
    assert!(result != data, "nothing was removed");
}
