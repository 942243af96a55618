//! What only Windows bitmaps have: the resolution in their header (BITMAPINFOHEADER).

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::metadata::Resolution;

/// Where pixels per metre across and down stand.
const RESOLUTION: u64 = 38;

/// Whether pixels are numbers of colours in a palette, and the resolution.
///
/// # Errors
/// When the file cannot be read that far.
pub fn read(file: &mut impl Read) -> io::Result<(bool, Option<Resolution>)> {
    let mut header = [0; 46];
    file.read_exact(&mut header)?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let bits = u16::from_le_bytes([header[28], header[29]]);
    // The older header of 12 bytes has no resolution, and palettes for fewer than 16 bits too.
    let (indexed, has_resolution) =
        if number(14) >= 40 { (bits <= 8, true) } else { (header[24] <= 8, false) };
    let (x, y) = (number(38), number(42));
    let resolution = (has_resolution && x > 0 && y > 0).then(|| Resolution::from_per_metre(x, y));
    Ok((indexed, resolution))
}

/// Writes the resolution into the header of a finished file.
///
/// # Errors
/// When the file cannot be written.
pub fn write_resolution(file: &mut (impl Write + Seek), resolution: Resolution) -> io::Result<()> {
    let Some((x, y)) = resolution.per_metre() else { return Ok(()) };
    file.seek(SeekFrom::Start(RESOLUTION))?;
    file.write_all(&x.to_le_bytes())?;
    file.write_all(&y.to_le_bytes())
}
