//! What calls answer.

use std::time::{Duration, Instant};

use derust_client::*;

use crate::{HEIGHT, RED, WIDTH, engine, image, is_red, layout, options, picture};

fn gray() -> Layout {
    Layout::new(WIDTH, HEIGHT, Format::GrayU8)
}

#[test]
fn rust_is_found_measured_and_outlined() {
    let pixels = picture();
    let (mut mask, mut probability) = (vec![7u8; 1200], vec![7.0f32; 1200]);
    let outputs = SegmentOutputs {
        mask: Some(ImageMut::new(&mut mask, gray())),
        probability: Some(ImageMut::new(
            &mut probability,
            Layout { transfer: Transfer::Linear, ..Layout::new(WIDTH, HEIGHT, Format::GrayF32) },
        )),
    };
    let options = SegmentOptions { contours: true, threshold: Some(0.5), ..Default::default() };
    let report = engine().segment(&image(&pixels), outputs, options).unwrap();
    let summary = *report.summary();
    assert_eq!((summary.pixels, summary.rust_pixels, summary.region_count), (1200, 200, 1));
    assert_eq!((summary.fraction, summary.threshold), (200.0 / 1200.0, 0.5));
    assert_eq!((summary.iso_4628_3, summary.astm_d610), (5, 2));
    let regions: Vec<_> = report.regions().collect();
    let [Region { bounds, area: 200, mean_probability }] = regions[..] else { panic!("{regions:?}") };
    assert_eq!((bounds.x, bounds.y, bounds.width, bounds.height), RED);
    assert!((mean_probability - 230.0 / 255.0).abs() < 0.01, "{mean_probability}");
    let contour = report.contour(0).unwrap();
    assert_eq!(contour.len(), 2 * (10 + 20) - 4);
    assert!(contour.contains(&Point { x: 8, y: 5 }) && contour.contains(&Point { x: 17, y: 24 }));
    for (i, (mask, probability)) in mask.iter().zip(&probability).enumerate() {
        let red = is_red(i as u32 % WIDTH, i as u32 / WIDTH);
        assert_eq!((*mask, *probability > 0.5), (if red { 255 } else { 0 }, red), "{i}");
    }
    assert_eq!(report.region(1).unwrap_err().kind(), ErrorKind::Argument);
}

#[test]
fn rust_is_removed_into_another_picture_and_in_place() {
    let pixels = picture();
    let mut output = vec![0u8; pixels.len()];
    let mut target = ImageMut::new(&mut output, layout());
    engine().remove(&image(&pixels), &mut target, RemoveOptions::default()).unwrap();
    let changed = |output: &[u8]| -> Vec<bool> {
        let pairs = output.chunks_exact(3).zip(pixels.chunks_exact(3));
        pairs.map(|(after, before)| after != before).collect()
    };
    let red: Vec<_> = (0..WIDTH * HEIGHT).map(|i| is_red(i % WIDTH, i / WIDTH)).collect();
    assert_eq!(changed(&output), red);

    let mut in_place = pixels.clone();
    engine().remove_in_place(&mut ImageMut::new(&mut in_place, layout()), RemoveOptions::default()).unwrap();
    assert_eq!(in_place, output);

    // Only the upper half is treated.
    let mask: Vec<u8> = (0..WIDTH * HEIGHT).map(|i| if i / WIDTH < 15 { 255 } else { 0 }).collect();
    let options = RemoveOptions { mask: Some(Image::new(&mask, gray())), ..Default::default() };
    let mut halved = vec![0u8; pixels.len()];
    engine().remove(&image(&pixels), &mut ImageMut::new(&mut halved, layout()), options).unwrap();
    let upper: Vec<_> = red.iter().enumerate().map(|(i, red)| *red && i < 15 * WIDTH as usize).collect();
    assert_eq!(changed(&halved), upper);
}

#[test]
fn an_analysis_answers_as_the_calls_do() {
    let pixels = picture();
    let image = image(&pixels);
    let analysis = engine().analyse(&image, SegmentOptions::default()).unwrap();
    let mut mask = vec![7u8; 1200];
    let asked = || ComposeOptions { threshold: Some(0.5), ..Default::default() };
    analysis.mask(&image, &mut ImageMut::new(&mut mask, gray()), asked()).unwrap();
    assert_eq!(mask.iter().filter(|value| **value == 255).count(), 200);
    let higher = ComposeOptions { threshold: Some(0.95), ..Default::default() };
    analysis.mask(&image, &mut ImageMut::new(&mut mask, gray()), higher).unwrap();
    assert!(mask.iter().all(|value| *value == 0), "nothing is so probable");
    let mut probability = vec![0u16; 1200];
    let mut target = ImageMut::new(&mut probability, Layout::new(WIDTH, HEIGHT, Format::GrayU16));
    analysis.probability(&image, &mut target, Default::default()).unwrap();
    let most = *probability.iter().max().unwrap();
    assert!((i32::from(most) - 230 * 257).abs() < 300, "{most}");
    let report = analysis.report(&image, SegmentOptions { threshold: Some(0.5), ..Default::default() });
    let report = report.unwrap();
    assert_eq!(report.summary().rust_pixels, 200);
    let text = report.contour(0).unwrap_err().to_string();
    assert!(text.contains("contours"), "{text}");

    let mut overlay = pixels.clone();
    analysis.overlay_in_place(&mut ImageMut::new(&mut overlay, layout()), asked()).unwrap();
    assert_ne!(overlay, pixels);
    let mut apart = vec![0u8; pixels.len()];
    analysis.overlay(&image, &mut ImageMut::new(&mut apart, layout()), asked()).unwrap();
    assert_eq!(apart, overlay);
}

#[test]
fn a_removal_is_composed_with_any_strength_and_without_its_engine() {
    let pixels = picture();
    let image = image(&pixels);
    let removal = {
        let engine = Engine::new(options()).unwrap();
        engine.analyse_removal(&image, RemoveOptions::default()).unwrap()
    };
    let compose = |strength| {
        let mut output = vec![0u8; pixels.len()];
        let options = ComposeOptions { strength, ..Default::default() };
        removal.compose(&image, &mut ImageMut::new(&mut output, layout()), options).unwrap();
        output
    };
    let (none, half, all) = (compose(0.0), compose(0.5), compose(1.0));
    assert_eq!(none, pixels);
    let at = (RED.1 * WIDTH + RED.0) as usize * 3;
    assert!(pixels[at] > half[at] && half[at] > all[at], "{} {} {}", pixels[at], half[at], all[at]);
    let mut in_place = pixels.clone();
    removal.compose_in_place(&mut ImageMut::new(&mut in_place, layout()), Default::default()).unwrap();
    assert_eq!(in_place, all);

    // On one thread, while another one reads what is finished.
    let canvas = Canvas::new(vec![0u8; pixels.len()], layout()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while canvas.finished() < HEIGHT {
                let rows = canvas.rows();
                assert_eq!(rows, &all[..rows.len()]);
                std::thread::yield_now();
            }
        });
        removal.compose_onto(&image, &canvas, Default::default()).unwrap();
    });
    let again = removal.compose_onto(&image, &canvas, Default::default()).unwrap_err();
    assert!(again.to_string().contains("canvas was composed onto before"), "{again}");
    assert_eq!(canvas.into_bytes(), all);
}

#[test]
fn a_batch_does_what_it_can() {
    let pixels = picture();
    let engine = Engine::new(EngineOptions { sessions: 2, ..options() }).unwrap();
    let mut masks = vec![vec![7u8; 1200]; 3];
    let mut jobs: Vec<_> = masks
        .iter_mut()
        .enumerate()
        .map(|(i, mask)| SegmentJob {
            input: image(&pixels),
            outputs: SegmentOutputs {
                // The second one does not fit its picture.
                mask: Some(ImageMut::new(
                    &mut mask[..],
                    if i == 1 { Layout::new(2, 2, Format::GrayU8) } else { gray() },
                )),
                probability: None,
            },
        })
        .collect();
    let mut told = vec![];
    let mut progress = |done: f32| {
        told.push(done);
        true
    };
    let options = SegmentOptions { progress: Some(&mut progress), ..Default::default() };
    let batch = engine.segment_batch(&mut jobs, options).unwrap();
    let fractions: Vec<_> = batch
        .results
        .iter()
        .map(|result| result.as_ref().map(|report| report.summary().rust_pixels))
        .collect();
    assert_eq!(fractions, [Ok(200), Err(&ErrorKind::Format), Ok(200)]);
    let error = batch.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Format);
    assert!(error.to_string().contains("masks[1]"), "{error}");
    assert!(told.is_sorted() && told.last() == Some(&1.0), "{told:?}");
    assert_eq!(masks[2].iter().filter(|value| **value == 255).count(), 200);

    let mut outputs = vec![vec![0u8; pixels.len()]; 2];
    let mut jobs: Vec<_> = outputs
        .iter_mut()
        .map(|output| RemoveJob { input: image(&pixels), output: ImageMut::new(&mut output[..], layout()) })
        .collect();
    let batch = engine.remove_batch(&mut jobs, RemoveOptions::default()).unwrap();
    let cautions: Vec<_> = batch.results.iter().map(|info| info.map(|info| info.caution)).collect();
    assert_eq!((cautions, batch.error), (vec![Ok(None); 2], None));
    let mut alone = vec![0u8; pixels.len()];
    engine.remove(&image(&pixels), &mut ImageMut::new(&mut alone, layout()), Default::default()).unwrap();
    assert_eq!(outputs, [alone.clone(), alone]);
    let floats = [0.0f32; 12];
    let mut target = [0u8; 12];
    let layout = Layout::new(2, 2, Format::RgbU8);
    let mut wrong =
        [RemoveJob { input: Image::new(&floats, layout), output: ImageMut::new(&mut target, layout) }];
    let text = engine.remove_batch(&mut wrong, RemoveOptions::default()).unwrap_err().to_string();
    assert_eq!(text, "images[0] has pixels of type f32, and its format is RgbU8");
    let nothing = engine.remove_batch(&mut [], RemoveOptions::default()).unwrap();
    assert!(nothing.results.is_empty() && nothing.error.is_none());
}

#[test]
fn an_engine_says_what_it_has() {
    let engine = engine();
    let models = engine.models().unwrap();
    let mut names: Vec<_> = models.iter().map(|model| (&*model.name, model.filter, model.serves)).collect();
    names.sort_by_key(|(name, ..)| *name);
    let expected = [("red-is-rust", Filter::SegmentRust, true), ("red-to-gray", Filter::Derust, true)];
    assert_eq!(names, expected);
    assert!(models.iter().all(|model| model.origin.ends_with(".onnx") && model.reason.is_empty()));
    let devices = engine.devices().unwrap();
    let processor = devices.iter().find(|device| device.device == Some(Device::Cpu)).unwrap();
    assert!(processor.usable && processor.in_use && processor.name == "cpu", "{processor:?}");
    let runtime = engine.runtime().unwrap();
    assert!(runtime.path.is_file() && runtime.version.contains('.'), "{runtime:?}");
    engine.refresh().unwrap();
}

#[test]
fn an_engine_warms_up() {
    let cold = Engine::new(options()).unwrap();
    let ran = || cold.models().unwrap().iter().filter(|model| !model.placement.is_empty()).count();
    assert_eq!(ran(), 0);
    let enough = Some(Duration::from_secs(600));
    cold.warm_up(Some(Filter::SegmentRust), Some("red-is-rust"), enough).unwrap();
    assert_eq!(ran(), 1);
    cold.warm_up(None, None, None).unwrap();
    assert_eq!(ran(), 2);
    assert!(cold.models().unwrap().iter().all(|model| model.tried));
    assert_eq!(
        cold.warm_up(Some(Filter::Derust), Some("nobody"), None).unwrap_err().kind(),
        ErrorKind::Model
    );
    assert_eq!(cold.warm_up(Some(Filter::Unknown), None, None).unwrap_err().kind(), ErrorKind::Argument);
}

#[test]
fn calls_say_what_their_time_went_into() {
    let pixels = picture();
    let engine = engine();
    engine.warm_up(None, None, None).unwrap();
    let begin = Instant::now();
    let report = engine.segment(&image(&pixels), Default::default(), Default::default()).unwrap();
    let all = begin.elapsed();
    let CallInfo { wait, reduce, network, compose, .. } = report.info();
    assert!(reduce > Duration::ZERO && network > Duration::ZERO && compose > Duration::ZERO);
    assert!(wait + reduce + network + compose <= all);
}

#[test]
fn an_engine_says_how_it_fares() {
    let pixels = picture();
    let engine = Engine::new(options()).unwrap();
    assert!(engine.health().unwrap() == Health::default() && engine.serving().unwrap().is_empty());
    engine.segment(&image(&pixels), Default::default(), Default::default()).unwrap();
    let nobody = SegmentOptions { model: Some("nobody"), ..Default::default() };
    engine.segment(&image(&pixels), Default::default(), nobody).unwrap_err();
    let health = engine.health().unwrap();
    assert_eq!((health.calls, health.failures, health.waiting), (2, 1, 0));
    let serving = engine.serving().unwrap();
    let [model] = &serving[..] else { panic!("{serving:?}") };
    assert!(model.serves && model.tried && model.name == "red-is-rust" && model.device == "cpu", "{model:?}");
    // It is the name of that content.
    let name = format!("sha256:{}", model.digest);
    let named = SegmentOptions { model: Some(&name), ..Default::default() };
    engine.segment(&image(&pixels), Default::default(), named).unwrap();
    assert_eq!(engine.serving().unwrap(), serving);
}

#[test]
fn who_waits_for_a_session_says_so() {
    let pixels = picture();
    // One session, so one of the two waits for the other.
    let engine = Engine::new(options()).unwrap();
    engine.warm_up(Some(Filter::SegmentRust), None, None).unwrap();
    let (begun, begins) = std::sync::mpsc::channel();
    let look = |begun: Option<std::sync::mpsc::Sender<()>>| {
        let mut progress = |_| {
            if let Some(begun) = &begun {
                begun.send(()).ok();
            }
            std::thread::sleep(Duration::from_millis(40));
            true
        };
        let options = SegmentOptions { progress: Some(&mut progress), ..Default::default() };
        engine.segment(&image(&pixels), Default::default(), options).unwrap().info().wait
    };
    let waits = std::thread::scope(|scope| {
        let first = scope.spawn(|| look(Some(begun)));
        begins.recv().unwrap();
        [look(None), first.join().unwrap()]
    });
    assert!(waits.iter().sum::<Duration>() >= Duration::from_millis(20), "{waits:?}");
}

#[test]
fn refusals_name_what_was_expected_and_what_came() {
    let pixels = picture();
    let refused = |layout: Layout, options: SegmentOptions<'_>| {
        let image = Image::new(&pixels, layout);
        engine().segment(&image, SegmentOutputs::default(), options).map(drop).unwrap_err()
    };
    let short = refused(Layout { height: 31, ..layout() }, Default::default());
    assert_eq!((short.kind(), short.name()), (ErrorKind::Image, "DERUST_ERROR_IMAGE"));
    assert!(short.to_string().contains("data_size is 3600"), "{short}");
    let unknown = refused(layout(), SegmentOptions { model: Some("nobody"), ..Default::default() });
    assert_eq!(unknown.kind(), ErrorKind::Model);
    assert!(unknown.to_string().contains("nobody"), "{unknown}");
    let torn = refused(layout(), SegmentOptions { model: Some("no\0body"), ..Default::default() });
    assert_eq!((torn.kind(), torn.name()), (ErrorKind::Argument, "DERUST_ERROR_ARGUMENT"));
    let above = refused(layout(), SegmentOptions { threshold: Some(1.5), ..Default::default() });
    assert!(above.to_string().contains("options.threshold is 1.5"), "{above}");
    let region = Some(Rectangle { x: 30, y: 0, width: 20, height: 5 });
    assert_eq!(refused(Layout { region, ..layout() }, Default::default()).kind(), ErrorKind::Image);
    let small = Engine::new(EngineOptions { memory_limit: Some(10), ..options() }).unwrap();
    let error = small.segment(&image(&pixels), Default::default(), Default::default()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Memory);
    let many = Engine::new(EngineOptions { threads: 5000, ..options() }).map(drop).unwrap_err();
    assert!(many.to_string().contains("threads is 5000"), "{many}");
}

#[test]
fn what_cannot_be_judged_is_not_called_free_of_rust() {
    let mut gray = vec![120u8; 3600];
    let engine = engine();
    let kind = |refused: Result<(), Error>| {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains("cannot be judged, because it is gray"), "{error}");
        (error.kind(), error.name())
    };
    let expected = (ErrorKind::Unjudgeable, "DERUST_ERROR_UNJUDGEABLE");
    assert_eq!(
        kind(engine.segment(&image(&gray), Default::default(), Default::default()).map(drop)),
        expected
    );
    assert_eq!(kind(engine.analyse(&image(&gray), Default::default()).map(drop)), expected);
    assert_eq!(kind(engine.analyse_removal(&image(&gray), Default::default()).map(drop)), expected);
    let mut target = ImageMut::new(&mut gray, layout());
    assert_eq!(kind(engine.remove_in_place(&mut target, Default::default()).map(drop)), expected);
    engine.remove_in_place(&mut target, RemoveOptions { judge_anyway: true, ..Default::default() }).unwrap();
    let anyway = SegmentOptions { judge_anyway: true, ..Default::default() };
    let report = engine.segment(&image(&gray), Default::default(), anyway).unwrap();
    assert_eq!(report.summary().rust_pixels, 0);
}

#[test]
fn a_dark_picture_is_warned_of() {
    let bright = picture();
    let dark: Vec<u8> = bright.iter().map(|value| value / 5).collect();
    let engine = engine();
    for (pixels, caution) in [(&bright, None), (&dark, Some(Caution::Dark))] {
        let report = engine.segment(&image(pixels), Default::default(), Default::default()).unwrap();
        assert_eq!((report.summary().caution, report.info().caution), (caution, caution));
        let analysis = engine.analyse(&image(pixels), Default::default()).unwrap();
        let again = analysis.report(&image(pixels), Default::default()).unwrap();
        assert_eq!(
            (analysis.info().caution, again.summary().caution, again.info().caution),
            (caution, caution, caution)
        );
        let removal = engine.analyse_removal(&image(pixels), Default::default()).unwrap();
        assert_eq!(removal.info().caution, caution);
        let mut target = pixels.clone();
        let info =
            engine.remove_in_place(&mut ImageMut::new(&mut target, layout()), Default::default()).unwrap();
        assert_eq!(info.caution, caution);
        assert_eq!(caution.map(|caution| caution.to_string().contains("dark")), caution.map(|_| true));
    }
    let mut jobs = [&bright, &dark]
        .map(|pixels| SegmentJob { input: image(pixels), outputs: SegmentOutputs::default() });
    let batch = engine.segment_batch(&mut jobs, Default::default()).unwrap();
    let cautions: Vec<_> =
        batch.results.iter().map(|report| report.as_ref().unwrap().info().caution).collect();
    assert_eq!(cautions, [None, Some(Caution::Dark)]);
    let mut outputs = [bright.clone(), dark.clone()];
    let [first, second] = &mut outputs;
    let mut jobs = [(&bright, first), (&dark, second)]
        .map(|(pixels, output)| RemoveJob { input: image(pixels), output: ImageMut::new(output, layout()) });
    let batch = engine.remove_batch(&mut jobs, Default::default()).unwrap();
    let cautions: Vec<_> = batch.results.iter().map(|info| info.unwrap().caution).collect();
    assert_eq!(cautions, [None, Some(Caution::Dark)]);
}

#[test]
fn what_is_said_of_pixels_counts() {
    let pixels = picture();
    let found = |image: Image<'_>| {
        let report = engine().segment(&image, Default::default(), Default::default());
        report.map(|report| (report.summary().pixels, report.summary().rust_pixels))
    };
    // Only columns from 10 on count.
    let counts: Vec<u8> = (0..WIDTH * HEIGHT).map(|i| u8::from(i % WIDTH >= 10)).collect();
    let mask = Image::new(&counts, gray());
    assert_eq!(found(image(&pixels).within(&mask).unwrap()).unwrap(), (900, 160));
    let mut output = pixels.clone();
    let mut target = ImageMut::new(&mut output, layout()).within(&mask).unwrap();
    engine().remove_in_place(&mut target, Default::default()).unwrap();
    for (i, (after, before)) in output.chunks(3).zip(pixels.chunks(3)).enumerate() {
        let (x, y) = (i as u32 % WIDTH, i as u32 / WIDTH);
        assert_eq!(after != before, is_red(x, y) && x >= 10, "{x}, {y}");
    }
    let small = [255u8; 12];
    let small = Image::new(&small, Layout::new(4, 3, Format::GrayU8));
    let error = found(image(&pixels).within(&small).unwrap()).unwrap_err();
    assert!(error.to_string().contains("image.region_mask has 4 x 3 pixels"), "{error}");

    let twelve: Vec<u16> = pixels.iter().map(|value| u16::from(*value) * 16).collect();
    let deep = Layout::new(WIDTH, HEIGHT, Format::RgbU16);
    assert_eq!(found(Image::new(&twelve, deep)).unwrap_err().kind(), ErrorKind::Unjudgeable);
    let said = Layout { white_level: Some(4095.0), ..deep };
    assert_eq!(found(Image::new(&twelve, said)).unwrap(), (1200, 200));
    let nothing = found(Image::new(&twelve, Layout { white_level: Some(0.0), ..deep })).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::Image);

    // Adobe RGB's colours are stronger than sRGB's of the same numbers.
    let adobe = derust_engine::pixels::Profile::adobe_rgb().unwrap();
    let mut probability = vec![0.0f32; 1200];
    let mut at = |image: Image<'_>| {
        let outputs = SegmentOutputs {
            probability: Some(ImageMut::new(&mut probability, Layout::new(WIDTH, HEIGHT, Format::GrayF32))),
            ..Default::default()
        };
        engine().segment(&image, outputs, Default::default()).unwrap();
        probability[(RED.1 * WIDTH + RED.0) as usize]
    };
    let plain = at(image(&pixels));
    assert!(at(image(&pixels).with_profile(adobe.icc())) > plain + 0.01);
    assert!(at(Image::new(&pixels, Layout { primaries: Primaries::Bt2020, ..layout() })) > plain + 0.01);
    let linear = Layout { transfer: Transfer::Linear, ..layout() };
    let both = found(Image::new(&pixels, linear).with_profile(adobe.icc())).unwrap_err();
    assert!(both.to_string().contains("the profile says both"), "{both}");
}

/// A frame of NV12, red (BT.601's) in the rectangle where the picture has rust, and gray elsewhere.
fn frame() -> Vec<u8> {
    let mut frame = vec![126u8; (WIDTH * HEIGHT) as usize];
    let mut colours = vec![128u8; (WIDTH * HEIGHT / 2) as usize];
    for y in 0..HEIGHT {
        for x in (0..WIDTH).filter(|x| is_red(*x, y)) {
            frame[(y * WIDTH + x) as usize] = 81;
            let pair = (y / 2 * WIDTH + x / 2 * 2) as usize;
            colours[pair..pair + 2].copy_from_slice(&[90, 240]);
        }
    }
    [frame, colours].concat()
}

#[test]
fn a_frame_is_taken_as_a_camera_gives_it() {
    let frame = frame();
    let image = Image::new(&frame, Layout::new(WIDTH, HEIGHT, Format::Nv12));
    let report = engine().segment(&image, Default::default(), Default::default()).unwrap();
    // What shares its colour with a red pixel is red as well.
    let places = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    let rust = places.filter(|(x, y)| is_red(*x, *y & !1) || is_red(*x, *y | 1)).count();
    assert_eq!(report.summary().rust_pixels, rust as u64);
    let mut output = vec![0u8; (WIDTH * HEIGHT * 3) as usize];
    let target = Layout::new(WIDTH, HEIGHT, Format::BgrU8);
    engine().remove(&image, &mut ImageMut::new(&mut output, target), Default::default()).unwrap();
    assert!(output[..3].iter().all(|value| value.abs_diff(128) <= 1), "{:?}", &output[..3]);
    let full = Chroma { full_range: true, ..image.layout.chroma };
    let image = Image::new(&frame, Layout { chroma: full, ..image.layout });
    engine().remove(&image, &mut ImageMut::new(&mut output, target), Default::default()).unwrap();
    assert_eq!(output[..3], [126; 3]);
    let short = Image::new(&frame[1..], image.layout);
    let error = engine().segment(&short, Default::default(), Default::default()).unwrap_err();
    assert!(error.to_string().contains("px of NV12 with these offsets"), "{error}");
}

#[test]
fn a_fill_is_painted() {
    let pixels = picture();
    let removed = |colour: Colour| {
        let mut output = pixels.clone();
        let options = RemoveOptions { colour, plain_fill: true, ..Default::default() };
        engine().remove_in_place(&mut ImageMut::new(&mut output, layout()), options).unwrap();
        output
    };
    let at = ((RED.1 + 2) * WIDTH + RED.0 + 2) as usize * 3;
    let blue = removed(Colour::Given([0.1, 0.2, 0.8]));
    assert!(blue[at + 2] > blue[at] + 40 && blue[..3] == pixels[..3], "{:?}", &blue[at..at + 3]);
    assert_ne!(removed(Colour::FromImage(0, 0)), blue);
    let removal =
        engine().analyse_removal(&image(&pixels), RemoveOptions { plain_fill: true, ..Default::default() });
    let mut output = pixels.clone();
    let options = ComposeOptions { colour: Colour::Given([0.1, 0.2, 0.8]), ..Default::default() };
    removal.unwrap().compose_in_place(&mut ImageMut::new(&mut output, layout()), options).unwrap();
    assert_eq!(output, blue);
}

#[test]
fn a_region_is_looked_at_alone() {
    let mut pixels = picture();
    let region = Rectangle { x: 10, y: 0, width: 5, height: HEIGHT };
    let layout = Layout { region: Some(region), ..layout() };
    let report = engine().segment(&Image::new(&pixels, layout), Default::default(), Default::default());
    assert_eq!(
        (report.as_ref().unwrap().summary().pixels, report.unwrap().summary().rust_pixels),
        (150, 100)
    );
    let before = pixels.clone();
    engine().remove_in_place(&mut ImageMut::new(&mut pixels, layout), Default::default()).unwrap();
    let changed =
        pixels.chunks(3).zip(before.chunks(3)).enumerate().filter(|(_, (after, before))| after != before);
    let columns: std::collections::BTreeSet<_> = changed.map(|(i, _)| i as u32 % WIDTH).collect();
    assert_eq!(columns, (10..15).collect());
}
