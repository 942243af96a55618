//! The engine as this command sets it up.

use derust_engine::EngineOptions;
use derust_engine::trial::TrialOptions;

/// The argument with which this program starts itself to try a model out; people have no use for it.
pub const TRY: &str = "--try-a-model-out";

/// The options of an engine that has this program try unknown models out.
pub fn options() -> EngineOptions {
    let program = std::env::current_exe().ok();
    let trial = TrialOptions { arguments: vec![TRY.into()], ..TrialOptions::by(program) };
    EngineOptions { trial, ..EngineOptions::default() }
}
