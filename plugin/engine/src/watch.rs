//! Noticing that model files came, changed or went while the program runs.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use crate::log::{Level, Log};
use crate::models::Store;

/// Looks at the folders at a steady pace until it is dropped. It asks for names, sizes and times only, which works on
/// network shares too, where no events come.
#[derive(Debug)]
pub(crate) struct Watcher {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits; true when the watcher is to end.
    fn wait(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What is there: path, size and time of last change of every model file and sidecar.
type Sight = Vec<(PathBuf, u64, Option<SystemTime>)>;

fn look(store: &Store) -> Sight {
    let files = store.files().into_iter();
    let sight = |path: PathBuf| {
        let metadata = path.metadata().ok()?;
        Some((path, metadata.len(), metadata.modified().ok()))
    };
    files.filter_map(sight).collect()
}

impl Watcher {
    /// Calls `refresh` whenever the files differ from what they were, once they have been the same for a whole
    /// `interval`: a copy that is still being written is left alone.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(
        store: Store,
        interval: Duration,
        log: Log,
        refresh: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let mut known = look(&store);
        let watched = Arc::clone(&stop);
        let watch = move || {
            let mut last = known.clone();
            while !watched.wait(interval) {
                let now = look(&store);
                if now == last && now != known {
                    log.say(Level::Info, format_args!("model files have changed"));
                    refresh();
                    known = now.clone();
                }
                last = now;
            }
        };
        let thread = thread::Builder::new().name("derust models".into()).spawn(watch)?;
        Ok(Watcher { stop, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self.stop.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends after the file that it may be trying out.
            let _ = thread.join();
        }
    }
}
