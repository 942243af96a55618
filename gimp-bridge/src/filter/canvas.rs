//! A picture that libderust composes into, and whose finished rows go to GIMP meanwhile.

use derust_client::Layout;

use crate::pixels::{Format, Picture};
use crate::text::Problem;

/// The picture, and how far it is.
pub struct Canvas {
    format: Format,
    canvas: derust_client::Canvas,
}

impl Canvas {
    /// For a result like the given picture.
    ///
    /// # Errors
    /// When memory is short.
    pub fn like(picture: &Picture) -> Result<Self, Problem> {
        let (empty, layout) = (picture.empty_like()?, picture.layout());
        Ok(Canvas { format: picture.format, canvas: derust_client::Canvas::new(empty.data, layout)? })
    }

    /// What a result is composed onto.
    pub fn target(&self) -> &derust_client::Canvas {
        &self.canvas
    }

    /// How many rows from the top are finished.
    pub fn finished(&self) -> u32 {
        self.canvas.finished()
    }

    /// How pixels are stored.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The bytes of finished rows, from the first one on, and how many of them a row has.
    pub fn rows(&self) -> (&[u8], usize) {
        (self.canvas.rows(), self.canvas.layout().row_stride as usize)
    }

    /// The picture, when nobody composes any more.
    pub fn into_picture(self) -> Picture {
        let Layout { width, height, .. } = *self.canvas.layout();
        Picture { format: self.format, width, height, data: self.canvas.into_bytes() }
    }
}
