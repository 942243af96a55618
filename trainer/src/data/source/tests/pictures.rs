//! Pictures on their way into memory.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize, rotate90};
use image::{GrayImage, Luma, RgbImage};

use super::super::picture::Picture;
use super::super::{Labels, Reason, reduce_labels};
use super::{folder, hollow_png, mask, picture, read};

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Cursor::new(vec![]);
    picture.write_with_encoder(JpegEncoder::new_with_quality(&mut file, 95)).unwrap();
    file.into_inner()
}

/// Puts an Exif segment that says how the camera was held after the start of a JPEG file.
fn held(file: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    // A preview ends like a picture.
    exif.extend([0xff, 0xd9]);
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&file[..2], &[0xff, 0xe1], &length, &exif, &file[2..]].concat()
}

#[test]
fn pictures_are_turned_as_the_camera_was_held_and_labels_with_them_where_they_are_not_yet() {
    let (size, upright) = ((60, 40), (40, 60));
    let data = folder(&["images", "masks"]);
    for name in ["drawn-upright", "drawn-as-stored"] {
        let path = data.path().join(format!("images/{name}.jpg"));
        std::fs::write(path, held(&jpeg(&picture(size)), 6)).unwrap();
    }
    let stored = mask(size);
    let turned = rotate90(&stored);
    turned.save(data.path().join("masks/drawn-upright.png")).unwrap();
    stored.save(data.path().join("masks/drawn-as-stored.png")).unwrap();
    let (set, report) = read(data.path(), &[]);
    assert_eq!((report.unusable, report.sizes), (vec![], vec![upright; 2]));
    let wanted: Vec<u8> = turned.pixels().map(|pixel| pixel.0[0] / 255).collect();
    let colours = rotate90(&picture(size));
    for photo in &set.photos {
        assert_eq!((photo.width, photo.height), (40, 60), "{}", photo.name);
        assert_eq!(photo.labels, wanted, "{}", photo.name);
        let apart =
            photo.rgb.iter().zip(colours.as_raw()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>();
        assert!(apart as usize <= photo.rgb.len() * 12, "{}: {apart}", photo.name);
    }
}

#[test]
fn a_jpeg_file_cut_anywhere_is_corrupt() {
    let file = held(&jpeg(&picture((64, 48))), 1);
    assert!(Picture::decode(&file).is_ok());
    assert!(Picture::decode(&[&file[..], b"something appended"].concat()).is_ok());
    for end in 0..file.len() {
        let cut = Picture::decode(&file[..end]).map(|_| ());
        assert!(matches!(cut, Err(Reason::Corrupt(_) | Reason::NoPictureFile)), "{end} of {}", file.len());
    }
}

#[test]
fn a_png_file_cut_anywhere_before_its_last_rows_is_corrupt() {
    let mut file = Cursor::new(vec![]);
    picture((64, 48)).write_to(&mut file, image::ImageFormat::Png).unwrap();
    let file = file.into_inner();
    assert!(Picture::decode(&file).is_ok());
    // The last chunk, 12 bytes, says only that there is no more.
    for end in (0..file.len() - 16).step_by(5) {
        let cut = Picture::decode(&file[..end]).map(|_| ());
        assert!(matches!(cut, Err(Reason::Corrupt(_) | Reason::NoPictureFile)), "{end} of {}", file.len());
    }
}

#[test]
fn a_picture_with_too_many_pixels_is_refused_by_its_header() {
    let read = Picture::decode(&hollow_png(60_000, 60_000)).map(|_| ());
    assert_eq!(read, Err(Reason::TooLarge((60_000, 60_000))));
}

#[test]
fn one_class_is_reduced_softly_and_of_several_the_largest_part_wins() {
    let disc = |x: u32, y: u32| (x as f32 - 50.2).hypot(y as f32 - 40.7) < 23.3;
    let soft = GrayImage::from_fn(101, 83, |x, y| Luma([if disc(x, y) { 255 } else { 0 }]));
    let size = (37, 30);
    let wanted: Vec<u8> = resize(&soft, size.0, size.1, FilterType::Triangle)
        .pixels()
        .map(|pixel| u8::from(pixel.0[0] >= 128))
        .collect();
    let one = GrayImage::from_fn(101, 83, |x, y| Luma([u8::from(disc(x, y))]));
    assert_eq!(reduce_labels(Labels::Soft(soft), size), wanted);
    assert_eq!(reduce_labels(Labels::Classes(one), size), wanted);

    // Stripes of 3, 4 and 5 columns brought to one pixel each 12: the widest wins.
    let stripes = GrayImage::from_fn(120, 24, |x, _| {
        Luma([[7, 9, 2][[0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2][x as usize % 12]]])
    });
    let reduced = reduce_labels(Labels::Classes(stripes), (10, 2));
    assert!(reduced.iter().all(|label| [7, 9, 2].contains(label)), "{reduced:?}");
    let halves = GrayImage::from_fn(40, 40, |x, _| Luma([if x < 20 { 3 } else { 1 }]));
    let reduced = reduce_labels(Labels::Classes(halves), (10, 10));
    assert_eq!(reduced, [3, 3, 3, 3, 3, 1, 1, 1, 1, 1].repeat(10));
}
