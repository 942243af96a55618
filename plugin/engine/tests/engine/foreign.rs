//! Networks that others trained: small ones in the shapes of the usual exports, with their manifests beside them, run
//! by real ONNX Runtime. `foreign/make.py` makes the files and says what they know; what they must answer is worked out
//! here from that alone.

use std::fs;
use std::path::PathBuf;

use derust_engine::filters::Scale;
use derust_engine::filters::derust::{Look, RemoveOptions};
use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::fixtures::{Convolution, Network, objects};
use derust_engine::models::{Store, inspect};
use derust_engine::pixels::{Channels, Depth, Layout, Picture, PictureMut};
use derust_engine::{Control, Engine, EngineOptions, Manifest, MaskMode};
use derust_manifest::{Detections, White, onnx};
use prost::Message as _;

const WIDTH: usize = 96;
const HEIGHT: usize = 64;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/foreign")
}

/// An engine that knows the foreign networks of these names, and the folder that it has them from.
fn engine(names: &[&str]) -> (Engine, tempfile::TempDir) {
    let models = tempfile::tempdir().unwrap();
    for name in names {
        for ending in ["onnx", "onnx.json"] {
            let file = format!("{name}.{ending}");
            fs::copy(folder().join(&file), models.path().join(&file)).unwrap();
        }
    }
    let store = Store::only(&[models.path().into()]);
    (Engine::new(EngineOptions { store, ..Default::default() }), models)
}

/// Patches of colour, some of them rusty, with noise in them.
fn pixels() -> Vec<[u8; 3]> {
    let mut state = 0x2545_F491_u32;
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 26) as u8
    };
    let patch = |x: usize, y: usize| [[170, 60, 20], [90, 100, 110], [120, 80, 60]][(x / 11 + y / 7) % 3];
    (0..WIDTH * HEIGHT).map(|i| patch(i % WIDTH, i / WIDTH).map(|value: u8| value + noise())).collect()
}

fn layout() -> Layout {
    Layout::packed(WIDTH as u32, HEIGHT as u32, Channels::Rgb, Depth::U8)
}

/// What every foreign network that segments knows, as a logit.
fn logit(colour: [f64; 3]) -> f64 {
    8.0 * (colour[0] - (colour[1] + colour[2]) / 2.0) - 2.0
}

fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

fn unit(pixel: [u8; 3]) -> [f64; 3] {
    pixel.map(|value| f64::from(value) / 255.0)
}

/// The largest difference between what a network finds and what is `expected` at a column and row.
fn difference(name: &str, expected: impl Fn(usize, usize) -> f64) -> f64 {
    let data = pixels().concat();
    let picture = Picture::new(&data, layout()).unwrap();
    let found = engine(&[name]).0.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
    let probability = found.probability();
    assert_eq!(probability.dim(), (HEIGHT, WIDTH));
    let apart = |((y, x), value): ((usize, usize), &f32)| (f64::from(*value) - expected(x, y)).abs();
    probability.indexed_iter().map(apart).fold(0.0, f64::max)
}

#[test]
fn networks_that_answer_for_every_pixel_find_what_they_know() {
    let pixels = pixels();
    let at = |x, y| logit(unit(pixels[y * WIDTH + x]));
    let rusty = (0..WIDTH * HEIGHT).filter(|i| at(i % WIDTH, i / WIDTH) > 0.0).count();
    assert!((1000..4000).contains(&rusty), "the picture shows both: {rusty}");
    for name in ["logits", "probability", "two-channels", "labels"] {
        let worst = difference(name, |x, y| logistic(at(x, y)));
        assert!(worst < 1e-5, "{name}: {worst}");
    }
    // Of three classes, two are no rust; their soft-max weights add up to those of one with a logit of ln 2.
    let worst = difference("nhwc", |x, y| logistic(at(x, y)));
    assert!(worst < 1e-5, "nhwc: {worst}");
    // Half-precision weights, colours and logits have eleven bits.
    let worst = difference("float16", |x, y| logistic(at(x, y)));
    assert!(worst > 1e-6 && worst < 3e-3, "float16: {worst}");
    let worst = difference("bytes", |x, y| (255.0 * logistic(at(x, y))).round_ties_even() / 255.0);
    assert!(worst < 1e-6 + 1.0 / 255.0, "bytes: {worst}");
    let worst = difference("class-index", |x, y| if at(x, y) > 0.0 { 1.0 } else { 0.0 });
    assert!(worst == 0.0, "class-index: {worst}");
}

#[test]
fn an_answer_of_a_quarter_of_the_size_is_enlarged_between_its_pixels() {
    let pixels = pixels();
    let (columns, rows) = (WIDTH / 4, HEIGHT / 4);
    let block = |column: usize, row: usize| {
        let mut sum = [0.0; 3];
        for (y, x) in (0..4).flat_map(|y| (0..4).map(move |x| (y, x))) {
            let colour = unit(pixels[(4 * row + y) * WIDTH + 4 * column + x]);
            (0..3).for_each(|c| sum[c] += colour[c] / 16.0);
        }
        logit(sum)
    };
    // The centre of pixel x of the picture lies at (x + 0.5) / 4 - 0.5 between the centres of the blocks.
    let between = |x: usize, count: usize| {
        let place = ((x as f64 + 0.5) / 4.0 - 0.5).clamp(0.0, (count - 1) as f64);
        (place.floor() as usize, (place.floor() as usize + 1).min(count - 1), place.fract())
    };
    let worst = difference("classes", |x, y| {
        let ((left, right, across), (above, below, down)) = (between(x, columns), between(y, rows));
        let row = |row| block(left, row) * (1.0 - across) + block(right, row) * across;
        // Two classes have this logit and two have zero.
        logistic(row(above) * (1.0 - down) + row(below) * down)
    });
    assert!(worst < 1e-5, "{worst}");
}

/// What every foreign network that generates pictures answers, before tanh.
fn fill([red, green, blue]: [f64; 3]) -> [f64; 3] {
    [green, (green + blue) / 2.0, red / 2.0]
}

/// The fill that a network answers with; the probability of rust comes from another one.
fn filled(name: &str) -> ndarray::Array3<f32> {
    let data = pixels().concat();
    let picture = Picture::new(&data, layout()).unwrap();
    let (engine, _models) = engine(&[name, "logits"]);
    let removal =
        engine.analyse_removal(&picture, None, &RemoveOptions::default(), Control::default()).unwrap();
    removal.fill().clone()
}

#[test]
fn generators_in_every_range_answer_with_the_same_picture() {
    let pixels = pixels();
    let worst = |name: &str, expected: &dyn Fn([f64; 3]) -> [f64; 3]| {
        let apart = |((c, y, x), value): ((usize, usize, usize), &f32)| {
            (f64::from(*value) - expected(unit(pixels[y * WIDTH + x]))[c]).abs()
        };
        filled(name).indexed_iter().map(apart).fold(0.0, f64::max)
    };
    for name in ["generator-unit", "generator-bytes"] {
        let worst = worst(name, &fill);
        assert!(worst < 1e-5, "{name}: {worst}");
    }
    let through_tanh = |colour| fill(colour).map(|value| ((2.0 * value - 1.0).tanh() + 1.0) / 2.0);
    let worst = worst("generator-signed", &through_tanh);
    assert!(worst < 1e-5, "generator-signed: {worst}");
}

#[test]
fn a_generator_fills_where_another_network_finds_rust_or_the_mask_is_white() {
    let pixels = pixels();
    let data = pixels.concat();
    let picture = Picture::new(&data, layout()).unwrap();
    let (engine, _models) = engine(&["generator-signed", "two-channels"]);
    let composed = |mask: Option<&[u8]>, mask_mode| {
        let mask_layout = Layout { ..Layout::packed(WIDTH as u32, HEIGHT as u32, Channels::Gray, Depth::U8) };
        let mask = mask.map(|mask| Picture::new(mask, mask_layout).unwrap());
        let options = RemoveOptions { mask_mode, plain_fill: true, ..Default::default() };
        let removal = engine.analyse_removal(&picture, mask.as_ref(), &options, Control::default()).unwrap();
        let mut result = data.clone();
        let mut target = PictureMut::new(&mut result, layout()).unwrap();
        removal.compose(mask.as_ref(), &Look::default(), &mut target, Control::default()).unwrap();
        result
    };
    // Alpha rises smoothly from 0 where the probability is 0.35 to 1 where it is 0.65.
    let found = |pixel: [u8; 3]| {
        let t = ((logistic(logit(unit(pixel))) - 0.5) / 0.3 + 0.5).clamp(0.0, 1.0);
        t * t * (3.0 - 2.0 * t)
    };
    let mask: Vec<u8> = (0..WIDTH * HEIGHT).map(|i| if i % WIDTH < WIDTH / 2 { 255 } else { 0 }).collect();
    let alone = composed(None, MaskMode::Limit);
    let limited = composed(Some(&mask), MaskMode::Limit);
    let replaced = composed(Some(&mask), MaskMode::Replace);
    for (i, pixel) in pixels.iter().enumerate() {
        let colour = unit(*pixel);
        let fill = fill(colour).map(|value| ((2.0 * value - 1.0).tanh() + 1.0) / 2.0);
        let white = f64::from(mask[i]) / 255.0;
        for (result, alpha) in
            [(&alone, found(*pixel)), (&limited, found(*pixel) * white), (&replaced, white)]
        {
            // Faint traces that lead to nothing sure are left alone.
            if alpha < 0.5 && result[3 * i..][..3] == *pixel {
                continue;
            }
            for c in 0..3 {
                let expected = 255.0 * (colour[c] + alpha * (fill[c] - colour[c]));
                let apart = (f64::from(result[3 * i + c]) - expected).abs();
                assert!(apart < 1.01, "pixel {i}, channel {c}: {apart} with an alpha of {alpha}");
            }
        }
    }
    assert!(alone != limited && limited != replaced && alone != data);
}

#[test]
fn the_network_that_gives_the_alpha_works_at_the_scale_that_it_knows() {
    let models = tempfile::tempdir().unwrap();
    let mut finder = Network::red_is_rust();
    finder.manifest.long_side = Some(24);
    fs::write(models.path().join("finder.onnx"), finder.to_onnx()).unwrap();
    for file in ["generator-signed.onnx", "generator-signed.onnx.json"] {
        fs::copy(folder().join(file), models.path().join(file)).unwrap();
    }
    let store = Store::only(&[models.path().into()]);
    let engine = Engine::new(EngineOptions { store, ..Default::default() });
    let data = [200, 0, 0].repeat(WIDTH * HEIGHT);
    let picture = Picture::new(&data, layout()).unwrap();
    let alpha_size = |scale| {
        let options = RemoveOptions { scale, plain_fill: true, ..Default::default() };
        let removal = engine.analyse_removal(&picture, None, &options, Control::default()).unwrap();
        assert_eq!(removal.fill().dim(), (3, HEIGHT, WIDTH));
        removal.alpha().unwrap().dim()
    };
    assert_eq!(alpha_size(Scale::Model), (16, 24));
    assert_eq!(alpha_size(Scale::Native), (HEIGHT, WIDTH));
}

#[test]
fn a_manifest_that_does_not_fit_is_refused_with_what_would() {
    let refusal = |name: &str, from: &str, to: &str| {
        let onnx = fs::read(folder().join(format!("{name}.onnx"))).unwrap();
        let manifest = fs::read_to_string(folder().join(format!("{name}.onnx.json"))).unwrap();
        assert!(manifest.contains(from), "{manifest}");
        inspect(&onnx, Some(&manifest.replace(from, to))).unwrap_err().to_string()
    };
    let wrong_layout = refusal("nhwc", r#""role": "image", "layout": "nhwc""#, r#""role": "image""#);
    assert!(wrong_layout.contains("the layout `nhwc` in the manifest would fit"), "{wrong_layout}");
    let wrong_layout = refusal("logits", r#""role": "image""#, r#""role": "image", "layout": "nhwc""#);
    assert!(wrong_layout.contains("the layout `nchw` in the manifest would fit"), "{wrong_layout}");
    let wrong_range = refusal("bytes", r#""nhwc", "range": [0, 255]}"#, r#""nhwc"}"#);
    assert!(wrong_range.contains("takes bytes"), "{wrong_range}");
    let wrong_stride = refusal(
        "nhwc",
        r#""role": "classes", "layout": "nhwc""#,
        r#""role": "classes", "layout": "nhwc", "stride": 2"#,
    );
    assert!(wrong_stride.contains("48 pixels where its input has 48"), "{wrong_stride}");
    let wrong_count = refusal("classes", r#""background", "paint""#, r#""background""#);
    assert!(wrong_count.contains("4 channels; its role needs 3"), "{wrong_count}");

    // What only the answer tells.
    let (engine, models) = engine(&["classes"]);
    let sidecar = models.path().join("classes.onnx.json");
    let manifest = fs::read_to_string(&sidecar).unwrap();
    fs::write(&sidecar, manifest.replace(r#""stride": 4, "#, "")).unwrap();
    let picture = Picture::new(&[200, 20, 40], Layout::packed(1, 1, Channels::Rgb, Depth::U8)).unwrap();
    engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap_err();
    let reason = engine.models()[0].idle_because.as_ref().unwrap().to_string();
    assert!(reason.contains("the stride 4 in the manifest would fit"), "{reason}");
}

/// A picture with red and other patches, and the colour of the border around it, as [column, row] of the tile.
fn letterboxed(x: usize, y: usize) -> [f64; 3] {
    let (left, top) = ((objects::SIDE - WIDTH) / 2, (objects::SIDE - HEIGHT) / 2);
    let inside = (left..left + WIDTH).contains(&x) && (top..top + HEIGHT).contains(&y);
    if inside { unit(pixels()[(y - top) * WIDTH + x - left]) } else { [f64::from(objects::BORDER); 3] }
}

#[test]
fn objects_become_the_union_of_their_masks_whoever_chose_among_them() {
    let (side, stride) = (objects::SIDE, objects::STRIDE);
    let tile: Vec<[f64; 3]> = (0..side * side).map(|i| letterboxed(i % side, i / side)).collect();
    let cells = side / stride;
    let mean = |column: usize, row: usize| {
        let mut sum = [0.0; 3];
        for (y, x) in (0..stride).flat_map(|y| (0..stride).map(move |x| (y, x))) {
            let colour = tile[(stride * row + y) * side + stride * column + x];
            (0..3).for_each(|c| sum[c] += colour[c] / (stride * stride) as f64);
        }
        sum
    };
    let means: Vec<[f64; 3]> = (0..cells * cells).map(|i| mean(i % cells, i / cells)).collect();
    let logit = |object: &objects::Object, x: usize, y: usize| {
        let near = |place: usize| {
            let place = ((place as f64 + 0.5) / stride as f64 - 0.5).clamp(0.0, (cells - 1) as f64);
            [(place.floor() as usize, 1.0 - place.fract()), (place.ceil() as usize, place.fract())]
        };
        let mut sum = 0.0;
        for ((column, across), (row, down)) in near(x).into_iter().flat_map(|x| near(y).map(|y| (x, y))) {
            let [red, green, blue] = means[row * cells + column];
            let values = [red, green, blue, 1.0];
            let cell: f64 = values.iter().zip(object.coefficients).map(|(v, c)| v * f64::from(c)).sum();
            sum += across * down * cell;
        }
        sum
    };
    let expected = |x: usize, y: usize| {
        let (x, y) = (x + (side - WIDTH) / 2, y + (side - HEIGHT) / 2);
        let covers = |object: &&objects::Object| {
            let [left, top, right, bottom] = object.corners.map(f64::from);
            let (x, y) = (x as f64, y as f64);
            object.counts && left <= x && x < right && top <= y && y < bottom
        };
        objects::OBJECTS.iter().filter(covers).map(|object| logistic(logit(object, x, y))).fold(0.0, f64::max)
    };
    let data = pixels().concat();
    let picture = Picture::new(&data, layout()).unwrap();
    for (selected, dynamic, half) in
        [(false, false, false), (true, false, false), (false, true, false), (true, true, true)]
    {
        let export = objects::Export { selected, dynamic, half };
        let models = tempfile::tempdir().unwrap();
        fs::write(models.path().join("o.onnx"), objects::model(export).encode_to_vec()).unwrap();
        fs::write(models.path().join("o.onnx.json"), objects::right_manifest(export).to_json()).unwrap();
        let store = Store::only(&[models.path().into()]);
        let engine = Engine::new(EngineOptions { store, ..Default::default() });
        let found = engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
        let probability = found.probability();
        // An open size needs no more border than to the next multiple of 32, which both sides of the picture are.
        if dynamic {
            assert!(probability.iter().any(|value| *value > 0.9), "{export:?}");
            continue;
        }
        let mut rusty = 0;
        for ((y, x), value) in probability.indexed_iter() {
            let expected = expected(x, y);
            rusty += usize::from(expected > 0.5);
            assert!(
                (f64::from(*value) - expected).abs() < 1e-4,
                "{export:?} {x},{y}: {value}, not {expected}"
            );
        }
        assert!((300..3000).contains(&rusty), "{rusty}");
    }
}

#[test]
fn objects_that_break_their_promises_are_refused() {
    let refusal = |change: &dyn Fn(&mut onnx::Model, &mut Manifest)| {
        let export = objects::Export { dynamic: true, ..Default::default() };
        let (mut model, mut manifest) = (objects::model(export), objects::right_manifest(export));
        change(&mut model, &mut manifest);
        let models = tempfile::tempdir().unwrap();
        fs::write(models.path().join("o.onnx"), model.encode_to_vec()).unwrap();
        fs::write(models.path().join("o.onnx.json"), manifest.to_json()).unwrap();
        let store = Store::only(&[models.path().into()]);
        let engine = Engine::new(EngineOptions { store, ..Default::default() });
        let data = pixels().concat();
        let picture = Picture::new(&data, layout()).unwrap();
        engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap_err();
        engine.models()[0].idle_because.as_ref().unwrap().to_string()
    };
    let weights = |model: &mut onnx::Model, name: &str, value: f32| {
        let tensors = &mut model.graph.as_mut().unwrap().initializer;
        let tensor = tensors.iter_mut().find(|tensor| tensor.name == name).unwrap();
        tensor.raw_data[..4].copy_from_slice(&value.to_le_bytes());
    };
    let said = refusal(&|model, _| weights(model, "objects", f32::NAN));
    assert!(said.contains("no numbers"), "{said}");
    let said = refusal(&|model, _| weights(model, "bias", f32::NAN));
    assert!(said.contains("no numbers"), "{said}");
    let said = refusal(&|_, manifest| manifest.outputs[0].classes.push("moss".into()));
    assert!(said.contains("it needs 11"), "{said}");
    let said = refusal(&|_, manifest| manifest.outputs[0].detections = Detections::Selected);
    assert!(said.contains("[1, objects, 10]"), "{said}");
    let said = refusal(&|_, manifest| manifest.outputs[1].stride = 2);
    assert!(said.contains("the stride 4 in the manifest would fit"), "{said}");
    const CANDIDATES: usize = objects::CANDIDATES;
    // Nowhere, infinitely large and of an infinite weight: no mask comes of them, and no failure.
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -1e30] {
        let export = objects::Export::default();
        let mut model = objects::model(export);
        let tensors = &mut model.graph.as_mut().unwrap().initializer;
        let objects = &mut tensors.iter_mut().find(|tensor| tensor.name == "objects").unwrap().raw_data;
        for row in [0, 2, 6] {
            objects[4 * (row * CANDIDATES + 1)..][..4].copy_from_slice(&value.to_le_bytes());
        }
        let models = tempfile::tempdir().unwrap();
        fs::write(models.path().join("o.onnx"), model.encode_to_vec()).unwrap();
        fs::write(models.path().join("o.onnx.json"), objects::right_manifest(export).to_json()).unwrap();
        let store = Store::only(&[models.path().into()]);
        let engine = Engine::new(EngineOptions { store, ..Default::default() });
        let data = pixels().concat();
        let picture = Picture::new(&data, layout()).unwrap();
        let found = engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
        assert!(found.probability().iter().all(|value| (0.0..=1.0).contains(value)), "{value}");
    }
}

/// A network that paints what its mask calls a hole green, and answers with the picture elsewhere: what inpainters do.
fn inpainter(white: White, grow: u32) -> Network {
    let fill = Convolution::pointwise(
        &[&[1.0, 0.0, 0.0, -1.0], &[0.0, 1.0, 0.0, 1.0], &[0.0, 0.0, 1.0, -1.0]],
        &[0.0; 3],
    );
    let keep = Convolution::pointwise(
        &[&[1.0, 0.0, 0.0, 1.0], &[0.0, 1.0, 0.0, -1.0], &[0.0, 0.0, 1.0, 1.0]],
        &[-1.0, 1.0, -1.0],
    );
    let nothing = Convolution::pointwise(&[&[0.0; 4]], &[0.0]);
    let fill = if white == White::Hole { fill } else { keep };
    let mut network = Network::derust("inpainter", fill, nothing, true);
    // Without an alpha.
    network.manifest.outputs.pop();
    network.outputs.pop();
    (network.manifest.inputs[1].white, network.manifest.inputs[1].grow) = (white, grow);
    network
}

#[test]
fn an_inpainter_is_told_what_another_network_found_in_the_polarity_that_it_wants() {
    let models = tempfile::tempdir().unwrap();
    fs::write(models.path().join("finder.onnx"), Network::red_is_rust().to_onnx()).unwrap();
    let path = models.path().join("inpainter.onnx");
    let red = |x: usize, y: usize| (20..40).contains(&x) && (16..32).contains(&y);
    let picture: Vec<u8> = (0..WIDTH * HEIGHT)
        .flat_map(|i| if red(i % WIDTH, i / WIDTH) { [250, 0, 0] } else { [90, 100, (i % 7) as u8 * 9 + 60] })
        .collect();
    let fill = |network: &Network, mask: Option<&[u8]>, mask_mode| {
        fs::write(&path, network.to_onnx()).unwrap();
        let store = Store::only(&[models.path().into()]);
        let engine = Engine::new(EngineOptions { store, ..Default::default() });
        let mask_layout = Layout::packed(WIDTH as u32, HEIGHT as u32, Channels::Gray, Depth::U8);
        let mask = mask.map(|mask| Picture::new(mask, mask_layout).unwrap());
        let picture = Picture::new(&picture, layout()).unwrap();
        let options = RemoveOptions { mask_mode, plain_fill: true, ..Default::default() };
        let removal = engine.analyse_removal(&picture, mask.as_ref(), &options, Control::default()).unwrap();
        removal.fill().clone()
    };
    let is_green = |fill: &ndarray::Array3<f32>, x: usize, y: usize| {
        let colour = [0, 1, 2].map(|c| fill[[c, y, x]]);
        colour == [0.0, 1.0, 0.0] || !red(x, y) && colour[1] > 0.99
    };
    for white in [White::Hole, White::Keep] {
        let told = fill(&inpainter(white, 0), None, MaskMode::Limit);
        for (x, y) in [(21, 17), (30, 24), (38, 30)] {
            assert!(is_green(&told, x, y), "{white:?} {x},{y}");
        }
        for (x, y) in [(5, 5), (60, 24), (30, 50), (17, 24), (42, 24)] {
            assert!(!is_green(&told, x, y), "{white:?} {x},{y}");
        }
        let grown = fill(&inpainter(white, 5), None, MaskMode::Limit);
        assert!(
            is_green(&grown, 17, 24) && is_green(&grown, 42, 24) && !is_green(&grown, 60, 24),
            "{white:?}"
        );
        // A mask that replaces what is found is told in the same words.
        let mask: Vec<u8> = (0..WIDTH * HEIGHT).map(|i| if i % WIDTH > 70 { 255 } else { 0 }).collect();
        let replaced = fill(&inpainter(white, 0), Some(&mask), MaskMode::Replace);
        assert!(is_green(&replaced, 80, 24) && !is_green(&replaced, 30, 24), "{white:?}");
    }
}
