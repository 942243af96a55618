//! How many threads ONNX Runtime gets, and that they sleep when there is nothing to do. Each test looks at a process of
//! its own.
#![cfg(target_os = "linux")]

use std::fs;
use std::num::NonZero;
use std::process::Command;
use std::thread;
use std::time::Duration;

use derust_engine::fixtures::Network;
use derust_engine::runtime::{Runtime, Session, SessionOptions};
use ndarray::ArrayD;

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
