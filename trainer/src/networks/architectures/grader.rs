//! The network that grades a picture.

use super::names;
use crate::networks::backbone;
use crate::networks::graph::{Graph, Op};

/// The grader: a dense layer on the means of what the segmentation network's backbone sees at every scale
/// (Lin et al. 2014, "Network in Network", arXiv:1312.4400): the fine scales know how much of the picture is of which
/// colour and grain, the coarse ones of what it is. `width` as in [`super::segmenter`].
///
/// Input `image` `[n, 3, h, w]` in 0 to 1, output `logits` `[n, grades]`.
pub fn grader(width: f64, grades: i64) -> Graph {
    let mut g = Graph::default();
    let image = g.input(names::IMAGE, 3);
    let scales = g.embed(backbone::PREFIX, &backbone::lite0(width), &[image]);
    let means: Vec<_> = scales.into_iter().map(|scale| g.push(Op::GlobalMean, &[scale])).collect();
    let all = g.push(Op::Concat, &means);
    let features = g.channels(all);
    let row = g.push(Op::Flatten { features }, &[all]);
    let logits = g.dense(row, grades, false);
    g.output(names::LOGITS, logits);
    g
}
