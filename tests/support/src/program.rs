//! Running programs that may fail, print much, or hang.

use std::ffi::OsStr;
use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take unless its test says otherwise: far more than any needs on a busy machine.
pub const TIME_LIMIT: Duration = Duration::from_secs(300);

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code or the signal that ended it.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// A command that sees nothing of this machine's own derust, models or ONNX Runtime: what it uses is what it is
/// told and what was installed with it.
pub fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    for variable in ["ORT_DYLIB_PATH", "DERUST_MODELS", "DERUST_LIBRARY", "LD_LIBRARY_PATH", "LD_PRELOAD"] {
        command.env_remove(variable);
    }
    // The user's own models lie below these.
    command.env("XDG_DATA_HOME", "/nonexistent").env("XDG_CONFIG_HOME", "/nonexistent");
    // What came of trials of the tests' networks is nothing for the user's folder.
    command.env("XDG_CACHE_HOME", std::env::temp_dir().join("derust-tests-cache"));
    command
}

/// Runs a program that has to succeed; returns its standard output.
///
/// # Panics
/// With all that it said, unless it ends well within [`TIME_LIMIT`].
pub fn run(command: &mut Command) -> String {
    let outcome = run_to_end(command);
    assert!(
        outcome.status.success(),
        "{command:?} ended with {}\n--- standard output\n{}--- standard error\n{}",
        outcome.status,
        outcome.stdout,
        outcome.stderr
    );
    outcome.stdout
}

/// Runs a program to its end, however that is.
///
/// # Panics
/// When it cannot be started or takes longer than [`TIME_LIMIT`].
pub fn run_to_end(command: &mut Command) -> Outcome {
    run_to_end_within(command, TIME_LIMIT)
}

/// Runs a program to its end, however that is.
///
/// # Panics
/// When it cannot be started or takes longer than `limit`; it is killed then.
pub fn run_to_end_within(command: &mut Command, limit: Duration) -> Outcome {
    // Files rather than pipes: a full pipe would stop a program that is only waited for.
    let mut streams = [0; 2].map(|_| tempfile::tempfile().expect("a temporary file"));
    let [stdout, stderr] = streams.each_ref().map(|file| file.try_clone().expect("a second handle"));
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child that can be waited for") {
            break Some(status);
        }
        if begin.elapsed() > limit {
            child.kill().expect("a child that can be ended");
            child.wait().expect("a child that can be waited for");
            break None;
        }
        thread::sleep(Duration::from_millis(5));
    };
    let [stdout, stderr] = streams.each_mut().map(|file| {
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("the program's output");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let status =
        status.unwrap_or_else(|| panic!("{command:?} did not end within {limit:?}\n{stdout}\n{stderr}"));
    Outcome { status, stdout, stderr }
}

/// Sends a signal such as `INT` to a process; whether there was one. By the shell's own command: a bare system has no other.
///
/// # Panics
/// When there is no shell.
pub fn signal(process: u32, signal: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("kill -{signal} {process}")]).status().expect("a shell").success()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = program("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_was_said_comes_back() {
        let outcome = run_to_end(&mut shell("echo out; echo err >&2; exit 3"));
        assert_eq!((outcome.status.code(), &*outcome.stdout, &*outcome.stderr), (Some(3), "out\n", "err\n"));
        // More than a pipe holds.
        let long = run(&mut shell("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done"));
        assert_eq!(long.len(), 220_000);
    }

    #[test]
    fn a_signal_reaches_its_process() {
        let mut child = shell("exec sleep 60").spawn().unwrap();
        assert!(signal(child.id(), "KILL"));
        assert!(child.wait().unwrap().code().is_none());
    }

    #[test]
    #[should_panic(expected = "last words")]
    fn a_failure_shows_what_was_said() {
        run(&mut shell("echo last words >&2; exit 1"));
    }

    #[test]
    #[should_panic(expected = "did not end within")]
    fn a_program_that_hangs_is_ended() {
        run_to_end_within(&mut shell("exec sleep 60"), Duration::from_millis(50));
    }
}
