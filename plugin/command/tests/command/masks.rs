//! Masks as annotators write them.

use std::fs::File;

use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

use crate::desk::{Desk, open, rusty};

const SIDE: u32 = 40;

/// Whether the pixel is meant: a part of the rust.
fn meant(x: u32, y: u32) -> bool {
    x < 10 && y < 20
}

fn number(x: u32, y: u32) -> u8 {
    u8::from(meant(x, y))
}

/// How many pixels `remove` changes with this mask, all of them such as are meant, and what it says.
fn treated(desk: &Desk, mask: &str) -> (usize, String) {
    let said = desk.succeed(&["remove", "p.png", "--mask", mask, "-o", "r.png", "--force"]);
    let (before, after) = (rusty(SIDE, SIDE), open(&desk.at("r.png")).into_rgb8());
    let changed: Vec<_> =
        before.enumerate_pixels().filter(|(x, y, pixel)| after[(*x, *y)] != **pixel).collect();
    assert!(
        changed.iter().all(|(x, y, _)| meant(*x, *y)) || changed.len() == 400,
        "{mask}: {}",
        changed.len()
    );
    (changed.len(), said)
}

fn indexed(desk: &Desk, name: &str, palette: &[[u8; 3]], number: impl Fn(u32, u32) -> u8) {
    let mut encoder = png::Encoder::new(File::create(desk.at(name)).unwrap(), SIDE, SIDE);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette.concat());
    // Two to a byte, as palettes of few colours are stored.
    let few = palette.len() <= 16;
    encoder.set_depth(if few { png::BitDepth::Four } else { png::BitDepth::Eight });
    let numbers: Vec<u8> = (0..SIDE * SIDE).map(|i| number(i % SIDE, i / SIDE)).collect();
    let packed: Vec<u8> = numbers.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    encoder.write_header().unwrap().write_image_data(if few { &packed } else { &numbers }).unwrap();
}

#[test]
fn what_annotators_mark_is_treated_and_nothing_else() {
    let desk = Desk::new();
    rusty(SIDE, SIDE).save(desk.at("p.png")).unwrap();
    GrayImage::from_fn(SIDE, SIDE, |x, y| Luma([number(x, y)])).save(desk.at("01.png")).unwrap();
    ImageBuffer::<Luma<u16>, _>::from_fn(SIDE, SIDE, |x, y| Luma([3 * u16::from(number(x, y))]))
        .save(desk.at("classes16.png"))
        .unwrap();
    RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([number(x, y); 3])).save(desk.at("01rgb.tif")).unwrap();
    let alpha = |x, y| 255 * number(x, y);
    RgbaImage::from_fn(SIDE, SIDE, |x, y| Rgba([255, 255, 255, alpha(x, y)]))
        .save(desk.at("white.png"))
        .unwrap();
    RgbaImage::from_fn(SIDE, SIDE, |x, y| Rgba([0, 0, 0, alpha(x, y)])).save(desk.at("black.png")).unwrap();
    ImageBuffer::<LumaA<u8>, _>::from_fn(SIDE, SIDE, |x, y| LumaA([128, alpha(x, y)]))
        .save(desk.at("gray-alpha.png"))
        .unwrap();
    // Opaque everywhere: alpha says nothing.
    RgbaImage::from_fn(SIDE, SIDE, |x, y| Rgba([alpha(x, y), alpha(x, y), alpha(x, y), 255]))
        .save(desk.at("opaque.png"))
        .unwrap();
    RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([alpha(x, y), 0, 0])).save(desk.at("red.png")).unwrap();
    // PASCAL VOC: black, dark red, and at the end what nobody knows.
    let mut voc = vec![[0; 3]; 256];
    (voc[1], voc[255]) = ([128, 0, 0], [224, 224, 192]);
    indexed(&desk, "voc.png", &voc, |x, y| if x > 30 { 255 } else { number(x, y) });
    // The first colour is background, however bright.
    indexed(&desk, "bright-background.png", &[[250, 250, 200], [10, 20, 30]], number);
    // Black and white, in the order in which a program that saves bytes put them.
    indexed(&desk, "white-first.png", &[[255; 3], [0; 3]], |x, y| 1 - number(x, y));
    for (mask, note) in [
        ("01.png", "everything above 0"),
        ("classes16.png", "everything above 0"),
        ("01rgb.tif", "everything above 0"),
        ("white.png", "alpha"),
        ("black.png", "alpha"),
        ("gray-alpha.png", "alpha"),
        ("opaque.png", ""),
        ("red.png", "every colour"),
        ("voc.png", "palette"),
        ("bright-background.png", "palette"),
        ("white-first.png", ""),
    ] {
        let (count, said) = treated(&desk, mask);
        assert_eq!(count, 200, "{mask}: {said}");
        assert!(said.contains(note), "{mask}: {said}");
        assert_eq!(said.contains(mask), !note.is_empty(), "{said}");
    }
}

#[test]
fn masks_of_nothing_and_of_everything_are_told() {
    let desk = Desk::new();
    rusty(SIDE, SIDE).save(desk.at("p.png")).unwrap();
    GrayImage::from_pixel(SIDE, SIDE, Luma([0])).save(desk.at("none.png")).unwrap();
    GrayImage::from_pixel(SIDE, SIDE, Luma([255])).save(desk.at("all.png")).unwrap();
    RgbaImage::from_pixel(SIDE, SIDE, Rgba([255; 4])).save(desk.at("white.png")).unwrap();
    let (count, said) = treated(&desk, "none.png");
    assert!(count == 0 && said.contains("none.png: nothing in it is white"), "{count}: {said}");
    for mask in ["all.png", "white.png"] {
        let (count, said) = treated(&desk, mask);
        assert!(count == 400 && said.contains("all of it is white"), "{mask}, {count}: {said}");
    }
    let complaint = desk.fail(1, &["segment", "p.png", "--region", "none.png"]);
    assert!(complaint.contains("cannot be judged"), "{complaint}");
}
