//! Threads that work without pause while another process copies, replaces and deletes model files of every quality.
//!
//! `DERUST_SOAK_SECONDS` says how long; from a minute on the growth of the memory is judged, too.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::fixtures::{Convolution, Network};
use derust_engine::models::Store;
use derust_engine::pixels::{Channels, Depth, Layout, Picture};
use derust_engine::{Control, Engine, EngineOptions, Log};

const WORKERS: usize = 4;
/// The folder in which the other process, which runs the same test, is to work.
const FOLDER: &str = "DERUST_SOAK_FOLDER";
/// The file that tells it to end.
const STOP: &str = "stop";
/// The longest that the threads work until every model has served, if it takes longer than was asked for.
const LIMIT: Duration = Duration::from_secs(180);
/// Growth of the resident memory that is allowed, in bytes per second: 1 MB per minute.
const GROWTH: f64 = 1e6 / 60.0;

/// Networks that see different things, by the file that first holds them.
fn good_models() -> Vec<(&'static str, Vec<u8>)> {
    let weighing = |name, weights: [f32; 3], bias| {
        Network::segment(name, Convolution::pointwise(&[&weights], &[bias])).to_onnx()
    };
    vec![
        ("base.onnx", weighing("base", [0.5, 0.2, 0.1], 0.05)),
        ("a.onnx", weighing("a", [0.1, 0.6, 0.1], 0.1)),
        ("b.onnx", weighing("b", [0.3, 0.0, 0.4], 0.2)),
    ]
}

/// A network that ONNX Runtime takes and that answers with no numbers.
fn without_answer() -> Vec<u8> {
    let mut model = Network::segment("nan", Convolution::pointwise(&[&[0.0; 3]], &[0.5])).to_model();
    let weights = &mut model.graph.as_mut().unwrap().initializer;
    weights.iter_mut().find(|tensor| tensor.name.ends_with(".bias")).unwrap().raw_data =
        f32::NAN.to_le_bytes().to_vec();
    prost::Message::encode_to_vec(&model)
}

/// What the other process does, over and over, in a folder that others watch.
fn disturb(folder: &Path) {
    let at = |name: &str| folder.join(name);
    let good = good_models();
    let (a, b) = (&good[1].1, &good[2].1);
    let slowly = |name: &str, content: &[u8]| {
        let mut file = File::create(at(name)).unwrap();
        for piece in content.chunks(content.len().div_ceil(6)) {
            file.write_all(piece).unwrap();
            sleep(Duration::from_millis(60));
        }
    };
    let foreign = {
        let mut model = Network::red_is_rust().to_model();
        model.graph.as_mut().unwrap().node[0].domain = "com.example".into();
        prost::Message::encode_to_vec(&model)
    };
    let acts: [&dyn Fn(); 14] = [
        &|| fs::write(at("a.onnx"), a).unwrap(),
        &|| slowly("b.onnx", b),
        &|| fs::write(at("truncated.onnx"), &a[..a.len() / 2]).unwrap(),
        &|| fs::write(at("wrong.onnx"), "no model at all").unwrap(),
        &|| fs::write(at("a.onnx"), &a[..a.len() - 7]).unwrap(),
        &|| File::create(at("huge.onnx")).unwrap().set_len(300 << 20).unwrap(),
        &|| fs::write(at("foreign.onnx"), &foreign).unwrap(),
        &|| fs::write(at("nan.onnx"), without_answer()).unwrap(),
        &|| {
            fs::write(at("part"), b).unwrap();
            fs::rename(at("part"), at("a.onnx")).unwrap();
        },
        &|| fs::write(at("b.onnx.json"), "{\"schema\": 1}").unwrap(),
        &|| slowly("a.onnx", &foreign),
        &|| drop(fs::remove_file(at("b.onnx.json"))),
        &|| {
            for name in ["truncated.onnx", "huge.onnx", "nan.onnx", "b.onnx", "a.onnx"] {
                let _ = fs::remove_file(at(name));
            }
        },
        &|| fs::write(at("zeros.onnx"), vec![0; 8 << 20]).unwrap(),
    ];
    for act in acts.iter().cycle() {
        if at(STOP).exists() {
            return;
        }
        act();
        sleep(Duration::from_millis(400));
    }
}

/// The bytes of the probability that an engine sees; the picture is the same every time.
fn look(engine: &Engine) -> Vec<u32> {
    let data: Vec<u8> = (0..48 * 40 * 3u32).map(|i| (i * 31 % 251) as u8).collect();
    let picture = Picture::new(&data, Layout::packed(48, 40, Channels::Rgb, Depth::U8)).unwrap();
    let found = engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
    found.probability().iter().map(|value| value.to_bits()).collect()
}

fn resident_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1024.0
}

/// The slope of the straight line that fits the points best.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let shared: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    shared / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

fn engine(folder: &Path, log: Log) -> Engine {
    Engine::new(EngineOptions {
        store: Store::only(&[folder.to_owned()]),
        watch: Some(Duration::from_millis(500)),
        log,
        ..Default::default()
    })
}

#[test]
fn nothing_fails_and_no_result_is_torn_while_files_come_and_go() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return disturb(Path::new(&folder));
    }
    let seconds: f64 = std::env::var("DERUST_SOAK_SECONDS").map_or(12.0, |text| text.parse().unwrap());
    let expected: HashMap<Vec<u32>, &str> = good_models()
        .into_iter()
        .map(|(name, onnx)| {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), onnx).unwrap();
            (look(&engine(folder.path(), Log::default())), name)
        })
        .collect();
    assert_eq!(expected.len(), 3, "the networks cannot be told apart");

    let folder = tempfile::tempdir().unwrap();
    let (name, onnx) = good_models().remove(0);
    fs::write(folder.path().join(name), onnx).unwrap();
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let heard = Arc::clone(&counts);
    let (swaps, refusals) = (|| counts.0.load(Ordering::Relaxed), || counts.1.load(Ordering::Relaxed));
    let log = Log::to(move |_, text| {
        heard.0.fetch_add(usize::from(text.contains("serves now")), Ordering::Relaxed);
        heard.1.fetch_add(usize::from(text.contains("does not serve")), Ordering::Relaxed);
    });
    let engine = engine(folder.path(), log);
    look(&engine);
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_fails_and_no_result_is_torn_while_files_come_and_go"])
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();

    let (done, calls, seen) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(HashMap::new()));
    let mut memory = vec![];
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let result = look(&engine);
                    let name = *expected.get(&result).expect("a result of no good model");
                    *seen.lock().unwrap().entry(name).or_insert(0) += 1;
                    calls.fetch_add(1, Ordering::Relaxed);
                    sleep(Duration::from_millis(1));
                }
            });
        }
        let begin = Instant::now();
        let saw_enough = || seen.lock().unwrap().len() == expected.len() && swaps() > 2 && refusals() > 2;
        // On a busy machine it takes longer until everything has happened.
        while begin.elapsed().as_secs_f64() < seconds || (!saw_enough() && begin.elapsed() < LIMIT) {
            sleep(Duration::from_millis(250));
            memory.push((begin.elapsed().as_secs_f64(), resident_bytes()));
        }
        done.store(true, Ordering::Relaxed);
    });
    File::create(folder.path().join(STOP)).unwrap();
    assert!(other.wait().unwrap().success(), "the other process failed");

    memory.retain(|point| point.0 > seconds / 3.0);
    let growth = slope(&memory);
    let (swaps, refusals) = (swaps(), refusals());
    let (calls, seen) = (calls.into_inner(), seen.into_inner().unwrap());
    println!("{calls} calls in {seconds} s: {seen:?}; {swaps} times another network, {refusals} refusals");
    println!("resident memory grows by {:.2} MB per minute", growth * 60.0 / 1e6);
    assert_eq!(seen.len(), 3, "not every good model served");
    assert!(swaps > 2 && refusals > 2, "{swaps} swaps, {refusals} refusals");
    if seconds >= 60.0 {
        assert!(growth < GROWTH, "resident memory grows by {growth} bytes per second");
    }
}
