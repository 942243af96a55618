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
    /// Of a camera: Y, and behind it Cb and Cr in turn for each 2 x 2 pixels. This and those that follow are only read;
    /// results are in colours of as many bits.
    Nv12 = c::DERUST_FORMAT_NV12,
    /// The same with Cr first.
    Nv21 = c::DERUST_FORMAT_NV21,
    /// Y, Cb and Cr, each by itself.
    I420 = c::DERUST_FORMAT_I420,
    /// Y, Cb, Y, Cr for two pixels.
    Yuyv = c::DERUST_FORMAT_YUYV,
    /// Cb, Y, Cr, Y for two pixels.
    Uyvy = c::DERUST_FORMAT_UYVY,
    /// One value behind a filter for each pixel: red, green / green, blue.
    BayerRggbU8 = c::DERUST_FORMAT_BAYER_RGGB_U8,
    BayerRggbU16 = c::DERUST_FORMAT_BAYER_RGGB_U16,
    BayerBggrU8 = c::DERUST_FORMAT_BAYER_BGGR_U8,
    BayerBggrU16 = c::DERUST_FORMAT_BAYER_BGGR_U16,
    BayerGrbgU8 = c::DERUST_FORMAT_BAYER_GRBG_U8,
    BayerGrbgU16 = c::DERUST_FORMAT_BAYER_GRBG_U16,
    BayerGbrgU8 = c::DERUST_FORMAT_BAYER_GBRG_U8,
    BayerGbrgU16 = c::DERUST_FORMAT_BAYER_GBRG_U16,
}

/// What Y, Cb and Cr of a camera's frame are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Matrix {
    /// As webcams and JPEG have them.
    #[default]
    Bt601 = c::DERUST_MATRIX_BT601,
    /// As HD video has them.
    Bt709 = c::DERUST_MATRIX_BT709,
    /// Those of BT.2020, not of constant luminance.
    Bt2020 = c::DERUST_MATRIX_BT2020,
}

/// How a camera's frame with Y, Cb and Cr lies in memory, and what it means; without meaning for other formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chroma {
    /// Bytes from the start of the buffer to the plane of Cb and Cr, behind that of Y; `None`: it begins where a further row of
    /// Y would.
    pub offset: Option<u64>,
    /// Bytes from a row of that plane to the next; `None`: those of Y, of I420 half of them.
    pub stride: Option<u64>,
    /// What they are made of.
    pub matrix: Matrix,
    /// Whether they use all numbers, and not those from 16 to 235 or 240 alone.
    pub full_range: bool,
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
    /// With the curve of BT.709 and BT.601, as cameras' raw video.
    Bt709 = c::DERUST_TRANSFER_BT709,
    /// Light is the value to the power of 2.2.
    Gamma22 = c::DERUST_TRANSFER_GAMMA_22,
    /// Light is the value to the power of 2.8.
    Gamma28 = c::DERUST_TRANSFER_GAMMA_28,
    /// With PQ (SMPTE ST 2084); white is at 203 cd/m².
    Pq = c::DERUST_TRANSFER_PQ,
    /// With HLG (ARIB STD-B67); white is at 75 % of the signal.
    Hlg = c::DERUST_TRANSFER_HLG,
}

/// What red, green and blue are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Primaries {
    /// Those of sRGB and BT.709.
    #[default]
    Bt709 = c::DERUST_PRIMARIES_BT709,
    /// Those of Display P3.
    P3 = c::DERUST_PRIMARIES_P3,
    /// Those of BT.2020 and BT.2100.
    Bt2020 = c::DERUST_PRIMARIES_BT2020,
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
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// What red, green and blue are.
    pub primaries: Primaries,
    /// The value that is white, such as 4095 for cameras that put 12 bits into 16; `None`: the greatest of the format, 1 for
    /// floats.
    pub white_level: Option<f32>,
    /// What Cb and Cr of a camera's frame are.
    pub chroma: Chroma,
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
    said: Said<'a>,
}

/// A picture that is written.
#[derive(Debug)]
pub struct ImageMut<'a> {
    bytes: &'a mut [u8],
    depth: (&'static str, Option<i32>),
    /// Where its pixels lie.
    pub layout: Layout,
    said: Said<'a>,
}

/// What is said of pixels beside where they lie.
#[derive(Clone, Copy, Debug, Default)]
struct Said<'a> {
    icc: Option<&'a [u8]>,
    /// Which pixels count: what the library is told, and whose pixels are borrowed.
    region_mask: Option<Counted<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Counted<'a> {
    mask: c::Image,
    _borrowed: std::marker::PhantomData<&'a [u8]>,
}

// SAFETY: it stands for a shared borrow of the mask's pixels, which are only read.
unsafe impl Send for Counted<'_> {}
// SAFETY: as above.
unsafe impl Sync for Counted<'_> {}

impl<'a> Said<'a> {
    fn within(self, mask: &Image<'a>) -> Result<Self, Error> {
        let mask = Counted { mask: mask.c("region_mask")?, _borrowed: std::marker::PhantomData };
        Ok(Said { region_mask: Some(mask), ..self })
    }

    /// Adds it to what the library is told, for as long as this stays where it is.
    fn add(&self, image: &mut c::Image) {
        if let Some(icc) = self.icc {
            (image.icc_profile, image.icc_profile_size) = (icc.as_ptr().cast(), icc.len() as u64);
        }
        if let Some(region) = &self.region_mask {
            image.region_mask = &region.mask;
        }
    }
}

impl Format {
    /// Whether it is one of a camera's frames.
    pub fn is_camera(self) -> bool {
        self as i32 >= c::DERUST_FORMAT_NV12
    }

    /// Channels times bytes per value; of a camera's frame the bytes from a pixel of its first plane to the next.
    pub fn bytes_per_pixel(self) -> u32 {
        match self {
            Format::Nv12 | Format::Nv21 | Format::I420 => return 1,
            Format::Yuyv | Format::Uyvy => return 2,
            _ if self.is_camera() => return 1 + self.depth() as u32,
            _ => {}
        }
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
        match self {
            _ if !self.is_camera() => (self as i32 - 1) % 3,
            _ if (self as i32) < c::DERUST_FORMAT_BAYER_RGGB_U8 => 0,
            _ => (self as i32 - 1) % 2,
        }
    }
}

impl Layout {
    /// Rows from top to bottom, and planes, that follow one another without gaps; sRGB, straight alpha, no region.
    pub fn new(width: u32, height: u32, format: Format) -> Self {
        let pixel_stride = format.bytes_per_pixel();
        let row_stride = match format {
            Format::Yuyv | Format::Uyvy => i64::from(width.div_ceil(2)) * 4,
            _ => i64::from(width) * i64::from(pixel_stride),
        };
        // Half of an odd row's bytes would be too few.
        let across = u64::from(width.div_ceil(2));
        let stride = match format {
            Format::Nv12 | Format::Nv21 => Some(2 * across),
            Format::I420 => Some(across),
            _ => None,
        };
        Layout {
            width,
            height,
            format,
            offset: 0,
            row_stride,
            pixel_stride,
            transfer: Transfer::Srgb,
            alpha: Alpha::Straight,
            region: None,
            primaries: Primaries::Bt709,
            white_level: None,
            chroma: Chroma { stride, ..Chroma::default() },
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
            primaries: self.primaries as i32,
            white_level: self.white_level.unwrap_or(0.0),
            chroma_offset: self.chroma.offset.unwrap_or(0),
            chroma_stride: self.chroma.stride.unwrap_or(0),
            matrix: self.chroma.matrix as i32,
            range: self.chroma.full_range.into(),
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
        if self.white_level == Some(0.0) {
            return Err(Error::image(format!("{what}.white_level is 0; white is above black")));
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
        Image { bytes, depth: S::DEPTH, layout, said: Said::default() }
    }

    /// The same pixels, of which only those count that are not 0 in `mask`, which is gray and of the size of the region. The
    /// others are in no number of a report, are never rust and do not change.
    ///
    /// # Errors
    /// When the mask cannot be handed over.
    pub fn within(self, mask: &Image<'a>) -> Result<Self, Error> {
        Ok(Image { said: self.said.within(mask)?, ..self })
    }

    /// The same pixels, whose values mean what an ICC profile says, in place of the layout's transfer and primaries.
    pub fn with_profile(self, icc: &'a [u8]) -> Self {
        Image { said: Said { icc: Some(icc), ..self.said }, ..self }
    }

    /// What the library is told, for as long as this stays where it is; it is read only.
    pub(crate) fn c(&self, what: &str) -> Result<c::Image, Error> {
        self.layout.check(self.depth, what)?;
        let mut image = self.layout.describe(self.bytes.as_ptr().cast_mut(), self.bytes.len());
        self.said.add(&mut image);
        Ok(image)
    }
}

impl<'a> ImageMut<'a> {
    /// Pixels in `data`, which lie as `layout` says.
    pub fn new<S: Sample>(data: &'a mut [S], layout: Layout) -> Self {
        // SAFETY: the slice's own bytes; a `Sample` is a number, and any bytes make one.
        let bytes = unsafe { std::slice::from_raw_parts_mut(data.as_mut_ptr().cast(), size_of_val(data)) };
        ImageMut { bytes, depth: S::DEPTH, layout, said: Said::default() }
    }

    /// See [`Image::within`].
    ///
    /// # Errors
    /// When the mask cannot be handed over.
    pub fn within(self, mask: &Image<'a>) -> Result<Self, Error> {
        Ok(ImageMut { said: self.said.within(mask)?, ..self })
    }

    /// See [`Image::with_profile`].
    pub fn with_profile(self, icc: &'a [u8]) -> Self {
        ImageMut { said: Said { icc: Some(icc), ..self.said }, ..self }
    }

    /// The same pixels, to be read.
    pub fn as_image(&self) -> Image<'_> {
        Image { bytes: self.bytes, depth: self.depth, layout: self.layout, said: self.said }
    }

    /// What the library is told, for as long as this stays where it is; nothing else touches the pixels as long as the call
    /// goes on.
    pub(crate) fn c(&mut self, what: &str) -> Result<c::Image, Error> {
        self.layout.check(self.depth, what)?;
        let mut image = self.layout.describe(self.bytes.as_mut_ptr(), self.bytes.len());
        self.said.add(&mut image);
        Ok(image)
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
        assert_eq!(
            [Nv12, I420, Yuyv, BayerBggrU8, BayerBggrU16].map(Format::bytes_per_pixel),
            [1, 1, 2, 1, 2]
        );
        assert_eq!([Nv21, Uyvy, BayerRggbU8, BayerGbrgU16].map(Format::depth), [0, 0, 0, 1]);
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
