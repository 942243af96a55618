//! How pixels are stored.

use std::ffi::CStr;

/// The type of a channel's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// 8-bit integers.
    U8,
    /// 16-bit integers.
    U16,
    /// 32-bit floats.
    F32,
}

/// How pixels lie in the memory of a [`Picture`](super::Picture); colours are sRGB's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// One channel instead of red, green and blue.
    pub gray: bool,
    /// With a further channel for opacity.
    pub alpha: bool,
    /// Values are proportional to light.
    pub linear: bool,
    /// The type of the values.
    pub depth: Depth,
}

impl Format {
    /// babl's name.
    pub fn name(self) -> String {
        let alpha = if self.alpha { "A" } else { "" };
        let model = match (self.gray, self.linear) {
            (true, true) => "Y",
            (true, false) => "Y'",
            (false, true) => "RGB",
            (false, false) => "R'G'B'",
        };
        let depth = match self.depth {
            Depth::U8 => "u8",
            Depth::U16 => "u16",
            Depth::F32 => "float",
        };
        format!("{model}{alpha} {depth}")
    }

    /// Channels per pixel.
    pub fn channels(self) -> usize {
        (if self.gray { 1 } else { 3 }) + usize::from(self.alpha)
    }

    /// Bytes per channel.
    pub fn channel_bytes(self) -> usize {
        match self.depth {
            Depth::U8 => 1,
            Depth::U16 => 2,
            Depth::F32 => 4,
        }
    }

    /// Bytes per pixel.
    pub fn pixel_bytes(self) -> usize {
        self.channels() * self.channel_bytes()
    }

    /// What libderust calls it. Gray with alpha is gray whose pixels lie further apart.
    pub fn known_as(self) -> derust_client::Format {
        use derust_client::Format::*;
        let [gray, rgb, rgba] = match self.depth {
            Depth::U8 => [GrayU8, RgbU8, RgbaU8],
            Depth::U16 => [GrayU16, RgbU16, RgbaU16],
            Depth::F32 => [GrayF32, RgbF32, RgbaF32],
        };
        match (self.gray, self.alpha) {
            (true, _) => gray,
            (false, false) => rgb,
            (false, true) => rgba,
        }
    }
}

/// How GIMP stores the pixels of a drawable, and as what they are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The format that pixels are read in.
    pub working: Format,
    /// Bytes of a pixel as GIMP stores it.
    pub native_bytes: usize,
    exact: bool,
}

impl Encoding {
    /// From babl's name of a format, such as `R'G'B'A u8`; nothing for colours of a palette and other models.
    pub fn new(name: &str, is_srgb: bool, native_bytes: usize) -> Option<Self> {
        let (model, depth) = name.split_once(' ')?;
        let (colours, alpha) = match model.strip_suffix('A') {
            Some(colours) => (colours, true),
            None => (model, false),
        };
        let (gray, linear) = match colours {
            "Y" => (true, true),
            "Y'" | "Y~" => (true, false),
            "RGB" => (false, true),
            "R'G'B'" | "R~G~B~" => (false, false),
            _ => return None,
        };
        // In a colour space of its own, a perceptual encoding need not be sRGB's curve: conversion makes it so, in
        // float, because it would not come back from integers as it was.
        let (depth, same_depth) = match depth {
            "u8" if is_srgb => (Depth::U8, true),
            "u16" if is_srgb => (Depth::U16, true),
            "float" => (Depth::F32, true),
            "u8" | "u16" | "u32" | "half" | "double" => (Depth::F32, false),
            _ => return None,
        };
        let working = Format { gray, alpha, linear, depth };
        Some(Encoding { working, native_bytes, exact: is_srgb && same_depth })
    }

    /// Whether pixels come back from the working format bit for bit.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The format in which 0 to 255 become the values of a mask, a selection, a channel as they are stored.
    pub fn coverage(&self) -> &'static CStr {
        if self.working.linear { c"Y u8" } else { c"Y' u8" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_of_gimp_has_a_working_format() {
        let known = |name: &str, srgb| Encoding::new(name, srgb, 4).map(|e| (e.working.name(), e.is_exact()));
        for (name, working, exact) in [
            ("R'G'B' u8", "R'G'B' u8", true),
            ("R'G'B'A u16", "R'G'B'A u16", true),
            ("RGBA float", "RGBA float", true),
            ("R~G~B~A float", "R'G'B'A float", true),
            ("RGB u8", "RGB u8", true),
            ("RGB u32", "RGB float", false),
            ("R'G'B'A half", "R'G'B'A float", false),
            ("RGB double", "RGB float", false),
            ("Y' u8", "Y' u8", true),
            ("YA u16", "YA u16", true),
            ("Y'A double", "Y'A float", false),
        ] {
            assert_eq!(known(name, true), Some((working.into(), exact)), "{name}");
        }
        assert_eq!(known("R'G'B'A u8", false), Some(("R'G'B'A float".into(), false)));
        assert_eq!(known("RGB float", false), Some(("RGB float".into(), false)));
        for name in ["", "RGB", "_babl-int:5 u8", "CMYK float", "R'G'B' u24"] {
            assert_eq!(known(name, true), None, "{name}");
        }
    }
}
