//! What was held against networks: for good, for a while, or until the next success.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

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
    reason: String,
    until: Instant,
    pause: Duration,
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
    pub(super) fn postpone(&mut self, digest: Digest, reason: String) {
        let last = self.postponed.get(&digest).map(|postponed| postponed.pause);
        let pause = last.map_or(FIRST_PAUSE, |last| (last * 4).min(LONGEST_PAUSE));
        self.postponed.insert(digest, Postponed { reason, until: Instant::now() + pause, pause });
    }

    /// Whether a network's pause is over.
    pub(super) fn is_due(&self) -> bool {
        let now = Instant::now();
        self.postponed.values().any(|postponed| postponed.until <= now)
    }

    /// The networks that may be tried again: those whose pause is over, or all that were postponed.
    pub(super) fn due(&self, all: bool) -> HashSet<Digest> {
        let now = Instant::now();
        let postponed = self.postponed.iter().filter(|(_, postponed)| all || postponed.until <= now);
        postponed.map(|(digest, _)| *digest).collect()
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
