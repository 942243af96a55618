//! What the numbers of a picture mean, and which of its pixels count.

use super::colour::{displayable, from_srgb, to_srgb};
use super::profile::Profile;
use super::sample::Sample;
use super::{Data, Depth, Grid, Layout, Picture, PictureMut, PixelsError, Transfer};
use crate::control::Stopped;
use crate::room;

/// What the stored numbers of a picture mean, where its layout does not say it all. Without anything: white is the
/// greatest number, and colours are sRGB's as the layout's transfer has them.
#[derive(Clone, Debug, Default)]
pub struct Meaning {
    /// The stored number that is white, such as 4095 for cameras that put 12 bits into 16, or 255 for floats that go so
    /// far; above 0.
    pub white_level: Option<f32>,
    /// The colours; they say what the layout's transfer would.
    pub profile: Option<Profile>,
}

/// From which value on a mask's pixel is white.
const HALF: f32 = 0.5;

/// What a host says about a picture beside its layout.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said<'a> {
    meaning: Option<&'a Meaning>,
    /// A mask of the region's size, and the least value of its pixels that count.
    within: Option<(Data<'a>, Grid, f32)>,
}

impl<'a> Picture<'a> {
    /// The same pixels, whose numbers mean this.
    pub fn meaning(mut self, meaning: &'a Meaning) -> Self {
        self.said.meaning = Some(meaning);
        self
    }

    /// The same pixels, of which only those count and change that are white (at least one half) in `mask`.
    ///
    /// # Errors
    /// When the mask has another size than the picture's region.
    pub fn within(mut self, mask: &Picture<'a>) -> Result<Self, PixelsError> {
        self.said.within = Some(checked(self.size(), mask, HALF)?);
        Ok(self)
    }

    /// The same pixels, of which only those count and change that are not black in `mask`.
    ///
    /// # Errors
    /// When the mask has another size than the picture's region.
    pub fn within_any(mut self, mask: &Picture<'a>) -> Result<Self, PixelsError> {
        self.said.within = Some(checked(self.size(), mask, f32::MIN_POSITIVE)?);
        Ok(self)
    }

    /// Whether some pixels may not count.
    pub(crate) fn may_have_gaps(&self) -> bool {
        let layout = &self.grid.layout;
        self.said.within.is_some() || layout.channels.alpha().is_some() || layout.depth == Depth::F32
    }

    /// Which pixels of row `y` count: those that are not wholly transparent, lie in the mask, and are numbers.
    pub(crate) fn read_valid(&self, y: u32, out: &mut [bool]) -> Result<(), Stopped> {
        let bytes = self.data.row(&self.grid, y);
        let layout = &self.grid.layout;
        match layout.depth {
            Depth::U8 => valid::<u8>(layout, bytes, out),
            Depth::U16 => valid::<u16>(layout, bytes, out),
            Depth::F32 => valid::<f32>(layout, bytes, out),
        }
        if let Some((data, grid, least)) = self.said.within {
            let mut inside = room::row(0.0, out.len())?;
            Picture { data, grid, said: Said::default() }.read_coverage(y, &mut inside);
            out.iter_mut().zip(inside).for_each(|(valid, inside)| *valid &= inside >= least);
        }
        Ok(())
    }

    /// Some stored numbers of row `y`, as the layout has them, 1 being white: those of every `step`th pixel.
    pub(crate) fn read_numbers(&self, y: u32, step: usize, mut put: impl FnMut(usize, [f32; 3])) {
        let layout = &self.grid.layout;
        let bytes = self.data.row(&self.grid, y);
        let gain = self.said.gain(layout);
        let places = layout.channels.colours().map(|channel| channel * layout.depth.bytes());
        for (i, pixel) in bytes.chunks(layout.pixel_stride).enumerate().step_by(step) {
            put(
                i,
                places.map(|place| {
                    let value = &pixel[place..];
                    gain * match layout.depth {
                        Depth::U8 => u8::load(value),
                        Depth::U16 => u16::load(value),
                        Depth::F32 => f32::load(value),
                    }
                }),
            );
        }
    }

    /// The stored number that is white.
    pub(crate) fn white(&self) -> f32 {
        greatest(&self.grid.layout) / self.said.gain(&self.grid.layout)
    }

    /// Whether the host said what number is white.
    pub(crate) fn has_white_level(&self) -> bool {
        self.said.meaning.is_some_and(|meaning| meaning.white_level.is_some())
    }
}

impl<'a> PictureMut<'a> {
    /// The same pixels, whose numbers mean this.
    pub fn meaning(mut self, meaning: &'a Meaning) -> Self {
        self.said.meaning = Some(meaning);
        self
    }

    /// The same pixels, of which only those count and change that are white (at least one half) in `mask`.
    ///
    /// # Errors
    /// When the mask has another size than the picture's region.
    pub fn within(mut self, mask: &Picture<'a>) -> Result<Self, PixelsError> {
        self.said.within = Some(checked(self.size(), mask, HALF)?);
        Ok(self)
    }

    /// See [`Picture::within_any`].
    ///
    /// # Errors
    /// When the mask has another size than the picture's region.
    pub fn within_any(mut self, mask: &Picture<'a>) -> Result<Self, PixelsError> {
        self.said.within = Some(checked(self.size(), mask, f32::MIN_POSITIVE)?);
        Ok(self)
    }

    /// Pixels that do not count get no amount.
    pub(super) fn only_valid(&self, y: u32, amount: &[f32]) -> Result<Option<Vec<f32>>, Stopped> {
        let picture = self.as_picture();
        if !picture.may_have_gaps() || amount.iter().all(|amount| *amount == 0.0) {
            return Ok(None);
        }
        let mut valid = room::row(true, amount.len())?;
        picture.read_valid(y, &mut valid)?;
        let limited = amount.iter().zip(valid).map(|(amount, valid)| if valid { *amount } else { 0.0 });
        room::collect(limited).map(Some)
    }
}

fn checked<'a>(
    needed: (u32, u32),
    mask: &Picture<'a>,
    least: f32,
) -> Result<(Data<'a>, Grid, f32), PixelsError> {
    let got = mask.size();
    if got == needed {
        Ok((mask.data, mask.grid, least))
    } else {
        Err(PixelsError::Size { what: "region mask", got, needed })
    }
}

fn valid<S: Sample>(layout: &Layout, bytes: &[u8], out: &mut [bool]) {
    let alpha = layout.channels.alpha().map(|channel| channel * S::BYTES);
    let places = layout.channels.colours().map(|channel| channel * S::BYTES);
    for (pixel, out) in bytes.chunks(layout.pixel_stride).zip(out) {
        let seen = alpha.is_none_or(|place| S::load(&pixel[place..]) > 0.0);
        *out = seen && places.iter().any(|place| !S::load(&pixel[*place..]).is_nan());
    }
}

/// The number that is white where nobody says another.
fn greatest(layout: &Layout) -> f32 {
    match layout.depth {
        Depth::U8 => 255.0,
        Depth::U16 => 65_535.0,
        Depth::F32 => 1.0,
    }
}

impl<'a> Said<'a> {
    /// What stored numbers, 1 being the greatest, are multiplied with for white to be 1.
    fn gain(&self, layout: &Layout) -> f32 {
        let white = self.meaning.and_then(|meaning| meaning.white_level).filter(|white| *white > 0.0);
        white.map_or(1.0, |white| greatest(layout) / white)
    }

    /// Colours as the layout and the host have them.
    pub(super) fn colours(&self, layout: &Layout) -> Colours<'a> {
        Colours {
            gain: self.gain(layout),
            transfer: layout.transfer,
            profile: self.meaning.and_then(|meaning| meaning.profile.as_ref()),
        }
    }
}

/// The way from stored numbers to sRGB-encoded colours and back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Colours<'a> {
    /// What stored numbers are multiplied with for white to be 1.
    pub(super) gain: f32,
    transfer: Transfer,
    profile: Option<&'a Profile>,
}

impl Colours<'_> {
    /// Whether stored numbers are sRGB-encoded colours.
    pub(super) fn are_srgb(&self) -> bool {
        self.gain == 1.0 && self.transfer == Transfer::Srgb && self.profile.is_none()
    }

    /// As networks see it; from numbers that are 1 for white.
    pub(super) fn seen(&self, numbers: [f32; 3]) -> [f32; 3] {
        let shown = numbers.map(displayable);
        match self.profile {
            Some(profile) => profile.to_srgb(shown),
            None => shown.map(|value| to_srgb(self.transfer, value)),
        }
    }

    /// What becomes of numbers that are 1 for white when so much of their colour gives way to `fill`. What they have
    /// beyond 0 and 1 stays on top; what sRGB cannot show gives way with the rest.
    pub(super) fn blended(&self, numbers: [f32; 3], amount: f32, fill: [f32; 3]) -> [f32; 3] {
        let shown = numbers.map(displayable);
        let seen = self.seen(numbers);
        let mixed: [f32; 3] = std::array::from_fn(|c| displayable(seen[c] + amount * (fill[c] - seen[c])));
        match self.profile {
            None => std::array::from_fn(|c| from_srgb(self.transfer, mixed[c]) + (numbers[c] - shown[c])),
            Some(profile) => {
                let [before, after] = [seen, mixed].map(|colour| profile.in_own_numbers(colour));
                std::array::from_fn(|c| {
                    displayable(after[c] + (1.0 - amount) * (shown[c] - before[c])) + (numbers[c] - shown[c])
                })
            }
        }
    }
}
