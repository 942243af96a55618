//! Texture for a fill, from the clean parts of the same picture.
//!
//! A network's fill is smoother than what lies around it, and where the network worked at a smaller scale it has none
//! of the picture's fine detail at all. So for every pixel of it a clean place is searched whose surroundings look the
//! same, and as much of that place's detail is laid over the fill as the fill lacks; its colours and edges stay the
//! network's. (Texture from examples: Efros and Leung 1999, ICCV; Criminisi, Perez and Toyama 2004, IEEE TIP 13(9).)

mod correspondence;

use ndarray::{Array2, Array3, ArrayView2, Zip, s};

use super::SMALLEST_ALPHA;
use crate::control::{Control, Stopped};
use crate::pixels::{Picture, luma};
use crate::resample::{Upsampler, window_mean};
use crate::room;
use correspondence::{Feature, Offsets, RADIUS, Search};

/// Half the side of the windows whose mean is taken, twice, for a picture without detail.
const SMOOTH: usize = 2;
/// Half the side of the windows in which detail is measured.
const NEAR: usize = 4;
/// Standard deviation of detail, in luma, that counts as little.
const LITTLE: f32 = 0.02;
/// Standard deviation of a fill's detail from which on its shape tells what lies there.
const TELLING: f32 = 0.005;
/// Weight of a difference in colour beside one in the shape of detail.
const COLOUR: f32 = 5.0;
/// Clean pixels without which there is nothing to take texture from.
const FEWEST: usize = 400;
/// Pixels at the working scale above which a fill is left as it is: networks that work on so many see fine detail.
const MOST: usize = 1 << 21;
/// What the search holds for a pixel at the working scale: layers and features of two pictures, sources, prices.
const BYTES_PER_PIXEL: u64 = 140;

/// The detail that a fill lacks, and where it is to be had.
#[derive(Clone, Debug)]
pub(crate) struct Texture {
    /// [height, width]: the source of every pixel that is filled.
    offsets: Offsets,
    /// [height, width]: how much of the source's detail the fill lacks, 0 to 1.
    lack: Array2<f32>,
    /// [3, height, width]: the picture without its detail.
    smooth: Array3<f32>,
}

impl Texture {
    /// About how many bytes [`Texture::find`] holds for a picture of this width and height at the working scale.
    pub(crate) fn bytes_needed((width, height): (u32, u32)) -> u64 {
        let pixels = u64::from(width) * u64::from(height);
        if pixels > MOST as u64 { 0 } else { pixels * BYTES_PER_PIXEL }
    }

    /// For a `fill` of a `picture`, both [3, height, width], where `alpha` [height, width] is not zero. None where
    /// nothing is filled, or too little of the picture is clean.
    pub(crate) fn find(
        picture: &Array3<f32>,
        fill: &Array3<f32>,
        alpha: ArrayView2<'_, f32>,
        control: Control<'_>,
    ) -> Result<Option<Texture>, Stopped> {
        let hole = room::map(alpha, |alpha| *alpha >= SMALLEST_ALPHA)?;
        if hole.len() > MOST || !hole.iter().any(|hole| *hole) {
            return Ok(None);
        }
        let usable = usable(&hole)?;
        let pixels = usable.indexed_iter().filter(|(_, usable)| **usable);
        let places: Vec<[u32; 2]> = room::collect(pixels.map(|((y, x), _)| [x as u32, y as u32]))?;
        if places.len() < FEWEST {
            return Ok(None);
        }
        let offered = Layers::new(room::copy(picture.view())?)?;
        let mut filled = room::copy(picture.view())?;
        for (mut filled, fill) in filled.outer_iter_mut().zip(fill.outer_iter()) {
            Zip::from(&mut filled)
                .and(fill)
                .and(alpha)
                .for_each(|value, fill, alpha| *value += alpha * (fill - *value));
        }
        let filled = Layers::new(filled)?;
        let features = offered.features()?;
        // Where nothing is filled the detail is the picture's own; elsewhere it tells as much as there is of it.
        let trust = room::from_fn(hole.dim(), |at| {
            if hole[at] { filled.variance[at] / (filled.variance[at] + TELLING * TELLING) } else { 1.0 }
        })?;
        let lack = |pixel: (usize, usize), source: (usize, usize)| {
            lack(filled.variance[pixel], offered.variance[source])
        };
        let search = Search {
            wanted: filled.features()?,
            trust,
            offered: &features,
            hole: &hole,
            usable: &usable,
            places: &places,
        };
        let offsets = search.run(lack, control)?;
        let lack = room::from_fn(hole.dim(), |pixel| match offsets[pixel] {
            correspondence::NONE => 0.0,
            offset => lack(pixel, correspondence::source(pixel, offset)),
        })?;
        Ok(Some(Texture { offsets, lack, smooth: offered.smooth }))
    }

    /// To read at the scale of a picture of this width and height.
    pub(crate) fn reader(&self, size: (u32, u32)) -> Result<TextureReader<'_>, Stopped> {
        let (height, width) = self.lack.dim();
        Ok(TextureReader {
            texture: self,
            upsampler: Upsampler::new((width as u32, height as u32), size)?,
            size,
            scale: [size.0 as f32 / width as f32, size.1 as f32 / height as f32],
        })
    }
}

/// Reads a [`Texture`] at the picture's scale.
#[derive(Debug)]
pub(crate) struct TextureReader<'a> {
    texture: &'a Texture,
    upsampler: Upsampler,
    size: (u32, u32),
    /// Pixels of the picture in one at the working scale.
    scale: [f32; 2],
}

impl TextureReader<'_> {
    /// The detail that is to be added to the fill at a place of the picture, and the part of it that the fill lacked.
    /// Between sources it passes gradually, and is as strong there as elsewhere (Heitz and Neyret 2018, Proceedings of
    /// the ACM on Computer Graphics and Interactive Techniques 1(2)).
    pub(crate) fn read(&self, picture: &Picture<'_>, x: u32, y: u32) -> ([f32; 3], f32) {
        let [rows, columns] = self.upsampler.around(x, y);
        let mut found: [([i32; 2], f32); 4] = [([0, 0], 0.0); 4];
        let (mut count, mut lack) = (0, 0.0);
        for (row, part_of_row) in rows {
            for (column, part_of_column) in columns {
                let (weight, offset) = (part_of_row * part_of_column, self.texture.offsets[[row, column]]);
                if weight == 0.0 || offset == correspondence::NONE {
                    continue;
                }
                lack += weight * self.texture.lack[[row, column]];
                match found[..count].iter_mut().find(|(known, _)| *known == offset) {
                    Some((_, sum)) => *sum += weight,
                    None => {
                        found[count] = (offset, weight);
                        count += 1;
                    }
                }
            }
        }
        if count == 0 || lack == 0.0 {
            return ([0.0; 3], 0.0);
        }
        let mut detail = [0.0; 3];
        for (offset, weight) in &found[..count] {
            let at = self.place((x, y), *offset);
            let colour = picture.colour(at.0, at.1);
            let smooth = self.smooth(at);
            (0..3).for_each(|c| detail[c] += weight * (colour[c] - smooth[c]));
        }
        let strength = found[..count].iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt();
        (detail.map(|value| value * lack / strength), lack)
    }

    /// Where in the picture the source of a pixel lies.
    fn place(&self, (x, y): (u32, u32), [dx, dy]: [i32; 2]) -> (u32, u32) {
        let moved = |at: u32, by: i32, scale: f32, end: u32| {
            (i64::from(at) + (by as f32 * scale).round() as i64).clamp(0, i64::from(end) - 1) as u32
        };
        (moved(x, dx, self.scale[0], self.size.0), moved(y, dy, self.scale[1], self.size.1))
    }

    /// The picture without its detail at a place of the picture.
    fn smooth(&self, (x, y): (u32, u32)) -> [f32; 3] {
        let [rows, columns] = self.upsampler.around(x, y);
        let mut sum = [0.0; 3];
        for (row, part_of_row) in rows {
            for (column, part_of_column) in columns {
                let weight = part_of_row * part_of_column;
                (0..3).for_each(|c| sum[c] += weight * self.texture.smooth[[c, row, column]]);
            }
        }
        sum
    }
}

/// Pixels with only clean ones around them, as far as a patch and the windows of its detail reach.
fn usable(hole: &Array2<bool>) -> Result<Array2<bool>, Stopped> {
    let (height, width) = hole.dim();
    let near = room::map(hole.view(), |hole| f32::from(u8::from(*hole)))?;
    let near = window_mean(near.view(), RADIUS + 2 * SMOOTH)?;
    let inner = |at: usize, length: usize| (RADIUS..length.saturating_sub(RADIUS)).contains(&at);
    room::from_fn((height, width), |(y, x)| near[[y, x]] == 0.0 && inner(x, width) && inner(y, height))
}

/// A picture, divided.
struct Layers {
    /// [3, height, width]: without detail.
    smooth: Array3<f32>,
    /// [height, width]: luma of the detail.
    detail: Array2<f32>,
    /// [height, width]: its variance around every pixel.
    variance: Array2<f32>,
}

impl Layers {
    fn new(mut picture: Array3<f32>) -> Result<Self, Stopped> {
        let mut smooth = room::filled(picture.dim(), 0.0)?;
        for (mut smooth, colour) in smooth.outer_iter_mut().zip(picture.outer_iter()) {
            smooth.assign(&window_mean(window_mean(colour, SMOOTH)?.view(), SMOOTH)?);
        }
        picture -= &smooth;
        let (_, height, width) = picture.dim();
        let detail = room::from_fn((height, width), |(y, x)| luma([0, 1, 2].map(|c| picture[[c, y, x]])))?;
        drop(picture);
        let squares = room::map(detail.view(), |detail| detail * detail)?;
        let variance = window_mean(squares.view(), NEAR)?;
        Ok(Layers { smooth, detail, variance })
    }

    /// The shape of the detail whatever its strength, and the colours.
    fn features(&self) -> Result<Array2<Feature>, Stopped> {
        room::from_fn(self.detail.dim(), |at| {
            let shape = self.detail[at] / (self.variance[at] + LITTLE * LITTLE).sqrt();
            let colours = self.smooth.slice(s![.., at.0, at.1]);
            [shape, COLOUR * colours[0], COLOUR * colours[1], COLOUR * colours[2]]
        })
    }
}

/// The part of a source's detail with which the fill's is as strong as the source's, from the variances of both.
fn lack(filled: f32, offered: f32) -> f32 {
    if offered <= 0.0 { 0.0 } else { (1.0 - filled / offered).max(0.0).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::{Channels, Depth, Layout};

    const SIDE: usize = 96;

    /// Gray with the given detail, in luma.
    fn gray(detail: impl Fn(usize, usize) -> f32) -> Array3<f32> {
        Array3::from_shape_fn((3, SIDE, SIDE), |(_, y, x)| 0.5 + detail(y, x))
    }

    fn stripes(y: usize, _: usize) -> f32 {
        if y % 4 < 2 { 0.1 } else { -0.1 }
    }

    fn square() -> Array2<f32> {
        let inside = |at: usize| (36..60).contains(&at);
        Array2::from_shape_fn((SIDE, SIDE), |(y, x)| f32::from(u8::from(inside(y) && inside(x))))
    }

    fn find(picture: &Array3<f32>, fill: &Array3<f32>, alpha: &Array2<f32>) -> Option<Texture> {
        Texture::find(picture, fill, alpha.view(), Control::default()).unwrap()
    }

    /// A picture of 8 bits a colour, each of whose pixels is `times` squared pixels.
    fn stored(picture: &Array3<f32>, times: usize) -> (Vec<u8>, Layout) {
        let side = (times * SIDE) as u32;
        let value = |y: usize, x: usize, c: usize| (picture[[c, y / times, x / times]] * 255.0).round() as u8;
        let pixels = (0..times * SIDE).flat_map(|y| (0..times * SIDE).map(move |x| (y, x)));
        let data = pixels.flat_map(|(y, x)| [0, 1, 2].map(|c| value(y, x, c))).collect();
        (data, Layout::packed(side, side, Channels::Rgb, Depth::U8))
    }

    #[test]
    fn an_even_fill_gets_the_texture_around_it_in_step() {
        let picture = gray(stripes);
        let texture = find(&picture, &gray(|_, _| 0.0), &square()).unwrap();
        let (data, layout) = stored(&picture, 1);
        let reader = texture.reader((SIDE as u32, SIDE as u32)).unwrap();
        let read =
            |y: usize, x: usize| reader.read(&Picture::new(&data, layout).unwrap(), x as u32, y as u32).0[0];
        let inside = || (36..60).flat_map(|y| (36..60).map(move |x| (y, x)));
        let along: f32 = inside().map(|(y, x)| read(y, x) * stripes(y, x)).sum();
        let whole: f32 = inside().map(|(y, x)| stripes(y, x) * stripes(y, x)).sum();
        assert!(along > 0.7 * whole, "{along} of {whole}");
        assert_eq!(read(20, 20), 0.0);
    }

    #[test]
    fn a_fill_that_has_texture_gets_none() {
        let picture = gray(stripes);
        let texture = find(&picture, &gray(|y, x| stripes(x, y)), &square()).unwrap();
        let most = texture.lack.iter().copied().fold(0.0, f32::max);
        assert!(most < 0.5, "{most}");
        let middle = texture.lack.slice(s![42..54, 42..54]).mean().unwrap();
        assert!(middle < 0.05, "{middle}");
    }

    #[test]
    fn detail_finer_than_the_working_scale_comes_along() {
        let picture = gray(|_, _| 0.0);
        let texture = find(&picture, &picture, &square()).unwrap();
        // Nothing is seen of it at the working scale, and nothing is lacking there.
        assert!(texture.lack.iter().all(|lack| *lack == 0.0));
        let noisy = gray(|y, x| ((y * 31 + x * 17) % 13) as f32 / 130.0 - 0.05);
        let texture = find(&noisy, &picture, &square()).unwrap();
        let (mut data, layout) = stored(&noisy, 3);
        for (number, value) in data.iter_mut().enumerate() {
            *value = value.saturating_add_signed(if number / 3 % 2 == 0 { 20 } else { -20 });
        }
        let reader = texture.reader((3 * SIDE as u32, 3 * SIDE as u32)).unwrap();
        let row: Vec<f32> = (3 * 40..3 * 56)
            .map(|x| reader.read(&Picture::new(&data, layout).unwrap(), x, 144).0[1])
            .collect();
        let fine = row.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum::<f32>() / row.len() as f32;
        assert!(fine > 0.08, "{fine}");
    }

    #[test]
    fn without_anything_to_fill_or_to_take_from_there_is_none() {
        let picture = gray(stripes);
        assert!(find(&picture, &picture, &Array2::zeros((SIDE, SIDE))).is_none());
        assert!(find(&picture, &picture, &Array2::ones((SIDE, SIDE))).is_none());
        let tiny = Array3::zeros((3, 1, 2));
        assert!(find(&tiny, &tiny, &ndarray::arr2(&[[0.0, 1.0]])).is_none());
    }

    #[test]
    fn a_caller_can_stop_the_search() {
        let stop = std::sync::atomic::AtomicBool::new(true);
        let picture = gray(stripes);
        let control = Control::new(None, Some(&stop));
        assert!(Texture::find(&picture, &picture, square().view(), control).is_err());
    }
}
