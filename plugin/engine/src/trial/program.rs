//! What the program `derust-trial` does.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};

use super::message::{Answer, Ready, Request, VERSION};
use super::run::Trial;
use crate::analysis::Network;
use crate::control::Control;
use crate::log::Log;
use crate::models::{SIZE_LIMIT, inspect};
use crate::runtime::{DeviceKind, Location, Runtime, SessionOptions};

/// The longest line that an engine writes.
const LONGEST_REQUEST: u64 = 4 << 20;

/// Tries out the network that lies in standard input, as an engine asks, and answers on standard output. Ends when nobody
/// listens any more or its time is up, whatever the network does; takes no more memory than it may.
pub fn serve() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!(
                "derust-trial: {problem}; engines start it to try out models, and nobody else has a use for it"
            );
            ExitCode::FAILURE
        }
    }
}

fn answer() -> Result<(), String> {
    let mut input = BufReader::new(std::io::stdin().lock());
    let mut line = String::new();
    (&mut input).take(LONGEST_REQUEST).read_line(&mut line).map_err(|error| error.to_string())?;
    let request: Request =
        serde_json::from_str(&line).map_err(|error| format!("no request came: {error}"))?;
    let out = take_standard_output().map_err(|error| error.to_string())?;
    watch(&out, Duration::from_secs(request.seconds)).map_err(|error| error.to_string())?;
    let mut out = File::from(out);
    let mut say = |line: String| out.write_all((line + "\n").as_bytes()).map_err(|error| error.to_string());
    let mut onnx = Vec::new();
    input
        .take(request.onnx_bytes.min(SIZE_LIMIT))
        .read_to_end(&mut onnx)
        .map_err(|error| error.to_string())?;
    limit(&request);
    let location = Location { file: Some(request.runtime.clone()), folders: vec![] };
    let runtime = Runtime::load_from(&location).map_err(|error| error.to_string())?;
    say(json(&Ready { ready: VERSION.into() }))?;
    say(json(&try_out(&request, onnx, &runtime)))?;
    // Nothing is torn down: a network may have left ONNX Runtime in a state that does not bear it.
    let _ = kill_process(getpid(), Signal::KILL);
    Ok(())
}

fn json(message: &impl serde::Serialize) -> String {
    serde_json::to_string(message).expect("texts and numbers are JSON")
}

fn try_out(request: &Request, onnx: Vec<u8>, runtime: &Runtime) -> Answer {
    let model = inspect(&onnx, Some(&request.manifest))?;
    let network = Network::new(model, onnx.into(), 1, Log::default());
    Ok(Trial::of(&network, runtime, &request.session, request.later_runs, &Control::default())?)
}

/// Takes standard output for the answers; what libraries write there goes where errors go.
fn take_standard_output() -> rustix::io::Result<OwnedFd> {
    let out = rustix::io::dup(std::io::stdout().as_fd())?;
    rustix::stdio::dup2_stdout(std::io::stderr().as_fd())?;
    Ok(out)
}

/// Ends this process as soon as nobody reads `out`, or after `time`.
fn watch(out: &OwnedFd, time: Duration) -> std::io::Result<()> {
    let out = out.try_clone()?;
    let deadline = Instant::now() + time;
    let watch = move || {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
            let mut listener = [PollFd::new(&out, PollFlags::empty())];
            let nobody_listens = poll(&mut listener, Some(&wait)).is_ok_and(|count| count > 0);
            if nobody_listens || left.is_zero() {
                let _ = kill_process(getpid(), Signal::KILL);
            }
        }
    };
    std::thread::Builder::new().name("watch".into()).spawn(watch).map(drop)
}

/// Bounds what this process may take, and offers it first where the system runs out of memory. Best effort.
fn limit(request: &Request) {
    let lower = |resource, to: u64| {
        let least = |limit: Option<u64>| Some(limit.map_or(to, |limit| limit.min(to)));
        let Rlimit { current, maximum } = getrlimit(resource);
        let _ = setrlimit(resource, Rlimit { current: least(current), maximum: least(maximum) });
    };
    lower(Resource::Core, 0);
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    // A GPU's driver reserves more than it will ever use.
    if request.session.device.kind == DeviceKind::Cpu || !has_gpu() {
        lower(Resource::Data, memory_limit(request.memory_limit, &request.session));
    }
}

fn has_gpu() -> bool {
    std::path::Path::new("/dev/nvidiactl").exists()
}

/// Bytes that this process may have: what the network may take, and what every process with ONNX Runtime does.
fn memory_limit(wanted: Option<u64>, session: &SessionOptions) -> u64 {
    const OWN: u64 = 256 << 20;
    const STACK: u64 = 8 << 20;
    let threads = session.thread_count() as u64;
    let network = wanted.unwrap_or_else(|| available_memory().map_or(2 << 30, |bytes| bytes / 4 * 3));
    OWN + threads * STACK + network
}

/// Bytes that programs may take before the system begins to swap.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
