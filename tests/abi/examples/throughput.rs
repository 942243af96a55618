//! What many threads get out of one engine: pictures of one megapixel through `derust_segment`.
//!
//! ```sh
//! cargo xtask bench threads [SECONDS]
//! ```
//!
//! The processor time that a picture takes says more than the clock on a machine with other work: where it stays the same,
//! threads do not hinder one another. Every mask and every probability has to be bit for bit what one thread got before; anything else ends the program.

use std::error::Error;
use std::ffi::CStr;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use derust_interface::{
    DERUST_FORMAT_BGR_U8, DERUST_FORMAT_GRAY_U8, DERUST_OK, Engine, EngineOptions, Image, Library, load,
};

/// A million pixels.
const SIZE: (u32, u32) = (1250, 800);
const PIXELS: usize = SIZE.0 as usize * SIZE.1 as usize;

/// Different pictures that take turns.
const PICTURES: usize = 4;

/// Mask and probability.
type Planes = [Vec<u8>; 2];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let prefix = arguments.next().ok_or("usage: throughput PREFIX [SECONDS]")?;
    let seconds: u64 = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let library = load(&Path::new(&prefix).canonicalize()?.join("lib/libderust.so.1"))?;
    let pictures: Vec<Vec<u8>> = (0..PICTURES).map(picture).collect();
    let alone = Handle::new(library, 1)?;
    let expected: Vec<Planes> =
        pictures.iter().map(|picture| alone.segment(picture)).collect::<Result<_, _>>()?;
    if expected[0] == expected[1] {
        return Err("different pictures give the same results, so this shows nothing".into());
    }

    let processors = thread::available_parallelism()?;
    println!("{} x {} px BGR8, {processors} processors, {seconds} s for each line", SIZE.0, SIZE.1);
    println!(
        "| threads | sessions | pictures | pictures/s | beside one thread | processor time of one, ms |"
    );
    println!("|---|---|---|---|---|---|");
    let mut one = None;
    for (threads, sessions) in [(1, 1), (2, 1), (2, 2), (4, 1), (4, 2), (8, 1), (8, 2)] {
        let engine = Handle::new(library, sessions)?;
        // Loads the networks.
        engine.segment(&pictures[0])?;
        let before = processor_time();
        let (count, time) = work(&engine, threads, Duration::from_secs(seconds), &pictures, &expected)?;
        let processor = (processor_time() - before).as_secs_f64() * 1000.0 / count as f64;
        let rate = count as f64 / time.as_secs_f64();
        let one = *one.get_or_insert(rate);
        let beside = rate / one;
        println!("| {threads} | {sessions} | {count} | {rate:.2} | {beside:.2} | {processor:.1} |");
    }
    println!("all results are bit for bit those of one thread");
    Ok(())
}

/// Lets threads work for a while; returns how many pictures they did, and in what time.
fn work(
    engine: &Handle,
    threads: usize,
    time: Duration,
    pictures: &[Vec<u8>],
    expected: &[Planes],
) -> Result<(usize, Duration), String> {
    let (next, begin) = (AtomicUsize::new(0), Instant::now());
    let worker = || {
        while begin.elapsed() < time {
            let i = next.fetch_add(1, Ordering::Relaxed) % pictures.len();
            if engine.segment(&pictures[i])? != expected[i] {
                return Err(format!("picture {i} has another result with {threads} threads"));
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker does not panic"))
    })?;
    Ok((next.into_inner(), begin.elapsed()))
}

/// What all threads of this program have used so far.
fn processor_time() -> Duration {
    // SAFETY: all zeros are such a struct, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    [usage.ru_utime, usage.ru_stime]
        .map(|time| Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64))
        .iter()
        .sum()
}

/// Stripes of brown and gray with some noise, other ones for each number.
fn picture(number: usize) -> Vec<u8> {
    let mut state = number as u32 + 1;
    let mut picture = Vec::with_capacity(PIXELS * 3);
    for i in 0..PIXELS {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = (state >> 27) as u8;
        let is_brown = (i % SIZE.0 as usize / (40 + 10 * number)).is_multiple_of(2);
        let [blue, green, red] = if is_brown { [30, 60, 120] } else { [110, 110, 110] };
        picture.extend([blue + noise, green + noise, red + noise]);
    }
    picture
}

/// An engine.
struct Handle {
    library: Library,
    engine: *mut Engine,
}

// SAFETY: an engine may be used by any number of threads at once.
unsafe impl Sync for Handle {}

impl Handle {
    fn new(library: Library, sessions: u32) -> Result<Self, String> {
        let options =
            EngineOptions { threads: 1, sessions, watch_milliseconds: u32::MAX, ..Default::default() };
        let (mut engine, mut error) = (null_mut(), null_mut());
        // SAFETY: the options and both places live through the call.
        let status = unsafe { library.engine_create()(&options, &mut engine, &mut error) };
        let handle = Handle { library, engine };
        handle.check(status, error)?;
        Ok(handle)
    }

    fn segment(&self, picture: &[u8]) -> Result<Planes, String> {
        let mut found = [(); 2].map(|()| vec![0; PIXELS]);
        let input = image(DERUST_FORMAT_BGR_U8, 3, picture.as_ptr().cast_mut(), picture.len());
        let [mask, probability] =
            found.each_mut().map(|bytes| image(DERUST_FORMAT_GRAY_U8, 1, bytes.as_mut_ptr(), bytes.len()));
        let mut error = null_mut();
        // SAFETY: the descriptions are those of three vectors that live through the call, of which the input is only
        // read; the engine was made by `new`.
        let status = unsafe {
            let segment = self.library.segment();
            segment(self.engine, &input, null(), &mask, &probability, null_mut(), &mut error)
        };
        self.check(status, error)?;
        Ok(found)
    }

    fn check(&self, status: i32, error: *mut derust_interface::Error) -> Result<(), String> {
        if status == DERUST_OK {
            return Ok(());
        }
        // SAFETY: the call that failed has set the error, which is freed here, once.
        unsafe {
            let text = CStr::from_ptr(self.library.error_message()(error)).to_string_lossy().into_owned();
            self.library.error_free()(error);
            Err(text)
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it was made by `new`, or is NULL, and no call is in flight.
        unsafe { self.library.engine_free()(self.engine) };
    }
}

fn image(format: i32, bytes: u32, data: *mut u8, size: usize) -> Image {
    Image {
        format,
        data: data.cast(),
        data_size: size as u64,
        width: SIZE.0,
        height: SIZE.1,
        row_stride: i64::from(SIZE.0 * bytes),
        ..Image::default()
    }
}
