//! Rows of pixels in and out: the only code that knows every channel order and depth.

use super::colour::{displayable, luma};
use super::meaning::Colours;
use super::sample::Sample;
use super::{AlphaKind, Channels, Depth, Layout, Picture, PictureMut};
use crate::control::Stopped;

impl Picture<'_> {
    /// Row `y` of the region as networks see it: red, green, blue, sRGB-encoded, straight, from 0 to 1.
    pub(crate) fn read_colours(&self, y: u32, out: &mut [[f32; 3]]) {
        let bytes = self.data.row(&self.grid, y);
        let colours = self.said.colours(&self.grid.layout);
        match self.grid.layout.depth {
            Depth::U8 => read_colours::<u8>(&self.grid.layout, &colours, bytes, out),
            Depth::U16 => read_colours::<u16>(&self.grid.layout, &colours, bytes, out),
            Depth::F32 => read_colours::<f32>(&self.grid.layout, &colours, bytes, out),
        }
    }

    /// One pixel of such a row.
    pub(crate) fn colour(&self, x: u32, y: u32) -> [f32; 3] {
        let layout = &self.grid.layout;
        let bytes = &self.data.row(&self.grid, y)[x as usize * layout.pixel_stride..];
        let colours = self.said.colours(layout);
        let mut out = [[0.0; 3]];
        match layout.depth {
            Depth::U8 => read_colours::<u8>(layout, &colours, bytes, &mut out),
            Depth::U16 => read_colours::<u16>(layout, &colours, bytes, &mut out),
            Depth::F32 => read_colours::<f32>(layout, &colours, bytes, &mut out),
        }
        out[0]
    }

    /// Row `y` of the region of a mask: the stored value of gray, or the luma of a colour, from 0 to 1.
    pub(crate) fn read_coverage(&self, y: u32, out: &mut [f32]) {
        let bytes = self.data.row(&self.grid, y);
        match self.grid.layout.depth {
            Depth::U8 => read_coverage::<u8>(&self.grid.layout, bytes, out),
            Depth::U16 => read_coverage::<u16>(&self.grid.layout, bytes, out),
            Depth::F32 => read_coverage::<f32>(&self.grid.layout, bytes, out),
        }
    }
}

impl PictureMut<'_> {
    /// Replaces row `y` of the region by `pixel + amount * (fill - pixel)`, in the sRGB encoding.
    ///
    /// Pixels whose amount is zero, and those that do not count, are not touched. What a float channel has beyond 0 and 1 is kept on top of the
    /// result; a channel that is no finite number stays as it is. Alpha never changes.
    pub(crate) fn blend(&mut self, y: u32, amount: &[f32], fill: &[[f32; 3]]) -> Result<(), Stopped> {
        let only_valid = self.only_valid(y, amount)?;
        let amount = only_valid.as_deref().unwrap_or(amount);
        let colours = self.said.colours(&self.grid.layout);
        let bytes = self.data.row_mut(&self.grid, y);
        match self.grid.layout.depth {
            Depth::U8 => blend::<u8>(&self.grid.layout, &colours, bytes, amount, fill),
            Depth::U16 => blend::<u16>(&self.grid.layout, &colours, bytes, amount, fill),
            Depth::F32 => blend::<f32>(&self.grid.layout, &colours, bytes, amount, fill),
        }
        Ok(())
    }

    /// Writes stored numbers, 1 being the greatest, into the colours of row `y` of the region; alpha becomes opaque. Gray gets
    /// the first.
    pub(super) fn write_numbers(&mut self, y: u32, numbers: &[[f32; 3]]) {
        let bytes = self.data.row_mut(&self.grid, y);
        match self.grid.layout.depth {
            Depth::U8 => write_numbers::<u8>(&self.grid.layout, bytes, numbers),
            Depth::U16 => write_numbers::<u16>(&self.grid.layout, bytes, numbers),
            Depth::F32 => write_numbers::<f32>(&self.grid.layout, bytes, numbers),
        }
    }

    /// Writes `values`, 0 to 1, into every colour channel of row `y` of the region; alpha becomes opaque.
    pub(crate) fn write_coverage(&mut self, y: u32, values: &[f32]) {
        let bytes = self.data.row_mut(&self.grid, y);
        match self.grid.layout.depth {
            Depth::U8 => write_coverage::<u8>(&self.grid.layout, bytes, values),
            Depth::U16 => write_coverage::<u16>(&self.grid.layout, bytes, values),
            Depth::F32 => write_coverage::<f32>(&self.grid.layout, bytes, values),
        }
    }
}

fn read_colours<S: Sample>(layout: &Layout, colours: &Colours<'_>, bytes: &[u8], out: &mut [[f32; 3]]) {
    let places = layout.channels.colours().map(|channel| channel * S::BYTES);
    let pixels = bytes.chunks(layout.pixel_stride).zip(out);
    match premultiplied_alpha::<S>(layout) {
        // The usual picture is worth a loop of its own.
        None if colours.are_srgb() => {
            for (pixel, out) in pixels {
                *out = places.map(|place| displayable(S::load(&pixel[place..])));
            }
        }
        alpha_place => {
            for (pixel, out) in pixels {
                let scale = alpha_place.map_or(1.0, |place| unpremultiply(S::load(&pixel[place..])));
                *out = colours.seen(places.map(|place| S::load(&pixel[place..]) * scale * colours.gain));
            }
        }
    }
}

fn read_coverage<S: Sample>(layout: &Layout, bytes: &[u8], out: &mut [f32]) {
    let places = layout.channels.colours().map(|channel| channel * S::BYTES);
    for (pixel, out) in bytes.chunks(layout.pixel_stride).zip(out) {
        let value = match layout.channels {
            Channels::Gray => S::load(pixel),
            _ => luma(places.map(|place| S::load(&pixel[place..]))),
        };
        *out = displayable(value);
    }
}

fn blend<S: Sample>(
    layout: &Layout,
    colours: &Colours<'_>,
    bytes: &mut [u8],
    amount: &[f32],
    fill: &[[f32; 3]],
) {
    let places = layout.channels.colours().map(|channel| channel * S::BYTES);
    let gray = layout.channels == Channels::Gray;
    let alpha_place = premultiplied_alpha::<S>(layout);
    for ((pixel, &amount), fill) in bytes.chunks_mut(layout.pixel_stride).zip(amount).zip(fill) {
        if amount == 0.0 {
            continue;
        }
        let alpha = alpha_place.map_or(1.0, |place| S::load(&pixel[place..]));
        let scale = unpremultiply(alpha);
        if scale == 0.0 || !scale.is_finite() {
            // Nothing of a transparent pixel can be seen, so there is nothing to change.
            continue;
        }
        let fill = if gray { [luma(*fill); 3] } else { *fill };
        let stored = places.map(|place| S::load(&pixel[place..]));
        let blended = colours.blended(stored.map(|value| value * scale * colours.gain), amount, fill);
        for c in (0..if gray { 1 } else { 3 }).filter(|c| stored[*c].is_finite()) {
            S::store(blended[c] * alpha / colours.gain, &mut pixel[places[c]..]);
        }
    }
}

fn write_numbers<S: Sample>(layout: &Layout, bytes: &mut [u8], numbers: &[[f32; 3]]) {
    let places = layout.channels.colours().map(|channel| channel * S::BYTES);
    let alpha = layout.channels.alpha().map(|channel| channel * S::BYTES);
    for (pixel, colour) in bytes.chunks_mut(layout.pixel_stride).zip(numbers) {
        let stored = if layout.channels == Channels::Gray { 1 } else { 3 };
        for (place, number) in places.iter().zip(colour).take(stored) {
            S::store(*number, &mut pixel[*place..]);
        }
        if let Some(place) = alpha {
            S::store(1.0, &mut pixel[place..]);
        }
    }
}

fn write_coverage<S: Sample>(layout: &Layout, bytes: &mut [u8], values: &[f32]) {
    for (pixel, value) in bytes.chunks_mut(layout.pixel_stride).zip(values) {
        for channel in layout.channels.colours() {
            S::store(*value, &mut pixel[channel * S::BYTES..]);
        }
        if let Some(alpha) = layout.channels.alpha() {
            S::store(1.0, &mut pixel[alpha * S::BYTES..]);
        }
    }
}

/// Where alpha lies, if colours are multiplied by it.
fn premultiplied_alpha<S: Sample>(layout: &Layout) -> Option<usize> {
    let premultiplied = layout.alpha == AlphaKind::Premultiplied;
    layout.channels.alpha().filter(|_| premultiplied).map(|channel| channel * S::BYTES)
}

/// The factor that makes a premultiplied colour straight; zero where the pixel is transparent or alpha no number.
fn unpremultiply(alpha: f32) -> f32 {
    if alpha > 0.0 && alpha.is_finite() { alpha.recip() } else { 0.0 }
}
