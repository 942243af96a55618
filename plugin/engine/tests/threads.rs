//! How many threads ONNX Runtime gets, and that they sleep when there is nothing to do. Each test looks at a process of
//! its own.
#![cfg(target_os = "linux")]

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use derust_engine::fixtures::Network;
use derust_engine::runtime::{Runtime, Session, SessionOptions};
use ndarray::ArrayD;
use tempfile::TempDir;

/// Says which part a test plays in a process of its own.
const PART: &str = "DERUST_TEST_PART";

fn session(threads: Option<usize>) -> Session {
    let options = SessionOptions { threads: threads.and_then(NonZero::new), ..SessionOptions::default() };
    Runtime::load(None).unwrap().session(&Network::red_is_rust().to_onnx(), &options).unwrap()
}

fn thread_count() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// Seconds of processor time that this process has used (proc_pid_stat(5), in hundredths).
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Runs this test once more in a process of its own, below the program `before`, where it plays a part; answers with what
/// it printed there.
fn child(before: &[&str], test: &str, part: &str) -> String {
    let own = std::env::current_exe().unwrap();
    let mut words = before.iter().copied().chain([own.to_str().unwrap()]);
    let output = Command::new(words.next().unwrap())
        .args(words)
        .args(["--exact", test, "--nocapture"])
        .env(PART, part)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().find_map(|line| Some(line.split_once("answer: ")?.1.to_owned())).expect("an answer")
}

/// The caller's thread works, too: ONNX Runtime starts one thread less than compute.
#[test]
fn threads_follow_the_option_and_the_processors_that_may_be_used() {
    if let Ok(threads) = std::env::var(PART) {
        let before = thread_count();
        let _session = session(threads.parse().ok());
        return println!("answer: {}", thread_count() - before);
    }
    let started = |before: &[&str], threads: &str| {
        child(before, "threads_follow_the_option_and_the_processors_that_may_be_used", threads)
    };
    let processors = thread::available_parallelism().unwrap().get();
    assert_eq!(started(&[], "default"), (processors - 1).to_string());
    assert_eq!(started(&[], "3"), "2");
    let one = ["taskset", "--cpu-list", &allowed_processor()];
    assert_eq!(started(&one, "default"), "0", "the affinity mask");
    assert_eq!(started(&one, "3"), "2", "the option");
}

/// A container with half of a processor has one thread, however many processors the machine has.
#[test]
fn threads_follow_the_limit_of_the_control_group() {
    const TEST: &str = "threads_follow_the_limit_of_the_control_group";
    if let Ok(threads) = std::env::var(PART) {
        let before = thread_count();
        let _session = session(threads.parse().ok());
        return println!("answer: {}", thread_count() - before);
    }
    let Some(limited) = Limited::to_half_a_processor() else {
        return eprintln!("skipped: neither control groups nor mount namespaces can be made here");
    };
    let before = ["sh", "-c", &limited.enter, "sh"];
    assert_eq!(child(&before, TEST, "default"), "0", "the control group");
    assert_eq!(child(&before, TEST, "3"), "2", "the option");
}

/// A control group with half of a processor.
struct Limited {
    /// What a shell does to run its arguments in it.
    enter: String,
    /// The group, where it is one of the system's own.
    group: Option<PathBuf>,
    /// Files that stand in for the system's otherwise.
    _files: Option<TempDir>,
}

impl Limited {
    fn to_half_a_processor() -> Option<Self> {
        Limited::in_the_system().or_else(Limited::in_files)
    }

    /// One of the system's (version 2), which only its administrator can make.
    fn in_the_system() -> Option<Self> {
        let group = Path::new("/sys/fs/cgroup").join(format!("derust-test-{}", std::process::id()));
        if !Path::new("/sys/fs/cgroup/cgroup.controllers").is_file() {
            return None;
        }
        fs::create_dir(&group).ok()?;
        let enter = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", group.display());
        let limited = Limited { enter, group: Some(group.clone()), _files: None };
        fs::write(group.join("cpu.max"), "50000 100000\n").ok()?;
        Some(limited)
    }

    /// Files as those of the system, of both versions, which the process finds in their place.
    fn in_files() -> Option<Self> {
        let files = tempfile::tempdir().unwrap();
        let at = |name: &str| files.path().join(name);
        fs::write(at("cgroup.controllers"), "cpu").unwrap();
        fs::write(at("cpu.max"), "50000 100000\n").unwrap();
        for controllers in ["cpu", "cpu,cpuacct"] {
            fs::create_dir(at(controllers)).unwrap();
            fs::write(at(controllers).join("cpu.cfs_quota_us"), "50000\n").unwrap();
            fs::write(at(controllers).join("cpu.cfs_period_us"), "100000\n").unwrap();
        }
        let mount = format!("mount --bind {} /sys/fs/cgroup", files.path().display());
        let enter = format!("exec unshare --mount sh -c '{mount} && exec \"$@\"' sh \"$@\"");
        let can = Command::new("sh")
            .args(["-c", &enter, "sh", "true"])
            .output()
            .is_ok_and(|ran| ran.status.success());
        can.then_some(Limited { enter, group: None, _files: Some(files) })
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        if let Some(group) = &self.group {
            let _ = fs::remove_dir(group);
        }
    }
}

/// Threads that wait by turning would use the processor after every run, for about as long as the run.
#[test]
fn threads_without_work_sleep() {
    if let Ok(threads) = std::env::var(PART) {
        let mut session = session(threads.parse().ok());
        let image = ArrayD::from_elem(vec![1, 3, 512, 512], 0.5);
        let begin = processor_seconds();
        for _ in 0..100 {
            session.run(&[("image", image.view())]).unwrap();
            thread::sleep(Duration::from_millis(10));
        }
        return println!("answer: {}", processor_seconds() - begin);
    }
    let seconds = |threads| child(&[], "threads_without_work_sleep", threads).parse::<f64>().unwrap();
    // Processors that others use as well run slower for a while; threads that turn take seven times as long every time.
    let mut tries = vec![];
    for _ in 0..5 {
        let (one, four) = (seconds("1"), seconds("4"));
        if four < 2.0 * one {
            return;
        }
        tries.push((one, four));
    }
    panic!("the same work takes so many seconds of a processor with one thread and with four: {tries:?}");
}

/// The first processor that this process may use.
fn allowed_processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    list.trim().split([',', '-']).next().unwrap().to_owned()
}
