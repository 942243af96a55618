//! Every kind of picture goes in and comes out as what it was, with all that belongs to it.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb, Rgb32FImage};
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

use crate::desk::{Desk, open, rusty};

/// What exiftool must find again, and what it may find changed.
const KEPT: [&str; 12] = [
    "Make",
    "Model",
    "ISO",
    "FNumber",
    "DateTimeOriginal",
    "GPSLatitude",
    "GPSLongitude",
    "Creator",
    "Title",
    "ProfileDescription",
    "XResolution",
    "YResolution",
];

/// Runs exiftool, or says that it is not there.
fn exiftool(arguments: &[&str], file: &Path) -> Option<String> {
    let output = match Command::new("exiftool").args(arguments).arg(file).output() {
        Ok(output) => output,
        Err(_) => {
            assert!(
                std::env::var_os("DERUST_STRICT").is_none(),
                "exiftool is needed: libimage-exiftool-perl"
            );
            eprintln!("skipped: exiftool is not there (Debian: libimage-exiftool-perl)");
            return None;
        }
    };
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A profile that exiftool and decoders take for one: a header and a description (ICC.1:2001-04).
fn icc_profile() -> Vec<u8> {
    let description = b"Test profile of derust\0";
    let mut tag = [&b"desc\0\0\0\0"[..], &(description.len() as u32).to_be_bytes(), description].concat();
    tag.resize(tag.len() + 79, 0);
    let mut profile = vec![0; 128];
    profile[8] = 2;
    profile[12..24].copy_from_slice(b"mntrRGB XYZ ");
    profile[36..40].copy_from_slice(b"acsp");
    profile.extend(1_u32.to_be_bytes());
    profile.extend(b"desc");
    profile.extend(144_u32.to_be_bytes());
    profile.extend((tag.len() as u32).to_be_bytes());
    profile.extend(tag);
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}

fn describe(file: &Path, icc: &Path, orientation: u8) -> Option<()> {
    let profile = format!("-icc_profile<={}", icc.display());
    let orientation = format!("-Orientation#={orientation}");
    let xmp = orientation.replace("-Orientation", "-XMP-tiff:Orientation");
    let all = [
        "-q",
        "-overwrite_original",
        "-Make=Maker",
        "-Model=Camera 1",
        "-ISO=200",
        "-FNumber=5.6",
        "-DateTimeOriginal=2024:05:06 07:08:09",
        "-GPSLatitude=48.5",
        "-GPSLatitudeRef=N",
        "-GPSLongitude=11.25",
        "-GPSLongitudeRef=E",
        "-XMP-dc:Creator=Somebody",
        "-XMP-dc:Title=A bridge",
        "-EXIF:XResolution=300",
        "-EXIF:YResolution=200",
        "-EXIF:ResolutionUnit=inches",
        &orientation,
        &xmp,
        &profile,
    ];
    exiftool(&all, file).map(drop)
}

fn tags(file: &Path) -> Vec<(String, serde_json::Value)> {
    let json = exiftool(&["-json", "-G0", "-a", "-n"], file).unwrap();
    let list: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&json).unwrap();
    list.into_iter().flatten().collect()
}

/// The values of a tag in all groups that have it.
fn values<'a>(tags: &'a [(String, serde_json::Value)], name: &str) -> Vec<(&'a str, &'a serde_json::Value)> {
    let found = tags.iter().filter_map(|(key, value)| {
        let (group, tag) = key.split_once(':')?;
        (tag == name && group != "Composite").then_some((group, value))
    });
    found.collect()
}

#[test]
fn what_belongs_to_the_picture_survives_in_every_format() {
    let desk = Desk::new();
    fs::write(desk.at("p.icc"), icc_profile()).unwrap();
    for extension in ["jpg", "png", "tif", "webp"] {
        let (name, result) = (format!("p.{extension}"), format!("p-derusted.{extension}"));
        rusty(60, 40).save(desk.at(&name)).unwrap();
        // Stored with its left side up: seen, it is 40 wide and 60 high.
        if describe(&desk.at(&name), &desk.at("p.icc"), 6).is_none() {
            return;
        }
        desk.succeed(&["remove", &name]);
        let (before, after) = (tags(&desk.at(&name)), tags(&desk.at(&result)));
        for tag in KEPT {
            // Turned by a quarter, across becomes down.
            let (before, after) = match tag {
                "XResolution" => (values(&before, "YResolution"), values(&after, tag)),
                "YResolution" => (values(&before, "XResolution"), values(&after, tag)),
                _ => (values(&before, tag), values(&after, tag)),
            };
            let of_exif = |v: &(&str, &serde_json::Value)| !tag.ends_with("Resolution") || v.0 == "EXIF";
            let before: Vec<_> = before.into_iter().filter(of_exif).collect();
            assert!(!before.is_empty(), "{name} has no {tag}");
            for value in &before {
                assert!(after.contains(value), "{result}: {tag} was {before:?} and is {after:?}");
            }
        }
        let orientations = values(&after, "Orientation");
        assert!(orientations.iter().all(|(_, value)| **value == 1), "{result}: {orientations:?}");
        assert!(orientations.iter().any(|(group, _)| *group == "EXIF"), "{result}: {orientations:?}");
        let seen = open(&desk.at(&result)).into_rgb8();
        assert_eq!(seen.dimensions(), (40, 60), "{result}");
        let mask_said = desk.succeed(&["segment", &name, "-o", &format!("{extension}-mask.png")]);
        let mask = open(&desk.at(&format!("{extension}-mask.png"))).into_luma8();
        assert!(mask_said.contains("rust"));
        // The rust in the stored top left corner is seen in the top right one.
        assert_eq!((mask[(39, 0)].0[0], mask[(0, 0)].0[0], mask[(39, 59)].0[0]), (255, 0, 0), "{extension}");
        let warnings =
            exiftool(&["-validate", "-s3", "-Warning", "-Error", "-a"], &desk.at(&result)).unwrap();
        assert!(!warnings.contains("Error"), "{result}: {warnings}");
    }
    // From one format into another: EXIF and the profile come along.
    for result in ["x.png", "x.tif", "x.jpg", "x.webp"] {
        for source in ["p.jpg", "p.png", "p.tif"] {
            desk.succeed(&["remove", source, "-o", result, "--force"]);
            let (before, after) = (tags(&desk.at(source)), tags(&desk.at(result)));
            for tag in ["Make", "ISO", "GPSLatitude", "ProfileDescription", "Creator"] {
                let [before, after] =
                    [&before, &after].map(|tags| values(tags, tag).into_iter().map(|v| v.1).next());
                assert_eq!(before, after, "{tag} from {source} to {result}");
            }
        }
    }
}

#[test]
fn jpeg_is_coded_as_the_input_was() {
    let desk = Desk::new();
    let picture = rusty(64, 48);
    for (name, quality, sampling, progressive) in [
        ("a.jpg", 60, jpeg_encoder::SamplingFactor::F_2_2, false),
        ("b.jpeg", 92, jpeg_encoder::SamplingFactor::F_1_1, true),
    ] {
        let mut encoder = jpeg_encoder::Encoder::new_file(desk.at(name), quality).unwrap();
        encoder.set_sampling_factor(sampling);
        encoder.set_progressive(progressive);
        encoder.set_density(jpeg_encoder::PixelDensity::dpi(240));
        encoder.encode(&picture, 64, 48, jpeg_encoder::ColorType::Rgb).unwrap();
        desk.succeed(&["remove", name]);
        let (stem, extension) = name.split_once('.').unwrap();
        let before = fs::read(desk.at(name)).unwrap();
        let after = fs::read(desk.at(&format!("{stem}-derusted.{extension}"))).unwrap();
        for marker in [0xDB, 0xC0, 0xC2, 0xE0] {
            assert_eq!(segments(&before, marker), segments(&after, marker), "{name}: {marker:X}");
        }
        desk.succeed(&["remove", name, "-o", "worse.jpg", "--quality", "20", "--force"]);
        let worse = fs::read(desk.at("worse.jpg")).unwrap();
        assert_ne!(segments(&before, 0xDB), segments(&worse, 0xDB));
        assert!(worse.len() < after.len());
    }
}

/// The contents of all segments with a marker, up to the first scan.
fn segments(jpeg: &[u8], marker: u8) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut at = 2;
    while jpeg[at + 1] != 0xDA {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] == marker {
            found.push(&jpeg[at + 4..at + 2 + length]);
        }
        at += 2 + length;
    }
    found
}

/// Writes a picture with `remove`, whose fill differs in the rust only, and compares everything else bit for bit.
fn comes_back(desk: &Desk, name: &str) -> DynamicImage {
    desk.succeed(&["remove", name, "--json", "--judge-anyway"]);
    let (stem, extension) = name.split_once('.').unwrap();
    let after = open(&desk.at(&format!("{stem}-derusted.{extension}")));
    let before = open(&desk.at(name));
    assert_eq!(after.color(), before.color(), "{name}");
    let stride = usize::from(before.color().bytes_per_pixel());
    let width = before.width();
    let pixels = before.as_bytes().chunks(stride).zip(after.as_bytes().chunks(stride));
    for (i, (was, is)) in pixels.enumerate() {
        let (x, y) = (i as u32 % width, i as u32 / width);
        let rust = x < width / 2 && y < before.height() / 2 && before.color().has_color();
        assert_eq!(was != is, rust, "{name}: {x}, {y}");
    }
    after
}

#[test]
fn lossless_formats_keep_every_bit_outside_the_rust() {
    let desk = Desk::new();
    let rgb = DynamicImage::from(rusty(40, 30));
    let wide = |value: u8| u16::from(value.min(250)) * 257 + 3;
    let rgb16: DynamicImage =
        ImageBuffer::from_fn(40, 30, |x, y| Rgb(rusty(40, 30)[(x, y)].0.map(wide))).into();
    let gray16: DynamicImage = ImageBuffer::from_fn(40, 30, |x, y| Luma([(x * 1500 + y) as u16])).into();
    rgb.save(desk.at("a.tif")).unwrap();
    rgb16.save(desk.at("b.tiff")).unwrap();
    gray16.save(desk.at("c.tif")).unwrap();
    rgb.to_rgba8().save(desk.at("d.tif")).unwrap();
    rgb.save(desk.at("e.bmp")).unwrap();
    rgb.save(desk.at("f.webp")).unwrap();
    rgb.to_rgba8().save(desk.at("g.webp")).unwrap();
    // Values beyond white stay what they are.
    let float = Rgb32FImage::from_fn(40, 30, |x, y| {
        let bright = if x > 30 { 3.5 } else { 1.0 };
        Rgb(rusty(40, 30)[(x, y)].0.map(|value| f32::from(value) / 255.0 * bright))
    });
    DynamicImage::from(float.clone()).save(desk.at("h.tif")).unwrap();
    DynamicImage::from(float).save(desk.at("i.exr")).unwrap();
    for name in ["a.tif", "b.tiff", "c.tif", "d.tif", "e.bmp", "f.webp", "g.webp", "h.tif", "i.exr"] {
        comes_back(&desk, name);
    }
    desk.succeed(&["remove", "i.exr", "-o", "i.png"]);
    assert_eq!(open(&desk.at("i.png")).color(), image::ColorType::Rgb16);
    desk.succeed(&["segment", "h.tif", "--output", "overlay"]);
    assert!(desk.fail(1, &["remove", "b.tiff", "-o", "b.jpg"]).contains("16 bits"));
    assert!(desk.fail(1, &["remove", "b.tiff", "-o", "b.webp"]).contains("8 bits"));
}

/// 16 x 16 pixels of one gray, coded with loss by libwebp.
const LOSSY_WEBP: [u8; 44] =
    *b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0\x30\x01\0\x9d\x01\x2a\x10\0\x10\0\x07\x40\x96\x25\
    \xa4\0\x03\x70\0\xfe\xbf\xc0\0\0";

#[test]
fn webp_is_written_without_loss_and_says_so_where_there_was_some() {
    let desk = Desk::new();
    fs::write(desk.at("lossy.webp"), LOSSY_WEBP).unwrap();
    rusty(16, 16).save(desk.at("lossless.webp")).unwrap();
    assert!(desk.succeed(&["remove", "lossy.webp", "--judge-anyway"]).contains("without loss"));
    assert!(!desk.succeed(&["remove", "lossless.webp"]).contains("without loss"));
    let (before, after) = (open(&desk.at("lossy.webp")), open(&desk.at("lossy-derusted.webp")));
    assert_eq!(before.into_rgb8(), after.into_rgb8());
}

#[test]
fn unusual_pixels_are_converted_with_a_note() {
    let desk = Desk::new();
    let picture = rusty(32, 24);
    let cmyk: Vec<u8> =
        picture.pixels().flat_map(|p| [255 - p.0[0], 255 - p.0[1], 255 - p.0[2], 0]).collect();
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new(&mut file).unwrap();
    tiff.new_image::<colortype::CMYK8>(32, 24).unwrap().write_data(&cmyk).unwrap();
    fs::write(desk.at("cmyk.tif"), file.into_inner()).unwrap();
    let said = desk.succeed(&["remove", "cmyk.tif"]);
    assert!(said.contains("CMYK") && said.contains("25.0 %"), "{said}");
    let mut encoder = jpeg_encoder::Encoder::new_file(desk.at("cmyk.jpg"), 95).unwrap();
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_1_1);
    encoder.encode(&cmyk, 32, 24, jpeg_encoder::ColorType::Cmyk).unwrap();
    let said = desk.succeed(&["segment", "cmyk.jpg"]);
    assert!(said.contains("CMYK") && said.contains("rust (Ri 5)"), "{said}");

    // Numbers of colours: 0 gray, 1 red.
    let numbers: Vec<u8> = (0..32 * 24).map(|i| u8::from(i % 32 < 16 && i / 32 < 12)).collect();
    let mut png = png::Encoder::new(fs::File::create(desk.at("indexed.png")).unwrap(), 32, 24);
    png.set_color(png::ColorType::Indexed);
    png.set_palette(vec![80, 80, 80, 250, 10, 20]);
    png.write_header().unwrap().write_image_data(&numbers).unwrap();
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new(&mut file).unwrap();
    let mut image = tiff.new_image::<colortype::Gray8>(32, 24).unwrap();
    image.encoder().write_tag(Tag::PhotometricInterpretation, 3_u16).unwrap();
    let palette = |colours: [u16; 2]| colours.map(|c| c * 257).into_iter().chain([0; 254]);
    let map: Vec<u16> = [[80, 250], [80, 10], [80, 20]].into_iter().flat_map(palette).collect();
    image.encoder().write_tag(Tag::ColorMap, map.as_slice()).unwrap();
    image.write_data(&numbers).unwrap();
    fs::write(desk.at("indexed.tif"), file.into_inner()).unwrap();
    for name in ["indexed.png", "indexed.tif"] {
        let said = desk.succeed(&["remove", name]);
        assert!(said.contains("indexed") && said.contains("25.0 %"), "{said}");
    }
    assert_eq!(open(&desk.at("indexed-derusted.tif")).into_rgb8()[(31, 23)], Rgb([80; 3]));
    // A plane for each colour: three pictures of one channel behind one another.
    let planes: Vec<u8> = (0..3).flat_map(|c| picture.pixels().map(move |p| p.0[c])).collect();
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new(&mut file).unwrap();
    let mut directory = tiff.image_directory().unwrap();
    let at = directory.write_data(planes.as_slice()).unwrap() as u32;
    let plane = 32 * 24_u32;
    for (tag, value) in [
        (Tag::ImageWidth, 32),
        (Tag::ImageLength, 24),
        (Tag::RowsPerStrip, 24),
        (Tag::Compression, 1),
        (Tag::PhotometricInterpretation, 2),
        (Tag::SamplesPerPixel, 3),
        (Tag::PlanarConfiguration, 2),
    ] {
        directory.write_tag(tag, value as u32).unwrap();
    }
    directory.write_tag(Tag::BitsPerSample, &[8_u16; 3][..]).unwrap();
    directory.write_tag(Tag::StripOffsets, &[at, at + plane, at + 2 * plane][..]).unwrap();
    directory.write_tag(Tag::StripByteCounts, &[plane; 3][..]).unwrap();
    directory.finish().unwrap();
    fs::write(desk.at("planes.tif"), file.into_inner()).unwrap();
    assert!(desk.succeed(&["remove", "planes.tif"]).contains("25.0 %"));
    let after = open(&desk.at("planes-derusted.tif")).into_rgb8();
    assert_eq!((after[(31, 23)], after[(17, 0)]), (picture[(31, 23)], picture[(17, 0)]));
    // One bit for each pixel: black and white, nothing red.
    let bits: Vec<u8> = (0..4 * 24).map(|i| if i % 8 < 4 { 0xF0 } else { 0x0F }).collect();
    let mut png = png::Encoder::new(fs::File::create(desk.at("bits.png")).unwrap(), 32, 24);
    png.set_color(png::ColorType::Grayscale);
    png.set_depth(png::BitDepth::One);
    png.write_header().unwrap().write_image_data(&bits).unwrap();
    assert!(desk.succeed(&["remove", "bits.png", "--judge-anyway"]).contains("0.0 %"));
}

#[test]
fn the_smallest_and_the_longest_pictures_work() {
    let desk = Desk::new();
    for (width, height) in [(1, 1), (5, 3), (1, 20_000), (20_000, 1)] {
        for extension in ["png", "jpg", "tif"] {
            let name = format!("{width}x{height}.{extension}");
            rusty(width, height).save(desk.at(&name)).unwrap();
            desk.succeed(&["remove", &name, "--judge-anyway"]);
            desk.succeed(&["segment", &name, "-o", "m.png", "--force", "--judge-anyway"]);
            let (width_after, height_after) = image::image_dimensions(desk.at("m.png")).unwrap();
            assert_eq!((width_after, height_after), (width, height));
        }
    }
    let read = image::ImageReader::open(desk.at("5x3-derusted.tif")).unwrap();
    assert_eq!(read.format(), Some(ImageFormat::Tiff));
}
