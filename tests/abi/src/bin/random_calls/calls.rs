//! The calls themselves.

use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};

use derust_interface::*;

use crate::answers::{Place, Tally, judge};
use crate::dice::Dice;
use crate::memory::{self, Lent};
use crate::options::{self, Cancels, Watching};
use crate::pictures::{self, Picture, Wish};

/// What was found in a picture of that size.
struct Analysed {
    handle: *mut Analysis,
    size: (u32, u32),
    outputs: &'static [i32],
}

/// Has the handles that calls need, and makes calls.
pub struct Caller {
    library: Library,
    models: CString,
    engines: Vec<*mut Engine>,
    cancels: Cancels,
    analyses: Vec<Analysed>,
    reports: Vec<*mut Report>,
    pub tally: Tally,
}

/// Handles of one kind that are kept at a time.
const KEPT: usize = 6;

// SAFETY of all calls in this file: handles are NULL or were made by the same library and are freed once, when they are
// taken out of the caller's lists; structs, texts and buffers lie in blocks that are as large as they say and that the
// `Lent` of the call keeps to its end.

impl Caller {
    pub fn new(library: Library, models: &str) -> Result<Self, String> {
        let mut caller = Caller {
            library,
            models: CString::new(models).map_err(|error| error.to_string())?,
            engines: Vec::new(),
            cancels: Cancels { quiet: null_mut(), requested: null_mut() },
            analyses: Vec::new(),
            reports: Vec::new(),
            tally: Tally::default(),
        };
        let folders = [caller.models.as_ptr()];
        for (sessions, memory_limit) in [(1, 0), (2, 0), (1, 1 << 20)] {
            let options = EngineOptions {
                threads: 1,
                sessions,
                memory_limit,
                model_folder_count: 1,
                model_folders: folders.as_ptr(),
                only_these_folders: 1,
                watch_milliseconds: u32::MAX,
                ..EngineOptions::default()
            };
            let mut engine = null_mut();
            // SAFETY: see above.
            let status = unsafe { library.engine_create()(&options, &mut engine, null_mut()) };
            if status != DERUST_OK {
                return Err(format!("no engine can be made: status {status}"));
            }
            caller.engines.push(engine);
        }
        // SAFETY: see above.
        unsafe {
            library.cancel_create()(&mut caller.cancels.quiet, null_mut());
            library.cancel_create()(&mut caller.cancels.requested, null_mut());
            library.cancel_request()(caller.cancels.requested);
        }
        Ok(caller)
    }

    /// Makes one call, or some that go together.
    pub fn call(&mut self, dice: &mut Dice) -> Result<(), String> {
        match dice.below(40) {
            0..8 => self.segment(dice),
            8..15 => self.remove(dice),
            15..18 => self.segment_batch(dice),
            18..21 => self.remove_batch(dice),
            21..24 => self.analyse_segment(dice),
            24..27 => self.analyse_remove(dice),
            27..32 => self.compose(dice),
            32..34 => self.analysis_report(dice),
            34..37 => self.read_report(dice),
            37 => self.create_engine(dice),
            38 => self.read_lists(dice),
            _ => self.ask_small_things(dice),
        }
        .map_err(|problem| format!("call {}, {}: {problem}", self.tally.calls(), self.tally.last()))
    }

    fn engine(&self, dice: &mut Dice) -> *mut Engine {
        match dice.below(100) {
            0 => null_mut(),
            1..5 => self.engines[2],
            _ => dice.pick(&self.engines[..2]),
        }
    }

    /// Calls `function` with a place for an error, or without; looks at the answer.
    fn judged(
        &mut self,
        dice: &mut Dice,
        name: &'static str,
        function: impl FnOnce(*mut *mut Error) -> Status,
    ) -> Result<Status, String> {
        let mut error = (!dice.once_in(10)).then(Place::new);
        let status = function(error.as_mut().map_or(null_mut(), Place::pointer));
        self.tally.count(name, status);
        judge(&self.library, status, error)?;
        Ok(status)
    }

    fn segment(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let image = pictures::draw(dice, &mut lent, Wish::default());
        let outputs: [Option<Picture>; 2] = [(); 2].map(|()| gray(dice, &mut lent, &image));
        let options = options::segment(dice, &mut lent, &watching);
        let (engine, call) = (self.engine(dice), self.library.segment());
        let mut report = (!dice.once_in(3)).then(Place::new);
        let [mask, probability] = outputs.each_ref().map(pointer);
        let image = pointer(&maybe(dice, image));
        let report_place = report.as_mut().map_or(null_mut(), Place::pointer);
        let status = self.judged(dice, "derust_segment", |error| {
            // SAFETY: see above.
            unsafe { call(engine, image, options, mask, probability, report_place, error) }
        })?;
        watching.check()?;
        lent.check(&written(status, outputs.iter().flatten()))?;
        self.keep_report(dice, report, status)
    }

    fn remove(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let image = pictures::draw(dice, &mut lent, Wish::default());
        let output = like(dice, &mut lent, &image);
        let options = options::remove(dice, &mut lent, &watching, pictures::size(&image.image));
        let (engine, call) = (self.engine(dice), self.library.remove());
        let (image, output) = (maybe(dice, image), maybe(dice, output));
        let status = self.judged(dice, "derust_remove", |error| {
            // SAFETY: see above.
            unsafe { call(engine, pointer(&image), options, pointer(&output), error) }
        })?;
        watching.check()?;
        lent.check(&written(status, &output))
    }

    fn segment_batch(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let count = dice.below(5);
        let mut draw_many = |dice: &mut Dice| -> Vec<_> {
            (0..count).map(|_| pictures::draw(dice, &mut lent, Wish::default())).collect()
        };
        let images = draw_many(dice);
        let mut outputs = [(); 2].map(|()| -> Vec<Option<Picture>> {
            if dice.once_in(3) {
                return Vec::new();
            }
            images.iter().map(|image| gray(dice, &mut lent, image)).collect()
        });
        let image_list: Vec<_> = images.into_iter().map(|image| pointer(&maybe(dice, image))).collect();
        let image_list = list(dice, &mut lent, &image_list);
        let [masks, probabilities] = outputs.each_mut().map(|outputs| {
            if outputs.is_empty() {
                return null();
            }
            let pointers: Vec<_> = outputs.iter().map(pointer).collect();
            lent.pointers(&pointers)
        });
        let options = options::segment(dice, &mut lent, &watching);
        let mut reports: Vec<Place<Report>> = (0..count).map(|_| Place::new()).collect();
        let mut statuses = vec![-1; count as usize];
        // A place for a handle is nothing but a pointer.
        let report_place = if dice.once_in(3) { null_mut() } else { reports.as_mut_ptr().cast() };
        let status_place = if dice.once_in(3) { null_mut() } else { statuses.as_mut_ptr() };
        let (engine, call) = (self.engine(dice), self.library.segment_batch());
        let status = self.judged(dice, "derust_segment_batch", |error| {
            // SAFETY: see above; the lists have `count` entries.
            unsafe {
                call(
                    engine,
                    count,
                    image_list,
                    options,
                    masks,
                    probabilities,
                    report_place,
                    status_place,
                    error,
                )
            }
        })?;
        watching.check()?;
        // One of the pictures may have succeeded where another failed.
        let may_be_written = if status == DERUST_OK { DERUST_OK } else { DERUST_ERROR_CANCELLED };
        lent.check(&written(may_be_written, outputs.iter().flatten().flatten()))?;
        check_statuses(status, status_place.is_null(), &statuses)?;
        for (report, status) in reports.into_iter().zip(statuses).filter(|_| !report_place.is_null()) {
            if status_place.is_null() {
                if let Some(report) = report.handle() {
                    self.reports.push(report);
                }
            } else {
                self.keep_report(dice, Some(report), status)?;
            }
        }
        self.forget_some(dice);
        Ok(())
    }

    fn remove_batch(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let count = dice.below(5);
        let mut size = (1, 1);
        let (mut images, mut outputs) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let image = pictures::draw(dice, &mut lent, Wish::default());
            let output = like(dice, &mut lent, &image);
            size = pictures::size(&image.image);
            images.push(maybe(dice, image));
            outputs.push(maybe(dice, output));
        }
        let pointers = |pictures: &[Option<Picture>]| pictures.iter().map(pointer).collect::<Vec<_>>();
        let image_list = list(dice, &mut lent, &pointers(&images));
        let output_list = list(dice, &mut lent, &pointers(&outputs));
        let options = options::remove(dice, &mut lent, &watching, size);
        let mut statuses = vec![-1; count as usize];
        let status_place = if dice.once_in(3) { null_mut() } else { statuses.as_mut_ptr() };
        let (engine, call) = (self.engine(dice), self.library.remove_batch());
        let status = self.judged(dice, "derust_remove_batch", |error| {
            // SAFETY: see above; the lists have `count` entries.
            unsafe { call(engine, count, image_list, options, output_list, status_place, error) }
        })?;
        watching.check()?;
        let may_be_written = if status == DERUST_OK { DERUST_OK } else { DERUST_ERROR_CANCELLED };
        lent.check(&written(may_be_written, outputs.iter().flatten()))?;
        check_statuses(status, status_place.is_null(), &statuses)
    }

    fn analyse_segment(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let image = pictures::draw(dice, &mut lent, Wish::default());
        let size = pictures::size(&image.image);
        let options = options::segment(dice, &mut lent, &watching);
        let (engine, call) = (self.engine(dice), self.library.analyse_segment());
        let image = maybe(dice, image);
        let mut place = Place::new();
        let pointer_to_place = if dice.once_in(100) { null_mut() } else { place.pointer() };
        let status = self.judged(dice, "derust_analyse_segment", |error| {
            // SAFETY: see above.
            unsafe { call(engine, pointer(&image), options, pointer_to_place, error) }
        })?;
        let outputs = &[DERUST_OUTPUT_MASK, DERUST_OUTPUT_PROBABILITY, DERUST_OUTPUT_OVERLAY];
        watching.check()?;
        lent.check(&[])?;
        self.keep_analysis(dice, pointer_to_place.is_null(), place, status, size, outputs)
    }

    fn analyse_remove(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let image = pictures::draw(dice, &mut lent, Wish::default());
        let size = pictures::size(&image.image);
        let options = options::remove(dice, &mut lent, &watching, size);
        let (engine, call) = (self.engine(dice), self.library.analyse_remove());
        let image = maybe(dice, image);
        let mut place = Place::new();
        let pointer_to_place = if dice.once_in(100) { null_mut() } else { place.pointer() };
        let status = self.judged(dice, "derust_analyse_remove", |error| {
            // SAFETY: see above.
            unsafe { call(engine, pointer(&image), options, pointer_to_place, error) }
        })?;
        watching.check()?;
        lent.check(&[])?;
        self.keep_analysis(dice, pointer_to_place.is_null(), place, status, size, &[DERUST_OUTPUT_RESULT])
    }

    fn compose(&mut self, dice: &mut Dice) -> Result<(), String> {
        let Some(found) = self.analysis(dice) else { return Ok(()) };
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let size = (!dice.once_in(30)).then_some(found.size);
        let image = pictures::draw(dice, &mut lent, Wish { size, ..Wish::default() });
        let (options, output) =
            options::compose(dice, &mut lent, &watching, pictures::size(&image.image), found.outputs);
        let is_gray = [DERUST_OUTPUT_MASK, DERUST_OUTPUT_PROBABILITY].contains(&output);
        let output = if is_gray && !dice.once_in(30) {
            let wish = Wish::gray(dice, pictures::size(&image.image));
            pictures::draw(dice, &mut lent, wish)
        } else {
            like(dice, &mut lent, &image)
        };
        let (handle, call) = (maybe(dice, found.handle).unwrap_or(null_mut()), self.library.compose());
        let (image, output) = (maybe(dice, image), maybe(dice, output));
        let status = self.judged(dice, "derust_compose", |error| {
            // SAFETY: see above.
            unsafe { call(handle, pointer(&image), options, pointer(&output), error) }
        })?;
        watching.check()?;
        lent.check(&written(status, &output))
    }

    fn analysis_report(&mut self, dice: &mut Dice) -> Result<(), String> {
        let Some(found) = self.analysis(dice) else { return Ok(()) };
        // One for removal is refused; that has to be tried now and then only.
        if found.outputs.contains(&DERUST_OUTPUT_RESULT) && !dice.once_in(10) {
            return Ok(());
        }
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let image = pictures::draw(dice, &mut lent, Wish { size: Some(found.size), ..Wish::default() });
        let options = options::segment(dice, &mut lent, &watching);
        let (handle, call) =
            (maybe(dice, found.handle).unwrap_or(null_mut()), self.library.analysis_report());
        let image = maybe(dice, image);
        let mut report = Place::new();
        let place = report.pointer();
        let status = self.judged(dice, "derust_analysis_report", |error| {
            // SAFETY: see above.
            unsafe { call(handle, pointer(&image), options, place, error) }
        })?;
        watching.check()?;
        lent.check(&[])?;
        self.keep_report(dice, Some(report), status)
    }

    fn read_report(&mut self, dice: &mut Dice) -> Result<(), String> {
        let report = match maybe(dice, ()) {
            Some(()) if !self.reports.is_empty() => dice.pick(&self.reports),
            _ => null_mut(),
        };
        let place = memory::sized(dice, &Summary::default());
        let call = self.library.report_summary();
        let status = self.judged(dice, "derust_report_summary", |error| {
            // SAFETY: see above.
            unsafe { call(report, place.pointer(), error) }
        })?;
        let mut known = Summary::default();
        if status == DERUST_OK {
            // SAFETY: see above; this place is as large as the library knows it to be.
            unsafe { call(report, &mut known, null_mut()) };
            if known.rust_pixels > known.pixels || known.region_count > known.rust_pixels {
                return Err(format!("a report makes no sense: {known:?}"));
            }
        }
        let index = match known.region_count {
            0 => dice.edge() as u64,
            count if dice.once_in(20) => count + dice.edge() as u64 % 3,
            count => dice.bits() % count,
        };
        let place = memory::sized(dice, &Region::default());
        let call = self.library.report_region();
        if known.region_count > 0 || dice.once_in(20) {
            self.judged(dice, "derust_report_region", |error| {
                // SAFETY: see above.
                unsafe { call(report, index, place.pointer(), error) }
            })?;
        }
        let (mut points, mut count) = (null(), u64::MAX);
        let (points_place, count_place) = (&raw mut points, &raw mut count);
        let call = self.library.report_contour();
        if known.region_count == 0 {
            return Ok(());
        }
        let status = self.judged(dice, "derust_report_contour", |error| {
            // SAFETY: see above.
            unsafe { call(report, index, points_place, count_place, error) }
        })?;
        if status == DERUST_OK {
            // SAFETY: the report owns that many pairs, and is not freed yet.
            let points = unsafe { std::slice::from_raw_parts(points, 2 * count as usize) };
            if points.iter().any(|point| *point < 0) || points.is_empty() {
                return Err(format!("a contour leaves the picture: {points:?}"));
            }
        }
        Ok(())
    }

    fn create_engine(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (mut lent, watching) = (Lent::default(), Watching::new(dice, self.cancels));
        let options = options::engine(dice, &mut lent, self.models.as_ptr());
        let mut engine = Place::new();
        let (create, place) = (self.library.engine_create(), engine.pointer());
        let status = self.judged(dice, "derust_engine_create", |error| {
            // SAFETY: see above.
            unsafe { create(options, place, error) }
        })?;
        if let Some(engine) = engine.made(status)? {
            // It may have no models, and little memory: anything may come of a call, but no harm.
            let image = pictures::draw(dice, &mut lent, Wish::default());
            let options = options::segment(dice, &mut lent, &watching);
            // SAFETY: see above.
            unsafe {
                let none = null();
                self.library.segment()(engine, image.pointer, options, none, none, null_mut(), null_mut());
                self.library.engine_free()(engine);
            }
        }
        lent.check(&[])
    }

    fn read_lists(&mut self, dice: &mut Dice) -> Result<(), String> {
        let (engine, library) = (self.engine(dice), self.library);
        if dice.once_in(4) {
            self.judged(dice, "derust_engine_refresh", |error| {
                // SAFETY: see above.
                unsafe { library.engine_refresh()(engine, error) }
            })?;
        }
        let mut models = Place::new();
        let place = models.pointer();
        let status = self.judged(dice, "derust_engine_models", |error| {
            // SAFETY: see above.
            unsafe { library.engine_models()(engine, place, error) }
        })?;
        if let Some(models) = models.made(status)? {
            // SAFETY: see above.
            let count = unsafe { library.models_count()(models) };
            let index = if dice.once_in(10) { dice.edge() as u64 } else { dice.bits() % count.max(1) };
            let model = memory::sized(dice, &Model::default());
            let status = self.judged(dice, "derust_models_get", |error| {
                // SAFETY: see above.
                unsafe { library.models_get()(models, index, model.pointer(), error) }
            });
            // SAFETY: see above.
            unsafe { library.models_free()(models) };
            status?;
        }
        let mut devices = Place::new();
        let place = devices.pointer();
        let status = self.judged(dice, "derust_engine_devices", |error| {
            // SAFETY: see above.
            unsafe { library.engine_devices()(engine, place, error) }
        })?;
        if let Some(devices) = devices.made(status)? {
            // SAFETY: see above.
            let count = unsafe { library.devices_count()(devices) };
            let index = if dice.once_in(10) { dice.edge() as u64 } else { dice.bits() % count.max(1) };
            let device = memory::sized(dice, &Device::default());
            let status = self.judged(dice, "derust_devices_get", |error| {
                // SAFETY: see above.
                unsafe { library.devices_get()(devices, index, device.pointer(), error) }
            });
            // SAFETY: see above.
            unsafe { library.devices_free()(devices) };
            status?;
        }
        let runtime = memory::sized(dice, &Runtime::default());
        self.judged(dice, "derust_engine_runtime", |error| {
            // SAFETY: see above.
            unsafe { library.engine_runtime()(engine, runtime.pointer(), error) }
        })?;
        Ok(())
    }

    /// What takes numbers or nothing.
    fn ask_small_things(&mut self, dice: &mut Dice) -> Result<(), String> {
        let library = self.library;
        let mut cancel = Place::new();
        let place = cancel.pointer();
        let status = self.judged(dice, "derust_cancel_create", |error| {
            // SAFETY: see above.
            unsafe { library.cancel_create()(place, error) }
        })?;
        let cancel = cancel.made(status)?.unwrap_or(null_mut());
        // SAFETY: see above.
        unsafe {
            library.cancel_request()(cancel);
            library.cancel_reset()(cancel);
            library.cancel_free()(cancel);
        }
        let any: Status = dice.edge() as i32;
        // SAFETY: it takes any number, and its text is static.
        let name: *const c_char = unsafe { library.status_name()(any) };
        if name.is_null() {
            return Err(format!("status {any} has no name"));
        }
        self.forget_some(dice);
        Ok(())
    }

    fn analysis(&self, dice: &mut Dice) -> Option<&Analysed> {
        self.analyses.get(dice.below(self.analyses.len().max(1) as u32) as usize)
    }

    fn keep_analysis(
        &mut self,
        dice: &mut Dice,
        has_no_place: bool,
        place: Place<Analysis>,
        status: Status,
        size: (u32, u32),
        outputs: &'static [i32],
    ) -> Result<(), String> {
        if !has_no_place && let Some(handle) = place.made(status)? {
            self.analyses.push(Analysed { handle, size, outputs });
        }
        self.forget_some(dice);
        Ok(())
    }

    fn keep_report(
        &mut self,
        dice: &mut Dice,
        place: Option<Place<Report>>,
        status: Status,
    ) -> Result<(), String> {
        if let Some(place) = place {
            self.reports.extend(place.made(status)?);
        }
        self.forget_some(dice);
        Ok(())
    }

    fn forget_some(&mut self, dice: &mut Dice) {
        while self.analyses.len() > KEPT {
            let found = self.analyses.swap_remove(dice.below(KEPT as u32) as usize);
            // SAFETY: see above.
            unsafe { self.library.analysis_free()(found.handle) };
        }
        while self.reports.len() > KEPT {
            let report = self.reports.swap_remove(dice.below(KEPT as u32) as usize);
            // SAFETY: see above.
            unsafe { self.library.report_free()(report) };
        }
    }

    /// Frees what earlier calls gave.
    pub fn forget_all(&mut self) {
        for found in self.analyses.drain(..) {
            // SAFETY: see above.
            unsafe { self.library.analysis_free()(found.handle) };
        }
        for report in self.reports.drain(..) {
            // SAFETY: see above.
            unsafe { self.library.report_free()(report) };
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.forget_all();
        // SAFETY: see above.
        unsafe {
            self.engines.drain(..).for_each(|engine| self.library.engine_free()(engine));
            self.library.cancel_free()(self.cancels.quiet);
            self.library.cancel_free()(self.cancels.requested);
        }
    }
}

/// Nearly always what it gets.
fn maybe<T>(dice: &mut Dice, thing: T) -> Option<T> {
    (!dice.once_in(150)).then_some(thing)
}

fn pointer(picture: &Option<Picture>) -> *const Image {
    picture.as_ref().map_or(null(), |picture| picture.pointer)
}

/// A list of pictures; nearly never NULL.
fn list(dice: &mut Dice, lent: &mut Lent, pictures: &[*const Image]) -> *const *const Image {
    maybe(dice, ()).map_or(null(), |()| lent.pointers(pictures))
}

/// An output for what is found in an image, often none.
fn gray(dice: &mut Dice, lent: &mut Lent, image: &Picture) -> Option<Picture> {
    if dice.once_in(3) {
        return None;
    }
    let wish =
        if dice.once_in(60) { Wish::default() } else { Wish::gray(dice, pictures::size(&image.image)) };
    Some(pictures::draw(dice, lent, wish))
}

/// An output that an image can be copied to: another, or the image itself.
fn like(dice: &mut Dice, lent: &mut Lent, image: &Picture) -> Picture {
    match dice.below(60) {
        0 => pictures::draw(dice, lent, Wish::default()),
        1..25 => pictures::again(dice, lent, image),
        _ => pictures::draw(dice, lent, Wish::like(&image.image)),
    }
}

/// The outputs whose pixels a call with that status may have written: a call that was refused wrote nothing.
fn written<'a>(status: Status, outputs: impl IntoIterator<Item = &'a Picture>) -> Vec<&'a Picture> {
    let began = !(DERUST_ERROR_ARGUMENT..=DERUST_ERROR_OVERLAP).contains(&status)
        && status != DERUST_ERROR_UNJUDGEABLE;
    outputs.into_iter().filter(|_| began).collect()
}

/// The answer of a batch is the first status that is not OK.
fn check_statuses(status: Status, has_no_place: bool, statuses: &[Status]) -> Result<(), String> {
    let first = statuses.iter().copied().find(|status| *status != DERUST_OK).unwrap_or(DERUST_OK);
    if !has_no_place && !statuses.is_empty() && first != status {
        return Err(format!("a batch with the statuses {statuses:?} answers {status}"));
    }
    Ok(())
}
