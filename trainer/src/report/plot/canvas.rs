//! Where charts are drawn: shapes at twice the size, reduced at the end, which smooths their edges; text on top.

use std::convert::Infallible;

use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle, FontTransform,
};

use crate::report::lettering::{self, Size, Style};

/// Pixels of the canvas, across and down, for one of the picture.
pub const SCALE: u32 = 2;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

struct Text {
    text: String,
    style: Style,
    transform: FontTransform,
    /// Of the anchor, in pixels of the picture.
    anchor: (i32, i32),
    /// From the anchor to the upper left corner, before it is turned.
    offset: (i32, i32),
}

/// A chart while it is drawn.
pub struct Drawing {
    shapes: RgbImage,
    texts: Vec<Text>,
}

/// A backend of plotters. Its coordinates count [`SCALE`] for one pixel of the picture that comes out.
pub struct Canvas<'a>(pub &'a mut Drawing);

impl Drawing {
    /// Nothing yet, for a picture of this size.
    pub fn new(width: u32, height: u32, background: Rgb<u8>) -> Self {
        Drawing { shapes: RgbImage::from_pixel(width * SCALE, height * SCALE, background), texts: vec![] }
    }

    /// The picture.
    pub fn finish(self) -> RgbImage {
        let (width, height) = self.shapes.dimensions();
        let mut picture = resize(&self.shapes, width / SCALE, height / SCALE, FilterType::Triangle);
        for Text { text, style, transform, anchor, offset } in self.texts {
            lettering::draw_turned(&mut picture, &text, style, |x, y| {
                let (x, y) = transform.transform(x + offset.0, y + offset.1);
                (anchor.0 + x, anchor.1 + y)
            });
        }
        picture
    }
}

/// Texts of plotters have sizes in the canvas's pixels; letters come in two sizes.
fn style_of(style: &impl BackendTextStyle) -> Style {
    let (r, g, b) = style.color().rgb;
    let size = if style.size() >= f64::from(20 * SCALE) { Size::Large } else { Size::Normal };
    let bold = matches!(style.style(), FontStyle::Bold);
    Style { size, bold, colour: Rgb([r, g, b]) }
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.0.shapes.dimensions()
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, colour: BackendColor) -> Drawn {
        let (r, g, b) = colour.rgb;
        lettering::blend(&mut self.0.shapes, point, Rgb([r, g, b]), colour.alpha);
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let own = style_of(style);
        let (width, height) = (own.width(text) as i32, own.letter().1 as i32);
        let x = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Center => -width / 2,
            HPos::Right => -width,
        };
        let y = match style.anchor().v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        self.0.texts.push(Text {
            text: text.into(),
            style: own,
            transform: style.transform(),
            anchor: (at.0 / SCALE as i32, at.1 / SCALE as i32),
            offset: (x, y),
        });
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let style = style_of(style);
        Ok((style.width(text) * SCALE, style.letter().1 * SCALE))
    }
}
