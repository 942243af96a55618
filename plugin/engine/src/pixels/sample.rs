//! Values of a channel as they lie in memory, at any address.

/// A channel's type; as a number black is 0 and white is 1.
pub(super) trait Sample {
    /// Bytes of a value.
    const BYTES: usize;

    /// Reads the value at the start of `bytes`.
    fn load(bytes: &[u8]) -> f32;

    /// Writes the nearest value to the start of `bytes`.
    fn store(value: f32, bytes: &mut [u8]);
}

impl Sample for u8 {
    const BYTES: usize = 1;

    fn load(bytes: &[u8]) -> f32 {
        f32::from(bytes[0]) / 255.0
    }

    fn store(value: f32, bytes: &mut [u8]) {
        bytes[0] = (value * 255.0 + 0.5) as u8;
    }
}

impl Sample for u16 {
    const BYTES: usize = 2;

    fn load(bytes: &[u8]) -> f32 {
        f32::from(u16::from_ne_bytes([bytes[0], bytes[1]])) / 65535.0
    }

    fn store(value: f32, bytes: &mut [u8]) {
        bytes[..2].copy_from_slice(&((value * 65535.0 + 0.5) as u16).to_ne_bytes());
    }
}

impl Sample for f32 {
    const BYTES: usize = 4;

    fn load(bytes: &[u8]) -> f32 {
        f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    fn store(value: f32, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&value.to_ne_bytes());
    }
}
