//! Light on the surface: one sun or lamp, a sky, cast shadows.

use crate::colour::{Rgb, mix, scale, srgb, tint, vary};
use crate::noise::{Rng, fbm, smoothstep, wave};
use crate::plane::Plane;
use crate::view::View;

/// The lighting of a scene.
#[derive(Clone, Debug)]
pub struct Light {
    towards: [f32; 3],
    halfway: [f32; 3],
    direct: Rgb,
    sky: Rgb,
    ground: Rgb,
    falloff: (f32, f32),
    shadow: Option<Shadow>,
}

#[derive(Clone, Copy, Debug)]
struct Shadow {
    across: (f32, f32),
    period: f32,
    part: f32,
    soft: f32,
    wobble: f32,
    seed: u32,
}

fn unit(v: [f32; 3]) -> [f32; 3] {
    let k = 1.0 / (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt();
    v.map(|c| c * k)
}

impl Light {
    /// A random lighting, from overcast to hard sun.
    pub fn random(rng: &mut Rng) -> Self {
        let hard = rng.range(0.2, 1.0);
        let warm = rng.range(-0.5, 1.0);
        let towards = unit([rng.range(-0.9, 0.9), rng.range(-1.0, 0.3), rng.range(0.45, 1.2)]);
        let shadow = rng.chance(0.4).then(|| Shadow {
            across: (rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)),
            period: rng.range(0.4, 2.5),
            part: rng.range(-0.6, 0.7),
            soft: rng.range(0.02, 0.5),
            wobble: rng.pick(&[0.0, 0.0, 0.03, 0.06, 0.3]),
            seed: rng.seed(),
        });
        let cast = mix([0.88, 0.97, 1.15], [1.18, 0.98, 0.74], warm * 0.6 + 0.35);
        let mut light = Self::new(towards, scale(cast, 1.2 * hard), 0.75 - 0.65 * hard);
        light.sky = vary(rng, light.sky, 0.15);
        light.falloff = (rng.range(-0.5, 0.5), rng.range(-0.5, 0.5));
        light.shadow = shadow;
        light
    }

    /// Light from `towards` (x right, y down, z to the camera) of the given colour, and a sky of the given strength.
    pub fn new(towards: [f32; 3], direct: Rgb, sky: f32) -> Self {
        let towards = unit(towards);
        Self {
            towards,
            halfway: unit([towards[0], towards[1], towards[2] + 1.0]),
            direct,
            sky: scale(srgb(206, 222, 240), sky + 0.14),
            ground: scale(srgb(150, 138, 122), 0.5 * sky + 0.07),
            falloff: (0.0, 0.0),
            shadow: None,
        }
    }

    /// The same light, stronger towards one side of the picture: by these parts per picture width and height.
    pub fn falling_off(self, right: f32, down: f32) -> Self {
        Self { falloff: (right, down), ..self }
    }

    /// How much of the direct light reaches each pixel: falloff over the picture and cast shadows, 0.. about 1.3.
    pub fn reach(&self, view: &View) -> Plane {
        let (width, height) = view.size;
        let (w, h) = (width as f32, height as f32);
        Plane::coarse(width, height, 2, |x, y| {
            let fall = 1.0 + self.falloff.0 * (x / w - 0.5) + self.falloff.1 * (y / h - 0.5);
            let Some(shadow) = &self.shadow else { return fall };
            let (px, py) = (x * view.pitch, y * view.pitch);
            let wobble = shadow.wobble * fbm(px * 5.0, py * 5.0, 2, shadow.seed);
            let across = (px * shadow.across.0 + py * shadow.across.1 + wobble) / shadow.period;
            let lit = smoothstep(-shadow.soft, shadow.soft, wave(across) - shadow.part);
            fall * (0.12 + 0.88 * lit)
        })
    }

    /// Light sent to the camera (Lambert plus Blinn-Phong, Blinn 1977; `bare` metal mirrors sky and ground instead of
    /// scattering all of it). `slope` is the relief's slope to the right and downwards.
    #[inline]
    pub fn shade(
        &self,
        albedo: Rgb,
        gloss: f32,
        bare: bool,
        slope: (f32, f32),
        reach: f32,
        open: f32,
    ) -> Rgb {
        let k = 1.0 / (slope.0 * slope.0 + slope.1 * slope.1 + 1.0).sqrt();
        let n = [-slope.0 * k, -slope.1 * k, k];
        let facing = (n[0] * self.towards[0] + n[1] * self.towards[1] + n[2] * self.towards[2]).max(0.0);
        let ambient = mix(self.ground, self.sky, smoothstep(-1.1, 1.1, -2.0 * n[1] * n[2] + 0.3));
        let sun = reach * open;
        let light: Rgb = std::array::from_fn(|c| self.direct[c] * facing * sun + ambient[c] * open);
        let glance = (n[0] * self.halfway[0] + n[1] * self.halfway[1] + n[2] * self.halfway[2]).max(0.0);
        let mut lobe = glance * glance;
        let squarings = 1 + (gloss * 4.5) as u32;
        for _ in 0..squarings {
            lobe *= lobe;
        }
        let shine = lobe * sun * gloss * if bare { 1.1 } else { 0.35 };
        let mirror = if bare { albedo } else { [1.0; 3] };
        let body = tint(albedo, light);
        let glint = tint(mirror, scale(self.direct, shine));
        let bright = if bare {
            // The blurred surroundings: bright above the horizon, dark below.
            let horizon = smoothstep(-0.25, 0.35, -2.0 * n[1] * n[2] + 0.6 * n[0]);
            let seen = scale(tint(albedo, self.sky), (0.25 + 1.1 * horizon) * open);
            mix(body, seen, 0.45 * gloss)
        } else {
            body
        };
        std::array::from_fn(|c| bright[c] + glint[c])
    }
}
