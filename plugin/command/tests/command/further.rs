//! What lies in a file beside its first picture is kept, or its loss is said.

use std::fs;
use std::io::{Cursor, Write};

use exr::prelude::{
    AnyChannel, AnyChannels, Encoding, FlatSamples, Image, Layer, LayerAttributes, SmallVec, Text,
    WritableImage, f16, read_all_flat_layers_from_file,
};
use tiff::decoder::{Decoder, DecodingResult};
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::{ExtraSamples, Tag};

use crate::desk::{Desk, open, rusty};

const SCALE: Tag = Tag::Unknown(33_550);
const KEYS: Tag = Tag::Unknown(34_735);

fn decoder(desk: &Desk, name: &str) -> Decoder<Cursor<Vec<u8>>> {
    Decoder::new(Cursor::new(fs::read(desk.at(name)).unwrap())).unwrap()
}

fn bytes(desk: &Desk, name: &str) -> Vec<u8> {
    fs::read(desk.at(name)).unwrap()
}

/// A TIFF file with a place on earth and 64-bit offsets.
fn on_earth(desk: &Desk, name: &str) {
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new_big(&mut file).unwrap();
    let mut image = tiff.new_image::<colortype::RGB8>(40, 30).unwrap();
    image.encoder().write_tag(SCALE, &[0.05, 0.05, 0.0][..]).unwrap();
    image.encoder().write_tag(KEYS, &[1_u16, 1, 0, 1, 3072, 0, 1, 32_633][..]).unwrap();
    image.encoder().write_tag(Tag::Unknown(65_001), 7_u64).unwrap();
    image.write_data(&rusty(40, 30)).unwrap();
    fs::write(desk.at(name), file.into_inner()).unwrap();
}

#[test]
fn a_place_on_earth_stays_in_files_of_either_kind_and_comes_to_masks() {
    let desk = Desk::new();
    on_earth(&desk, "big.tif");
    desk.succeed(&["remove", "big.tif"]);
    desk.succeed(&["remove", "big-derusted.tif", "-o", "again.tif", "--judge-anyway"]);
    desk.succeed(&["segment", "big.tif", "-o", "mask.tif"]);
    desk.succeed(&["segment", "big.tif", "--format", "tif"]);
    for name in ["big-derusted.tif", "again.tif", "mask.tif", "big-mask.tif"] {
        let mut decoder = decoder(&desk, name);
        assert_eq!(decoder.get_tag_f64_vec(SCALE).unwrap(), [0.05, 0.05, 0.0], "{name}");
        assert_eq!(decoder.get_tag_u16_vec(KEYS).unwrap()[7], 32_633, "{name}");
        assert_eq!(
            decoder.get_tag_u32(Tag::Unknown(65_001)).ok(),
            (!name.contains("mask")).then_some(7),
            "{name}"
        );
    }
    let lost = "where it lies on earth is left out";
    assert!(desk.succeed(&["segment", "big.tif"]).contains(lost));
    assert!(desk.succeed(&["remove", "big.tif", "-o", "x.png"]).contains(lost));
    assert!(!desk.succeed(&["remove", "big.tif", "-o", "x.tif"]).contains(lost));
}

#[test]
fn further_channels_are_kept_bit_for_bit() {
    let desk = Desk::new();
    let picture = rusty(40, 30);
    let near_infrared = |i: usize| (i * 7 % 251) as u8;
    let with = |name: &str, kinds: &[ExtraSamples], further: &dyn Fn(usize) -> Vec<u8>| {
        let mut file = Cursor::new(Vec::new());
        let mut tiff = TiffEncoder::new(&mut file).unwrap();
        let mut image = tiff.new_image::<colortype::RGB8>(40, 30).unwrap();
        image.extra_samples(kinds).unwrap();
        let data: Vec<u8> =
            picture.pixels().enumerate().flat_map(|(i, p)| [&p.0[..], &further(i)].concat()).collect();
        image.write_data(&data).unwrap();
        fs::write(desk.at(name), file.into_inner()).unwrap();
    };
    use ExtraSamples::{UnassociatedAlpha, Unspecified};
    with("four.tif", &[Unspecified], &|i| vec![near_infrared(i)]);
    // Alpha between two others.
    with("six.tif", &[Unspecified, UnassociatedAlpha, Unspecified], &|i| vec![near_infrared(i), 255, 9]);
    for (name, count) in [("four.tif", 4), ("six.tif", 6)] {
        let said = desk.succeed(&["remove", name]);
        assert!(said.contains("25.0 %"), "{said}");
        let result = name.replace(".tif", "-derusted.tif");
        // Decoders that know grays only read all channels.
        let mut all = bytes(&desk, &result);
        let entry = [&262_u16.to_le_bytes()[..], &3_u16.to_le_bytes(), &1_u32.to_le_bytes()].concat();
        let at = all.windows(8).position(|window| window == entry).unwrap();
        all[at + 8] = 1;
        let DecodingResult::U8(values) = Decoder::new(Cursor::new(all)).unwrap().read_image().unwrap() else {
            panic!("{result}")
        };
        for (i, pixel) in values.chunks(count).enumerate() {
            assert_eq!(pixel[3], near_infrared(i), "{result}: {i}");
            let (x, y) = (i as u32 % 40, i as u32 / 40);
            assert_eq!(pixel[..3] != picture[(x, y)].0, x < 20 && y < 15, "{result}: {i}");
        }
        let kinds = decoder(&desk, &result).get_tag_u16_vec(Tag::ExtraSamples).unwrap();
        assert_eq!(kinds, if count == 4 { vec![0] } else { vec![0, 2, 0] });
        let said = desk.succeed(&["remove", name, "-o", "x.png", "--force"]);
        assert!(said.contains("without its") && said.contains("channel"), "{said}");
    }
    // Gray and alpha, which decoders take for two bands.
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new(&mut file).unwrap();
    let mut image = tiff.new_image::<colortype::Gray8>(40, 30).unwrap();
    image.extra_samples(&[UnassociatedAlpha]).unwrap();
    image.write_data(&[90, 255].repeat(40 * 30)).unwrap();
    fs::write(desk.at("gray.tif"), file.into_inner()).unwrap();
    assert!(!desk.succeed(&["remove", "gray.tif", "--judge-anyway"]).contains("without its"));
}

/// Three pages: the picture, one of 16 bits, and a small copy of the first.
fn pages(desk: &Desk, name: &str) {
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new(&mut file).unwrap();
    tiff.write_image::<colortype::RGB8>(40, 30, &rusty(40, 30)).unwrap();
    let wide: Vec<u16> = (0..20 * 10).map(|i| i * 300).collect();
    let mut page = tiff.new_image::<colortype::Gray16>(20, 10).unwrap();
    page.encoder().write_tag(Tag::Artist, "Somebody").unwrap();
    page.write_data(&wide).unwrap();
    let mut small = tiff.new_image::<colortype::RGB8>(20, 15).unwrap();
    small.encoder().write_tag(Tag::NewSubfileType, 1_u32).unwrap();
    small.write_data(&rusty(20, 15)).unwrap();
    fs::write(desk.at(name), file.into_inner()).unwrap();
}

#[test]
fn pages_are_kept_and_in_its_place_a_picture_loses_none_unasked() {
    let desk = Desk::new();
    pages(&desk, "p.tif");
    let before = bytes(&desk, "p.tif");
    let said = desk.succeed(&["remove", "p.tif", "-o", "p.tif", "--force"]);
    assert!(said.contains("only the first") && said.contains("smaller copies"), "{said}");
    let mut after = decoder(&desk, "p.tif");
    assert_ne!(after.read_image().unwrap().as_buffer(0).as_bytes(), rusty(40, 30).as_raw().as_slice());
    after.next_image().unwrap();
    assert_eq!(after.get_tag_ascii_string(Tag::Artist).unwrap(), "Somebody");
    let DecodingResult::U16(wide) = after.read_image().unwrap() else { panic!() };
    assert_eq!(wide, (0..20 * 10).map(|i| i * 300).collect::<Vec<u16>>());
    assert!(!after.more_images());
    assert!(
        desk.succeed(&["remove", "p.tif", "-o", "x.jpg", "--judge-anyway"])
            .contains("without its further page")
    );

    // Pages that cannot be copied: their data end behind the file's end.
    let mut cut = before;
    let wide =
        [&258_u16.to_le_bytes()[..], &3_u16.to_le_bytes(), &1_u32.to_le_bytes(), &16_u16.to_le_bytes()]
            .concat();
    let directory = cut.windows(10).position(|window| window == wide).unwrap();
    let counts = [&279_u16.to_le_bytes()[..], &4_u16.to_le_bytes(), &1_u32.to_le_bytes()].concat();
    let at = directory + cut[directory..].windows(8).position(|window| window == counts).unwrap();
    cut[at + 8..at + 12].copy_from_slice(&9_000_000_u32.to_le_bytes());
    fs::write(desk.at("cut.tif"), &cut).unwrap();
    let complaint = desk.fail(1, &["remove", "cut.tif", "-o", "cut.tif", "--force"]);
    assert!(complaint.contains("its further page") && complaint.contains("--drop-further"), "{complaint}");
    assert!(bytes(&desk, "cut.tif") == cut);
    let said = desk.succeed(&["remove", "cut.tif", "-o", "cut.tif", "--force", "--drop-further"]);
    assert!(said.contains("without its further page"), "{said}");
}

#[test]
fn frames_of_an_animation_are_kept() {
    let desk = Desk::new();
    let second = image::RgbImage::from_pixel(40, 30, image::Rgb([1, 2, 3]));
    let animated = |name: &str, kind: png::ColorType| {
        let mut encoder = png::Encoder::new(fs::File::create(desk.at(name)).unwrap(), 40, 30);
        encoder.set_color(kind);
        encoder.set_animated(2, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        let gray = |picture: &image::RgbImage| picture.pixels().map(|p| p.0[0]).collect::<Vec<u8>>();
        for picture in [&rusty(40, 30), &second] {
            let data = if kind == png::ColorType::Rgb { picture.as_raw().clone() } else { gray(picture) };
            writer.write_image_data(&data).unwrap();
        }
        writer.finish().unwrap();
    };
    animated("a.png", png::ColorType::Rgb);
    desk.succeed(&["remove", "a.png", "-o", "a.png", "--force"]);
    let mut reader = png::Decoder::new(Cursor::new(bytes(&desk, "a.png"))).read_info().unwrap();
    assert_eq!(reader.info().animation_control().unwrap().num_frames, 2);
    let mut data = vec![0; 40 * 30 * 3];
    reader.next_frame(&mut data).unwrap();
    assert!(data[..3] != rusty(40, 30).as_raw()[..3] && data[3597..] == rusty(40, 30).as_raw()[3597..]);
    reader.next_frame(&mut data).unwrap();
    assert!(data == *second.as_raw());
    assert!(
        desk.succeed(&["remove", "a.png", "-o", "x.tif", "--judge-anyway"])
            .contains("without its further frame")
    );
    // The result has another kind of pixels than the frames.
    let mut turned = bytes(&desk, "a.png");
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut chunk = (exif.len() as u32).to_be_bytes().to_vec();
    let content = [&b"eXIf"[..], exif].concat();
    chunk.extend(&content);
    chunk.extend(crate::failures::crc32(&content).to_be_bytes());
    turned.splice(33..33, chunk);
    fs::write(desk.at("turned.png"), turned).unwrap();
    let complaint = desk.fail(1, &["remove", "turned.png", "-o", "turned.png", "--force", "--judge-anyway"]);
    assert!(complaint.contains("its further frames"), "{complaint}");
}

#[test]
fn half_floats_stay_half_floats() {
    let desk = Desk::new();
    let value = |v: u8| f16::from_f32(f32::from(v) / 255.0);
    let halves: Vec<u8> =
        rusty(40, 30).pixels().flat_map(|p| p.0).flat_map(|v| value(v).to_le_bytes()).collect();
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new(&mut file).unwrap();
    let mut directory = tiff.image_directory().unwrap();
    let at = directory.write_data(halves.as_slice()).unwrap() as u32;
    for (tag, value) in [
        (Tag::ImageWidth, 40),
        (Tag::ImageLength, 30),
        (Tag::RowsPerStrip, 30),
        (Tag::Compression, 1),
        (Tag::PhotometricInterpretation, 2),
        (Tag::SamplesPerPixel, 3),
        (Tag::StripOffsets, at),
        (Tag::StripByteCounts, halves.len() as u32),
    ] {
        directory.write_tag(tag, value).unwrap();
    }
    directory.write_tag(Tag::BitsPerSample, &[16_u16; 3][..]).unwrap();
    directory.write_tag(Tag::SampleFormat, &[3_u16; 3][..]).unwrap();
    directory.finish().unwrap();
    fs::write(desk.at("half.tif"), file.into_inner()).unwrap();
    assert!(desk.succeed(&["remove", "half.tif"]).contains("25.0 %"));
    let DecodingResult::F16(after) = decoder(&desk, "half-derusted.tif").read_image().unwrap() else {
        panic!()
    };
    for (i, (was, is)) in rusty(40, 30).pixels().zip(after.chunks(3)).enumerate() {
        let (x, y) = (i % 40, i / 40);
        assert_eq!(was.0.map(value) != *is, x < 20 && y < 15, "{x}, {y}");
    }

    let samples = |c: usize| FlatSamples::F16(rusty(40, 30).pixels().map(|p| value(p.0[c])).collect());
    let depth: Vec<f32> = (0..40 * 30).map(|i| i as f32 / 7.0).collect();
    let channels: SmallVec<[_; 4]> = [("R", samples(0)), ("G", samples(1)), ("B", samples(2))]
        .into_iter()
        .chain([("Z", FlatSamples::F32(depth.clone()))])
        .map(|(name, samples)| AnyChannel::new(name, samples))
        .collect();
    let attributes =
        LayerAttributes { owner: Some(Text::from("Somebody")), ..LayerAttributes::named("main") };
    let layer = Layer::new((40, 30), attributes, Encoding::SMALL_LOSSLESS, AnyChannels::sort(channels));
    Image::from_layer(layer).write().to_file(desk.at("half.exr")).unwrap();
    let before = fs::metadata(desk.at("half.exr")).unwrap().len();
    assert!(desk.succeed(&["remove", "half.exr", "-o", "half.exr", "--force"]).contains("25.0 %"));
    let size = fs::metadata(desk.at("half.exr")).unwrap().len();
    assert!(size < before * 5 / 4, "{before} became {size}");
    let after = read_all_flat_layers_from_file(desk.at("half.exr")).unwrap();
    let layer = &after.layer_data[0];
    assert_eq!(layer.attributes.owner, Some(Text::from("Somebody")));
    assert_eq!(layer.encoding.compression, Encoding::SMALL_LOSSLESS.compression);
    for channel in &layer.channel_data.list {
        match &channel.sample_data {
            FlatSamples::F32(values) => assert!(channel.name.eq("Z") && *values == depth),
            FlatSamples::F16(values) => {
                let c = ["R", "G", "B"].iter().position(|name| channel.name.eq(name)).unwrap();
                for (i, (was, is)) in rusty(40, 30).pixels().map(|p| p.0[c]).zip(values).enumerate() {
                    assert!(value(was) == *is || i % 40 < 20 && i / 40 < 15, "{i}");
                }
            }
            FlatSamples::U32(_) => panic!(),
        }
    }
    let said = desk.succeed(&["remove", "half.exr", "-o", "x.tif", "--judge-anyway"]);
    assert!(
        said.contains("without its further channel") && said.contains("attributes of the OpenEXR"),
        "{said}"
    );
}

/// A JPEG segment.
fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&[0xFF, marker], &length[..], content].concat()
}

/// A JPEG file with these segments at its start, and these bytes behind it.
fn jpeg(desk: &Desk, name: &str, segments: &[u8], behind: &[u8]) {
    let mut file = Cursor::new(Vec::new());
    rusty(40, 30).write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
    let mut bytes = file.into_inner();
    bytes.splice(2..2, segments.iter().copied());
    bytes.extend(behind);
    fs::write(desk.at(name), bytes).unwrap();
}

#[test]
fn captions_go_along_into_other_formats() {
    let desk = Desk::new();
    // A title (IIM, record 2, set 5).
    let iptc = b"\x1C\x02\x05\x00\x08A bridge";
    let resource = [&b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x0D"[..], iptc, b"\0"].concat();
    jpeg(&desk, "a.jpg", &segment(0xED, &resource), b"");
    for source in ["a.jpg", "a.tif", "a.png"] {
        for target in ["a.tif", "a.png", "b.jpg"].iter().filter(|target| **target != source) {
            desk.succeed(&["remove", source, "-o", target, "--force", "--judge-anyway"]);
            let file = bytes(&desk, target);
            let found = match *target {
                "a.tif" => decoder(&desk, target).get_tag_u8_vec(Tag::Unknown(33_723)).unwrap() == iptc,
                "a.png" => file.windows(16).any(|window| window == b"41206272696467650"[..16].as_ref()),
                _ => file.windows(iptc.len()).any(|window| window == iptc),
            };
            assert!(found, "{source} to {target}");
        }
    }
    assert!(desk.succeed(&["remove", "a.jpg", "-o", "a.webp"]).contains("IPTC captions are left out"));
}

#[test]
fn small_copies_and_promises_do_not_outlive_what_they_show() {
    let desk = Desk::new();
    let holds = |name: &str, text: &[u8]| bytes(&desk, name).windows(text.len()).any(|window| window == text);
    let small = b"\xFF\xD8small copy\xFF\xD9";
    // Two in Photoshop's resources, of which one is something else, and one in EXIF.
    let thumbnail = [&b"8BIM\x04\x0C\0\0\0\0\0\x0E"[..], small, b"8BIM\x03\xED\0\0\0\0\0\x02hi"].concat();
    let exif = [
        &b"Exif\0\0II*\0\x08\0\0\0\0\0\x0E\0\0\0\x02\0"[..],
        b"\x01\x02\x04\0\x01\0\0\0\x2C\0\0\0",
        b"\x02\x02\x04\0\x01\0\0\0\x0E\0\0\0\0\0\0\0",
        small,
    ]
    .concat();
    let shown =
        [segment(0xE1, &exif), segment(0xED, &[b"Photoshop 3.0\0", &thumbnail[..]].concat())].concat();
    jpeg(&desk, "small.jpg", &shown, b"");
    desk.succeed(&["remove", "small.jpg"]);
    assert!(holds("small.jpg", small) && !holds("small-derusted.jpg", b"small copy"));
    assert!(holds("small-derusted.jpg", b"8BIM\x03\xED"));

    let xmp = "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'>\
        <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about=''\
        \u{20}xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' xmlns:G='http://ns.google.com/photos/1.0/camera/'\
        \u{20}hdrgm:Version='1.0' G:MotionPhoto='1' xmlns:dc='http://purl.org/dc/elements/1.1/' dc:format='kept'/>\
        </rdf:RDF></x:xmpmeta>";
    let promises = [
        segment(0xE1, xmp.as_bytes()),
        segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"),
        segment(0xE2, b"MPF\0MM\0*"),
    ]
    .concat();
    jpeg(&desk, "phone.jpg", &promises, b"\xFF\xD8\xFF\xD9\0\0\0\x18ftypmp42");
    let said = desk.succeed(&["remove", "phone.jpg"]);
    assert!(said.contains("without its gain map (HDR) and its video"), "{said}");
    for text in [&b"21496"[..], b"hdrgm:Version", b"MotionPhoto=", b"MPF\0", b"ftyp"] {
        assert!(holds("phone.jpg", text) && !holds("phone-derusted.jpg", text), "{text:?}");
    }
    assert!(holds("phone-derusted.jpg", b"dc:format='kept'"));
    let complaint = desk.fail(1, &["remove", "phone.jpg", "-o", "phone.jpg", "--force"]);
    assert!(complaint.contains("its video") && complaint.contains("--drop-further"), "{complaint}");
    desk.succeed(&["remove", "phone.jpg", "-o", "phone.jpg", "--force", "--drop-further"]);
}

#[test]
fn the_preview_of_a_camera_raw_is_no_picture() {
    let desk = Desk::new();
    let mut file = Cursor::new(Vec::new());
    let mut tiff = TiffEncoder::new(&mut file).unwrap();
    let mut below = tiff.extra_directory().unwrap();
    below.write_tag(Tag::ImageWidth, 40_u32).unwrap();
    let at = below.finish_with_offsets().unwrap().pointer.0 as u32;
    let mut preview = tiff.new_image::<colortype::RGB8>(40, 30).unwrap();
    preview.encoder().write_tag(Tag::NewSubfileType, 1_u32).unwrap();
    preview.encoder().write_tag(Tag::SubIfd, at).unwrap();
    preview.write_data(&rusty(40, 30)).unwrap();
    let raw = file.into_inner();
    for name in ["a.nef", "renamed.tif"] {
        fs::File::create(desk.at(name)).unwrap().write_all(&raw).unwrap();
        let complaint = desk.fail(3, &["segment", name]);
        assert!(complaint.contains("camera raw") && complaint.contains("develop it"), "{complaint}");
    }
    assert_eq!(desk.names(), ["a.nef", "renamed.tif"]);
    rusty(8, 8).save(desk.at("b.tif")).unwrap();
    assert_eq!(open(&desk.at("b.tif")).width(), 8);
}
