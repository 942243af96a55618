//! What numbers mean and which pixels count: pictures of one scene, stored in many ways, say the same; and where nothing
//! can be said, that is said.

use std::fs::{self, File};
use std::io::Cursor;

use derust_engine::pixels::Profile;
use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, Rgba, RgbaImage};
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::{ExtraSamples, Tag};

use crate::desk::{Desk, open, rusty};

/// White, red, green and blue of Rec. 2020 (BT.2020, table 2).
const REC_2020: [[f32; 2]; 4] = [[0.3127, 0.329], [0.708, 0.292], [0.17, 0.797], [0.131, 0.046]];

/// From linear Rec. 709 (BT.2087, table 1).
fn to_rec_2020([red, green, blue]: [f32; 3]) -> [f32; 3] {
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
        .map(|row: [f32; 3]| row[0] * red + row[1] * green + row[2] * blue)
}

fn light(value: u8) -> f32 {
    let encoded = f32::from(value) / 255.0;
    if encoded <= 0.040_45 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
}

fn shorts(value: impl Fn([u8; 3]) -> [f32; 3]) -> Vec<u16> {
    let wide = |value: f32| (value * 65_535.0).round() as u16;
    rusty(60, 40).pixels().flat_map(|pixel| value(pixel.0).map(wide)).collect()
}

fn write_tiff<C: colortype::ColorType>(desk: &Desk, name: &str, data: &[C::Inner], tags: &[(Tag, &[u8])])
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    let mut image = encoder.new_image::<C>(60, 40).unwrap();
    for (tag, content) in tags {
        match tag {
            Tag::IccProfile => image.encoder().write_tag(*tag, *content).unwrap(),
            _ => image.encoder().write_tag(*tag, std::str::from_utf8(content).unwrap()).unwrap(),
        }
    }
    image.write_data(data).unwrap();
    fs::write(desk.at(name), file.into_inner()).unwrap();
}

fn png_of_16_bits(desk: &Desk, name: &str, data: &[u16], chunks: &[(&[u8; 4], Vec<u8>)]) {
    let mut encoder = png::Encoder::new(File::create(desk.at(name)).unwrap(), 60, 40);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Sixteen);
    let mut writer = encoder.write_header().unwrap();
    for (kind, content) in chunks {
        writer.write_chunk(png::chunk::ChunkType(**kind), content).unwrap();
    }
    let bytes: Vec<u8> = data.iter().flat_map(|value| value.to_be_bytes()).collect();
    writer.write_image_data(&bytes).unwrap();
}

/// The percentage that `segment` says.
fn found(desk: &Desk, arguments: &[&str]) -> f32 {
    let said = desk.succeed(&[&["segment", "-o", "m.png", "--force"], arguments].concat());
    said.split_once(": ").unwrap().1.split_once(" %").unwrap().0.parse().unwrap()
}

#[test]
fn one_scene_in_the_numbers_of_many_spaces_is_one_scene() {
    let desk = Desk::new();
    rusty(60, 40).save(desk.at("srgb.png")).unwrap();
    let rec_2020 = shorts(|pixel| to_rec_2020(pixel.map(light)));
    let profile = Profile::from_gamma(1.0, Some(REC_2020)).unwrap().unwrap();
    write_tiff::<colortype::RGB16>(&desk, "icc.tif", &rec_2020, &[(Tag::IccProfile, profile.icc())]);
    png_of_16_bits(&desk, "cicp.png", &rec_2020, &[(b"cICP", vec![9, 8, 0, 1])]);
    let chromaticities =
        REC_2020.iter().flatten().flat_map(|v| ((v * 1e5).round() as u32).to_be_bytes()).collect();
    let gamma = |gamma: u32| (b"gAMA", gamma.to_be_bytes().to_vec());
    png_of_16_bits(&desk, "gama-chrm.png", &rec_2020, &[gamma(100_000), (b"cHRM", chromaticities)]);
    png_of_16_bits(&desk, "gama.png", &shorts(|pixel| pixel.map(light)), &[gamma(100_000)]);
    // Read as if they were sRGB, these numbers say something else.
    png_of_16_bits(&desk, "untold.png", &rec_2020, &[]);
    let probability = |name: &str| {
        desk.succeed(&["segment", name, "--output", "probability", "-o", "m.png", "--force"]);
        open(&desk.at("m.png")).into_luma8()[(5, 5)].0[0]
    };
    let expected = probability("srgb.png");
    assert!(probability("untold.png").abs_diff(expected) > 20);
    let cleaned = |name: &str| {
        let result = format!("clean-{name}");
        desk.succeed(&["remove", name, "--plain-fill", "-o", &result]);
        open(&desk.at(&result)).into_rgb16()
    };
    let srgb = cleaned("srgb.png");
    for name in ["icc.tif", "cicp.png", "gama-chrm.png", "gama.png"] {
        assert!(probability(name).abs_diff(expected) <= 1, "{name}: {} {expected}", probability(name));
        let clean = cleaned(name);
        let before = open(&desk.at(name)).into_rgb16();
        assert_eq!(before[(50, 30)], clean[(50, 30)], "{name}");
        // The fill is sRGB's in the picture's own numbers.
        let own = |pixel: [u8; 3]| {
            if name == "gama.png" { pixel.map(light) } else { to_rec_2020(pixel.map(light)) }
        };
        let wanted =
            own(srgb[(5, 5)].0.map(|value| (value >> 8) as u8)).map(|value| (value * 65_535.0) as i32);
        for c in 0..3 {
            let got = i32::from(clean[(5, 5)].0[c]);
            assert!((got - wanted[c]).abs() < 150, "{name}: {:?}, {wanted:?}", clean[(5, 5)]);
        }
        // In another format the numbers mean the same.
        let other = if name.ends_with("tif") { "other.png" } else { "other.tif" };
        desk.succeed(&["remove", name, "--strength", "0", "-o", other, "--force"]);
        assert!(probability(other).abs_diff(expected) <= 1, "{name} as {other}");
    }
    let said = desk.succeed(&["segment", "srgb.png", "-o", "m.png", "--force"]);
    assert!(!said.contains("profile"), "{said}");
    write_tiff::<colortype::RGB16>(
        &desk,
        "broken.tif",
        &rec_2020,
        &[(Tag::IccProfile, &profile.icc()[..200])],
    );
    let said = desk.succeed(&["segment", "broken.tif"]);
    assert!(said.contains("profile") && said.contains("sRGB"), "{said}");
}

#[test]
fn what_cannot_be_judged_is_refused_and_never_graded() {
    let desk = Desk::new();
    let twelve_bits = ImageBuffer::from_fn(60, 40, |x, y| {
        Rgb(rusty(60, 40)[(x, y)].0.map(|value| (u32::from(value) * 4095 / 255) as u16))
    });
    DynamicImage::from(twelve_bits).save(desk.at("u12.tif")).unwrap();
    let float = ImageBuffer::from_fn(60, 40, |x, y| Rgb(rusty(60, 40)[(x, y)].0.map(f32::from)));
    DynamicImage::from(float).save(desk.at("float.tif")).unwrap();
    GrayImage::from_fn(60, 40, |x, y| Luma([rusty(60, 40)[(x, y)].0[0]])).save(desk.at("gray.png")).unwrap();
    let black = ImageBuffer::from_fn(60, 40, |x, y| Rgb(rusty(60, 40)[(x, y)].0.map(|value| value / 20)));
    DynamicImage::from(black).save(desk.at("black.png")).unwrap();
    for (name, reason, remedy) in [
        ("u12.tif", "4014 of 65535", "--white-level 4095"),
        ("float.tif", "beyond black and white", "--white-level N"),
        ("gray.png", "gray", "--judge-anyway"),
        ("black.png", "above black", "--judge-anyway"),
    ] {
        for verb in ["segment", "remove"] {
            let complaint = desk.fail(1, &[verb, name, "--json"]);
            let told = complaint.contains("cannot be judged, because");
            assert!(told && complaint.contains(reason) && complaint.contains(remedy), "{complaint}");
            assert!(complaint.contains("--judge-anyway"), "{complaint}");
        }
        let output = desk.run(&["segment", name, "--json"]);
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["cannot_be_judged"], true, "{line}");
        assert!(line.get("iso_4628_3").is_none() && line.get("rust_fraction").is_none(), "{line}");
        desk.succeed(&["segment", name, "--judge-anyway", "-o", "m.png", "--force"]);
    }
    assert_eq!(found(&desk, &["u12.tif", "--white-level", "4095"]), 25.0);
    assert_eq!(found(&desk, &["float.tif", "--white-level", "255"]), 25.0);
    desk.succeed(&["remove", "u12.tif", "--white-level", "4095", "--plain-fill"]);
    let clean = open(&desk.at("u12-derusted.tif")).into_rgb16();
    assert!(clean[(5, 5)].0[0] < 700 && clean[(50, 30)].0[0] > 900, "{:?}", clean[(5, 5)]);
    // With a mask in place of what is found nothing has to be judged.
    GrayImage::from_fn(60, 40, |x, _| Luma([if x < 9 { 255 } else { 0 }])).save(desk.at("mask.png")).unwrap();
    desk.succeed(&["remove", "gray.png", "--mask", "mask.png", "--mask-mode", "replace"]);
    // Dark ones are warned of.
    let dark = ImageBuffer::from_fn(60, 40, |x, y| Rgb(rusty(60, 40)[(x, y)].0.map(|value| value / 5)));
    DynamicImage::from(dark).save(desk.at("dark.png")).unwrap();
    assert!(desk.succeed(&["segment", "dark.png"]).contains("dark"));
}

#[test]
fn what_does_not_count_is_in_no_percentage_and_does_not_change() {
    let desk = Desk::new();
    let rgb = rusty(60, 40);
    // The right half is missing, in every way in which a file can say so.
    let missing = |x: u32| x >= 30;
    RgbaImage::from_fn(60, 40, |x, y| {
        let Rgb([r, g, b]) = rgb[(x, y)];
        Rgba([r, g, b, if missing(x) { 0 } else { 1 }])
    })
    .save(desk.at("alpha.png"))
    .unwrap();
    let no_data: Vec<u8> =
        rgb.enumerate_pixels().flat_map(|(x, _, pixel)| if missing(x) { [7; 3] } else { pixel.0 }).collect();
    write_tiff::<colortype::RGB8>(&desk, "nodata.tif", &no_data, &[(Tag::GdalNodata, b"7")]);
    // A mask after the picture, a bit for each pixel (TIFF 6.0, transparency mask).
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    encoder.new_image::<colortype::RGB8>(60, 40).unwrap().write_data(rgb.as_raw()).unwrap();
    let mut directory = encoder.image_directory().unwrap();
    let row: Vec<u8> =
        (0..8).map(|i| (0..8).fold(0, |bits, b| bits << 1 | u8::from(!missing(8 * i + b)))).collect();
    let at = directory.write_data(row.repeat(40).as_slice()).unwrap() as u32;
    for (tag, value) in [
        (Tag::NewSubfileType, 4),
        (Tag::ImageWidth, 60),
        (Tag::ImageLength, 40),
        (Tag::BitsPerSample, 1),
        (Tag::Compression, 1),
        (Tag::PhotometricInterpretation, 4),
        (Tag::StripOffsets, at),
        (Tag::SamplesPerPixel, 1),
        (Tag::RowsPerStrip, 40),
        (Tag::StripByteCounts, 320),
    ] {
        directory.write_tag(tag, value).unwrap();
    }
    directory.finish().unwrap();
    fs::write(desk.at("mask.tif"), file.into_inner()).unwrap();
    rgb.save(desk.at("whole.png")).unwrap();
    GrayImage::from_fn(60, 40, |x, _| Luma([if missing(x) { 0 } else { 255 }]))
        .save(desk.at("region.png"))
        .unwrap();
    for arguments in
        [&["alpha.png"][..], &["nodata.tif"], &["mask.tif"], &["whole.png", "--region", "region.png"]]
    {
        assert_eq!(found(&desk, arguments), 50.0, "{arguments:?}");
        let said = desk.succeed(&[&["remove", "-o", "r.png", "--force", "--json"], arguments].concat());
        let line: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(line["treated_fraction"], 0.5, "{line}");
        let (before, after) =
            (open(&desk.at(arguments[0])).into_rgba8(), open(&desk.at("r.png")).into_rgba8());
        let changed = before.enumerate_pixels().filter(|(x, y, pixel)| after[(*x, *y)] != **pixel);
        assert_eq!(changed.filter(|(x, y, _)| !missing(*x) && *y < 20).count(), 600, "{arguments:?}");
    }
    // The region in the other half holds no rust.
    GrayImage::from_fn(60, 40, |x, _| Luma([if missing(x) { 255 } else { 0 }]))
        .save(desk.at("other.png"))
        .unwrap();
    let nothing_red = desk.fail(1, &["segment", "whole.png", "--region", "other.png"]);
    assert!(nothing_red.contains("gray"), "{nothing_red}");
    let wrong = GrayImage::new(9, 9);
    wrong.save(desk.at("wrong.png")).unwrap();
    assert!(desk.fail(1, &["segment", "whole.png", "--region", "wrong.png"]).contains("9 x 9"));
}

#[test]
fn a_fourth_band_that_is_no_alpha_hides_nothing() {
    let desk = Desk::new();
    let bands: Vec<u8> = rusty(60, 40).pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2], 0]).collect();
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    let mut image = encoder.new_image::<colortype::RGB8>(60, 40).unwrap();
    image.extra_samples(&[ExtraSamples::Unspecified]).unwrap();
    image.write_data(&bands).unwrap();
    fs::write(desk.at("nir.tif"), file.into_inner()).unwrap();
    assert_eq!(found(&desk, &["nir.tif"]), 25.0);
}
