//! Models that hurt whoever runs them, tried out in a process of its own.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::fixtures::{Convolution, Network, hostile};
use derust_engine::models::{Origin, Store, inspect};
use derust_engine::pixels::{Channels, Depth, Layout, Picture};
use derust_engine::trial::TrialOptions;
use derust_engine::{Control, Engine, EngineOptions, Error, Level, Log};
use derust_test_support::is_thorough;

struct Bench {
    folder: tempfile::TempDir,
    heard: Arc<Mutex<Vec<(Level, String)>>>,
}

impl Bench {
    /// With a good model that was there first.
    fn new() -> Self {
        let bench = Bench { folder: tempfile::tempdir().unwrap(), heard: Arc::default() };
        fs::create_dir(bench.models()).unwrap();
        bench.put("good", &good(0.25));
        bench
    }

    fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    /// Each file comes after the one before it.
    fn put(&self, name: &str, onnx: &[u8]) {
        std::thread::sleep(Duration::from_millis(20));
        fs::write(self.models().join(format!("{name}.onnx")), onnx).unwrap();
    }

    fn options(&self) -> TrialOptions {
        TrialOptions {
            program: Some(env!("CARGO_BIN_EXE_derust-trial").into()),
            record: Some(self.folder.path().join("trials")),
            ..TrialOptions::default()
        }
    }

    fn engine_with(&self, trial: TrialOptions) -> Engine {
        let ear = Arc::clone(&self.heard);
        Engine::new(EngineOptions {
            store: Store::only(&[self.models()]),
            trial,
            log: Log::to(move |level, text| ear.lock().unwrap().push((level, text.to_owned()))),
            ..Default::default()
        })
    }

    fn engine(&self) -> Engine {
        self.engine_with(self.options())
    }

    fn warnings(&self) -> Vec<String> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        heard.into_iter().filter(|(level, _)| *level == Level::Warning).map(|(_, text)| text).collect()
    }
}

fn good(probability: f32) -> Vec<u8> {
    Network::segment("good", Convolution::pointwise(&[&[0.0; 3]], &[probability])).to_onnx()
}

fn segment(engine: &Engine, colour: [u8; 3], control: Control<'_>) -> Result<f32, Error> {
    let data = colour.repeat(100 * 100);
    let picture = Picture::new(&data, Layout::packed(100, 100, Channels::Rgb, Depth::U8)).unwrap();
    Ok(engine.segment(&picture, &SegmentOptions::default(), control)?.probability()[[4, 4]])
}

fn probability(engine: &Engine) -> f32 {
    segment(engine, [200, 20, 40], Control::default()).unwrap()
}

fn standing(engine: &Engine, name: &str) -> (Option<String>, bool) {
    let is_meant =
        |origin: &Origin| matches!(origin, Origin::File(path) if path.ends_with(format!("{name}.onnx")));
    let entry = engine.models().into_iter().find(|entry| is_meant(&entry.candidate.origin)).unwrap();
    (entry.idle_because.map(|because| because.to_string()), entry.tried)
}

#[test]
fn what_ends_a_process_ends_another_one_and_the_old_model_serves() {
    for (onnx, how) in [
        (hostile::divides_the_smallest_number("killer"), "SIGFPE"),
        (hostile::normalises_nothing("killer"), "SIGSEGV"),
    ] {
        let bench = Bench::new();
        bench.put("killer", &onnx);
        assert_eq!(probability(&bench.engine()), 0.25);
        let said = bench.warnings().join("\n");
        assert!(
            said.contains("killer") && said.contains("ended the process") && said.contains(how),
            "{said}"
        );
        // The next start knows without trying.
        let no_trial = TrialOptions { program: Some("/bin/false".into()), ..bench.options() };
        let engine = bench.engine_with(no_trial);
        let (reason, _) = standing(&engine, "killer");
        assert!(reason.unwrap().contains(how), "the list says what was found, before any call");
        assert_eq!(probability(&engine), 0.25);
    }
}

#[test]
fn only_what_runs_at_the_size_that_serves_takes_over() {
    let bench = Bench::new();
    let engine = bench.engine();
    assert_eq!(probability(&engine), 0.25);
    let mut sleeper = Network::segment("other", Convolution::mean(1));
    sleeper.manifest.tile.size = 128;
    let tiles_of_128 = |onnx: Vec<u8>| {
        let mut model = <derust_manifest::onnx::Model as prost::Message>::decode(&onnx[..]).unwrap();
        model.metadata_props[0].value = sleeper.manifest.to_json();
        prost::Message::encode_to_vec(&model)
    };
    bench.put("fails", &tiles_of_128(hostile::fails_above_64("fails")));
    engine.refresh(Control::default()).unwrap();
    assert_eq!(probability(&engine), 0.25);
    assert!(standing(&engine, "fails").0.unwrap().contains("the network failed"));
    // What checks a file comes to the same verdict.
    let onnx = fs::read(bench.models().join("fails.onnx")).unwrap();
    let error = engine.try_out(&inspect(&onnx, None).unwrap(), &onnx, 0, Control::default()).unwrap_err();
    assert!(error.to_string().contains("the network failed"), "{error}");
}

#[test]
fn what_takes_for_ever_is_given_up_and_the_second_time_for_good() {
    let bench = Bench::new();
    bench.put("folds", &hostile::folds_for_hours("folds"));
    let options = || TrialOptions { time_limit: Duration::from_secs(1), ..bench.options() };
    for (times, for_good) in [(1, false), (2, true)] {
        let begin = Instant::now();
        let engine = bench.engine_with(options());
        assert_eq!(probability(&engine), 0.25);
        assert!((1..10).contains(&begin.elapsed().as_secs()), "{times}: {:?}", begin.elapsed());
        let said = bench.warnings().join("\n");
        assert!(
            said.contains("more than 1 s") && said.contains("tried again later") != for_good,
            "{times}: {said}"
        );
    }
    let begin = Instant::now();
    assert_eq!(probability(&bench.engine_with(options())), 0.25);
    assert!(begin.elapsed() < Duration::from_secs(1), "it was tried a third time");
}

#[test]
fn a_call_that_waits_for_a_trial_can_be_stopped() {
    let bench = Bench::new();
    bench.put("folds", &hostile::folds_for_hours("folds"));
    let engine = bench.engine();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| segment(&engine, [200, 20, 40], Control::new(None, Some(&stop))));
        std::thread::sleep(Duration::from_millis(500));
        assert!(!call.is_finished());
        let begin = Instant::now();
        stop.store(true, Ordering::Relaxed);
        let error = call.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    });
    let deadline = Control::default().until(Instant::now() + Duration::from_millis(300));
    let error = segment(&engine, [200, 20, 40], deadline).unwrap_err();
    assert!(matches!(error, Error::DeadlinePassed), "{error}");
}

/// The thread that looks at the folders is in the middle of a trial, which may take its 30 seconds.
#[test]
fn an_engine_is_freed_while_it_tries_a_model_out() {
    let bench = Bench::new();
    let ear = Arc::clone(&bench.heard);
    let engine = Engine::new(EngineOptions {
        store: Store::only(&[bench.models()]),
        trial: bench.options(),
        log: Log::to(move |level, text| ear.lock().unwrap().push((level, text.to_owned()))),
        watch: Some(Duration::from_millis(50)),
        ..Default::default()
    });
    assert_eq!(probability(&engine), 0.25);
    bench.put("folds", &hostile::folds_for_hours("folds"));
    std::thread::sleep(Duration::from_secs(1));
    let begin = Instant::now();
    engine.stop_watching();
    drop(engine);
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(bench.warnings().is_empty(), "it was given up, and not refused");
}

#[test]
fn want_of_memory_is_not_held_against_a_file() {
    let bench = Bench::new();
    bench.put("large", &hostile::takes_memory("large", 2 << 30));
    let tight = TrialOptions { memory_limit: Some(200 << 20), ..bench.options() };
    assert_eq!(probability(&bench.engine_with(tight)), 0.25);
    let said = bench.warnings().join("\n");
    assert!(said.contains("too little memory") && said.contains("tried again later"), "{said}");
    let wide = TrialOptions { memory_limit: Some(6 << 30), ..bench.options() };
    assert_eq!(probability(&bench.engine_with(wide)), 0.5);
}

#[test]
fn a_network_that_fails_in_service_gives_way_to_the_one_before() {
    let bench = Bench::new();
    let engine = bench.engine();
    assert_eq!(probability(&engine), 0.25);
    // In the place of the good one, which is only in memory from now on.
    bench.put("good", &hostile::fails_on_red("good"));
    engine.refresh(Control::default()).unwrap();
    let green = || segment(&engine, [60, 120, 90], Control::default());
    assert_eq!(green().unwrap(), 0.5);
    for _ in 0..3 {
        assert_eq!(green().unwrap(), 0.5, "a success in between");
        segment(&engine, [200, 20, 40], Control::default()).unwrap_err();
        segment(&engine, [200, 20, 40], Control::default()).unwrap_err();
    }
    segment(&engine, [200, 20, 40], Control::default()).unwrap_err();
    let said = bench.warnings().join("\n");
    assert!(said.contains("failed 3 calls in a row"), "{said}");
    assert!(standing(&engine, "good").0.unwrap().contains("failed 3 calls in a row"));
}

#[test]
fn a_program_that_cannot_be_started_leaves_a_mark_and_the_third_time_nothing_is_tried() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return tries_by_itself(Path::new(&folder));
    }
    let bench = Bench::new();
    for program in
        [None, Some(Path::new("/bin/true")), Some(bench.folder.path()), Some(Path::new("/bin/cat"))]
    {
        let options = TrialOptions { program: program.map(Path::to_owned), ..bench.options() };
        bench.put("other", &good(0.75));
        assert_eq!(probability(&bench.engine_with(options)), 0.75, "{program:?}");
        let said = bench.warnings().join("\n");
        assert_eq!(said.contains("is tried out in this process"), program.is_some(), "{program:?}: {said}");
        bench.engine().forget_trial(&inspect(&good(0.75), None).unwrap().digest).unwrap();
    }
    // As it is left behind by a process that did not survive.
    bench.put("killer", &hostile::divides_the_smallest_number("killer"));
    let here = || TrialOptions { program: None, ..bench.options() };
    for _ in 0..2 {
        ends_a_host(&bench);
    }
    let engine = bench.engine_with(here());
    assert_eq!(probability(&engine), 0.75);
    assert!(standing(&engine, "killer").0.unwrap().contains("ended the program"));
    // Once more, since the user wants it.
    let killer = fs::read(bench.models().join("killer.onnx")).unwrap();
    engine.forget_trial(&inspect(&killer, None).unwrap().digest).unwrap();
    assert_eq!(standing(&bench.engine_with(here()), "killer"), (None, false));
}

/// Runs this test program once more as a host that tries models out by itself, which has to end it.
fn ends_a_host(bench: &Bench) {
    use std::os::unix::process::ExitStatusExt;
    let status = host(
        bench,
        &[],
        "a_program_that_cannot_be_started_leaves_a_mark_and_the_third_time_nothing_is_tried",
    );
    assert_eq!(status.signal(), Some(libc::SIGFPE), "{status}");
}

/// Runs a test once more in a process of its own, where it plays the host; `env` are options of the program of that name.
fn host(bench: &Bench, env: &[&str], test: &str) -> std::process::ExitStatus {
    std::process::Command::new("env")
        .args(env)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(FOLDER, bench.folder.path())
        .status()
        .unwrap()
}

const FOLDER: &str = "DERUST_TEST_FOLDER";

/// A host that tries models out by itself.
fn tries_by_itself(folder: &Path) {
    let trial = TrialOptions { record: Some(folder.join("trials")), ..TrialOptions::default() };
    let store = Store::only(&[folder.join("models")]);
    probability(&Engine::new(EngineOptions { store, trial, ..Default::default() }));
}

/// A host that ignores what becomes of its children.
fn ignores_its_children(folder: &Path) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    assert!(u64::from_str_radix(ignored, 16).unwrap() & (1 << (libc::SIGCHLD - 1)) != 0, "{ignored}");
    let program = Some(env!("CARGO_BIN_EXE_derust-trial").into());
    let trial = TrialOptions { program, ..TrialOptions::default() };
    let store = Store::only(&[folder.join("models")]);
    let engine = Engine::new(EngineOptions { store, trial, ..Default::default() });
    assert_eq!(probability(&engine), 0.75);
    assert!(standing(&engine, "killer").0.unwrap().contains("ended the process"));
}

#[test]
fn hosts_that_do_not_care_for_their_children_learn_the_same() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return ignores_its_children(Path::new(&folder));
    }
    let bench = Bench::new();
    bench.put("fine", &good(0.75));
    bench.put("killer", &hostile::divides_the_smallest_number("killer"));
    assert!(
        host(&bench, &["--ignore-signal=CHLD"], "hosts_that_do_not_care_for_their_children_learn_the_same")
            .success()
    );
}

#[test]
fn whatever_is_dropped_into_a_living_host_it_lives_and_goes_on() {
    let bench = Bench::new();
    let engine = bench.engine();
    assert_eq!(probability(&engine), 0.25);
    let mut ends = std::collections::BTreeMap::<&str, u32>::new();
    for seed in 0..if is_thorough() { 1000 } else { 100 } {
        let onnx = match seed % 25 {
            0 => hostile::divides_the_smallest_number("edge"),
            1 => hostile::normalises_nothing("edge"),
            _ => hostile::at_the_edge(seed),
        };
        bench.put("edge", &onnx);
        engine.refresh(Control::default()).unwrap();
        // One that serves and fails on this picture is set aside after three calls.
        let found = (0..4).find_map(|_| segment(&engine, [200, 20, 40], Control::default()).ok());
        assert!(found.is_some_and(|probability| (0.0..=1.0).contains(&probability)), "{seed}: {found:?}");
        let end = match standing(&engine, "edge").0 {
            None => "serves",
            Some(reason) if reason.contains("calls in a row") => "served, and fails on some pictures",
            Some(reason) if reason.contains("ended the process") => "ended the process",
            Some(reason) if reason.contains("cannot load") => "is refused by ONNX Runtime",
            Some(reason) if reason.contains("the network failed") => "fails",
            Some(reason) if reason.contains("no numbers") => "answers what is no number",
            Some(_) => "is refused by inspection or the like",
        };
        *ends.entry(end).or_default() += 1;
        fs::remove_file(bench.models().join("edge.onnx")).unwrap();
    }
    println!("{ends:?}");
    // Some of each, or the networks are not at the edge.
    let kinds = ["serves", "fails", "is refused by ONNX Runtime", "ended the process"];
    assert!(kinds.iter().all(|kind| ends.contains_key(kind)), "{ends:?}");
}

#[test]
fn nobody_else_has_a_use_for_the_program() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_derust-trial"))
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("engines start it"));
}
