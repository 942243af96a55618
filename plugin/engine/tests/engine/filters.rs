//! Both filters through the engine, with real ONNX Runtime and tiny networks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use derust_engine::filters::derust::{Look, RemoveOptions};
use derust_engine::filters::segment_rust::SegmentOptions;
use derust_engine::fixtures::{Convolution, Network};
use derust_engine::models::Store;
use derust_engine::pixels::{Channels, Depth, Layout, Meaning, Picture, PictureMut, Profile, Region};
use derust_engine::{Caution, Control, Engine, EngineOptions, Error, MaskMode, Unjudgeable};
use derust_manifest::{ColourOrder, Input, OutputRole, Tile};

/// An engine that knows these networks only.
fn engine(networks: &[Network]) -> Engine {
    let folder = tempfile::tempdir().unwrap();
    for network in networks {
        std::fs::write(folder.path().join(format!("{}.onnx", network.manifest.name)), network.to_onnx())
            .unwrap();
    }
    let engine =
        Engine::new(EngineOptions { store: Store::only(&[folder.path().into()]), ..Default::default() });
    for network in networks {
        // Networks are read when they are first used; the folder lives no longer than this function.
        let picture = Picture::new(&[200, 20, 40], Layout::packed(1, 1, Channels::Rgb, Depth::U8)).unwrap();
        match network.manifest.kind {
            derust_engine::Kind::SegmentRust => {
                engine.segment(&picture, &SegmentOptions::default(), Control::default()).map(drop).unwrap();
            }
            _ => {
                engine
                    .analyse_removal(&picture, Some(&picture), &RemoveOptions::default(), Control::default())
                    .map(drop)
                    .unwrap();
            }
        }
    }
    engine
}

/// Pixels that follow no pattern.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn rgb(width: u32, height: u32) -> Layout {
    Layout::packed(width, height, Channels::Rgb, Depth::U8)
}

fn probabilities(network: Network, data: &[u8], layout: Layout) -> Vec<u8> {
    let picture = Picture::new(data, layout).unwrap();
    let found = engine(&[network]).segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
    let (width, height) = picture.size();
    let mut gray = vec![0; (width * height) as usize];
    let mut target =
        PictureMut::new(&mut gray, Layout::packed(width, height, Channels::Gray, Depth::U8)).unwrap();
    found.write_probability(&picture, &mut target, Control::default()).unwrap();
    gray
}

#[test]
fn a_picture_in_tiles_is_the_same_as_the_picture_whole() {
    let (width, height) = (301, 211);
    let data = noise((width * height * 3) as usize);
    let mut network = Network::segment("mean", Convolution::mean(5));
    network.manifest.tile = Tile { size: 64, overlap: 16, multiple: 16 };
    let tiled = probabilities(network.clone(), &data, rgb(width, height));
    network.manifest.tile = Tile { size: 512, overlap: 16, multiple: 16 };
    let whole = probabilities(network.clone(), &data, rgb(width, height));
    let worst = tiled.iter().zip(&whole).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(worst <= 2, "tiles change the result by {worst} of 255");
    assert!(whole.iter().max().unwrap() - whole.iter().min().unwrap() > 50, "the picture has no structure");

    // The check has teeth: without an overlap the tiles' borders show.
    network.manifest.tile = Tile { size: 64, overlap: 0, multiple: 16 };
    let apart = probabilities(network.clone(), &data, rgb(width, height));
    assert!(apart.iter().zip(&whole).any(|(a, b)| a.abs_diff(*b) > 2));

    // A graph may fix its size. Its last tiles then end where the picture does, so the network's own border of
    // zeros replaces the mirror there.
    network.manifest.tile = Tile { size: 64, overlap: 16, multiple: 16 };
    network.fixed_size = Some((50, 70));
    let fixed = probabilities(network, &data, rgb(width, height));
    let inside =
        |i: &usize| i % width as usize + 2 < width as usize && i / (width as usize) + 2 < height as usize;
    assert!((0..fixed.len()).filter(inside).all(|i| fixed[i].abs_diff(whole[i]) <= 2));
}

#[test]
fn pictures_of_any_shape_work() {
    for (width, height) in [(1, 1), (1, 700), (700, 1), (5, 3), (16, 17)] {
        let data = noise((width * height * 3) as usize);
        let expected: Vec<u8> = data
            .chunks(3)
            .map(|p| (f32::from(p[0]) - 0.5 * f32::from(p[1]) - 0.5 * f32::from(p[2])).clamp(0.0, 255.0))
            .map(|value| (value + 0.5) as u8)
            .collect();
        let found = probabilities(Network::red_is_rust(), &data, rgb(width, height));
        assert!(found.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 1), "{width} x {height}");
    }
}

#[test]
fn what_a_network_wants_and_gives_follows_its_manifest() {
    let data = noise(40 * 30 * 3);
    let plain = probabilities(Network::red_is_rust(), &data, rgb(40, 30));

    // The same in other words: blue first, -1 to 1, a mean and a standard deviation.
    let mut other = Network::red_is_rust();
    let (mean, std) = (vec![0.1, 0.2, 0.3], vec![0.5, 0.25, 2.0]);
    let weights: Vec<f32> = [-0.5, -0.5, 1.0].iter().zip(&std).map(|(w, s)| w * s / 2.0).collect();
    let bias = [-0.5, -0.5, 1.0].iter().zip(&mean).map(|(w, m)| w * (m + 1.0) / 2.0).sum();
    other.outputs = vec![Convolution::pointwise(&[&weights], &[bias])];
    other.manifest.inputs = vec![Input {
        colour_order: ColourOrder::Bgr,
        range: [-1.0, 1.0],
        mean,
        std,
        ..other.manifest.inputs[0].clone()
    }];
    let normalised = probabilities(other, &data, rgb(40, 30));
    assert!(plain.iter().zip(&normalised).all(|(a, b)| a.abs_diff(*b) <= 1));

    // Logits of zero are one half.
    let mut logits = Network::segment("logits", Convolution::pointwise(&[&[0.0; 3]], &[0.0]));
    logits.manifest.outputs[0].role = OutputRole::Logits;
    assert!(probabilities(logits, &data, rgb(40, 30)).iter().all(|value| *value == 128));

    // Three even classes, two of which are rust.
    let mut classes = Network::segment("classes", Convolution::pointwise(&[&[0.0_f32; 3][..]; 3], &[0.0; 3]));
    let output = &mut classes.manifest.outputs[0];
    output.role = OutputRole::Classes;
    output.classes = ["metal", "red rust", "black rust"].map(str::to_owned).into();
    output.rust = output.classes[1..].into();
    assert!(probabilities(classes, &data, rgb(40, 30)).iter().all(|value| *value == 170));
}

#[test]
fn a_large_picture_is_analysed_at_the_models_scale() {
    let mut network = Network::red_is_rust();
    network.manifest.long_side = Some(50);
    let data = [200, 0, 0].repeat(200 * 100);
    let picture = Picture::new(&data, rgb(200, 100)).unwrap();
    let found = engine(&[network]).segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
    assert_eq!(found.probability().dim(), (25, 50));
    let survey = found.survey(&picture, Control::default()).unwrap();
    assert_eq!((survey.pixels, survey.rust_pixels, survey.regions.len()), (20_000, 20_000, 1));
    assert_eq!((survey.regions[0].width, survey.regions[0].height), (200, 100));
}

/// A buffer with gaps in which no pixel but the left third is red, and its layout.
fn partly_red(channels: Channels, depth: Depth, upside_down: bool) -> (Vec<u8>, Layout) {
    let (width, height) = (90_usize, 20_usize);
    let pixel = channels.count() * depth.bytes();
    let stride = width * (pixel + 1) + 5;
    let mut layout = Layout::packed(width as u32, height as u32, channels, depth);
    layout.pixel_stride = pixel + 1;
    layout.row_stride = if upside_down { -(stride as isize) } else { stride as isize };
    layout.offset = if upside_down { stride * (height - 1) } else { 0 };
    let mut data = noise(stride * height);
    for y in 0..height {
        for x in 0..width {
            let start = (layout.offset as isize + y as isize * layout.row_stride) as usize + x * (pixel + 1);
            let red = x < width / 3;
            let gray = 0.2 + 0.5 * (x * y % 97) as f32 / 97.0;
            let colour = if red { [0.9, 0.1, 0.2] } else { [gray; 3] };
            for (c, value) in colour.into_iter().enumerate() {
                let place = match channels {
                    Channels::Gray => 0,
                    Channels::Bgr | Channels::Bgra => 2 - c,
                    _ => c,
                };
                let bytes = &mut data[start + place * depth.bytes()..];
                match depth {
                    Depth::U8 => bytes[0] = (value * 255.0) as u8,
                    Depth::U16 => bytes[..2].copy_from_slice(&((value * 65535.0) as u16).to_ne_bytes()),
                    Depth::F32 => bytes[..4].copy_from_slice(&value.to_ne_bytes()),
                }
            }
        }
    }
    (data, layout)
}

#[test]
fn pixels_with_alpha_zero_stay_bit_for_bit_the_same() {
    let engine = engine(&[Network::red_to_gray()]);
    for channels in [Channels::Gray, Channels::Rgb, Channels::Bgr, Channels::Rgba, Channels::Bgra] {
        for depth in [Depth::U8, Depth::U16, Depth::F32] {
            for upside_down in [false, true] {
                let (before, layout) = partly_red(channels, depth, upside_down);
                let case = format!("{channels:?} {depth:?} upside down: {upside_down}");
                let picture = Picture::new(&before, layout).unwrap();
                let control = Control::default();
                let options = RemoveOptions { judge_anyway: true, ..Default::default() };
                let removal = engine.analyse_removal(&picture, None, &options, control).unwrap();
                let mut after = before.clone();
                let mut target = PictureMut::new(&mut after, layout).unwrap();
                removal.compose(None, &Look::default(), &mut target, control).unwrap();
                let mut changed = 0;
                for i in (0..after.len()).filter(|i| after[*i] != before[*i]) {
                    let x = i % layout.row_stride.unsigned_abs() / layout.pixel_stride;
                    assert!(x < 30, "{case}: byte {i} in column {x} changed");
                    changed += 1;
                }
                // A gray picture has no red in it, so nothing is found.
                assert_eq!(changed == 0, channels == Channels::Gray, "{case}: {changed} bytes changed");
                let mut unchanged = before.clone();
                let mut target = PictureMut::new(&mut unchanged, layout).unwrap();
                removal
                    .compose(None, &Look { strength: 0.0, ..Look::default() }, &mut target, control)
                    .unwrap();
                assert!(unchanged == before, "{case}: strength 0 changes pixels");
            }
        }
    }
}

fn composed(engine: &Engine, data: &[u8], layout: Layout, mask: Option<&[u8]>, mode: MaskMode) -> Vec<u8> {
    let picture = Picture::new(data, layout).unwrap();
    let mask_layout = Layout::packed(picture.size().0, picture.size().1, Channels::Gray, Depth::U8);
    let mask = mask.map(|mask| Picture::new(mask, mask_layout).unwrap());
    let options = RemoveOptions { mask_mode: mode, ..Default::default() };
    let removal = engine.analyse_removal(&picture, mask.as_ref(), &options, Control::default()).unwrap();
    let mut result = data.to_vec();
    let mut target = PictureMut::new(&mut result, layout).unwrap();
    removal.compose(mask.as_ref(), &Look::default(), &mut target, Control::default()).unwrap();
    result
}

#[test]
fn a_mask_limits_or_replaces_what_was_found_and_the_network_is_told() {
    // Fill: the mask as it was fed (gray of its value, -1 clipped to 0). Alpha: one half where there is no mask.
    let from_mask: &[f32] = &[0.0, 0.0, 0.0, 1.0];
    let fill = Convolution::pointwise(&[from_mask; 3], &[0.0; 3]);
    let alpha = Convolution::pointwise(&[&[0.0, 0.0, 0.0, -1.0]], &[-0.5]);
    let engine = engine(&[Network::derust("told", fill, alpha, true)]);
    let data = [200, 160, 160].repeat(4);
    let mask = [255, 128, 0, 0];
    let run = |mask, mode| {
        composed(&engine, &data, rgb(4, 1), mask, mode).chunks(3).map(|p| p[0]).collect::<Vec<_>>()
    };
    assert_eq!(run(None, MaskMode::Limit), [100; 4]);
    assert_eq!(run(Some(&mask[..]), MaskMode::Limit), [100, 150, 200, 200]);
    // Where the mask is white or an edge of white the network is told white, and its fill is white; grays only blend it.
    assert_eq!(run(Some(&mask[..]), MaskMode::Replace), [255, 228, 200, 200]);
    assert_eq!(run(Some(&[250, 130, 5, 0]), MaskMode::Replace), [254, 228, 196, 200]);
    let picture = Picture::new(&data, rgb(4, 1)).unwrap();
    let options = RemoveOptions { mask_mode: MaskMode::Replace, ..Default::default() };
    assert!(matches!(
        engine.analyse_removal(&picture, None, &options, Control::default()),
        Err(Error::Option(_))
    ));
}

#[test]
fn a_network_without_alpha_takes_it_from_the_segmentation_or_the_mask() {
    let mut network = Network::red_to_gray();
    network.manifest.outputs.truncate(1);
    network.outputs.truncate(1);
    let data = [[200, 0, 0], [90, 90, 90]].concat();
    let with_both = engine(&[Network::red_is_rust(), network.clone()]);
    assert_eq!(composed(&with_both, &data, rgb(2, 1), None, MaskMode::Limit), [0, 0, 0, 90, 90, 90]);
    let alone = engine(&[network.clone()]);
    let masked = composed(&alone, &data, rgb(2, 1), Some(&[0, 255]), MaskMode::Limit);
    assert_eq!(masked, data, "gray stays gray, and the red pixel is not in the mask");
    let masked = composed(&alone, &data, rgb(2, 1), Some(&[255, 0]), MaskMode::Limit);
    assert_eq!(masked, [0, 0, 0, 90, 90, 90]);
    let picture = Picture::new(&data, rgb(2, 1)).unwrap();
    let error =
        alone.analyse_removal(&picture, None, &RemoveOptions::default(), Control::default()).unwrap_err();
    assert!(error.to_string().contains("segment-rust"), "{error}");
}

#[test]
fn only_the_region_is_analysed_and_changed() {
    let engine = engine(&[Network::red_to_gray()]);
    let data = [200, 0, 0].repeat(12);
    let mut layout = rgb(4, 3);
    layout.region = Some(Region { x: 1, y: 1, width: 2, height: 1 });
    let result = composed(&engine, &data, layout, None, MaskMode::Limit);
    let changed: Vec<usize> = (0..12).filter(|i| result[3 * i..][..3] != data[3 * i..][..3]).collect();
    assert_eq!(changed, [5, 6]);
}

#[test]
fn progress_goes_from_nothing_to_all_and_a_call_can_be_stopped() {
    let engine = engine(&[Network::red_is_rust()]);
    let data = noise(300 * 300 * 3);
    let picture = Picture::new(&data, rgb(300, 300)).unwrap();
    let seen = Mutex::new(vec![]);
    let note = |done: f32| seen.lock().unwrap().push(done);
    engine.segment(&picture, &SegmentOptions::default(), Control::new(Some(&note), None)).unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.len() > 20 && seen.is_sorted(), "{seen:?}");
    assert_eq!((seen[0], *seen.last().unwrap()), (0.0, 1.0));

    let cancel = AtomicBool::new(false);
    let calls = Mutex::new(0);
    let stop = |done: f32| {
        *calls.lock().unwrap() += 1;
        cancel.store(done > 0.3, Ordering::Relaxed);
    };
    let stopped =
        engine.segment(&picture, &SegmentOptions::default(), Control::new(Some(&stop), Some(&cancel)));
    assert!(matches!(stopped, Err(Error::Cancelled)));
    assert!(*calls.lock().unwrap() < seen.len());
}

#[test]
fn threads_share_an_engine() {
    let engine = engine(&[Network::red_is_rust()]);
    let data = [200, 0, 0].repeat(64 * 64);
    let picture = Picture::new(&data, rgb(64, 64)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let found = engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
                assert_eq!(found.survey(&picture, Control::default()).unwrap().rust_pixels, 64 * 64);
            });
        }
    });
}

#[test]
fn a_network_that_answers_nonsense_is_named() {
    // Only a division by zero can make numbers out of range here: infinity times zero is no number.
    let network = Network::segment("broken", Convolution::pointwise(&[&[f32::INFINITY, 0.0, 0.0]], &[0.0]));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.onnx"), network.to_onnx()).unwrap();
    let engine =
        Engine::new(EngineOptions { store: Store::only(&[folder.path().into()]), ..Default::default() });
    let picture = Picture::new(&[0, 20, 200], rgb(1, 1)).unwrap();
    let error = engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap_err();
    assert!(error.to_string().contains("`broken`"), "{error}");
    let unknown = SegmentOptions { model: Some("unknown".parse().unwrap()), ..Default::default() };
    let error = engine.segment(&picture, &unknown, Control::default()).unwrap_err().to_string();
    assert!(error.contains("named `unknown`"), "{error}");
}

#[test]
fn progress_ends_at_one_with_and_without_texture() {
    let engine = engine(&[Network::red_is_rust(), Network::red_to_gray()]);
    // Too small for texture, and large enough.
    for side in [4, 64] {
        let inside = |at: u32| at < side / 3;
        let pixels = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        let data: Vec<u8> = pixels
            .flat_map(|(x, y)| if inside(x) && inside(y) { [250, 10, 10] } else { [90 + (x % 5) as u8; 3] })
            .collect();
        for plain_fill in [false, true] {
            let told = Mutex::new(vec![]);
            let progress = |part: f32| told.lock().unwrap().push(part);
            let options = RemoveOptions { plain_fill, ..Default::default() };
            let picture = Picture::new(&data, rgb(side, side)).unwrap();
            engine.analyse_removal(&picture, None, &options, Control::new(Some(&progress), None)).unwrap();
            let told = told.into_inner().unwrap();
            assert!(told.is_sorted() && told.last() == Some(&1.0), "{side}, {plain_fill}: {told:?}");
        }
    }
}

#[test]
fn pixels_that_do_not_count_are_left_out_of_everything() {
    let engine = engine(&[Network::red_is_rust(), Network::red_to_gray()]);
    // A quarter is rust, and half of that, with half of everything, is transparent.
    let size = (40, 40);
    let pixel = |x: usize, y: usize| match (x < 20 && y < 20, !(10..30).contains(&y)) {
        (true, false) => [250, 10, 20, 255],
        (true, true) => [250, 10, 20, 0],
        (false, see_through) => [90 + (x % 7) as u8, 100, 110, if see_through { 0 } else { 1 }],
    };
    let data: Vec<u8> = (0..40 * 40).flat_map(|i| pixel(i % 40, i / 40)).collect();
    let layout = Layout::packed(size.0, size.1, Channels::Rgba, Depth::U8);
    let picture = Picture::new(&data, layout).unwrap();
    let found = engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
    let survey = found.survey(&picture, Control::default()).unwrap();
    assert_eq!((survey.pixels, survey.rust_pixels), (800, 200));
    let cleaned = composed(&engine, &data, layout, None, MaskMode::Limit);
    let changed = |cleaned: &[u8]| (0..1600).filter(|i| cleaned[4 * i..][..4] != data[4 * i..][..4]).count();
    assert_eq!(changed(&cleaned), 200);
    // A mask of the host's leaves out more.
    let inside: Vec<u8> = (0..1600).map(|i| if i % 40 < 10 { 255 } else { 0 }).collect();
    let inside = Picture::new(&inside, Layout::packed(size.0, size.1, Channels::Gray, Depth::U8)).unwrap();
    let within = picture.within(&inside).unwrap();
    let found = engine.segment(&within, &SegmentOptions::default(), Control::default()).unwrap();
    let survey = found.survey(&within, Control::default()).unwrap();
    assert_eq!((survey.pixels, survey.rust_pixels), (200, 100));
    let mut mask = vec![9; 1600];
    let mut target =
        PictureMut::new(&mut mask, Layout::packed(size.0, size.1, Channels::Gray, Depth::U8)).unwrap();
    found.write_mask(&within, &mut target, Control::default()).unwrap();
    assert_eq!(mask.iter().filter(|value| **value == 255).count(), 100);
    let removal =
        engine.analyse_removal(&within, None, &RemoveOptions::default(), Control::default()).unwrap();
    let mut result = data.clone();
    let mut target = PictureMut::new(&mut result, layout).unwrap().within(&inside).unwrap();
    removal.compose(None, &Look::default(), &mut target, Control::default()).unwrap();
    assert_eq!(changed(&result), 100);
    let wrong = Picture::new(&[0; 39], Layout::packed(39, 1, Channels::Gray, Depth::U8)).unwrap();
    assert!(picture.within(&wrong).is_err());
}

#[test]
fn what_cannot_be_judged_is_not_called_free_of_rust() {
    let engine = engine(&[Network::red_is_rust(), Network::red_to_gray()]);
    let judged = |bytes: &[u8], channels: Channels, depth: Depth, meaning: &Meaning| {
        let pixels = (bytes.len() / channels.count() / depth.bytes()) as u32;
        let picture =
            Picture::new(bytes, Layout::packed(pixels, 1, channels, depth)).unwrap().meaning(meaning);
        let anyway = SegmentOptions { judge_anyway: true, ..Default::default() };
        engine.segment(&picture, &anyway, Control::default()).unwrap();
        let removal = engine.analyse_removal(&picture, None, &RemoveOptions::default(), Control::default());
        let found = engine.segment(&picture, &SegmentOptions::default(), Control::default());
        match (found, removal) {
            (Ok(found), Ok(removal)) => {
                assert_eq!(found.caution(), removal.caution());
                Ok((found.survey(&picture, Control::default()).unwrap().rust_pixels, found.caution()))
            }
            (Err(Error::Unjudgeable(reason)), Err(Error::Unjudgeable(again))) => {
                assert_eq!(reason, again);
                Err(reason)
            }
            other => panic!("{other:?}"),
        }
    };
    let plain = Meaning::default();
    let bytes = |pixel: &[u8]| pixel.repeat(40);
    let shorts = |pixel: &[u16]| pixel.repeat(40).iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<u8>>();
    let floats = |pixel: &[f32]| pixel.repeat(40).iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<u8>>();
    let (rgb, rgba) = (Channels::Rgb, Channels::Rgba);
    assert_eq!(judged(&bytes(&[200, 20, 40]), rgb, Depth::U8, &plain), Ok((40, None)));
    assert_eq!(judged(&bytes(&[200]), Channels::Gray, Depth::U8, &plain), Err(Unjudgeable::Gray));
    assert_eq!(judged(&bytes(&[200, 199, 200]), rgb, Depth::U8, &plain), Err(Unjudgeable::Gray));
    assert_eq!(judged(&bytes(&[14, 3, 2]), rgb, Depth::U8, &plain), Err(Unjudgeable::Black));
    assert_eq!(judged(&bytes(&[60, 30, 20]), rgb, Depth::U8, &plain), Ok((0, Some(Caution::Dark))));
    assert_eq!(judged(&bytes(&[200, 20, 40, 0]), rgba, Depth::U8, &plain), Err(Unjudgeable::Empty));
    let nothing = floats(&[f32::NAN; 3]);
    assert_eq!(judged(&nothing, rgb, Depth::F32, &plain), Err(Unjudgeable::Empty));
    let few = judged(&shorts(&[4000, 300, 500]), rgb, Depth::U16, &plain);
    assert_eq!(few, Err(Unjudgeable::FewBits { most: 4000, bits: 12 }));
    let white = |white: f32| Meaning { white_level: Some(white), profile: None };
    assert_eq!(judged(&shorts(&[4000, 300, 500]), rgb, Depth::U16, &white(4095.0)), Ok((40, None)));
    let range = judged(&floats(&[200.0, 20.0, 40.0]), rgb, Depth::F32, &plain);
    assert_eq!(range, Err(Unjudgeable::Range { least: 20.0, most: 200.0, white: 1.0 }));
    assert_eq!(judged(&floats(&[200.0, 20.0, 40.0]), rgb, Depth::F32, &white(255.0)), Ok((40, None)));
    // With a mask in place of what is found, nothing has to be judged.
    let gray = bytes(&[100]);
    let mask = vec![255; 40];
    let layout = Layout::packed(40, 1, Channels::Gray, Depth::U8);
    composed(&engine, &gray, layout, Some(&mask), MaskMode::Replace);
}

#[test]
fn networks_see_srgb_and_results_are_in_the_pictures_own_numbers() {
    let engine = engine(&[Network::red_is_rust(), Network::red_to_gray()]);
    let srgb = [[0.8_f32, 0.1, 0.15], [0.4, 0.5, 0.6]];
    let chromaticities = Some([[0.3127, 0.329], [0.708, 0.292], [0.17, 0.797], [0.131, 0.046]]);
    let linear = |v: f32| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
    // Linear Rec. 2020 (BT.2087, table 1: 709 to 2020), and 12 bits of it in 16.
    let matrix = [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]];
    let own = |colour: [f32; 3]| {
        let light = colour.map(linear);
        matrix.map(|row: [f32; 3]| row[0] * light[0] + row[1] * light[1] + row[2] * light[2])
    };
    let profile = Profile::from_gamma(1.0, chromaticities).unwrap();
    let meaning = Meaning { white_level: Some(4095.0), profile };
    let data: Vec<u8> = srgb
        .iter()
        .flat_map(|colour| own(*colour))
        .flat_map(|value| ((value * 4095.0).round() as u16).to_ne_bytes())
        .collect();
    let layout = Layout::packed(2, 1, Channels::Rgb, Depth::U16);
    let picture = Picture::new(&data, layout).unwrap().meaning(&meaning);
    let found = engine.segment(&picture, &SegmentOptions::default(), Control::default()).unwrap();
    let probability = found.probability();
    assert!((probability[[0, 0]] - (0.8 - 0.125)).abs() < 0.01, "{probability}");
    assert!(probability[[0, 1]] < 0.01, "{probability}");
    let options = RemoveOptions { plain_fill: true, ..Default::default() };
    let removal = engine.analyse_removal(&picture, None, &options, Control::default()).unwrap();
    let mut result = data.clone();
    let mut target = PictureMut::new(&mut result, layout).unwrap().meaning(&meaning);
    removal.compose(None, &Look::default(), &mut target, Control::default()).unwrap();
    let numbers: Vec<f32> =
        result.chunks(2).map(|v| f32::from(u16::from_ne_bytes([v[0], v[1]])) / 4095.0).collect();
    let alpha = 0.8 - 0.125;
    let expected = own([0.8 + alpha * (0.1 - 0.8), 0.1, 0.15]);
    for c in 0..3 {
        assert!((numbers[c] - expected[c]).abs() < 0.01, "{numbers:?}, {expected:?}");
    }
    assert_eq!(result[6..], data[6..], "what is no rust stays bit for bit");
}
