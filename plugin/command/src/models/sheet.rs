//! A contact sheet: small pictures side by side, each with its number.

use image::imageops::{FilterType, overlay, resize};
use image::{Rgb, RgbImage};

/// The long side of a small picture, and the space between two, in pixels.
const SIDE: u32 = 320;
const SPACE: u32 = 12;
/// Side of a digit's dots in pixels.
const DOT: u32 = 4;

/// Rows of three dots for each digit, the highest bit on the left.
const DIGITS: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 3, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 1, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];

/// The pictures in rows of at most four, numbered from 1 on.
pub(super) fn sheet(pictures: &[RgbImage]) -> RgbImage {
    let (width, height) = pictures.first().map_or((1, 1), RgbImage::dimensions);
    let scale = f64::from(SIDE) / f64::from(width.max(height));
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    let (width, height) = (scaled(width), scaled(height));
    let columns = (pictures.len() as u32).clamp(1, 4);
    let rows = (pictures.len() as u32).div_ceil(columns).max(1);
    let mut sheet = RgbImage::from_pixel(
        SPACE + columns * (width + SPACE),
        SPACE + rows * (height + SPACE),
        Rgb([240; 3]),
    );
    for (i, picture) in (0_u32..).zip(pictures) {
        let (x, y) = (SPACE + i % columns * (width + SPACE), SPACE + i / columns * (height + SPACE));
        let small = resize(picture, width, height, FilterType::Triangle);
        overlay(&mut sheet, &small, i64::from(x), i64::from(y));
        number(&mut sheet, (x, y), i + 1);
    }
    sheet
}

/// Writes a number in black on white.
fn number(sheet: &mut RgbImage, (x, y): (u32, u32), number: u32) {
    let digits = number.to_string();
    let (width, height) = ((digits.len() as u32 * 4 + 1) * DOT, 7 * DOT);
    for (down, across) in (0..height).flat_map(|down| (0..width).map(move |across| (down, across))) {
        let (column, row) = (across / DOT, down / DOT);
        let digit = digits.as_bytes().get((column / 4) as usize).map_or(0, |digit| usize::from(digit - b'0'));
        let is_dot = (1..=5).contains(&row)
            && !column.is_multiple_of(4)
            && column / 4 < digits.len() as u32
            && DIGITS[digit][row as usize - 1] >> (3 - column % 4) & 1 == 1;
        if x + across < sheet.width() && y + down < sheet.height() {
            sheet.put_pixel(x + across, y + down, if is_dot { Rgb([0; 3]) } else { Rgb([255; 3]) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_side_by_side_and_are_numbered() {
        let colours = [[200, 0, 0], [0, 200, 0], [0, 0, 200], [9, 9, 9], [200, 200, 0]];
        let pictures = colours.map(|colour| RgbImage::from_pixel(64, 32, Rgb(colour)));
        let sheet = sheet(&pictures);
        assert_eq!(sheet.dimensions(), (12 + 4 * 332, 12 + 2 * 172));
        for (i, colour) in colours.iter().enumerate() {
            let (column, row) = (i as u32 % 4, i as u32 / 4);
            let (x, y) = (12 + column * 332, 12 + row * 172);
            assert_eq!(sheet[(x + 300, y + 150)].0, *colour);
            let black = (0..28).flat_map(|down| (0..20).map(move |across| (x + across, y + down)));
            let black = black.filter(|place| sheet[*place].0 == [0; 3]).count() as u32 / (DOT * DOT);
            let dots: u32 = DIGITS[i + 1].iter().map(|row| row.count_ones()).sum();
            assert_eq!(black, dots, "number {}", i + 1);
        }
    }
}
