//! Networks that answer with objects and the prototypes of their masks, such as YOLO's of the kind `-seg`.

use derust_engine::models::{Dimension, Port};
use derust_manifest::{Detections, Output, OutputRole, Tile};

use super::Guesser;
use super::planes::Planes;

/// The gray around pictures in the training of such networks, 114 of 255.
const BORDER: f32 = 114.0 / 255.0;
/// The fewest and most coefficients of a mask; 32 are usual.
const COEFFICIENTS: std::ops::RangeInclusive<usize> = 2..=256;

/// What the outputs of a graph are, if they are these.
pub(super) struct Objects<'a> {
    boxes: &'a str,
    prototypes: &'a str,
    detections: Detections,
    /// Pixels of the picture for each of a prototype.
    stride: usize,
    /// How many classes there are, where the shapes tell it.
    classes: Option<usize>,
}

/// What a network of another task answers with, and that it cannot be used.
pub(super) fn refuse_other_tasks(task: &str) -> Result<(), String> {
    let answer = match task {
        "detect" => "boxes, which say nothing of single pixels",
        "obb" => "turned boxes, which say nothing of single pixels",
        "pose" => "points",
        "classify" => "one class for the whole picture",
        _ => return Ok(()),
    };
    Err(format!(
        "it is a YOLO network for the task `{task}`: it answers with {answer}. Train and export one for the task \
         `segment`, whose name ends in -seg: YOLO(\"yolo11n-seg.pt\").train(data=\"rust.yaml\"), then .export(format=\"onnx\")"
    ))
}

/// Height and width of a prototype for a picture of `size`, the number of coefficients and the stride.
fn prototypes(port: &Port, size: [usize; 2]) -> Option<(usize, usize)> {
    let [_, Dimension::Fixed(count), height, width] = port.shape.as_deref()? else { return None };
    let count = usize::try_from(*count).ok().filter(|count| COEFFICIENTS.contains(count))?;
    let stride = match (height, width) {
        (Dimension::Fixed(height), Dimension::Fixed(width)) => {
            let (height, width) = (usize::try_from(*height).ok()?, usize::try_from(*width).ok()?);
            let stride = size[0].checked_div(height)?;
            let fits = [height.checked_mul(stride)?, width.checked_mul(stride)?] == size;
            Some(stride).filter(|stride| fits && (1..=32).contains(stride))?
        }
        // All known ones have a quarter of the height and width.
        _ => 4,
    };
    Some((count, stride))
}

/// Finds them among the outputs; `names` is the number of classes that the file names, 0 where it names none.
pub(super) fn recognise<'a>(outputs: &'a [Port], size: [usize; 2], names: usize) -> Option<Objects<'a>> {
    outputs.iter().find_map(|masks| {
        let (coefficients, stride) = prototypes(masks, size)?;
        outputs.iter().find_map(|boxes| {
            let [_, values, last] = boxes.shape.as_deref()? else { return None };
            let number = |dimension: &Dimension| match dimension {
                Dimension::Fixed(number) => usize::try_from(*number).ok(),
                Dimension::Open(_) => None,
            };
            let (values, last) = (number(values), number(last));
            let classes = values.and_then(|values| values.checked_sub(4 + coefficients));
            let classes = classes.filter(|classes| (1..=4096).contains(classes));
            let is_candidates = classes.is_some_and(|classes| names == 0 || names == classes)
                // More objects than values for each, or any number.
                && last.is_none_or(|objects| names > 0 || Some(objects) > values);
            let (detections, classes) = if last == Some(6 + coefficients) && !is_candidates {
                (Detections::Selected, (names > 0).then_some(names))
            } else if is_candidates {
                (Detections::Candidates, classes)
            } else {
                return None;
            };
            Some(Objects { boxes: &boxes.name, prototypes: &masks.name, detections, stride, classes })
        })
    })
}

impl Guesser<'_> {
    /// The outputs of the manifest for such a network.
    pub(super) fn objects(&mut self, objects: &Objects<'_>) -> Result<Vec<Output>, String> {
        let mut boxes =
            Output { detections: objects.detections, ..Output::new(objects.boxes, OutputRole::Boxes) };
        let chosen = match objects.detections {
            Detections::Candidates => "candidates, of which derust chooses the best",
            Detections::Selected => "selected ones, of which none hides another",
        };
        self.reasons.push(format!(
            "`{}` holds objects with a box, scores and coefficients of a mask, and `{}` the prototypes of the masks: by \
             their shapes. They are {chosen}",
            objects.boxes, objects.prototypes
        ));
        self.classes(&mut boxes, objects.classes.unwrap_or(1))?;
        self.doubts.push(
            "an object counts if its score is above `confidence`, 0.25; lower it if rust is missed, raise it if other \
             things are found"
                .into(),
        );
        let prototypes = Output {
            stride: objects.stride as u32,
            ..Output::new(objects.prototypes, OutputRole::Prototypes)
        };
        Ok(vec![boxes, prototypes])
    }

    /// The gray of the border that the network wants around a picture.
    pub(super) fn letterbox(&mut self) -> Option<f32> {
        self.reasons.push(
            "pictures go in whole, at the size of the training, in the middle of gray (`letterbox`): the custom of YOLO"
                .into(),
        );
        Some(BORDER)
    }

    /// Tiles for a network whose height and width are open and that tells what it was trained on.
    pub(super) fn told_tile(&mut self, image: &Planes<'_>) -> Option<(Tile, Option<u32>)> {
        let (long_side, multiple) = (self.metadata.long_side?, self.metadata.multiple.unwrap_or(32).max(32));
        if image.size[0].is_some() && image.size[1].is_some() {
            return None;
        }
        self.reasons.push(format!("`long_side` is {long_side}: the file's `imgsz` says so"));
        let size = (multiple * long_side.div_ceil(multiple)).min(4096 / multiple * multiple);
        Some((Tile { size, overlap: size / 8, multiple }, Some(long_side)))
    }
}
