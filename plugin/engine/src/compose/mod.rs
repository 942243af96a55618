//! Analysis + picture + settings -> result. Never runs a network; holds one row at the picture's scale.

mod guided;
mod look;
mod texture;
mod traces;

use std::borrow::Cow;

use ndarray::{Array2, Array3, Axis};

use crate::control::{Control, Stopped};
use crate::error::Error;
use crate::pixels::{Picture, PictureMut, PixelsError, luma};
use crate::resample::{self, Upsampler};
use crate::room;
pub(crate) use guided::GuidedPlane;
pub use look::Look;
pub(crate) use texture::Texture;
use texture::TextureReader;
pub(crate) use traces::{without_faint_traces, without_unseen_traces};

/// Alphas below one 8-bit step are exact zeros: those pixels stay bit for bit the same.
pub(crate) const SMALLEST_ALPHA: f32 = 1.0 / 255.0;

/// How far, in luma, the picture's own fine detail may move a fill that is coarser than the picture.
const DETAIL: f32 = 0.03;

/// The colour of the overlay, and how much of it lies over a pixel that is surely rust.
const OVERLAY: ([f32; 3], f32) = ([1.0, 0.0, 0.25], 0.6);

/// How a caller's mask acts on the alpha that was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaskMode {
    /// The mask limits what the network found.
    #[default]
    Limit,
    /// The mask stands in for what the network found.
    Replace,
}

/// Where the alpha of a removal comes from.
pub(crate) enum AlphaSource<'a> {
    /// Found.
    Found(&'a GuidedPlane),
    /// Found, and multiplied by the caller's mask.
    Limited(&'a GuidedPlane, &'a Picture<'a>),
    /// The caller's mask alone.
    Mask(&'a Picture<'a>),
}

impl AlphaSource<'_> {
    /// About where something is treated, [height, width] at the scale of this width and height.
    fn at(&self, size: (u32, u32), control: Control<'_>) -> Result<Cow<'_, Array2<f32>>, Stopped> {
        match self {
            AlphaSource::Found(found) => found.at(size),
            AlphaSource::Mask(mask) => resample::coverage(mask, size, control.part(0.0, 0.0)).map(Cow::Owned),
            AlphaSource::Limited(found, mask) => {
                let mut limited = resample::coverage(mask, size, control.part(0.0, 0.0))?;
                limited *= &*found.at(size)?;
                Ok(Cow::Owned(limited))
            }
        }
    }
}

/// The picture without rust, at the working scale.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    /// [3, height, width], red first, sRGB-encoded, 0 to 1.
    colours: Array3<f32>,
    /// The luma of the picture that it was made from, [height, width]; absent where both scales are the same.
    luma: Option<Array2<f32>>,
    /// What it lacks in texture; absent where there is none to be had.
    texture: Option<Box<Texture>>,
}

impl Fill {
    /// `fill` was made from `picture`, both [3, height, width] at the working scale of a picture of width and height
    /// `size`.
    pub(crate) fn new(
        fill: Array3<f32>,
        picture: &Array3<f32>,
        size: (u32, u32),
        texture: Option<Texture>,
    ) -> Result<Self, Stopped> {
        let (_, height, width) = fill.dim();
        let same_scale = (size.1 as usize, size.0 as usize) == (height, width);
        let luma_at = |(y, x)| luma([0, 1, 2].map(|c| picture[[c, y, x]]));
        let luma = (!same_scale).then(|| room::from_fn((height, width), luma_at)).transpose()?;
        Ok(Fill { colours: fill, luma, texture: texture.map(Box::new) })
    }

    /// Width and height.
    fn size(&self) -> (u32, u32) {
        let (_, height, width) = self.colours.dim();
        (width as u32, height as u32)
    }

    /// [3, height, width].
    pub(crate) fn colours(&self) -> &Array3<f32> {
        &self.colours
    }

    /// To read at the scale of a picture of this width and height, with the colours that a look makes of its own.
    fn reader<'a>(
        &'a self,
        colours: Cow<'a, Array3<f32>>,
        look: &Look,
        size: (u32, u32),
    ) -> Result<FillReader<'a>, Stopped> {
        let (_, height, width) = self.colours.dim();
        Ok(FillReader {
            fill: self,
            colours,
            shape: look.shape,
            is_painted: look.colour.is_some(),
            upsampler: Upsampler::new((width as u32, height as u32), size)?,
            texture: self.texture.as_ref().map(|texture| texture.reader(size)).transpose()?,
        })
    }
}

/// Reads rows of a [`Fill`] at the picture's scale.
struct FillReader<'a> {
    fill: &'a Fill,
    colours: Cow<'a, Array3<f32>>,
    /// How much of the picture's own fine detail stays.
    shape: f32,
    /// Whether the texture's colours are not the fill's.
    is_painted: bool,
    upsampler: Upsampler,
    texture: Option<TextureReader<'a>>,
}

impl FillReader<'_> {
    /// Row `y`, with the texture that it lacks laid over it. Where the fill is coarser than the picture, and does not
    /// lack texture, that is the picture's own fine detail (what reducing took away from `picture_row`), so that grain,
    /// edges and print survive. Where `amount` is zero, `out` stays as it is.
    fn read(
        &self,
        picture: &Picture<'_>,
        y: u32,
        (picture_row, amount): (&[[f32; 3]], &[f32]),
        out: &mut [[f32; 3]],
    ) -> Result<(), Stopped> {
        let [red, green, blue] = std::array::from_fn(|c| self.colours.index_axis(Axis(0), c));
        let mut put = |x: usize, colour: [f32; 3], reduced: Option<f32>| {
            if amount[x] == 0.0 {
                return;
            }
            let (texture, lack) = match &self.texture {
                Some(texture) => texture.read(picture, x as u32, y),
                None => ([0.0; 3], 0.0),
            };
            let texture = if self.is_painted { [luma(texture); 3] } else { texture };
            let own = reduced.map_or(0.0, |reduced| {
                self.shape * (1.0 - lack) * DETAIL * ((luma(picture_row[x]) - reduced) / DETAIL).tanh()
            });
            out[x] = std::array::from_fn(|c| (colour[c] + own + texture[c]).clamp(0.0, 1.0));
        };
        match &self.fill.luma {
            None => self.upsampler.read([red, green, blue], y, |x, colour| put(x, colour, None)),
            Some(reduced) => self.upsampler.read(
                [red, green, blue, reduced.view()],
                y,
                |x, [red, green, blue, reduced]| {
                    put(x, [red, green, blue], Some(reduced));
                },
            ),
        }
    }
}

/// Blends `fill`, as `look` wants it, into `target`, which holds the picture: result = picture + alpha x strength x (fill -
/// picture).
///
/// From the first row to the last: when `control` is told which part is done, so many rows are final, and those below are
/// the picture's. Hosts show and send them while others are composed.
pub(crate) fn removal(
    fill: &Fill,
    alpha: &AlphaSource<'_>,
    look: &Look,
    target: &mut PictureMut<'_>,
    control: Control<'_>,
) -> Result<(), Error> {
    let (width, height) = target.size();
    if let AlphaSource::Limited(_, mask) | AlphaSource::Mask(mask) = alpha {
        same_size("mask", mask.size(), target.size())?;
    }
    let colours = if look.is_plain() {
        Cow::Borrowed(&fill.colours)
    } else {
        look.of(&fill.colours, &*alpha.at(fill.size(), control)?)?
    };
    let reader = fill.reader(colours, look, target.size())?;
    let found = match alpha {
        AlphaSource::Found(found) | AlphaSource::Limited(found, _) => Some(found.reader(target.size())?),
        AlphaSource::Mask(_) => None,
    };
    let mut picture_row = room::row([0.0; 3], width as usize)?;
    let mut amount = room::row(0.0, width as usize)?;
    let mut coverage = room::row(0.0, width as usize)?;
    let mut colours = room::row([0.0; 3], width as usize)?;
    for y in 0..height {
        control.row(y, height)?;
        target.as_picture().read_colours(y, &mut picture_row);
        if let Some(found) = &found {
            found.read(y, &picture_row, &mut amount)?;
        }
        match alpha {
            AlphaSource::Found(_) => {}
            AlphaSource::Limited(_, mask) => mask.read_coverage(y, &mut coverage),
            AlphaSource::Mask(mask) => mask.read_coverage(y, &mut amount),
        }
        amount.iter_mut().filter(|alpha| **alpha < SMALLEST_ALPHA).for_each(|alpha| *alpha = 0.0);
        if let AlphaSource::Limited(..) = alpha {
            amount.iter_mut().zip(&coverage).for_each(|(alpha, mask)| *alpha *= mask);
        }
        amount.iter_mut().for_each(|alpha| *alpha *= look.strength);
        if amount.iter().all(|alpha| *alpha == 0.0) {
            continue;
        }
        reader.read(&target.as_picture(), y, (&picture_row, &amount), &mut colours)?;
        target.blend(y, &amount, &colours)?;
    }
    Ok(control.step(1, 1)?)
}

/// Calls `use_row` with each row of `plane` at the size of `picture`, along whose edges it is enlarged.
pub(crate) fn for_each_row(
    plane: &GuidedPlane,
    picture: &Picture<'_>,
    control: Control<'_>,
    mut use_row: impl FnMut(u32, &mut [f32]) -> Result<(), Stopped>,
) -> Result<(), Error> {
    let (width, height) = picture.size();
    let reader = plane.reader(picture.size())?;
    let mut picture_row = room::row([0.0; 3], width as usize)?;
    let mut row = room::row(0.0, width as usize)?;
    for y in 0..height {
        control.row(y, height)?;
        picture.read_colours(y, &mut picture_row);
        reader.read(y, &picture_row, &mut row)?;
        use_row(y, &mut row)?;
    }
    Ok(control.step(1, 1)?)
}

/// Colours what reaches `threshold` in `target`, which holds the picture; the surer the stronger.
pub(crate) fn overlay(
    probability: &GuidedPlane,
    threshold: f32,
    target: &mut PictureMut<'_>,
    control: Control<'_>,
) -> Result<(), Error> {
    let (colour, most) = OVERLAY;
    let (width, height) = target.size();
    let colours = room::row(colour, width as usize)?;
    let reader = probability.reader(target.size())?;
    let mut picture_row = room::row([0.0; 3], width as usize)?;
    let mut amount = room::row(0.0, width as usize)?;
    for y in 0..height {
        control.row(y, height)?;
        target.as_picture().read_colours(y, &mut picture_row);
        reader.read(y, &picture_row, &mut amount)?;
        let strength = |value: f32| if value >= threshold { most * value } else { 0.0 };
        amount.iter_mut().for_each(|value| *value = strength(*value));
        target.blend(y, &amount, &colours)?;
    }
    Ok(control.step(1, 1)?)
}

/// Refuses pictures that do not lie upon one another.
pub(crate) fn same_size(what: &'static str, got: (u32, u32), needed: (u32, u32)) -> Result<(), PixelsError> {
    if got == needed { Ok(()) } else { Err(PixelsError::Size { what, got, needed }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::{Channels, Depth, Layout};
    use ndarray::arr2;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

    #[test]
    fn alphas_below_one_step_are_zeros() {
        let fill = Fill::new(Array3::ones((3, 1, 3)), &Array3::zeros((3, 1, 3)), (3, 1), None).unwrap();
        let alpha = arr2(&[[0.0, 0.003, 0.5]]);
        let alpha = GuidedPlane::new(alpha, Array3::zeros((3, 1, 3)).view(), (3, 1)).unwrap();
        let mut data: Vec<u8> = [0.25_f32; 9].iter().flat_map(|value| value.to_ne_bytes()).collect();
        let before = data.clone();
        let mut target = PictureMut::new(&mut data, Layout::packed(3, 1, Channels::Rgb, Depth::F32)).unwrap();
        removal(&fill, &AlphaSource::Found(&alpha), &Look::default(), &mut target, Control::default())
            .unwrap();
        assert_eq!(data[..24], before[..24]);
        assert_ne!(data[24..], before[24..]);
    }

    #[test]
    fn what_is_said_to_be_done_is_final() {
        const ROWS: usize = 200;
        let size = (2, ROWS as u32);
        let fill = Fill::new(Array3::ones((3, ROWS, 2)), &Array3::zeros((3, ROWS, 2)), size, None).unwrap();
        let alpha = Array2::from_shape_fn((ROWS, 2), |(y, _)| 0.2 + 0.003 * y as f32);
        let alpha = GuidedPlane::new(alpha, Array3::zeros((3, ROWS, 2)).view(), size).unwrap();
        let layout = Layout::packed(2, ROWS as u32, Channels::Gray, Depth::U8);
        // Stopped at the part that is told then; returns what is there, and how many rows are said to be done.
        let stopped_at = |told: usize| {
            let (calls, done, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
            let progress = |part: f32| {
                done.store((part * ROWS as f32) as usize, Relaxed);
                stop.store(calls.fetch_add(1, Relaxed) == told, Relaxed);
            };
            let mut data = vec![10; 2 * ROWS];
            let mut target = PictureMut::new(&mut data, layout).unwrap();
            let control = Control::new(Some(&progress), Some(&stop));
            let _ = removal(&fill, &AlphaSource::Found(&alpha), &Look::default(), &mut target, control);
            (data, done.into_inner())
        };
        let (whole, rows) = stopped_at(usize::MAX);
        assert_eq!((rows, whole.contains(&10)), (ROWS, false));
        let stops: Vec<_> = (0..4).map(stopped_at).collect();
        assert!(stops.is_sorted_by_key(|(_, rows)| *rows) && stops[3].1 > 100, "{:?}", stops[3].1);
        for (data, rows) in stops {
            assert_eq!(data[..2 * rows], whole[..2 * rows]);
            assert!(data[2 * rows..].iter().all(|value| *value == 10), "{rows} rows");
        }
    }

    #[test]
    fn fine_detail_of_the_picture_lies_over_a_coarse_fill_but_only_so_much() {
        // Faint stripes on the left, strong ones on the right; reduced to half, both are even.
        let stripes: Vec<u8> = (0..32).map(|x| [100, if x < 16 { 104 } else { 240 }][x % 2]).collect();
        let reduced = arr2(&[[102.0 / 255.0; 8], [170.0 / 255.0; 8]]).into_shape_with_order((1, 16)).unwrap();
        let reduced = reduced.broadcast((3, 1, 16)).unwrap().to_owned();
        let fill = Fill::new(Array3::from_elem((3, 1, 16), 0.5), &reduced, (32, 1), None).unwrap();
        let alpha = GuidedPlane::new(Array2::ones((1, 16)), reduced.view(), (32, 1)).unwrap();
        let mut data: Vec<u8> = stripes.iter().flat_map(|value| [*value; 3]).collect();
        let mut target = PictureMut::new(&mut data, Layout::packed(32, 1, Channels::Rgb, Depth::U8)).unwrap();
        removal(&fill, &AlphaSource::Found(&alpha), &Look::default(), &mut target, Control::default())
            .unwrap();
        let step = |x: usize| i32::from(data[3 * (x + 1)]) - i32::from(data[3 * x]);
        assert!((3..=5).contains(&step(6)), "{}", step(6));
        let most = (2.0 * DETAIL * 255.0).ceil() as i32;
        assert!((most - 6..=most).contains(&step(24)), "{} of at most {most}", step(24));
    }
}
