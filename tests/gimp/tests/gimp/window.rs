//! The filters as a person works with them: menu, dialog, preview, OK, undo.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::headless::{Remove, remove_call};
use derust_engine::pixels::Transfer;
use derust_test_support::{build_folder, checkout};
use derust_tests_gimp::desk::{Desk, Entry};
use derust_tests_gimp::expected::Expected;
use derust_tests_gimp::gimp::process_of;
use derust_tests_gimp::networks;
use derust_tests_gimp::pictures::{Kind, Picture};
use derust_tests_gimp::{Generation, Gimp, Window};

/// A step of 8 bits.
const TOLERANCE: f32 = 1.001 / 255.0;

/// Far more than the tiny networks need on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

const SCREEN: (u32, u32) = (1280, 800);

/// Where GIMP's window has the button Cancel as long as a filter runs.
const CANCEL: (u32, u32) = (1010, 782);

macro_rules! tests_in {
    ($module:ident $generation:ident $($test:ident)*) => {
        mod $module {
            $(#[test]
            fn $test() {
                super::$test(super::Generation::$generation);
            })*
        }
    };
}

tests_in! {
    gimp_2 Two
    rust_is_taken_away_and_brought_back
    a_filter_can_be_cancelled
    the_menu_and_the_dialog_speak_the_users_language
}

tests_in! {
    gimp_3 Three
    rust_is_taken_away_and_brought_back
}

fn rust_is_taken_away_and_brought_back(generation: Generation) {
    let sample = checkout().join("tests/samples/rusty-panel.jpg");
    let desk = Desk::open(&sample, SCREEN, |window| Gimp::start(generation, window));
    let pictures = build_folder().join("screenshots").join(generation.word());
    let before = layer(&desk);
    let expected = Expected::beside(&desk.gimp.plug_in()).removed(&before, Transfer::Srgb, None, 1.0);

    desk.open_menu();
    desk.screen.photograph(&pictures.join("menu.png"));
    desk.screen.press_on(&["Escape", "Escape", "Escape"]);

    let dialog = desk.open_dialog(Entry::Derust);
    assert!(desk.wait_for_preview(&dialog, &pictures.join("dialog.png")), "the preview shows nothing new");
    desk.screen.press(&dialog, &["Escape"]);
    desk.screen.wait_until_gone(Entry::Derust.title());
    assert!(layer(&desk) == before, "Cancel has changed the layer");

    let dialog = desk.open_dialog(Entry::Derust);
    desk.screen.press(&dialog, &["Return"]);
    desk.screen.wait_until_gone(Entry::Derust.title());
    wait_for_layer(&desk, &expected, "OK");
    desk.screen.photograph(&pictures.join("result.png"));

    desk.press(&["ctrl+z"]);
    wait_for_layer(&desk, &before, "undo");
    desk.screen.photograph(&pictures.join("undone.png"));
    desk.press(&["ctrl+y"]);
    wait_for_layer(&desk, &expected, "redo");
    desk.press(&["ctrl+z"]);
    wait_for_layer(&desk, &before, "undo");
    // The same again, without a dialog.
    desk.press(&["ctrl+f"]);
    wait_for_layer(&desk, &expected, "repeat");

    // A layer and its mask come as one step and go as one.
    let state = || desk.gimp.evaluate(&format!("(test-state {})", desk.image));
    let alone = state();
    let layer = desk.gimp.evaluate(&format!("(test-layer {})", desk.image));
    let output = Remove { output: "layer-mask", ..Remove::default() };
    desk.gimp.evaluate(&remove_call(&desk.gimp, (&desk.image, &layer), output));
    assert_ne!(state(), alone);
    desk.press(&["ctrl+z"]);
    let begin = Instant::now();
    while state() != alone {
        assert!(begin.elapsed() < LIMIT, "one undo leaves {}, and there was {alone}", state());
        thread::sleep(Duration::from_millis(200));
    }

    let dialog = desk.open_dialog(Entry::SegmentRust);
    desk.screen.photograph(&pictures.join("segment.png"));
    desk.screen.press(&dialog, &["Return"]);
    desk.screen.wait_until_gone(Entry::SegmentRust.title());
    let selected = || desk.gimp.evaluate(&format!("(test-state {})", desk.image)).ends_with("1)");
    let begin = Instant::now();
    while !selected() {
        assert!(begin.elapsed() < LIMIT, "nothing is selected");
        thread::sleep(Duration::from_millis(200));
    }
    desk.screen.photograph(&pictures.join("selection.png"));
}

fn a_filter_can_be_cancelled(generation: Generation) {
    let prepare = |plug_in: &Path| networks::write_slow(&plug_in.join("models"));
    let start = |window: Window<'_>| Gimp::start_after(generation, window, prepare);
    let desk = Desk::open(&large_picture(), SCREEN, start);
    let pictures = build_folder().join("screenshots").join(generation.word());
    let program = desk.gimp.plug_in().join("gimp-derust");
    let before = layer(&desk);
    let dialog = desk.open_dialog(Entry::Derust);
    // Before the preview is there: the work goes on without the dialog.
    desk.screen.press(&dialog, &["Return"]);
    desk.screen.wait_until_gone(Entry::Derust.title());
    assert!(process_of(&program).is_some(), "the filter has come to its end already");
    desk.screen.photograph(&pictures.join("progress.png"));
    let begin = Instant::now();
    while process_of(&program).is_some() {
        assert!(begin.elapsed() < LIMIT, "the filter goes on");
        desk.screen.click(CANCEL.0, CANCEL.1);
        thread::sleep(Duration::from_millis(200));
    }
    desk.screen.photograph(&pictures.join("cancelled.png"));
    assert!(layer(&desk) == before, "a cancelled filter has changed the layer");
    let dirty = desk.gimp.evaluate(&format!("(test-number (car (gimp-image-is-dirty {})))", desk.image));
    assert_eq!(dirty, "0", "there is something to undo");
}

fn the_menu_and_the_dialog_speak_the_users_language(generation: Generation) {
    let sample = checkout().join("tests/samples/rusty-panel.jpg");
    let prepare = |plug_in: &Path| networks::write(&plug_in.join("models"));
    let desk = Desk::open(&sample, SCREEN, |window| Gimp::start_in(generation, window, "zh_CN", prepare));
    let pictures = build_folder().join("screenshots").join(generation.word());
    desk.open_menu();
    desk.screen.photograph(&pictures.join("menu-zh_CN.png"));
    // Entries stand in the order of their translations, which keep the letters.
    desk.screen.press_on(&["d"]);
    desk.screen.wait_for("^除锈$");
    desk.photograph(&pictures.join("dialog-zh_CN.png"));
}

/// A file with a picture that takes the filter some seconds.
fn large_picture() -> PathBuf {
    let file = build_folder().join("large-picture.png");
    if !file.exists() {
        let unfinished = tempfile::NamedTempFile::with_suffix_in(".png", build_folder()).expect("a file");
        Picture::spots(Kind::Rgb, 6000, 4000).write(unfinished.path());
        unfinished.persist(&file).expect("a name for the picture");
    }
    file
}

fn layer(desk: &Desk) -> Picture {
    Picture::read(&desk.save_layer())
}

fn wait_for_layer(desk: &Desk, expected: &Picture, after: &str) {
    let begin = Instant::now();
    loop {
        let difference = layer(desk).difference(expected);
        if difference <= TOLERANCE {
            return;
        }
        assert!(begin.elapsed() < LIMIT, "after {after}: {}/255", difference * 255.0);
        thread::sleep(Duration::from_millis(200));
    }
}
