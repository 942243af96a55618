//! Trying a model out: whether it answers what its manifest says, and how long that takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::analysis::{Network, tile_size};
use crate::control::Control;
use crate::error::Error;
use crate::room;
use crate::runtime::{Placement, Runtime, SessionOptions};

/// Side in pixels of the picture with which a network is tried out before it serves, where its graph does not demand
/// another.
const SMALL_SIDE: usize = 64;

/// How a model did on a grey picture of the size of its tiles.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Width and height of the picture in pixels.
    pub size: (usize, usize),
    /// What it took to load the network.
    pub loading: Duration,
    /// The first run, which takes memory and may choose how to compute.
    pub first_run: Duration,
    /// The runs after it, the shortest one first.
    pub later_runs: Vec<Duration>,
    /// Where it ran.
    pub placement: Option<Arc<Placement>>,
}

impl Trial {
    /// The median of the later runs, or the first run where there are none.
    pub fn median_run(&self) -> Duration {
        self.later_runs.get(self.later_runs.len() / 2).copied().unwrap_or(self.first_run)
    }

    /// The median run's time for a million pixels.
    pub fn per_megapixel(&self) -> Duration {
        self.median_run().mul_f64(1e6 / (self.size.0 * self.size.1) as f64)
    }
}

impl Trial {
    /// Loads a network, runs it once and then `later_runs` times more on a picture of the size of its tiles.
    pub(super) fn of(
        network: &Network,
        runtime: &Runtime,
        options: &SessionOptions,
        later_runs: usize,
        control: &Control<'_>,
    ) -> Result<Self, Error> {
        let timed = |work: &dyn Fn() -> Result<(), Error>| {
            let begin = Instant::now();
            work().map(|()| begin.elapsed())
        };
        let [height, width] = tile_size(&network.model);
        let run = || run(network, runtime, options, [height, width], control);
        let loading = timed(&|| network.load(runtime, options, control))?;
        let first_run = timed(&run)?;
        let mut later_runs = (0..later_runs).map(|_| timed(&run)).collect::<Result<Vec<_>, _>>()?;
        later_runs.sort();
        Ok(Trial { size: (width, height), loading, first_run, later_runs, placement: network.placement() })
    }
}

/// Runs a network once over a small picture: what it answers must be what its manifest says.
pub(super) fn run_once(
    network: &Network,
    runtime: &Runtime,
    options: &SessionOptions,
    control: &Control<'_>,
) -> Result<(), Error> {
    let size = network.model.fixed_size.map(|side| side.unwrap_or(SMALL_SIDE));
    run(network, runtime, options, size, control)
}

/// Runs a network over a grey picture of this height and width.
fn run(
    network: &Network,
    runtime: &Runtime,
    options: &SessionOptions,
    [height, width]: [usize; 2],
    control: &Control<'_>,
) -> Result<(), Error> {
    let grey = room::filled((3, height, width), 0.5)?;
    network.run(runtime, options, grey.view(), None, control.silent()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Convolution, Network as Fixture};
    use crate::models::inspect;
    use crate::{Engine, EngineOptions};

    #[test]
    fn a_model_is_timed_at_the_size_of_its_tiles_and_a_broken_one_is_not() {
        let engine = Engine::new(EngineOptions::default());
        let fixed = Fixture { fixed_size: Some((48, 96)), ..Fixture::red_is_rust() };
        for (fixture, size) in [(Fixture::red_is_rust(), (64, 64)), (fixed, (96, 48))] {
            let trial = engine
                .try_out(inspect(&fixture.to_onnx(), None).unwrap(), fixture.to_onnx(), 3, Control::default())
                .unwrap();
            assert_eq!((trial.size, trial.later_runs.len()), (size, 3));
            assert!(trial.later_runs.is_sorted() && trial.later_runs[1] == trial.median_run());
            let pixels = (size.0 * size.1) as f64 / 1e6;
            let difference = trial.per_megapixel().as_secs_f64() * pixels - trial.median_run().as_secs_f64();
            assert!(difference.abs() < 1e-6, "{difference}");
        }
        let shrinking = Convolution { weights: vec![vec![vec![0.25; 4]; 3]], bias: vec![0.0] };
        let broken = Fixture::segment("broken", shrinking).to_onnx();
        let error =
            engine.try_out(inspect(&broken, None).unwrap(), broken, 1, Control::default()).unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{error}");
    }
}
