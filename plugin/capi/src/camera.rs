//! Descriptions of cameras' frames, checked.

use std::ops::Range;

use derust_engine::pixels::{CameraFormat, CameraLayout, Depth, Matrix, Region};
use derust_interface::*;

use crate::failure::Failure;

/// A camera's frame. Its description has been checked: every row lies in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Camera {
    /// What error texts call its format.
    pub(crate) name: &'static str,
    pub(crate) layout: CameraLayout,
    row_stride: usize,
    /// Bytes from the first row of light to that of colours, and from a row of these to the next.
    chroma: (usize, usize),
}

/// What a DERUST_FORMAT_ constant of a camera stands for.
pub(crate) fn known(number: i32) -> Option<(&'static str, CameraFormat, Depth)> {
    Some(match number {
        DERUST_FORMAT_NV12 => ("NV12", CameraFormat::Nv12, Depth::U8),
        DERUST_FORMAT_NV21 => ("NV21", CameraFormat::Nv21, Depth::U8),
        DERUST_FORMAT_I420 => ("I420", CameraFormat::I420, Depth::U8),
        DERUST_FORMAT_YUYV => ("YUYV", CameraFormat::Yuyv, Depth::U8),
        DERUST_FORMAT_UYVY => ("UYVY", CameraFormat::Uyvy, Depth::U8),
        DERUST_FORMAT_BAYER_RGGB_U8 => ("RGGB8", CameraFormat::BayerRggb, Depth::U8),
        DERUST_FORMAT_BAYER_RGGB_U16 => ("RGGB16", CameraFormat::BayerRggb, Depth::U16),
        DERUST_FORMAT_BAYER_BGGR_U8 => ("BGGR8", CameraFormat::BayerBggr, Depth::U8),
        DERUST_FORMAT_BAYER_BGGR_U16 => ("BGGR16", CameraFormat::BayerBggr, Depth::U16),
        DERUST_FORMAT_BAYER_GRBG_U8 => ("GRBG8", CameraFormat::BayerGrbg, Depth::U8),
        DERUST_FORMAT_BAYER_GRBG_U16 => ("GRBG16", CameraFormat::BayerGrbg, Depth::U16),
        DERUST_FORMAT_BAYER_GBRG_U8 => ("GBRG8", CameraFormat::BayerGbrg, Depth::U8),
        DERUST_FORMAT_BAYER_GBRG_U16 => ("GBRG16", CameraFormat::BayerGbrg, Depth::U16),
        _ => return None,
    })
}

impl Camera {
    /// Checks the description of a frame in one of the [`known`] formats, of which `region` becomes a picture. Answers with the bytes from its first row to
    /// the end of its last one, too.
    pub(crate) fn check(
        image: &Image,
        what: &str,
        (name, format, depth): (&'static str, CameraFormat, Depth),
        region: Region,
    ) -> Result<(Camera, usize), Failure> {
        let wrong = |text: String| Failure::new(DERUST_ERROR_IMAGE, format!("{what}{text}"));
        let argument = |text: String| Failure::argument(format!("{what}.{text}"));
        let matrix = match image.matrix {
            DERUST_MATRIX_BT601 => Matrix::Bt601,
            DERUST_MATRIX_BT709 => Matrix::Bt709,
            DERUST_MATRIX_BT2020 => Matrix::Bt2020,
            other => return Err(argument(format!("matrix is {other}, which is no DERUST_MATRIX_ constant"))),
        };
        let full_range = match image.range {
            DERUST_RANGE_LIMITED => false,
            DERUST_RANGE_FULL => true,
            other => return Err(argument(format!("range is {other}, which is no DERUST_RANGE_ constant"))),
        };
        let (width, height) = (image.width, image.height);
        if format.is_mosaic() && (width < 2 || height < 2) {
            return Err(wrong(format!(" is {width} x {height} pixels; {name} needs at least 2 x 2")));
        }
        let natural = match format {
            CameraFormat::Yuyv | CameraFormat::Uyvy => 2,
            _ => depth.bytes() as u32,
        };
        if image.pixel_stride != 0 && image.pixel_stride != natural {
            let stride = image.pixel_stride;
            return Err(wrong(format!(".pixel_stride is {stride} bytes; that of {name} is {natural}, or 0")));
        }
        // In 128 bits no sum or product of the fields can overflow.
        let row_bytes = format.row_bytes(width, depth) as i128;
        let row_stride = i128::from(image.row_stride);
        if row_stride < row_bytes {
            return Err(wrong(format!(
                ".row_stride is {row_stride} bytes; {width} px of {name} need at least {row_bytes}, downwards"
            )));
        }
        let light_end = (i128::from(height) - 1) * row_stride + row_bytes;
        let (colour_rows, colour_bytes) = format.colour_rows(width, height);
        let mut end = light_end;
        let mut chroma = (0, 0);
        if colour_rows > 0 {
            let at = match image.chroma_offset {
                0 => i128::from(height) * row_stride,
                offset => i128::from(offset) - i128::from(image.offset),
            };
            if at < light_end {
                return Err(wrong(format!(
                    ".chroma_offset is {}; the plane of Y ends at byte {}",
                    image.chroma_offset,
                    i128::from(image.offset) + light_end
                )));
            }
            let stride = match (image.chroma_stride, format) {
                (0, CameraFormat::I420) => (row_stride + 1) / 2,
                (0, _) => row_stride,
                (stride, _) => i128::from(stride),
            };
            if stride < colour_bytes as i128 {
                return Err(wrong(format!(
                    ".chroma_stride is {stride} bytes; {width} px of {name} need at least {colour_bytes}"
                )));
            }
            end = at + (colour_rows as i128 - 1) * stride + colour_bytes as i128;
            chroma = (at, stride);
        }
        let buffer_end = i128::from(image.offset) + end;
        if buffer_end > i128::from(image.data_size) {
            return Err(wrong(format!(
                ".data_size is {} bytes; {width} x {height} px of {name} with these offsets and strides reach from byte \
                 {} to byte {buffer_end}",
                image.data_size, image.offset
            )));
        }
        let layout = CameraLayout { width, height, format, depth, matrix, full_range, region };
        // All of it lies in a buffer of the caller, whose size fits.
        let chroma = (chroma.0 as usize, chroma.1 as usize);
        Ok((Camera { name, layout, row_stride: row_stride as usize, chroma }, end as usize))
    }

    /// Rows of light and of colours.
    pub(crate) fn row_count(&self) -> usize {
        let CameraLayout { width, height, format, .. } = self.layout;
        height as usize + format.colour_rows(width, height).0
    }

    /// The bytes of one of them, counted from the first row.
    pub(crate) fn row(&self, i: usize) -> Range<usize> {
        let CameraLayout { width, height, format, depth, .. } = self.layout;
        let (start, length) = match i.checked_sub(height as usize) {
            None => (i * self.row_stride, format.row_bytes(width, depth)),
            Some(i) => (self.chroma.0 + i * self.chroma.1, format.colour_rows(width, height).1),
        };
        start..start + length
    }
}
