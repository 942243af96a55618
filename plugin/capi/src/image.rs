//! Descriptions of pixels, checked, and borrowed for a call.

use std::fmt;
use std::ops::Range;
use std::slice;

use derust_engine::pixels::{AlphaKind, Channels, Depth, Layout, Picture, PictureMut, Region, Transfer};
use derust_interface::*;

use crate::failure::Failure;
use crate::sized;

/// The caller's pixels. The description has been checked: every pixel lies in the buffer.
#[derive(Clone, Debug)]
pub(crate) struct Pixels {
    /// What the caller calls it, such as `options.mask`.
    name: String,
    /// The first byte of the picture: of its first row, or of its last one where it stands upside down.
    start: *mut u8,
    /// Bytes to the end of the last pixel.
    length: usize,
    /// Where the pixels are, counted from `start`.
    layout: Layout,
}

// SAFETY: the caller lends the pixels to the whole call, which may use threads of its own; who reads and who writes
// is checked with `apart` before.
unsafe impl Send for Pixels {}
// SAFETY: as above.
unsafe impl Sync for Pixels {}

/// A format as error texts write it: BGR8, GRAY16, RGBA32F.
pub(crate) struct FormatName(pub(crate) Channels, pub(crate) Depth);

impl fmt::Display for FormatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channels = match self.0 {
            Channels::Gray => "GRAY",
            Channels::Rgb => "RGB",
            Channels::Bgr => "BGR",
            Channels::Rgba => "RGBA",
            Channels::Bgra => "BGRA",
        };
        let depth = match self.1 {
            Depth::U8 => "8",
            Depth::U16 => "16",
            Depth::F32 => "32F",
        };
        write!(f, "{channels}{depth}")
    }
}

/// What a DERUST_FORMAT_ constant stands for.
fn format(number: i32) -> Option<(Channels, Depth)> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    let channels =
        *[Channels::Gray, Channels::Rgb, Channels::Bgr, Channels::Rgba, Channels::Bgra].get(index / 3)?;
    Some((channels, [Depth::U8, Depth::U16, Depth::F32][index % 3]))
}

/// Checks a description.
///
/// # Safety
/// `image` is NULL or a description whose `data` may be used for as many bytes as `data_size` says, for the call.
pub(crate) unsafe fn pixels(image: *const Image, name: &str) -> Result<Pixels, Failure> {
    // SAFETY: the caller's promise.
    let image = unsafe { sized::read(image, name) }?;
    check(&image, name)
}

/// [`pixels`] where NULL means that there is none.
///
/// # Safety
/// See [`pixels`].
pub(crate) unsafe fn optional_pixels(image: *const Image, name: &str) -> Result<Option<Pixels>, Failure> {
    if image.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { pixels(image, name) }.map(Some)
}

fn check(image: &Image, name: &str) -> Result<Pixels, Failure> {
    let argument = |text: String| Failure::argument(format!("{name}.{text}"));
    let wrong = |text: String| Failure::new(DERUST_ERROR_IMAGE, format!("{name}{text}"));
    let (channels, depth) = format(image.format).ok_or_else(|| {
        argument(format!("format is {}, which is no DERUST_FORMAT_ constant", image.format))
    })?;
    let transfer = match image.transfer {
        DERUST_TRANSFER_SRGB => Transfer::Srgb,
        DERUST_TRANSFER_LINEAR => Transfer::Linear,
        other => return Err(argument(format!("transfer is {other}, which is no DERUST_TRANSFER_ constant"))),
    };
    let alpha = match image.alpha {
        DERUST_ALPHA_STRAIGHT => AlphaKind::Straight,
        DERUST_ALPHA_PREMULTIPLIED => AlphaKind::Premultiplied,
        other => return Err(argument(format!("alpha is {other}, which is no DERUST_ALPHA_ constant"))),
    };
    if image.reserved != 0 {
        return Err(argument(format!("reserved is {}; it has to be 0", image.reserved)));
    }
    if image.data.is_null() {
        return Err(argument("data is NULL; it has to point to the pixels".into()));
    }
    let (width, height) = (image.width, image.height);
    if width == 0 || height == 0 {
        return Err(wrong(format!(" is {width} x {height} pixels; at least 1 x 1 is needed")));
    }
    let kind = FormatName(channels, depth);
    let pixel_bytes = channels.count() * depth.bytes();
    let pixel_stride = if image.pixel_stride == 0 { pixel_bytes } else { image.pixel_stride as usize };
    if pixel_stride < pixel_bytes {
        return Err(wrong(format!(
            ".pixel_stride is {pixel_stride} bytes; a pixel of {kind} needs at least {pixel_bytes}"
        )));
    }
    // In 128 bits no product of the fields can overflow.
    let row_bytes = (i128::from(width) - 1) * pixel_stride as i128 + pixel_bytes as i128;
    let row_stride = i128::from(image.row_stride);
    if height > 1 && row_stride.abs() < row_bytes {
        return Err(wrong(format!(
            ".row_stride is {row_stride} bytes; {width} px of {kind} need at least {row_bytes}, up or down"
        )));
    }
    let first_row = i128::from(image.offset);
    let last_row = first_row + (i128::from(height) - 1) * row_stride;
    let (start, end) = (first_row.min(last_row), first_row.max(last_row) + row_bytes);
    if start < 0 || end > i128::from(image.data_size) {
        return Err(wrong(format!(
            ".data_size is {} bytes; {width} x {height} px of {kind} with this offset and these strides reach from \
             byte {start} to byte {end}",
            image.data_size
        )));
    }
    let size = isize::try_from(image.data_size).ok();
    if size.and_then(|size| image.data.addr().checked_add(size as usize)).is_none() {
        return Err(wrong(format!(".data_size is {} bytes; no buffer is that large", image.data_size)));
    }
    let region = region(image).map_err(|text| wrong(format!(".{text}")))?;
    let layout = Layout {
        width,
        height,
        channels,
        depth,
        offset: (first_row - start) as usize,
        // A picture of one row has no second one; its stride may be anything.
        row_stride: if height > 1 { row_stride as isize } else { row_bytes as isize },
        pixel_stride,
        transfer,
        alpha: if channels.count() == 4 { alpha } else { AlphaKind::Straight },
        region: Some(region),
    };
    Ok(Pixels {
        name: name.into(),
        // Within the buffer, as was just checked.
        start: image.data.cast::<u8>().wrapping_add(start as usize),
        length: (end - start) as usize,
        layout,
    })
}

/// The region of interest; all of the image if none is given.
fn region(image: &Image) -> Result<Region, String> {
    let Image { region_x: x, region_y: y, region_width: width, region_height: height, .. } = *image;
    if (width, height) == (0, 0) {
        if (x, y) != (0, 0) {
            return Err(format!("region_x and region_y are {x} and {y}, but the region has no size"));
        }
        return Ok(Region { x: 0, y: 0, width: image.width, height: image.height });
    }
    let fits = |start: u32, length: u32, limit: u32| {
        length > 0 && start.checked_add(length).is_some_and(|end| end <= limit)
    };
    if fits(x, width, image.width) && fits(y, height, image.height) {
        return Ok(Region { x, y, width, height });
    }
    Err(format!(
        "region is {width} x {height} pixels at {x}, {y}; it has to lie in the image's {} x {}",
        image.width, image.height
    ))
}

impl Pixels {
    /// Width and height of the region.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.layout.region.map_or((self.layout.width, self.layout.height), |r| (r.width, r.height))
    }

    /// The bytes that the picture spans, as addresses.
    pub(crate) fn span(&self) -> Range<usize> {
        self.start.addr()..self.start.addr() + self.length
    }

    /// The pixels, to read.
    pub(crate) fn picture(&self) -> Result<Picture<'_>, Failure> {
        // SAFETY: the caller lends `data_size` bytes for the call, in which these lie; nothing writes to them while
        // they are read, which `apart` has checked for the call's own outputs and the caller promises for the rest.
        let bytes = unsafe { slice::from_raw_parts(self.start, self.length) };
        Ok(Picture::new(bytes, self.layout)?)
    }

    /// The pixels, to write.
    ///
    /// # Safety
    /// Nothing else of this call uses these bytes as long as the answer lives.
    #[allow(clippy::mut_from_ref, reason = "the pixels are the caller's, not this description's")]
    pub(crate) unsafe fn picture_mut(&self) -> Result<PictureMut<'_>, Failure> {
        // SAFETY: the caller lends `data_size` bytes for the call, in which these lie, and this function's promise.
        let bytes = unsafe { slice::from_raw_parts_mut(self.start, self.length) };
        Ok(PictureMut::new(bytes, self.layout)?)
    }

    /// Whether both describe the same pixels.
    pub(crate) fn is(&self, other: &Pixels) -> bool {
        self.start == other.start && self.length == other.length && self.layout == other.layout
    }

    /// Refuses an output that shares bytes with another image of the call.
    pub(crate) fn apart(&self, other: &Pixels) -> Result<(), Failure> {
        let (a, b) = (self.span(), other.span());
        if a.start >= b.end || b.start >= a.end {
            return Ok(());
        }
        Err(Failure::new(
            DERUST_ERROR_OVERLAP,
            format!(
                "{} shares {} bytes with {}; give it a buffer of its own",
                self.name,
                a.end.min(b.end) - a.start.max(b.start),
                other.name
            ),
        ))
    }

    /// Refuses an output that is neither `image` itself nor apart from it. Answers whether it is `image` itself.
    pub(crate) fn same_or_apart(&self, image: &Pixels) -> Result<bool, Failure> {
        if self.is(image) {
            return Ok(true);
        }
        self.apart(image).map(|()| false).map_err(|failure| Failure {
            message: format!(
                "{}, or describe it exactly as {} to work in place",
                failure.message, image.name
            ),
            ..failure
        })
    }

    /// Refuses an image that is not gray.
    pub(crate) fn must_be_gray(&self) -> Result<(), Failure> {
        if self.layout.channels == Channels::Gray {
            return Ok(());
        }
        Err(Failure::new(
            DERUST_ERROR_FORMAT,
            format!("{}.format is {}; GRAY8, GRAY16 or GRAY32F is needed", self.name, self.format()),
        ))
    }

    /// Refuses an image whose region is not of this size, that of `whose`.
    pub(crate) fn must_have_size(&self, needed: (u32, u32), whose: &str) -> Result<(), Failure> {
        let got = self.size();
        if got == needed {
            return Ok(());
        }
        Err(Failure::new(
            DERUST_ERROR_FORMAT,
            format!(
                "{} has {} x {} pixels; {whose} has {} x {}, and both have to be alike",
                self.name, got.0, got.1, needed.0, needed.1
            ),
        ))
    }

    /// Refuses an output that `image` cannot be copied to bit by bit.
    pub(crate) fn must_be_like(&self, image: &Pixels) -> Result<(), Failure> {
        self.must_have_size(image.size(), &image.name)?;
        let alike = |what: &str, got: String, needed: String| {
            if got == needed {
                return Ok(());
            }
            let text = format!(
                "{}.{what} is {got}; that of {} is {needed}, and both have to be alike",
                self.name, image.name
            );
            Err(Failure::new(DERUST_ERROR_FORMAT, text))
        };
        let (own, others) = (&self.layout, &image.layout);
        alike("format", self.format().to_string(), image.format().to_string())?;
        alike("transfer", format!("{:?}", own.transfer), format!("{:?}", others.transfer))?;
        alike("alpha", format!("{:?}", own.alpha), format!("{:?}", others.alpha))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> FormatName {
        FormatName(self.layout.channels, self.layout.depth)
    }
}
