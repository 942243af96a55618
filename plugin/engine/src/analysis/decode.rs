//! What an answer means: probabilities and alphas 0 to 1, colours red first and 0 to 1, all of the picture's size.

use derust_manifest::{ColourOrder, Layout, Output, OutputRole, Scores};
use ndarray::{Array3, ArrayD, ArrayView1, Axis, Ix4, Zip, s};

use crate::control::Stopped;
use crate::models::channels;
use crate::resample::Upsampler;
use crate::room;

/// Why an answer cannot be used.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The network broke its promise.
    Broken(String),
    Stopped(Stopped),
}

impl From<String> for Refusal {
    fn from(problem: String) -> Self {
        Refusal::Broken(problem)
    }
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        Refusal::Stopped(stopped)
    }
}

/// Channels of a decoded output: classes become one probability.
pub(super) fn decoded_channels(output: &Output) -> usize {
    match output.role {
        OutputRole::Classes | OutputRole::Labels | OutputRole::Boxes => 1,
        OutputRole::Prototypes => 0,
        _ => channels(output),
    }
}

/// Makes an answer to `picture` [3, height, width] what its role says, [[`decoded_channels`], height, width].
pub(super) fn decode(
    output: &Output,
    answer: ArrayD<f32>,
    picture: &Array3<f32>,
) -> Result<Array3<f32>, Refusal> {
    let (_, height, width) = picture.dim();
    let mut planes = arrange(output, answer, (height, width))?;
    if planes.iter().any(|value| value.is_nan()) {
        return Err(format!("the output `{}` holds values that are no numbers", output.name).into());
    }
    if output.role == OutputRole::ClassIndex {
        planes = rust_indices(output, &planes)?;
    }
    if output.stride > 1 {
        planes = enlarge(output, &planes, (height, width))?;
    }
    match output.role {
        OutputRole::Probability | OutputRole::Alpha => to_unit(output, &mut planes),
        OutputRole::Logits => planes.mapv_inplace(logistic),
        OutputRole::Classes | OutputRole::Labels => planes = rust_probability(output, &planes)?,
        OutputRole::ClassIndex => {}
        OutputRole::Boxes | OutputRole::Prototypes => {
            return Err(format!("the output `{}` is no plane", output.name).into());
        }
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

/// The answer as [channels, height, width], still of the output's own height and width.
fn arrange(output: &Output, answer: ArrayD<f32>, size: (usize, usize)) -> Result<Array3<f32>, String> {
    let channels = channels(output);
    let expected = |stride: usize| {
        let (height, width) = (size.0 / stride, size.1 / stride);
        match output.layout {
            Layout::Nchw => [1, channels, height, width],
            Layout::Nhwc => [1, height, width, channels],
        }
    };
    let fits = |stride: &usize| {
        let without_channels = [1, size.0 / stride, size.1 / stride];
        answer.shape() == expected(*stride) || (channels == 1 && answer.shape() == without_channels)
    };
    let stride = output.stride as usize;
    if !fits(&stride) {
        let hint =
            (1..=size.0).find(fits).map(|other| format!("; the stride {other} in the manifest would fit"));
        return Err(format!(
            "the output `{}` has the shape {:?}, not {:?}{}",
            output.name,
            answer.shape(),
            expected(stride),
            hint.unwrap_or_default()
        ));
    }
    let answer = answer.into_shape_with_order(expected(stride)).expect("a dimension of one changes no order");
    let answer = answer.into_dimensionality::<Ix4>().expect("the shape has four dimensions");
    let planes = answer.index_axis_move(Axis(0), 0);
    Ok(match output.layout {
        Layout::Nchw => planes,
        Layout::Nhwc => planes.permuted_axes([2, 0, 1]),
    })
}

/// Planes of the picture's height and width.
fn enlarge(output: &Output, planes: &Array3<f32>, size: (usize, usize)) -> Result<Array3<f32>, Stopped> {
    if output.role == OutputRole::ClassIndex {
        let stride = output.stride as usize;
        let shape = (planes.dim().0, size.0, size.1);
        return room::from_fn(shape, |(c, y, x)| planes[[c, y / stride, x / stride]]);
    }
    enlarged(planes, size)
}

/// Planes of another height and width, bilinearly.
pub(super) fn enlarged(planes: &Array3<f32>, size: (usize, usize)) -> Result<Array3<f32>, Stopped> {
    let (channels, height, width) = planes.dim();
    let mut large = room::filled((channels, size.0, size.1), 0.0)?;
    let upsampler = Upsampler::new((width as u32, height as u32), (size.1 as u32, size.0 as u32))?;
    for (plane, mut large) in planes.outer_iter().zip(large.outer_iter_mut()) {
        for (y, mut row) in large.outer_iter_mut().enumerate() {
            upsampler.read([plane], y as u32, |x, [value]| row[x] = value)?;
        }
    }
    Ok(large)
}

fn unit(value: f32) -> f32 {
    value.clamp(0.0, 1.0)
}

pub(super) fn logistic(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// From the output's range to 0 to 1.
fn to_unit<'a>(output: &Output, values: impl IntoIterator<Item = &'a mut f32>) {
    let [black, white] = output.range;
    values.into_iter().for_each(|value| *value = unit((*value - black) / (white - black)));
}

/// The first three channels to red first, 0 to 1.
fn decode_colours(output: &Output, planes: &mut Array3<f32>) {
    swap_if_bgr(output, planes);
    to_unit(output, planes.slice_mut(s![..3, .., ..]));
}

fn swap_if_bgr(output: &Output, planes: &mut Array3<f32>) {
    if output.colour_order == ColourOrder::Bgr {
        let (mut first, mut third) = planes.multi_slice_mut((s![0, .., ..], s![2, .., ..]));
        Zip::from(&mut first).and(&mut third).for_each(std::mem::swap);
    }
}

/// For each class, whether it is rust.
pub(super) fn rust_classes(output: &Output) -> Vec<bool> {
    output.classes.iter().map(|class| output.rust.contains(class)).collect()
}

/// 1 where the class is rust, 0 elsewhere.
fn rust_indices(output: &Output, indices: &Array3<f32>) -> Result<Array3<f32>, Stopped> {
    let is_rust = rust_classes(output);
    // A float becomes an integer within its bounds; what is below zero must not become the first class.
    let class = |index: f32| if index < 0.0 { usize::MAX } else { index.round() as usize };
    room::map(indices.view(), |index| if is_rust.get(class(*index)) == Some(&true) { 1.0 } else { 0.0 })
}

/// One probability out of one score per class.
fn rust_probability(output: &Output, scores: &Array3<f32>) -> Result<Array3<f32>, Stopped> {
    let is_rust = rust_classes(output);
    let rust = |scores: ArrayView1<'_, f32>| {
        let of_rust = scores.iter().zip(&is_rust).filter(|(_, is_rust)| **is_rust).map(|(score, _)| *score);
        let highest = |a: f32, b: f32| a.max(b);
        match (output.role, output.scores) {
            (OutputRole::Labels, Scores::Logits) => logistic(of_rust.fold(f32::NEG_INFINITY, highest)),
            (OutputRole::Labels, Scores::Probabilities) => unit(of_rust.fold(0.0, highest)),
            (_, Scores::Logits) => soft_max_share(scores, &is_rust),
            (_, Scores::Probabilities) => unit(of_rust.sum()),
        }
    };
    let (_, height, width) = scores.dim();
    room::from_fn((1, height, width), |(_, y, x)| rust(scores.slice(s![.., y, x])))
}

/// The soft-max's share of the classes that are rust.
fn soft_max_share(scores: ArrayView1<'_, f32>, is_rust: &[bool]) -> f32 {
    let highest = scores.fold(f32::NEG_INFINITY, |a, b| a.max(*b)).clamp(f32::MIN, f32::MAX);
    let (mut rust, mut all) = (0.0, 0.0);
    for (score, is_rust) in scores.iter().zip(is_rust) {
        let weight = (score.clamp(f32::MIN, f32::MAX) - highest).exp();
        all += weight;
        rust += if *is_rust { weight } else { 0.0 };
    }
    rust / all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two of three classes are rust.
    fn output(role: OutputRole, scores: Scores) -> Output {
        let classes = ["metal", "red rust", "black rust"].map(str::to_owned);
        Output { scores, rust: classes[1..].into(), classes: classes.into(), ..Output::new("out", role) }
    }

    #[test]
    fn scores_become_one_probability() {
        let probability = |role, scores, values: [f32; 3]| {
            let answer = ArrayD::from_shape_vec(vec![1, 3, 1, 1], values.into()).unwrap();
            decode(&output(role, scores), answer, &Array3::zeros((3, 1, 1))).unwrap()[[0, 0, 0]]
        };
        let [two, three] = [2.0_f32.ln(), 3.0_f32.ln()];
        for (role, scores, values, expected) in [
            (OutputRole::Classes, Scores::Logits, [0.0, two, three], 5.0 / 6.0),
            (OutputRole::Classes, Scores::Logits, [0.0, f32::INFINITY, three], 1.0),
            (OutputRole::Classes, Scores::Probabilities, [0.5, 0.2, 0.3], 0.5),
            (OutputRole::Labels, Scores::Logits, [9.0, 0.0, three], 0.75),
            (OutputRole::Labels, Scores::Probabilities, [0.9, 0.2, 0.3], 0.3),
        ] {
            let found = probability(role, scores, values);
            assert!((found - expected).abs() < 1e-6, "{role:?} {scores:?}: {found}");
        }
    }

    #[test]
    fn class_numbers_are_not_mixed_and_those_without_a_name_are_not_rust() {
        let numbers = Output { stride: 2, ..output(OutputRole::ClassIndex, Scores::Logits) };
        let answer = ArrayD::from_shape_vec(vec![1, 2, 3], vec![0.0, 1.0, 2.0, 3.0, 255.0, -1.0]).unwrap();
        let found = decode(&numbers, answer, &Array3::zeros((3, 4, 6))).unwrap();
        let rust = |(_, y, x): (usize, usize, usize)| if y < 2 && x >= 2 { 1.0 } else { 0.0 };
        assert_eq!(found, Array3::from_shape_fn((1, 4, 6), rust));
    }
}
