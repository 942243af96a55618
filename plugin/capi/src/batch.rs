//! Many pictures in one call.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use derust_engine::Control;
use derust_interface::*;

use crate::engine::{self, EngineHandle};
use crate::failure::Failure;
use crate::guard::{self, Home};
use crate::handle::Slot;
use crate::image::{self, Pixels};
use crate::info::Info;
use crate::report::FoundRust;
use crate::watch::{self, Callback, Limits, Watch};
use crate::{remove, segment, sized};

/// derust_segment() for `count` images; as many are worked on at a time as the engine has sessions.
///
/// `images` has `count` pointers. `masks`, `probabilities` and `reports` are NULL or have as many, each of which may be
/// NULL; reports are set for the images that succeeded, to NULL for the others. `statuses` is NULL or gets a status for
/// every image. One image's failure does not stop the others. No output may share memory with any other image of the
/// batch. Progress is that of the whole batch.
///
/// The answer is the first status that is not DERUST_OK, and the error is that image's.
///
/// # Safety
/// See derust_segment(), for every image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_segment_batch(
    engine: *mut Engine,
    count: u32,
    images: *const *const Image,
    options: *const SegmentOptions,
    masks: *const *const Image,
    probabilities: *const *const Image,
    reports: *mut *mut Report,
    statuses: *mut Status,
    error: *mut *mut Error,
) -> Status {
    let count = count as usize;
    let prepare = || {
        // SAFETY: the caller's promise.
        let slots: Vec<_> = (0..count).map(|i| unsafe { slot(reports, i) }).collect();
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        // SAFETY: the caller's promise.
        let options = unsafe { sized::read_or_default(options, "options") }?;
        // SAFETY: the caller's promise.
        let asked = unsafe { segment::asked(&options) }?;
        required(images, count, "images")?;
        let job = |i: usize| -> Result<segment::Job, Failure> {
            // SAFETY: the caller's promise; `i` is less than `count`.
            let job = unsafe {
                segment::Job {
                    image: image::pixels(entry(images, i), &format!("images[{i}]"))?,
                    mask: image::optional_pixels(entry(masks, i), &format!("masks[{i}]"))?,
                    probability: image::optional_pixels(
                        entry(probabilities, i),
                        &format!("probabilities[{i}]"),
                    )?,
                    report: slots[i].is_some(),
                }
            };
            job.check().map(|()| job)
        };
        let jobs: Vec<_> = (0..count).map(job).collect();
        all_apart(
            jobs.iter()
                .flatten()
                .flat_map(|job| job.outputs().map(Use::Writes).chain([Use::Reads(&job.image)]))
                .chain(jobs.iter().flatten().filter_map(|job| job.image.region_mask()).map(Use::Reads)),
        )?;
        let callback = Callback::new(options.progress, options.progress_user_data);
        // SAFETY: the caller's promise.
        let limits = unsafe { Limits::new(options.cancel, options.timeout_ms) };
        let results =
            work(&entered, callback, limits, jobs, |job, control| job.run(&entered.engine, &asked, control));
        let fill = |(i, (slot, result)): (usize, (Option<Slot<Report>>, Result<_, Failure>))| {
            let (found, info): (Option<FoundRust>, Info) = result?;
            // SAFETY: the caller's promise; `i` is less than `count`.
            unsafe { asked.info.tell(i, info) }?;
            if let (Some(slot), Some(found)) = (slot, found) {
                slot.fill(found);
            }
            Ok(())
        };
        Ok(slots.into_iter().zip(results).enumerate().map(fill).collect())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, || tell(guard::caught(prepare), count, statuses)) }
}

/// derust_remove() for `count` images; as many are worked on at a time as the engine has sessions.
///
/// `images` and `outputs` have `count` pointers; an output may be its own image. options->mask serves all images.
/// `statuses` is NULL or gets a status for every image. One image's failure does not stop the others. No output may
/// share memory with any other image of the batch. Progress is that of the whole batch.
///
/// The answer is the first status that is not DERUST_OK, and the error is that image's.
///
/// # Safety
/// See derust_remove(), for every image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn derust_remove_batch(
    engine: *mut Engine,
    count: u32,
    images: *const *const Image,
    options: *const RemoveOptions,
    outputs: *const *const Image,
    statuses: *mut Status,
    error: *mut *mut Error,
) -> Status {
    let count = count as usize;
    let prepare = || {
        // SAFETY: the caller's promise.
        let entered = unsafe { engine::enter(engine) }?;
        // SAFETY: the caller's promise.
        let options = unsafe { sized::read_or_default(options, "options") }?;
        // SAFETY: the caller's promise.
        let asked = unsafe { remove::asked(&options) }?;
        required(images, count, "images")?;
        required(outputs, count, "outputs")?;
        let job = |i: usize| -> Result<remove::Job, Failure> {
            // SAFETY: the caller's promise; `i` is less than `count`.
            let job = unsafe {
                remove::Job {
                    image: image::pixels(entry(images, i), &format!("images[{i}]"))?,
                    output: image::pixels(entry(outputs, i), &format!("outputs[{i}]"))?,
                }
            };
            job.check(asked.mask.as_ref()).map(|()| job)
        };
        let jobs: Vec<_> = (0..count).map(job).collect();
        let uses = jobs.iter().flatten().flat_map(|job| {
            let image = (!job.output.is(&job.image)).then_some(Use::Reads(&job.image));
            image.into_iter().chain([Use::Writes(&job.output)])
        });
        let region_masks = jobs.iter().flatten().filter_map(|job| job.image.region_mask());
        all_apart(uses.chain(asked.mask.iter().chain(region_masks).map(Use::Reads)))?;
        let callback = Callback::new(options.progress, options.progress_user_data);
        // SAFETY: the caller's promise.
        let limits = unsafe { Limits::new(options.cancel, options.timeout_ms) };
        let results =
            work(&entered, callback, limits, jobs, |job, control| job.run(&entered.engine, &asked, control));
        let tell = |(i, result): (usize, Result<Info, Failure>)| {
            // SAFETY: the caller's promise; `i` is less than `count`.
            result.and_then(|info| unsafe { asked.info.tell(i, info) })
        };
        Ok(results.into_iter().enumerate().map(tell).collect())
    };
    // SAFETY: the caller's promise.
    unsafe { guard::call(error, || tell(guard::caught(prepare), count, statuses)) }
}

/// The `i`-th pointer of the caller's array; NULL where there is no array.
///
/// # Safety
/// `array` is NULL or has more than `i` entries.
unsafe fn entry(array: *const *const Image, i: usize) -> *const Image {
    if array.is_null() {
        return std::ptr::null();
    }
    // SAFETY: the caller's promise; nothing is known about the array's alignment.
    unsafe { array.add(i).read_unaligned() }
}

/// The place of the `i`-th report.
///
/// # Safety
/// `reports` is NULL or has more than `i` entries that may be written to.
unsafe fn slot(reports: *mut *mut Report, i: usize) -> Option<Slot<Report>> {
    // SAFETY: the caller's promise.
    if reports.is_null() { None } else { unsafe { Slot::optional(reports.add(i)) } }
}

fn required(array: *const *const Image, count: usize, name: &str) -> Result<(), Failure> {
    if array.is_null() && count > 0 {
        return Err(Failure::argument(format!("{name} is NULL; it has to point to {count} pointers")));
    }
    Ok(())
}

/// Writes the statuses and answers with the first failure; a failure of the whole call is every image's.
///
/// # Safety
/// `statuses` is NULL or has `count` entries that may be written to.
unsafe fn tell(
    results: Result<Vec<Result<(), Failure>>, Failure>,
    count: usize,
    statuses: *mut Status,
) -> Result<(), Failure> {
    if !statuses.is_null() {
        for i in 0..count {
            let failure = match &results {
                Ok(results) => results[i].as_ref().err(),
                Err(failure) => Some(failure),
            };
            // SAFETY: the caller's promise.
            unsafe {
                statuses.add(i).write_unaligned(failure.map_or(DERUST_OK, |failure| failure.status));
            }
        }
    }
    let first = |(i, result): (usize, Result<(), Failure>)| {
        let failure = result.err()?;
        let names_it = failure.message.contains(&format!("[{i}]"));
        let message = if names_it { failure.message } else { format!("images[{i}]: {}", failure.message) };
        Some(Failure { message, ..failure })
    };
    results?.into_iter().enumerate().find_map(first).map_or(Ok(()), Err)
}

/// How a batch uses an image.
enum Use<'a> {
    Reads(&'a Pixels),
    Writes(&'a Pixels),
}

/// Refuses a batch in which something that is written shares bytes with anything else.
fn all_apart<'a>(uses: impl Iterator<Item = Use<'a>>) -> Result<(), Failure> {
    let mut uses: Vec<(&Pixels, bool)> = uses
        .map(|one| match one {
            Use::Reads(pixels) => (pixels, false),
            Use::Writes(pixels) => (pixels, true),
        })
        .collect();
    uses.sort_by_key(|(pixels, _)| pixels.span().start);
    if clash(uses.iter().map(|(pixels, writes)| (pixels.span(), *pixels, *writes))).is_none() {
        return Ok(());
    }
    // Images lie among one another: row by row it shows whether they share anything.
    let mut rows = Vec::new();
    for (pixels, writes) in uses {
        image::reserve(&mut rows, pixels.size().1 as usize)?;
        rows.extend(pixels.ascending_rows().map(|row| (row, pixels, writes)));
    }
    rows.sort_unstable_by_key(|(row, ..)| row.start);
    clash(rows.into_iter()).map_or(Ok(()), |(written, other)| written.apart(other))
}

/// Two images of which one is written and whose bytes overlap. The ranges of bytes come in the order of their starts.
fn clash<'a>(
    ranges: impl Iterator<Item = (Range<usize>, &'a Pixels, bool)>,
) -> Option<(&'a Pixels, &'a Pixels)> {
    // Whatever a range overlaps with before it reaches furthest.
    let [mut furthest, mut furthest_written]: [Option<(usize, &Pixels)>; 2] = [None; 2];
    for (range, pixels, writes) in ranges {
        let before = if writes { furthest } else { furthest_written };
        if let Some((_, before)) = before.filter(|(end, _)| *end > range.start) {
            return Some(if writes { (pixels, before) } else { (before, pixels) });
        }
        let further = |known: Option<(usize, _)>| known.is_none_or(|(end, _)| range.end > end);
        if further(furthest) {
            furthest = Some((range.end, pixels));
        }
        if writes && further(furthest_written) {
            furthest_written = Some((range.end, pixels));
        }
    }
    None
}

/// Runs `run` for every job, as many at a time as the engine has sessions; the answers are in the order of the jobs.
fn work<J: Send + Sync, T: Send>(
    engine: &EngineHandle,
    callback: Option<Callback>,
    limits: Limits<'_>,
    jobs: Vec<Result<J, Failure>>,
    run: impl Fn(&J, Control<'_>) -> Result<T, Failure> + Sync,
) -> Vec<Result<T, Failure>> {
    let threads = engine.sessions.min(jobs.len());
    if threads > 1 {
        return at_once(threads, engine.home, callback, limits, jobs, run);
    }
    let count = jobs.len() as f32;
    watch::over(callback, limits, |watch| {
        let one = |(i, job): (usize, Result<J, Failure>)| {
            let job = job?;
            let (start, end) = (i as f32 / count, (i + 1) as f32 / count);
            watch.within(start, end, |watch| watch.run(|control| guard::caught(|| run(&job, control))))
        };
        jobs.into_iter().enumerate().map(one).collect()
    })
}

/// [`work`] on several threads. The caller's callback is called on the thread of the call.
fn at_once<J: Send + Sync, T: Send>(
    threads: usize,
    home: Home,
    callback: Option<Callback>,
    limits: Limits<'_>,
    jobs: Vec<Result<J, Failure>>,
    run: impl Fn(&J, Control<'_>) -> Result<T, Failure> + Sync,
) -> Vec<Result<T, Failure>> {
    let stop = AtomicBool::new(false);
    let next = AtomicUsize::new(0);
    // What part of each picture is done, as the bits of a float.
    let parts: Vec<AtomicU32> = jobs.iter().map(|_| AtomicU32::new(0)).collect();
    let (jobs, mut results): (Vec<_>, Vec<_>) = jobs
        .into_iter()
        .map(|job| match job {
            Ok(job) => (Some(job), None),
            Err(failure) => (None, Some(Err(failure))),
        })
        .unzip();
    let done: Mutex<Vec<(usize, Result<T, Failure>)>> = Mutex::default();
    let (news, hear) = mpsc::channel::<()>();
    let worker = |news: mpsc::Sender<()>| {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(i) else { break };
            let tell = |part: f32| {
                parts[i].store(part.to_bits(), Ordering::Relaxed);
                // Nobody hears it any more when the call has ended by a panic.
                news.send(()).ok();
                false
            };
            if let Some(job) = job {
                let watch = Watch::new(Some(&tell), limits, &stop);
                let result = guard::caught(|| {
                    let _working = home.enter()?;
                    watch.run(|control| run(job, control))
                });
                done.lock().unwrap_or_else(PoisonError::into_inner).push((i, result));
            }
            tell(1.0);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (worker, news) = (&worker, news.clone());
            let thread = std::thread::Builder::new().name("derust batch".into());
            if thread.spawn_scoped(scope, move || worker(news)).is_err() {
                // The system gives no more threads; those that there are do the work.
                break;
            }
        }
        drop(news);
        for () in &hear {
            while hear.try_recv().is_ok() {}
            let sum: f64 = parts.iter().map(|p| f64::from(f32::from_bits(p.load(Ordering::Relaxed)))).sum();
            // Whoever said stop hears no more.
            let stopped = stop.load(Ordering::Relaxed);
            if !stopped && callback.is_some_and(|callback| callback.tell((sum / parts.len() as f64) as f32)) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    });
    for (i, result) in done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        results[i] = Some(result);
    }
    let missing =
        || Err(Failure::new(DERUST_ERROR_RUNTIME, "the system gave no thread to work on this image"));
    results.into_iter().map(|result| result.unwrap_or_else(missing)).collect()
}
