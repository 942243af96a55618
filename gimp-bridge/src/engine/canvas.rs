//! A picture that libderust composes into. Rows that are finished can be read meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};

use derust_interface::Image;

use crate::pixels::{Format, Picture};
use crate::problem::Problem;

/// The picture, and how far it is.
pub struct Canvas {
    /// Nobody looks at its pixels but through `image`, as long as there is a canvas.
    picture: Picture,
    image: Image,
    /// Rows from the top that libderust does not touch any more.
    finished: AtomicU32,
}

// SAFETY: the pointer in `image` leads to the canvas's own pixels. libderust touches those in rows that are not finished,
// and `rows` gives out those that are.
unsafe impl Send for Canvas {}
// SAFETY: see above.
unsafe impl Sync for Canvas {}

impl Canvas {
    /// For a result like the given picture.
    ///
    /// # Errors
    /// When memory is short.
    pub fn like(picture: &Picture) -> Result<Self, Problem> {
        let mut canvas = Picture::new(picture.format, picture.width, picture.height)?;
        if picture.format.gray && picture.format.alpha {
            // libderust knows gray with alpha as gray with gaps, and leaves gaps alone.
            canvas.data.copy_from_slice(&picture.data);
        }
        let image = canvas.image_mut();
        Ok(Canvas { picture: canvas, image, finished: AtomicU32::new(0) })
    }

    /// What libderust writes.
    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    /// Takes note that a part of the rows is finished, 0 to 1.
    ///
    /// # Safety
    /// libderust does not touch them any more.
    pub(super) unsafe fn finish(&self, part: f32) {
        let rows = f64::from(part) * f64::from(self.picture.height);
        self.finished.fetch_max((rows as u32).min(self.picture.height), Ordering::Release);
    }

    /// How many rows from the top are finished.
    pub fn finished(&self) -> u32 {
        self.finished.load(Ordering::Acquire)
    }

    /// How pixels are stored.
    pub fn format(&self) -> Format {
        self.picture.format
    }

    /// The bytes of finished rows, from the first one on.
    pub fn rows(&self) -> &[u8] {
        let length = self.picture.row_bytes() * self.finished() as usize;
        // SAFETY: the picture has so many bytes, and nobody writes them any more.
        unsafe { std::slice::from_raw_parts(self.image.data.cast(), length) }
    }

    /// Bytes per row.
    pub fn row_bytes(&self) -> usize {
        self.picture.row_bytes()
    }

    /// The picture, when nobody composes any more.
    pub fn into_picture(self) -> Picture {
        self.picture
    }
}
