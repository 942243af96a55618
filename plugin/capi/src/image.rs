//! Descriptions of pixels, checked, and borrowed for a call.

use std::fmt;
use std::ops::Range;
use std::slice;

use derust_engine::pixels::{
    AlphaKind, CameraFrame, Channels, Depth, DevelopError, Layout, Meaning, Picture, PictureMut, Profile,
    Region, Transfer,
};
use derust_interface::*;

use crate::camera::{self, Camera};
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
    /// Where the pixels are, counted from `start`. For a camera's frame: what they are like when it is developed.
    layout: Layout,
    camera: Option<Camera>,
    said: Said,
}

/// What the caller says of pixels beside where they are.
#[derive(Clone, Debug, Default)]
struct Said {
    /// DERUST_TRANSFER_ and DERUST_PRIMARIES_.
    encoding: (i32, i32),
    icc: Option<Vec<u8>>,
    white_level: f32,
    /// What follows from these, unless that is what the layout says.
    meaning: Option<Meaning>,
    region_mask: Option<Box<Pixels>>,
}

/// The rows of a mask that says which pixels count.
type Counting<'a> = (Vec<&'a [u8]>, Layout);

/// Pixels that the engine reads.
pub(crate) struct Lent<'a> {
    source: Source<'a>,
    layout: Layout,
    meaning: Option<&'a Meaning>,
    /// What of it counts.
    within: Option<Counting<'a>>,
}

/// Where they are.
enum Source<'a> {
    Rows(Vec<&'a [u8]>),
    /// Made of a camera's frame.
    Developed(Vec<u8>),
}

/// Pixels that the engine writes.
pub(crate) struct LentMut<'a> {
    rows: Vec<&'a mut [u8]>,
    layout: Layout,
    meaning: Option<&'a Meaning>,
    /// What of it counts.
    within: Option<Counting<'a>>,
}

impl Lent<'_> {
    pub(crate) fn picture(&self) -> Result<Picture<'_>, Failure> {
        let mut picture = match &self.source {
            Source::Rows(rows) => Picture::from_rows(rows, self.layout)?,
            Source::Developed(bytes) => Picture::new(bytes, self.layout)?,
        };
        if let Some(meaning) = self.meaning {
            picture = picture.meaning(meaning);
        }
        if let Some((rows, layout)) = &self.within {
            picture = picture.within_any(&Picture::from_rows(rows, *layout)?)?;
        }
        Ok(picture)
    }
}

impl<'a> LentMut<'a> {
    pub(crate) fn picture(&'a mut self) -> Result<PictureMut<'a>, Failure> {
        let mut picture = PictureMut::from_rows(&mut self.rows, self.layout)?;
        if let Some(meaning) = self.meaning {
            picture = picture.meaning(meaning);
        }
        if let Some((rows, layout)) = &self.within {
            picture = picture.within_any(&Picture::from_rows(rows, *layout)?)?;
        }
        Ok(picture)
    }
}

/// Makes room for more, or says that there is none.
pub(crate) fn reserve<T>(list: &mut Vec<T>, more: usize) -> Result<(), Failure> {
    list.try_reserve_exact(more).map_err(|_| {
        let bytes = more.saturating_mul(size_of::<T>());
        Failure::new(DERUST_ERROR_MEMORY, format!("the system gives no {bytes} bytes to work with an image"))
    })
}

/// Bytes of a profile at the most: those of real ones are far fewer.
const LARGEST_PROFILE: u64 = 64 << 20;

// SAFETY: the caller lends the pixels to the whole call, which may use threads of its own; who reads and who writes
// is checked with `apart` before.
unsafe impl Send for Pixels {}
// SAFETY: as above.
unsafe impl Sync for Pixels {}

/// A format as error texts write it: BGR8, GRAY16, RGBA32F.
struct FormatName(Channels, Depth);

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
    let mut pixels = check(&image, name)?;
    // SAFETY: the caller's promise.
    unsafe { pixels.read_meaning(&image)? };
    if !image.region_mask.is_null() {
        let name = format!("{name}.region_mask");
        // SAFETY: the caller's promise.
        let mask = unsafe { sized::read(image.region_mask, &name) }?;
        let mask_pixels = check(&mask, &name)?;
        if !mask.region_mask.is_null() || !mask.icc_profile.is_null() || mask.white_level != 0.0 {
            let text = format!("{name} has a region_mask, an icc_profile or a white_level; masks have none");
            return Err(Failure::argument(text));
        }
        mask_pixels.must_be_gray()?;
        mask_pixels.must_have_size(pixels.size(), &pixels.name)?;
        pixels.said.region_mask = Some(Box::new(mask_pixels));
    }
    Ok(pixels)
}

/// Transfers by their numbers: what error texts call them, and the code points of ITU-T H.273.
const TRANSFERS: [(&str, u8); 7] =
    [("Srgb", 13), ("Linear", 8), ("Bt709", 1), ("Gamma22", 4), ("Gamma28", 5), ("Pq", 16), ("Hlg", 18)];

/// The primaries' code points.
const PRIMARIES: [u8; 3] = [1, 12, 9];

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
    let camera = camera::known(image.format);
    let developed = camera.map(|(_, _, depth)| (Channels::Rgb, depth));
    let (channels, depth) = format(image.format).or(developed).ok_or_else(|| {
        argument(format!("format is {}, which is no DERUST_FORMAT_ constant", image.format))
    })?;
    let named = usize::try_from(image.transfer).ok().filter(|transfer| *transfer < TRANSFERS.len());
    if named.is_none() {
        let text = format!("transfer is {}, which is no DERUST_TRANSFER_ constant", image.transfer);
        return Err(argument(text));
    }
    if !(DERUST_PRIMARIES_BT709..=DERUST_PRIMARIES_BT2020).contains(&image.primaries) {
        let text = format!("primaries is {}, which is no DERUST_PRIMARIES_ constant", image.primaries);
        return Err(argument(text));
    }
    let transfer = if image.transfer == DERUST_TRANSFER_LINEAR { Transfer::Linear } else { Transfer::Srgb };
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
    let size = isize::try_from(image.data_size).ok();
    if size.and_then(|size| image.data.addr().checked_add(size as usize)).is_none() {
        return Err(wrong(format!(".data_size is {} bytes; no buffer is that large", image.data_size)));
    }
    let region = region(image).map_err(|text| wrong(format!(".{text}")))?;
    let said = Said {
        encoding: (image.transfer, image.primaries),
        white_level: image.white_level,
        ..Said::default()
    };
    if let Some(known) = camera {
        let (camera, length) = Camera::check(image, name, known, region)?;
        let layout =
            Layout { transfer, region: Some(region), ..Layout::packed(width, height, channels, depth) };
        // Within the buffer, as was just checked.
        let start = image.data.cast::<u8>().wrapping_add(image.offset as usize);
        return Ok(Pixels { name: name.into(), said, start, length, layout, camera: Some(camera) });
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
        said,
        camera: None,
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
    /// Reads what the values mean.
    ///
    /// # Safety
    /// The profile, where there is one, has as many bytes as it says.
    unsafe fn read_meaning(&mut self, image: &Image) -> Result<(), Failure> {
        let white = image.white_level;
        if !(white.is_finite() && white >= 0.0) {
            let text =
                format!("{}.white_level is {white}; it is above 0, or 0 for the format's own", self.name);
            return Err(Failure::argument(text));
        }
        let gray = self.layout.channels == Channels::Gray;
        let (transfer, primaries) = self.said.encoding;
        let profile = match (image.icc_profile.is_null(), image.icc_profile_size) {
            (true, 0) if (0..=1).contains(&transfer) && primaries == 0 => None,
            (true, 0) => {
                let points = (PRIMARIES[primaries as usize], TRANSFERS[transfer as usize].1);
                Profile::from_code_points(points.0, points.1)
                    .map_err(|error| Failure::argument(format!("{}: {error}", self.name)))?
            }
            (true, size) => {
                let text = format!("{}.icc_profile is NULL, but icc_profile_size is {size}", self.name);
                return Err(Failure::argument(text));
            }
            (false, _) if (transfer, primaries) != (0, 0) => {
                let text = format!(
                    "{0}.icc_profile is set, and so is {0}.transfer or primaries; leave them at 0, the profile says both",
                    self.name
                );
                return Err(Failure::argument(text));
            }
            (false, size @ 1..=LARGEST_PROFILE) => {
                let mut bytes = Vec::new();
                reserve(&mut bytes, size as usize)?;
                // SAFETY: this function's promise.
                bytes.extend_from_slice(unsafe {
                    slice::from_raw_parts(image.icc_profile.cast::<u8>(), size as usize)
                });
                let profile = Profile::from_icc(&bytes, gray).map_err(|error| {
                    Failure::new(DERUST_ERROR_IMAGE, format!("{}.icc_profile: {error}", self.name))
                })?;
                self.said.icc = Some(bytes);
                profile
            }
            (false, size) => {
                let text = format!(
                    "{}.icc_profile_size is {size}; 1 to {LARGEST_PROFILE} bytes are possible",
                    self.name
                );
                return Err(Failure::argument(text));
            }
        };
        if profile.is_some() || white > 0.0 {
            self.said.meaning = Some(Meaning { white_level: (white > 0.0).then_some(white), profile });
        }
        Ok(())
    }

    /// Width and height of the region.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.layout.region.map_or((self.layout.width, self.layout.height), |r| (r.width, r.height))
    }

    /// The bytes of the region's rows, counted from `start`, each from the first pixel to the end of the last one; from the
    /// top of the picture to its bottom. Of a camera's frame all rows, those of colours last.
    fn rows(&self) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator + '_ {
        let count = self.camera.map_or(self.size().1 as usize, |camera| camera.row_count());
        (0..count).map(|i| self.row(i))
    }

    fn row(&self, i: usize) -> Range<usize> {
        if let Some(camera) = &self.camera {
            return camera.row(i);
        }
        let layout = &self.layout;
        let (x, y) = layout.region.map_or((0, 0), |region| (region.x, region.y));
        let first = layout.offset + x as usize * layout.pixel_stride;
        let length = (self.size().0 as usize - 1) * layout.pixel_stride
            + layout.channels.count() * layout.depth.bytes();
        // Within the buffer, as `check` has seen.
        let start = (first as isize + (y as usize + i) as isize * layout.row_stride) as usize;
        start..start + length
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

    /// The pixels, to read; of a camera's frame those of the region, developed.
    pub(crate) fn lend(&self) -> Result<Lent<'_>, Failure> {
        let (meaning, within) = (self.said.meaning.as_ref(), self.within()?);
        let Some(camera) = &self.camera else {
            return Ok(Lent { source: Source::Rows(self.read()?), layout: self.layout, meaning, within });
        };
        let Region { width, height, .. } = camera.layout.region;
        let Layout { transfer, channels, depth, .. } = self.layout;
        let layout = Layout { transfer, ..Layout::packed(width, height, channels, depth) };
        let mut bytes = Vec::new();
        let length = (width as usize).saturating_mul(height as usize).saturating_mul(layout.pixel_stride);
        reserve(&mut bytes, length)?;
        bytes.resize(length, 0);
        self.develop(camera, &mut PictureMut::new(&mut bytes, layout)?)?;
        Ok(Lent { source: Source::Developed(bytes), layout, meaning, within })
    }

    /// Copies the pixels into a target of their size and kind; a camera's frame is developed in it.
    pub(crate) fn copy_to(&self, target: &mut PictureMut<'_>) -> Result<(), Failure> {
        match &self.camera {
            Some(camera) => self.develop(camera, target),
            None => Ok(target.copy_from(&self.lend()?.picture()?)?),
        }
    }

    fn develop(&self, camera: &Camera, target: &mut PictureMut<'_>) -> Result<(), Failure> {
        CameraFrame::new(&self.read()?, camera.layout)?.develop(target).map_err(|error| match error {
            DevelopError::Pixels(error) => error.into(),
            DevelopError::Stopped(stopped) => derust_engine::Error::from(stopped).into(),
        })
    }

    /// The bytes of the rows.
    fn read(&self) -> Result<Vec<&[u8]>, Failure> {
        // SAFETY: the caller lends `data_size` bytes for the call, in which these lie; nothing writes to them while
        // they are read, which `apart` has checked for the call's own outputs and the caller promises for the rest.
        self.collect(|row| unsafe { slice::from_raw_parts(self.start.add(row.start), row.len()) })
    }

    /// What of the pixels counts.
    fn within(&self) -> Result<Option<Counting<'_>>, Failure> {
        let Some(mask) = &self.said.region_mask else { return Ok(None) };
        Ok(Some((mask.read()?, mask.layout)))
    }

    /// The pixels, to write values that mean themselves.
    ///
    /// # Safety
    /// Nothing else of this call uses the bytes of the region's rows as long as the answer lives.
    pub(crate) unsafe fn lend_mut(&self) -> Result<LentMut<'_>, Failure> {
        // SAFETY: the caller lends `data_size` bytes for the call, in which these lie, and this function's promise. Rows of
        // one picture share nothing with one another.
        let row =
            |row: Range<usize>| unsafe { slice::from_raw_parts_mut(self.start.add(row.start), row.len()) };
        Ok(LentMut { rows: self.collect(row)?, layout: self.layout, meaning: None, within: None })
    }

    /// The pixels, to write values that mean what those of `image` do, where those of `image` count.
    ///
    /// # Safety
    /// See [`Pixels::lend_mut`].
    pub(crate) unsafe fn lend_mut_as<'a>(&'a self, image: &'a Pixels) -> Result<LentMut<'a>, Failure> {
        // SAFETY: this function's promise.
        let lent = unsafe { self.lend_mut() }?;
        Ok(LentMut { meaning: image.said.meaning.as_ref(), within: image.within()?, ..lent })
    }

    /// What says which pixels count.
    pub(crate) fn region_mask(&self) -> Option<&Pixels> {
        self.said.region_mask.as_deref()
    }

    fn collect<T>(&self, row: impl Fn(Range<usize>) -> T) -> Result<Vec<T>, Failure> {
        let mut rows = Vec::new();
        reserve(&mut rows, self.rows().len())?;
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
        self.start == other.start
            && self.length == other.length
            && self.layout == other.layout
            && self.camera == other.camera
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

    /// Refuses an image that is not gray, or whose values mean something else than themselves.
    pub(crate) fn must_be_gray(&self) -> Result<(), Failure> {
        if self.camera.is_none() && self.layout.channels == Channels::Gray {
            let said = &self.said;
            let what = if said.icc.is_some() {
                "icc_profile"
            } else if said.white_level != 0.0 {
                "white_level"
            } else if said.region_mask.is_some() {
                "region_mask"
            } else {
                return Ok(());
            };
            let text = format!("{}.{what} is set; masks and probabilities have none", self.name);
            return Err(Failure::new(DERUST_ERROR_FORMAT, text));
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
        if let Some(camera) = &self.camera {
            let text = format!(
                "{}.format is {}, which is only read; results are in colours, such as BGR8",
                self.name, camera.name
            );
            return Err(Failure::new(DERUST_ERROR_FORMAT, text));
        }
        match &image.camera {
            // A developed frame goes into any order of colours.
            Some(camera) if own.channels == Channels::Gray || own.depth != others.depth => {
                let bits = 8 * others.depth.bytes();
                let text = format!(
                    "{}.format is {}; for {}, which is {}, it has to be colours of {bits} bits",
                    self.name,
                    self.format(),
                    image.name,
                    camera.name
                );
                return Err(Failure::new(DERUST_ERROR_FORMAT, text));
            }
            Some(_) => {}
            None => {
                alike("format", self.format(), image.format())?;
                alike("alpha", format!("{:?}", own.alpha), format!("{:?}", others.alpha))?;
            }
        }
        let name = |said: &Said| TRANSFERS[said.encoding.0 as usize].0.to_owned();
        alike("transfer", name(&self.said), name(&image.said))?;
        // What is not said again is as the image has it.
        let (own, others) = (&self.said, &image.said);
        if own.encoding.1 != 0 {
            alike("primaries", own.encoding.1.to_string(), others.encoding.1.to_string())?;
        }
        if own.white_level != 0.0 {
            alike("white_level", own.white_level.to_string(), others.white_level.to_string())?;
        }
        let size = |icc: &Option<Vec<u8>>| format!("one of {} bytes", icc.as_ref().map_or(0, Vec::len));
        if own.icc.is_some() && own.icc != others.icc {
            let other =
                if size(&own.icc) == size(&others.icc) { "another one".into() } else { size(&others.icc) };
            alike("icc_profile", size(&own.icc), other)?;
        }
        match (&own.region_mask, &others.region_mask) {
            (None, _) => Ok(()),
            (Some(own), Some(other)) if own.is(other) => Ok(()),
            _ => alike("region_mask", "another one".into(), "not".into()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its format as error texts write it.
    fn format(&self) -> String {
        let name = FormatName(self.layout.channels, self.layout.depth);
        self.camera.map_or_else(|| name.to_string(), |camera| camera.name.into())
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
        // Miri takes its time.
        let (count, least) = if cfg!(miri) { (12, 0) } else { (150, 100) };
        let mut drawn = Vec::new();
        while drawn.len() < count {
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
        assert!(among_one_another > least, "{among_one_another}");
    }
}
