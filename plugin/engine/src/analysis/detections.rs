//! What objects with boxes, scores and coefficients mean: the probability that a pixel belongs to one that is rust.
//!
//! Masks are sums of prototypes, weighted by an object's coefficients (Bolya et al. 2019, "YOLACT", arXiv:1904.02689);
//! of boxes that overlap, the one with the highest score is kept (greedy non-maximum suppression, class by class).

use std::ops::Range;

use derust_manifest::{Detections, Output};
use ndarray::{Array2, Array3, ArrayD, ArrayView1, ArrayView2, ArrayView3, Axis, Ix3, Ix4};

use super::decode::{Refusal, logistic, rust_classes};
use crate::control::Stopped;
use crate::room;

/// The most objects whose masks are made.
const MOST_OBJECTS: usize = 300;
/// The most rows of an answer that are looked at: a picture of 4096 x 4096 pixels has 344,064 candidates.
const MOST_CANDIDATES: usize = 1 << 20;

/// An object that may be rust.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Object {
    /// Its place in the answer.
    index: usize,
    class: usize,
    score: f32,
    /// Left, top, right and bottom, in pixels of the tile.
    corners: [f32; 4],
}

/// The probability of rust in `picture` [3, height, width], [1, height, width]; `answer` holds the objects, and beside it
/// come the prototypes.
pub(super) fn decode(
    output: &Output,
    answer: ArrayD<f32>,
    (prototypes_output, prototypes): (&Output, ArrayD<f32>),
    picture: &Array3<f32>,
) -> Result<Array3<f32>, Refusal> {
    let (_, height, width) = picture.dim();
    let stride = prototypes_output.stride as usize;
    let prototypes = match prototypes.into_dimensionality::<Ix4>() {
        Ok(found) if matches!(found.dim(), (1, 1.., ..)) => found.index_axis_move(Axis(0), 0),
        other => {
            return Err(odd(
                prototypes_output,
                other.as_ref().map_or(&[], |found| found.shape()),
                "[1, coefficients, height, width]",
            ));
        }
    };
    let (coefficients, rows, columns) = prototypes.dim();
    if (rows.checked_mul(stride), columns.checked_mul(stride)) != (Some(height), Some(width)) {
        let hint = if rows > 0 && height % rows == 0 && width == columns * (height / rows) {
            format!("; the stride {} in the manifest would fit", height / rows)
        } else {
            String::new()
        };
        return Err(format!(
            "the output `{}` has the shape {:?} for a tile of {width} x {height} pixels and a stride of {stride}{hint}",
            prototypes_output.name,
            prototypes.shape(),
        )
        .into());
    }
    let values = match output.detections {
        Detections::Candidates => 4 + output.classes.len() + coefficients,
        Detections::Selected => 6 + coefficients,
    };
    let wanted = match output.detections {
        Detections::Candidates => format!("[1, {values}, objects]"),
        Detections::Selected => format!("[1, objects, {values}]"),
    };
    let Ok(answer) = answer.into_dimensionality::<Ix3>() else { return Err(odd(output, &[], &wanted)) };
    let shape = [answer.dim().0, answer.dim().1, answer.dim().2];
    let mut objects = answer.index_axis_move(Axis(0), 0);
    if output.detections == Detections::Candidates {
        objects.swap_axes(0, 1);
    }
    if shape[0] != 1 || objects.ncols() != values {
        return Err(odd(output, &shape, &wanted));
    }
    if objects.nrows() > MOST_CANDIDATES {
        return Err(format!(
            "the output `{}` holds {} objects; {MOST_CANDIDATES} are the most",
            output.name,
            objects.nrows()
        )
        .into());
    }
    if objects.iter().chain(&prototypes).any(|value| value.is_nan()) {
        let names = format!("`{}` and `{}`", output.name, prototypes_output.name);
        return Err(format!("the outputs {names} hold values that are no numbers").into());
    }
    let found = rust_objects(output, objects.view())?;
    Ok(masks(&found, objects.view(), coefficients, prototypes.view(), (height, width, stride))?)
}

fn odd(output: &Output, shape: &[usize], wanted: &str) -> Refusal {
    format!("the output `{}` has the shape {shape:?}, not {wanted}", output.name).into()
}

/// The objects that count and are rust, the surest first. `objects` holds a row for each.
fn rust_objects(output: &Output, objects: ArrayView2<'_, f32>) -> Result<Vec<Object>, Stopped> {
    let is_rust = rust_classes(output);
    let read = |(index, row): (usize, ArrayView1<'_, f32>)| {
        let object = match output.detections {
            Detections::Candidates => {
                let [x, y, width, height] = [0, 1, 2, 3].map(|i| row[i]);
                let corners = [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0];
                let scores = (0..is_rust.len()).map(|class| (class, row[4 + class]));
                // Of equal ones the first.
                let (class, score) = scores.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
                Object { index, class, score, corners }
            }
            Detections::Selected => {
                let class = row[5].round();
                let class = if class >= 0.0 { class as usize } else { usize::MAX };
                Object { index, class, score: row[4], corners: [0, 1, 2, 3].map(|i| row[i]) }
            }
        };
        let counts = object.score > output.confidence && is_rust.get(object.class) == Some(&true);
        // Infinite ones are nowhere, and sums of them no numbers.
        (counts && object.corners.iter().all(|corner| corner.is_finite())).then_some(object)
    };
    let mut found: Vec<Object> = Vec::new();
    for object in objects.outer_iter().enumerate().filter_map(read) {
        room::push(&mut found, object)?;
    }
    // Without memory of its own; of equal ones the first.
    found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    if output.detections == Detections::Selected {
        found.truncate(MOST_OBJECTS);
        return Ok(found);
    }
    let mut kept: Vec<Object> = room::list(found.len().min(MOST_OBJECTS))?;
    for object in found {
        if kept.len() == MOST_OBJECTS {
            break;
        }
        let hides = |better: &Object| {
            better.class == object.class && overlap(better.corners, object.corners) > output.max_overlap
        };
        if !kept.iter().any(hides) {
            kept.push(object);
        }
    }
    Ok(kept)
}

/// Intersection over union of two boxes; 0 where one has no area.
fn overlap(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area = |[left, top, right, bottom]: [f32; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
    let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    let either = area(a) + area(b) - both;
    if both > 0.0 && either > 0.0 { both / either } else { 0.0 }
}

/// The highest probability among the objects' masks, [1, height, width].
fn masks(
    found: &[Object],
    objects: ArrayView2<'_, f32>,
    coefficients: usize,
    prototypes: ArrayView3<'_, f32>,
    (height, width, stride): (usize, usize, usize),
) -> Result<Array3<f32>, Stopped> {
    let mut logits = room::filled((1, height, width), f32::NEG_INFINITY)?;
    for object in found {
        let [left, top, right, bottom] = object.corners;
        let (xs, ys) = (beginning_between(left, right, width), beginning_between(top, bottom, height));
        if xs.is_empty() || ys.is_empty() {
            continue;
        }
        let row = objects.row(object.index);
        let weights = row.slice(ndarray::s![row.len() - coefficients..]);
        let (rows, columns) = (prototypes.dim().1, prototypes.dim().2);
        let (above, beside) = (cells(&ys, stride, rows), cells(&xs, stride, columns));
        let mut coarse: Array2<f32> = room::filled((above.len(), beside.len()), 0.0)?;
        for (weight, prototype) in weights.iter().zip(prototypes.outer_iter()) {
            let part = prototype.slice(ndarray::s![above.clone(), beside.clone()]);
            coarse.zip_mut_with(&part, |sum, value| *sum += weight * value);
        }
        // Of infinite numbers the sum may be none.
        coarse.mapv_inplace(
            |sum| if sum.is_nan() { f32::MIN } else { sum.clamp(f32::MIN / 4.0, f32::MAX / 4.0) },
        );
        for y in ys {
            let (upper, lower, down) = between(y, stride, rows, above.start);
            for x in xs.clone() {
                let (first, second, across) = between(x, stride, columns, beside.start);
                let at = |row: usize| coarse[[row, first]] * (1.0 - across) + coarse[[row, second]] * across;
                let logit = at(upper) * (1.0 - down) + at(lower) * down;
                let best = &mut logits[[0, y, x]];
                *best = best.max(logit);
            }
        }
    }
    logits.mapv_inplace(logistic);
    Ok(logits)
}

/// The pixels along a side that begin from `first` on, before `last`, as YOLACT crops masks.
fn beginning_between(first: f32, last: f32, side: usize) -> Range<usize> {
    // A float becomes an integer within its bounds.
    let place = |edge: f32| (edge.ceil().max(0.0) as usize).min(side);
    place(first)..place(last)
}

/// The cells of a plane of so many that lie around these pixels.
fn cells(pixels: &Range<usize>, stride: usize, count: usize) -> Range<usize> {
    let first = between(pixels.start, stride, count, 0).0;
    first..between(pixels.end - 1, stride, count, 0).1 + 1
}

/// The two of `count` cells, counted from `start` on, between whose centres that of a pixel lies, and how far it is from the
/// first to the second.
fn between(pixel: usize, stride: usize, count: usize, start: usize) -> (usize, usize, f32) {
    let place = ((pixel as f32 + 0.5) / stride as f32 - 0.5).clamp(0.0, (count - 1) as f32);
    let first = place as usize;
    (first - start, (first + 1).min(count - 1) - start, place.fract())
}
