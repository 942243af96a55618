//! How large tiles are and how many go through a network at once: as is fastest, and less once memory was too little.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use derust_manifest::Tile;

use super::tiles::{Plan, smaller};
use super::{letterbox, sides};
use crate::models::Model;
use crate::runtime::{Provider, Session};

/// Tiles that a GPU is given at once through CUDA. A tile alone does not keep a large GPU busy, and every run costs some
/// hundred starts of kernels.
const AT_ONCE_ON_CUDA: usize = 8;

/// What of a network fits into memory, as far as is known.
#[derive(Debug)]
pub(super) struct Fit {
    /// The sizes of tiles, the manifest's first and each smaller than the one before.
    tiles: Vec<Tile>,
    /// Tiles at a time that are tried first, instead of what is fastest.
    #[cfg(test)]
    pub(super) wanted_at_once: Option<usize>,
    limits: Mutex<Limits>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The number of the largest tile that may fit.
    shrunk: usize,
    at_once: usize,
}

/// How a picture goes through a network.
#[derive(Debug)]
pub(super) struct Size {
    pub(super) plan: Plan,
    /// Tiles in one run, at least 1.
    pub(super) at_once: usize,
    /// The number of the tiles' size.
    shrunk: usize,
}

impl Fit {
    pub(super) fn new(model: &Model) -> Self {
        let is_fixed = model.fixed_size.iter().all(Option::is_some);
        let tiles =
            std::iter::successors(Some(model.manifest.tile), |tile| smaller(*tile).filter(|_| !is_fixed));
        Fit {
            tiles: tiles.collect(),
            #[cfg(test)]
            wanted_at_once: None,
            limits: Mutex::new(Limits { shrunk: 0, at_once: usize::MAX }),
        }
    }

    /// The sizes of tiles, the largest first.
    pub(super) fn tiles(&self) -> impl Iterator<Item = Tile> {
        self.tiles.iter().copied()
    }

    /// The number of the largest size of tile that may fit.
    pub(super) fn shrunk(&self) -> usize {
        self.limits().shrunk
    }

    /// How a picture of this width and height goes through a session of the network.
    pub(super) fn size(&self, model: &Model, session: &Session, (width, height): (usize, usize)) -> Size {
        let limits = self.limits();
        let shrunk = limits.shrunk.max(session.shrunk());
        let provider = session.placement().provider();
        let fixed = match provider {
            // It was compiled for this size.
            Provider::TensorRt => sides(model, self.tiles[shrunk]).map(Some),
            _ => model.fixed_size,
        };
        let plan = Plan::new(width, height, self.tiles[shrunk], fixed);
        let plan = if letterbox(model).is_some() { plan.centred() } else { plan };
        let most = self.fastest(provider).min(limits.at_once);
        let at_once = if model.takes_batches { most } else { 1 };
        // As even as can be: every other number of tiles would be another shape to prepare for.
        let at_once = plan.len().div_ceil(plan.len().div_ceil(at_once));
        Size { plan, at_once, shrunk }
    }

    fn fastest(&self, provider: Provider) -> usize {
        #[cfg(test)]
        if let Some(wanted) = self.wanted_at_once {
            return wanted;
        }
        match provider {
            Provider::Cuda => AT_ONCE_ON_CUDA,
            // Compiled for one; and the processor's cores are busy with a single tile, which stays in their caches.
            Provider::TensorRt | Provider::Cpu => 1,
        }
    }

    /// Notes that there was too little memory for this; answers with what to try instead.
    ///
    /// # Errors
    /// Where there is nothing left to try, says why.
    pub(super) fn shrink(&self, model: &Model, size: &Size) -> Result<String, String> {
        if size.at_once > 1 {
            let at_once = size.at_once / 2;
            self.limit(|limits| limits.at_once = limits.at_once.min(at_once));
            return Ok(format!("at most {at_once} at a time"));
        }
        if let [Some(height), Some(width)] = model.fixed_size {
            return Err(format!(
                "its file fixes the size of what it takes at {width}x{height} pixels, so that tiles cannot be smaller"
            ));
        }
        let (height, width) = size.plan.tile_size();
        // A picture that is smaller than a tile is not cut by all of the smaller ones.
        let is_smaller = |tile: &Tile| {
            let [tile_height, tile_width] = sides(model, *tile);
            tile_height.min(height) * tile_width.min(width) < height * width
        };
        let next = (size.shrunk + 1..self.tiles.len()).find(|i| is_smaller(&self.tiles[*i]));
        let next = next.ok_or_else(|| "there are no smaller tiles".to_owned())?;
        self.limit(|limits| limits.shrunk = limits.shrunk.max(next));
        let [height, width] = sides(model, self.tiles[next]);
        Ok(format!("tiles of {width}x{height} pixels"))
    }

    /// Notes that the network does not take several tiles at once.
    pub(super) fn one_by_one(&self) {
        self.limit(|limits| limits.at_once = 1);
    }

    fn limits(&self) -> Limits {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limit(&self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.limits.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (height, width) = self.plan.tile_size();
        match self.at_once {
            1 => write!(f, "tiles of {width}x{height} pixels"),
            several => write!(f, "{several} tiles of {width}x{height} pixels at a time"),
        }
    }
}
