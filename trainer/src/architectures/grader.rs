//! The network that grades a picture.

use super::names;
use crate::backbone;
use crate::graph::{Graph, Op};

/// The grader: a dense layer on the mean of what the segmentation network's backbone sees
/// (Lin et al. 2014, "Network in Network", arXiv:1312.4400). `width` as in [`super::segmenter`].
///
/// Input `image` `[n, 3, h, w]` in 0 to 1, output `logits` `[n, grades]`.
pub fn grader(width: f64, grades: i64) -> Graph {
    let mut g = Graph::default();
    let image = g.input(names::IMAGE, 3);
    let scales = g.embed(backbone::PREFIX, &backbone::lite0(width), &[image]);
    let coarsest = scales[scales.len() - 1];
    let mean = g.push(Op::GlobalMean, &[coarsest]);
    let features = g.channels(coarsest);
    let row = g.push(Op::Flatten { features }, &[mean]);
    let logits = g.dense(row, grades, false);
    g.output(names::LOGITS, logits);
    g
}
