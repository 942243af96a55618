//! The plug-in as a process: how it is started, and a run of a filter from its beginning to its end.

mod entry;
mod run;

pub use entry::start;
