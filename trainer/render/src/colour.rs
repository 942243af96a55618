//! Linear-light RGB and its sRGB encoding (IEC 61966-2-1).

use crate::noise::Rng;
use std::sync::LazyLock;

/// Linear-light RGB, 0..1 for reflectances, unbounded for light.
pub type Rgb = [f32; 3];

/// The n-th root of x in 0..1 by Newton's method: the same bits everywhere, unlike `powf`.
fn root(x: f64, n: i32) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let degree = f64::from(n);
    let mut r = 1.0;
    for _ in 0..64 {
        let mut power = 1.0;
        for _ in 1..n {
            power *= r;
        }
        r -= (r - x / power) / degree;
    }
    r
}

fn decode_exact(code: f64) -> f64 {
    if code <= 0.04045 {
        code / 12.92
    } else {
        let x = (code + 0.055) / 1.055;
        let fifth = root(x, 5);
        x * x * fifth * fifth
    }
}

fn encode_exact(x: f64) -> f64 {
    if x <= 0.003_130_8 {
        x * 12.92
    } else {
        let third = root(x, 3);
        1.055 * root(third * third * third * third * third, 4) - 0.055
    }
}

static DECODE: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|code| decode_exact(code as f64 / 255.0) as f32));

/// sRGB codes (0..255, with fractions) over the square root of linear light, which spreads the shadows out.
static ENCODE: LazyLock<Vec<f32>> = LazyLock::new(|| {
    (0..=1024)
        .map(|i| {
            let s = f64::from(i) / 1024.0;
            (encode_exact(s * s) * 255.0) as f32
        })
        .collect()
});

/// Linear light of an sRGB colour given in codes 0..255.
pub fn srgb(red: u8, green: u8, blue: u8) -> Rgb {
    [red, green, blue].map(|code| DECODE[usize::from(code)])
}

/// sRGB codes 0..255, with fractions, of a linear-light colour; light beyond 0..1 is clipped.
pub fn encode(colour: Rgb) -> Rgb {
    let table = &*ENCODE;
    colour.map(|x| {
        let at = x.clamp(0.0, 1.0).sqrt() * 1024.0;
        let low = (at as usize).min(1023);
        table[low] + (table[low + 1] - table[low]) * (at - low as f32)
    })
}

/// From `a` (t = 0) to `b` (t = 1).
#[inline]
pub fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

/// `colour` times the number `k`.
#[inline]
pub fn scale(colour: Rgb, k: f32) -> Rgb {
    colour.map(|c| c * k)
}

/// Channel by channel product, as of light and reflectance.
#[inline]
pub fn tint(a: Rgb, b: Rgb) -> Rgb {
    [a[0] * b[0], a[1] * b[1], a[2] * b[2]]
}

/// Relative luminance (ITU-R BT.709 weights).
#[inline]
pub fn luminance(c: Rgb) -> f32 {
    0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2]
}

/// `colour` with every channel varied at random by up to the factor 1 ± `spread`.
pub fn vary(rng: &mut Rng, colour: Rgb, spread: f32) -> Rgb {
    let all = rng.range(1.0 - spread, 1.0 + spread);
    colour.map(|c| c * all * rng.range(1.0 - spread * 0.5, 1.0 + spread * 0.5))
}

/// A colour from a palette of linear-light stops, `t` in 0..1.
#[inline]
pub fn ramp(stops: &[Rgb], t: f32) -> Rgb {
    let at = t.clamp(0.0, 1.0) * (stops.len() - 1) as f32;
    let low = (at as usize).min(stops.len() - 2);
    mix(stops[low], stops[low + 1], at - low as f32)
}
