//! What a batch promises: every picture is done once or named, in its place and by itself.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use derust_engine::fixtures::{Convolution, Network};
use derust_test_support::signal;
use serde_json::Value;

use crate::desk::{Desk, open, rusty};

/// Lines of JSON.
fn lines(said: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(said).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The start of a HEIC file (ISO/IEC 23008-12).
const HEIC: &[u8] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";

#[test]
fn pictures_of_kinds_that_cannot_be_read_are_counted_and_named_once() {
    let desk = Desk::new();
    fs::create_dir(desk.at("in")).unwrap();
    rusty(16, 16).save(desk.at("in/a.png")).unwrap();
    for name in ["in/b.HEIC", "in/c.heif", "in/d.avif", "in/e.jxl", "in/f.CR2", "in/g.cr3", "in/notes.txt"] {
        fs::write(desk.at(name), "whatever").unwrap();
    }
    for number in 0..9 {
        fs::write(desk.at(&format!("in/h{number}.dng")), "whatever").unwrap();
    }
    // A phone's picture under the name of another kind.
    fs::write(desk.at("in/z.jpg"), HEIC).unwrap();
    let output = desk.run(&["segment", "in", "--out-dir", "out", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = lines(&output.stdout);
    let of = |status: &str| said.iter().filter(|line| line["status"] == status).count();
    assert_eq!((of("done"), of("unreadable"), said.len()), (1, 16, 17));
    let kind = |name: &str| &said.iter().find(|line| line["picture"] == name).unwrap()["kind"];
    assert_eq!(
        (kind("in/z.jpg"), kind("in/d.avif"), kind("in/g.cr3")),
        (&"HEIC".into(), &"AVIF".into(), &"camera raw".into())
    );
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaint.lines().count(), 4, "{complaint}");
    for words in
        ["3 pictures of the kind HEIC", "in/z.jpg", "11 pictures of the kind camera raw", "and 6 more"]
    {
        assert!(complaint.contains(words), "{complaint}");
    }
    // A failure counts more, and so does nothing at all.
    fs::write(desk.at("in/broken.png"), "x").unwrap();
    assert_eq!(desk.run(&["segment", "in", "--out-dir", "out", "--force"]).status.code(), Some(1));
    assert!(desk.fail(3, &["segment", "in/z.jpg"]).contains("save it as JPEG"));
    fs::create_dir(desk.at("raws")).unwrap();
    fs::write(desk.at("raws/a.nef"), "whatever").unwrap();
    assert!(desk.fail(3, &["remove", "raws"]).contains("develop it"));
}

#[test]
fn a_picture_goes_from_standard_input_to_standard_output() {
    let desk = Desk::new();
    let pipe = |arguments: &[&str], input: &[u8]| {
        let mut command = desk.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    };
    for (name, format) in [
        ("a.png", image::ImageFormat::Png),
        ("a.tif", image::ImageFormat::Tiff),
        ("a.jpg", image::ImageFormat::Jpeg),
    ] {
        rusty(40, 30).save(desk.at(name)).unwrap();
        let input = fs::read(desk.at(name)).unwrap();
        let output = pipe(&["remove", "-", "--json"], &input);
        assert!(output.status.success(), "{output:?}");
        desk.succeed(&["remove", name, "-o", "file.png", "--force"]);
        desk.succeed(&["remove", name]);
        let (stem, extension) = name.split_once('.').unwrap();
        assert!(
            output.stdout == fs::read(desk.at(&format!("{stem}-derusted.{extension}"))).unwrap(),
            "{name}"
        );
        assert_eq!(image::guess_format(&output.stdout).unwrap(), format);
        let said = &lines(&output.stderr)[0];
        assert_eq!((&said["picture"], &said["result"]), (&"-".into(), &"-".into()));
        let output = pipe(&["segment", "-"], &input);
        let mask = image::load_from_memory_with_format(&output.stdout, image::ImageFormat::Png).unwrap();
        assert_eq!(mask.into_luma8()[(3, 3)].0, [255]);
    }
    let png = fs::read(desk.at("a.png")).unwrap();
    let output = pipe(&["remove", "-", "--format", "tif"], &png);
    assert_eq!(image::guess_format(&output.stdout).unwrap(), image::ImageFormat::Tiff);
    assert!(pipe(&["remove", "-", "-o", "b.webp"], &png).status.success() && desk.at("b.webp").is_file());
    let output = desk.run(&["segment", "a.png", "-o", "-", "--format", "bmp"]);
    assert_eq!(image::guess_format(&output.stdout).unwrap(), image::ImageFormat::Bmp);
    // Failures leave standard output empty.
    for (input, code) in [(&b"no picture"[..], 1), (&png[..png.len() / 2], 1), (b"", 1), (HEIC, 3)] {
        let output = pipe(&["remove", "-"], input);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{output:?}");
        assert_eq!(output.stderr.iter().filter(|byte| **byte == b'\n').count(), 1, "{output:?}");
    }
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = desk.command(&["remove", "a.png", "-o", "-"]).stdout(full).output().unwrap();
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("No space"));
    for arguments in [
        &["segment", "-", "a.png"][..],
        &["segment", "-", "--out-dir", "out"],
        &["segment", "a.png", "-o", "x.png", "--format", "tif"],
    ] {
        assert_eq!(pipe(arguments, &png).status.code(), Some(2), "{arguments:?}");
    }
}

/// A BMP of this size, all of it black, that takes no room on the disk.
fn hollow_bmp(path: &Path, width: u32, height: u32) {
    let mut header = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    header.extend([width, height].map(u32::to_le_bytes).concat());
    header.extend(b"\x01\0\x18\0");
    header.resize(54, 0);
    let mut file = fs::File::create(path).unwrap();
    file.write_all(&header).unwrap();
    file.set_len(54 + u64::from(width) * u64::from(height) * 3).unwrap();
}

#[test]
fn a_picture_that_does_not_fit_into_memory_fails_alone() {
    let desk = Desk::new();
    hollow_bmp(&desk.at("a-large.bmp"), 16_000, 12_000);
    rusty(64, 64).save(desk.at("small.png")).unwrap();
    // Networks that see large pictures small, as the shipped ones do; what they need is little.
    for (name, mut network) in
        [("red-is-rust", Network::red_is_rust()), ("red-to-gray", Network::red_to_gray())]
    {
        network.manifest.long_side = Some(256);
        fs::write(desk.at(&format!("models/{name}.onnx")), network.to_onnx()).unwrap();
    }
    let run = |kilobytes: u32| {
        let program = env!("CARGO_BIN_EXE_derust");
        let pictures = "a-large.bmp small.png --judge-anyway --force";
        let line =
            format!("ulimit -v {kilobytes}; exec {program} remove {pictures} --threads 1 --out-dir out");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(desk.folder.path()).env("DERUST_MODELS", desk.at("models"));
        command.output().unwrap()
    };
    // Too little for its pixels, and for the result beside them.
    for kilobytes in [800_000, 1_300_000] {
        let output = run(kilobytes);
        assert_eq!(output.status.code(), Some(1), "{kilobytes}: {output:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains("a-large.bmp") && complaint.contains("memory"), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        fs::remove_file(desk.at("out/small.png")).unwrap();
    }
}

#[test]
fn two_processes_share_the_pictures_of_a_folder() {
    let desk = Desk::new();
    // A wide kernel, so that both are at work at the same time.
    let slow = Network::segment("slow", Convolution::mean(31));
    fs::write(desk.at("models/slow.onnx"), slow.to_onnx()).unwrap();
    fs::create_dir(desk.at("in")).unwrap();
    for i in 0..6 {
        rusty(420, 300).save(desk.at(&format!("in/{i}.png"))).unwrap();
    }
    let arguments =
        ["segment", "in", "--out-dir", "out", "--model", "slow", "--threads", "1", "--resume", "--json"];
    let start = || desk.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let outputs = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let mut done = Vec::new();
    for output in &outputs {
        assert!(output.status.success(), "{output:?}");
        let said = lines(&output.stdout);
        assert_eq!(said.len(), 6);
        let own = said.iter().filter(|line| line["status"] == "done");
        done.extend(own.map(|line| line["picture"].as_str().unwrap().to_owned()));
    }
    done.sort();
    assert_eq!(done, (0..6).map(|i| format!("in/{i}.png")).collect::<Vec<_>>());
    assert_eq!(fs::read_dir(desk.at("out")).unwrap().count(), 6, "claims are left");

    // One that is killed leaves its picture to the other.
    fs::remove_dir_all(desk.at("out")).unwrap();
    let mut first = start();
    let begin = Instant::now();
    while !desk.at("out/0.png").is_file() {
        assert!(begin.elapsed() < Duration::from_secs(120), "no picture is ever done");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(signal(first.id(), "STOP"));
    let second = start();
    std::thread::sleep(Duration::from_millis(500));
    assert!(signal(first.id(), "KILL"));
    first.wait().unwrap();
    let output = second.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines(&output.stdout).len(), 6);
    let results = || fs::read_dir(desk.at("out")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(results().filter(|name| name.as_encoded_bytes().ends_with(b".png")).count(), 6);
    assert!(results().all(|name| !name.as_encoded_bytes().ends_with(b".claim")));
}

#[test]
fn json_names_the_model_that_served() {
    let desk = Desk::new();
    rusty(16, 16).save(desk.at("a.png")).unwrap();
    for (verb, model) in [("segment", "red-is-rust@"), ("remove", "red-to-gray@")] {
        let said = lines(desk.succeed(&[verb, "a.png", "--json"]).as_bytes());
        let name = said[0]["model"].as_str().unwrap();
        assert!(name.starts_with(model), "{name}");
        let digest = format!("sha256:{}", said[0]["model_sha256"].as_str().unwrap());
        // Both are names that the command takes.
        desk.succeed(&[verb, "a.png", "--force", "--model", name]);
        desk.succeed(&[verb, "a.png", "--force", "--model", &digest]);
    }
}

#[test]
fn in_its_place_a_picture_keeps_its_link_its_owner_and_its_times_when_asked() {
    let desk = Desk::new();
    fs::create_dir(desk.at("archive")).unwrap();
    let save = || rusty(32, 32).save(desk.at("archive/p.png")).unwrap();
    save();
    symlink("archive/p.png", desk.at("p.png")).unwrap();
    let real = desk.at("archive/p.png");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if root {
        std::os::unix::fs::chown(&real, Some(12_345), Some(23_456)).unwrap();
    }
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let age = || fs::File::open(&real).unwrap().set_modified(old).unwrap();
    age();
    let arguments = ["remove", "p.png", "-o", "p.png", "--force"];
    desk.succeed(&arguments);
    assert!(desk.at("p.png").is_symlink() && !real.is_symlink());
    assert_ne!(open(&real).into_rgb8(), rusty(32, 32));
    let metadata = fs::metadata(&real).unwrap();
    assert_ne!(metadata.modified().unwrap(), old);
    assert_eq!(metadata.mode() & 0o777, 0o640);
    if root {
        assert_eq!((metadata.uid(), metadata.gid()), (12_345, 23_456));
    }
    age();
    desk.succeed(&[&arguments[..], &["--keep-times"]].concat());
    assert_eq!(fs::metadata(&real).unwrap().modified().unwrap(), old);
    // What a result is made from gives it its times elsewhere, too.
    desk.succeed(&["segment", "p.png", "--keep-times"]);
    assert_eq!(fs::metadata(desk.at("p-mask.png")).unwrap().modified().unwrap(), old);
    fs::hard_link(&real, desk.at("second.png")).unwrap();
    assert!(desk.succeed(&arguments).contains("hard links"));
    assert_eq!(fs::read_dir(desk.at("archive")).unwrap().count(), 1);
}
