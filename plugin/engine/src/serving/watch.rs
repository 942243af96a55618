//! Noticing that model files came, changed or went while the program runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::log::{Level, Log};
use crate::models::{Added, Store};

/// Looks at the folders until it is dropped: at once when the system tells of a change, and at a steady pace, since no
/// system tells what happens on a network share. It asks for names, sizes and times only.
#[derive(Debug)]
pub(crate) struct Watcher {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// How long files must stay as they are before they count as whole, unless the pace is faster.
const SETTLED: Duration = Duration::from_millis(300);

/// Wakes the watching thread.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<Rung>,
    changed: Condvar,
    /// The watcher is to end: stops what it has begun.
    halt: AtomicBool,
}

#[derive(Debug, Default)]
struct Rung {
    /// The watcher is to end.
    stop: bool,
    /// The system told of a change.
    event: bool,
}

impl Bell {
    fn ring(&self, how: impl FnOnce(&mut Rung)) {
        how(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Rung> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the time, or for less when the system tells of a change. True when the watcher is to end.
    fn wait_for_change(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |rung| !rung.stop && !rung.event);
        let mut rung = waited.unwrap_or_else(PoisonError::into_inner).0;
        rung.event = false;
        rung.stop
    }

    /// Waits for the whole time. True when the watcher is to end.
    fn wait(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |rung| !rung.stop);
        waited.unwrap_or_else(PoisonError::into_inner).0.stop
    }
}

/// What is there: path, size and times of every file that decides what serves.
type Sight = Vec<(PathBuf, u64, Added)>;

fn look(store: &Store) -> Sight {
    let files = store.files().into_iter();
    let sight = |path: PathBuf| {
        let metadata = path.metadata().ok()?;
        Some((path, metadata.len(), Added::from(&metadata)))
    };
    files.filter_map(sight).collect()
}

/// The system's word on the folders that exist.
struct Events {
    /// Nothing where the system has no events to give, or no more of them; the steady pace remains.
    watcher: Option<RecommendedWatcher>,
    folders: Vec<PathBuf>,
    watched: Vec<PathBuf>,
}

impl Events {
    fn new(store: &Store, bell: Arc<Bell>) -> Self {
        let ring = move |event: notify::Result<notify::Event>| {
            // What is only read changes nothing; the engine itself reads.
            if event.map_or(true, |event| !event.kind.is_access()) {
                bell.ring(|rung| rung.event = true);
            }
        };
        let parent = store.preferences_file().and_then(|path| path.parent()).map(PathBuf::from);
        let folders = store.folders().iter().cloned().chain(parent).collect();
        Events { watcher: notify::recommended_watcher(ring).ok(), folders, watched: vec![] }
    }

    /// Folders may come and go at any time.
    fn follow_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        self.watched.retain(|folder| folder.is_dir());
        for folder in &self.folders {
            let is_new = !self.watched.contains(folder) && folder.is_dir();
            if is_new && watcher.watch(folder, RecursiveMode::NonRecursive).is_ok() {
                self.watched.push(folder.clone());
            }
        }
    }
}

impl Watcher {
    /// Calls `refresh` whenever the files differ from what they were, once they have stayed the same for a while: a
    /// copy that is still being written is left alone. Looks at least once per `interval`. What `refresh` is given is set
    /// when it is to end.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(
        store: Store,
        interval: Duration,
        log: Log,
        refresh: impl Fn(&AtomicBool) + Send + 'static,
    ) -> std::io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let mut events = Events::new(&store, Arc::clone(&bell));
        events.follow_folders();
        let mut known = look(&store);
        let settled = SETTLED.min(interval);
        let heard = Arc::clone(&bell);
        let watch = move || {
            while !heard.wait_for_change(interval) {
                events.follow_folders();
                let mut now = look(&store);
                if now == known {
                    continue;
                }
                loop {
                    if heard.wait(settled) {
                        return;
                    }
                    let later = look(&store);
                    if later == now {
                        break;
                    }
                    now = later;
                }
                if now != known {
                    log.say(Level::Info, format_args!("model files have changed"));
                    known = now;
                    // The next change is looked at all the same.
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| refresh(&heard.halt))) {
                        let what = panic.downcast_ref::<String>().map(String::as_str);
                        let what = what.or_else(|| panic.downcast_ref().copied()).unwrap_or("without a text");
                        log.say(
                            Level::Error,
                            format_args!("a bug in derust: looking at the model folders panicked: {what}"),
                        );
                        // What a payload does when it is dropped is not known; it could panic again.
                        std::mem::forget(panic);
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("derust models".into()).spawn(watch)?;
        Ok(Watcher { bell, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.bell.halt.store(true, Ordering::Relaxed);
        self.bell.ring(|rung| rung.stop = true);
        // The log may be what drops it: a thread cannot wait for itself.
        let other = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = other {
            // It ends within a tile of what it may be trying out.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_panic_is_said_and_the_watching_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (calls, called) = mpsc::channel();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&heard);
        let log = Log::to(move |level, message| sink.lock().unwrap().push((level, message.to_owned())));
        let refresh = move |_: &AtomicBool| {
            calls.send(()).unwrap();
            panic!("over\nboard");
        };
        let store = Store::only(&[folder.path().to_owned()]);
        let watcher = Watcher::start(store, Duration::from_millis(50), log, refresh).unwrap();
        for name in ["one.onnx", "two.onnx"] {
            fs::write(folder.path().join(name), name).unwrap();
            called.recv_timeout(Duration::from_secs(20)).expect("a change is looked at");
        }
        drop(watcher);
        let heard = heard.lock().unwrap();
        let panics =
            heard.iter().filter(|(level, text)| *level == Level::Error && text.ends_with("over\\nboard"));
        assert_eq!(panics.count(), 2, "{heard:?}");
    }
}
