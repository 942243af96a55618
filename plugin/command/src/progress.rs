//! The bar that people see on a terminal while they wait.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::Work;

/// Steps of the bar for each picture.
const STEPS: u64 = 1000;

/// A bar for `pictures` pictures with the time left; hidden where nobody would see it, or wants to.
pub fn bar(work: &Work, pictures: usize) -> ProgressBar {
    if work.quiet || !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(STEPS * pictures as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    // Before the first picture has come far enough to be seen, too.
    bar.tick();
    bar
}

/// How far one picture is.
#[derive(Debug)]
pub struct Share<'a> {
    bar: &'a ProgressBar,
    shown: AtomicU64,
}

impl<'a> Share<'a> {
    /// A picture that has just begun.
    pub fn new(bar: &'a ProgressBar) -> Self {
        Share { bar, shown: AtomicU64::new(0) }
    }

    /// The part of the picture that is done, 0 to 1.
    pub fn set(&self, part: f32) {
        let step = (part.clamp(0.0, 1.0) * STEPS as f32) as u64;
        let before = self.shown.fetch_max(step, Ordering::Relaxed);
        if step > before {
            self.bar.inc(step - before);
        }
    }
}

impl Drop for Share<'_> {
    /// A picture that failed is over too.
    fn drop(&mut self) {
        self.set(1.0);
    }
}
