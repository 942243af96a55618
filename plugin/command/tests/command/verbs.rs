//! What `derust segment`, `remove`, `models` and `info` do.

use std::fs;

use derust_engine::fixtures::Network;
use image::{DynamicImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};

use crate::desk::{Desk, open, rusty};

#[test]
fn segment_writes_a_mask_beside_the_picture_and_says_how_much_it_found() {
    let desk = Desk::new();
    rusty(120, 80).save(desk.at("photo.png")).unwrap();
    let said = desk.succeed(&["segment", "photo.png"]);
    assert_eq!(said, "photo.png: 25.0 % rust (Ri 5), mask written to photo-mask.png\n");
    let DynamicImage::ImageLuma8(mask) = open(&desk.at("photo-mask.png")) else { panic!("a mask is gray") };
    assert_eq!(mask.dimensions(), (120, 80));
    for (x, y, Luma([value])) in mask.enumerate_pixels() {
        assert_eq!(*value, if x < 60 && y < 40 { 255 } else { 0 }, "{x}, {y}");
    }
    desk.succeed(&["segment", "photo.png", "--output", "probability"]);
    let probability = open(&desk.at("photo-probability.png")).into_luma8();
    assert_eq!((probability[(0, 0)].0, probability[(119, 79)].0), ([235], [0]));
    desk.succeed(&["segment", "photo.png", "--output", "overlay", "--threshold", "0.9"]);
    let overlay = open(&desk.at("photo-overlay.png")).into_rgb8();
    assert!(overlay[(0, 0)] != rusty(120, 80)[(0, 0)] && overlay[(119, 79)] == rusty(120, 80)[(119, 79)]);
    desk.succeed(&["segment", "photo.png", "-o", "m.png", "--threshold", "0.95"]);
    assert!(open(&desk.at("m.png")).into_luma8().pixels().all(|pixel| pixel.0 == [0]));
}

#[test]
fn remove_changes_the_rust_and_not_one_bit_of_the_rest_in_every_kind_of_png() {
    let desk = Desk::new();
    let rgb = rusty(90, 50);
    let alpha = |x: u32, y: u32| ((x * 5 + y * 3) % 255 + 1) as u16;
    let wide = |value: u8| u16::from(value) * 257 + 3;
    let pictures: [(&str, DynamicImage); 5] = [
        ("rgb8", rgb.clone().into()),
        (
            "rgba8",
            ImageBuffer::from_fn(90, 50, |x, y| {
                let Rgb([r, g, b]) = rgb[(x, y)];
                Rgba([r, g, b, alpha(x, y) as u8])
            })
            .into(),
        ),
        ("rgb16", ImageBuffer::from_fn(90, 50, |x, y| Rgb(rgb[(x, y)].0.map(|v| wide(v.min(250))))).into()),
        (
            "rgba16",
            ImageBuffer::from_fn(90, 50, |x, y| {
                let [r, g, b] = rgb[(x, y)].0.map(|v| wide(v.min(250)));
                Rgba([r, g, b, alpha(x, y) * 200])
            })
            .into(),
        ),
        ("graya8", ImageBuffer::from_fn(90, 50, |x, y| LumaA([(x * 2) as u8, alpha(x, y) as u8])).into()),
    ];
    for (name, before) in pictures {
        before.save(desk.at(&format!("{name}.png"))).unwrap();
        let said = desk.succeed(&["remove", &format!("{name}.png"), "--judge-anyway"]);
        let after = open(&desk.at(&format!("{name}-derusted.png")));
        assert_eq!(after.color(), before.color(), "{name}");
        let stride = usize::from(before.color().bytes_per_pixel());
        let pixels = before.as_bytes().chunks(stride).zip(after.as_bytes().chunks(stride));
        for (i, (before, after)) in pixels.enumerate() {
            let rust = i % 90 < 45 && i / 90 < 25 && !name.starts_with("gray");
            assert_eq!(before != after, rust, "{name}: pixel {} {}", i % 90, i / 90);
            if name.contains("a8") {
                assert_eq!(before[stride - 1], after[stride - 1], "alpha of pixel {i}");
            }
        }
        let percent = if name.starts_with("gray") { "0.0 %" } else { "25.0 %" };
        assert!(said.contains(percent), "{name}: {said}");
    }
}

#[test]
fn remove_obeys_strength_and_masks() {
    let desk = Desk::new();
    rusty(40, 40).save(desk.at("p.png")).unwrap();
    ImageBuffer::from_fn(40, 40, |x, _| Luma([if x < 10 { 255_u8 } else { 0 }]))
        .save(desk.at("m.png"))
        .unwrap();
    let red = |name: &str| {
        let picture = open(&desk.at(name)).into_rgb8();
        [picture[(0, 0)].0[0], picture[(15, 0)].0[0]]
    };
    let remove = |name: &str, more: &[&str]| {
        desk.succeed(&[&["remove", "p.png", "--plain-fill", "-o", name], more].concat());
    };
    remove("full.png", &[]);
    remove("half.png", &["--strength", "0.5"]);
    remove("none.png", &["--strength", "0"]);
    remove("limited.png", &["--mask", "m.png"]);
    remove("replaced.png", &["--mask", "m.png", "--mask-mode", "replace"]);
    let [full, _] = red("full.png");
    assert_eq!(full, 29, "250 + 235 / 255 * (10 - 250)");
    desk.succeed(&["remove", "p.png", "-o", "textured.png"]);
    let [plain, textured] = ["full.png", "textured.png"].map(|name| open(&desk.at(name)).into_rgb8());
    let kinds = |picture: &RgbImage| {
        let reds = (0..15).flat_map(|y| (0..15).map(move |x| (x, y))).map(|at| picture[at].0[0]);
        reds.collect::<std::collections::HashSet<u8>>().len()
    };
    assert_eq!(kinds(&plain), 1, "the fill is even");
    assert!(kinds(&textured) > 10, "and what surrounds it is not");
    assert!(red("half.png")[0].abs_diff(139) <= 1, "half of the way");
    assert_eq!(open(&desk.at("none.png")).into_rgb8(), rusty(40, 40));
    assert_eq!(red("limited.png"), [full, 250]);
    assert_eq!(red("replaced.png"), [10, 250]);
    ImageBuffer::from_pixel(40, 41, Luma([255_u8])).save(desk.at("wrong.png")).unwrap();
    let complaint = desk.fail(1, &["remove", "p.png", "-o", "x.png", "--mask", "wrong.png"]);
    assert!(complaint.contains("40 x 41") && complaint.lines().count() == 1, "{complaint}");
}

#[test]
fn what_was_rusty_is_painted_in_a_colour_of_the_callers() {
    let desk = Desk::new();
    let mut picture = rusty(40, 40);
    // A paint in the lower right corner, to be taken from there.
    for y in 30..40 {
        for x in 30..40 {
            picture[(x, y)] = Rgb([30, 90, 160]);
        }
    }
    picture.save(desk.at("p.png")).unwrap();
    let remove = |name: &str, more: &[&str]| {
        desk.succeed(&[&["remove", "p.png", "--plain-fill", "-o", name], more].concat());
        open(&desk.at(name)).into_rgb8()
    };
    let painted = remove("painted.png", &["--colour", "#3a6ea5", "--mask-mode", "limit"]);
    // The fill is even, so its light is the same everywhere; 20 of 255 of the rust stay, as the network has it.
    let near = |found: Rgb<u8>, wanted: [i32; 3]| {
        found.0.iter().zip(wanted).all(|(found, wanted)| (i32::from(*found) - wanted).abs() <= 20)
    };
    assert!(near(painted[(5, 5)], [0x3a, 0x6e, 0xa5]), "{:?}", painted[(5, 5)]);
    assert_eq!(painted[(25, 5)], picture[(25, 5)], "only what was rusty");
    let taken = remove("taken.png", &["--colour-from", "35,35"]);
    assert!(near(taken[(5, 5)], [30, 90, 160]), "{:?}", taken[(5, 5)]);
    let complaint = desk.fail(1, &["remove", "p.png", "-o", "x.png", "--colour-from", "40,0"]);
    assert!(complaint.contains("lies outside of the 40 x 40 pixels"), "{complaint}");
    assert!(!desk.at("x.png").exists());
    let flat = remove("flat.png", &["--shape", "0"]);
    assert_eq!(flat[(5, 5)], remove("own.png", &[])[(5, 5)], "an even fill has no shape to lose");
}

#[test]
fn folders_are_walked_in_order_of_name_and_results_go_into_a_folder() {
    let desk = Desk::new();
    fs::create_dir(desk.at("in")).unwrap();
    for name in ["b.png", "a.jpg", "c.txt"] {
        let picture = rusty(32, 32);
        if name.ends_with("txt") {
            fs::write(desk.at("in/c.txt"), "x")
        } else {
            picture.save(desk.at("in").join(name)).map_err(|e| panic!("{e}"))
        }
        .unwrap();
    }
    let said = desk.succeed(&["segment", "in", "--out-dir", "out/deep"]);
    let firsts: Vec<&str> = said.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(firsts, ["in/a.jpg", "in/b.png"]);
    assert!(desk.at("out/deep/a.png").is_file() && desk.at("out/deep/b.png").is_file());
    desk.succeed(&["remove", "in", "--out-dir", "out/clean"]);
    assert_eq!(
        image::ImageFormat::Jpeg,
        image::ImageReader::open(desk.at("out/clean/a.jpg"))
            .unwrap()
            .with_guessed_format()
            .unwrap()
            .format()
            .unwrap()
    );
    assert!(desk.at("out/clean/b.png").is_file());
}

#[test]
fn models_and_info_say_what_is_there() {
    let desk = Desk::new();
    fs::write(desk.at("models/broken.onnx"), "no model").unwrap();
    let untried = desk.succeed(&["models"]);
    assert_eq!(untried.matches("not tried out yet: it comes first").count(), 2, "{untried}");
    rusty(16, 16).save(desk.at("p.png")).unwrap();
    desk.succeed(&["segment", "p.png"]);
    desk.succeed(&["models", "retry", "red-to-gray"]);
    let list = desk.succeed(&["models"]);
    let line = |name: &str| {
        list.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {list}"))
    };
    assert!(line("red-is-rust").starts_with("segment-rust") && line("red-is-rust").contains("yes: "));
    assert!(line("red-to-gray").starts_with("derust") && line("red-to-gray").contains("yes: "));
    assert!(line("broken.onnx").contains("no: it is no ONNX file"));
    let info = desk.succeed(&["info"]);
    for words in [
        "derust 0.",
        "ONNX Runtime 1.",
        "  cpu: ",
        "  cuda: ",
        "  tensorrt: ",
        desk.at("models").to_str().unwrap(),
    ] {
        assert!(info.contains(words), "{words}: {info}");
    }
    let output = desk.command(&["info"]).env("ORT_DYLIB_PATH", "/nowhere/x.so").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
}

#[test]
fn the_scale_decides_whether_the_smallest_patches_are_found() {
    let desk = Desk::new();
    let mut network = Network::red_is_rust();
    network.manifest.name = "reduced".into();
    network.manifest.long_side = Some(16);
    fs::write(desk.at("models/reduced.onnx"), network.to_onnx()).unwrap();
    let mut picture = RgbImage::from_pixel(64, 64, Rgb([80; 3]));
    picture.put_pixel(33, 20, Rgb([250, 10, 20]));
    picture.save(desk.at("p.png")).unwrap();
    let found = |scale: &str| {
        desk.succeed(&["segment", "p.png", "--model", "reduced", "--scale", scale, "-o", "m.png", "--force"]);
        open(&desk.at("m.png")).into_luma8().pixels().filter(|pixel| pixel.0 == [255]).count()
    };
    assert_eq!((found("native"), found("model")), (1, 0));
}
