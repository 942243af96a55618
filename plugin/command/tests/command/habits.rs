//! What people do around the work itself: folders, patterns, scripts, stopping and going on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use derust_engine::fixtures::{Convolution, Network, endless};
use derust_manifest::{Manifest, Tile};
use prost::Message as _;

use crate::desk::{Desk, open, rusty};
use derust_test_support::signal;

/// `in/a.png`, `in/sub/a.png`, `in/sub/deep/b.png`.
fn nested(desk: &Desk) {
    fs::create_dir_all(desk.at("in/sub/deep")).unwrap();
    for name in ["in/a.png", "in/sub/a.png", "in/sub/deep/b.png"] {
        rusty(32, 32).save(desk.at(name)).unwrap();
    }
}

fn firsts(said: &str) -> Vec<&str> {
    said.lines().map(|line| line.split(':').next().unwrap()).collect()
}

#[test]
fn folders_in_folders_are_taken_when_asked_for_and_keep_their_places() {
    let desk = Desk::new();
    nested(&desk);
    assert_eq!(firsts(&desk.succeed(&["segment", "in", "--out-dir", "flat"])), ["in/a.png"]);
    let said = desk.succeed(&["segment", "in", "--recursive", "--out-dir", "out"]);
    assert_eq!(firsts(&said), ["in/a.png", "in/sub/a.png", "in/sub/deep/b.png"]);
    for name in ["out/a.png", "out/sub/a.png", "out/sub/deep/b.png"] {
        assert!(desk.at(name).is_file(), "{name}");
    }
    // Results are no pictures of the folder that they lie in, beside the pictures or in a folder of their own.
    desk.succeed(&["segment", "in", "-r"]);
    desk.succeed(&["remove", "in", "-r", "--out-dir", "in/clean"]);
    let again = desk.succeed(&["remove", "in", "-r", "--out-dir", "in/clean", "--force"]);
    assert_eq!(firsts(&again), ["in/a.png", "in/sub/a.png", "in/sub/deep/b.png"]);
}

#[test]
fn patterns_stand_for_the_files_that_fit() {
    let desk = Desk::new();
    nested(&desk);
    rusty(16, 16).save(desk.at("in/b.jpg")).unwrap();
    rusty(16, 16).save(desk.at("in/[x].png")).unwrap();
    assert_eq!(firsts(&desk.succeed(&["segment", "in/*/?.png", "--out-dir", "1"])), ["in/sub/a.png"]);
    desk.succeed(&["remove", "in/b.jpg"]);
    let said = desk.succeed(&["remove", "in/**/b.*", "--out-dir", "2"]);
    assert_eq!(firsts(&said), ["in/b.jpg", "in/sub/deep/b.png"]);
    // What exists under this name is no pattern.
    assert_eq!(firsts(&desk.succeed(&["segment", "in/[x].png", "--out-dir", "3"])), ["in/[x].png"]);
    // Results fit too, and are left out unless nothing else fits.
    let said = desk.succeed(&["segment", "in/b*.jpg", "in/b-*.jpg", "--out-dir", "4"]);
    assert_eq!(firsts(&said), ["in/b.jpg", "in/b-derusted.jpg"]);
    let complaint = desk.fail(1, &["segment", "in/*.tif"]);
    assert!(complaint.contains("in/*.tif") && complaint.contains("pattern"), "{complaint}");
    assert!(desk.fail(1, &["segment", "in/a**b"]).contains("pattern"));
}

#[test]
fn the_same_stem_twice_is_a_failure_of_the_second() {
    let desk = Desk::new();
    nested(&desk);
    let complaint = desk.fail(1, &["segment", "in/a.png", "in/sub/a.png", "--out-dir", "out"]);
    assert!(complaint.contains("in/sub/a.png") && complaint.contains("another picture"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1);
    assert!(desk.at("out/a.png").is_file());
}

#[test]
fn json_is_one_line_per_picture_and_quiet_is_quiet() {
    let desk = Desk::new();
    nested(&desk);
    fs::write(desk.at("in/broken.png"), "x").unwrap();
    let output = desk.run(&["segment", "in", "--json", "--out-dir", "out"]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["picture"], &lines[0]["status"]), (&"in/a.png".into(), &"done".into()));
    assert_eq!((&lines[0]["result"], &lines[0]["width"]), (&"out/a.png".into(), &32.into()));
    assert_eq!((&lines[0]["rust_fraction"], &lines[0]["iso_4628_3"]), (&0.25.into(), &5.into()));
    assert_eq!((&lines[1]["picture"], &lines[1]["status"]), (&"in/broken.png".into(), &"failed".into()));
    assert!(lines[1]["error"].as_str().unwrap().contains("no picture"));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    let said = desk.succeed(&["remove", "in/a.png", "--json"]);
    let line: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(line["treated_fraction"], 0.25);
    assert_eq!(desk.succeed(&["remove", "in/a.png", "-q", "--force"]), "");
    assert!(desk.fail(1, &["remove", "in/broken.png", "-q"]).contains("broken.png"));
    let said = desk.succeed(&["remove", "in/a.png", "-v", "--force"]);
    assert!(said.contains("32 x 32 pixels"), "{said}");
    let output = desk.run(&["remove", "in/a.png", "-v", "--force", "--threads", "1"]);
    let detail = String::from_utf8(output.stderr).unwrap();
    assert!(detail.contains("ONNX Runtime 1.") && detail.contains("1 threads"), "{detail}");
}

#[test]
fn resuming_skips_what_is_done() {
    let desk = Desk::new();
    nested(&desk);
    desk.succeed(&["segment", "in/sub", "--out-dir", "out"]);
    let before = fs::metadata(desk.at("out/a.png")).unwrap().modified().unwrap();
    let said = desk.succeed(&["segment", "in/sub", "-r", "--out-dir", "out", "--resume"]);
    assert!(said.contains("in/sub/a.png: skipped"), "{said}");
    assert!(said.contains("in/sub/deep/b.png: ") && desk.at("out/deep/b.png").is_file(), "{said}");
    assert_eq!(fs::metadata(desk.at("out/a.png")).unwrap().modified().unwrap(), before);
    let line = desk.succeed(&["segment", "in/sub", "--out-dir", "out", "--resume", "--json"]);
    assert!(line.contains("\"skipped\""), "{line}");
}

#[test]
fn the_picture_itself_is_replaced_only_when_forced() {
    let desk = Desk::new();
    rusty(32, 32).save(desk.at("p.png")).unwrap();
    desk.fail(1, &["remove", "p.png", "-o", "p.png"]);
    assert_eq!(open(&desk.at("p.png")).into_rgb8(), rusty(32, 32));
    desk.succeed(&["remove", "p.png", "-o", "p.png", "--force"]);
    assert_ne!(open(&desk.at("p.png")).into_rgb8(), rusty(32, 32));
    assert!(desk.fail(1, &["segment", "p.png", "-o", "p.png", "--force"]).contains("replace the input"));
}

#[test]
fn names_that_are_no_utf8_are_names() {
    let desk = Desk::new();
    let name = OsStr::from_bytes(b"ro\xFFst.png");
    fs::create_dir(desk.at("in")).unwrap();
    let mut png = Vec::new();
    rusty(32, 32).write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    fs::write(desk.at("in").join(name), &png).unwrap();
    desk.succeed(&["segment", "in", "--out-dir", "out", "--json"]);
    assert!(desk.at("out").join(name).is_file());
    let output = desk.command(&["remove"]).arg(desk.at("in").join(name)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(desk.at("in").join(OsStr::from_bytes(b"ro\xFFst-derusted.png")).is_file());
}

#[test]
fn help_shows_examples_first_and_there_are_completions_and_manual_pages() {
    let desk = Desk::new();
    for arguments in [&["help"][..], &["--help"], &["help", "remove"], &["segment", "--help"]] {
        let help = desk.succeed(arguments);
        assert!(help.starts_with("Examples:\n  derust "), "{arguments:?}: {help}");
        assert!(help.find("Usage:").is_some_and(|usage| usage > help.find("derust remove").unwrap_or(0)));
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.succeed(&["completions", shell]);
        assert!(script.contains("mask-mode"), "{shell}");
    }
    assert!(desk.succeed(&["man"]).contains(".TH derust"));
    desk.succeed(&["man", "--out-dir", "pages"]);
    let page = fs::read_to_string(desk.at("pages/derust-remove.1")).unwrap();
    assert!(page.contains("strength") && page.contains("\nderust remove photo.jpg\n"), "{page}");
}

#[test]
fn a_terminal_shows_a_bar_with_the_time_left_and_a_pipe_does_not() {
    let desk = Desk::new();
    nested(&desk);
    let output = desk.run(&["segment", "in", "--out-dir", "1"]);
    assert_eq!((output.status.success(), output.stderr.as_slice()), (true, &b""[..]));
    // Lends the command a terminal.
    let on_terminal = |options: &str, folder: &str| {
        let line = format!("{} segment in --out-dir {folder} {options}", env!("CARGO_BIN_EXE_derust"));
        let command = desk.command(&[]);
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &line, "/dev/null"]).current_dir(desk.folder.path());
        terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        terminal.env("TERM", "xterm").stdin(Stdio::null());
        let output = terminal.output().ok()?;
        assert!(output.status.success(), "{output:?}");
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(shown) = on_terminal("", "2") else { return eprintln!("skipped: there is no `script`") };
    assert!(shown.contains(" %, ") && shown.contains(" left"), "{shown:?}");
    assert!(shown.contains("in/a.png: 25.0 % rust"), "{shown:?}");
    assert!(!on_terminal("--quiet", "3").unwrap().contains(" left"));
}

/// Ctrl-C in the middle of many pictures: it ends soon, what is done stays, nothing is half-written, and `--resume`
/// does the rest.
#[test]
fn ctrl_c_ends_the_work_within_a_tile() {
    let desk = Desk::new();
    // A wide kernel makes a tile take long enough to be stopped in the middle of the work.
    let slow = Network::segment("slow", Convolution::mean(31));
    fs::write(desk.at("models/slow.onnx"), slow.to_onnx()).unwrap();
    fs::create_dir(desk.at("in")).unwrap();
    for i in 0..6 {
        rusty(1200, 900).save(desk.at(&format!("in/{i}.png"))).unwrap();
    }
    let arguments = ["segment", "in", "--out-dir", "out", "--model", "slow", "--threads", "1"];
    let mut child = desk.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begin = Instant::now();
    while !desk.at("out/0.png").is_file() {
        assert!(begin.elapsed() < Duration::from_secs(120), "no picture is ever done");
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(signal(child.id(), "INT"));
    let stopped = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(stopped.elapsed() < Duration::from_secs(20), "{:?}", stopped.elapsed());
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("stopped") && complaint.contains("--resume"), "{complaint}");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    let done: Vec<String> = fs::read_dir(desk.at("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!done.is_empty() && done.len() < 6, "{done:?}");
    for name in &done {
        assert!(name.ends_with(".png") && !name.starts_with('.'), "half-written: {name}");
        assert_eq!(open(&desk.at("out").join(name)).width(), 1200);
    }
    let said = desk.succeed(&["segment", "in", "--out-dir", "out", "--resume"]);
    assert_eq!(said.matches("skipped").count(), done.len());
    assert_eq!(fs::read_dir(desk.at("out")).unwrap().count(), 6);
}

/// A network that does not end, while the first picture waits for it to be tried out and loaded, and the second one for the
/// first.
#[test]
fn a_network_that_does_not_end_can_be_stopped() {
    let desk = Desk::new();
    for name in ["a.png", "b.png"] {
        rusty(512, 512).save(desk.at(name)).unwrap();
    }
    let endless = [("runs", endless(9000, None), "INT"), ("loads", endless(9000, Some(1024)), "TERM")];
    for (what, mut network, name) in endless {
        let manifest = Manifest {
            tile: Tile { size: 512, overlap: 64, multiple: 16 },
            ..Network::segment(what, Convolution::mean(1)).manifest
        };
        network.metadata_props[0].value = manifest.to_json();
        fs::write(desk.at(&format!("models/{what}.onnx")), network.encode_to_vec()).unwrap();
        let mut child = desk
            .command(&["segment", "a.png", "b.png", "--model", what, "--threads", "2"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_secs(3));
        if child.try_wait().unwrap().is_some() {
            panic!("{what}: it ended before it could be stopped: {:?}", child.wait_with_output());
        }
        assert!(signal(child.id(), name));
        let stopped = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert!(stopped.elapsed() < Duration::from_secs(10), "{what}: {:?}", stopped.elapsed());
        assert_eq!(output.status.code(), Some(130), "{what}: {output:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains("stopped") && complaint.lines().count() == 1, "{what}: {complaint}");
    }
    assert_eq!(desk.names(), ["a.png", "b.png"]);
}

#[test]
fn names_that_would_do_more_than_be_seen_are_written_out() {
    let desk = Desk::new();
    let name = "a\u{1b}[31m\nb\u{202e}c.png";
    rusty(16, 16).save(desk.at(name)).unwrap();
    let said = desk.succeed(&["segment", name]);
    let shown = "a\\u001b[31m\\nb\\u202ec.png: ";
    assert!(said.starts_with(shown) && said.lines().count() == 1, "{said:?}");
    assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said:?}");
    let line = desk.succeed(&["segment", name, "--json", "--force"]);
    assert!(line.lines().count() == 1 && !line.contains('\u{202e}'), "{line:?}");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["picture"], name);
    let complaint = desk.fail(1, &["segment", "no\u{1b}where.png"]);
    assert!(complaint.contains("no\\u001bwhere.png") && !complaint.contains('\u{1b}'), "{complaint:?}");
}

#[test]
fn what_systems_leave_beside_pictures_is_no_picture() {
    let desk = Desk::new();
    for folder in ["in/@eaDir", "in/.thumbnails", "in/sub/@eaDir"] {
        fs::create_dir_all(desk.at(folder)).unwrap();
        rusty(16, 16).save(desk.at(&format!("{folder}/small.png"))).unwrap();
    }
    rusty(16, 16).save(desk.at("in/a.png")).unwrap();
    fs::write(desk.at("in/._a.png"), "resource fork").unwrap();
    let said = desk.succeed(&["segment", "in", "--recursive", "--out-dir", "out"]);
    assert!(said.lines().count() == 1 && said.starts_with("in/a.png"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_report_that_cannot_be_written_is_a_failure() {
    let desk = Desk::new();
    rusty(16, 16).save(desk.at("a.png")).unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = desk.command(&["segment", "a.png", "--json"]).stdout(full).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && complaint.contains("report cannot be written"), "{complaint}");
    for arguments in [&["info"][..], &["models"], &["models", "check", "models/red-is-rust.onnx", "--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = desk.command(arguments).stdout(full).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && complaint.contains("cannot be written"), "{complaint}");
    }
}
