//! Which networks serve while files come, change and go, with real ONNX Runtime.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use derust_engine::filters::Scale;
use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::fixtures::{Convolution, Network};
use derust_engine::models::{Origin, Store};
use derust_engine::pixels::{Channels, Depth, Layout, Picture};
use derust_engine::{Control, Engine, EngineOptions, Error, Level, Log};

/// A network that sees rust everywhere, with this probability.
fn constant(name: &str, probability: f32) -> Network {
    Network::segment(name, Convolution::pointwise(&[&[0.0; 3]], &[probability]))
}

/// The same, with a graph that ONNX Runtime takes and that then answers with something that is no probability.
fn without_answer(name: &str) -> Vec<u8> {
    let mut model = constant(name, 0.5).to_model();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer.iter_mut().find(|tensor| tensor.name.ends_with(".bias")).unwrap().raw_data =
        f32::NAN.to_le_bytes().to_vec();
    prost::Message::encode_to_vec(&model)
}

fn put(folder: &Path, file: &str, onnx: &[u8], seconds_ago: u64) {
    let path = folder.join(file);
    fs::write(&path, onnx).unwrap();
    let time = SystemTime::now() - Duration::from_secs(seconds_ago);
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
}

struct Bench {
    folder: tempfile::TempDir,
    engine: Engine,
    heard: Arc<Mutex<Vec<(Level, String)>>>,
}

impl Bench {
    fn new() -> Self {
        Bench::watching(None)
    }

    fn watching(watch: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let heard = Arc::new(Mutex::new(vec![]));
        let ear = Arc::clone(&heard);
        let engine = Engine::new(EngineOptions {
            store: Store::only(&[folder.path().into()]),
            watch,
            log: Log::to(move |level, text| ear.lock().unwrap().push((level, text.to_owned()))),
            ..Default::default()
        });
        Bench { folder, engine, heard }
    }

    fn put(&self, file: &str, onnx: &[u8], seconds_ago: u64) {
        put(self.folder.path(), file, onnx, seconds_ago);
    }

    /// The probability that the serving network sees.
    fn probability(&self) -> Result<f32, Error> {
        let layout = Layout::packed(8, 8, Channels::Rgb, Depth::U8);
        let data = [200, 20, 40].repeat(64);
        let picture = Picture::new(&data, layout).unwrap();
        let found = self.engine.segment(&picture, &SegmentOptions::default(), Control::default())?;
        Ok(found.probability()[[4, 4]])
    }

    fn reason(&self, file: &str) -> Option<String> {
        let path = self.folder.path().join(file);
        let entries = self.engine.models();
        let entry = entries.into_iter().find(|e| e.candidate.origin == Origin::File(path.clone())).unwrap();
        entry.idle_because.map(|reason| reason.to_string())
    }

    fn heard(&self, level: Level, part: &str) -> bool {
        self.heard.lock().unwrap().iter().any(|(l, text)| *l == level && text.contains(part))
    }
}

#[test]
fn a_better_file_takes_over_when_the_folders_are_looked_at_again() {
    let bench = Bench::new();
    assert!(matches!(bench.probability(), Err(Error::NoModel { .. })));
    bench.put("a.onnx", &constant("a", 0.25).to_onnx(), 100);
    assert_eq!(bench.probability().unwrap(), 0.25);
    bench.put("b.onnx", &constant("b", 0.75).to_onnx(), 50);
    assert_eq!(bench.probability().unwrap(), 0.25, "nobody looked yet");
    bench.engine.refresh(Control::default()).unwrap();
    assert_eq!(bench.probability().unwrap(), 0.75);
    assert!(bench.heard(Level::Info, "b.onnx"));
    assert_eq!(bench.reason("b.onnx"), None);
    assert!(bench.reason("a.onnx").unwrap().contains("`b` was added later"));

    fs::remove_file(bench.folder.path().join("b.onnx")).unwrap();
    bench.engine.refresh(Control::default()).unwrap();
    assert_eq!(bench.probability().unwrap(), 0.25, "the next best takes over");
    fs::remove_file(bench.folder.path().join("a.onnx")).unwrap();
    bench.engine.refresh(Control::default()).unwrap();
    assert!(matches!(bench.probability(), Err(Error::NoModel { .. })));
}

#[test]
fn a_file_that_becomes_unusable_changes_nothing_and_the_list_says_why() {
    let bench = Bench::new();
    bench.put("a.onnx", &constant("a", 0.25).to_onnx(), 100);
    bench.put("b.onnx", &constant("b", 0.75).to_onnx(), 50);
    assert_eq!(bench.probability().unwrap(), 0.75);
    let good = constant("b", 0.75).to_onnx();
    for broken in [&b"no model"[..], &good[..good.len() / 2], &without_answer("b")] {
        bench.put("b.onnx", broken, 0);
        bench.engine.refresh(Control::default()).unwrap();
        assert_eq!(bench.probability().unwrap(), 0.75, "what was read before serves on");
        assert!(bench.reason("b.onnx").is_some(), "the list says nothing");
        assert!(bench.heard(Level::Warning, "b.onnx"));
        let serving: Vec<_> =
            bench.engine.models().into_iter().filter(|entry| entry.idle_because.is_none()).collect();
        assert_eq!(serving.len(), 1, "{serving:?}");
        bench.heard.lock().unwrap().clear();
    }
    bench.put("b.onnx", &constant("b", 0.5).to_onnx(), 0);
    bench.engine.refresh(Control::default()).unwrap();
    assert_eq!(bench.probability().unwrap(), 0.5);
}

#[test]
fn a_file_dropped_into_a_watched_folder_serves_by_itself_once_it_is_whole() {
    let interval = Duration::from_millis(60);
    let bench = Bench::watching(Some(interval));
    bench.put("a.onnx", &constant("a", 0.25).to_onnx(), 100);
    assert_eq!(bench.probability().unwrap(), 0.25);
    let sees = |wanted: f32| {
        let begin = std::time::Instant::now();
        while bench.probability().unwrap() != wanted {
            assert!(begin.elapsed() < Duration::from_secs(20), "{wanted} never came");
            std::thread::sleep(interval / 4);
        }
    };
    // A slow copy: the half is never tried.
    let whole = constant("b", 0.75).to_onnx();
    let mut file = File::create(bench.folder.path().join("b.onnx")).unwrap();
    for piece in whole.chunks(whole.len() / 8) {
        std::io::Write::write_all(&mut file, piece).unwrap();
        std::thread::sleep(interval / 3);
    }
    drop(file);
    sees(0.75);
    fs::remove_file(bench.folder.path().join("b.onnx")).unwrap();
    sees(0.25);
}

#[test]
fn a_network_that_fails_its_trial_never_serves() {
    let bench = Bench::new();
    bench.put("good.onnx", &constant("good", 0.25).to_onnx(), 100);
    bench.put("nan.onnx", &without_answer("nan"), 0);
    assert_eq!(bench.probability().unwrap(), 0.25);
    assert!(bench.reason("nan.onnx").unwrap().contains("no numbers"));
    assert!(bench.heard(Level::Warning, "nan.onnx"));
}

#[test]
fn a_call_that_needs_more_memory_than_calls_may_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "a.onnx", &constant("a", 0.25).to_onnx(), 0);
    let store = Store::only(&[folder.path().into()]);
    let engine = Engine::new(EngineOptions { store, memory_limit: Some(10 << 20), ..Default::default() });
    let options = SegmentOptions { scale: Scale::Native, judge_anyway: true, ..Default::default() };
    for (side, fits) in [(32, true), (1000, false)] {
        let data = vec![0; side as usize * side as usize];
        let picture = Picture::new(&data, Layout::packed(side, side, Channels::Gray, Depth::U8)).unwrap();
        let outcome = engine.segment(&picture, &options, Control::default());
        assert_eq!(outcome.is_ok(), fits);
        if let Err(error) = outcome {
            assert!(matches!(error, Error::Memory { limit, .. } if limit == 10 << 20), "{error}");
        }
    }
}
