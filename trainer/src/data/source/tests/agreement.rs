//! The same shapes in every format give the same labels.

use std::path::Path;

use image::{GrayImage, RgbImage};
use serde_json::{Value, json};

use super::{SIZE, folder, picture, read};

/// A square with a hole, of the first class.
const SQUARE: [[f64; 2]; 4] = [[4.0, 4.0], [20.0, 4.0], [20.0, 20.0], [4.0, 20.0]];
const HOLE: [[f64; 2]; 4] = [[8.0, 8.0], [12.0, 8.0], [12.0, 12.0], [8.0, 12.0]];
/// A triangle of the second class, and one that lies partly over the square.
const TRIANGLES: [[[f64; 2]; 3]; 2] =
    [[[24.0, 3.1], [45.0, 4.3], [31.2, 33.0]], [[2.3, 17.4], [15.1, 16.2], [9.0, 30.9]]];
const CLASSES: [&str; 2] = ["light", "severe"];

/// What the shapes should give, worked out pixel by pixel from half planes.
fn truth() -> Vec<u8> {
    let within = |square: &[[f64; 2]; 4], x: f64, y: f64| {
        (square[0][0]..square[2][0]).contains(&x) && (square[0][1]..square[2][1]).contains(&y)
    };
    let left = |a: [f64; 2], b: [f64; 2], x: f64, y: f64| {
        (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) > 0.0
    };
    let pixels = (0..SIZE.0 * SIZE.1).map(|i| (f64::from(i % SIZE.0) + 0.5, f64::from(i / SIZE.0) + 0.5));
    let labels = pixels.map(|(x, y)| {
        let severe =
            TRIANGLES.iter().any(|&[a, b, c]| left(a, b, x, y) && left(b, c, x, y) && left(c, a, x, y));
        let light = within(&SQUARE, x, y) && !within(&HOLE, x, y);
        if severe { 2 } else { u8::from(light) }
    });
    labels.collect()
}

fn save_mask(path: &Path, colour: impl Fn(u8) -> [u8; 3]) {
    let pixels = truth().into_iter().flat_map(colour).collect();
    RgbImage::from_raw(SIZE.0, SIZE.1, pixels).unwrap().save(path).unwrap();
}

/// Reads a folder with one picture and returns its labels.
fn labels_of(folder: &Path, classes: &[&str]) -> Vec<u8> {
    let (mut set, report) = read(folder, classes);
    assert_eq!(report.unusable, [], "{}", folder.display());
    assert_eq!(set.photos.len(), 1);
    let photo = set.photos.remove(0);
    assert_eq!((photo.width as u32, photo.height as u32), SIZE);
    assert_eq!(photo.rgb, picture(SIZE).into_raw());
    photo.labels
}

#[test]
fn masks_of_all_kinds_agree() {
    let data = folder(&["images", "masks"]);
    picture(SIZE).save(data.path().join("images/a.png")).unwrap();
    let mask = data.path().join("masks/a.png");
    let truth = truth();
    assert!((1..3).all(|label| truth.iter().filter(|&&other| other == label).count() > 100));

    GrayImage::from_raw(SIZE.0, SIZE.1, truth.clone()).unwrap().save(&mask).unwrap();
    assert_eq!(labels_of(data.path(), &CLASSES), truth, "indices");
    save_mask(&mask, |label| [label * 90; 3]);
    assert_eq!(labels_of(data.path(), &CLASSES), truth, "grey values in their order");
    assert_eq!(labels_of(data.path(), &["severe=180", "light=90"]), swapped(&truth), "given grey values");
    save_mask(&mask, |label| [[0, 0, 0], [255, 128, 0], [0, 0, 200]][usize::from(label)]);
    assert_eq!(labels_of(data.path(), &["light=#ff8000", "severe=#0000c8"]), truth, "given colours");
    let map = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nsevere:0,0,200::\nlight:255,128,0::\n";
    std::fs::write(data.path().join("labelmap.txt"), map).unwrap();
    assert_eq!(labels_of(data.path(), &CLASSES), truth, "colours of a label map");
    let only: Vec<u8> = truth.iter().map(|&label| u8::from(label == 2)).collect();
    assert_eq!(labels_of(data.path(), &["severe"]), only, "one class of a label map");
    std::fs::remove_file(data.path().join("labelmap.txt")).unwrap();
    let any: Vec<u8> = truth.iter().map(|&label| label.min(1)).collect();
    assert_eq!(labels_of(data.path(), &[]), any, "whatever is bright");

    for depth in [png::BitDepth::Two, png::BitDepth::Eight] {
        save_palette(&mask, depth);
        assert_eq!(labels_of(data.path(), &CLASSES), truth, "a palette of {depth:?} bits");
    }
}

fn swapped(labels: &[u8]) -> Vec<u8> {
    labels.iter().map(|&label| [0, 2, 1][usize::from(label)]).collect()
}

/// A mask whose palette has dark colours, as data sets of the VOC kind have.
fn save_palette(path: &Path, depth: png::BitDepth) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(depth);
    encoder.set_palette(vec![0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]);
    let per_byte = 8 / depth as usize;
    let pack = |chunk: &[u8]| {
        chunk.iter().enumerate().fold(0, |byte, (i, label)| byte | label << (8 - (i + 1) * depth as usize))
    };
    let packed: Vec<u8> = truth().chunks(per_byte).map(pack).collect();
    encoder.write_header().unwrap().write_image_data(&packed).unwrap();
}

#[test]
fn masks_may_lie_beside_their_pictures() {
    let data = folder(&[]);
    picture(SIZE).save(data.path().join("a.png")).unwrap();
    GrayImage::from_raw(SIZE.0, SIZE.1, truth()).unwrap().save(data.path().join("a_mask.png")).unwrap();
    assert_eq!(labels_of(data.path(), &CLASSES), truth());
}

fn flat(points: &[[f64; 2]]) -> Vec<f64> {
    points.iter().flatten().copied().collect()
}

/// A COCO file with these segmentations and categories; the numbers of categories say nothing of labels.
fn coco(segmentations: &[(i64, Value)]) -> Value {
    let annotations: Vec<Value> = segmentations
        .iter()
        .enumerate()
        .map(|(i, (category, segmentation))| {
            json!({"id": i, "image_id": 7, "category_id": category, "segmentation": segmentation,
                   "iscrowd": u8::from(segmentation.is_object()), "bbox": [0, 0, 1, 1], "area": 1.0})
        })
        .collect();
    json!({
        "info": {"year": 2024},
        "images": [{"id": 7, "file_name": "a.png", "width": SIZE.0, "height": SIZE.1}],
        "categories": [{"id": 40, "name": "Severe"}, {"id": 9, "name": "moss"}, {"id": 3, "name": "light"}],
        "annotations": annotations,
    })
}

#[test]
fn coco_outlines_and_run_lengths_agree_with_masks() {
    let data = folder(&["images", "annotations"]);
    picture(SIZE).save(data.path().join("images/a.png")).unwrap();
    let write = |file: &Value| {
        std::fs::write(data.path().join("annotations/instances.json"), file.to_string()).unwrap();
    };
    // The severe ones first: the order of the classes decides, not that of the file. Moss is not asked for.
    let light = (3, json!([flat(&SQUARE), flat(&HOLE)]));
    let severe = (40, json!([flat(&TRIANGLES[0]), flat(&TRIANGLES[1])]));
    let moss = (9, json!([[0.0, 0.0, 10.0, 0.0, 10.0, 10.0]]));
    write(&coco(&[severe, light, moss]));
    assert_eq!(labels_of(data.path(), &CLASSES), truth(), "outlines");

    for short in [false, true] {
        let runs = |label: u8| {
            let runs = runs(&truth(), label);
            let counts = if short { json!(shortened(&runs)) } else { json!(runs) };
            json!({"counts": counts, "size": [SIZE.1, SIZE.0]})
        };
        write(&coco(&[(3, runs(1)), (40, runs(2))]));
        assert_eq!(labels_of(data.path(), &CLASSES), truth(), "run lengths, short: {short}");
    }
    let file = data.path().join("annotations/instances.json");
    assert_eq!(labels_of(&file, &CLASSES), truth(), "the file by its name");
}

/// Runs down the columns, the first one outside.
fn runs(labels: &[u8], label: u8) -> Vec<i64> {
    let (width, height) = (SIZE.0 as usize, SIZE.1 as usize);
    let mut runs = vec![0];
    let mut inside = false;
    for i in 0..width * height {
        let here = labels[i % height * width + i / height] == label;
        if here != inside {
            runs.push(0);
            inside = here;
        }
        *runs.last_mut().unwrap() += 1;
    }
    runs
}

/// The short form, as `maskApi.c` of the COCO tools describes it.
fn shortened(runs: &[i64]) -> String {
    let mut text = String::new();
    for (i, &run) in runs.iter().enumerate() {
        let mut rest = if i > 2 { run - runs[i - 2] } else { run };
        loop {
            let bits = rest & 0x1f;
            rest >>= 5;
            let more = if bits & 0x10 == 0 { rest != 0 } else { rest != -1 };
            text.push(char::from((48 + bits + if more { 0x20 } else { 0 }) as u8));
            if !more {
                break;
            }
        }
    }
    text
}

#[test]
fn yolo_outlines_agree_with_masks_but_for_their_border() {
    let data = folder(&["images/day", "labels/day"]);
    picture(SIZE).save(data.path().join("images/day/a.png")).unwrap();
    // A hole hangs on its outline by a cut, as converters write it.
    let cut = [&SQUARE[..], &SQUARE[..1], &HOLE[..], &HOLE[..1]].concat();
    let line = |class: usize, points: &[[f64; 2]]| {
        let points: Vec<String> = points
            .iter()
            .map(|[x, y]| format!("{:.6} {:.6}", x / f64::from(SIZE.0), y / f64::from(SIZE.1)))
            .collect();
        format!("{class} {}\n", points.join(" "))
    };
    let text = line(2, &TRIANGLES[0]) + &line(2, &TRIANGLES[1]) + &line(0, &cut) + "\n";
    std::fs::write(data.path().join("labels/day/a.txt"), text).unwrap();
    for names in ["names: [light, moss, severe]\n", "nc: 3\nnames:\n  0: light\n  1: moss\n  2: severe\n"] {
        std::fs::write(data.path().join("data.yaml"), format!("train: ../train/images\n{names}")).unwrap();
        for path in [data.path().to_owned(), data.path().join("data.yaml")] {
            let labels = labels_of(&path, &CLASSES);
            let differing = labels.iter().zip(truth()).filter(|(a, b)| **a != *b).count();
            assert!(differing <= 6, "{differing} pixels differ");
        }
    }
    std::fs::remove_file(data.path().join("data.yaml")).unwrap();
    let labels = labels_of(data.path(), &["light", "moss", "severe"]);
    assert_eq!(labels.iter().max(), Some(&3), "without names the classes count in their order");
}
