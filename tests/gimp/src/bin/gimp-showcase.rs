//! Photographs both filters in GIMP 3, with the shipped networks, for the README.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use derust_test_support::build_folder;
use derust_tests_gimp::desk::{Desk, Entry};
use derust_tests_gimp::{Generation, Gimp};
use image::codecs::jpeg::JpegEncoder;

const SCREEN: (u32, u32) = (1100, 750);

/// The width of GIMP's window with a dialog beside it.
const BESIDE: u32 = 636;

/// Of the written pictures.
const QUALITY: u8 = 75;

fn main() {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(sample), Some(folder)) = (arguments.next(), arguments.next()) else {
        panic!("say which picture to open, and the folder to write into");
    };
    let desk = Desk::open(&sample, SCREEN, |window| Gimp::start_after(Generation::Three, window, |_| {}));
    let photograph = build_folder().join("screenshots/showcase/dialog.png");

    // Without docks, the picture as large as it fits.
    desk.press(&["Tab"]);
    desk.place((BESIDE, SCREEN.1));
    desk.press(&["ctrl+shift+j"]);
    let dialog = desk.open_dialog(Entry::Derust);
    desk.screen.move_to(&dialog, (BESIDE as i32, 0));
    desk.screen.point_at(0, SCREEN.1 - 1);
    assert!(desk.wait_for_preview(&dialog, &photograph), "the preview shows nothing new");
    write(&photograph, &folder.join("gimp-derust.jpg"));
    desk.screen.press(&dialog, &["Escape"]);
    desk.screen.wait_until_gone(Entry::Derust.title());

    desk.gimp.evaluate(&format!(
        "(plug-in-segment-rust #:run-mode RUN-NONINTERACTIVE #:image {0} #:drawables (vector (test-layer {0})) \
         #:output \"new-layer\")",
        desk.image
    ));
    desk.place(SCREEN);
    desk.press(&["Tab", "ctrl+shift+j"]);
    desk.photograph(&photograph);
    write(&photograph, &folder.join("gimp-segment-rust.jpg"));
}

/// Writes a photograph as JPEG.
fn write(photograph: &Path, path: &Path) {
    let picture = image::open(photograph).expect("a photograph").into_rgb8();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&picture).expect("a JPEG");
    fs::write(path, bytes).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    println!("written: {}", path.display());
}
