//! Borrowed pixels: what a picture in somebody's memory looks like, checked before a byte is touched.

mod camera;
mod colour;
mod meaning;
mod profile;
mod row;
mod sample;

pub use camera::{CameraFormat, CameraFrame, CameraLayout, DevelopError, Matrix};
pub(crate) use colour::{from_srgb, luma, to_srgb};
pub use meaning::Meaning;
use meaning::Said;
pub use profile::{Profile, ProfileError};
use sample::Sample;

/// What the channels of a pixel are, in the order in which they lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Channels {
    Gray,
    Rgb,
    Bgr,
    Rgba,
    Bgra,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Channels::Gray => 1,
            Channels::Rgb | Channels::Bgr => 3,
            Channels::Rgba | Channels::Bgra => 4,
        }
    }

    /// Where red, green and blue stand in a pixel.
    fn colours(self) -> [usize; 3] {
        match self {
            Channels::Gray => [0, 0, 0],
            Channels::Rgb | Channels::Rgba => [0, 1, 2],
            Channels::Bgr | Channels::Bgra => [2, 1, 0],
        }
    }

    /// Where alpha stands in a pixel.
    fn alpha(self) -> Option<usize> {
        matches!(self, Channels::Rgba | Channels::Bgra).then_some(3)
    }
}

/// The type of a channel's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 8 bits, 0 to 255.
    U8,
    /// 16 bits in the machine's byte order, 0 to 65535.
    U16,
    /// 32-bit float in the machine's byte order; black is 0, white is 1, values beyond are kept.
    F32,
}

impl Depth {
    /// Bytes of one value.
    pub fn bytes(self) -> usize {
        match self {
            Depth::U8 => u8::BYTES,
            Depth::U16 => u16::BYTES,
            Depth::F32 => f32::BYTES,
        }
    }
}

/// How stored values relate to light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transfer {
    /// Encoded with the sRGB curve (IEC 61966-2-1), as in nearly all picture files.
    #[default]
    Srgb,
    /// Proportional to light.
    Linear,
}

/// Whether colours are multiplied by alpha.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AlphaKind {
    /// Colours are independent of alpha.
    #[default]
    Straight,
    /// Colours are multiplied by alpha, in the encoding in which they are stored.
    Premultiplied,
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// Columns left of it.
    pub x: u32,
    /// Rows above it.
    pub y: u32,
    /// Columns in it, at least one.
    pub width: u32,
    /// Rows in it, at least one.
    pub height: u32,
}

/// How the pixels of a picture lie in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// What the channels of a pixel are.
    pub channels: Channels,
    /// The type of their values.
    pub depth: Depth,
    /// Bytes from the start of the buffer to the first pixel of the first row.
    pub offset: usize,
    /// Bytes from a row to the next; negative when the picture stands upside down in memory.
    pub row_stride: isize,
    /// Bytes from a pixel to the next.
    pub pixel_stride: usize,
    /// How values relate to light.
    pub transfer: Transfer,
    /// Whether colours are multiplied by alpha.
    pub alpha: AlphaKind,
    /// The part to work on; all of it when absent. Pixels outside are neither analysed nor changed.
    pub region: Option<Region>,
}

impl Layout {
    /// sRGB pixels with straight alpha that follow one another without gaps.
    pub fn packed(width: u32, height: u32, channels: Channels, depth: Depth) -> Self {
        let pixel_stride = channels.count() * depth.bytes();
        // A width for which this saturates is refused by the check against the buffer's length.
        let row_stride =
            isize::try_from(width as usize).unwrap_or(isize::MAX).saturating_mul(pixel_stride as isize);
        Layout {
            width,
            height,
            channels,
            depth,
            offset: 0,
            row_stride,
            pixel_stride,
            transfer: Transfer::Srgb,
            alpha: AlphaKind::Straight,
            region: None,
        }
    }

    fn pixel_bytes(&self) -> usize {
        self.channels.count() * self.depth.bytes()
    }

    /// The region, checked to lie in the picture.
    fn checked_region(&self) -> Result<Region, PixelsError> {
        let whole = Region { x: 0, y: 0, width: self.width, height: self.height };
        let region = self.region.unwrap_or(whole);
        let fits = |start: u32, length: u32, limit: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= limit)
        };
        if fits(region.x, region.width, self.width) && fits(region.y, region.height, self.height) {
            Ok(region)
        } else {
            Err(PixelsError::Region { region, width: self.width, height: self.height })
        }
    }

    /// The bytes of a pixel, checked to fit between a pixel and the next.
    fn checked_pixel(&self) -> Result<usize, PixelsError> {
        let needed = self.pixel_bytes();
        if self.pixel_stride < needed {
            return Err(PixelsError::PixelStride { stride: self.pixel_stride, needed });
        }
        Ok(needed)
    }

    /// Checks rows that are there one by one: how many, and how many bytes each has.
    fn check_rows(
        &self,
        count: usize,
        mut lengths: impl Iterator<Item = usize>,
    ) -> Result<Grid, PixelsError> {
        if self.width == 0 || self.height == 0 {
            return Err(PixelsError::Empty { width: self.width, height: self.height });
        }
        let (region, pixel_bytes) = (self.checked_region()?, self.checked_pixel()?);
        let needed = (i128::from(region.width) - 1) * self.pixel_stride as i128 + pixel_bytes as i128;
        if count != region.height as usize {
            return Err(PixelsError::Rows { got: count, needed: region.height });
        }
        if let Some(length) = lengths.find(|length| *length as i128 != needed) {
            return Err(PixelsError::RowLength { length, needed });
        }
        Ok(Grid { layout: *self, region, origin: 0 })
    }

    /// Checks every number against the others and against the length of the buffer.
    fn check(&self, data_length: usize) -> Result<Grid, PixelsError> {
        if self.width == 0 || self.height == 0 {
            return Err(PixelsError::Empty { width: self.width, height: self.height });
        }
        let (region, pixel_bytes) = (self.checked_region()?, self.checked_pixel()?);
        // In 128 bits no product of the fields can overflow.
        let [width, height] = [self.width, self.height].map(i128::from);
        let row_bytes = (width - 1) * self.pixel_stride as i128 + pixel_bytes as i128;
        let row_stride = self.row_stride as i128;
        if height > 1 && row_stride.abs() < row_bytes {
            return Err(PixelsError::RowStride { stride: self.row_stride, needed: row_bytes });
        }
        let first_row = self.offset as i128;
        let last_row = first_row + (height - 1) * row_stride;
        let (start, end) = (first_row.min(last_row), first_row.max(last_row) + row_bytes);
        if start < 0 || end > data_length as i128 {
            return Err(PixelsError::OutOfBuffer { start, end, length: data_length });
        }
        let origin =
            first_row + i128::from(region.y) * row_stride + i128::from(region.x) * self.pixel_stride as i128;
        Ok(Grid { layout: *self, region, origin: origin as usize })
    }
}

/// Why a description of pixels cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PixelsError {
    /// No pixels at all.
    #[error("a picture of {width} x {height} pixels has nothing in it")]
    Empty {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Pixels overlap.
    #[error("a pixel stride of {stride} bytes is too small; a pixel has {needed}")]
    PixelStride {
        /// What came.
        stride: usize,
        /// What is needed at least.
        needed: usize,
    },
    /// Rows overlap.
    #[error("a row stride of {stride} bytes is too small; a row has {needed}")]
    RowStride {
        /// What came.
        stride: isize,
        /// What is needed at least, up or down.
        needed: i128,
    },
    /// Pixels lie outside of the buffer.
    #[error("the pixels reach from byte {start} to {end}, the buffer has {length} bytes")]
    OutOfBuffer {
        /// First byte.
        start: i128,
        /// One past the last byte.
        end: i128,
        /// Bytes in the buffer.
        length: usize,
    },
    /// Rows that are there one by one are not as many as the region has.
    #[error("{got} rows came; the region has {needed}")]
    Rows {
        /// What came.
        got: usize,
        /// What is needed.
        needed: u32,
    },
    /// A row that is there by itself has another length.
    #[error("a row has {length} bytes; {needed} are needed")]
    RowLength {
        /// What came.
        length: usize,
        /// What is needed.
        needed: i128,
    },
    /// The region is empty or not inside the picture.
    #[error(
        "the region of {} x {} pixels at {}, {} does not lie in the picture of {width} x {height}",
        region.width, region.height, region.x, region.y
    )]
    Region {
        /// What came.
        region: Region,
        /// Pixels per row of the picture.
        width: u32,
        /// Rows of the picture.
        height: u32,
    },
    /// Two pictures of one call do not match.
    #[error("the {what} has {} x {} pixels, {} x {} are needed", got.0, got.1, needed.0, needed.1)]
    Size {
        /// Which picture.
        what: &'static str,
        /// Its width and height.
        got: (u32, u32),
        /// The width and height that would fit.
        needed: (u32, u32),
    },
    /// The target's pixels are of another kind than the source's.
    #[error("the target's pixels are {got:?}, the source's {needed:?}; they must be alike")]
    Format {
        /// The target's channels and depth.
        got: (Channels, Depth),
        /// The source's channels and depth.
        needed: (Channels, Depth),
    },
}

/// A checked layout; `origin` is the byte at which the region's first pixel starts.
#[derive(Clone, Copy, Debug)]
struct Grid {
    layout: Layout,
    region: Region,
    origin: usize,
}

impl Grid {
    /// The bytes of a row of the region, from its first pixel to the end of its last one.
    fn row(&self, y: u32) -> std::ops::Range<usize> {
        assert!(y < self.region.height, "row {y} of a region of {} rows", self.region.height);
        // Checked against the buffer in `Layout::check`, so the sum is a place in it.
        let start = (self.origin as isize + y as isize * self.layout.row_stride) as usize;
        let length = (self.region.width as usize - 1) * self.layout.pixel_stride + self.layout.pixel_bytes();
        start..start + length
    }
}

/// Where the bytes of pixels lie.
#[derive(Clone, Copy, Debug)]
enum Data<'a> {
    /// In one buffer, as the layout says.
    Buffer(&'a [u8]),
    /// Row by row of the region.
    Rows(&'a [&'a [u8]]),
    /// The same, of pixels that are written.
    Written(&'a [&'a mut [u8]]),
}

/// The same to write.
#[derive(Debug)]
enum DataMut<'a> {
    Buffer(&'a mut [u8]),
    Rows(&'a mut [&'a mut [u8]]),
}

impl<'a> Data<'a> {
    /// The bytes of a row of the region.
    fn row(self, grid: &Grid, y: u32) -> &'a [u8] {
        match self {
            Data::Buffer(bytes) => &bytes[grid.row(y)],
            Data::Rows(rows) => rows[y as usize],
            Data::Written(rows) => &*rows[y as usize],
        }
    }
}

impl DataMut<'_> {
    fn row_mut(&mut self, grid: &Grid, y: u32) -> &mut [u8] {
        match self {
            DataMut::Buffer(bytes) => &mut bytes[grid.row(y)],
            DataMut::Rows(rows) => &mut *rows[y as usize],
        }
    }

    fn as_data(&self) -> Data<'_> {
        match self {
            DataMut::Buffer(bytes) => Data::Buffer(bytes),
            DataMut::Rows(rows) => Data::Written(rows),
        }
    }
}

/// Pixels to read.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    data: Data<'a>,
    grid: Grid,
    said: Said<'a>,
}

/// Pixels to write.
#[derive(Debug)]
pub struct PictureMut<'a> {
    data: DataMut<'a>,
    grid: Grid,
    said: Said<'a>,
}

impl<'a> Picture<'a> {
    /// Describes the pixels in `data`.
    ///
    /// # Errors
    /// When the layout contradicts itself or does not fit into `data`.
    pub fn new(data: &'a [u8], layout: Layout) -> Result<Self, PixelsError> {
        let grid = layout.check(data.len())?;
        Ok(Picture { data: Data::Buffer(data), grid, said: Said::default() })
    }

    /// Describes pixels of which each row of the region is there by itself, from its first pixel to the end of its last
    /// one: other pictures may lie between them. The layout's offset and row stride say nothing here.
    ///
    /// # Errors
    /// When the layout contradicts itself, or rows are missing or have another length.
    pub fn from_rows(rows: &'a [&'a [u8]], layout: Layout) -> Result<Self, PixelsError> {
        let grid = layout.check_rows(rows.len(), rows.iter().map(|row| row.len()))?;
        Ok(Picture { data: Data::Rows(rows), grid, said: Said::default() })
    }

    /// The layout as it was given.
    pub fn layout(&self) -> &Layout {
        &self.grid.layout
    }

    /// Width and height of the region to work on.
    pub fn size(&self) -> (u32, u32) {
        (self.grid.region.width, self.grid.region.height)
    }
}

impl<'a> PictureMut<'a> {
    /// Describes the pixels in `data`.
    ///
    /// # Errors
    /// When the layout contradicts itself or does not fit into `data`.
    pub fn new(data: &'a mut [u8], layout: Layout) -> Result<Self, PixelsError> {
        let grid = layout.check(data.len())?;
        Ok(PictureMut { data: DataMut::Buffer(data), grid, said: Said::default() })
    }

    /// See [`Picture::from_rows`].
    ///
    /// # Errors
    /// When the layout contradicts itself, or rows are missing or have another length.
    pub fn from_rows(rows: &'a mut [&'a mut [u8]], layout: Layout) -> Result<Self, PixelsError> {
        let grid = layout.check_rows(rows.len(), rows.iter().map(|row| row.len()))?;
        Ok(PictureMut { data: DataMut::Rows(rows), grid, said: Said::default() })
    }

    /// The same pixels, to read.
    pub fn as_picture(&self) -> Picture<'_> {
        Picture { data: self.data.as_data(), grid: self.grid, said: self.said }
    }

    /// Width and height of the region to work on.
    pub fn size(&self) -> (u32, u32) {
        (self.grid.region.width, self.grid.region.height)
    }

    /// Copies the region of `source` bit for bit into the region of this picture.
    ///
    /// # Errors
    /// When sizes, channels or depths differ.
    pub fn copy_from(&mut self, source: &Picture<'_>) -> Result<(), PixelsError> {
        if self.size() != source.size() {
            return Err(PixelsError::Size { what: "target", got: self.size(), needed: source.size() });
        }
        let kind =
            |grid: &Grid| (grid.layout.channels, grid.layout.depth, grid.layout.transfer, grid.layout.alpha);
        if kind(&self.grid) != kind(&source.grid) {
            let [got, needed] = [self.grid.layout, source.grid.layout].map(|l| (l.channels, l.depth));
            return Err(PixelsError::Format { got, needed });
        }
        let bytes = self.grid.layout.pixel_bytes();
        for y in 0..self.size().1 {
            let from = source.data.row(&source.grid, y).chunks(source.grid.layout.pixel_stride);
            let into = self.data.row_mut(&self.grid, y).chunks_mut(self.grid.layout.pixel_stride);
            into.zip(from).for_each(|(into, from)| into[..bytes].copy_from_slice(&from[..bytes]));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
