//! What a run consists of, how long each part took, and how long it may take.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Parts of a run, one after the other.
#[derive(Debug, Default)]
pub struct Stages {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    took: Duration,
    budget: Duration,
}

impl Stages {
    /// Does a part that should take no more than `budget` seconds on two processors.
    pub fn run<T>(&mut self, name: &'static str, budget: u64, part: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let outcome = part();
        self.rows.push(Row { name, took: begin.elapsed(), budget: Duration::from_secs(budget) });
        outcome
    }

    /// Prints what each part took; those over their budget stand out. That is a warning: a busy machine is slow.
    pub fn print(&self) {
        self.lines(std::io::stdout().is_terminal()).iter().for_each(|line| println!("{line}"));
    }

    fn lines(&self, in_colour: bool) -> Vec<String> {
        let (red, plain) = if in_colour { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
        self.rows
            .iter()
            .map(|Row { name, took, budget }| {
                let line = format!("{:>5.0} s  {name}", took.as_secs_f64());
                if took <= budget {
                    line
                } else {
                    format!("{red}{line}: OVER ITS BUDGET of {} s{plain}", budget.as_secs())
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_over_its_budget_stands_out() {
        let mut stages = Stages::default();
        assert_eq!(stages.run("compiling", 60, || 7), 7);
        stages.run("testing", 0, || std::thread::sleep(Duration::from_millis(1)));
        assert_eq!(stages.lines(false), ["    0 s  compiling", "    0 s  testing: OVER ITS BUDGET of 0 s"]);
        assert_eq!(stages.lines(true)[1], "\x1b[31m    0 s  testing: OVER ITS BUDGET of 0 s\x1b[0m");
    }
}
