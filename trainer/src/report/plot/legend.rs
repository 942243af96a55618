//! The names of a chart's lines.

use image::{Rgb, RgbImage};
use plotters::style::RGBColor;

use crate::report::lettering::{self, Size, Style};

/// Told apart in print and by people who see fewer colours (Okabe and Ito 2008, Color Universal Design), without
/// the yellow, which is lost on white.
pub const COLOURS: [[u8; 3]; 7] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [230, 159, 0],
    [60, 60, 60],
];
/// Text and axes.
pub const INK: RGBColor = RGBColor(40, 40, 40);
/// Around everything, in pixels.
pub const MARGIN: u32 = 12;
const LINE: u32 = 22;
/// Where names begin.
const LEFT: u32 = MARGIN + 40;
/// Place of the coloured stroke before a name.
const STROKE: u32 = 32;

/// A name beside a stroke of its line's colour.
pub struct Entry {
    /// Left edge in pixels.
    pub left: u32,
    /// Upper edge in pixels, below that of the legend.
    pub top: u32,
    text: String,
    style: Style,
    colour: Rgb<u8>,
}

/// Lays names out in as many lines as they need on a chart of this width.
pub fn entries<'a>(names: impl Iterator<Item = &'a str>, width: u32) -> Vec<Entry> {
    let style = Style { size: Size::Normal, bold: false, colour: Rgb([INK.0, INK.1, INK.2]) };
    let (mut left, mut top) = (LEFT, 0);
    let mut entries = vec![];
    for (name, colour) in names.zip(COLOURS.into_iter().cycle()) {
        let text = style.fit(name, width.saturating_sub(LEFT + STROKE + MARGIN));
        let wide = STROKE + style.width(&text);
        if left + wide > width - MARGIN && left > LEFT {
            (left, top) = (LEFT, top + LINE);
        }
        entries.push(Entry { left, top, text, style, colour: Rgb(colour) });
        left += wide + 24;
    }
    entries
}

/// Height of all lines in pixels.
pub fn height(entries: &[Entry]) -> u32 {
    entries.last().map_or(0, |entry| entry.top + LINE)
}

impl Entry {
    /// Draws it; the legend begins `below` pixels from the top.
    pub fn draw(&self, picture: &mut RgbImage, below: u32) {
        let top = below + self.top;
        for x in self.left..self.left + STROKE - 8 {
            for y in top + 7..top + 11 {
                lettering::blend(picture, (x as i32, y as i32), self.colour, 1.0);
            }
        }
        lettering::draw(picture, ((self.left + STROKE) as i32, top as i32), &self.text, self.style);
    }

    /// Right edge in pixels.
    #[cfg(test)]
    pub fn right(&self) -> u32 {
        self.left + STROKE + self.style.width(&self.text)
    }
}
