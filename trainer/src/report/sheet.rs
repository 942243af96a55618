//! Contact sheets: pictures that belong together side by side, a caption below, many of such groups on one page.

use image::imageops::{FilterType, replace, resize};
use image::{Rgb, RgbImage};

use crate::data::Plane;
use crate::report::lettering::{self, Size, Style};

/// Pictures that belong together, and what is said about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// From left to right.
    pub pictures: Vec<RgbImage>,
    /// One line below; may be empty.
    pub caption: String,
}

/// White between groups, in pixels.
const GAP: u32 = 6;
const INK: Style = Style { size: Size::Normal, bold: false, colour: Rgb([40, 40, 40]) };

/// Lays groups out, `columns` of them in a row. Pictures larger than `side` pixels are reduced to it.
pub fn contact_sheet(groups: &[Group], columns: usize, side: u32) -> RgbImage {
    let strips: Vec<RgbImage> = groups.iter().map(|group| strip(group, side)).collect();
    let columns = columns.clamp(1, groups.len().max(1));
    let caption = if groups.iter().any(|group| !group.caption.is_empty()) { INK.letter().1 + 4 } else { 0 };
    let cell_width = strips.iter().map(RgbImage::width).max().unwrap_or(1);
    let cell_height = strips.iter().map(RgbImage::height).max().unwrap_or(1) + caption;
    let along = |cells: u32, size: u32| cells * (size + GAP) + GAP;
    let rows = strips.len().div_ceil(columns) as u32;
    let size = (along(columns as u32, cell_width), along(rows, cell_height));
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    for (number, (group, strip)) in groups.iter().zip(&strips).enumerate() {
        let left = along((number % columns) as u32, cell_width);
        let top = along((number / columns) as u32, cell_height);
        replace(&mut sheet, strip, i64::from(left), i64::from(top));
        let text = INK.fit(&group.caption, cell_width);
        lettering::draw(&mut sheet, (left as i32, (top + strip.height() + 2) as i32), &text, INK);
    }
    sheet
}

/// Samples of planes in place of groups of pictures, without captions.
pub fn sheet_of_planes(samples: &[Vec<Plane>], columns: usize) -> RgbImage {
    let groups: Vec<Group> = samples
        .iter()
        .map(|planes| Group { pictures: planes.iter().map(picture_of).collect(), caption: String::new() })
        .collect();
    contact_sheet(&groups, columns, u32::MAX)
}

/// A group's pictures in one, none larger than `side` pixels.
pub fn strip(group: &Group, side: u32) -> RgbImage {
    let pictures: Vec<RgbImage> = group.pictures.iter().map(|picture| reduced(picture, side)).collect();
    let width = pictures.iter().map(|picture| picture.width() + 2).sum::<u32>().saturating_sub(2);
    let height = pictures.iter().map(RgbImage::height).max().unwrap_or(0);
    let mut strip = RgbImage::from_pixel(width.max(1), height.max(1), Rgb([255; 3]));
    let mut left = 0;
    for picture in pictures {
        replace(&mut strip, &picture, i64::from(left), 0);
        left += picture.width() + 2;
    }
    strip
}

fn reduced(picture: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    if width.max(height) <= side {
        return picture.clone();
    }
    let scale = f64::from(side) / f64::from(width.max(height));
    let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    resize(picture, scaled(width), scaled(height), FilterType::Triangle)
}

/// Planes as a picture: three of colour, or one as gray. Values beyond 0 to 1 become black or white.
pub fn picture_of(plane: &Plane) -> RgbImage {
    RgbImage::from_fn(plane.width as u32, plane.height as u32, |x, y| {
        let i = y as usize * plane.width + x as usize;
        Rgb([0, 1, 2].map(|channel: usize| {
            let value = plane.channel(channel.min(plane.channels - 1))[i];
            (value.clamp(0.0, 1.0) * 255.0).round() as u8
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(colours: &[[u8; 3]], caption: &str) -> Group {
        let pictures = colours.iter().map(|colour| RgbImage::from_pixel(40, 20, Rgb(*colour))).collect();
        Group { pictures, caption: caption.into() }
    }

    #[test]
    fn groups_lie_in_rows_in_their_order() {
        let groups = [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]], [[1, 2, 3], [4, 5, 6]]];
        let groups = groups.map(|colours| group(&colours, ""));
        let sheet = contact_sheet(&groups, 2, 100);
        assert_eq!(sheet.dimensions(), (2 * (82 + GAP) + GAP, 2 * (20 + GAP) + GAP));
        let at = |column: u32, row: u32, x: u32| {
            sheet.get_pixel(GAP + column * (82 + GAP) + x, GAP + row * (20 + GAP) + 10).0
        };
        assert_eq!((at(0, 0, 5), at(0, 0, 47)), ([255, 0, 0], [0, 255, 0]));
        assert_eq!((at(1, 0, 5), at(0, 1, 5), at(1, 1, 5)), ([0, 0, 255], [1, 2, 3], [255; 3]));
    }

    #[test]
    fn captions_get_a_line_of_their_own_and_large_pictures_are_reduced() {
        let sheet = contact_sheet(&[group(&[[0; 3]], "iou 0.5")], 3, 20);
        assert_eq!(sheet.dimensions(), (20 + 2 * GAP, 10 + 20 + 2 * GAP));
        let below = (GAP + 10..sheet.height()).flat_map(|y| (0..sheet.width()).map(move |x| (x, y)));
        assert!(below.into_iter().any(|(x, y)| sheet.get_pixel(x, y).0[0] < 128), "the caption shows");
        assert_eq!(contact_sheet(&[], 4, 20).dimensions(), (1 + 2 * GAP, GAP));
    }

    #[test]
    fn planes_become_pictures() {
        let mut plane = Plane::filled(1, 1, 2, 0.0);
        plane.values[1] = 1.5;
        assert_eq!(picture_of(&plane).into_raw(), [0, 0, 0, 255, 255, 255]);
        let plane = Plane { channels: 3, height: 1, width: 1, values: vec![0.2, 0.4, 1.0] };
        assert_eq!(picture_of(&plane).into_raw(), [51, 102, 255]);
        let sheet = sheet_of_planes(&[vec![plane.clone(), plane]], 4);
        assert_eq!(sheet.dimensions(), (4 + 2 * GAP, 1 + 2 * GAP));
        assert_eq!(sheet.get_pixel(GAP + 3, GAP).0, [51, 102, 255]);
    }
}
