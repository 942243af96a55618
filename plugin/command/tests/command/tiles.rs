//! Files that are stored in unusual ways: tiles of TIFF that lie apart or nowhere, and JPEG without its end.

use std::fs;
use std::io::Cursor;

use tiff::encoder::TiffEncoder;
use tiff::tags::Tag;

use crate::desk::{Desk, open, rusty};

const SIDE: usize = 16;

/// 40 x 30 pixels in tiles, whose planes may lie apart, and of which `missing` lies nowhere; each value is stored in these
/// many bytes.
fn tiled(desk: &Desk, name: &str, apart: bool, missing: Option<usize>, value: usize) {
    let picture = rusty(40, 30);
    let mut tiles: Vec<Vec<u8>> = Vec::new();
    for plane in 0..if apart { 3 } else { 1 } {
        for tile in 0..6 {
            let (left, top) = (tile % 3 * SIDE, tile / 3 * SIDE);
            let pixel = |x: usize, y: usize| match (left + x < 40, top + y < 30) {
                (true, true) => picture[((left + x) as u32, (top + y) as u32)].0,
                _ => [0; 3],
            };
            let places = (0..SIDE * SIDE).map(|i| pixel(i % SIDE, i / SIDE));
            let wide = |v: u8| if value == 2 { vec![v, v] } else { vec![v] };
            tiles.push(match apart {
                true => places.flat_map(|p| wide(p[plane])).collect(),
                false => places.flat_map(|p| p.map(wide).concat()).collect(),
            });
        }
    }
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new(&mut file).unwrap();
    let mut directory = tiff.image_directory().unwrap();
    let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
    for (i, tile) in tiles.iter().enumerate() {
        let lies = missing != Some(i);
        offsets.push(if lies { directory.write_data(tile.as_slice()).unwrap() as u32 } else { 0 });
        lengths.push(if lies { tile.len() as u32 } else { 0 });
    }
    for (tag, number) in [
        (Tag::ImageWidth, 40),
        (Tag::ImageLength, 30),
        (Tag::Compression, 1),
        (Tag::PhotometricInterpretation, 2),
        (Tag::SamplesPerPixel, 3),
        (Tag::PlanarConfiguration, if apart { 2 } else { 1 }),
        (Tag::TileWidth, SIDE as u32),
        (Tag::TileLength, SIDE as u32),
    ] {
        directory.write_tag(tag, number).unwrap();
    }
    directory.write_tag(Tag::BitsPerSample, &[8 * value as u16; 3][..]).unwrap();
    directory.write_tag(Tag::TileOffsets, offsets.as_slice()).unwrap();
    directory.write_tag(Tag::TileByteCounts, lengths.as_slice()).unwrap();
    directory.finish().unwrap();
    fs::write(desk.at(name), file.into_inner()).unwrap();
}

#[test]
fn planes_in_tiles_are_one_picture() {
    let desk = Desk::new();
    for (name, value) in [("a.tif", 1), ("b.tif", 2)] {
        tiled(&desk, name, true, None, value);
        assert!(desk.succeed(&["remove", name]).contains("25.0 %"), "{name}");
        let after = open(&desk.at(&name.replace(".tif", "-derusted.tif"))).into_rgb8();
        for (x, y, pixel) in after.enumerate_pixels() {
            assert_eq!(*pixel != rusty(40, 30)[(x, y)], x < 20 && y < 15, "{name}: {x}, {y}");
        }
    }
}

#[test]
fn tiles_that_lie_nowhere_are_without_data() {
    let desk = Desk::new();
    // Without the first tile 60 of the 300 rusty pixels are left, and 944 of 1200.
    for apart in [false, true] {
        tiled(&desk, "a.tif", apart, Some(0), 1);
        let line = desk.succeed(&["segment", "a.tif", "--json", "--force"]);
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let fraction = line["rust_fraction"].as_f64().unwrap();
        assert!((fraction - 60.0 / 944.0).abs() < 0.001, "{apart}: {fraction}");
    }
    desk.succeed(&["remove", "a.tif"]);
}

#[test]
fn a_jpeg_file_may_lack_its_last_bytes_and_nothing_else() {
    let desk = Desk::new();
    let mut file = Cursor::new(Vec::new());
    rusty(40, 30).write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
    let whole = file.into_inner();
    fs::write(desk.at("whole.jpg"), &whole).unwrap();
    desk.succeed(&["remove", "whole.jpg"]);
    for less in [1, 2] {
        fs::write(desk.at("cut.jpg"), &whole[..whole.len() - less]).unwrap();
        assert!(
            desk.succeed(&["remove", "cut.jpg", "--force"]).contains("last bytes of its file are missing")
        );
        assert!(
            fs::read(desk.at("cut-derusted.jpg")).unwrap()
                == fs::read(desk.at("whole-derusted.jpg")).unwrap()
        );
    }
    fs::write(desk.at("cut.jpg"), &whole[..whole.len() - 4]).unwrap();
    assert!(desk.fail(1, &["remove", "cut.jpg", "--force"]).contains("cut off"));
}

#[test]
fn a_packing_that_cannot_be_read_is_named() {
    let desk = Desk::new();
    tiled(&desk, "a.tif", false, None, 1);
    let mut file = fs::read(desk.at("a.tif")).unwrap();
    let entry = [&259_u16.to_le_bytes()[..], &4_u16.to_le_bytes(), &1_u32.to_le_bytes()].concat();
    let at = file.windows(8).position(|window| window == entry).unwrap();
    for (number, name) in [(50_000_u32, "ZSTD"), (50_001, "WebP"), (34_887, "LERC"), (34_925, "LZMA")] {
        file[at + 8..at + 12].copy_from_slice(&number.to_le_bytes());
        fs::write(desk.at("b.tif"), &file).unwrap();
        let complaint = desk.fail(1, &["segment", "b.tif"]);
        assert!(complaint.contains(name) && complaint.contains("COMPRESS=DEFLATE"), "{complaint}");
    }
}
