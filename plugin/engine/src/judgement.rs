//! Whether what a network says of a picture means anything. A picture that cannot be judged is not one without rust.

use ndarray::{Array2, Array3};

use crate::control::Stopped;
use crate::pixels::{Channels, Depth, Picture};
use crate::resample::gaps;
use crate::room;

/// Pixels along a side of the grid at which stored numbers are looked at.
const GRID: u32 = 512;
/// The part of the pixels that may be brighter than what is called the brightest.
const BRIGHTEST: f64 = 0.001;
/// The brightest value, sRGB-encoded, up to which there is next to nothing above black; and the one up to which a picture
/// is dark.
const BLACK: f32 = 16.5 / 255.0;
const DARK: f32 = 64.5 / 255.0;
/// The greatest difference between channels, sRGB-encoded, that a picture without colours has.
const COLOURLESS: f32 = 3.0 / 255.0;
/// The part of the pixels above white, or below black, from which on the numbers mean something else.
const BEYOND: f64 = 0.5;

/// Why a picture cannot be judged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unjudgeable {
    /// No pixel counts.
    #[error("all of it is transparent, without data, or outside of the region")]
    Empty,
    /// It has no colours, and networks look for some.
    #[error("it is gray, and the networks know rust by its colours")]
    Gray,
    /// Most numbers lie above white or below black.
    #[error(
        "most of its values lie beyond black and white: they reach from {least} to {most}, where 0 is black and {white} \
             is white; say which value is white"
    )]
    Range {
        /// The least number that was met.
        least: f32,
        /// The greatest one.
        most: f32,
        /// What white is.
        white: f32,
    },
    /// Numbers of 16 bits use the lower ones only.
    #[error(
        "its values go to {most} of 65535 only, as those of cameras with {bits} bits do; say which value is white"
    )]
    FewBits {
        /// The greatest number that was met.
        most: u16,
        /// The bits that hold it: 8, 10 or 12.
        bits: u32,
    },
    /// Nothing in it is brighter than black, or hardly.
    #[error("there is next to nothing above black in it")]
    Black,
}

/// What makes a judgement less sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caution {
    /// The picture is dark.
    Dark,
}

impl std::fmt::Display for Caution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Caution::Dark => f.write_str("the picture is dark; rust in it is easily missed"),
        }
    }
}

/// Whether what a network says of a picture means anything; `colours` [3, height, width] is what it sees.
pub(crate) fn judge(
    picture: &Picture<'_>,
    colours: &Array3<f32>,
) -> Result<Result<Option<Caution>, Unjudgeable>, Stopped> {
    let (_, height, width) = colours.dim();
    let counts = gaps::counts(picture, (width as u32, height as u32))?;
    let stored = match Stored::of(picture)? {
        Some(stored) => stored,
        None => return Ok(Err(Unjudgeable::Empty)),
    };
    Ok(stored.judge(picture).and_then(|()| seen(picture, colours, counts.as_ref())))
}

/// What a picture's numbers are like, 1 being white.
struct Stored {
    pixels: u64,
    above_white: u64,
    below_black: u64,
    least: f32,
    most: f32,
}

impl Stored {
    /// Looks at a grid of pixels; `None` where none counts.
    fn of(picture: &Picture<'_>) -> Result<Option<Self>, Stopped> {
        let (width, height) = picture.size();
        let step = (width / GRID).max(1) as usize;
        let mut stored = Stored {
            pixels: 0,
            above_white: 0,
            below_black: 0,
            least: f32::INFINITY,
            most: f32::NEG_INFINITY,
        };
        let mut valid = room::row(true, width as usize)?;
        let mut look = |step: usize, y: u32| {
            picture.read_valid(y, &mut valid)?;
            picture.read_numbers(y, step, |x, numbers| {
                let numbers = || numbers.into_iter().filter(|value| !value.is_nan());
                if !valid[x] || numbers().next().is_none() {
                    return;
                }
                let most = numbers().fold(f32::NEG_INFINITY, f32::max);
                stored.pixels += 1;
                stored.above_white += u64::from(most > 1.0);
                stored.below_black += u64::from(most < 0.0);
                stored.least = numbers().fold(stored.least, f32::min);
                stored.most = stored.most.max(most);
            });
            Ok::<_, Stopped>(stored.pixels > 0)
        };
        let mut found = false;
        for y in (0..height).step_by((height / GRID).max(1) as usize) {
            found = look(step, y)?;
        }
        // What counts may lie between the places of the grid.
        let mut rows = 0..height;
        while let Some(y) = rows.next().filter(|_| !found) {
            found = look(1, y)?;
        }
        Ok(found.then_some(stored))
    }

    fn judge(&self, picture: &Picture<'_>) -> Result<(), Unjudgeable> {
        let part = |count: u64| count as f64 / self.pixels as f64;
        if part(self.above_white) > BEYOND || part(self.below_black) > BEYOND {
            let white = picture.white();
            return Err(Unjudgeable::Range { least: self.least * white, most: self.most * white, white });
        }
        if picture.layout().depth == Depth::U16 && !picture.has_white_level() {
            let most = (self.most * 65_535.0) as u16;
            if let Some(bits) =
                [8, 10, 12].into_iter().find(|bits| u32::from(most) < 1 << bits).filter(|_| most > 0)
            {
                return Err(Unjudgeable::FewBits { most, bits });
            }
        }
        Ok(())
    }
}

/// What a network would see: whether it is bright and has colours.
fn seen(
    picture: &Picture<'_>,
    colours: &Array3<f32>,
    counts: Option<&Array2<f32>>,
) -> Result<Option<Caution>, Unjudgeable> {
    let mut histogram = [0_u64; 256];
    let (mut pixels, mut colourful) = (0_u64, false);
    let (_, height, width) = colours.dim();
    for at in (0..height).flat_map(|y| (0..width).map(move |x| [y, x])) {
        if counts.is_some_and(|counts| counts[at] < 0.5) {
            continue;
        }
        let colour = [0, 1, 2].map(|c| colours[[c, at[0], at[1]]]);
        let [most, least] =
            [colour.iter().fold(0.0, |a: f32, b| a.max(*b)), colour.iter().fold(1.0, |a: f32, b| a.min(*b))];
        histogram[(most * 255.0 + 0.5) as usize] += 1;
        colourful |= most - least > COLOURLESS;
        pixels += 1;
    }
    let mut above = (pixels as f64 * BRIGHTEST) as u64;
    let brightest = (0..256).rev().find(|value| {
        let here = histogram[*value];
        let reached = here > above;
        above = above.saturating_sub(here);
        reached
    });
    let brightest = brightest.unwrap_or(0) as f32 / 255.0;
    if pixels > 0 && brightest < BLACK {
        return Err(Unjudgeable::Black);
    }
    if picture.layout().channels == Channels::Gray || (pixels > 0 && !colourful) {
        return Err(Unjudgeable::Gray);
    }
    Ok((brightest < DARK).then_some(Caution::Dark))
}
