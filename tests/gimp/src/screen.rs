//! A screen of its own for a GIMP with windows, and a hand that types and clicks there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const GUARD: &str = include_str!("guard.sh");

/// How long a window may take to appear on a busy machine.
const WINDOW_LIMIT: Duration = Duration::from_secs(180);

/// A screen; it goes away when this is dropped or the process ends.
pub struct Screen {
    name: String,
    guard: Child,
    lifeline: Option<ChildStdin>,
}

impl Screen {
    /// A screen of this size in pixels.
    ///
    /// # Panics
    /// When Xvfb does not start.
    pub fn new(width: u32, height: u32) -> Self {
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard", "Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0"]);
        guard.arg(format!("{width}x{height}x24")).env("DERUST_TEST_FOLDER", "");
        let mut guard = guard
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let lifeline = guard.stdin.take();
        let mut number = String::new();
        BufReader::new(guard.stdout.take().expect("what Xvfb says"))
            .read_line(&mut number)
            .expect("the screen's number");
        assert!(!number.trim().is_empty(), "Xvfb does not start");
        Screen { name: format!(":{}", number.trim()), guard, lifeline }
    }

    /// What `DISPLAY` has to be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for a visible window with these words in its title; returns its number.
    ///
    /// # Panics
    /// When none appears.
    pub fn wait_for(&self, title: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(window) = self.find(title) {
                return window;
            }
            assert!(begin.elapsed() < WINDOW_LIMIT, "no window {title:?}; there are:\n{}", self.titles());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until there is no such window.
    ///
    /// # Panics
    /// When it stays.
    pub fn wait_until_gone(&self, title: &str) {
        let begin = Instant::now();
        while self.find(title).is_some() {
            assert!(begin.elapsed() < WINDOW_LIMIT, "the window {title:?} stays");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// A visible window with these words in its title.
    pub fn find(&self, title: &str) -> Option<String> {
        let found = self.xdotool(&["search", "--onlyvisible", "--name", title]);
        found.lines().last().map(String::from)
    }

    /// Gives a window the keyboard, then presses keys such as `Return` or `ctrl+z`.
    pub fn press(&self, window: &str, keys: &[&str]) {
        self.xdotool(&["windowfocus", "--sync", window]);
        self.press_on(keys);
    }

    /// Presses keys in what has the keyboard.
    pub fn press_on(&self, keys: &[&str]) {
        for key in keys {
            self.xdotool(&["key", "--clearmodifiers", key]);
            thread::sleep(Duration::from_millis(150));
        }
    }

    /// Moves a window and gives it a size.
    pub fn place(&self, window: &str, place: (i32, i32), (width, height): (u32, u32)) {
        self.move_to(window, place);
        self.xdotool(&["windowsize", window, &width.to_string(), &height.to_string()]);
    }

    /// Moves a window, which keeps its size.
    pub fn move_to(&self, window: &str, (x, y): (i32, i32)) {
        self.xdotool(&["windowmove", window, &x.to_string(), &y.to_string()]);
    }

    /// Moves the pointer to a place where it shows nothing of its own, such as a corner.
    pub fn point_at(&self, x: u32, y: u32) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string()]);
    }

    /// Clicks at a place.
    pub fn click(&self, x: u32, y: u32) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string(), "click", "1"]);
    }

    /// Writes a picture of the whole screen.
    ///
    /// # Panics
    /// When that fails.
    pub fn photograph(&self, path: &Path) {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("a folder for pictures");
        }
        let mut import = Command::new("import");
        import.args(["-display", &self.name, "-window", "root"]).arg(path);
        assert!(import.status().expect("import starts").success(), "no picture of the screen");
    }

    /// The titles of all visible windows, for a message.
    fn titles(&self) -> String {
        let all = self.xdotool(&["search", "--onlyvisible", "--name", "."]);
        all.lines().map(|window| self.xdotool(&["getwindowname", window])).collect()
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let output = Command::new("xdotool").args(arguments).env("DISPLAY", &self.name).output();
        String::from_utf8_lossy(&output.expect("xdotool starts").stdout).into_owned()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.guard.wait();
    }
}
