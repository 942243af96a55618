//! When things go wrong: one line that says what to do, nothing half-written, and the other pictures are still done.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use image::ImageFormat;

use crate::desk::{Desk, open, rusty};

#[test]
fn each_failure_is_one_line_and_leaves_nothing_behind() {
    let desk = Desk::new();
    let one_line = |complaint: String, words: &[&str]| {
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
        for word in words {
            assert!(complaint.contains(word), "`{word}` is not in: {complaint}");
        }
    };
    let mut png = Vec::new();
    rusty(64, 64).write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
    let mut huge = png.clone();
    huge[16..24].copy_from_slice(&[0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0]);
    let crc = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    let mut jpeg = Vec::new();
    rusty(64, 64).write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
    fs::write(desk.at("good.png"), &png).unwrap();
    fs::write(desk.at("text.png"), "this is no picture").unwrap();
    fs::write(desk.at("empty.png"), "").unwrap();
    fs::write(desk.at("cut.png"), &png[..png.len() / 2]).unwrap();
    fs::write(desk.at("cut.jpg"), &jpeg[..100]).unwrap();
    fs::write(desk.at("huge.png"), &huge).unwrap();
    fs::create_dir(desk.at("hollow")).unwrap();
    let before = desk.names();
    for verb in ["segment", "remove"] {
        one_line(desk.fail(1, &[verb, "nowhere.png"]), &["nowhere.png", "no such file"]);
        one_line(desk.fail(1, &[verb, "text.png"]), &["text.png", "no picture"]);
        one_line(desk.fail(1, &[verb, "empty.png"]), &["empty.png"]);
        one_line(desk.fail(1, &[verb, "cut.png"]), &["cut.png", "decoded"]);
        one_line(desk.fail(1, &[verb, "cut.jpg"]), &["cut.jpg", "decoded"]);
        one_line(desk.fail(1, &[verb, "huge.png"]), &["huge.png"]);
        one_line(desk.fail(1, &[verb, "hollow"]), &["hollow", "no picture"]);
        one_line(desk.fail(1, &[verb, "good.png", "-o", "good.png"]), &["replace the input"]);
        one_line(desk.fail(1, &[verb, "good.png", "-o", "x.gif"]), &["x.gif", ".png"]);
        one_line(desk.fail(1, &[verb, "good.png", "-o", "no/folder/x.png"]), &["no/folder/x.png"]);
        one_line(desk.fail(1, &[verb, "good.png", "-o", "cut.png"]), &["exists already", "--force"]);
        one_line(desk.fail(1, &[verb, "good.png", "--model", "unknown"]), &["`unknown`"]);
        desk.fail(2, &[verb, "good.png", "text.png", "-o", "x.png"]);
        desk.fail(2, &[verb, "hollow", "-o", "x.png"]);
        let mut command = desk.command(&[verb, "good.png", "good.png"]);
        let output = command.env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        one_line(
            String::from_utf8(output.stderr).unwrap(),
            &["/nowhere/libonnxruntime.so", "cannot be used"],
        );
        let output =
            desk.command(&[verb, "good.png"]).env("ORT_DYLIB_PATH", desk.at("text.png")).output().unwrap();
        one_line(String::from_utf8(output.stderr).unwrap(), &["text.png", "no library"]);
    }
    assert_eq!(desk.names(), before, "a failure left something behind");
    let mut command = desk.command(&["segment", "good.png"]);
    command.env("DERUST_MODELS", desk.at("hollow"));
    if !cfg!(feature = "embedded-models") {
        one_line(String::from_utf8(command.output().unwrap().stderr).unwrap(), &["segment-rust", "hollow"]);
    }
    // The other pictures are still done.
    one_line(desk.fail(1, &["segment", "text.png", "good.png"]), &["text.png"]);
    assert!(desk.at("good-mask.png").is_file());
    desk.succeed(&["segment", "good.png", "-o", "cut.png", "--force"]);
    assert_eq!(open(&desk.at("cut.png")).width(), 64);
}

/// The checksum of PNG chunks (ISO 3309, polynomial 0xEDB88320).
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

/// Runs the command with the given environment and asserts on its one line.
fn complains(desk: &Desk, arguments: &[&str], environment: &[(&str, &Path)], words: &[&str]) {
    let mut command = desk.command(arguments);
    command.envs(environment.iter().copied());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    for word in words {
        assert!(complaint.contains(word), "`{word}` is not in: {complaint}");
    }
}

fn encoded(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let picture = image::DynamicImage::from(rusty(width, height));
    let picture = if format == ImageFormat::OpenExr { picture.to_rgb32f().into() } else { picture };
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

const FORMATS: [(&str, ImageFormat); 6] = [
    ("png", ImageFormat::Png),
    ("jpg", ImageFormat::Jpeg),
    ("tif", ImageFormat::Tiff),
    ("webp", ImageFormat::WebP),
    ("bmp", ImageFormat::Bmp),
    ("exr", ImageFormat::OpenExr),
];

#[test]
fn truncated_files_are_no_pictures() {
    let desk = Desk::new();
    for (extension, format) in FORMATS {
        let whole = encoded(format, 200, 150);
        let name = format!("cut.{extension}");
        for length in [2000, whole.len() / 2, whole.len() - 20] {
            fs::write(desk.at(&name), &whole[..length]).unwrap();
            complains(&desk, &["remove", &name, "--force"], &[], &[&name]);
        }
    }
    assert!(desk.names().iter().all(|name| name.starts_with("cut.")), "{:?}", desk.names());
}

#[test]
fn headers_that_promise_too_much_are_refused_at_once() {
    let desk = Desk::new();
    let side = 100_000_u32;
    let mut bmp = encoded(ImageFormat::Bmp, 4, 4);
    bmp[18..22].copy_from_slice(&side.to_le_bytes());
    bmp[22..26].copy_from_slice(&side.to_le_bytes());
    fs::write(desk.at("huge.bmp"), bmp).unwrap();
    let mut tiff = encoded(ImageFormat::Tiff, 4, 4);
    let entry = |tag: u16, kind: u16| [tag.to_le_bytes(), kind.to_le_bytes()].concat();
    for tag in [256, 257] {
        let at = tiff.windows(4).position(|window| window == entry(tag, 4)).unwrap();
        tiff[at + 8..at + 12].copy_from_slice(&side.to_le_bytes());
    }
    fs::write(desk.at("huge.tif"), tiff).unwrap();
    let mut exr = encoded(ImageFormat::OpenExr, 4, 4);
    // Both windows end at 3, 3.
    let window = [0_u32, 0, 3, 3].map(u32::to_le_bytes).concat();
    let ends: Vec<usize> =
        exr.windows(16).enumerate().filter(|(_, bytes)| *bytes == window).map(|(at, _)| at).collect();
    for at in ends {
        exr[at + 8..at + 12].copy_from_slice(&(side - 1).to_le_bytes());
        exr[at + 12..at + 16].copy_from_slice(&(side - 1).to_le_bytes());
    }
    fs::write(desk.at("huge.exr"), exr).unwrap();
    for name in ["huge.bmp", "huge.tif", "huge.exr"] {
        let begin = Instant::now();
        complains(&desk, &["segment", name], &[], &[name]);
        assert!(begin.elapsed() < Duration::from_secs(10), "{name}");
    }
}

/// A colour profile of a few kilobytes that becomes a gigabyte.
#[test]
fn a_decompression_bomb_does_not_explode() {
    let desk = Desk::new();
    let mut info = png::Info::with_size(8, 8);
    info.color_type = png::ColorType::Rgb;
    info.icc_profile = Some(vec![0; 1 << 30].into());
    let file = fs::File::create(desk.at("bomb.png")).unwrap();
    let mut encoder = png::Encoder::with_info(file, info).unwrap().write_header().unwrap();
    encoder.write_image_data(&[80; 8 * 8 * 3]).unwrap();
    encoder.finish().unwrap();
    assert!(fs::metadata(desk.at("bomb.png")).unwrap().len() < 8 << 20);
    let run =
        format!("ulimit -v 1000000; exec {} segment bomb.png --threads 1", env!("CARGO_BIN_EXE_derust"));
    let mut command = Command::new("sh");
    command.args(["-c", &run]).current_dir(desk.folder.path()).env("DERUST_MODELS", desk.at("models"));
    let output = command.output().unwrap();
    // The profile may be left out or the file refused, with one line either way.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().lines().count() <= 1);
}

#[test]
fn a_directory_loop_is_said_and_not_followed() {
    let desk = Desk::new();
    fs::create_dir_all(desk.at("in/sub")).unwrap();
    std::os::unix::fs::symlink(desk.at("in"), desk.at("in/sub/up")).unwrap();
    rusty(16, 16).save(desk.at("in/sub/a.png")).unwrap();
    let output = desk.run(&["segment", "in", "-r", "--out-dir", "out"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("in/sub/up") && said.lines().count() == 1, "{said}");
}

#[test]
fn models_that_cannot_serve_are_named_before_anything_is_read() {
    let desk = Desk::new();
    fs::write(desk.at("p.png"), encoded(ImageFormat::Png, 16, 16)).unwrap();
    complains(&desk, &["segment", "p.png", "--models", "none"], &[], &["none", "no such folder"]);
    let none = desk.at("none");
    complains(&desk, &["segment", "p.png"], &[("DERUST_MODELS", &none)], &["none", "DERUST_MODELS"]);
    let wrong = ["segment", "p.png", "--model", "red-to-gray"];
    complains(&desk, &wrong, &[], &["red-to-gray", "derust model", "segment-rust model"]);
    fs::create_dir(desk.at("other")).unwrap();
    fs::write(desk.at("other/notes.onnx"), "this is no model").unwrap();
    if !cfg!(feature = "embedded-models") {
        let other = desk.at("other");
        let words = ["other/notes.onnx", "no ONNX file"];
        complains(&desk, &["segment", "p.png"], &[("DERUST_MODELS", &other)], &words);
    }
    desk.succeed(&["segment", "p.png", "--models", "models"]);
}

#[test]
fn a_runtime_of_the_wrong_kind_is_told_from_a_right_one() {
    let desk = Desk::new();
    fs::write(desk.at("p.png"), encoded(ImageFormat::Png, 16, 16)).unwrap();
    // The program itself with the number of another processor (AArch64) in its header.
    let mut elf = fs::read(env!("CARGO_BIN_EXE_derust")).unwrap();
    elf.truncate(4096);
    elf[18..20].copy_from_slice(&if cfg!(target_arch = "aarch64") { [62, 0] } else { [183, 0] });
    fs::write(desk.at("other.so"), elf).unwrap();
    let other = desk.at("other.so");
    let words = ["other.so", "another processor"];
    complains(&desk, &["segment", "p.png"], &[("ORT_DYLIB_PATH", &other)], &words);
    // A library as ONNX Runtime was years ago.
    let source = "static const char *version(void) { return \"1.10.0\"; }\n\
                  static const struct { void *api; const char *(*version)(void); } base = {0, version};\n\
                  const void *OrtGetApiBase(void) { return &base; }\n";
    fs::write(desk.at("old.c"), source).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(desk.at("old.so")).arg(desk.at("old.c"));
    match compiler.status() {
        Ok(status) => assert!(status.success()),
        Err(_) => return eprintln!("skipped: there is no C compiler"),
    }
    let old = desk.at("old.so");
    let words = ["old.so", "1.10.0", "or newer is needed"];
    complains(&desk, &["segment", "p.png"], &[("ORT_DYLIB_PATH", &old)], &words);
}

/// Whether this test runs as root, who may mount and become somebody else.
fn is_root() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    if !root {
        eprintln!("skipped: only root can do this");
    }
    root
}

#[test]
fn what_may_not_be_read_or_written_is_said() {
    if !is_root() {
        return;
    }
    let desk = Desk::new();
    let open_to_all =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open_to_all(desk.folder.path(), 0o755);
    fs::copy(env!("CARGO_BIN_EXE_derust"), desk.at("program")).unwrap();
    // Somebody else may not be allowed to look into the build folder.
    let runtime = derust_engine::runtime::Runtime::load(None).unwrap();
    fs::copy(runtime.path(), desk.at("libonnxruntime.so")).unwrap();
    open_to_all(&desk.at("libonnxruntime.so"), 0o644);
    for name in ["secret.png", "p.png"] {
        fs::write(desk.at(name), encoded(ImageFormat::Png, 16, 16)).unwrap();
    }
    open_to_all(&desk.at("secret.png"), 0o600);
    let nobody = |arguments: &[&str], word: &str| {
        let mut command = Command::new(desk.at("program"));
        command.args(arguments).current_dir(desk.folder.path()).env("DERUST_MODELS", desk.at("models"));
        command.env("HOME", desk.at("home")).env_remove("ORT_DYLIB_PATH").uid(65_534).gid(65_534);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        let fits = complaint.lines().count() == 1 && complaint.contains(word);
        assert!(fits && complaint.contains("Permission denied"), "{complaint}");
    };
    nobody(&["segment", "secret.png", "-o", "/tmp/never-written.png"], "secret.png");
    nobody(&["segment", "p.png"], "p-mask.png");
    nobody(&["segment", "p.png", "--out-dir", "out"], "out");
    assert!(!desk.at("p-mask.png").exists() && !desk.at("out").exists());
}

#[test]
fn a_full_disk_leaves_nothing_behind() {
    if !is_root() {
        return;
    }
    let desk = Desk::new();
    fs::create_dir(desk.at("disk")).unwrap();
    let mount =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(desk.at("disk")).status();
    if !mount.is_ok_and(|status| status.success()) {
        return eprintln!("skipped: nothing can be mounted here");
    }
    let outcome = std::panic::catch_unwind(|| {
        // Noise cannot be packed.
        let mut state = 1_u32;
        let noise = image::RgbImage::from_fn(300, 300, |_, _| {
            image::Rgb([(); 3].map(|()| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            }))
        });
        noise.save(desk.at("p.png")).unwrap();
        for extension in ["png", "jpg", "tif", "bmp", "webp"] {
            let target = format!("disk/x.{extension}");
            let arguments = ["remove", "p.png", "-o", &target, "--quality", "100"];
            complains(&desk, &arguments, &[], &[&target, "No space left on device"]);
        }
        fs::read_dir(desk.at("disk")).unwrap().count()
    });
    assert!(Command::new("umount").arg(desk.at("disk")).status().unwrap().success());
    assert_eq!(outcome.unwrap(), 0, "half a file is left");
}

/// Files with a few bytes changed: no panic, no hang, nothing left half-written. `DERUST_BROKEN_FILES` says how many of
/// each format; a thousand take a minute.
#[test]
fn broken_files_of_every_kind_end_in_a_line_or_in_a_picture() {
    let desk = Desk::new();
    let mut state = 7_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    fs::create_dir(desk.at("in")).unwrap();
    let mut count = 0;
    let files = std::env::var("DERUST_BROKEN_FILES").ok().and_then(|files| files.parse().ok()).unwrap_or(24);
    for (extension, format) in FORMATS {
        let whole = encoded(format, 40, 30);
        for i in 0..files {
            let mut broken = whole.clone();
            for _ in 0..=random(6) {
                // Headers are where it hurts.
                let reach = if random(2) == 0 { broken.len().min(200) } else { broken.len() };
                let at = random(reach);
                broken[at] = [0, 0xFF, 0x7F, random(256) as u8][random(4)];
            }
            fs::write(desk.at(&format!("in/{extension}{i}.{extension}")), broken).unwrap();
            count += 1;
        }
    }
    let begin = Instant::now();
    let output = desk.run(&["remove", "in", "--out-dir", "out", "--json"]);
    assert!(begin.elapsed() < Duration::from_secs(60 + count as u64), "{:?}", begin.elapsed());
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), count);
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(!complaints.contains("panicked") && !complaints.contains("may be broken"), "{complaints}");
    let failed = said.matches("\"failed\"").count();
    assert_eq!(complaints.lines().count(), failed);
    assert_eq!(fs::read_dir(desk.at("out")).unwrap().count(), count - failed);
    assert!(failed > 20, "only {failed} of the files are broken");
}
