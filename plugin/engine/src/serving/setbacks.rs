//! What was held against networks: for good, for a while, or until the next success.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use derust_manifest::Kind;

use crate::models::Digest;

/// The networks that do not serve although their files passed inspection, and those that may soon be among them.
#[derive(Debug, Default)]
pub(super) struct Setbacks {
    refused: HashMap<Digest, String>,
    postponed: HashMap<Digest, Postponed>,
    /// Calls in a row that failed.
    failures: HashMap<Digest, u32>,
}

#[derive(Clone, Debug)]
struct Postponed {
    kind: Kind,
    reason: String,
    until: Instant,
    pause: Duration,
}

impl Postponed {
    fn is_due(&self, kind: Kind, now: Instant) -> bool {
        self.kind == kind && self.until <= now
    }
}

/// A network that fails so many calls in a row is set aside.
pub(super) const MOST_FAILURES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

impl Setbacks {
    /// Why a network does not serve, if so.
    pub(super) fn against(&self, digest: &Digest) -> Option<&str> {
        let postponed = || self.postponed.get(digest).map(|postponed| &postponed.reason);
        self.refused.get(digest).or_else(postponed).map(String::as_str)
    }

    /// The fault is in the file.
    pub(super) fn refuse(&mut self, digest: Digest, reason: String) {
        self.postponed.remove(&digest);
        self.refused.insert(digest, reason);
    }

    /// The fault is elsewhere, and may pass: it is tried again after a pause that gets longer each time.
    pub(super) fn postpone(&mut self, digest: Digest, kind: Kind, reason: String) {
        let last = self.postponed.get(&digest).map(|postponed| postponed.pause);
        let pause = last.map_or(FIRST_PAUSE, |last| (last * 4).min(LONGEST_PAUSE));
        self.postponed.insert(digest, Postponed { kind, reason, until: Instant::now() + pause, pause });
    }

    /// Whether the pause of a network of this kind is over.
    pub(super) fn is_due(&self, kind: Kind) -> bool {
        let now = Instant::now();
        self.postponed.values().any(|postponed| postponed.is_due(kind, now))
    }

    /// The networks of this kind that may be tried again: those whose pause is over, or all that were postponed. Their
    /// pause begins anew: what is not tried now, because its file is gone or another comes first, must not make every call
    /// look.
    pub(super) fn take_due(&mut self, kind: Kind, all: bool) -> HashSet<Digest> {
        let now = Instant::now();
        let fits = |postponed: &Postponed| postponed.is_due(kind, now) || (all && postponed.kind == kind);
        let due = self.postponed.iter_mut().filter(|(_, postponed)| fits(postponed));
        due.map(|(digest, postponed)| {
            postponed.until = now + postponed.pause;
            *digest
        })
        .collect()
    }

    /// It can serve.
    pub(super) fn passed(&mut self, digest: &Digest) {
        self.postponed.remove(digest);
    }

    /// A call succeeded.
    pub(super) fn succeeded(&mut self, digest: &Digest) {
        self.failures.remove(digest);
    }

    /// What was held against it is forgotten.
    pub(super) fn forget(&mut self, digest: &Digest) {
        self.refused.remove(digest);
        self.postponed.remove(digest);
        self.failures.remove(digest);
    }

    /// Counts a failed call; true when it was one too many.
    pub(super) fn failed(&mut self, digest: Digest) -> bool {
        let failures = self.failures.entry(digest).or_default();
        *failures += 1;
        *failures >= MOST_FAILURES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_that_is_over_makes_one_call_look_and_not_every_one() {
        let mut setbacks = Setbacks::default();
        let [gone, other] = [[1; 32], [2; 32]];
        setbacks.postpone(gone, Kind::SegmentRust, "no memory".into());
        setbacks.postpone(other, Kind::Derust, "no memory".into());
        assert!(!setbacks.is_due(Kind::SegmentRust));
        setbacks.postponed.values_mut().for_each(|postponed| postponed.until = Instant::now());
        assert!(setbacks.is_due(Kind::SegmentRust) && setbacks.is_due(Kind::Derust));
        assert_eq!(setbacks.take_due(Kind::SegmentRust, false), HashSet::from([gone]));
        // It was not tried, and is held back still.
        assert!(!setbacks.is_due(Kind::SegmentRust) && setbacks.against(&gone).is_some());
        assert!(setbacks.is_due(Kind::Derust), "the other kind's call looks for itself");
        assert_eq!(setbacks.take_due(Kind::SegmentRust, true), HashSet::from([gone]));
        assert!(setbacks.take_due(Kind::SegmentRust, false).is_empty());
    }
}
