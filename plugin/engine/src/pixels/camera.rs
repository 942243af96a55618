//! Frames as cameras and decoders give them, with colours at fewer places than light, developed to red, green and blue.

use super::{Depth, PictureMut, PixelsError, Region};
use crate::control::Stopped;
use crate::room;

/// Where a camera's frame has which values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CameraFormat {
    /// A plane of Y, and one with Cb and Cr in turn for each 2 x 2 pixels; 8 bits.
    Nv12,
    /// The same with Cr first.
    Nv21,
    /// A plane of Y, and one of Cb and one of Cr for each 2 x 2 pixels; 8 bits.
    I420,
    /// Y, Cb, Y, Cr for two pixels of a row; 8 bits.
    Yuyv,
    /// Cb, Y, Cr, Y for two pixels of a row; 8 bits.
    Uyvy,
    /// One value for each pixel, 8 or 16 bits, behind the filters of a sensor that repeat every 2 x 2 pixels: red, green /
    /// green, blue.
    BayerRggb,
    /// Blue, green / green, red.
    BayerBggr,
    /// Green, red / blue, green.
    BayerGrbg,
    /// Green, blue / red, green.
    BayerGbrg,
}

/// What Y, Cb and Cr are made of: the shares of red and blue in light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: webcams, JPEG.
    #[default]
    Bt601,
    /// ITU-R BT.709: HD video.
    Bt709,
    /// ITU-R BT.2020, not of constant luminance.
    Bt2020,
}

/// What a frame's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraLayout {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Where which values are.
    pub format: CameraFormat,
    /// Of the values; 16 bits for mosaics only.
    pub depth: Depth,
    /// What Y, Cb and Cr are made of.
    pub matrix: Matrix,
    /// Whether Y, Cb and Cr use all numbers; Y goes from 16 to 235 otherwise, and the others from 16 to 240.
    pub full_range: bool,
    /// What becomes a picture.
    pub region: Region,
}

impl CameraFormat {
    /// Whether its colours have rows of their own, behind those of light.
    fn has_planes(self) -> bool {
        matches!(self, CameraFormat::Nv12 | CameraFormat::Nv21 | CameraFormat::I420)
    }

    /// Whether it has one value for each pixel, behind a filter.
    pub fn is_mosaic(self) -> bool {
        self.first_red().is_some()
    }

    /// Column and row of the first pixel behind a red filter.
    fn first_red(self) -> Option<(usize, usize)> {
        match self {
            CameraFormat::BayerRggb => Some((0, 0)),
            CameraFormat::BayerGrbg => Some((1, 0)),
            CameraFormat::BayerGbrg => Some((0, 1)),
            CameraFormat::BayerBggr => Some((1, 1)),
            _ => None,
        }
    }

    /// Bytes of a row of light, of mosaic, or of all where they lie together.
    pub fn row_bytes(self, width: u32, depth: Depth) -> usize {
        let width = width as usize;
        match self {
            CameraFormat::Yuyv | CameraFormat::Uyvy => width.div_ceil(2) * 4,
            _ => width * depth.bytes(),
        }
    }

    /// Rows of colours behind those of light, and the bytes of each; zero where they lie together. Of I420 those of Cb come
    /// first.
    pub fn colour_rows(self, width: u32, height: u32) -> (usize, usize) {
        let (columns, rows) = ((width as usize).div_ceil(2), (height as usize).div_ceil(2));
        match self {
            CameraFormat::Nv12 | CameraFormat::Nv21 => (rows, 2 * columns),
            CameraFormat::I420 => (2 * rows, columns),
            _ => (0, 0),
        }
    }
}

impl Matrix {
    /// The shares of red and blue in Y.
    fn shares(self) -> (f32, f32) {
        match self {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// A frame's rows.
#[derive(Clone, Copy, Debug)]
pub struct CameraFrame<'a> {
    rows: &'a [&'a [u8]],
    layout: CameraLayout,
}

impl<'a> CameraFrame<'a> {
    /// Describes a whole frame: its `rows` of light, and those of colours behind them, from top to bottom.
    ///
    /// # Errors
    /// When the layout contradicts itself, a mosaic is smaller than 2 x 2, or rows are missing or have another length.
    pub fn new(rows: &'a [&'a [u8]], layout: CameraLayout) -> Result<Self, PixelsError> {
        let CameraLayout { width, height, format, depth, region, .. } = layout;
        let least = if format.is_mosaic() { 2 } else { 1 };
        if width < least || height < least {
            return Err(PixelsError::Empty { width, height });
        }
        let inside = |start: u32, length: u32, limit: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= limit)
        };
        if !inside(region.x, region.width, width) || !inside(region.y, region.height, height) {
            return Err(PixelsError::Region { region, width, height });
        }
        let (colours, colour_bytes) = format.colour_rows(width, height);
        let needed = height as usize + colours;
        if rows.len() != needed {
            let needed = u32::try_from(needed).unwrap_or(u32::MAX);
            return Err(PixelsError::Rows { got: rows.len(), needed });
        }
        let row_bytes = format.row_bytes(width, depth);
        for (i, row) in rows.iter().enumerate() {
            let needed = if i < height as usize { row_bytes } else { colour_bytes };
            if row.len() != needed {
                return Err(PixelsError::RowLength { length: row.len(), needed: needed as i128 });
            }
        }
        Ok(CameraFrame { rows, layout })
    }

    /// Writes the region's red, green and blue into `target`, encoded as they are in the frame; alpha becomes opaque. Colours
    /// are those of the nearest place that has some, of mosaics the mean of the nearest ones (bilinear).
    ///
    /// # Errors
    /// When the target has another size than the region; for want of memory.
    pub fn develop(&self, target: &mut PictureMut<'_>) -> Result<(), DevelopError> {
        let Region { y, width, height, .. } = self.layout.region;
        if target.size() != (width, height) {
            return Err(
                PixelsError::Size { what: "target", got: target.size(), needed: (width, height) }.into()
            );
        }
        let mut colours = room::row([0.0; 3], width as usize)?;
        for row in 0..height {
            self.read_row((y + row) as usize, &mut colours);
            target.write_numbers(row, &colours);
        }
        Ok(())
    }

    /// The colours of a row of the frame, from the region's first column on; 1 is the greatest number.
    fn read_row(&self, y: usize, out: &mut [[f32; 3]]) {
        match (self.layout.format.first_red(), self.layout.depth) {
            (Some(red), Depth::U16) => self.read_mosaic(y, red, out, |row, x| {
                f32::from(u16::from_ne_bytes([row[2 * x], row[2 * x + 1]])) / 65_535.0
            }),
            (Some(red), _) => self.read_mosaic(y, red, out, |row, x| f32::from(row[x]) / 255.0),
            (None, _) => self.read_luma_and_colours(y, out),
        }
    }

    fn read_luma_and_colours(&self, y: usize, out: &mut [[f32; 3]]) {
        let CameraLayout { height, format, region, .. } = self.layout;
        let to_rgb = ToRgb::new(self.layout.matrix, self.layout.full_range);
        let light = self.rows[y];
        let (first, second) = if format.has_planes() {
            let colours = &self.rows[height as usize..];
            let cr = if format == CameraFormat::I420 { colours.len() / 2 } else { 0 };
            (colours[y / 2], colours[cr + y / 2])
        } else {
            (light, light)
        };
        for (x, out) in (region.x as usize..).zip(out) {
            let pair = x / 2;
            let (luma, cb, cr) = match format {
                CameraFormat::Nv21 => (light[x], first[2 * pair + 1], first[2 * pair]),
                CameraFormat::I420 => (light[x], first[pair], second[pair]),
                CameraFormat::Yuyv => (light[2 * x], light[4 * pair + 1], light[4 * pair + 3]),
                CameraFormat::Uyvy => (light[2 * x + 1], light[4 * pair], light[4 * pair + 2]),
                _ => (light[x], first[2 * pair], first[2 * pair + 1]),
            };
            *out = to_rgb.of(luma, cb, cr);
        }
    }

    fn read_mosaic(
        &self,
        y: usize,
        (red_x, red_y): (usize, usize),
        out: &mut [[f32; 3]],
        at: impl Fn(&[u8], usize) -> f32,
    ) {
        let CameraLayout { width, height, region, .. } = self.layout;
        // Behind a border lies the row or column before it: the filters there are those that would follow.
        let before = |place: usize| place.checked_sub(1).unwrap_or(1);
        let after =
            |place: usize, length: u32| if place + 1 < length as usize { place + 1 } else { place - 1 };
        let (above, row, below) = (self.rows[before(y)], self.rows[y], self.rows[after(y, height)]);
        let in_row_of_red = y % 2 == red_y;
        for (x, out) in (region.x as usize..).zip(out) {
            let (left, right) = (before(x), after(x, width));
            let own = at(row, x);
            let across = (at(row, left) + at(row, right)) / 2.0;
            let upright = (at(above, x) + at(below, x)) / 2.0;
            let in_column_of_red = x % 2 == red_x;
            *out = if in_row_of_red == in_column_of_red {
                let green = (across + upright) / 2.0;
                let corners = (at(above, left) + at(above, right) + at(below, left) + at(below, right)) / 4.0;
                if in_row_of_red { [own, green, corners] } else { [corners, green, own] }
            } else if in_row_of_red {
                [across, own, upright]
            } else {
                [upright, own, across]
            };
        }
    }
}

/// From Y, Cb and Cr of 8 bits to red, green and blue (ITU-R BT.601, BT.709 and BT.2020; ITU-T H.273, 8.3).
struct ToRgb {
    black: f32,
    luma: f32,
    red: f32,
    green: [f32; 2],
    blue: f32,
}

impl ToRgb {
    fn new(matrix: Matrix, full_range: bool) -> Self {
        let (red, blue) = matrix.shares();
        let green = 1.0 - red - blue;
        let (black, luma, colours) = if full_range { (0.0, 255.0, 255.0) } else { (16.0, 219.0, 224.0) };
        ToRgb {
            black,
            luma: 1.0 / luma,
            red: 2.0 * (1.0 - red) / colours,
            green: [-2.0 * blue * (1.0 - blue) / green / colours, -2.0 * red * (1.0 - red) / green / colours],
            blue: 2.0 * (1.0 - blue) / colours,
        }
    }

    fn of(&self, luma: u8, cb: u8, cr: u8) -> [f32; 3] {
        let light = (f32::from(luma) - self.black) * self.luma;
        let (cb, cr) = (f32::from(cb) - 128.0, f32::from(cr) - 128.0);
        [light + self.red * cr, light + self.green[0] * cb + self.green[1] * cr, light + self.blue * cb]
    }
}

/// Why a frame was not developed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DevelopError {
    /// The target does not fit.
    #[error(transparent)]
    Pixels(#[from] PixelsError),
    /// There is no memory.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

#[cfg(test)]
mod tests {
    use super::super::{Channels, Layout};
    use super::*;

    fn layout(width: u32, height: u32, format: CameraFormat, depth: Depth) -> CameraLayout {
        let region = Region { x: 0, y: 0, width, height };
        let (matrix, full_range) = (Matrix::Bt601, false);
        CameraLayout { width, height, format, depth, matrix, full_range, region }
    }

    fn developed(bytes: &[u8], layout: CameraLayout) -> Vec<[u8; 3]> {
        let (colours, colour_bytes) = layout.format.colour_rows(layout.width, layout.height);
        let row_bytes = layout.format.row_bytes(layout.width, layout.depth);
        let (light, behind) = bytes.split_at(row_bytes * layout.height as usize);
        let mut rows: Vec<&[u8]> = light.chunks(row_bytes).collect();
        if colours > 0 {
            rows.extend(behind.chunks(colour_bytes));
        }
        let Region { width, height, .. } = layout.region;
        let mut out = vec![0; (width * height * 3) as usize];
        let packed = Layout::packed(width, height, Channels::Rgb, Depth::U8);
        let mut target = PictureMut::new(&mut out, packed).unwrap();
        CameraFrame::new(&rows, layout).unwrap().develop(&mut target).unwrap();
        out.chunks(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect()
    }

    /// Colour bars of BT.601 at 75 % have known numbers (ITU-R BT.801 has them for 100 %).
    #[test]
    fn known_colours_come_out_in_every_arrangement() {
        // White, red and blue at full strength, limited range: Y, Cb, Cr.
        let known =
            [([235, 128, 128], [255, 255, 255]), ([81, 90, 240], [255, 0, 0]), ([41, 240, 110], [0, 0, 255])];
        for ([y, cb, cr], expected) in known {
            for (format, bytes) in [
                (CameraFormat::Nv12, vec![y, y, y, y, cb, cr]),
                (CameraFormat::Nv21, vec![y, y, y, y, cr, cb]),
                (CameraFormat::I420, vec![y, y, y, y, cb, cr]),
                (CameraFormat::Yuyv, vec![y, cb, y, cr, y, cb, y, cr]),
                (CameraFormat::Uyvy, vec![cb, y, cr, y, cb, y, cr, y]),
            ] {
                for pixel in developed(&bytes, layout(2, 2, format, Depth::U8)) {
                    let near = pixel.iter().zip(expected).all(|(got, wanted)| got.abs_diff(wanted) <= 1);
                    assert!(near, "{format:?}: {pixel:?} is not {expected:?}");
                }
            }
        }
    }

    #[test]
    fn every_pixel_has_the_colour_of_its_own_place() {
        // 5 x 3 pixels, a colour of its own for each 2 x 2; the region begins in the middle of one.
        let (width, height) = (5, 3);
        let mut frame: Vec<u8> = (0..15).map(|i| 40 + 10 * i).collect();
        frame.extend((0..6).map(|i| 60 + 20 * i));
        frame.extend((0..6).map(|i| 200 - 20 * i));
        let whole = layout(width, height, CameraFormat::I420, Depth::U8);
        let all = developed(&frame, whole);
        for y in 0..height {
            for x in 0..width {
                let at = (y * width + x) as usize;
                let pair = (y / 2 * 3 + x / 2) as usize;
                let expected = ToRgb::new(Matrix::Bt601, false)
                    .of(frame[at], frame[15 + pair], frame[21 + pair])
                    .map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
                assert_eq!(all[at], expected, "{x}, {y}");
            }
        }
        let region = Region { x: 1, y: 1, width: 3, height: 2 };
        let part = developed(&frame, CameraLayout { region, ..whole });
        let cut = [6, 7, 8, 11, 12, 13].map(|at| all[at]);
        assert_eq!(part, cut);
    }

    #[test]
    fn the_range_and_the_matrix_count() {
        let full = CameraLayout { full_range: true, ..layout(2, 2, CameraFormat::Nv12, Depth::U8) };
        assert_eq!(developed(&[255, 0, 128, 64, 128, 128], full)[..2], [[255; 3], [0; 3]]);
        let hd = CameraLayout { matrix: Matrix::Bt709, ..full };
        let frame = [128, 128, 128, 128, 100, 180];
        // 128 + 1.5748 * 52, 128 - 0.1873 * -28 - 0.4681 * 52, 128 + 1.8556 * -28
        assert_eq!(developed(&frame, hd)[0], [210, 109, 76]);
        assert_ne!(developed(&frame, full)[0], [210, 109, 76]);
    }

    /// A plane of one colour keeps it, and a ramp stays one, whatever the filters' order.
    #[test]
    fn mosaics_of_smooth_pictures_come_back() {
        let (width, height) = (8_u32, 6_u32);
        let colour =
            |x: u32, y: u32| [40 + 8 * x + 4 * y, 90 + 4 * x + 6 * y, 200 - 6 * x - 8 * y].map(|v| v as u16);
        for (format, filters) in [
            (CameraFormat::BayerRggb, [0, 1, 1, 2]),
            (CameraFormat::BayerGrbg, [1, 0, 2, 1]),
            (CameraFormat::BayerGbrg, [1, 2, 0, 1]),
            (CameraFormat::BayerBggr, [2, 1, 1, 0]),
        ] {
            let value = |x: u32, y: u32| colour(x, y)[filters[(y % 2 * 2 + x % 2) as usize]];
            let pixels = || (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let bytes: Vec<u8> = pixels().map(|(x, y)| value(x, y) as u8).collect();
            let deep: Vec<u8> = pixels().flat_map(|(x, y)| (value(x, y) * 257).to_ne_bytes()).collect();
            let shallow = developed(&bytes, layout(width, height, format, Depth::U8));
            assert_eq!(shallow, developed(&deep, layout(width, height, format, Depth::U16)), "{format:?}");
            for (x, y) in pixels().filter(|(x, y)| (1..width - 1).contains(x) && (1..height - 1).contains(y))
            {
                let got = shallow[(y * width + x) as usize];
                assert_eq!(got.map(u16::from), colour(x, y), "{format:?} at {x}, {y}");
            }
            // At the border a neighbour stands in for the one that is missing.
            for (x, y) in pixels() {
                let got = shallow[(y * width + x) as usize];
                assert!(
                    got.iter().zip(colour(x, y)).all(|(got, wanted)| u16::from(*got).abs_diff(wanted) <= 14)
                );
            }
        }
    }

    #[test]
    fn frames_that_cannot_be_are_refused() {
        let row = [0_u8; 4];
        let refused = |rows: &[&[u8]], layout| CameraFrame::new(rows, layout).map(drop).unwrap_err();
        let nv12 = layout(4, 2, CameraFormat::Nv12, Depth::U8);
        assert!(CameraFrame::new(&[&row, &row, &row], nv12).is_ok());
        assert_eq!(refused(&[&row, &row], nv12), PixelsError::Rows { got: 2, needed: 3 });
        assert_eq!(refused(&[&row, &row, &row[..3]], nv12), PixelsError::RowLength { length: 3, needed: 4 });
        let thin = layout(4, 1, CameraFormat::BayerRggb, Depth::U8);
        assert!(matches!(refused(&[&row], thin), PixelsError::Empty { .. }));
        let region = Region { x: 3, y: 0, width: 2, height: 1 };
        assert!(matches!(
            refused(&[&row, &row, &row], CameraLayout { region, ..nv12 }),
            PixelsError::Region { .. }
        ));
    }
}
