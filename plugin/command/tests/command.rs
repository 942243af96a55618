//! The `derust` command as people run it, with real ONNX Runtime and tiny networks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use derust_engine::fixtures::Network;
use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};

/// A folder of pictures, a folder of models, and nothing of the user's.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Desk { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(desk.at("models")).unwrap();
        fs::write(desk.at("models/red-is-rust.onnx"), Network::red_is_rust().to_onnx()).unwrap();
        fs::write(desk.at("models/red-to-gray.onnx"), Network::red_to_gray().to_onnx()).unwrap();
        desk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_derust"));
        command.args(arguments).current_dir(self.folder.path());
        command
            .env("DERUST_MODELS", self.at("models"))
            .env("HOME", self.at("home"))
            .env_remove("XDG_DATA_HOME");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the command, which must succeed, and answers with what it said.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the command, which must fail with `code`, and answers with what it complained of.
    fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "models")
            .collect();
        names.sort();
        names
    }
}

/// Gray with structure, and a red square in the corner that is a quarter of it.
fn rusty(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let gray = (60 + (x * 7 + y * 13) % 90) as u8;
        if x < width / 2 && y < height / 2 { Rgb([250, 10, 20]) } else { Rgb([gray; 3]) }
    })
}

fn open(path: &Path) -> DynamicImage {
    image::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn segment_writes_a_mask_beside_the_picture_and_says_how_much_it_found() {
    let desk = Desk::new();
    rusty(120, 80).save(desk.at("photo.png")).unwrap();
    let said = desk.succeed(&["segment", "photo.png"]);
    assert_eq!(said, "photo.png: 25.0 % rust (Ri 5), mask written to photo-mask.png\n");
    let DynamicImage::ImageLuma8(mask) = open(&desk.at("photo-mask.png")) else { panic!("a mask is gray") };
    assert_eq!(mask.dimensions(), (120, 80));
    for (x, y, Luma([value])) in mask.enumerate_pixels() {
        assert_eq!(*value, if x < 60 && y < 40 { 255 } else { 0 }, "{x}, {y}");
    }
    desk.succeed(&["segment", "photo.png", "--output", "probability"]);
    let probability = open(&desk.at("photo-probability.png")).into_luma8();
    assert_eq!((probability[(0, 0)].0, probability[(119, 79)].0), ([235], [0]));
    desk.succeed(&["segment", "photo.png", "--output", "overlay", "--threshold", "0.9"]);
    let overlay = open(&desk.at("photo-overlay.png")).into_rgb8();
    assert!(overlay[(0, 0)] != rusty(120, 80)[(0, 0)] && overlay[(119, 79)] == rusty(120, 80)[(119, 79)]);
    desk.succeed(&["segment", "photo.png", "-o", "m.png", "--threshold", "0.95"]);
    assert!(open(&desk.at("m.png")).into_luma8().pixels().all(|pixel| pixel.0 == [0]));
}

#[test]
fn remove_changes_the_rust_and_not_one_bit_of_the_rest_in_every_kind_of_png() {
    let desk = Desk::new();
    let rgb = rusty(90, 50);
    let alpha = |x: u32, y: u32| ((x * 5 + y * 3) % 255 + 1) as u16;
    let wide = |value: u8| u16::from(value) * 257 + 3;
    let pictures: [(&str, DynamicImage); 5] = [
        ("rgb8", rgb.clone().into()),
        (
            "rgba8",
            ImageBuffer::from_fn(90, 50, |x, y| {
                let Rgb([r, g, b]) = rgb[(x, y)];
                Rgba([r, g, b, alpha(x, y) as u8])
            })
            .into(),
        ),
        ("rgb16", ImageBuffer::from_fn(90, 50, |x, y| Rgb(rgb[(x, y)].0.map(|v| wide(v.min(250))))).into()),
        (
            "rgba16",
            ImageBuffer::from_fn(90, 50, |x, y| {
                let [r, g, b] = rgb[(x, y)].0.map(|v| wide(v.min(250)));
                Rgba([r, g, b, alpha(x, y) * 200])
            })
            .into(),
        ),
        ("graya8", ImageBuffer::from_fn(90, 50, |x, y| LumaA([(x * 2) as u8, alpha(x, y) as u8])).into()),
    ];
    for (name, before) in pictures {
        before.save(desk.at(&format!("{name}.png"))).unwrap();
        let said = desk.succeed(&["remove", &format!("{name}.png")]);
        let after = open(&desk.at(&format!("{name}-derusted.png")));
        assert_eq!(after.color(), before.color(), "{name}");
        let stride = usize::from(before.color().bytes_per_pixel());
        let pixels = before.as_bytes().chunks(stride).zip(after.as_bytes().chunks(stride));
        for (i, (before, after)) in pixels.enumerate() {
            let rust = i % 90 < 45 && i / 90 < 25 && !name.starts_with("gray");
            assert_eq!(before != after, rust, "{name}: pixel {} {}", i % 90, i / 90);
            if name.contains("a8") {
                assert_eq!(before[stride - 1], after[stride - 1], "alpha of pixel {i}");
            }
        }
        let percent = if name.starts_with("gray") { "0.0 %" } else { "25.0 %" };
        assert!(said.contains(percent), "{name}: {said}");
    }
}

#[test]
fn remove_obeys_strength_and_masks() {
    let desk = Desk::new();
    rusty(40, 40).save(desk.at("p.png")).unwrap();
    ImageBuffer::from_fn(40, 40, |x, _| Luma([if x < 10 { 255_u8 } else { 0 }]))
        .save(desk.at("m.png"))
        .unwrap();
    let red = |name: &str| {
        let picture = open(&desk.at(name)).into_rgb8();
        [picture[(0, 0)].0[0], picture[(15, 0)].0[0]]
    };
    desk.succeed(&["remove", "p.png", "-o", "full.png"]);
    desk.succeed(&["remove", "p.png", "-o", "half.png", "--strength", "0.5"]);
    desk.succeed(&["remove", "p.png", "-o", "none.png", "--strength", "0"]);
    desk.succeed(&["remove", "p.png", "-o", "limited.png", "--mask", "m.png"]);
    desk.succeed(&["remove", "p.png", "-o", "replaced.png", "--mask", "m.png", "--mask-mode", "replace"]);
    let [full, _] = red("full.png");
    assert_eq!(full, 29, "250 + 235 / 255 * (10 - 250)");
    assert!(red("half.png")[0].abs_diff(139) <= 1, "half of the way");
    assert_eq!(open(&desk.at("none.png")).into_rgb8(), rusty(40, 40));
    assert_eq!(red("limited.png"), [full, 250]);
    assert_eq!(red("replaced.png"), [10, 250]);
    ImageBuffer::from_pixel(40, 41, Luma([255_u8])).save(desk.at("wrong.png")).unwrap();
    let complaint = desk.fail(1, &["remove", "p.png", "-o", "x.png", "--mask", "wrong.png"]);
    assert!(complaint.contains("40 x 41") && complaint.lines().count() == 1, "{complaint}");
}

#[test]
fn folders_are_walked_in_order_of_name_and_results_go_into_a_folder() {
    let desk = Desk::new();
    fs::create_dir(desk.at("in")).unwrap();
    for name in ["b.png", "a.jpg", "c.txt"] {
        let picture = rusty(32, 32);
        if name.ends_with("txt") {
            fs::write(desk.at("in/c.txt"), "x")
        } else {
            picture.save(desk.at("in").join(name)).map_err(|e| panic!("{e}"))
        }
        .unwrap();
    }
    let said = desk.succeed(&["segment", "in", "--out-dir", "out/deep"]);
    let firsts: Vec<&str> = said.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(firsts, ["in/a.jpg", "in/b.png"]);
    assert!(desk.at("out/deep/a.png").is_file() && desk.at("out/deep/b.png").is_file());
    desk.succeed(&["remove", "in", "--out-dir", "out/clean"]);
    assert_eq!(
        image::ImageFormat::Jpeg,
        image::ImageReader::open(desk.at("out/clean/a.jpg"))
            .unwrap()
            .with_guessed_format()
            .unwrap()
            .format()
            .unwrap()
    );
    assert!(desk.at("out/clean/b.png").is_file());
}

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
        one_line(desk.fail(1, &[verb, "text.png"]), &["text.png", "no PNG or JPEG"]);
        one_line(desk.fail(1, &[verb, "empty.png"]), &["empty.png"]);
        one_line(desk.fail(1, &[verb, "cut.png"]), &["cut.png", "decoded"]);
        one_line(desk.fail(1, &[verb, "cut.jpg"]), &["cut.jpg", "decoded"]);
        one_line(desk.fail(1, &[verb, "huge.png"]), &["huge.png"]);
        one_line(desk.fail(1, &[verb, "hollow"]), &["hollow", "no PNG or JPEG"]);
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
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

#[test]
fn models_and_info_say_what_is_there() {
    let desk = Desk::new();
    fs::write(desk.at("models/broken.onnx"), "no model").unwrap();
    let list = desk.succeed(&["models"]);
    let line = |name: &str| {
        list.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {list}"))
    };
    assert!(line("red-is-rust").starts_with("segment-rust") && line("red-is-rust").ends_with("yes"));
    assert!(line("red-to-gray").starts_with("derust") && line("red-to-gray").ends_with("yes"));
    assert!(line("broken.onnx").contains("no: it is no ONNX file"));
    let info = desk.succeed(&["info"]);
    for words in ["derust 0.", "ONNX Runtime 1.", "CPU", desk.at("models").to_str().unwrap()] {
        assert!(info.contains(words), "{words}: {info}");
    }
    let output = desk.command(&["info"]).env("ORT_DYLIB_PATH", "/nowhere/x.so").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
}
