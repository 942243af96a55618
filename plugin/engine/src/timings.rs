//! What a call's time went into.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Measures one call that a [`crate::Control`] watches, on the thread of the call.
#[derive(Debug)]
pub struct Timings {
    begin: Instant,
    /// Nanoseconds of each [`Phase`].
    phases: [AtomicU64; 3],
}

/// What a call does; all the rest is composing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Wait,
    Reduce,
    Network,
}

/// What a call's time went into; together it is the whole call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Waiting for other calls: for a session, for memory, for a network that another call loads.
    pub wait: Duration,
    /// Bringing the picture to the scale at which the network works, and judging it.
    pub reduce: Duration,
    /// The networks: to try out and load them where that was not done yet, and to run them.
    pub network: Duration,
    /// All the rest: alpha, fill, texture, bringing them to the picture's size, writing.
    pub compose: Duration,
}

impl Timings {
    /// Those of a call that begins now.
    pub fn begin() -> Self {
        Timings { begin: Instant::now(), phases: Default::default() }
    }

    /// What the time went into until now.
    pub fn spent(&self) -> Spent {
        let all = self.begin.elapsed();
        let [wait, reduce, network] =
            [Phase::Wait, Phase::Reduce, Phase::Network].map(|phase| self.phase(phase));
        Spent { wait, reduce, network, compose: all.saturating_sub(wait + reduce + network) }
    }

    fn phase(&self, phase: Phase) -> Duration {
        Duration::from_nanos(self.phases[phase as usize].load(Ordering::Relaxed))
    }

    pub(crate) fn add(&self, phase: Phase, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.phases[phase as usize].fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// Does `work` as part of a phase; what it waits is not of that phase.
    pub(crate) fn within<R>(&self, phase: Phase, work: impl FnOnce() -> R) -> R {
        let (begin, waited) = (Instant::now(), self.phase(Phase::Wait));
        let result = work();
        let waited = self.phase(Phase::Wait).saturating_sub(waited);
        self.add(phase, begin.elapsed().saturating_sub(waited));
        result
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[test]
    fn every_part_of_a_call_counts_once() {
        let timings = Timings::begin();
        let time = Duration::from_millis(20);
        timings.within(Phase::Network, || {
            sleep(time);
            let begin = Instant::now();
            sleep(3 * time);
            timings.add(Phase::Wait, begin.elapsed());
        });
        timings.within(Phase::Reduce, || sleep(2 * time));
        sleep(4 * time);
        let all = timings.begin.elapsed();
        let Spent { wait, reduce, network, compose } = timings.spent();
        assert!(network >= time && wait >= 3 * time && reduce >= 2 * time && compose >= 4 * time);
        // The clock went on between the two looks at it.
        assert!((all..all + time).contains(&(wait + reduce + network + compose)));
    }
}
