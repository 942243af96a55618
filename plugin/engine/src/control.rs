//! Watching a call and stopping it.

use std::sync::atomic::{AtomicBool, Ordering};

/// How a caller watches and stops a call; the default does neither.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Told what part of the work is done, from 0 to 1, never less than before.
    pub progress: Option<&'a (dyn Fn(f32) + Sync)>,
    /// Set to true by any thread to stop the call; looked at before every tile and every band of rows.
    pub cancel: Option<&'a AtomicBool>,
    span: Span,
}

/// The part of the caller's progress that a step of the work fills.
#[derive(Clone, Copy)]
struct Span {
    start: f32,
    end: f32,
}

impl Default for Span {
    fn default() -> Self {
        Span { start: 0.0, end: 1.0 }
    }
}

impl Span {
    fn at(self, part: f32) -> f32 {
        // The end is met exactly, so that a caller can wait for 1.
        if part >= 1.0 { self.end } else { self.start + part * (self.end - self.start) }
    }
}

/// The caller has stopped the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped")]
pub struct Cancelled;

impl<'a> Control<'a> {
    /// Reports to `progress` and stops when `cancel` becomes true.
    pub fn new(progress: Option<&'a (dyn Fn(f32) + Sync)>, cancel: Option<&'a AtomicBool>) -> Self {
        Control { progress, cancel, span: Span::default() }
    }

    /// The same for a step of the work that goes from `start` to `end`, each 0 to 1.
    pub fn part(&self, start: f32, end: f32) -> Self {
        let span = Span { start: self.span.at(start), end: self.span.at(end) };
        Control { span, ..*self }
    }

    /// Reports that `done` of `total` are done, unless the caller wants to stop.
    pub(crate) fn step(&self, done: usize, total: usize) -> Result<(), Cancelled> {
        self.go_on()?;
        if let Some(progress) = self.progress {
            progress(self.span.at(done as f32 / total.max(1) as f32));
        }
        // Whoever was told may have answered by stopping the call.
        self.go_on()
    }

    fn go_on(&self) -> Result<(), Cancelled> {
        let stop = self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
        if stop { Err(Cancelled) } else { Ok(()) }
    }

    /// [`Control::step`] for loops over rows, at the start of every band of them.
    pub(crate) fn row(&self, row: u32, rows: u32) -> Result<(), Cancelled> {
        const BAND: u32 = 64;
        if row.is_multiple_of(BAND) { self.step(row as usize, rows as usize) } else { Ok(()) }
    }
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}
