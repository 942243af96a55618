//! Pixels in the caller's memory.

use std::ffi::c_void;

use derust_interface as c;

use crate::error::Error;

/// The channels of a pixel in the order in which they lie in memory, and the type of their values: integers whose largest
/// value is white, or floats with black 0 and white 1, where what lies beyond is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Format {
    GrayU8 = c::DERUST_FORMAT_GRAY_U8,
    GrayU16 = c::DERUST_FORMAT_GRAY_U16,
    GrayF32 = c::DERUST_FORMAT_GRAY_F32,
    RgbU8 = c::DERUST_FORMAT_RGB_U8,
    RgbU16 = c::DERUST_FORMAT_RGB_U16,
    RgbF32 = c::DERUST_FORMAT_RGB_F32,
    BgrU8 = c::DERUST_FORMAT_BGR_U8,
    BgrU16 = c::DERUST_FORMAT_BGR_U16,
    BgrF32 = c::DERUST_FORMAT_BGR_F32,
    RgbaU8 = c::DERUST_FORMAT_RGBA_U8,
    RgbaU16 = c::DERUST_FORMAT_RGBA_U16,
    RgbaF32 = c::DERUST_FORMAT_RGBA_F32,
    BgraU8 = c::DERUST_FORMAT_BGRA_U8,
    BgraU16 = c::DERUST_FORMAT_BGRA_U16,
    BgraF32 = c::DERUST_FORMAT_BGRA_F32,
}

/// How values encode light. Masks and probabilities are never encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Transfer {
    /// With the sRGB curve (IEC 61966-2-1), as nearly all picture files and cameras do.
    #[default]
    Srgb = c::DERUST_TRANSFER_SRGB,
    /// In proportion to light.
    Linear = c::DERUST_TRANSFER_LINEAR,
}

/// Whether colours are multiplied by the alpha channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Alpha {
    /// They are independent of it.
    #[default]
    Straight = c::DERUST_ALPHA_STRAIGHT,
    /// They are, in the encoding in which they are stored.
    Premultiplied = c::DERUST_ALPHA_PREMULTIPLIED,
}

/// A part of an image, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rectangle {
    /// Columns left of it.
    pub x: u32,
    /// Rows above it.
    pub y: u32,
    /// Columns in it.
    pub width: u32,
    /// Rows in it.
    pub height: u32,
}

/// Where the pixels of an image lie in a buffer, and what they mean. Every call checks it against the buffer before a pixel
/// is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Pixels per row, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
    /// Channels and the type of their values.
    pub format: Format,
    /// Bytes from the start of the buffer to the first pixel of the first row.
    pub offset: u64,
    /// Bytes from a row to the next; negative where the picture stands upside down in memory.
    pub row_stride: i64,
    /// Bytes from a pixel to the next.
    pub pixel_stride: u32,
    /// How values encode light.
    pub transfer: Transfer,
    /// What colours have to do with alpha, where there is one.
    pub alpha: Alpha,
    /// The part to work on; the rest is neither looked at nor changed. `None`: all of it.
    pub region: Option<Rectangle>,
}

/// A type of values that pixels can have: `u8`, `u16`, `f32`. Bytes can hold every format.
pub trait Sample: Copy + sealed::Sealed {}

impl Sample for u8 {}
impl Sample for u16 {}
impl Sample for f32 {}

mod sealed {
    pub trait Sealed {
        /// The type's name, and its place among the depths of a format; none: it can hold every format.
        const DEPTH: (&'static str, Option<i32>);
    }
    impl Sealed for u8 {
        const DEPTH: (&'static str, Option<i32>) = ("u8", None);
    }
    impl Sealed for u16 {
        const DEPTH: (&'static str, Option<i32>) = ("u16", Some(1));
    }
    impl Sealed for f32 {
        const DEPTH: (&'static str, Option<i32>) = ("f32", Some(2));
    }
}

/// A picture that is only read.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    bytes: &'a [u8],
    depth: (&'static str, Option<i32>),
    /// Where its pixels lie.
    pub layout: Layout,
}

/// A picture that is written.
#[derive(Debug)]
pub struct ImageMut<'a> {
    bytes: &'a mut [u8],
    depth: (&'static str, Option<i32>),
    /// Where its pixels lie.
    pub layout: Layout,
}

impl Format {
    /// Channels times bytes per value.
    pub fn bytes_per_pixel(self) -> u32 {
        const CHANNELS: [u32; 5] = [1, 3, 3, 4, 4];
        const BYTES: [u32; 3] = [1, 2, 4];
        CHANNELS[self.order()] * BYTES[self.depth() as usize]
    }

    /// The place of its channels among gray, RGB, BGR, RGBA, BGRA.
    fn order(self) -> usize {
        (self as i32 - 1) as usize / 3
    }

    /// The place of its values among 8 bits, 16 bits and floats.
    fn depth(self) -> i32 {
        (self as i32 - 1) % 3
    }
}

impl Layout {
    /// Rows from top to bottom that follow one another without gaps; sRGB, straight alpha, no region.
    pub fn new(width: u32, height: u32, format: Format) -> Self {
        let pixel_stride = format.bytes_per_pixel();
        Layout {
            width,
            height,
            format,
            offset: 0,
            row_stride: i64::from(width) * i64::from(pixel_stride),
            pixel_stride,
            transfer: Transfer::Srgb,
            alpha: Alpha::Straight,
            region: None,
        }
    }

    /// Width and height of the region, or of the whole image.
    pub fn size(&self) -> (u32, u32) {
        self.region.map_or((self.width, self.height), |region| (region.width, region.height))
    }

    /// The description of pixels in a buffer.
    pub(crate) fn describe(&self, data: *mut u8, data_size: usize) -> c::Image {
        let region = self.region.unwrap_or_default();
        c::Image {
            format: self.format as i32,
            data: data.cast::<c_void>(),
            data_size: data_size as u64,
            offset: self.offset,
            width: self.width,
            height: self.height,
            row_stride: self.row_stride,
            pixel_stride: self.pixel_stride,
            transfer: self.transfer as i32,
            alpha: self.alpha as i32,
            region_x: region.x,
            region_y: region.y,
            region_width: region.width,
            region_height: region.height,
            ..c::Image::default()
        }
    }

    /// Refuses a buffer of values of another type, which would be misread, and numbers that mean something else to C.
    fn check(&self, (name, depth): (&str, Option<i32>), what: &str) -> Result<(), Error> {
        if depth.is_some_and(|depth| depth != self.format.depth()) {
            let format = self.format;
            return Err(Error::image(format!(
                "{what} has pixels of type {name}, and its format is {format:?}"
            )));
        }
        if self.pixel_stride == 0 {
            return Err(Error::image(format!("{what}.pixel_stride is 0 bytes; pixels have a size")));
        }
        if let Some(Rectangle { width, height, .. }) = self.region
            && (width == 0 || height == 0)
        {
            return Err(Error::image(format!(
                "{what}.region is {width} x {height} pixels; it has to have some"
            )));
        }
        Ok(())
    }
}

impl<'a> Image<'a> {
    /// Pixels in `data`, which lie as `layout` says.
    pub fn new<S: Sample>(data: &'a [S], layout: Layout) -> Self {
        // SAFETY: the slice's own bytes; a `Sample` is a number without padding.
        let bytes = unsafe { std::slice::from_raw_parts(data.as_ptr().cast(), size_of_val(data)) };
        Image { bytes, depth: S::DEPTH, layout }
    }

    /// What the library is told; it is read only.
    pub(crate) fn c(&self, what: &str) -> Result<c::Image, Error> {
        self.layout.check(self.depth, what)?;
        Ok(self.layout.describe(self.bytes.as_ptr().cast_mut(), self.bytes.len()))
    }
}

impl<'a> ImageMut<'a> {
    /// Pixels in `data`, which lie as `layout` says.
    pub fn new<S: Sample>(data: &'a mut [S], layout: Layout) -> Self {
        // SAFETY: the slice's own bytes; a `Sample` is a number, and any bytes make one.
        let bytes = unsafe { std::slice::from_raw_parts_mut(data.as_mut_ptr().cast(), size_of_val(data)) };
        ImageMut { bytes, depth: S::DEPTH, layout }
    }

    /// The same pixels, to be read.
    pub fn as_image(&self) -> Image<'_> {
        Image { bytes: self.bytes, depth: self.depth, layout: self.layout }
    }

    /// What the library is told; nothing else touches the pixels as long as the call goes on.
    pub(crate) fn c(&mut self, what: &str) -> Result<c::Image, Error> {
        self.layout.check(self.depth, what)?;
        Ok(self.layout.describe(self.bytes.as_mut_ptr(), self.bytes.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn formats_have_the_size_of_their_channels() {
        use Format::*;
        for (formats, bytes) in [
            ([GrayU8, GrayU16, GrayF32], [1, 2, 4]),
            ([RgbU8, RgbU16, RgbF32], [3, 6, 12]),
            ([BgrU8, BgrU16, BgrF32], [3, 6, 12]),
            ([RgbaU8, RgbaU16, RgbaF32], [4, 8, 16]),
            ([BgraU8, BgraU16, BgraF32], [4, 8, 16]),
        ] {
            assert_eq!(formats.map(Format::bytes_per_pixel), bytes);
        }
    }

    #[test]
    fn a_buffer_is_described_as_it_lies() {
        let mut values = [0u16; 5 * 4 * 3];
        let region = Rectangle { x: 1, y: 2, width: 3, height: 1 };
        let layout =
            Layout { region: Some(region), transfer: Transfer::Linear, ..Layout::new(5, 4, Format::BgrU16) };
        let mut image = ImageMut::new(&mut values, layout);
        let read = image.as_image().c("image").unwrap();
        let image = image.c("output").unwrap();
        assert_eq!((read.data, read.data_size), (image.data, 120));
        assert_eq!((image.format, image.pixel_stride, image.row_stride), (c::DERUST_FORMAT_BGR_U16, 6, 30));
        assert_eq!((image.transfer, image.alpha), (c::DERUST_TRANSFER_LINEAR, c::DERUST_ALPHA_STRAIGHT));
        let described = (image.region_x, image.region_y, image.region_width, image.region_height);
        assert_eq!(described, (1, 2, 3, 1));
    }

    #[test]
    fn values_of_another_type_are_refused() {
        let floats = [0.0f32; 6];
        let refused = |layout| Image::new(&floats, layout).c("image").unwrap_err();
        let error = refused(Layout::new(2, 1, Format::RgbU8));
        assert_eq!((error.kind(), error.name()), (ErrorKind::Image, "DERUST_ERROR_IMAGE"));
        assert_eq!(error.to_string(), "image has pixels of type f32, and its format is RgbU8");
        let fitting = Layout::new(2, 1, Format::RgbF32);
        assert!(Image::new(&floats, fitting).c("image").is_ok());
        let text = refused(Layout { region: Some(Rectangle::default()), ..fitting }).to_string();
        assert!(text.starts_with("image.region is 0 x 0"), "{text}");
        assert!(refused(Layout { pixel_stride: 0, ..fitting }).to_string().contains("pixel_stride is 0"));
        assert!(Image::new(&[0u8; 24], fitting).c("image").is_ok(), "bytes hold every format");
    }
}
