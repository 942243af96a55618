//! Waiting for others, which ends when the caller's [`Control`] says so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::control::{Control, Stopped};
use crate::timings::{Phase, Timings};

/// How often somebody who waits looks whether to stop: a flag wakes nobody.
const PACE: Duration = Duration::from_millis(20);

/// How long to sleep before looking at the control again; for ever where nothing can end the call.
pub(crate) fn pace(control: &Control<'_>) -> Option<Duration> {
    let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
    let pace = control.deadline().map_or(PACE, |deadline| left(deadline).min(PACE));
    control.may_stop().then_some(pace.max(Duration::from_millis(1)))
}

/// Somebody who waits as long as this lives.
struct Waiting<'a> {
    since: Instant,
    timings: Option<&'a Timings>,
    count: Option<&'a AtomicU64>,
}

impl<'a> Waiting<'a> {
    fn new(control: &Control<'a>) -> Self {
        let count = control.waiting();
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Waiting { since: Instant::now(), timings: control.timings(), count }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(timings) = self.timings {
            timings.add(Phase::Wait, self.since.elapsed());
        }
        if let Some(count) = self.count {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// [`Condvar::wait_while`], which ends early when the call is to end.
pub(crate) fn wait_while<'a, T>(
    condvar: &Condvar,
    mut guard: MutexGuard<'a, T>,
    control: &Control<'_>,
    mut condition: impl FnMut(&mut T) -> bool,
) -> Result<MutexGuard<'a, T>, Stopped> {
    let mut waiting = None;
    // Who was woken looks at the condition first, so that no wake-up is lost on somebody who leaves.
    while condition(&mut guard) {
        waiting.get_or_insert_with(|| Waiting::new(control));
        control.check()?;
        guard = match pace(control) {
            Some(time) => condvar.wait_timeout(guard, time).unwrap_or_else(PoisonError::into_inner).0,
            None => condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
        };
    }
    Ok(guard)
}

/// A lock for work that takes long: who waits for it can stop.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    taken: Mutex<bool>,
    given_back: Condvar,
}

/// A turn that was taken; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Taken<'a>(&'a Turn);

impl Turn {
    /// Waits until nobody else has the turn.
    ///
    /// # Errors
    /// When the call is to end before.
    pub(crate) fn take(&self, control: &Control<'_>) -> Result<Taken<'_>, Stopped> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *wait_while(&self.given_back, taken, control, |taken| *taken)? = true;
        Ok(Taken(self))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicBool, AtomicU32};
    use std::thread;

    use super::*;

    #[test]
    fn one_has_the_turn_at_a_time_and_everyone_gets_it() {
        let (turn, inside, served) = (Turn::default(), AtomicU32::new(0), AtomicU32::new(0));
        let never = AtomicBool::new(false);
        thread::scope(|scope| {
            for i in 0..8 {
                let (turn, inside, served, never) = (&turn, &inside, &served, &never);
                scope.spawn(move || {
                    let control =
                        if i % 2 == 0 { Control::default() } else { Control::new(None, Some(never)) };
                    let _taken = turn.take(&control).unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    thread::sleep(Duration::from_millis(2));
                    inside.fetch_sub(1, Ordering::SeqCst);
                    served.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(served.into_inner(), 8);
    }

    #[test]
    fn who_waits_can_stop_and_a_panic_gives_the_turn_back() {
        let turn = Turn::default();
        let held = turn.take(&Control::default()).unwrap();
        let begin = Instant::now();
        let late = Control::default().until(begin + Duration::from_millis(50));
        let timings = Timings::begin();
        assert_eq!(turn.take(&late.measured(&timings)).err(), Some(Stopped::DeadlinePassed));
        let waited = begin.elapsed();
        let measured = timings.spent().wait;
        assert!(measured <= waited && measured.as_millis() >= 49, "{measured:?} of {waited:?}");
        assert!((50..500).contains(&waited.as_millis()), "{waited:?}");
        let cancel = AtomicBool::new(false);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| turn.take(&Control::new(None, Some(&cancel))).err());
            thread::sleep(Duration::from_millis(30));
            assert!(!waiter.is_finished());
            cancel.store(true, Ordering::Relaxed);
            assert_eq!(waiter.join().unwrap(), Some(Stopped::Cancelled));
        });
        drop(held);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _taken = turn.take(&Control::default());
            panic!("over");
        }));
        assert!(panic.is_err() && turn.take(&late).is_ok());
    }
}
