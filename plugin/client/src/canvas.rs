//! A picture that a result is composed into, and that can be read meanwhile.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use derust_interface as c;

use crate::error::Error;
use crate::image::{Image, Layout};

/// A picture that [`Removal::compose_onto`](crate::Removal::compose_onto) fills from its first row to its last. Other
/// threads may read the rows that are finished while the rest is still being made.
#[derive(Debug)]
pub struct Canvas {
    /// Nobody looks at these but through `start`.
    bytes: UnsafeCell<Vec<u8>>,
    start: *mut u8,
    length: usize,
    layout: Layout,
    row_bytes: usize,
    /// Rows from the top that the library does not touch any more.
    finished: AtomicU32,
    /// Rows that were finished once must not be touched again.
    used: AtomicBool,
}

// SAFETY: the library writes to rows that are not finished, in one call; `rows` gives out those that are.
unsafe impl Send for Canvas {}
// SAFETY: see above.
unsafe impl Sync for Canvas {}

impl Canvas {
    /// A canvas of these bytes; what a result leaves alone (gaps between pixels) stays what it is in them.
    ///
    /// # Errors
    /// When the rows do not lie from top to bottom, from the first byte to the last of them in `bytes`; or when the layout
    /// has a region.
    pub fn new(mut bytes: Vec<u8>, layout: Layout) -> Result<Self, Error> {
        Image::new(&bytes, layout).c("canvas")?;
        let row_bytes = usize::try_from(layout.row_stride).ok();
        let length = row_bytes.and_then(|bytes| bytes.checked_mul(layout.height as usize));
        let (Some(row_bytes), Some(length)) = (row_bytes, length) else {
            return Err(Error::image(format!(
                "canvas.row_stride is {} bytes; it is positive",
                layout.row_stride
            )));
        };
        if layout.offset != 0 || layout.region.is_some() || length > bytes.len() {
            return Err(Error::image(format!(
                "a canvas begins with its first row, has {} rows of {row_bytes} bytes and no region; this one has {} \
                 bytes, and begins at {}",
                layout.height,
                bytes.len(),
                layout.offset
            )));
        }
        let start = bytes.as_mut_ptr();
        let bytes = UnsafeCell::new(bytes);
        let (finished, used) = (AtomicU32::new(0), AtomicBool::new(false));
        Ok(Canvas { bytes, start, length, layout, row_bytes, finished, used })
    }

    /// Where the pixels lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How many rows from the top are finished.
    pub fn finished(&self) -> u32 {
        self.finished.load(Ordering::Acquire)
    }

    /// The bytes of the rows that are finished, [`row_stride`](Layout::row_stride) for each.
    pub fn rows(&self) -> &[u8] {
        let length = self.row_bytes * self.finished() as usize;
        // SAFETY: so many rows lie from the start on, and nobody writes to them as long as this lives.
        unsafe { std::slice::from_raw_parts(self.start, length) }
    }

    /// The bytes, when nobody composes any more.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner()
    }

    /// What the library writes to, once.
    ///
    /// # Errors
    /// When it was handed out before.
    pub(crate) fn claim(&self) -> Result<c::Image, Error> {
        if self.used.swap(true, Ordering::AcqRel) {
            return Err(Error::argument("the canvas was composed onto before; make a new one".into()));
        }
        Ok(self.layout.describe(self.start, self.length))
    }

    /// Takes note that a part of the rows is finished, 0 to 1.
    ///
    /// # Safety
    /// The library does not touch them any more.
    pub(crate) unsafe fn finish(&self, part: f32) {
        let rows = f64::from(part) * f64::from(self.layout.height);
        self.finished.fetch_max((rows as u32).min(self.layout.height), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Format, Rectangle};

    #[test]
    fn rows_are_given_out_when_they_are_finished() {
        let canvas = Canvas::new((0..24).collect(), Layout::new(2, 4, Format::RgbU8)).unwrap();
        assert_eq!((canvas.finished(), canvas.rows()), (0, &[][..]));
        // SAFETY: nobody writes.
        unsafe { canvas.finish(0.6) };
        assert_eq!(canvas.finished(), 2);
        assert_eq!(canvas.rows(), (0..12).collect::<Vec<_>>());
        // SAFETY: nobody writes.
        unsafe { canvas.finish(0.5) };
        assert_eq!(canvas.finished(), 2, "what is finished stays finished");
        assert_eq!(canvas.claim().unwrap().data_size, 24);
        assert!(canvas.claim().unwrap_err().to_string().contains("before"));
        assert_eq!(canvas.into_bytes().len(), 24);
    }

    #[test]
    fn other_layouts_are_refused() {
        let layout = Layout::new(2, 4, Format::RgbU8);
        let region = Some(Rectangle { x: 0, y: 0, width: 1, height: 1 });
        for (layout, bytes) in [
            (layout, 23),
            (Layout { offset: 1, ..layout }, 30),
            (Layout { region, ..layout }, 24),
            (Layout { row_stride: -6, offset: 18, ..layout }, 24),
            (Layout { row_stride: i64::MAX, ..layout }, 24),
        ] {
            assert!(Canvas::new(vec![0; bytes], layout).is_err(), "{layout:?}");
        }
    }
}
