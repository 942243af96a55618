//! What the tests of derust's hosts share: an installed derust ([`prefix`]), and real programs that are run against
//! it with a time limit ([`run`], [`run_to_end`]).

mod prefix;
mod program;

pub use prefix::{build_folder, checkout, prefix};
/// Whether tests repeat what they show in every way that there is (`DERUST_THOROUGH`, which `cargo xtask verify` sets), and
/// not only in the cheapest way that can fail.
pub fn is_thorough() -> bool {
    std::env::var_os("DERUST_THOROUGH").is_some_and(|value| !value.is_empty())
}

pub use program::{Outcome, TIME_LIMIT, program, run, run_to_end, run_to_end_within, signal};
