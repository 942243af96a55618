//! Running test programs side by side.
//!
//! As many lanes as there are processors, each with one program that runs one test at a time, so that no more tests run
//! than processors are there and every test has a time of its own. Tests in GIMP, which wait much and share one GIMP per
//! program, have one lane more. What measures time, threads or memory runs last, alone. cargo-nextest would run every test
//! in a process of its own: each test in GIMP would start a GIMP, and it comes through no package registry that a fresh
//! machine knows.

use std::collections::VecDeque;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::outcome::{Reader, Tally, Took};
use super::programs::Program;

/// A test that says nothing for so long hangs.
const SILENCE: Duration = Duration::from_secs(900);

/// Beside what a program may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Beside anything.
    Others,
    /// Beside anything but its like.
    Gimp,
    /// Beside nothing.
    Nobody,
}

/// A program and how it is run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The program.
    pub program: Program,
    /// Which of its tests.
    pub tests: Vec<String>,
    /// Beside what.
    pub company: Company,
    /// What they take, in seconds, judged by earlier runs: the longest begin first.
    pub expected: f64,
}

/// What all programs did.
#[derive(Debug, Default)]
pub struct Results {
    /// Counts of all.
    pub tally: Tally,
    /// Every test that ran.
    pub took: Vec<Took>,
}

/// Runs `jobs` with the environment that `prepare` gives each; says of each how it ended.
pub fn run(jobs: Vec<Job>, prepare: &(dyn Fn(&mut Command) + Sync)) -> Result<Results> {
    let (alone, mut beside): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| job.company == Company::Nobody);
    beside.sort_by(|a, b| b.expected.total_cmp(&a.expected));
    let (gimp, others): (VecDeque<_>, VecDeque<_>) =
        beside.into_iter().partition(|job| job.company == Company::Gimp);
    let results = Mutex::new(Results::default());
    let (gimp, others, alone) = (Mutex::new(gimp), Mutex::new(others), Mutex::new(VecDeque::from(alone)));
    let work = |queue: &Mutex<VecDeque<Job>>| -> Result<()> {
        loop {
            let job = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(job) = job else { return Ok(()) };
            run_one(&job, prepare, &results)?;
        }
    };
    thread::scope(|scope| {
        let queues = [&gimp].into_iter().chain([&others].into_iter().cycle().take(lanes()));
        let lanes: Vec<_> = queues.map(|queue| scope.spawn(|| work(queue))).collect();
        lanes
            .into_iter()
            .try_for_each(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    work(&alone)?;
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// How many programs run at once, beside one in GIMP.
pub fn lanes() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn run_one(job: &Job, prepare: &(dyn Fn(&mut Command) + Sync), results: &Mutex<Results>) -> Result<()> {
    let name = job.program.name();
    let begin = Instant::now();
    let mut command = Command::new(&job.program.path);
    command.args(["--test-threads=1", "--exact"]).args(&job.tests).current_dir(&job.program.folder);
    // As cargo does it.
    command.env("CARGO_MANIFEST_DIR", &job.program.folder);
    prepare(&mut command);
    // Both streams end in one pipe, in the order in which they were written.
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stderr(writer.try_clone().context("cannot copy a pipe")?).stdout(writer);
    let mut child =
        command.spawn().with_context(|| format!("cannot start {}", job.program.path.display()))?;
    drop(command);
    let mut said = Said { text: String::new(), reader: Reader::new(&name, begin) };
    let hung = said.listen(reader, &mut child);
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;

    let Said { text, reader: Reader { mut tally, took, ended, .. } } = said;
    if let Some(test) = &hung {
        println!("{name}: {test} said nothing for {} s and was ended", SILENCE.as_secs());
    }
    if hung.is_some() || (tally.failed == 0 && !(status.success() && ended)) {
        println!("{name} broke off with {status}");
        tally.failed += 1;
    }
    if tally.failed > 0 {
        println!("\n---- {name}\n{text}----\n");
    }
    println!("{:>5.0} s  {name}: {tally}", begin.elapsed().as_secs_f64());
    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
    results.tally.add(tally);
    results.took.extend(took);
    Ok(())
}

/// What a program has said.
struct Said {
    text: String,
    reader: Reader,
}

impl Said {
    /// Reads to the end. Where nothing comes for too long, ends the child and says which test ran.
    fn listen(&mut self, mut pipe: impl Read + Send + 'static, child: &mut Child) -> Option<String> {
        let (sender, receiver) = mpsc::channel();
        // Not joined: a grandchild that outlives its test may hold the pipe open.
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count) = pipe.read(&mut piece) {
                if count == 0 || sender.send((piece[..count].to_vec(), Instant::now())).is_err() {
                    break;
                }
            }
        });
        let mut line = vec![];
        let mut last = Instant::now();
        loop {
            match receiver.recv_timeout(Duration::from_millis(250)) {
                Ok((piece, now)) => {
                    last = now;
                    for byte in piece {
                        if byte == b'\n' {
                            self.take(&std::mem::take(&mut line), now);
                        } else {
                            line.push(byte);
                        }
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) if matches!(child.try_wait(), Ok(Some(_))) => break,
                Err(mpsc::RecvTimeoutError::Timeout) if last.elapsed() > SILENCE => {
                    let test = self.reader.running(&String::from_utf8_lossy(&line));
                    let _ = child.kill();
                    return Some(test);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => (),
            }
        }
        if !line.is_empty() {
            self.take(&line, last);
        }
        None
    }

    fn take(&mut self, line: &[u8], now: Instant) {
        let line = String::from_utf8_lossy(line);
        self.reader.read(&line, now);
        self.text += &line;
        self.text.push('\n');
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn job(folder: &Path, name: &str, script: &str, company: Company) -> Job {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let (package, target) = (name.to_owned(), name.to_owned());
        let program = Program { package, target, is_integration: false, path, folder: folder.into() };
        Job { program, tests: vec!["a".into()], company, expected: 1.0 }
    }

    const GOOD: &str =
        "echo running 1 test; echo test a ... ok; echo 'test result: ok. 1 passed; 0 failed; 0 ignored'";

    #[test]
    fn programs_that_break_off_count_as_failures() {
        let folder = tempfile::tempdir().unwrap();
        let job = |name, script: &str, company| job(folder.path(), name, script, company);
        let jobs = vec![
            job("good", GOOD, Company::Others),
            job("crashing", "echo running 2 tests; kill -SEGV $$", Company::Others),
            job("silent", "exit 0", Company::Gimp),
            job("lying", &format!("{GOOD}; exit 3"), Company::Nobody),
        ];
        let results = run(jobs, &|_| ()).unwrap();
        assert_eq!(results.tally, Tally { passed: 2, failed: 3, skipped: 0 });
        let names: Vec<_> = results.took.iter().map(|took| &*took.name).collect();
        assert!(names.contains(&"good a") && names.contains(&"lying a"), "{names:?}");
    }

    #[test]
    fn programs_run_side_by_side_but_for_those_that_must_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("'{}'", folder.path().join(name).display());
        // Each of the first two waits until it sees the other.
        let meet = |own: &str, other: &str| {
            let wait = format!(
                "touch {}; for i in $(seq 500); do [ -e {} ] && break; sleep 0.01; done",
                at(own),
                at(other)
            );
            format!("{wait}; [ -e {} ] && {GOOD}", at(other))
        };
        let alone = format!(
            "touch {0}; sleep 0.05; [ -e {1} ] || exit 1; rm {0}; {GOOD}",
            at("works alone"),
            at("seen b")
        );
        let second = format!("[ -e {} ] && exit 1; {GOOD}", at("works alone"));
        let job = |name, script: &str, company| job(folder.path(), name, script, company);
        let jobs = vec![
            job("first alone", &alone, Company::Nobody),
            job("second alone", &second, Company::Nobody),
            job("a", &meet("seen a", "seen b"), Company::Others),
            job("b", &meet("seen b", "seen a"), Company::Gimp),
        ];
        let results = run(jobs, &|_| ()).unwrap();
        assert_eq!(results.tally, Tally { passed: 4, failed: 0, skipped: 0 });
    }
}
