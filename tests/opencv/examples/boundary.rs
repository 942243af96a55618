//! What `derust_segment` costs beside the bare network, for a BGR8 picture of one megapixel.
//!
//! ```sh
//! cargo xtask bench boundary [THREADS] [ROUNDS]
//! ```
//!
//! Three things run in one process, by turns, on the ONNX Runtime of the prefix: a session with the same settings on
//! the same number of tiles of the same size; the engine, called from Rust the language; the library's C function. Both
//! of the latter write a mask. Medians are printed, of the time on the clock and (second line) of the processor time of
//! all threads, which says more on a machine with other work. At the model's own scale the network sees a small picture, and the
//! mask is brought back to the full one; at the picture's own scale every pixel goes through the network.

use std::error::Error;
use std::ffi::CStr;
use std::num::NonZero;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::filters::{Scale, Tiling, tiling};
use derust_engine::models::{Model, Store, inspect};
use derust_engine::pixels::{self, Channels, Depth, Layout};
use derust_engine::runtime::{Runtime, Session, SessionOptions};
use derust_engine::{Control, Engine, EngineOptions};
use derust_interface as c;
use libloading::{Library, Symbol};
use ndarray::ArrayD;

/// A million pixels.
const SIZE: (u32, u32) = (1250, 800);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let prefix = arguments.next().ok_or("usage: boundary PREFIX [THREADS] [ROUNDS]")?;
    let threads: u32 = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(15), |text| text.parse())?;
    let prefix = Path::new(&prefix).canonicalize()?;

    let runtime = Runtime::load(Some(&prefix.join("lib/onnxruntime/libonnxruntime.so.1")))?;
    let onnx = std::fs::read(prefix.join("share/derust/models/segment-rust.onnx"))?;
    let model = inspect(&onnx, None)?;
    let options = SessionOptions { threads: NonZero::new(threads as usize), ..SessionOptions::default() };
    let mut session = runtime.session(&onnx, &options)?;
    let engine = Engine::new(EngineOptions {
        store: Store::new(&[prefix.join("share/derust/models")]),
        session: options.clone(),
        ..Default::default()
    });
    let library = Derust::load(&prefix.join("lib/libderust.so"), threads)?;

    println!("{} x {} px BGR8, {threads} threads, medians of {rounds} rounds", SIZE.0, SIZE.1);
    println!(
        "| scale | tiles | network alone, ms | engine, ms | derust_segment, ms | over the network | over the engine |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, scale, c_scale) in
        [("model", Scale::Model, c::DERUST_SCALE_MODEL), ("native", Scale::Native, c::DERUST_SCALE_NATIVE)]
    {
        let tiles = tiling(&model, SIZE, scale);
        let mut bare = Bare::new(&mut session, &model, &tiles);
        let mut picture = Picture::new();
        let mut times = [const { Vec::new() }; 3];
        for round in 0..=rounds {
            let taken = [
                timed(|| bare.run())?,
                timed(|| segment_by_engine(&engine, &mut picture, scale))?,
                timed(|| library.segment(&mut picture, c_scale))?,
            ];
            // The first round warms all of them up.
            if round > 0 {
                times.iter_mut().zip(taken).for_each(|(times, taken)| times.push(taken));
            }
        }
        let tiles = format!("{} of {} x {}", tiles.count, tiles.width, tiles.height);
        let clock = times.each_ref().map(|times| median(times.iter().map(|taken| taken.clock)));
        let processor = times.each_ref().map(|times| median(times.iter().map(|taken| taken.processor)));
        for (what, [network, engine, call]) in [("clock", clock), ("processor", processor)] {
            println!(
                "| {name}, {what} | {tiles} | {network:.1} | {engine:.1} | {call:.1} | {:+.1} % | {:+.1} % |",
                (call / network - 1.0) * 100.0,
                (call / engine - 1.0) * 100.0
            );
        }
    }
    Ok(())
}

/// The network without anything around it.
struct Bare<'a> {
    session: &'a mut Session,
    input: String,
    tile: ArrayD<f32>,
    count: usize,
}

impl<'a> Bare<'a> {
    fn new(session: &'a mut Session, model: &Model, tiles: &Tiling) -> Self {
        let shape = vec![1, 3, tiles.height, tiles.width];
        let tile =
            ArrayD::from_shape_fn(shape, |at| ((at[1] * 7 + at[2] * 13 + at[3] * 29) % 256) as f32 / 255.0);
        Bare { session, input: model.manifest.inputs[0].name.clone(), tile, count: tiles.count }
    }

    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        for _ in 0..self.count {
            self.session.run(&[(self.input.as_str(), self.tile.view())])?;
        }
        Ok(())
    }
}

/// Bytes of a picture and of its mask.
struct Picture {
    pixels: Vec<u8>,
    mask: Vec<u8>,
}

impl Picture {
    fn new() -> Self {
        let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
        let pixels =
            (0..width * height * 3).map(|i| ((i / 3 * 7 + i / (width * 3) * 13 + i % 3 * 29) % 256) as u8);
        Picture { pixels: pixels.collect(), mask: vec![0; width * height] }
    }
}

fn segment_by_engine(engine: &Engine, picture: &mut Picture, scale: Scale) -> Result<(), Box<dyn Error>> {
    let layout = |channels| Layout::packed(SIZE.0, SIZE.1, channels, Depth::U8);
    let input = pixels::Picture::new(&picture.pixels, layout(Channels::Bgr))?;
    let mut mask = pixels::PictureMut::new(&mut picture.mask, layout(Channels::Gray))?;
    let options = SegmentOptions { scale, ..Default::default() };
    let found = engine.segment(&input, &options, Control::default())?;
    Ok(found.write_mask(&input, &mut mask, Control::default())?)
}

type Create = unsafe extern "C" fn(*const c::EngineOptions, *mut *mut c::Engine, *mut *mut c::Error) -> i32;
type Segment = unsafe extern "C" fn(
    *mut c::Engine,
    *const c::Image,
    *const c::SegmentOptions,
    *const c::Image,
    *const c::Image,
    *mut *mut c::Report,
    *mut *mut c::Error,
) -> i32;
type Message = unsafe extern "C" fn(*const c::Error) -> *const std::ffi::c_char;

/// libderust, as a C program sees it. The engine lives to the end of the program.
struct Derust {
    library: Library,
    engine: *mut c::Engine,
}

impl Derust {
    fn load(path: &Path, threads: u32) -> Result<Self, Box<dyn Error>> {
        // SAFETY: the library was installed by the person who runs this, for this.
        let library = unsafe { Library::new(path) }?;
        let options = c::EngineOptions { threads, ..Default::default() };
        let (mut engine, mut error) = (null_mut(), null_mut());
        // SAFETY: derust.h declares the function with this type; the pointers are valid for the call.
        let status = unsafe {
            let create: Symbol<'_, Create> = library.get(b"derust_engine_create")?;
            create(&options, &mut engine, &mut error)
        };
        let derust = Derust { library, engine };
        derust.check(status, error)?;
        Ok(derust)
    }

    fn segment(&self, picture: &mut Picture, scale: i32) -> Result<(), Box<dyn Error>> {
        let input = image(c::DERUST_FORMAT_BGR_U8, 3, &mut picture.pixels);
        let mask = image(c::DERUST_FORMAT_GRAY_U8, 1, &mut picture.mask);
        let options = c::SegmentOptions { scale, ..Default::default() };
        let mut error = null_mut();
        // SAFETY: derust.h declares the function with this type; the descriptions are those of the two vectors, which
        // live through the call, and the engine is the one that was created.
        let status = unsafe {
            let segment: Symbol<'_, Segment> = self.library.get(b"derust_segment")?;
            segment(self.engine, &input, &options, &mask, null(), null_mut(), &mut error)
        };
        self.check(status, error)
    }

    fn check(&self, status: i32, error: *mut c::Error) -> Result<(), Box<dyn Error>> {
        if status == c::DERUST_OK {
            return Ok(());
        }
        // SAFETY: derust.h declares the function with this type; a failed call has set the error, which is never freed.
        let text = unsafe {
            let message: Symbol<'_, Message> = self.library.get(b"derust_error_message")?;
            CStr::from_ptr(message(error)).to_string_lossy().into_owned()
        };
        Err(text.into())
    }
}

fn image(format: i32, bytes: u32, buffer: &mut [u8]) -> c::Image {
    c::Image {
        format,
        data: buffer.as_mut_ptr().cast(),
        data_size: buffer.len() as u64,
        width: SIZE.0,
        height: SIZE.1,
        row_stride: i64::from(SIZE.0 * bytes),
        ..Default::default()
    }
}

/// What a call took.
#[derive(Clone, Copy)]
struct Taken {
    clock: Duration,
    processor: Duration,
}

fn timed(run: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<Taken, Box<dyn Error>> {
    let (begin, processor) = (Instant::now(), processor_time());
    run()?;
    Ok(Taken { clock: begin.elapsed(), processor: processor_time().saturating_sub(processor) })
}

/// What all threads of this program have used so far; the first number of `schedstat` is in nanoseconds.
fn processor_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let used = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(used.sum())
}

/// In milliseconds.
fn median(times: impl Iterator<Item = Duration>) -> f64 {
    let mut times: Vec<Duration> = times.collect();
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
