//! Throws random calls at libderust: descriptions of pictures that are right or wrong in one or two places, options
//! of every kind, handles of earlier calls.
//!
//! ```text
//! random_calls LIBRARY MODEL_FOLDER SECONDS [SEED]
//! ```
//!
//! The one thing that is always true is how much memory there is behind a pointer. After each call its answer is looked
//! at: the status is a known one, a failure has a text, nothing was written but pixels of outputs. Ends with 0 if all
//! was as it should be; the same seed makes the same calls.

mod answers;
mod calls;
mod dice;
mod memory;
mod options;
mod pictures;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use calls::Caller;
use dice::Dice;
use memory::Look;

/// How often memory is looked at.
const LOOKS: u32 = 12;

/// Calls until all that earlier ones gave is freed.
const ROUND: u32 = 50;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Result<Vec<u64>, _> = arguments.iter().skip(2).map(|number| number.parse()).collect();
    let ([library, models, ..], Ok([seconds, seed @ ..])) = (&arguments[..], numbers.as_deref()) else {
        eprintln!("usage: random_calls LIBRARY MODEL_FOLDER SECONDS [SEED]");
        return ExitCode::from(2);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
    let seed = seed.first().copied().unwrap_or(now);
    println!("seed {seed}");
    match run(Path::new(library), models, Duration::from_secs(*seconds), seed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}; again with seed {seed}");
            ExitCode::FAILURE
        }
    }
}

fn run(library: &Path, models: &str, time: Duration, seed: u64) -> Result<(), String> {
    let library = derust_interface::load(library).map_err(|error| error.to_string())?;
    let mut dice = Dice::new(seed);
    let mut caller = Caller::new(library, models)?;
    let mut looks = Vec::new();
    let begin = Instant::now();
    for look in 1..=LOOKS {
        while begin.elapsed() < time * look / LOOKS {
            // By number and not by time, so that the calls depend on the seed alone.
            for _ in 0..ROUND {
                caller.call(&mut dice)?;
            }
            caller.forget_all();
        }
        let seen = Look { calls: caller.tally.calls(), bytes: memory::in_use() };
        eprintln!("{look} of {LOOKS}: {} calls, {} bytes in use", seen.calls, seen.bytes);
        looks.push(seen);
    }
    caller.tally.print();
    match memory::grows(&looks) {
        Some(true) => return Err(format!("memory is used more and more: {looks:?}")),
        Some(false) => {}
        None => println!("too few calls to tell whether memory is used more and more; give it more time"),
    }
    caller.tally.is_fair()
}
