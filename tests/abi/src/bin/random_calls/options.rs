//! Options: nearly always right.

use std::ffi::{c_char, c_void};
use std::ptr::null;

use derust_interface::*;

use crate::dice::Dice;
use crate::memory::Lent;
use crate::pictures::{self, Picture, Wish};

/// What a progress callback sees and answers.
pub struct Watcher {
    last: f32,
    calls: u32,
    /// The call that it answers with a stop; 0: none.
    stop_at: u32,
    wrong: Option<String>,
}

extern "C" fn watch(user_data: *mut c_void, done: f32) -> i32 {
    // SAFETY: `Watching` gives every call a watcher of its own, which lives through it, and progress is told on the
    // thread of the call.
    let watcher = unsafe { &mut *user_data.cast::<Watcher>() };
    if !(watcher.last..=1.0).contains(&done) {
        watcher.wrong = Some(format!("progress {done} came after {}", watcher.last));
    } else if watcher.is_stopped() {
        watcher.wrong = Some(format!("progress {done} came after a stop at {}", watcher.last));
    }
    watcher.last = done;
    watcher.calls += 1;
    i32::from(watcher.is_stopped())
}

impl Watcher {
    fn is_stopped(&self) -> bool {
        self.stop_at > 0 && self.calls >= self.stop_at
    }
}

/// Pictures of a batch at the most.
const MOST_PICTURES: usize = 5;

/// What watches and stops one call.
pub struct Watching {
    watcher: *mut Watcher,
    infos: *mut [CallInfo; MOST_PICTURES],
    progress: ProgressCallback,
    cancel: *const Cancel,
}

/// Cancel handles that calls use.
#[derive(Clone, Copy)]
pub struct Cancels {
    pub quiet: *mut Cancel,
    pub requested: *mut Cancel,
}

impl Watching {
    pub fn new(dice: &mut Dice, cancels: Cancels) -> Self {
        let stop_at = if dice.once_in(10) { dice.between(1, 8) } else { 0 };
        let watcher = Watcher { last: 0.0, calls: 0, stop_at, wrong: None };
        let cancel = match dice.below(40) {
            0 => cancels.requested,
            1..10 => cancels.quiet,
            _ => std::ptr::null_mut(),
        };
        Watching {
            watcher: Box::into_raw(Box::new(watcher)),
            infos: Box::into_raw(Box::new([CallInfo::default(); MOST_PICTURES])),
            progress: dice.once_in(2).then_some(watch),
            cancel,
        }
    }

    /// Where a call tells of itself, with room for every picture of a batch.
    fn info(&self, dice: &mut Dice) -> *mut CallInfo {
        if dice.once_in(3) {
            return std::ptr::null_mut();
        }
        self.infos.cast()
    }

    fn user_data(&self) -> *mut c_void {
        self.watcher.cast()
    }

    /// Whether progress was told as the header says.
    pub fn check(&self) -> Result<(), String> {
        // SAFETY: `new` made it of a box, and no call is in flight.
        let watcher = unsafe { &*self.watcher };
        watcher.wrong.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // SAFETY: `new` made it of a box, and no call is in flight.
        unsafe {
            drop(Box::from_raw(self.watcher));
            drop(Box::from_raw(self.infos));
        }
    }
}

/// The name of a model: most often none, which is the one that serves.
fn model(dice: &mut Dice, lent: &mut Lent, names: &Names) -> *const c_char {
    match dice.below(40) {
        0 => text(dice, lent),
        1 => lent.bytes(names.other),
        2..8 => lent.bytes(names.own),
        _ => null(),
    }
}

/// Names of models, with the zero at their ends: of the kind that a call needs, and of the other one.
struct Names {
    own: &'static [u8],
    other: &'static [u8],
}

/// Any text, which need not be UTF-8.
pub fn text(dice: &mut Dice, lent: &mut Lent) -> *const c_char {
    let mut bytes = vec![0; dice.below(40) as usize];
    dice.fill(&mut bytes);
    bytes.retain(|byte| *byte != 0);
    if dice.once_in(2) {
        bytes.iter_mut().for_each(|byte| *byte = b' ' + *byte % 90);
    }
    bytes.push(0);
    lent.bytes(&bytes)
}

/// A number that a choice of `count` knows, nearly always.
fn choice(dice: &mut Dice, count: u32) -> i32 {
    if dice.once_in(40) { dice.edge() as i32 } else { dice.below(count) as i32 }
}

/// A number between 0 and 1, nearly always.
fn part(dice: &mut Dice) -> f32 {
    if dice.once_in(40) { dice.float() } else { dice.below(1000) as f32 / 1000.0 }
}

/// Whether to look at what cannot be judged: most often, or little would be found.
fn anyway(dice: &mut Dice) -> u32 {
    if dice.once_in(40) { dice.edge() as u32 } else { u32::from(!dice.once_in(4)) }
}

pub fn segment(dice: &mut Dice, lent: &mut Lent, watching: &Watching) -> *const SegmentOptions {
    if dice.once_in(4) {
        return null();
    }
    let options = SegmentOptions {
        scale: choice(dice, 2),
        model: model(dice, lent, &Names { own: b"red-is-rust\0", other: b"red-to-gray\0" }),
        threshold: part(dice),
        contours: choice(dice, 2) as u32,
        progress: watching.progress,
        progress_user_data: watching.user_data(),
        cancel: watching.cancel,
        judge_anyway: anyway(dice),
        timeout_ms: if dice.once_in(20) { dice.below(20) } else { 0 },
        info: watching.info(dice),
        ..SegmentOptions::default()
    };
    lent.sized(dice, &options)
}

pub fn remove(
    dice: &mut Dice,
    lent: &mut Lent,
    watching: &Watching,
    size: (u32, u32),
) -> *const RemoveOptions {
    if dice.once_in(4) {
        return null();
    }
    let options = RemoveOptions {
        scale: choice(dice, 2),
        model: model(dice, lent, &Names { own: b"red-to-gray\0", other: b"red-is-rust\0" }),
        mask: mask(dice, lent, size),
        mask_mode: choice(dice, 2),
        strength: part(dice),
        progress: watching.progress,
        progress_user_data: watching.user_data(),
        cancel: watching.cancel,
        plain_fill: dice.once_in(2).into(),
        judge_anyway: anyway(dice),
        timeout_ms: if dice.once_in(20) { dice.below(20) } else { 0 },
        info: watching.info(dice),
        shape: part(dice),
        colour_source: choice(dice, 3),
        colour: [part(dice), part(dice), part(dice)],
        colour_x: dice.below(60),
        colour_y: dice.below(60),
        ..RemoveOptions::default()
    };
    lent.sized(dice, &options)
}

/// `outputs`: those that the analysis can give.
pub fn compose(
    dice: &mut Dice,
    lent: &mut Lent,
    watching: &Watching,
    size: (u32, u32),
    outputs: &[i32],
) -> (*const ComposeOptions, i32) {
    let output = if dice.once_in(40) { dice.edge() as i32 } else { dice.pick(outputs) };
    let options = ComposeOptions {
        output,
        strength: part(dice),
        threshold: part(dice),
        mask: mask(dice, lent, size),
        progress: watching.progress,
        progress_user_data: watching.user_data(),
        cancel: watching.cancel,
        shape: part(dice),
        colour_source: choice(dice, 3),
        colour: [part(dice), part(dice), part(dice)],
        colour_x: dice.below(60),
        colour_y: dice.below(60),
        ..ComposeOptions::default()
    };
    (lent.sized(dice, &options), output)
}

fn mask(dice: &mut Dice, lent: &mut Lent, size: (u32, u32)) -> *const Image {
    if !dice.once_in(3) {
        return null();
    }
    let wish = Wish::gray(dice, size);
    let Picture { pointer, .. } = pictures::draw(dice, lent, wish);
    pointer
}

/// How to set up an engine.
pub fn engine(dice: &mut Dice, lent: &mut Lent, models: *const c_char) -> *const EngineOptions {
    let mut options = EngineOptions {
        device: choice(dice, 2),
        device_id: if dice.once_in(40) { dice.edge() as u32 } else { 0 },
        threads: dice.between(1, 2),
        sessions: dice.below(3),
        only_these_folders: 1,
        watch_milliseconds: if dice.once_in(4) { dice.below(50) } else { u32::MAX },
        memory_limit: if dice.once_in(4) { dice.bits() >> dice.below(64) } else { 0 },
        ..EngineOptions::default()
    };
    if dice.once_in(8) {
        let any = dice.edge() as u32;
        match dice.below(5) {
            0 => options.threads = any,
            1 => options.sessions = any,
            2 => options.only_these_folders = any,
            3 => options.watch_milliseconds = any,
            _ => options.runtime_library = text(dice, lent),
        }
    }
    let mut folders: Vec<*const c_char> = vec![models; dice.below(3) as usize];
    if dice.once_in(10) {
        folders.push(if dice.once_in(2) { null() } else { text(dice, lent) });
    }
    options.model_folder_count = folders.len() as u32;
    options.model_folders = if folders.is_empty() { null() } else { lent.pointers(&folders) };
    lent.sized(dice, &options)
}
