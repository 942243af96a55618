//! What takes the place of rust looks like what the caller wants.

use derust_engine::filters::derust::{self, colour_at};
use derust_interface::*;

use crate::failure::Failure;
use crate::image::Pixels;

/// The caller's wish, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    strength: f32,
    shape: f32,
    colour: Colour,
}

#[derive(Clone, Copy, Debug)]
enum Colour {
    Own,
    Given([f32; 3]),
    /// That of a place in the image: its column and row.
    At(u32, u32),
}

impl Look {
    /// `place` counts where the colour comes from the image.
    pub(crate) fn new(
        (strength, shape): (f32, f32),
        source: i32,
        colour: [f32; 3],
        place: (u32, u32),
    ) -> Result<Self, Failure> {
        for (name, value) in [("strength", strength), ("shape", shape)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(Failure::argument(format!("options.{name} is {value}; it goes from 0 to 1")));
            }
        }
        let colour = match source {
            DERUST_COLOUR_OWN => Colour::Own,
            DERUST_COLOUR_GIVEN => {
                if let Some(part) = colour.iter().find(|part| !(0.0..=1.0).contains(*part)) {
                    let text = format!("options.colour has {part} in it; its parts go from 0 to 1");
                    return Err(Failure::argument(text));
                }
                Colour::Given(colour)
            }
            DERUST_COLOUR_FROM_IMAGE => Colour::At(place.0, place.1),
            other => {
                let text = format!("options.colour_source is {other}, which is no DERUST_COLOUR_ constant");
                return Err(Failure::argument(text));
            }
        };
        Ok(Look { strength, shape, colour })
    }

    /// What it is for an image.
    pub(crate) fn of(&self, image: &Pixels) -> Result<derust::Look, Failure> {
        let colour = match self.colour {
            Colour::Own => None,
            Colour::Given(colour) => Some(colour),
            Colour::At(x, y) => {
                let lent = image.lend()?;
                Some(colour_at(&lent.picture()?, (x, y)).map_err(|error| match error {
                    derust_engine::Error::Option(text) => {
                        Failure::argument(format!("options.colour_x and colour_y: {text}"))
                    }
                    other => other.into(),
                })?)
            }
        };
        Ok(derust::Look { strength: self.strength, shape: self.shape, colour })
    }
}
