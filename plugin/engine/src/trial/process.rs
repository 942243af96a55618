//! The engine's side of a trial in a process of its own.
//!
//! The engine lives in programs that may ignore `SIGCHLD` or wait for children of their own, and that may not be
//! threaded: it starts no thread, writes into no pipe (`SIGPIPE` would end the host), and relies on no exit status. The
//! program ends by itself once nobody reads what it says.

use std::io::{self, Read, Seek, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, getrlimit};

use super::message::{Answer, Ready, Request, VERSION};
use crate::control::Control;
use crate::error::Error;

/// Why no answer came.
#[derive(Debug)]
pub(super) enum Silence {
    /// The program did not get as far as the network.
    NotBegun(String),
    /// It took too long.
    Late,
    /// It ended in the middle, in this way.
    Died(String),
    /// It was killed.
    Killed,
    /// The caller stopped the call.
    Stopped(Error),
}

/// The most bytes that the program's lines may have.
const LONGEST_ANSWER: usize = 1 << 20;

/// The pace at which the caller's wish to stop is looked at.
const PACE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Has the program try a network out. Takes at most `time_limit` and a moment.
pub(super) fn ask(
    program: &mut Command,
    request: &Request,
    onnx: &[u8],
    time_limit: Duration,
    control: &Control<'_>,
) -> Result<Answer, Silence> {
    let not_begun = |error: io::Error| Silence::NotBegun(error.to_string());
    let mut child = start(program, request, onnx).map_err(not_begun)?;
    let out = child.stdout.take().expect("it is piped");
    let mut lines = Lines { out, read: Vec::new(), deadline: Instant::now() + time_limit };
    let answer = converse(&mut lines, control);
    // From now on it ends by itself.
    drop(lines);
    let status = end(&mut child);
    answer.map_err(|silence| match silence {
        Silence::Died(_) => match status {
            Some(status) if status.signal() == Some(SIGKILL) => Silence::Killed,
            Some(status) => Silence::Died(words(status)),
            None => silence,
        },
        Silence::NotBegun(reason) => {
            Silence::NotBegun(status.map_or(reason.clone(), |status| format!("{reason} ({})", words(status))))
        }
        other => other,
    })
}

fn converse(lines: &mut Lines, control: &Control<'_>) -> Result<Answer, Silence> {
    let ready = lines.next(control).map_err(|silence| match silence {
        Silence::Died(_) => Silence::NotBegun("it said nothing".into()),
        other => other,
    })?;
    match serde_json::from_str(&ready) {
        Ok(Ready { ready }) if ready == VERSION => {}
        Ok(Ready { ready }) => {
            return Err(Silence::NotBegun(format!("it belongs to derust {ready}, this is {VERSION}")));
        }
        Err(_) => return Err(Silence::NotBegun("it is another program".into())),
    }
    serde_json::from_str(&lines.next(control)?).map_err(|_| Silence::Died("it said nonsense".into()))
}

fn start(program: &mut Command, request: &Request, onnx: &[u8]) -> io::Result<Child> {
    let request = serde_json::to_vec(request)?;
    // A file beyond the limit that this process has set itself would end it (SIGXFSZ).
    let length = (request.len() + 1 + onnx.len()) as u64;
    if getrlimit(Resource::Fsize).current.is_some_and(|limit| limit < length) {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut input = std::fs::File::from(memfd_create("derust-trial", MemfdFlags::CLOEXEC)?);
    input.write_all(&request)?;
    input.write_all(b"\n")?;
    input.write_all(onnx)?;
    input.rewind()?;
    program.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// What the program says.
struct Lines {
    out: ChildStdout,
    read: Vec<u8>,
    deadline: Instant,
}

impl Lines {
    fn next(&mut self, control: &Control<'_>) -> Result<String, Silence> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line = self.read.drain(..=end).collect::<Vec<u8>>();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            control.check().map_err(|stopped| Silence::Stopped(stopped.into()))?;
            if Instant::now() >= self.deadline {
                return Err(Silence::Late);
            }
            let mut ready = [PollFd::new(&self.out, PollFlags::IN)];
            match poll(&mut ready, Some(&PACE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(Silence::NotBegun(error.to_string())),
            }
            let mut bytes = [0; 4096];
            match self.out.read(&mut bytes) {
                Ok(0) => return Err(Silence::Died("how cannot be told".into())),
                Ok(count) => self.read.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Silence::Died(error.to_string())),
            }
            if self.read.len() > LONGEST_ANSWER {
                return Err(Silence::Died("it said too much".into()));
            }
        }
    }
}

const SIGKILL: i32 = 9;

/// Waits until the program has ended, which it does by itself, and says how it did, unless the host has taken that.
fn end(child: &mut Child) -> Option<ExitStatus> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => thread::sleep(Duration::from_millis(2)),
            // The host ignores what becomes of its children, or has waited for this one.
            Err(_) => return None,
        }
    }
    // It is this process's child still, so its number means no other.
    let _ = child.kill();
    child.wait().ok()
}

fn words(status: ExitStatus) -> String {
    let Some(signal) = status.signal() else { return status.to_string() };
    let name = match signal {
        4 => "SIGILL, an instruction that this processor does not know",
        6 => "SIGABRT, it gave up",
        7 => "SIGBUS, memory that is not there",
        8 => "SIGFPE, a division that has no result",
        SIGKILL => "SIGKILL",
        11 => "SIGSEGV, memory that is not its own",
        24 => "SIGXCPU, too much time",
        31 => "SIGSYS, a call that it may not make",
        _ => return format!("signal {signal}"),
    };
    name.into()
}
