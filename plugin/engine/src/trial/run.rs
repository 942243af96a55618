//! The trial itself: whether a network answers what its manifest says, and how long that takes.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::analysis::{Network, tile_size};
use crate::control::Control;
use crate::error::Error;
use crate::models::Model;
use crate::room;
use crate::runtime::{Placement, Runtime, SessionOptions};

/// Side in pixels of the smallest picture with which a network is tried out, where its graph does not demand another.
const SMALL_SIDE: usize = 64;

/// How a model did on gray pictures, of the size of its tiles unless said otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    pub placement: Option<Placement>,
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

    /// Loads a network, runs it at sizes that are not its tiles', and then once and `later_runs` times more at that.
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
        let loading = timed(&|| network.load(runtime, options, control))?;
        for size in other_sizes(&network.model) {
            run(network, runtime, options, size, true, control)?;
        }
        let [height, width] = tile_size(&network.model);
        let run = || run(network, runtime, options, [height, width], false, control);
        let first_run = timed(&run)?;
        let mut later_runs = (0..later_runs).map(|_| timed(&run)).collect::<Result<Vec<_>, _>>()?;
        later_runs.sort();
        let placement = network.placement().map(|placement| Placement::clone(&placement));
        Ok(Trial { size: (width, height), loading, first_run, later_runs, placement })
    }
}

/// Height and width of pictures whose tiles are smaller, one square and one not, where the graph leaves the size open.
fn other_sizes(model: &Model) -> Vec<[usize; 2]> {
    let multiple = model.manifest.tile.multiple.max(1) as usize;
    let small = SMALL_SIDE.next_multiple_of(multiple);
    let wide = (small + 1).next_multiple_of(multiple);
    let fit = |sides: [usize; 2]| [0, 1].map(|i| model.fixed_size[i].unwrap_or(sides[i]));
    let tile = tile_size(model);
    let mut sizes: Vec<_> =
        [[small, small], [small, wide]].map(fit).into_iter().filter(|size| *size != tile).collect();
    sizes.dedup();
    sizes
}

/// Runs a network once over a small picture: what it answers must be what its manifest says.
pub(crate) fn run_once(
    network: &Network,
    runtime: &Runtime,
    options: &SessionOptions,
    control: &Control<'_>,
) -> Result<(), Error> {
    let size = network.model.fixed_size.map(|side| side.unwrap_or(SMALL_SIDE));
    run(network, runtime, options, size, false, control)
}

/// Runs a network over a gray picture of this height and width, of which all or nothing is masked.
fn run(
    network: &Network,
    runtime: &Runtime,
    options: &SessionOptions,
    [height, width]: [usize; 2],
    masked: bool,
    control: &Control<'_>,
) -> Result<(), Error> {
    let gray = room::filled((3, height, width), 0.5)?;
    let mask = if masked { Some(room::filled((height, width), 1.0)?) } else { None };
    let mask = mask.as_ref().map(|mask| mask.view());
    network.run(runtime, options, gray.view(), mask, control.silent()).map(drop)
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
        let try_out = |onnx: &[u8], later_runs| {
            engine.try_out(&inspect(onnx, None).unwrap(), onnx, later_runs, Control::default())
        };
        let fixed = Fixture { fixed_size: Some((48, 96)), ..Fixture::red_is_rust() };
        for (fixture, size) in [(Fixture::red_is_rust(), (64, 64)), (fixed, (96, 48))] {
            let trial = try_out(&fixture.to_onnx(), 3).unwrap();
            assert_eq!((trial.size, trial.later_runs.len()), (size, 3));
            assert!(trial.later_runs.is_sorted() && trial.later_runs[1] == trial.median_run());
            let pixels = (size.0 * size.1) as f64 / 1e6;
            let difference = trial.per_megapixel().as_secs_f64() * pixels - trial.median_run().as_secs_f64();
            assert!(difference.abs() < 1e-6, "{difference}");
        }
        let shrinking = Convolution { weights: vec![vec![vec![0.25; 4]; 3]], bias: vec![0.0] };
        let error = try_out(&Fixture::segment("broken", shrinking).to_onnx(), 1).unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{error}");
    }

    #[test]
    fn a_network_is_tried_at_its_tiles_and_at_two_sizes_more_as_far_as_it_leaves_them_open() {
        let sizes = |fixed_size, multiple| {
            let mut fixture = Fixture { fixed_size, ..Fixture::red_is_rust() };
            fixture.manifest.tile.size = 128;
            fixture.manifest.tile.multiple = multiple;
            other_sizes(&inspect(&fixture.to_onnx(), None).unwrap())
        };
        assert_eq!(sizes(None, 16), [[64, 64], [64, 80]]);
        assert_eq!(sizes(None, 1), [[64, 64], [64, 65]]);
        assert_eq!(sizes(None, 32), [[64, 64], [64, 96]]);
        assert!(sizes(Some((48, 96)), 16).is_empty());
    }
}
