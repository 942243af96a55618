//! The filters as a person works with them: menu, dialog, preview, OK, undo.

use std::thread;
use std::time::{Duration, Instant};

use derust_engine::pixels::Transfer;
use derust_test_support::{build_folder, checkout};
use derust_tests_gimp::desk::{Desk, Entry};
use derust_tests_gimp::expected::Expected;
use derust_tests_gimp::pictures::Picture;
use derust_tests_gimp::{Generation, Gimp};

/// A step of 8 bits.
const TOLERANCE: f32 = 1.001 / 255.0;

/// Far more than the tiny networks need on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

const SCREEN: (u32, u32) = (1280, 800);

mod gimp_2 {
    #[test]
    fn rust_is_taken_away_and_brought_back() {
        super::rust_is_taken_away_and_brought_back(super::Generation::Two);
    }
}

mod gimp_3 {
    #[test]
    fn rust_is_taken_away_and_brought_back() {
        super::rust_is_taken_away_and_brought_back(super::Generation::Three);
    }
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
