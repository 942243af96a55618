//! Pixels of drawables, through GEGL's buffers.

use std::ffi::{CStr, c_int};

use super::functions::{GeglRectangle, Pointer};
use super::{Generation, Gimp};
use crate::pixels::{Encoding, Format, Picture, Plane, Rectangle};
use crate::text::{Problem, c_text, tr};

/// A buffer of pixels. What was written reaches GIMP when it is dropped.
pub struct Buffer<'a, G: Generation> {
    gimp: &'a Gimp<G>,
    pointer: Pointer,
}

impl<G: Generation> Gimp<G> {
    /// The pixels of a drawable.
    pub fn buffer(&self, drawable: G::Handle) -> Result<Buffer<'_, G>, Problem> {
        // SAFETY: GIMP checks the handle.
        self.wrap(unsafe { (self.core.gimp_drawable_get_buffer)(drawable) }, &tr("read the layer"))
    }

    /// The pixels that replace those of a drawable in [`Gimp::merge_shadow`].
    pub fn shadow(&self, drawable: G::Handle) -> Result<Buffer<'_, G>, Problem> {
        // SAFETY: GIMP checks the handle.
        self.wrap(unsafe { (self.core.gimp_drawable_get_shadow_buffer)(drawable) }, &tr("change the layer"))
    }

    fn wrap(&self, pointer: Pointer, what: &str) -> Result<Buffer<'_, G>, Problem> {
        if pointer.is_null() { Err(self.refused(what)) } else { Ok(Buffer { gimp: self, pointer }) }
    }

    /// How the pixels of a drawable are stored.
    pub fn encoding(&self, drawable: G::Handle) -> Result<Encoding, Problem> {
        let unknown = || Problem::new(tr("GIMP does not say how the pixels of this layer are stored"));
        // SAFETY: GIMP checks the handle.
        let format = unsafe { (self.core.gimp_drawable_get_format)(drawable) };
        if format.is_null() {
            return Err(unknown());
        }
        // SAFETY: babl's formats, spaces and texts live as long as the process.
        let (name, is_srgb, bytes) = unsafe {
            let name = CStr::from_ptr((self.gegl.babl_format_get_encoding)(format));
            let space = (self.gegl.babl_format_get_space)(format);
            let srgb = (self.gegl.babl_space)(c"sRGB".as_ptr());
            (name, space.is_null() || space == srgb, (self.gegl.babl_format_get_bytes_per_pixel)(format))
        };
        let name = name.to_str().map_err(|_| unknown())?;
        Encoding::new(name, is_srgb, bytes.max(0) as usize)
            .ok_or_else(|| Problem::new(tr("Pixels stored as “{0}” are not supported.").replace("{0}", name)))
    }

    /// Reads all pixels of a drawable, as sRGB colours.
    pub fn picture(&self, drawable: G::Handle) -> Result<Picture, Problem> {
        let encoding = self.encoding(drawable)?;
        let (width, height) = self.size(drawable);
        let mut picture = Picture::new(encoding.working, width, height)?;
        let area = Rectangle { x: 0, y: 0, width, height };
        self.buffer(drawable)?.read(area, &c_text(&encoding.working.name()), &mut picture.data);
        Ok(picture)
    }

    /// Writes pixels of an area to the same place in a buffer. `rows` are those of a picture from its first one on, so many
    /// bytes apart; the last one of the area is among them.
    pub fn write_rows(
        &self,
        target: &Buffer<'_, G>,
        format: Format,
        (rows, row_bytes): (&[u8], usize),
        area: Rectangle,
    ) {
        let first = area.y as usize * row_bytes + area.x as usize * format.pixel_bytes();
        let length = (area.height as usize - 1) * row_bytes + area.width as usize * format.pixel_bytes();
        let pixels = &rows[first..first + length];
        // SAFETY: a slice from the first pixel of the area to its last one.
        unsafe { target.write_rows(area, &c_text(&format.name()), pixels, row_bytes) };
    }

    /// Writes the pixels of `result` in `area` to `target`, a buffer of the drawable's format. Those that are in
    /// `result` what they were in `before` stay bit for bit what they are in `source`, whatever the conversion between
    /// the drawable's colours and sRGB would make of them.
    pub fn write_result(
        &self,
        drawable: G::Handle,
        (source, target): (&Buffer<'_, G>, &Buffer<'_, G>),
        (before, result): (&Picture, &Picture),
        area: Rectangle,
    ) -> Result<(), Problem> {
        const ROWS: u32 = 64;
        let encoding = self.encoding(drawable)?;
        if encoding.is_exact() {
            self.write_rows(target, result.format, (&result.data, result.row_bytes()), area);
            return Ok(());
        }
        // SAFETY: formats live as long as the process.
        let (native, fish) = unsafe {
            let native = (self.core.gimp_drawable_get_format)(drawable);
            let working = (self.gegl.babl_format)(c_text(&encoding.working.name()).as_ptr());
            (native, (self.gegl.babl_fish)(working, native))
        };
        let (native_bytes, working_bytes) = (encoding.native_bytes, encoding.working.pixel_bytes());
        for first in (0..area.height).step_by(ROWS as usize) {
            let band = Rectangle { y: area.y + first as i32, height: ROWS.min(area.height - first), ..area };
            let row = area.width as usize;
            let mut pixels = vec![0u8; row * band.height as usize * native_bytes];
            let mut converted = vec![0u8; row * native_bytes];
            source.read_as(band, native, &mut pixels);
            for (y, pixels) in pixels.chunks_exact_mut(row * native_bytes).enumerate() {
                let before = before.pixels(area.x, band.y + y as i32, area.width);
                let result = result.pixels(area.x, band.y + y as i32, area.width);
                // SAFETY: both rows have `row` pixels of the fish's formats.
                unsafe {
                    let from = result.as_ptr().cast();
                    (self.gegl.babl_process)(
                        fish,
                        from,
                        converted.as_mut_ptr().cast(),
                        row as std::ffi::c_long,
                    )
                };
                let both = before.chunks_exact(working_bytes).zip(result.chunks_exact(working_bytes));
                let natives = pixels.chunks_exact_mut(native_bytes).zip(converted.chunks_exact(native_bytes));
                for ((before, result), (pixel, converted)) in both.zip(natives) {
                    if before != result {
                        pixel.copy_from_slice(converted);
                    }
                }
            }
            target.write_as(band, native, &pixels);
        }
        Ok(())
    }

    /// Writes a plane to a mask or a channel, with its upper left corner at `at`; what lies outside is left out.
    pub fn write_plane(&self, drawable: G::Handle, plane: &Plane, at: (i32, i32)) -> Result<(), Problem> {
        let gray = self.encoding(drawable)?.coverage();
        let (width, height) = self.size(drawable);
        // GIMP 3 does not survive pixels outside of a buffer.
        let (Some((x, from_x, columns)), Some((y, from_y, rows))) =
            (overlap(at.0, plane.width, width), overlap(at.1, plane.height, height))
        else {
            return Ok(());
        };
        let area = Rectangle { x: x as i32, y: y as i32, width: columns, height: rows };
        let stride = plane.width as usize;
        let first = from_y as usize * stride + from_x as usize;
        // SAFETY: the area lies in both, and `first` is its first pixel in the plane.
        unsafe { self.buffer(drawable)?.write_rows(area, gray, &plane.values[first..], stride) };
        Ok(())
    }
}

/// What of `length` pixels that begin at `at` lies within `limit`: where, from which one of them on, and how many.
fn overlap(at: i32, length: u32, limit: u32) -> Option<(u32, u32, u32)> {
    let (at, limit) = (i64::from(at), i64::from(limit));
    let (from, to) = (at.max(0), (at + i64::from(length)).min(limit));
    (from < to).then_some((from as u32, (from - at) as u32, (to - from) as u32))
}

impl<G: Generation> Buffer<'_, G> {
    /// Reads an area in a format of babl's; what lies outside of the buffer is zero.
    pub(super) fn read(&self, area: Rectangle, format: &CStr, to: &mut [u8]) {
        // SAFETY: a format lives as long as the process.
        let format = unsafe { (self.gimp.gegl.babl_format)(format.as_ptr()) };
        self.read_as(area, format, to);
    }

    fn read_as(&self, area: Rectangle, format: Pointer, to: &mut [u8]) {
        const AUTOMATIC_STRIDE: c_int = 0;
        const ABYSS_NONE: c_int = 0;
        // SAFETY: a format lives as long as the process.
        let bytes = unsafe { (self.gimp.gegl.babl_format_get_bytes_per_pixel)(format) };
        assert_eq!(to.len(), area.width as usize * area.height as usize * bytes.max(0) as usize);
        // SAFETY: `to` has the bytes that are written.
        unsafe {
            let (area, to) = (GeglRectangle::from(area), to.as_mut_ptr().cast());
            (self.gimp.gegl.gegl_buffer_get)(
                self.pointer,
                &area,
                1.0,
                format,
                to,
                AUTOMATIC_STRIDE,
                ABYSS_NONE,
            );
        }
    }

    fn write_as(&self, area: Rectangle, format: Pointer, from: &[u8]) {
        // SAFETY: a format lives as long as the process.
        let bytes = unsafe { (self.gimp.gegl.babl_format_get_bytes_per_pixel)(format) };
        assert_eq!(from.len(), area.width as usize * area.height as usize * bytes.max(0) as usize);
        // SAFETY: `from` has the bytes that are read.
        unsafe {
            let (area, from) = (GeglRectangle::from(area), from.as_ptr().cast());
            (self.gimp.gegl.gegl_buffer_set)(self.pointer, &area, 0, format, from, 0);
        }
    }

    /// Writes an area from rows that lie `stride` bytes apart.
    ///
    /// # Safety
    /// `from` begins with the first pixel of the area and reaches to its last one.
    unsafe fn write_rows(&self, area: Rectangle, format: &CStr, from: &[u8], stride: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let format = (self.gimp.gegl.babl_format)(format.as_ptr());
            let (area, from) = (GeglRectangle::from(area), from.as_ptr().cast());
            (self.gimp.gegl.gegl_buffer_set)(self.pointer, &area, 0, format, from, stride as c_int);
        }
    }
}

impl<G: Generation> Drop for Buffer<'_, G> {
    fn drop(&mut self) {
        // SAFETY: the one reference that GIMP handed out.
        unsafe { (self.gimp.glib.g_object_unref)(self.pointer) };
    }
}

impl From<Rectangle> for GeglRectangle {
    fn from(area: Rectangle) -> Self {
        let [width, height] = [area.width, area.height].map(|side| side as c_int);
        GeglRectangle { x: area.x, y: area.y, width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn only_what_lies_within_is_written() {
        assert_eq!(overlap(0, 10, 10), Some((0, 0, 10)));
        assert_eq!(overlap(-13, 20, 10), Some((0, 13, 7)));
        assert_eq!(overlap(9, 20, 10), Some((9, 0, 1)));
        assert_eq!(overlap(-5, 50, 10), Some((0, 5, 10)));
        assert_eq!((overlap(10, 5, 10), overlap(-5, 5, 10)), (None, None));
    }
}
