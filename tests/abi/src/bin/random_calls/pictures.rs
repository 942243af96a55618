//! Descriptions of pictures: most are right, the others wrong in one or two places.

use derust_interface::*;

use crate::dice::Dice;
use crate::memory::{Block, Lent};

/// What a picture should be like to go with others.
#[derive(Clone, Copy, Default)]
pub struct Wish {
    pub size: Option<(u32, u32)>,
    pub format: Option<i32>,
    pub transfer: Option<i32>,
    pub alpha: Option<i32>,
}

impl Wish {
    /// A picture that `image` can be copied to.
    pub fn like(image: &Image) -> Self {
        let Image { format, transfer, alpha, .. } = *image;
        Wish { size: Some(size(image)), format: Some(format), transfer: Some(transfer), alpha: Some(alpha) }
    }

    /// A gray picture of that size.
    pub fn gray(dice: &mut Dice, size: (u32, u32)) -> Self {
        let format = dice.pick(&[DERUST_FORMAT_GRAY_U8, DERUST_FORMAT_GRAY_U16, DERUST_FORMAT_GRAY_F32]);
        Wish { size: Some(size), format: Some(format), ..Wish::default() }
    }
}

/// A picture as a call gets it.
pub struct Picture {
    pub image: Image,
    /// Which of the call's buffers `image.data` is the start of; none if it is NULL.
    pub buffer: Option<usize>,
    /// The description.
    pub pointer: *const Image,
}

/// Width and height of the region of interest.
pub fn size(image: &Image) -> (u32, u32) {
    match (image.region_width, image.region_height) {
        (0, 0) => (image.width, image.height),
        region => region,
    }
}

fn is_format(format: i32) -> bool {
    (1..=15).contains(&format)
}

fn pixel_bytes(format: i32) -> u32 {
    let channels = [1, 3, 3, 4, 4][(format - 1) as usize / 3];
    channels * [1, 2, 4][(format - 1) as usize % 3]
}

/// A new picture, in a new buffer or sometimes in one that another picture uses.
pub fn draw(dice: &mut Dice, lent: &mut Lent, wish: Wish) -> Picture {
    /// Where a picture has another size than was wished for because that would be too much.
    const MOST: u32 = 300;
    let fits = |size: &(u32, u32)| (1..=MOST).contains(&size.0) && (1..=MOST).contains(&size.1);
    let wish = Wish {
        size: wish.size.filter(fits),
        format: wish.format.filter(|format| is_format(*format)),
        ..wish
    };
    let camera = wish.format.is_none() && dice.once_in(10);
    let mut image = if camera { describe_frame(dice, wish) } else { describe(dice, wish) };
    if dice.once_in(12) {
        spoil(dice, &mut image);
        if dice.once_in(3) {
            spoil(dice, &mut image);
        }
    }
    let shared = !lent.buffers.is_empty() && dice.once_in(30);
    let buffer = if dice.once_in(200) {
        None
    } else if shared {
        let shared = dice.below(lent.buffers.len() as u32) as usize;
        image.data_size = image.data_size.min(lent.buffers[shared].size() as u64);
        Some(shared)
    } else {
        lent.buffers.push(content(dice, &image));
        Some(lent.buffers.len() - 1)
    };
    image.data = buffer.map_or(std::ptr::null_mut(), |buffer| lent.buffers[buffer].pointer());
    Picture { image, buffer, pointer: lent.sized(dice, &image) }
}

/// Another description of a picture that is there: for calls in place.
pub fn again(dice: &mut Dice, lent: &mut Lent, picture: &Picture) -> Picture {
    let mut image = picture.image;
    if dice.once_in(10) {
        let size = image.data_size;
        spoil(dice, &mut image);
        image.data_size = image.data_size.min(size);
    }
    Picture { image, buffer: picture.buffer, pointer: lent.sized(dice, &image) }
}

fn describe(dice: &mut Dice, wish: Wish) -> Image {
    let format = wish.format.unwrap_or_else(|| dice.between(1, 15) as i32);
    let most = if dice.once_in(20) { 150 } else { 40 };
    let (width, height) = wish.size.unwrap_or_else(|| (dice.between(1, most), dice.between(1, most)));
    let mut image = Image {
        format,
        width,
        height,
        transfer: wish.transfer.unwrap_or_else(|| dice.below(2) as i32),
        alpha: wish.alpha.unwrap_or_else(|| dice.below(2) as i32),
        ..Image::default()
    };
    if dice.once_in(4) {
        (image.region_x, image.region_y) = (dice.below(6), dice.below(6));
        (image.region_width, image.region_height) = (width, height);
        image.width += image.region_x + dice.below(6);
        image.height += image.region_y + dice.below(6);
    }
    let bytes = pixel_bytes(format);
    let stride = if dice.once_in(3) { bytes + dice.below(4) } else { bytes };
    image.pixel_stride = if stride == bytes && !dice.once_in(4) { 0 } else { stride };
    let row = i64::from(image.width - 1) * i64::from(stride) + i64::from(bytes);
    image.row_stride = row + if dice.once_in(3) { i64::from(dice.below(9)) } else { 0 };
    let rows = i64::from(image.height - 1) * image.row_stride;
    let room = if dice.once_in(3) { u64::from(dice.below(10)) } else { 0 };
    image.offset = room;
    image.data_size = room + (rows + row) as u64;
    if dice.once_in(4) {
        image.offset += rows as u64;
        image.row_stride = -image.row_stride;
    }
    if dice.once_in(4) {
        image.data_size += u64::from(dice.below(9));
    }
    image
}

/// A camera's frame.
fn describe_frame(dice: &mut Dice, wish: Wish) -> Image {
    let format = dice.between(DERUST_FORMAT_NV12 as u32, DERUST_FORMAT_BAYER_GBRG_U16 as u32) as i32;
    let (width, height) = wish.size.unwrap_or_else(|| (dice.between(1, 60), dice.between(1, 60)));
    let mut image = Image { format, width, height, matrix: dice.below(3) as i32, ..Image::default() };
    image.range = dice.below(2) as i32;
    if dice.once_in(3) {
        (image.region_x, image.region_y) = (dice.below(6), dice.below(6));
        (image.region_width, image.region_height) = (width, height);
        image.width += image.region_x + dice.below(6);
        image.height += image.region_y + dice.below(6);
    }
    let gap = |dice: &mut Dice| if dice.once_in(2) { u64::from(dice.below(9)) } else { 0 };
    let (wide, high) = (u64::from(image.width), u64::from(image.height));
    let row = match format {
        DERUST_FORMAT_YUYV | DERUST_FORMAT_UYVY => wide.div_ceil(2) * 4,
        _ if format >= DERUST_FORMAT_BAYER_RGGB_U8 && format % 2 == 0 => wide * 2,
        _ => wide,
    };
    image.offset = gap(dice);
    image.row_stride = (row + gap(dice)) as i64;
    let mut end = image.offset + high * image.row_stride as u64;
    if format <= DERUST_FORMAT_I420 {
        let (planes, across) =
            if format == DERUST_FORMAT_I420 { (2, wide.div_ceil(2)) } else { (1, 2 * wide.div_ceil(2)) };
        image.chroma_stride = across + gap(dice);
        if dice.once_in(2) {
            image.chroma_offset = end + gap(dice);
            end = image.chroma_offset;
        }
        end += planes * high.div_ceil(2) * image.chroma_stride;
    }
    image.data_size = end + gap(dice);
    image
}

/// Makes one field wrong, or lets the buffer be too short.
fn spoil(dice: &mut Dice, image: &mut Image) {
    let near = i64::from(dice.below(5)) - 2;
    let edge = dice.edge();
    let is_near = dice.once_in(2);
    let spoilt = |value: i64| if is_near { value.wrapping_add(near) } else { edge };
    match dice.below(18) {
        0 => image.format = spoilt(image.format.into()) as i32,
        1 => image.data_size = u64::from(dice.below(image.data_size.min(u64::from(u32::MAX)) as u32 + 1)),
        2 => image.offset = spoilt(image.offset as i64) as u64,
        3 => image.width = spoilt(image.width.into()) as u32,
        4 => image.height = spoilt(image.height.into()) as u32,
        5 => image.row_stride = spoilt(image.row_stride),
        6 => image.pixel_stride = spoilt(image.pixel_stride.into()) as u32,
        7 => image.transfer = spoilt(image.transfer.into()) as i32,
        8 => image.alpha = spoilt(image.alpha.into()) as i32,
        9 => image.region_x = spoilt(image.region_x.into()) as u32,
        10 => image.region_y = spoilt(image.region_y.into()) as u32,
        11 => image.region_width = spoilt(image.region_width.into()) as u32,
        12 => image.region_height = spoilt(image.region_height.into()) as u32,
        13 => image.chroma_offset = spoilt(image.chroma_offset as i64) as u64,
        14 => image.chroma_stride = spoilt(image.chroma_stride as i64) as u64,
        15 => image.matrix = spoilt(image.matrix.into()) as i32,
        16 => image.range = spoilt(image.range.into()) as i32,
        _ => image.reserved = spoilt(image.reserved.into()) as u32,
    }
}

/// Pixels: any bytes, or values that a picture has.
fn content(dice: &mut Dice, image: &Image) -> Block {
    let mut bytes = vec![0; image.data_size as usize];
    dice.fill(&mut bytes);
    if is_format(image.format) && image.format % 3 == 0 && !dice.once_in(3) {
        let start = (image.offset % 4).min(image.data_size) as usize;
        for value in bytes[start..].chunks_exact_mut(4) {
            value.copy_from_slice(&dice.float().to_ne_bytes());
        }
    }
    Block::new(&bytes)
}

/// Where the pixels of the region are, as ranges of the buffer; none if the description cannot be right.
pub fn places(image: &Image) -> Option<Vec<std::ops::Range<usize>>> {
    if !is_format(image.format) || image.data.is_null() {
        return None;
    }
    let bytes = i128::from(pixel_bytes(image.format));
    let stride = if image.pixel_stride == 0 { bytes } else { image.pixel_stride.into() };
    let (x, y) = (i128::from(image.region_x), i128::from(image.region_y));
    let (width, height) = size(image);
    let (width, height) = (i128::from(width), i128::from(height));
    // More pixels than bytes cannot be.
    if width * height > i128::from(image.data_size) {
        return None;
    }
    let mut places = Vec::new();
    for row in y..y + height {
        for column in x..x + width {
            let start = i128::from(image.offset) + row * i128::from(image.row_stride) + column * stride;
            if start < 0 || start + bytes > image.data_size.into() {
                return None;
            }
            places.push(start as usize..(start + bytes) as usize);
        }
    }
    Some(places)
}
