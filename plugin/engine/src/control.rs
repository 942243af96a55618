//! Watching a call and stopping it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::timings::{Phase, Timings};

/// How a caller watches and stops a call; the default does neither.
///
/// A call that is stopped, or whose deadline passes, ends within one tile, also while it waits for others: with
/// [`Stopped`], which says which of the two it was.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Told what part of the work is done, from 0 to 1, never less than before.
    pub progress: Option<&'a (dyn Fn(f32) + Sync)>,
    /// Set to true by any thread to stop the call.
    pub cancel: Option<&'a AtomicBool>,
    /// Another one, see [`Control::or`].
    other: Option<&'a AtomicBool>,
    deadline: Option<Instant>,
    timings: Option<&'a Timings>,
    /// Counts who waits.
    waiting: Option<&'a AtomicU64>,
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

/// Why a call ended before its work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The caller has stopped it.
    #[error("stopped")]
    Cancelled,
    /// The deadline of [`Control::until`] has passed.
    #[error("the time that the call was given is over")]
    DeadlinePassed,
    /// There is too little memory for what it works on.
    #[error("there is too little memory: {bytes} bytes more cannot be had")]
    NoMemory {
        /// Bytes that were asked for.
        bytes: usize,
    },
}

impl<'a> Control<'a> {
    /// Reports to `progress` and stops when `cancel` becomes true.
    pub fn new(progress: Option<&'a (dyn Fn(f32) + Sync)>, cancel: Option<&'a AtomicBool>) -> Self {
        Control { progress, cancel, ..Control::default() }
    }

    /// The same, which ends at this time if it has not ended by then; at the earlier one where there was one already.
    pub fn until(self, deadline: Instant) -> Self {
        let deadline = self.deadline.map_or(deadline, |earlier| earlier.min(deadline));
        Control { deadline: Some(deadline), ..self }
    }

    /// The same, stopped by `other`, too. There is room for one beside [`Control::cancel`].
    pub fn or(self, other: &'a AtomicBool) -> Self {
        Control { other: Some(other), ..self }
    }

    /// The same, measured by `timings`.
    pub fn measured(self, timings: &'a Timings) -> Self {
        Control { timings: Some(timings), ..self }
    }

    /// What measures the call, if anything does.
    pub(crate) fn timings(&self) -> Option<&'a Timings> {
        self.timings
    }

    /// The same; while the call waits for others, `waiting` is one more.
    pub(crate) fn counted(self, waiting: &'a AtomicU64) -> Self {
        Control { waiting: Some(waiting), ..self }
    }

    /// What counts who waits, if anything does.
    pub(crate) fn waiting(&self) -> Option<&'a AtomicU64> {
        self.waiting
    }

    /// Does `work` as part of a phase of the call; phases do not lie in one another.
    pub(crate) fn within<R>(&self, phase: Phase, work: impl FnOnce() -> R) -> R {
        match self.timings {
            Some(timings) => timings.within(phase, work),
            None => work(),
        }
    }

    /// The same for a step of the work that goes from `start` to `end`, each 0 to 1.
    pub fn part(&self, start: f32, end: f32) -> Self {
        let span = Span { start: self.span.at(start), end: self.span.at(end) };
        Control { span, ..*self }
    }

    /// The same, which tells nobody what is done.
    pub(crate) fn silent(&self) -> Self {
        Control { progress: None, ..*self }
    }

    /// Whether the call may go on.
    ///
    /// # Errors
    /// When it is to end.
    pub fn check(&self) -> Result<(), Stopped> {
        let is_set = |flag: Option<&AtomicBool>| flag.is_some_and(|flag| flag.load(Ordering::Relaxed));
        if is_set(self.cancel) || is_set(self.other) {
            return Err(Stopped::Cancelled);
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Stopped::DeadlinePassed);
        }
        Ok(())
    }

    /// When the call ends at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether anything can end the call early.
    pub(crate) fn may_stop(&self) -> bool {
        self.cancel.is_some() || self.other.is_some() || self.deadline.is_some()
    }

    /// Reports that `done` of `total` are done, unless the call is to end.
    pub(crate) fn step(&self, done: usize, total: usize) -> Result<(), Stopped> {
        self.check()?;
        if let Some(progress) = self.progress {
            progress(self.span.at(done as f32 / total.max(1) as f32));
        }
        // Whoever was told may have answered by stopping the call.
        self.check()
    }

    /// [`Control::step`] for loops over rows, at the start of every band of them.
    pub(crate) fn row(&self, row: u32, rows: u32) -> Result<(), Stopped> {
        const BAND: u32 = 64;
        if row.is_multiple_of(BAND) { self.step(row as usize, rows as usize) } else { Ok(()) }
    }
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("cancel", &self.cancel)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn either_flag_or_the_earlier_deadline_ends_a_call() {
        let (one, other) = (AtomicBool::new(false), AtomicBool::new(false));
        let far = Instant::now() + Duration::from_secs(3600);
        let control = Control::new(None, Some(&one)).or(&other).until(far);
        assert_eq!(control.check(), Ok(()));
        let late = control.until(Instant::now()).until(far).part(0.0, 0.5);
        assert_eq!(late.check(), Err(Stopped::DeadlinePassed));
        for flag in [&one, &other] {
            flag.store(true, Ordering::Relaxed);
            assert_eq!(control.part(0.0, 0.5).check(), Err(Stopped::Cancelled));
            flag.store(false, Ordering::Relaxed);
        }
        assert!(control.may_stop() && !Control::default().may_stop());
    }
}
