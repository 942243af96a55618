//! What the engine tells its host beside results and errors.

use std::fmt;
use std::sync::Arc;

use crate::printable::printable;

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
    building: Option<Arc<BuildingSink>>,
}

type Sink = dyn Fn(Level, &str) + Send + Sync;
type BuildingSink = dyn Fn(&str, bool) + Send + Sync;

impl Log {
    /// Messages go to `sink`, each [`printable`](fn@crate::printable) line, on the thread of the call that has something to say.
    pub fn to(sink: impl Fn(Level, &str) + Send + Sync + 'static) -> Self {
        Log { sink: Some(Arc::new(sink)), building: None }
    }

    /// The same, and `sink` hears when TensorRT begins (true) and ends (false) to build an engine for the network of that
    /// name, which can take minutes, on the thread of the call that waits for it.
    #[must_use]
    pub fn on_building(self, sink: impl Fn(&str, bool) + Send + Sync + 'static) -> Self {
        Log { building: Some(Arc::new(sink)), ..self }
    }

    /// Tells only of what TensorRT builds.
    pub(crate) fn only_building(&self) -> Self {
        Log { sink: None, building: self.building.clone() }
    }

    pub(crate) fn say(&self, level: Level, message: fmt::Arguments<'_>) {
        if let Some(sink) = &self.sink {
            sink(level, &printable(&message.to_string()));
        }
    }
}

impl Log {
    /// TensorRT begins or ends to build an engine for the network of this name.
    #[doc(hidden)]
    pub fn builds(&self, name: &str, begins: bool) {
        if let Some(sink) = &self.building {
            sink(name, begins);
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("heard", &self.sink.is_some()).finish()
    }
}
