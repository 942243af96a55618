//! What the engine tells its host beside results and errors.

use std::fmt;
use std::sync::Arc;

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Something that was asked for cannot be done.
    Error,
    /// Something is not as it should be, and work goes on.
    Warning,
    /// What happens.
    Info,
}

/// Where messages go; the default drops them.
#[derive(Clone, Default)]
pub struct Log {
    sink: Option<Arc<Sink>>,
}

type Sink = dyn Fn(Level, &str) + Send + Sync;

impl Log {
    /// Messages go to `sink`, on the thread of the call that has something to say.
    pub fn to(sink: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Log { sink: Some(Arc::new(sink)) }
    }

    pub(crate) fn say(&self, level: Level, message: fmt::Arguments<'_>) {
        if let Some(sink) = &self.sink {
            sink(level, &message.to_string());
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("heard", &self.sink.is_some()).finish()
    }
}
