//! What the best weights of a run say of their network, for those who make the network again: an export, or another run.
//! A checkpoint holds tensors alone.

use anyhow::{Context, Result};
use tch::Tensor;

use super::architectures::TextureSize;
use super::checkpoint::Checkpoint;

const RUN: &str = "run";
const CLASSES: &str = "classes";
const TEXTURE: &str = "texture";
const GRADE: &str = "grade";

/// The grades, from the least rust to the most.
pub const GRADES: [&str; 4] = ["none", "light", "moderate", "severe"];

/// Notes the names of a segmentation network's classes, without the background.
pub fn put_classes(best: &mut Checkpoint, classes: &[String]) {
    best.put(RUN, [(CLASSES.into(), Tensor::from_slice(classes.join("\n").as_bytes()))]);
}

/// The names of a segmentation network's classes, without the background; none for a network of one class.
///
/// # Errors
/// When the names are no text.
pub fn classes(best: &Checkpoint) -> Result<Vec<String>> {
    let Ok(names) = best.get(RUN, CLASSES) else { return Ok(vec![]) };
    let bytes = Vec::<u8>::try_from(names).context("the names of the run's classes cannot be read")?;
    let text = String::from_utf8(bytes).context("the names of the run's classes are no text")?;
    Ok(text.lines().map(String::from).collect())
}

/// Notes the sizes of a texture run's networks.
pub fn put_texture_size(best: &mut Checkpoint, size: TextureSize) {
    let TextureSize { side, noise, channels } = size;
    best.put(TEXTURE, [("size".into(), Tensor::from_slice(&[side, noise, channels]))]);
}

/// The sizes of a texture run's networks.
///
/// # Errors
/// When the weights are another training's.
pub fn texture_size(best: &Checkpoint) -> Result<TextureSize> {
    let size = best.get(TEXTURE, "size").context("not the run of `train texture`")?;
    let [side, noise, channels] = [0, 1, 2].map(|i| size.int64_value(&[i]));
    Ok(TextureSize { side, noise, channels })
}

/// Notes the width of a grader, and the side in pixels of the pictures that it learned from.
pub fn put_grader(best: &mut Checkpoint, width: f64, side: usize) {
    best.put(GRADE, [("width".into(), Tensor::from_slice(&[width]))]);
    best.put(GRADE, [("side".into(), Tensor::from_slice(&[side as i64]))]);
}

/// Width of a grader, and the side in pixels of the pictures that it learned from.
///
/// # Errors
/// When the weights are another training's.
pub fn grader(best: &Checkpoint) -> Result<(f64, u32)> {
    let width = best.get(GRADE, "width").context("not the run of `train grade`")?.double_value(&[0]);
    Ok((width, u32::try_from(best.get(GRADE, "side")?.int64_value(&[0]))?))
}
