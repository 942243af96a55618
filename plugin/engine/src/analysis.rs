//! Running a network over a picture: planes in, planes out, both at the working scale.

use std::borrow::Cow;

use derust_manifest::{ColourOrder, Input, InputRole, Output, OutputRole};
use ndarray::{Array2, Array3, Array4, ArrayD, ArrayView2, ArrayView3, Axis, Ix4, Zip, s};

use crate::control::Control;
use crate::error::Error;
use crate::models::{Model, channels};
use crate::runtime::{Runtime, SessionOptions, SessionPool};
use crate::tiles::Plan;

/// What a network with a mask input is fed when there is no mask: find the rust yourself.
const NO_MASK: f32 = -1.0;

/// The picture's colours at the working scale, and what guides the upsampling of one plane.
const BYTES_PER_PIXEL: u64 = 12 + 60;
/// What ONNX Runtime holds for a pixel of a tile: the activations of the shipped networks, as measured, and a half more.
const BYTES_PER_TILE_PIXEL: u64 = 600;

/// A model and the sessions that run it.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) model: Model,
    /// The ONNX file's content.
    onnx: Cow<'static, [u8]>,
    pool: SessionPool,
}

/// What a network found; every plane has the height and width of the picture that it was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// [height, width]: how likely a pixel is rust, 0 to 1.
    pub(crate) probability: Option<Array2<f32>>,
    /// [3, height, width]: the picture without rust, red first, sRGB-encoded, 0 to 1.
    pub(crate) fill: Option<Array3<f32>>,
    /// [height, width]: how much of the fill replaces the picture, 0 to 1.
    pub(crate) alpha: Option<Array2<f32>>,
}

impl Network {
    /// A model and its ONNX file's content; at most `sessions` pictures are worked on at a time.
    pub(crate) fn new(model: Model, onnx: Cow<'static, [u8]>, sessions: usize) -> Self {
        Network { model, onnx, pool: SessionPool::new(sessions) }
    }

    /// About how many bytes a call holds that runs the network over a picture of this width and height: its planes at
    /// the working scale, and what ONNX Runtime needs for one tile.
    pub(crate) fn bytes_needed(&self, (width, height): (u32, u32)) -> u64 {
        let manifest = &self.model.manifest;
        let plan = Plan::new(width as usize, height as usize, manifest.tile, self.model.fixed_size);
        let channels: usize = manifest.outputs.iter().map(decoded_channels).sum();
        let planes = u64::from(width) * u64::from(height) * (BYTES_PER_PIXEL + 4 * channels as u64);
        let (tile_height, tile_width) = plan.tile_size();
        planes + (tile_width * tile_height) as u64 * BYTES_PER_TILE_PIXEL + self.onnx.len() as u64 * 3
    }

    /// Runs the network over `colours` [3, height, width], in tiles where the picture is large.
    ///
    /// `mask` [height, width] goes to a mask input, if the network has one.
    pub(crate) fn run(
        &self,
        runtime: &Runtime,
        options: &SessionOptions,
        colours: ArrayView3<'_, f32>,
        mask: Option<ArrayView2<'_, f32>>,
        control: Control<'_>,
    ) -> Result<Found, Error> {
        control.step(0, 1)?;
        let manifest = &self.model.manifest;
        let (_, height, width) = colours.dim();
        let plan = Plan::new(width, height, manifest.tile, self.model.fixed_size);
        let mask = mask.map(|mask| mask.insert_axis(Axis(0)));
        let mut lease = self.pool.lease(runtime, &self.onnx, options)?;
        let mut planes: Vec<Array3<f32>> = manifest
            .outputs
            .iter()
            .map(|output| Array3::zeros((decoded_channels(output), height, width)))
            .collect();
        for (done, tile) in plan.tiles().enumerate() {
            control.step(done, plan.len())?;
            let picture = tile.cut(colours);
            let mask = mask.map(|mask| tile.cut(mask));
            let fed: Vec<(&str, Array4<f32>)> = manifest
                .inputs
                .iter()
                .map(|input| (input.name.as_str(), feed(input, &picture, mask.as_ref())))
                .collect();
            let views: Vec<_> = fed.iter().map(|(name, array)| (*name, array.view().into_dyn())).collect();
            let mut answers = lease.session().run(&views)?;
            for (output, plane) in manifest.outputs.iter().zip(&mut planes) {
                let decoded = answers
                    .remove(&output.name)
                    .ok_or_else(|| format!("the output `{}` did not come", output.name))
                    .and_then(|answer| decode(output, answer, &picture))
                    .map_err(|problem| Error::Answer { model: manifest.name.clone(), problem })?;
                tile.add(decoded.view(), plane.view_mut());
            }
        }
        control.step(plan.len(), plan.len())?;
        Ok(collect(&manifest.outputs, planes))
    }
}

/// The tensor for an input, [1, channels, height, width].
fn feed(input: &Input, picture: &Array3<f32>, mask: Option<&Array3<f32>>) -> Array4<f32> {
    let [black, white] = input.range;
    let planes = match (input.role, mask) {
        (InputRole::Image, _) => picture,
        (_, Some(mask)) => mask,
        (_, None) => return Array4::from_elem((1, 1, picture.dim().1, picture.dim().2), NO_MASK),
    };
    let mut tensor = planes.clone().insert_axis(Axis(0));
    if input.role == InputRole::Image && input.colour_order == ColourOrder::Bgr {
        tensor.invert_axis(Axis(1));
        tensor = tensor.as_standard_layout().into_owned();
    }
    for (c, mut plane) in tensor.axis_iter_mut(Axis(1)).enumerate() {
        let mean = input.mean.get(c).copied().unwrap_or(0.0);
        let std = input.std.get(c).copied().unwrap_or(1.0);
        let (scale, shift) = ((white - black) / std, (black - mean) / std);
        if (scale, shift) != (1.0, 0.0) {
            plane.mapv_inplace(|value| value * scale + shift);
        }
    }
    tensor
}

/// Channels of a decoded output: classes become one probability.
fn decoded_channels(output: &Output) -> usize {
    if output.role == OutputRole::Classes { 1 } else { channels(output) }
}

/// Makes an answer what its role says: probabilities and alphas 0 to 1, colours red first and 0 to 1.
fn decode(output: &Output, answer: ArrayD<f32>, picture: &Array3<f32>) -> Result<Array3<f32>, String> {
    let (_, height, width) = picture.dim();
    let expected = [1, channels(output), height, width];
    if answer.shape() != expected {
        return Err(format!(
            "the output `{}` has the shape {:?}, not {expected:?}",
            output.name,
            answer.shape()
        ));
    }
    if answer.iter().any(|value| value.is_nan()) {
        return Err(format!("the output `{}` holds values that are no numbers", output.name));
    }
    let answer = answer.into_dimensionality::<Ix4>().expect("the shape has four dimensions");
    let mut planes = answer.index_axis_move(Axis(0), 0);
    match output.role {
        OutputRole::Probability | OutputRole::Alpha => planes.mapv_inplace(unit),
        OutputRole::Logits => planes.mapv_inplace(|logit| 1.0 / (1.0 + (-logit).exp())),
        OutputRole::Classes => planes = rust_probability(output, &planes),
        OutputRole::Rgb => decode_colours(output, &mut planes),
        OutputRole::Rgba => {
            decode_colours(output, &mut planes);
            planes.slice_mut(s![3.., .., ..]).mapv_inplace(unit);
        }
        OutputRole::Residual => {
            swap_if_bgr(output, &mut planes);
            let [black, white] = output.range;
            Zip::from(&mut planes).and(picture).for_each(|residual, colour| {
                *residual = unit(colour + *residual / (white - black));
            });
        }
    }
    Ok(planes)
}

fn unit(value: f32) -> f32 {
    value.clamp(0.0, 1.0)
}

/// The first three channels to red first, 0 to 1.
fn decode_colours(output: &Output, planes: &mut Array3<f32>) {
    swap_if_bgr(output, planes);
    let [black, white] = output.range;
    planes.slice_mut(s![..3, .., ..]).mapv_inplace(|value| unit((value - black) / (white - black)));
}

fn swap_if_bgr(output: &Output, planes: &mut Array3<f32>) {
    if output.colour_order == ColourOrder::Bgr {
        let (mut first, mut third) = planes.multi_slice_mut((s![0, .., ..], s![2, .., ..]));
        Zip::from(&mut first).and(&mut third).for_each(std::mem::swap);
    }
}

/// The soft-max's share of the classes that are rust.
fn rust_probability(output: &Output, scores: &Array3<f32>) -> Array3<f32> {
    let is_rust: Vec<bool> = output.classes.iter().map(|class| output.rust.contains(class)).collect();
    let share = |scores: ndarray::ArrayView1<'_, f32>| {
        let highest = scores.fold(f32::NEG_INFINITY, |a, b| a.max(*b)).clamp(f32::MIN, f32::MAX);
        let (mut rust, mut all) = (0.0, 0.0);
        for (score, is_rust) in scores.iter().zip(&is_rust) {
            let weight = (score.clamp(f32::MIN, f32::MAX) - highest).exp();
            all += weight;
            rust += if *is_rust { weight } else { 0.0 };
        }
        rust / all
    };
    scores.map_axis(Axis(0), share).insert_axis(Axis(0))
}

fn collect(outputs: &[Output], planes: Vec<Array3<f32>>) -> Found {
    let mut found = Found::default();
    for (output, planes) in outputs.iter().zip(planes) {
        match output.role {
            OutputRole::Probability | OutputRole::Logits | OutputRole::Classes => {
                found.probability = Some(planes.index_axis_move(Axis(0), 0));
            }
            OutputRole::Alpha => found.alpha = Some(planes.index_axis_move(Axis(0), 0)),
            OutputRole::Rgb | OutputRole::Residual => found.fill = Some(planes),
            OutputRole::Rgba => {
                found.fill = Some(planes.slice(s![..3, .., ..]).to_owned());
                found.alpha = Some(planes.slice(s![3, .., ..]).to_owned());
            }
        }
    }
    found
}
