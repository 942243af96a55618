//! TIFF files of every kind that libtiff writes are read as libtiff reads them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use image::{DynamicImage, RgbImage, Rgba, RgbaImage};

use crate::desk::{Desk, open, rusty};

/// No multiple of any block, strip or tile.
const SIZE: (u32, u32) = (77, 51);

/// Compiles the program that writes the files, or says what is missing for it.
fn compile(folder: &Path) -> Option<PathBuf> {
    let program = folder.join("libtiff");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libtiff.c");
    let output = Command::new("cc").arg("-O1").arg("-o").arg(&program).arg(source).arg("-ltiff").output();
    let problem = match output {
        Ok(output) if output.status.success() => return Some(program),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    assert!(
        std::env::var_os("DERUST_STRICT").is_none(),
        "a C compiler and libtiff-dev are needed: {problem}"
    );
    eprintln!("skipped: libtiff or a C compiler is not there (Debian: libtiff-dev)");
    None
}

/// Puts KIND.tif and KIND.rgba for every kind into `folder`; answers with the kinds.
fn write(program: &Path, picture: &RgbImage, folder: &Path) -> Vec<String> {
    let (width, height) = picture.dimensions();
    let mut child = Command::new(program)
        .arg(folder)
        .args([width.to_string(), height.to_string()])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(picture.as_raw()).unwrap();
    assert!(child.wait().unwrap().success());
    let kind = |path: PathBuf| Some(path.file_name()?.to_str()?.strip_suffix(".tif")?.to_owned());
    let mut kinds: Vec<String> =
        fs::read_dir(folder).unwrap().filter_map(|entry| kind(entry.unwrap().path())).collect();
    kinds.sort();
    kinds
}

/// Smooth colours, so that those that pixels share are much like their own, and a red square in the corner.
fn picture() -> RgbImage {
    let red = rusty(SIZE.0, SIZE.1);
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| match red[(x, y)] {
        red if red.0[0] == 250 => red,
        _ => image::Rgb([60 + (x + y) as u8, 160 - x as u8, 90 + 2 * y as u8]),
    })
}

#[test]
fn every_kind_of_tiff_is_read_as_libtiff_reads_it() {
    let desk = Desk::new();
    let Some(program) = compile(desk.folder.path()) else { return };
    let folder = desk.at("kinds");
    fs::create_dir(&folder).unwrap();
    let mut kinds = write(&program, &picture(), &folder);
    // Of tiles of one channel that reach beyond the picture, the decoder refuses those of palettes with LZW, and libtiff's
    // own conversion shifts those of 16 bits.
    let left_out = |kind: &mut String| {
        let one_channel = ["gray", "negative", "palette"].iter().any(|name| kind.starts_with(name));
        kind.starts_with("palette") && kind.contains("-lzw-tiles")
            || one_channel && kind.contains("-tiles-16")
    };
    for kind in kinds.extract_if(.., left_out) {
        fs::remove_file(folder.join(format!("{kind}.tif"))).unwrap();
    }
    assert!(kinds.len() > 80, "{}", kinds.len());
    // Nothing is treated, so the results are the pictures as they were read.
    desk.succeed(&["remove", "kinds", "--strength", "0", "--judge-anyway", "--out-dir", "read"]);
    let mut wrong = Vec::new();
    for kind in &kinds {
        let expected = fs::read(folder.join(format!("{kind}.rgba"))).unwrap();
        let expected = RgbaImage::from_raw(SIZE.0, SIZE.1, expected).unwrap();
        let got = open(&desk.at(&format!("read/{kind}.tif"))).into_rgba8();
        let distance =
            |(a, b): (&Rgba<u8>, &Rgba<u8>)| (0..4).map(|c| a.0[c].abs_diff(b.0[c])).max().unwrap();
        let most = expected.pixels().zip(got.pixels()).map(distance).max().unwrap();
        // JPEG and YCbCr are computed by fractions here and by tables there.
        let allowed = if kind.contains("ycbcr") || kind.contains("jpeg") { 3 } else { 1 };
        if most > allowed {
            wrong.push(format!("{kind} differs by {most}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rust_is_found_in_a_jpeg_within_a_tiff_as_in_the_picture_itself() {
    let desk = Desk::new();
    let Some(program) = compile(desk.folder.path()) else { return };
    fs::create_dir(desk.at("kinds")).unwrap();
    write(&program, &picture(), &desk.at("kinds"));
    picture().save(desk.at("itself.png")).unwrap();
    let itself = desk.succeed(&["segment", "itself.png"]);
    let percent = |said: &str| said.split_once(": ").unwrap().1.split_once('%').unwrap().0.to_owned();
    for kind in ["ycbcr22-jpeg-tiles-8", "ycbcr22-jpeg-strips-8", "ycbcr11-lzw-strips-8"] {
        let name = format!("kinds/{kind}.tif");
        let said = desk.succeed(&["remove", &name]);
        assert_eq!(said.contains("without loss"), kind.contains("jpeg"), "{said}");
        let said = desk.succeed(&["segment", &name, "-o", "m.png", "--force"]);
        let [found, expected] = [&said, &itself].map(|said| percent(said).trim().parse::<f32>().unwrap());
        assert!((found - expected).abs() < 1.0, "{kind}: {said}");
        let clean = open(&desk.at(&format!("kinds/{kind}-derusted.tif")));
        let DynamicImage::ImageRgb8(clean) = clean else { panic!("{kind}: {:?}", clean.color()) };
        let (was, is) = (picture()[(70, 45)].0, clean[(70, 45)].0);
        assert!((0..3).all(|c| was[c].abs_diff(is[c]) < 8), "{kind}: {was:?} became {is:?}");
    }
}
