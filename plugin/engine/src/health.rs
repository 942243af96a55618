//! How an engine fares.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::control::Control;
use crate::error::Error;

/// What has become of an engine's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Pictures whose analysis began.
    pub calls: u64,
    /// Those that failed, other than by being stopped or by a picture that cannot be judged.
    pub failures: u64,
    /// Calls that wait for others now.
    pub waiting: u64,
}

/// Counts an engine's calls.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    calls: AtomicU64,
    failures: AtomicU64,
    waiting: AtomicU64,
}

impl Meter {
    /// Counts a call and what becomes of it.
    pub(crate) fn over<'a, T>(
        &'a self,
        control: Control<'a>,
        work: impl FnOnce(Control<'a>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let result = work(self.watching(control));
        if let Err(error) = &result
            && !matches!(error, Error::Cancelled | Error::Unjudgeable(_))
        {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// The same control, under which whoever waits is counted.
    pub(crate) fn watching<'a>(&'a self, control: Control<'a>) -> Control<'a> {
        control.counted(&self.waiting)
    }

    pub(crate) fn health(&self) -> Health {
        let [calls, failures, waiting] =
            [&self.calls, &self.failures, &self.waiting].map(|count| count.load(Ordering::Relaxed));
        Health { calls, failures, waiting }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiting::Turn;

    #[test]
    fn calls_failures_and_who_waits_are_counted() {
        let meter = Meter::default();
        for error in [None, Some(Error::Cancelled), Some(Error::DeadlinePassed)] {
            let _ = meter.over(Control::default(), |_| error.map_or(Ok(()), Err));
        }
        let turn = Turn::default();
        let held = turn.take(&Control::default()).unwrap();
        let (meter, turn) = (&meter, &turn);
        std::thread::scope(|scope| {
            let wait = |control| turn.take(&control).map(drop).map_err(Error::from);
            scope.spawn(move || meter.over(Control::default(), wait).unwrap());
            while meter.health().waiting == 0 {
                std::thread::yield_now();
            }
            assert_eq!(meter.health(), Health { calls: 4, failures: 1, waiting: 1 });
            drop(held);
        });
        assert_eq!(meter.health(), Health { calls: 4, failures: 1, waiting: 0 });
    }
}
