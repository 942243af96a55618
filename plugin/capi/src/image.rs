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

/// Pixels that the engine reads.
pub(crate) struct Lent<'a> {
    rows: Vec<&'a [u8]>,
    layout: Layout,
}

/// Pixels that the engine writes.
pub(crate) struct LentMut<'a> {
    rows: Vec<&'a mut [u8]>,
    layout: Layout,
}

impl Lent<'_> {
    pub(crate) fn picture(&self) -> Result<Picture<'_>, Failure> {
        Ok(Picture::from_rows(&self.rows, self.layout)?)
    }
}

impl<'a> LentMut<'a> {
    pub(crate) fn picture(&'a mut self) -> Result<PictureMut<'a>, Failure> {
        Ok(PictureMut::from_rows(&mut self.rows, self.layout)?)
    }
}

/// Makes room for more, or says that there is none.
pub(crate) fn reserve<T>(list: &mut Vec<T>, more: usize) -> Result<(), Failure> {
    list.try_reserve_exact(more).map_err(|_| {
        let bytes = more.saturating_mul(size_of::<T>());
        Failure::new(DERUST_ERROR_MEMORY, format!("the system gives no {bytes} bytes to work with an image"))
    })
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

    /// The bytes of the region's rows, counted from `start`, each from the first pixel to the end of the last one; from the
    /// top of the picture to its bottom.
    fn rows(&self) -> impl DoubleEndedIterator<Item = Range<usize>> + '_ {
        let layout = &self.layout;
        let (x, y) = layout.region.map_or((0, 0), |region| (region.x, region.y));
        let (width, height) = self.size();
        let first = layout.offset + x as usize * layout.pixel_stride;
        let length =
            (width as usize - 1) * layout.pixel_stride + layout.channels.count() * layout.depth.bytes();
        // Within the buffer, as `check` has seen.
        (y..y + height).map(move |y| {
            let start = (first as isize + y as isize * layout.row_stride) as usize;
            start..start + length
        })
    }

    /// The same as addresses, from the lowest to the highest.
    pub(crate) fn ascending_rows(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let start = self.start.addr();
        let (mut rows, from_above) = (self.rows(), self.layout.row_stride >= 0);
        std::iter::from_fn(move || {
            let row = if from_above { rows.next() } else { rows.next_back() }?;
            Some(start + row.start..start + row.end)
        })
    }

    /// The bytes from the first to the last pixel of the region, as addresses.
    pub(crate) fn span(&self) -> Range<usize> {
        let start = self.start.addr();
        let ends = [self.rows().next(), self.rows().next_back()];
        let of = |choose: fn(usize, usize) -> usize, ends: [Option<usize>; 2]| {
            ends.into_iter().flatten().reduce(choose).unwrap_or(0)
        };
        let first = of(usize::min, ends.clone().map(|row| row.map(|row| row.start)));
        let last = of(usize::max, ends.map(|row| row.map(|row| row.end)));
        start + first..start + last
    }

    /// The pixels, to read.
    pub(crate) fn lend(&self) -> Result<Lent<'_>, Failure> {
        // SAFETY: the caller lends `data_size` bytes for the call, in which these lie; nothing writes to them while
        // they are read, which `apart` has checked for the call's own outputs and the caller promises for the rest.
        let row = |row: Range<usize>| unsafe { slice::from_raw_parts(self.start.add(row.start), row.len()) };
        Ok(Lent { rows: self.collect(row)?, layout: self.layout })
    }

    /// The pixels, to write.
    ///
    /// # Safety
    /// Nothing else of this call uses the bytes of the region's rows as long as the answer lives.
    pub(crate) unsafe fn lend_mut(&self) -> Result<LentMut<'_>, Failure> {
        // SAFETY: the caller lends `data_size` bytes for the call, in which these lie, and this function's promise. Rows of
        // one picture share nothing with one another.
        let row =
            |row: Range<usize>| unsafe { slice::from_raw_parts_mut(self.start.add(row.start), row.len()) };
        Ok(LentMut { rows: self.collect(row)?, layout: self.layout })
    }

    fn collect<T>(&self, row: impl Fn(Range<usize>) -> T) -> Result<Vec<T>, Failure> {
        let mut rows = Vec::new();
        reserve(&mut rows, self.size().1 as usize)?;
        rows.extend(self.rows().map(row));
        Ok(rows)
    }

    /// How many bytes of the region's rows belong to both.
    fn shared(&self, other: &Pixels) -> usize {
        let (mut rows, mut others) = (self.ascending_rows().peekable(), other.ascending_rows().peekable());
        let mut shared = 0;
        while let (Some(a), Some(b)) = (rows.peek(), others.peek()) {
            shared += a.end.min(b.end).saturating_sub(a.start.max(b.start));
            if a.end < b.end {
                rows.next();
            } else {
                others.next();
            }
        }
        shared
    }

    /// Whether both describe the same pixels.
    pub(crate) fn is(&self, other: &Pixels) -> bool {
        self.start == other.start && self.length == other.length && self.layout == other.layout
    }

    /// Refuses an output that shares bytes with another image of the call. Rows of one may lie between those of another,
    /// as in the halves of a stereo frame.
    pub(crate) fn apart(&self, other: &Pixels) -> Result<(), Failure> {
        let (a, b) = (self.span(), other.span());
        let shared = if a.start >= b.end || b.start >= a.end { 0 } else { self.shared(other) };
        if shared == 0 {
            return Ok(());
        }
        Err(Failure::new(
            DERUST_ERROR_OVERLAP,
            format!(
                "{} shares {shared} bytes with {}; give it a buffer of its own, or other rows and columns of one",
                self.name, other.name
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A gray picture in a buffer of 400 bytes that nobody reads.
    fn pixels(rows: (u64, i64), stride: u32, size: (u32, u32), region: [u32; 4]) -> Option<Pixels> {
        let image = Image {
            format: DERUST_FORMAT_GRAY_U8,
            data: std::ptr::without_provenance_mut(0x1000),
            data_size: 400,
            offset: rows.0,
            width: size.0,
            height: size.1,
            row_stride: rows.1,
            pixel_stride: stride,
            region_x: region[0],
            region_y: region[1],
            region_width: region[2],
            region_height: region[3],
            ..Image::default()
        };
        check(&image, "it").ok()
    }

    /// The bytes of the region's rows, counted one by one.
    fn bytes(pixels: &Pixels) -> HashSet<usize> {
        pixels.rows().flatten().map(|byte| pixels.start.addr() + byte).collect()
    }

    #[test]
    fn what_images_share_is_counted_row_by_row() {
        let mut state = 1_u32;
        let mut dice = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        let mut drawn = Vec::new();
        while drawn.len() < 150 {
            let stride = i64::from(dice(30) + 5) * if dice(3) == 0 { -1 } else { 1 };
            let (width, height) = (dice(6) + 1, dice(6) + 1);
            let region = match dice(2) {
                0 => [0; 4],
                _ => [dice(width), dice(height), dice(3) + 1, dice(3) + 1],
            };
            drawn.extend(pixels((dice(200).into(), stride), dice(4), (width, height), region));
        }
        let mut among_one_another = 0;
        for (a, b) in drawn.iter().flat_map(|a| drawn.iter().map(move |b| (a, b))) {
            let shared = bytes(a).intersection(&bytes(b)).count();
            assert_eq!(a.shared(b), shared, "{a:?} {b:?}");
            assert_eq!(a.apart(b).is_ok(), shared == 0);
            let (first, second) = (a.span(), b.span());
            among_one_another +=
                usize::from(shared == 0 && first.start < second.end && second.start < first.end);
            let rows: Vec<_> = a.ascending_rows().collect();
            assert!(rows.is_sorted_by_key(|row| row.start) && rows[0].start == first.start);
            assert_eq!(rows.last().unwrap().end, first.end);
        }
        assert!(among_one_another > 100, "{among_one_another}");
    }
}
