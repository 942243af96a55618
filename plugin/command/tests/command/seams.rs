//! Tiles leave no trace: along their borders the shipped networks' results have no step that stands out from those
//! elsewhere in the picture. On one picture; in depth, on three.

use std::fs;
use std::path::{Path, PathBuf};

use derust_engine::filters::{Scale, Tiling, tiling};
use derust_engine::models;
use derust_test_support::is_thorough;
use image::{DynamicImage, ImageBuffer, Luma, Rgb, Rgb32FImage, imageops};

use crate::desk::{Desk, open};

const WIDTH: u32 = 1100;
const HEIGHT: u32 = 940;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Gray steel that becomes rusty brown without any edge.
fn gradient() -> Rgb32FImage {
    ImageBuffer::from_fn(WIDTH, HEIGHT, |x, y| {
        let part = (x as f32 / WIDTH as f32 + y as f32 / HEIGHT as f32) / 2.0;
        let between = |steel: f32, rust: f32| steel + (rust - steel) * part;
        Rgb([between(0.62, 0.45), between(0.63, 0.24), between(0.65, 0.12)])
    })
}

fn texture() -> Rgb32FImage {
    DynamicImage::from(derust_render::scene(11, WIDTH, HEIGHT).rusty).to_rgb32f()
}

fn photo() -> Rgb32FImage {
    let photo = open(&repository().join("tests/samples/rusty-panel.jpg")).to_rgb32f();
    imageops::resize(&photo, WIDTH, HEIGHT, imageops::FilterType::Triangle)
}

/// One value per pixel, row by row.
type Plane = ImageBuffer<Luma<f32>, Vec<f32>>;

/// The mean step from each column to the next, after the first.
fn column_steps(plane: &Plane) -> Vec<f32> {
    let (width, height) = plane.dimensions();
    let step = |x: u32, y: u32| (plane.get_pixel(x, y)[0] - plane.get_pixel(x - 1, y)[0]).abs();
    (1..width).map(|x| (0..height).map(|y| step(x, y)).sum::<f32>() / height as f32).collect()
}

/// How much each step stands out from those around it.
fn prominence(steps: &[f32]) -> Vec<f32> {
    const REACH: usize = 12;
    let around = |i: usize| {
        let mut near = steps[i.saturating_sub(REACH)..(i + REACH + 1).min(steps.len())].to_vec();
        near.sort_by(f32::total_cmp);
        near[near.len() / 2]
    };
    // Below a tenth of an 8-bit step nobody sees anything.
    steps.iter().enumerate().map(|(i, step)| step / (around(i) + 0.1 / 255.0)).collect()
}

/// Columns at which a tile begins or ends, or begins to fade in or out.
fn borders(starts: &[usize], length: usize) -> Vec<usize> {
    let pairs = starts.iter().zip(&starts[1..]);
    pairs
        .flat_map(|(start, next)| {
            let overlap = start + length - next;
            [0, 1, 2, 3, 4].map(|quarter| next + overlap * quarter / 4)
        })
        .collect()
}

fn assert_seamless(what: &str, plane: &Plane, tiles: &Tiling) {
    let turned = imageops::rotate90(&imageops::flip_vertical(plane));
    for (axis, plane, starts, length) in
        [("columns", plane, &tiles.columns, tiles.width), ("rows", &turned, &tiles.rows, tiles.height)]
    {
        assert!(starts.len() > 1, "one tile has no borders");
        let prominence = prominence(&column_steps(plane));
        let borders = borders(starts, length);
        // Step number i leads to column i + 1.
        let near = |i: usize| borders.iter().any(|border| border.abs_diff(i + 1) <= 1);
        let most = |near_border: bool| {
            let these = prominence.iter().enumerate().filter(|(i, _)| near(*i) == near_border);
            these.map(|(_, value)| *value).fold(0.0, f32::max)
        };
        let (at_borders, elsewhere) = (most(true), most(false));
        assert!(
            at_borders <= 1.25 * elsewhere.max(1.0),
            "{what}: a step of {at_borders} among the {axis} at the borders of tiles, {elsewhere} elsewhere"
        );
    }
}

fn gray(picture: &DynamicImage) -> Plane {
    picture.to_luma32f()
}

#[test]
fn tiles_leave_no_trace_on_gradients_textures_and_photos() {
    let desk = Desk::new();
    fs::remove_dir_all(desk.at("models")).unwrap();
    fs::create_dir(desk.at("models")).unwrap();
    let tilings = ["segment-rust.onnx", "derust.onnx"].map(|name| {
        let onnx = fs::read(repository().join("plugin/models").join(name)).unwrap();
        fs::write(desk.at("models").join(name), &onnx).unwrap();
        tiling(&models::inspect(&onnx, None).unwrap(), (WIDTH, HEIGHT), Scale::Native)
    });
    let names = ["texture", "gradient", "photo"];
    for name in &names[..if is_thorough() { names.len() } else { 1 }] {
        let picture = match *name {
            "texture" => texture(),
            "gradient" => gradient(),
            _ => photo(),
        };
        let file = format!("{name}.png");
        DynamicImage::from(picture).to_rgb16().save(desk.at(&file)).unwrap();
        let probability = format!("{name}-probability.png");
        desk.succeed(&["segment", &file, "--scale", "native", "--output", "probability", "-o", &probability]);
        assert_seamless(name, &gray(&open(&desk.at(&probability))), &tilings[0]);

        let clean = format!("{name}-clean.png");
        desk.succeed(&["remove", &file, "--scale", "native", "-o", &clean]);
        let (before, after) = (gray(&open(&desk.at(&file))), gray(&open(&desk.at(&clean))));
        let change = Plane::from_fn(WIDTH, HEIGHT, |x, y| {
            Luma([after.get_pixel(x, y)[0] - before.get_pixel(x, y)[0]])
        });
        assert_seamless(name, &change, &tilings[1]);
    }
}
