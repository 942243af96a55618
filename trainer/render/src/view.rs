//! Where each pixel looks: from the picture to the surface of the object.

use crate::noise::Rng;

/// The sides of a picture as `usize`, refusing pictures without pixels.
pub fn sides(width: u32, height: u32) -> (usize, usize) {
    assert!(
        width > 0 && height > 0,
        "a picture of {width}x{height} pixels has no pixels: give sides of at least 1"
    );
    (width as usize, height as usize)
}

/// A plane seen by a camera: rotation, zoom and a mild perspective. Surface units: 1 is the square root of the
/// picture's area at zoom 1, so a scene looks the same at every picture size.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Surface units per pixel (in the middle of the picture).
    pub pitch: f32,
    /// Width and height in pixels.
    pub size: (usize, usize),
    cosine: f32,
    sine: f32,
    lean: (f32, f32),
    offset: (f32, f32),
}

impl View {
    /// A random view; `upright` allows only a small tilt, as of somebody photographing a wall.
    pub fn random(rng: &mut Rng, width: usize, height: usize, upright: bool) -> Self {
        let zoom = rng.pick(&[0.6, 0.8, 1.0, 1.0, 1.3, 1.7]) * rng.range(0.85, 1.2);
        // t is the tangent of half the angle: a rotation without trigonometry.
        let t = if upright { rng.range(-0.06, 0.06) } else { rng.range(-1.0, 1.0) };
        let lean = if rng.chance(0.5) { (rng.range(-0.35, 0.35), rng.range(-0.5, 0.5)) } else { (0.0, 0.0) };
        let mut view = Self::frontal(width, height, zoom);
        (view.cosine, view.sine) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        view.lean = (lean.0 / zoom, lean.1 / zoom);
        view.offset = (rng.range(-0.3, 0.3), rng.range(-0.3, 0.3));
        view
    }

    /// Straight on, the picture's middle at the origin.
    pub fn frontal(width: usize, height: usize, zoom: f32) -> Self {
        Self {
            pitch: zoom / ((width * height) as f32).sqrt(),
            size: (width, height),
            cosine: 1.0,
            sine: 0.0,
            lean: (0.0, 0.0),
            offset: (0.0, 0.0),
        }
    }

    /// The same view, the camera moved along the surface.
    pub fn moved(self, du: f32, dv: f32) -> Self {
        let offset = (self.offset.0 + du, self.offset.1 + dv);
        Self { offset, ..self }
    }

    /// The place on the surface that a pixel shows.
    #[inline]
    pub fn at(&self, x: f32, y: f32) -> (f32, f32) {
        let px = (x + 0.5 - self.size.0 as f32 * 0.5) * self.pitch;
        let py = (y + 0.5 - self.size.1 as f32 * 0.5) * self.pitch;
        let depth = (1.0 + self.lean.0 * px + self.lean.1 * py).max(0.3);
        let (px, py) = (px / depth, py / depth);
        (px * self.cosine - py * self.sine + self.offset.0, px * self.sine + py * self.cosine + self.offset.1)
    }
}
