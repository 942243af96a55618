//! Pixels in the caller's memory.

use std::ffi::c_void;

/// One channel, 8 bits: 0 is black, 255 white.
pub const DERUST_FORMAT_GRAY_U8: i32 = 1;
/// One channel, 16 bits in the machine's byte order: 0 is black, 65535 white.
pub const DERUST_FORMAT_GRAY_U16: i32 = 2;
/// One channel, 32-bit float: 0 is black, 1 white; what lies beyond is kept.
pub const DERUST_FORMAT_GRAY_F32: i32 = 3;
/// Red, green, blue; 8 bits each.
pub const DERUST_FORMAT_RGB_U8: i32 = 4;
/// Red, green, blue; 16 bits each.
pub const DERUST_FORMAT_RGB_U16: i32 = 5;
/// Red, green, blue; 32-bit floats.
pub const DERUST_FORMAT_RGB_F32: i32 = 6;
/// Blue, green, red, as OpenCV has them; 8 bits each.
pub const DERUST_FORMAT_BGR_U8: i32 = 7;
/// Blue, green, red; 16 bits each.
pub const DERUST_FORMAT_BGR_U16: i32 = 8;
/// Blue, green, red; 32-bit floats.
pub const DERUST_FORMAT_BGR_F32: i32 = 9;
/// Red, green, blue, alpha; 8 bits each.
pub const DERUST_FORMAT_RGBA_U8: i32 = 10;
/// Red, green, blue, alpha; 16 bits each.
pub const DERUST_FORMAT_RGBA_U16: i32 = 11;
/// Red, green, blue, alpha; 32-bit floats.
pub const DERUST_FORMAT_RGBA_F32: i32 = 12;
/// Blue, green, red, alpha; 8 bits each.
pub const DERUST_FORMAT_BGRA_U8: i32 = 13;
/// Blue, green, red, alpha; 16 bits each.
pub const DERUST_FORMAT_BGRA_U16: i32 = 14;
/// Blue, green, red, alpha; 32-bit floats.
pub const DERUST_FORMAT_BGRA_F32: i32 = 15;
/// A plane of Y, and behind it one with Cb and Cr in turn for each 2 x 2 pixels; 8 bits. This and those that follow are
/// how cameras and decoders give their frames: inputs alone, from which results are made in colours.
pub const DERUST_FORMAT_NV12: i32 = 16;
/// The same with Cr first.
pub const DERUST_FORMAT_NV21: i32 = 17;
/// A plane of Y, and behind it one of Cb and one of Cr for each 2 x 2 pixels; 8 bits.
pub const DERUST_FORMAT_I420: i32 = 18;
/// Y, Cb, Y, Cr for two pixels of a row (YUY2); 8 bits.
pub const DERUST_FORMAT_YUYV: i32 = 19;
/// Cb, Y, Cr, Y for two pixels of a row; 8 bits.
pub const DERUST_FORMAT_UYVY: i32 = 20;
/// What a sensor saw behind filters that repeat every 2 x 2 pixels, here red, green / green, blue (GenICam's BayerRG, OpenCV's
/// BayerBG); 8 bits. Colours between are the mean of the nearest ones. White has to be balanced already.
pub const DERUST_FORMAT_BAYER_RGGB_U8: i32 = 21;
/// The same in 16 bits in the machine's byte order.
pub const DERUST_FORMAT_BAYER_RGGB_U16: i32 = 22;
/// Blue, green / green, red; 8 bits.
pub const DERUST_FORMAT_BAYER_BGGR_U8: i32 = 23;
/// The same in 16 bits.
pub const DERUST_FORMAT_BAYER_BGGR_U16: i32 = 24;
/// Green, red / blue, green; 8 bits.
pub const DERUST_FORMAT_BAYER_GRBG_U8: i32 = 25;
/// The same in 16 bits.
pub const DERUST_FORMAT_BAYER_GRBG_U16: i32 = 26;
/// Green, blue / red, green; 8 bits.
pub const DERUST_FORMAT_BAYER_GBRG_U8: i32 = 27;
/// The same in 16 bits.
pub const DERUST_FORMAT_BAYER_GBRG_U16: i32 = 28;

/// Y, Cb and Cr are those of BT.601, as webcams and JPEG have them.
pub const DERUST_MATRIX_BT601: i32 = 0;
/// They are those of BT.709, HD video's.
pub const DERUST_MATRIX_BT709: i32 = 1;
/// They are those of BT.2020 (not of constant luminance).
pub const DERUST_MATRIX_BT2020: i32 = 2;
/// Y goes from 16 to 235, Cb and Cr from 16 to 240, as video has them.
pub const DERUST_RANGE_LIMITED: i32 = 0;
/// Y, Cb and Cr go from 0 to 255, as JPEG has them.
pub const DERUST_RANGE_FULL: i32 = 1;

/// Values are encoded with the sRGB curve (IEC 61966-2-1), as in nearly all picture files and cameras' frames.
pub const DERUST_TRANSFER_SRGB: i32 = 0;
/// Values are proportional to light.
pub const DERUST_TRANSFER_LINEAR: i32 = 1;
/// Values are encoded with the curve of BT.709 and BT.601, as cameras' raw video is (ITU-T H.273, 1).
pub const DERUST_TRANSFER_BT709: i32 = 2;
/// Light is the value to the power of 2.2 (H.273, 4).
pub const DERUST_TRANSFER_GAMMA_22: i32 = 3;
/// Light is the value to the power of 2.8 (H.273, 5).
pub const DERUST_TRANSFER_GAMMA_28: i32 = 4;
/// Values are encoded with PQ (SMPTE ST 2084; H.273, 16); white is at 203 cd/m2.
pub const DERUST_TRANSFER_PQ: i32 = 5;
/// Values are encoded with HLG (ARIB STD-B67; H.273, 18); white is at 75 % of the signal.
pub const DERUST_TRANSFER_HLG: i32 = 6;
/// Red, green and blue are those of sRGB and BT.709.
pub const DERUST_PRIMARIES_BT709: i32 = 0;
/// They are those of Display P3 (SMPTE EG 432-1; H.273, 12).
pub const DERUST_PRIMARIES_P3: i32 = 1;
/// They are those of BT.2020 and BT.2100 (H.273, 9).
pub const DERUST_PRIMARIES_BT2020: i32 = 2;
/// Colours are independent of alpha.
pub const DERUST_ALPHA_STRAIGHT: i32 = 0;
/// Colours are multiplied by alpha, in the encoding in which they are stored.
pub const DERUST_ALPHA_PREMULTIPLIED: i32 = 1;

/// Pixels in the caller's memory. The library borrows them for the call and keeps nothing; an image that is read
/// may be read by others meanwhile, the bytes from the first to the last pixel of each row of an output may not be touched.
/// Rows of images of one call may lie between one another, as those of the halves of a stereo frame do, so that one half
/// can be the result of the other.
/// Every field is checked against data_size before a byte is read. Begin with DERUST_IMAGE_INIT.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// sizeof(derust_image).
    pub struct_size: u32,
    /// A DERUST_FORMAT_ constant: channels in the order in which they lie in memory, and the type of their values.
    pub format: i32,
    /// Start of the buffer. Pixels may lie at any address; an input is only read.
    pub data: *mut c_void,
    /// Bytes in the buffer.
    pub data_size: u64,
    /// Bytes from data to the first pixel of the first row.
    pub offset: u64,
    /// Pixels per row, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
    /// Bytes from a row to the next; negative where the picture stands upside down in memory.
    pub row_stride: i64,
    /// Bytes from a pixel to the next; 0: pixels follow one another without gaps.
    pub pixel_stride: u32,
    /// A DERUST_TRANSFER_ constant.
    pub transfer: i32,
    /// A DERUST_ALPHA_ constant; without meaning for formats that have no alpha.
    pub alpha: i32,
    /// Region of interest: columns left of it. What lies outside of the region is neither looked at nor changed.
    pub region_x: u32,
    /// Rows above the region.
    pub region_y: u32,
    /// Columns in the region; width and height 0: the whole image.
    pub region_width: u32,
    /// Rows in the region.
    pub region_height: u32,
    /// 0.
    pub reserved: u32,
    /// Which pixels count: gray, of the size of the region of interest, 0: not, anything else: they do. What does not count
    /// is in no number of a report, is never rust and does not change. NULL: all.
    pub region_mask: *const Image,
    /// An ICC profile that says what the values mean, in place of transfer and primaries, which are 0 then; NULL: none.
    pub icc_profile: *const c_void,
    /// Its bytes.
    pub icc_profile_size: u64,
    /// The value that is white, such as 4095 for cameras that put 12 bits into 16; 0: the greatest of the format, 1 for
    /// floats.
    pub white_level: f32,
    /// A DERUST_PRIMARIES_ constant.
    pub primaries: i32,
    /// Of formats with planes: bytes from data to the plane of Cb and Cr, behind that of Y; 0: it begins where a further row of Y
    /// would. This and what follows has no meaning for other formats.
    pub chroma_offset: u64,
    /// Bytes from a row of that plane to the next; 0: those of Y, or half of them where Cb and Cr have planes of their own,
    /// of which that of Cr follows as if it were more rows of Cb's.
    pub chroma_stride: u64,
    /// A DERUST_MATRIX_ constant.
    pub matrix: i32,
    /// A DERUST_RANGE_ constant.
    pub range: i32,
}

impl Default for Image {
    /// `DERUST_IMAGE_INIT`
    fn default() -> Self {
        Image {
            struct_size: crate::size::<Self>(),
            format: 0,
            data: std::ptr::null_mut(),
            data_size: 0,
            offset: 0,
            width: 0,
            height: 0,
            row_stride: 0,
            pixel_stride: 0,
            transfer: DERUST_TRANSFER_SRGB,
            alpha: DERUST_ALPHA_STRAIGHT,
            region_x: 0,
            region_y: 0,
            region_width: 0,
            region_height: 0,
            reserved: 0,
            region_mask: std::ptr::null(),
            icc_profile: std::ptr::null(),
            icc_profile_size: 0,
            white_level: 0.0,
            primaries: DERUST_PRIMARIES_BT709,
            chroma_offset: 0,
            chroma_stride: 0,
            matrix: DERUST_MATRIX_BT601,
            range: DERUST_RANGE_LIMITED,
        }
    }
}
