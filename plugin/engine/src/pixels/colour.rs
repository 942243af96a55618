//! Stored colours and the sRGB-encoded, straight ones that networks see.

use super::Transfer;

/// The sRGB curve and its inverse (IEC 61966-2-1), for values from 0 to 1.
pub(crate) fn to_srgb(transfer: Transfer, stored: f32) -> f32 {
    match transfer {
        Transfer::Srgb => stored,
        Transfer::Linear if stored <= 0.003_130_8 => stored * 12.92,
        Transfer::Linear => 1.055 * stored.powf(1.0 / 2.4) - 0.055,
    }
}

/// See [`to_srgb`].
pub(crate) fn from_srgb(transfer: Transfer, encoded: f32) -> f32 {
    match transfer {
        Transfer::Srgb => encoded,
        Transfer::Linear if encoded <= 0.040_45 => encoded / 12.92,
        Transfer::Linear => ((encoded + 0.055) / 1.055).powf(2.4),
    }
}

/// The nearest value that a network may see: from 0 to 1, and a number.
pub(super) fn displayable(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

/// Luma of an encoded colour (weights of ITU-R BT.709).
pub(crate) fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_has_the_standards_values_and_an_inverse() {
        assert!((to_srgb(Transfer::Linear, 0.214_041) - 0.5).abs() < 1e-4);
        for step in 0..=1000 {
            let value = step as f32 / 1000.0;
            let back = from_srgb(Transfer::Linear, to_srgb(Transfer::Linear, value));
            assert!((back - value).abs() < 1e-5, "{value} came back as {back}");
        }
    }
}
