//! Running a network over a picture: planes in, planes out, both at the working scale.

mod decode;
mod detections;
mod feed;
mod fit;
mod passes;
#[cfg(all(test, target_os = "linux"))]
mod short_memory;
#[cfg(test)]
mod tests;
mod tiles;
mod views;

use std::borrow::Cow;
use std::sync::Arc;

use derust_manifest::{Input, InputRole, Output, OutputRole, Tile};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};

use crate::control::{Control, Stopped};
use crate::error::Error;
use crate::log::{Level, Log};
use crate::models::{Model, channels};
use crate::resample;
use crate::room;
use crate::runtime::{NetworkInfo, Placement, Runtime, RuntimeError, SessionOptions, SessionPool};
use decode::{decoded_channels, enlarged};
use fit::Fit;
use passes::Subject;
pub(crate) use tiles::Plan;
use views::View;

/// The picture's colours at the working scale, and what guides the upsampling of one plane.
const BYTES_PER_PIXEL: u64 = 12 + 60;
/// What ONNX Runtime holds for a pixel of a tile: the activations of the shipped networks, as measured, and a half more.
const BYTES_PER_TILE_PIXEL: u64 = 600;
/// A channel of an answer for a pixel of a tile, as it came and enlarged.
const BYTES_PER_ANSWER: u64 = 8;

/// A model and the sessions that run it.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) model: Model,
    /// The ONNX file's content.
    onnx: Cow<'static, [u8]>,
    pool: SessionPool,
    fit: Fit,
    log: Log,
}

/// What a network found; every plane has the height and width of the picture that it was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Analysis {
    /// [height, width]: how likely a pixel is rust, 0 to 1.
    pub(crate) probability: Option<Array2<f32>>,
    /// [3, height, width]: the picture without rust, red first, sRGB-encoded, 0 to 1.
    pub(crate) fill: Option<Array3<f32>>,
    /// [height, width]: how much of the fill replaces the picture, 0 to 1.
    pub(crate) alpha: Option<Array2<f32>>,
}

impl Analysis {
    /// The probability that `network` owes.
    pub(crate) fn probability(self, network: &Network) -> Result<Array2<f32>, Error> {
        self.probability.ok_or_else(|| network.lacks("probability"))
    }
}

impl Network {
    /// A model and its ONNX file's content; at most `sessions` pictures are worked on at a time. `log` hears where the network runs.
    pub(crate) fn new(model: Model, onnx: Cow<'static, [u8]>, sessions: usize, log: Log) -> Self {
        let fit = Fit::new(&model);
        let shapes = |tile: Tile| {
            let shape = |input: &Input| (input.name.clone(), feed::shape(input, sides(&model, tile)));
            model.manifest.inputs.iter().map(shape).collect()
        };
        let network = NetworkInfo {
            name: model.manifest.name.clone(),
            tiles: fit.tiles().map(shapes).collect(),
            keeps_buffers: false,
            log: log.clone(),
        };
        Network { model, onnx, pool: SessionPool::new(sessions, network), fit, log }
    }

    /// Refuses an answer in which a plane is missing.
    pub(crate) fn lacks(&self, plane: &str) -> Error {
        let problem = format!("it gives no {plane}");
        Error::Answer { model: self.model.manifest.name.clone(), problem }
    }

    /// Loads the network, so that its first run does not have to.
    pub(crate) fn load(
        &self,
        runtime: &Runtime,
        options: &SessionOptions,
        control: &Control<'_>,
    ) -> Result<(), Error> {
        self.check(runtime)?;
        self.pool.lease(runtime, &self.onnx, options, 0, control)?;
        Ok(())
    }

    /// Refuses a runtime that the network would crash.
    fn check(&self, runtime: &Runtime) -> Result<(), RuntimeError> {
        let refusal = self.model.needs.as_ref().and_then(|needs| needs.refusal(runtime.version()));
        refusal.map_or(Ok(()), |refusal| Err(RuntimeError::Load(refusal)))
    }

    /// Where the network runs; `None` before it ran.
    pub(crate) fn placement(&self) -> Option<Arc<Placement>> {
        self.pool.placement()
    }

    /// About how many bytes a call holds that runs the network over a picture of this width and height: its planes at
    /// the working scale, and what ONNX Runtime needs for one tile.
    pub(crate) fn bytes_needed(&self, (width, height): (u32, u32)) -> u64 {
        let manifest = &self.model.manifest;
        let plan = Plan::new(width as usize, height as usize, manifest.tile, self.model.fixed_size);
        let decoded: usize = manifest.outputs.iter().map(decoded_channels).sum();
        let smaller = manifest.mirror_scale.map_or(0.0, |scale| f64::from(scale * scale));
        let pixels = f64::from(width) * f64::from(height) * (1.0 + smaller);
        let planes = pixels as u64 * (BYTES_PER_PIXEL + 4 * decoded as u64);
        let answered: usize = manifest.outputs.iter().map(channels).sum();
        let per_tile_pixel = BYTES_PER_TILE_PIXEL + BYTES_PER_ANSWER * answered as u64;
        let (tile_height, tile_width) = plan.tile_size();
        planes + (tile_width * tile_height) as u64 * per_tile_pixel + self.onnx.len() as u64 * 3
    }

    /// Runs the network over `colours` [3, height, width], in tiles where the picture is large, and over as many views of
    /// it as the model asks for.
    ///
    /// `mask` [height, width] goes to a mask input, if the network has one.
    pub(crate) fn run(
        &self,
        runtime: &Runtime,
        options: &SessionOptions,
        colours: ArrayView3<'_, f32>,
        mask: Option<ArrayView2<'_, f32>>,
        control: Control<'_>,
    ) -> Result<Analysis, Error> {
        control.step(0, 1)?;
        self.check(runtime)?;
        let manifest = &self.model.manifest;
        let mask = mask.map(|mask| mask.insert_axis(Axis(0)));
        let views = View::first(manifest.views);
        let look = |colours, views, control| {
            self.look(runtime, options, &Subject { model: &self.model, colours, mask, views }, control)
        };
        let Some(scale) = manifest.mirror_scale else {
            return Ok(collect(&manifest.outputs, look(colours, views, control)?)?);
        };
        let (_, height, width) = colours.dim();
        let (itself, mirrored) = views.split_at(1);
        let first_done = 1.0 / manifest.work();
        let mut planes = look(colours, itself, control.part(0.0, first_done))?;
        let smaller = resample::smaller(colours, scale)?;
        let seen_smaller = look(smaller.view(), mirrored, control.part(first_done, 1.0))?;
        let share = mirrored.len() as f32 / views.len() as f32;
        for (planes, seen_smaller) in planes.iter_mut().zip(seen_smaller) {
            let seen = enlarged(&seen_smaller, (height, width))?;
            planes.zip_mut_with(&seen, |one, other| *one += share * (other - *one));
        }
        Ok(collect(&manifest.outputs, planes)?)
    }

    /// The planes of every output for one picture at one scale, with ever smaller tiles where memory is short.
    fn look(
        &self,
        runtime: &Runtime,
        options: &SessionOptions,
        subject: &Subject<'_>,
        mut control: Control<'_>,
    ) -> Result<Vec<Array3<f32>>, Error> {
        let (_, height, width) = subject.colours.dim();
        let mut tried = Vec::new();
        loop {
            let mut lease = self.pool.lease(runtime, &self.onnx, options, self.fit.shrunk(), &control)?;
            let size = self.fit.size(&self.model, lease.session(), (width, height));
            let mut done = 0.0;
            let error = match subject.run(lease.session(), &size, control, &mut done) {
                Ok(planes) => return Ok(planes),
                Err(error) => error,
            };
            let report = match &error {
                Error::Runtime(RuntimeError::Memory(report)) => Some(report.clone()),
                Error::NoMemory { .. } => Some(error.to_string()),
                _ => None,
            };
            match (report, &error) {
                (Some(report), _) => {
                    lease.free_memory();
                    tried.push(size.to_string());
                    let name = &self.model.manifest.name;
                    let next = self.fit.shrink(&self.model, &size).map_err(|end| {
                        RuntimeError::Memory(format!("{report}; tried {}; {end}", tried.join(", ")))
                    })?;
                    self.log.say(
                        Level::Warning,
                        format_args!("{name}: too little memory for {size}, goes on with {next}: {report}"),
                    );
                }
                (None, Error::Cancelled | Error::DeadlinePassed) => return Err(error),
                // A network may say that it takes any number of pictures, and not mean it.
                _ if size.at_once > 1 => self.fit.one_by_one(),
                _ => return Err(error),
            }
            control = control.part(done, 1.0);
        }
    }
}

/// Height and width of the tiles that a network is run on most.
pub(crate) fn tile_size(model: &Model) -> [usize; 2] {
    sides(model, model.manifest.tile)
}

/// Height and width of such tiles, where the graph does not fix them.
fn sides(model: &Model, tile: Tile) -> [usize; 2] {
    model.fixed_size.map(|side| side.unwrap_or(tile.size as usize))
}

/// The gray of the border around a picture that is smaller than a tile, where the network wants one.
fn letterbox(model: &Model) -> Option<f32> {
    model.manifest.input(InputRole::Image).and_then(|image| image.letterbox)
}

fn collect(outputs: &[Output], planes: Vec<Array3<f32>>) -> Result<Analysis, Stopped> {
    let mut found = Analysis::default();
    for (output, planes) in outputs.iter().zip(planes) {
        match output.role {
            OutputRole::Probability
            | OutputRole::Logits
            | OutputRole::Classes
            | OutputRole::Labels
            | OutputRole::ClassIndex
            | OutputRole::Boxes => {
                found.probability = Some(planes.index_axis_move(Axis(0), 0));
            }
            OutputRole::Prototypes => {}
            OutputRole::Alpha => found.alpha = Some(planes.index_axis_move(Axis(0), 0)),
            OutputRole::Rgb | OutputRole::Residual => found.fill = Some(planes),
            OutputRole::Rgba => {
                found.fill = Some(room::copy(planes.slice(s![..3, .., ..]))?);
                found.alpha = Some(room::copy(planes.slice(s![3, .., ..]))?);
            }
        }
    }
    Ok(found)
}
