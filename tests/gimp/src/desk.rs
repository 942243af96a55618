//! A GIMP on a screen, worked as a person works it.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::gimp::{Generation, Gimp, Window};
use crate::pictures::Picture;
use crate::screen::Screen;
use crate::script_fu::quoted;

/// Far more than a network needs for one picture on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);

/// A GIMP with one open picture.
pub struct Desk {
    /// The screen that GIMP is on.
    pub screen: Screen,
    /// The GIMP.
    pub gimp: Gimp,
    /// The picture's number in scripts.
    pub image: String,
    window: String,
}

/// An entry of the menu Filters ▸ Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Derust…
    Derust,
    /// Segment Rust…
    SegmentRust,
}

impl Entry {
    /// The title of its dialog.
    pub fn title(self) -> &'static str {
        match self {
            Entry::Derust => "^Derust$",
            Entry::SegmentRust => "^Segment Rust$",
        }
    }
}

impl Desk {
    /// Opens a picture in a GIMP that `start` starts, in a window that fills a screen of this width and height.
    ///
    /// # Panics
    /// When GIMP or the screen does not start.
    pub fn open(picture: &Path, size: (u32, u32), start: impl FnOnce(Window<'_>) -> Gimp) -> Self {
        let screen = Screen::new(size.0, size.1);
        let gimp = start(Window::On(screen.name()));
        let copy = gimp.folder().join(picture.file_name().unwrap_or_default());
        std::fs::copy(picture, &copy).expect("a copy of the picture");
        let image = gimp.evaluate(&format!("(test-load {})", quoted(&copy.to_string_lossy())));
        // An image that a script opens has no undo until it asks for it.
        gimp.evaluate(&format!(
            "(begin (gimp-image-undo-enable {image}) (gimp-image-clean-all {image}) (gimp-display-new {image}))"
        ));
        let window = screen.wait_for("GIMP$");
        let desk = Desk { screen, gimp, image, window };
        desk.place(size);
        desk
    }

    /// Gives GIMP's window a width and a height, in the screen's upper left corner.
    pub fn place(&self, size: (u32, u32)) {
        self.screen.place(&self.window, (0, 0), size);
        settle();
    }

    /// Opens the menu Filters ▸ Rust by keys; its first entry is marked.
    pub fn open_menu(&self) {
        self.screen.press(&self.window, &["alt+r"]);
        settle();
        // It stands last; GIMP 2.10 has two more below it.
        let keys: &[&str] = match self.gimp.generation {
            Generation::Two => &["End", "Up", "Up", "Right"],
            Generation::Three => &["End", "Right"],
        };
        self.screen.press_on(keys);
        settle();
    }

    /// Opens a dialog by the menu; returns its window.
    pub fn open_dialog(&self, entry: Entry) -> String {
        self.open_menu();
        self.screen.press_on(if entry == Entry::Derust { &["Return"] } else { &["Down", "Return"] });
        let dialog = self.screen.wait_for(entry.title());
        settle();
        dialog
    }

    /// Waits until a dialog looks different with its preview and without it; says whether that came to pass. Then a
    /// picture of the screen with the preview is in `picture`.
    pub fn wait_for_preview(&self, dialog: &str, picture: &Path) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < LIMIT {
            let before = self.photograph(picture);
            // Takes the tick off, and sets it again.
            self.screen.press(dialog, &["alt+p"]);
            let without = self.photograph(picture);
            self.screen.press(dialog, &["alt+p"]);
            let after = self.photograph(picture);
            // Nothing else has changed meanwhile, and the preview is more than the tick itself.
            if before == after && before.part_beyond(&without, 0.05) > 0.001 {
                return true;
            }
        }
        false
    }

    /// Waits until nothing moves on the screen, and writes a picture of it.
    pub fn photograph(&self, path: &Path) -> Picture {
        let begin = Instant::now();
        let mut last = None;
        loop {
            settle();
            self.screen.photograph(path);
            let picture = Picture::read(path);
            if last.as_ref() == Some(&picture) || begin.elapsed() > LIMIT {
                return picture;
            }
            last = Some(picture);
        }
    }

    /// Presses keys in GIMP's own window.
    pub fn press(&self, keys: &[&str]) {
        self.screen.press(&self.window, keys);
        settle();
    }

    /// Writes the picture's layer into a file; returns the file.
    pub fn save_layer(&self) -> PathBuf {
        let file = self.gimp.folder().join("layer.png");
        let path = quoted(&file.to_string_lossy());
        self.gimp.evaluate(&format!("(test-save (test-layer {}) {path})", self.image));
        file
    }
}

/// GIMP draws and takes in what was typed.
fn settle() {
    thread::sleep(Duration::from_millis(800));
}
