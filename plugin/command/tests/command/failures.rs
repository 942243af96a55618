//! When things go wrong: one line that says what to do, nothing half-written, and the other pictures are still done.

use std::fs;

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
    rusty(64, 64).write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    let mut huge = png.clone();
    huge[16..24].copy_from_slice(&[0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0]);
    let crc = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.to_be_bytes());
    let mut jpeg = Vec::new();
    rusty(64, 64).write_to(&mut std::io::Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).unwrap();
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
