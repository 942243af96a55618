//! The thread on which a dialog's filter runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use crate::filter::{self, ANALYSED, Made, Settings, Work};
use crate::text::{Problem, tr};

/// What the thread says.
pub enum Answer {
    /// Which part of the work is done, 0 to 1.
    Progress(f32),
    /// What the network runs on, and why on nothing better.
    RunsOn { device: String, placements: String },
    /// What was made with these settings.
    Made(Settings, Made),
    /// Nothing can be made.
    Failed(Problem),
}

/// The settings that are wanted now; older ones are not worked on any more.
#[derive(Default)]
struct Wanted {
    settings: Mutex<Option<Settings>>,
    closing: AtomicBool,
}

/// A thread that makes what the settings ask for, the newest ones first.
pub struct Worker {
    wanted: Arc<Wanted>,
    /// Wakes the thread; without it, the thread ends.
    wake: Sender<()>,
    answers: Receiver<Answer>,
    thread: JoinHandle<Work>,
}

impl Worker {
    /// Starts the thread.
    pub fn start(mut work: Work) -> Self {
        let wanted = Arc::new(Wanted::default());
        let (wake, woken) = mpsc::channel::<()>();
        let (answer, answers) = mpsc::channel();
        let seen = wanted.clone();
        let thread = std::thread::spawn(move || {
            while woken.recv().is_ok() && !seen.closing.load(Ordering::Relaxed) {
                let Some(settings) = seen.newest() else { continue };
                make(&mut work, settings, &seen, &answer);
            }
            work
        });
        Worker { wanted, wake, answers, thread }
    }

    /// Asks for a result with these settings, and for none with others.
    pub fn make(&self, settings: Settings) {
        if let Ok(mut wanted) = self.wanted.settings.lock() {
            *wanted = Some(settings);
        }
        // If the thread is gone, `stop` says so.
        let _ = self.wake.send(());
    }

    /// What the thread has said, if anything is left.
    pub fn answer(&self) -> Option<Answer> {
        self.answers.try_recv().ok()
    }

    /// Ends the thread; gives back what was found.
    ///
    /// # Errors
    /// If the thread ended because of a bug.
    pub fn stop(self) -> Result<Work, Problem> {
        self.wanted.closing.store(true, Ordering::Relaxed);
        drop(self.wake);
        self.thread.join().map_err(|_| Problem::new(tr("A bug in Derust: it panicked.")))
    }
}

impl Wanted {
    fn newest(&self) -> Option<Settings> {
        self.settings.lock().ok()?.clone()
    }

    /// Whether work with `settings` that is done by `done` is still of use. An analysis is, as long as the same model is
    /// wanted on the same device: what follows is composed from it.
    fn still(&self, settings: &Settings, done: f32) -> bool {
        if self.closing.load(Ordering::Relaxed) {
            return false;
        }
        let newest = self.newest();
        newest.is_none_or(|newest| {
            newest == *settings
                || (done < ANALYSED
                    && newest.model == settings.model
                    && newest.device == settings.device
                    && newest.use_visible == settings.use_visible
                    && newest.judge_anyway == settings.judge_anyway)
        })
    }
}

fn make(work: &mut Work, settings: Settings, wanted: &Wanted, answer: &Sender<Answer>) {
    // Nobody listens to a dialog that closes.
    let say = |message| drop(answer.send(message));
    let say_device = |work: &mut Work| {
        if let Ok(engine) = work.engine(settings.device) {
            let device = engine.runs_on().unwrap_or_else(|problem| problem.to_string());
            say(Answer::RunsOn { device, placements: engine.placements() });
        }
    };
    say_device(work);
    let mut told = 0.0;
    let canvas = OnceLock::new();
    let made = filter::make(work, &settings, &canvas, &mut |done| {
        if done >= told + 0.01 {
            told = done;
            say(Answer::Progress(done));
        }
        wanted.still(&settings, done)
    });
    // Only now it is certain: a GPU may be there and unfit for the network.
    say_device(work);
    match made {
        Ok(made) => say(Answer::Made(settings, made.with(canvas))),
        Err(problem) if problem.is_cancelled() => {}
        Err(problem) => say(Answer::Failed(problem)),
    }
}
