//! What only OpenEXR files have: further channels and layers, attributes, halves, and several ways to be packed.

use std::io::{Seek, Write};

use ::exr::prelude::{FlatImage, FlatSamples, ReadChannels, ReadLayers, Vec2, WritableImage, f16, read};
use anyhow::{Context, anyhow};

use super::Source;

/// The channels that are worked on.
const COLOURS: [&str; 3] = ["R", "G", "B"];

/// A file whose colours are to be replaced.
#[derive(Clone, Debug)]
pub struct Whole {
    source: Source,
    /// How many channels it has beside the colours and alpha of the layer that is worked on.
    pub further: usize,
}

/// What a file holds beside the picture that is worked on.
///
/// # Errors
/// When it is broken.
pub fn open(source: &Source) -> anyhow::Result<Whole> {
    let reader = ::exr::block::read(source.open()?, false).map_err(broken)?;
    let channels: usize = reader.headers().iter().map(|header| header.channels.list.len()).sum();
    let has_alpha = reader.headers().iter().any(|header| {
        let has = |name: &str| header.channels.list.iter().any(|channel| channel.name.eq(name));
        COLOURS.into_iter().all(has) && has("A")
    });
    let own = COLOURS.len() + usize::from(has_alpha);
    Ok(Whole { source: source.clone(), further: channels.saturating_sub(own) })
}

fn broken(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the picture cannot be decoded: {error}")
}

impl Whole {
    /// Writes the file again with other colours: `colours` has `channels` floats for each pixel of a picture of this size,
    /// red, green and blue first.
    ///
    /// # Errors
    /// When the file cannot be read again, or not be written.
    pub fn write(
        &self,
        writer: impl Write + Seek,
        (width, height): (u32, u32),
        channels: usize,
        colours: &[u8],
    ) -> anyhow::Result<()> {
        let mut image: FlatImage = read()
            .no_deep_data()
            .largest_resolution_level()
            .all_channels()
            .all_layers()
            .all_attributes()
            .from_buffered(self.source.open()?)
            .map_err(broken)?;
        let window = image.attributes.display_window.position;
        let layer = image
            .layer_data
            .iter_mut()
            .find(|layer| {
                let has = |name: &str| layer.channel_data.list.iter().any(|channel| channel.name.eq(name));
                COLOURS.into_iter().all(has)
            })
            .context("the OpenEXR file has no colours any more")?;
        let (offset, size) = (layer.attributes.layer_position - window, layer.size);
        for channel in &mut layer.channel_data.list {
            let Some(number) = COLOURS.iter().position(|name| channel.name.eq(name)) else { continue };
            if channel.sampling != Vec2(1, 1) {
                anyhow::bail!("OpenEXR files that share colours between pixels cannot be written");
            }
            for y in 0..size.height() {
                for x in 0..size.width() {
                    // What lies outside of the window that is shown stays.
                    let seen = |at: usize, offset: i32, side: u32| {
                        i64::try_from(at)
                            .ok()
                            .map(|at| at + i64::from(offset))
                            .filter(|at| (0..i64::from(side)).contains(at))
                    };
                    let (Some(column), Some(row)) = (seen(x, offset.x(), width), seen(y, offset.y(), height))
                    else {
                        continue;
                    };
                    let value = 4 * ((row as usize * width as usize + column as usize) * channels + number);
                    let Some([a, b, c, d]) = colours.get(value..value + 4) else { continue };
                    let colour = f32::from_ne_bytes([*a, *b, *c, *d]);
                    let at = y * size.width() + x;
                    match &mut channel.sample_data {
                        FlatSamples::F16(samples) => samples[at] = f16::from_f32(colour),
                        FlatSamples::F32(samples) => samples[at] = colour,
                        FlatSamples::U32(samples) => samples[at] = colour as u32,
                    }
                }
            }
        }
        image.write().to_buffered(writer).map_err(|error| anyhow!("{error}"))
    }
}
