//! What test programs report: libtest's lines, read while they come.

use std::fmt;
use std::time::{Duration, Instant};

/// Counts of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that ran and held.
    pub passed: usize,
    /// Tests that ran and did not.
    pub failed: usize,
    /// Tests, or whole groups of them, that did not run.
    pub skipped: usize,
}

impl Tally {
    /// Adds what one line of a test program's output says; other lines change nothing.
    ///
    /// The line is libtest's `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`. Returns whether it is one.
    pub fn read(&mut self, line: &str) -> bool {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else { return false };
        let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
        for part in counts.split(';') {
            let mut words = part.split_whitespace();
            let Some(Ok(count)) = words.next().map(str::parse::<usize>) else { continue };
            match words.next() {
                Some("passed") => self.passed += count,
                Some("failed") => self.failed += count,
                Some("ignored") => self.skipped += count,
                _ => (),
            }
        }
        true
    }

    /// What the whole output of test programs says.
    pub fn of(text: &str) -> Self {
        let mut tally = Tally::default();
        for line in text.lines() {
            tally.read(line);
        }
        tally
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

/// How long one test took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Took {
    /// The program and the test.
    pub name: String,
    /// From its start to its end.
    pub time: Duration,
}

/// Reads a program that runs its tests one after the other (`--test-threads=1`): what comes between the ends of two
/// tests is the time of the second.
pub struct Reader {
    program: String,
    running: Option<String>,
    since: Instant,
    /// What was counted so far.
    pub tally: Tally,
    /// The tests so far.
    pub took: Vec<Took>,
    /// Whether the program came to its end.
    pub ended: bool,
}

impl Reader {
    /// A reader of what `program` is going to say.
    pub fn new(program: &str, now: Instant) -> Self {
        let program = program.to_owned();
        Reader { program, running: None, since: now, tally: Tally::default(), took: vec![], ended: false }
    }

    /// Takes in one line that was complete at `now`.
    pub fn read(&mut self, line: &str, now: Instant) {
        self.ended |= self.tally.read(line);
        if line.starts_with("running ") {
            self.since = now;
        }
        let is_end = |text: &str| ["ok", "FAILED", "ignored"].iter().any(|end| text.ends_with(end));
        if let Some((name, rest)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) {
            self.running = Some(name.to_owned());
            if is_end(rest) {
                self.finish(now);
            }
        } else if ["ok", "FAILED"].contains(&line) {
            // Something that was printed around libtest came between.
            self.finish(now);
        }
    }

    /// The test that runs, judged by the start of a line that is not complete yet.
    pub fn running(&self, begun_line: &str) -> String {
        let begun = begun_line.strip_prefix("test ").and_then(|line| line.split(" ... ").next());
        begun.or(self.running.as_deref()).unwrap_or("no test").to_owned()
    }

    fn finish(&mut self, now: Instant) {
        if let Some(test) = self.running.take() {
            let name = format!("{} {test}", self.program);
            self.took.push(Took { name, time: now.duration_since(self.since) });
        }
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_programs_add_up() {
        let output = "
running 2 tests
test a ... ok
test b ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s

test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 1.20s
all doctests ran in 0.19s; merged doctests compilation took 0.19s
5 passed; 5 failed is no result line";
        let tally = Tally::of(output);
        assert_eq!(tally, Tally { passed: 13, failed: 1, skipped: 3 });
        assert_eq!(tally.to_string(), "13 passed, 1 failed, 3 skipped");
        assert_eq!(Tally { passed: 2, ..Tally::default() }.to_string(), "2 passed, 0 failed");
    }

    #[test]
    fn every_test_gets_the_time_since_the_one_before() {
        let begin = Instant::now();
        let mut reader = Reader::new("engine", begin);
        let lines = [
            (1, "running 4 tests"),
            (3, "test quick ... ok"),
            (3, "test noisy ... a child's words"),
            (7, "ok"),
            (8, "test broken - should panic ... FAILED"),
            (8, "test left_out ... ignored"),
            (8, "failures:"),
            (8, "test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; finished in 7.00s"),
        ];
        for (second, line) in lines {
            assert!(!reader.ended, "{line}");
            reader.read(line, begin + Duration::from_secs(second));
        }
        let took: Vec<_> = reader.took.iter().map(|took| (&*took.name, took.time.as_secs())).collect();
        assert_eq!(
            took,
            [
                ("engine quick", 2),
                ("engine noisy", 4),
                ("engine broken - should panic", 1),
                ("engine left_out", 0)
            ]
        );
        assert!(reader.ended);
        assert_eq!(reader.tally, Tally { passed: 2, failed: 1, skipped: 1 });
    }

    #[test]
    fn the_test_that_hangs_has_a_name() {
        let mut reader = Reader::new("engine", Instant::now());
        assert_eq!(reader.running("test slow ... "), "slow");
        reader.read("test slow ... words of its own", Instant::now());
        assert_eq!(reader.running("more wo"), "slow");
        assert_eq!(Reader::new("engine", Instant::now()).running(""), "no test");
    }
}
