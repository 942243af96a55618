//! How long Derust takes in GIMP for a photo of 24 megapixels, and how long the engine takes alone.
//!
//! ```sh
//! cargo xtask bench gimp
//! ```
//!
//! Every round takes each time once, so that what else the machine does meets all of them alike. In GIMP the time is that
//! of the call of the procedure; alone it goes from loading ONNX Runtime to the composed picture, in a process that was
//! started for it, as GIMP starts the plug-in. What GIMP itself costs is told by a plug-in that only copies the layer.

mod alone;
mod copying;
mod photo;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use derust_tests_gimp::gimp::{plug_ins, process_of};
use derust_tests_gimp::script_fu::quoted;
use derust_tests_gimp::{Generation, Gimp, Window};

const ROUNDS: usize = 7;

/// What a run cost.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    /// The most memory that the process had at a time, in KiB.
    peak: u64,
}

/// Something that is measured.
struct Measured<'a> {
    name: &'static str,
    run: Box<dyn Fn() -> Cost + 'a>,
    costs: Vec<Cost>,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().collect();
    match arguments.get(1).and_then(|word| word.to_str()) {
        Some("-gimp") => return copying::serve(&arguments),
        Some(alone::ARGUMENT) => alone::run(&arguments[2..]),
        _ => measure(),
    }
    ExitCode::SUCCESS
}

fn measure() {
    let start = |generation| {
        Gimp::start_after(generation, Window::None, |plug_in| {
            let folder = plug_in.with_file_name(copying::NAME);
            fs::create_dir_all(&folder).expect("a folder for a plug-in");
            let own = env::current_exe().expect("the system says where this program lies");
            fs::copy(own, folder.join(copying::NAME)).expect("a copy of this program");
        })
    };
    let (two, three) = (start(Generation::Two), start(Generation::Three));
    let pixels = two.folder().join("photo.rgba");
    let photo = photo::make();
    fs::write(&pixels, photo.as_raw()).expect("a file for the pixels");
    let open = |gimp: &Gimp| -> String {
        let file = gimp.folder().join("photo.png");
        photo::write(&photo, &file);
        gimp.evaluate(&format!("(test-load {})", quoted(&file.to_string_lossy())))
    };
    let (in_two, in_three) = (open(&two), open(&three));
    drop(photo);

    let runtime = plug_ins().join("gimp-derust/onnxruntime/libonnxruntime.so.1");
    let alone = |what: &'static str| {
        let (pixels, runtime) = (pixels.clone(), runtime.clone());
        move || alone::start(what, &pixels, &runtime)
    };
    let mut all = [
        Measured::new("the engine alone", alone(alone::ALL)),
        Measured::new("the same, its network loaded before", alone(alone::LOADED)),
        Measured::new("Derust in GIMP 2.10", || in_gimp(&two, &in_two, "gimp-derust", derust)),
        Measured::new("a copy in GIMP 2.10", || in_gimp(&two, &in_two, copying::NAME, copying::call)),
        Measured::new("Derust in GIMP 3", || in_gimp(&three, &in_three, "gimp-derust", derust)),
    ];
    for _ in 0..ROUNDS {
        all.iter_mut().for_each(Measured::once);
    }
    report(&all);
}

impl<'a> Measured<'a> {
    fn new(name: &'static str, run: impl Fn() -> Cost + 'a) -> Self {
        Measured { name, run: Box::new(run), costs: vec![] }
    }

    fn once(&mut self) {
        self.costs.push((self.run)());
    }

    /// The median of the seconds.
    fn seconds(&self) -> f64 {
        let mut seconds: Vec<_> = self.costs.iter().map(|cost| cost.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    }
}

fn report(all: &[Measured<'_>]) {
    let (width, height) = photo::SIZE;
    println!("Derust, {width} x {height} pixels of RGBA with 8 bits; medians of {ROUNDS} rounds");
    println!("| what | seconds | of the engine's | fastest | slowest | peak memory |");
    println!("|---|---|---|---|---|---|");
    let engine = all[0].seconds();
    for measured in all {
        let seconds = || measured.costs.iter().map(|cost| cost.seconds);
        println!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {} MiB |",
            measured.name,
            measured.seconds(),
            measured.seconds() / engine,
            seconds().fold(f64::MAX, f64::min),
            seconds().fold(0.0, f64::max),
            measured.costs.iter().map(|cost| cost.peak).max().unwrap_or(0) / 1024
        );
    }
}

/// The call of Derust for an image and its layer.
fn derust(generation: Generation, image: &str, layer: &str) -> String {
    match generation {
        Generation::Two => format!("(plug-in-derust RUN-NONINTERACTIVE {image} {layer} \"\" 100 0 0 0 1 0)"),
        Generation::Three => format!(
            "(plug-in-derust #:run-mode RUN-NONINTERACTIVE #:image {image} #:drawables (vector {layer}) #:device \"cpu\")"
        ),
    }
}

/// Calls a plug-in's procedure for a copy of an image; GIMP itself takes the time.
fn in_gimp(gimp: &Gimp, original: &str, plug_in: &str, call: fn(Generation, &str, &str) -> String) -> Cost {
    let image = gimp.evaluate(&format!("(car (gimp-image-duplicate {original}))"));
    let layer = gimp.evaluate(&format!("(test-layer {image})"));
    let call = call(gimp.generation, &image, &layer);
    let program = gimp.plug_in().with_file_name(plug_in).join(plug_in);
    let over = AtomicBool::new(false);
    let (said, peak) = thread::scope(|scope| {
        let watch = scope.spawn(|| peak_until(&over, &program));
        let said = gimp.try_evaluate(&format!("(test-seconds (lambda () {call}))"));
        over.store(true, Ordering::Relaxed);
        (said, watch.join().expect("the peak"))
    });
    gimp.evaluate(&format!("(gimp-image-delete {image})"));
    let said = said.unwrap_or_else(|error| panic!("{call}\n{error}\n{}", gimp.log()));
    Cost { seconds: said.parse().expect(&said), peak }
}

/// The most memory that a program's process has had before it is `over`, in KiB.
fn peak_until(over: &AtomicBool, program: &Path) -> u64 {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut peak = 0;
    while !over.load(Ordering::Relaxed) {
        let process = process_of(program).map(|number| PathBuf::from("/proc").join(number));
        peak = peak.max(process.and_then(|process| peak_of(&process)).unwrap_or(0));
        thread::sleep(PAUSE);
    }
    peak
}

/// The most memory that a process has had so far, in KiB.
fn peak_of(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
