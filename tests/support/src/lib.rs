//! What the tests of derust's hosts share: an installed derust ([`prefix`]), and real programs that are run against
//! it with a time limit ([`run`], [`run_to_end`]).

mod prefix;
mod program;

pub use prefix::{build_folder, checkout, prefix};
pub use program::{Outcome, TIME_LIMIT, program, run, run_to_end, run_to_end_within};
