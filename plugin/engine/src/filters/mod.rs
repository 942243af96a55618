//! The two filters, each a recipe made of the engine's parts.

pub mod derust;
mod drawn_mask;
pub mod segment_rust;

use derust_manifest::Manifest;
use ndarray::Array3;

use crate::analysis::Plan;
use crate::control::Control;
use crate::error::Error;
use crate::judgement::{Caution, judge};
use crate::models::{Digest, Model};
use crate::pixels::Picture;
use crate::resample;
use crate::timings::Phase;

/// The scale at which a picture is analysed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scale {
    /// The one that the network knows: larger pictures are reduced to the long side that its manifest names.
    #[default]
    Model,
    /// The picture's own.
    Native,
}

/// The model that did the work of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its name.
    pub name: String,
    /// Its version, such as 1.2.0.
    pub version: String,
    /// Tells its content from any other.
    pub digest: Digest,
}

impl Served {
    pub(crate) fn by(model: &Model) -> Self {
        let Manifest { name, version, .. } = &model.manifest;
        Served { name: name.clone(), version: version.to_string(), digest: model.digest }
    }
}

/// The tiles that a network runs on for one picture; all have the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// How many there are.
    pub count: usize,
    /// Pixels per row of a tile.
    pub width: usize,
    /// Rows of a tile.
    pub height: usize,
    /// The first column of each tile in a row of them, at the working scale.
    pub columns: Vec<usize>,
    /// The first row of each tile in a column of them.
    pub rows: Vec<usize>,
}

/// What a network runs on for a picture of this width and height, for those who want to know its cost.
pub fn tiling(model: &Model, (width, height): (u32, u32), scale: Scale) -> Tiling {
    let whole_long_side = width.max(height);
    let (width, height) = scale.working_size_of((width, height), whole_long_side, &model.manifest);
    let plan = Plan::new(width as usize, height as usize, model.manifest.tile, model.fixed_size);
    let (height, width) = plan.tile_size();
    let (columns, rows) = plan.starts();
    Tiling { count: plan.len(), width, height, columns, rows }
}

impl Scale {
    /// Width and height at which a picture's region is analysed by a model with this manifest.
    pub(crate) fn working_size(self, picture: &Picture<'_>, manifest: &Manifest) -> (u32, u32) {
        let layout = picture.layout();
        self.working_size_of(picture.size(), layout.width.max(layout.height), manifest)
    }

    fn working_size_of(self, size: (u32, u32), whole_long_side: u32, manifest: &Manifest) -> (u32, u32) {
        let long_side = manifest.long_side.filter(|_| self == Scale::Model);
        resample::working_size(size, whole_long_side, long_side)
    }
}

/// The judgement of a call: an error where there can be none, unless the host wants an answer anyway.
pub(crate) fn require_judgement(
    picture: &Picture<'_>,
    colours: &Array3<f32>,
    anyway: bool,
    control: Control<'_>,
) -> Result<Option<Caution>, Error> {
    control.step(0, 1)?;
    match control.within(Phase::Reduce, || judge(picture, colours))? {
        Ok(caution) => Ok(caution),
        Err(_) if anyway => Ok(None),
        Err(reason) => Err(reason.into()),
    }
}
