//! A picture of a metal object, twice: with its rust and without.

use crate::camera::Camera;
use crate::clutter::Clutter;
use crate::colour::{Rgb, mix, scale, srgb};
use crate::light::Light;
use crate::metal::Metal;
use crate::noise::{Rng, hash, smoothstep};
use crate::plane::Plane;
use crate::rust::{FRINGE, Growth, Habit, Rust};
use crate::shape::{Body, Shape};
use crate::view::{View, sides};
use image::{GrayImage, Luma, Rgb as Pixel, RgbImage};

/// A metal object with and without rust. All three pictures have the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// The object with its rust, sRGB.
    pub rusty: RgbImage,
    /// The same object without: bit for bit the same wherever the mask is 0.
    pub clean: RgbImage,
    /// 255 where rust (scabs, stains, streaks) changes the picture, else 0. Within the mask's border rust sets in
    /// softly.
    pub mask: GrayImage,
}

/// A thing that has rusted for the most part or as a whole, and the same thing in clean metal or paint. All pictures have
/// the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectScene {
    /// With its rust and without.
    pub scene: Scene,
    /// 255 where rust has eaten through, else 0: what was there cannot be seen.
    pub holes: GrayImage,
    /// 255 where print or stripes lie under rust, else 0.
    pub print: GrayImage,
}

/// What scenes are for. Shapes, coatings and the fineness of rust's grain are others for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Networks learn from them.
    Training,
    /// Networks are measured on them: locks, handwheels and chains, hammered paint and enamel, finer rust.
    Measuring,
}

/// What is before the camera, and the camera.
struct Setting {
    shape: Shape,
    metal: Metal,
    light: Light,
    camera: Camera,
    view: View,
    rust: Option<Rust>,
    level: bool,
    background: Clutter,
    label: Option<Label>,
    print: Option<Label>,
}

/// Renders the scene number `seed`: another object, metal, light and case of rust for each seed; about one in ten has
/// no rust. The same seed gives the same scene at every size, and the same bits on every platform.
///
/// # Panics
/// If `width` or `height` is 0.
pub fn scene(seed: u64, width: u32, height: u32) -> Scene {
    let mut rng = Rng::new(seed, 1);
    let shape = Shape::random(&mut rng);
    let size = sides(width, height);
    let view = View::random(&mut rng, size.0, size.1, shape.upright());
    let metal = Metal::random(&mut rng);
    let rust =
        rng.chance(0.9).then(|| Rust::new(Habit::random(&mut Rng::new(seed, 2)), &mut Rng::new(seed, 3)));
    let level = shape.level() || rng.chance(0.15);
    Setting {
        shape,
        metal,
        light: Light::random(&mut Rng::new(seed, 4)),
        camera: Camera::random(&mut Rng::new(seed, 5)),
        view,
        rust,
        level,
        background: Clutter::random(&mut Rng::new(seed, 6)),
        label: Label::random(&mut Rng::new(seed, 7)),
        print: None,
    }
    .render()
    .scene
}

/// Renders the object number `seed` of a set: another thing, coating, light and rust for each seed. The same seed gives the
/// same scene at every size, and the same bits on every platform.
///
/// # Panics
/// If `width` or `height` is 0.
pub fn object(set: Set, seed: u64, width: u32, height: u32) -> ObjectScene {
    // Other streams than those of scenes.
    let mut rng = Rng::new(seed, 21);
    let (shape, metal, fineness) = match set {
        Set::Training => {
            (Shape::object_to_learn_from(&mut rng), Metal::random(&mut Rng::new(seed, 22)), 0.6..1.2)
        }
        Set::Measuring => {
            (Shape::object_to_measure(&mut rng), Metal::to_measure(&mut Rng::new(seed, 22)), 1.35..1.6)
        }
    };
    let size = sides(width, height);
    let level = shape.level();
    let rust = Rust::new(Habit::whole(&mut Rng::new(seed, 26), fineness), &mut Rng::new(seed, 27));
    // Of a coating that nobody can see nobody can ask the colour: then it is bare metal that lies beneath.
    let hidden = rust.hides_all();
    Setting {
        view: View::random(&mut rng, size.0, size.1, shape.upright()),
        shape,
        metal: if hidden { metal.bared(&mut Rng::new(seed, 23)) } else { metal },
        light: Light::random(&mut Rng::new(seed, 24)),
        camera: Camera::random(&mut Rng::new(seed, 25)),
        rust: Some(rust),
        level,
        background: Clutter::random(&mut Rng::new(seed, 28)),
        label: None,
        print: Label::print(&mut Rng::new(seed, 29)).filter(|_| !hidden),
    }
    .render()
}

/// Renders the picture that the documentation shows: a painted, riveted panel with scabs and streaks.
///
/// # Panics
/// If `width` or `height` is 0.
pub fn sample(width: u32, height: u32) -> Scene {
    let (width, height) = sides(width, height);
    Setting {
        shape: Shape::sample(),
        metal: Metal::sample(),
        light: Light::new([-0.5, -0.62, 0.75], [1.0, 0.96, 0.88], 0.42).falling_off(-0.45, -0.35),
        camera: Camera {
            key: 0.24,
            contrast: 0.25,
            blur: 0.35,
            grain: 1.2,
            vignette: 0.25,
            balance: [1.02, 1.0, 0.98],
            seed: 1,
        },
        view: View::frontal(width, height, 1.1).moved(0.17, -0.06),
        rust: Some(Rust::new(Habit::sample(), &mut Rng::new(12, 3))),
        level: false,
        background: Clutter::random(&mut Rng::new(1, 6)),
        label: None,
        print: None,
    }
    .render()
    .scene
}

/// A label or marker stuck onto the object after it rusted: printed black cells on white or coloured ground.
struct Label {
    middle: (f32, f32),
    half: f32,
    cells: u32,
    ground: Rgb,
    ink: Rgb,
    seed: u32,
}

impl Label {
    fn random(rng: &mut Rng) -> Option<Self> {
        rng.chance(0.15).then(|| {
            let (ground, ink) = rng.pick(&[
                (srgb(20, 20, 22), srgb(236, 236, 232)),
                (srgb(232, 232, 228), srgb(24, 24, 24)),
                (srgb(224, 186, 44), srgb(24, 24, 24)),
                (srgb(176, 44, 40), srgb(236, 232, 228)),
            ]);
            Self {
                middle: (rng.range(-0.3, 0.3), rng.range(-0.3, 0.3)),
                half: rng.range(0.05, 0.13),
                cells: 4 + rng.below(5),
                ground,
                ink,
                seed: rng.seed(),
            }
        })
    }

    /// Print that was there before the rust came.
    fn print(rng: &mut Rng) -> Option<Self> {
        let mut label = Self::random(rng);
        for _ in 0..3 {
            label = label.or_else(|| Self::random(rng));
        }
        label.map(|label| Self { half: label.half * rng.range(1.0, 2.5), ..label })
    }

    fn at(&self, u: f32, v: f32) -> Option<Rgb> {
        let (x, y) = ((u - self.middle.0) / self.half, (v - self.middle.1) / self.half);
        if x.abs() >= 1.0 || y.abs() >= 1.0 {
            return None;
        }
        if x.abs() > 0.72 || y.abs() > 0.72 {
            return Some(self.ground);
        }
        let cell = |t: f32| ((t / 0.72 * 0.5 + 0.5) * self.cells as f32) as i32;
        let inked = hash(cell(x), cell(y), self.seed) & 1 == 0;
        Some(if inked { self.ink } else { self.ground })
    }
}

impl Setting {
    fn render(&self) -> ObjectScene {
        let (width, height) = self.view.size;
        let body = Body::new(&self.shape, &self.view);
        let reach = self.light.reach(&self.view);
        let sound = self.sound(&body);
        let clean = self.light_up(&sound, &body, &reach, None);
        let exposure = self.camera.exposure(&clean);
        let empty = GrayImage::new(width as u32, height as u32);

        let Some(rust) = &self.rust else {
            let picture = self.develop(&self.camera.lens(clean, width), exposure);
            let scene = Scene { rusty: picture.clone(), clean: picture, mask: empty.clone() };
            return ObjectScene { scene, holes: empty.clone(), print: empty };
        };
        let growth = rust.grow(&body, &self.view, self.level);
        let (corroded, change) = self.corrode(&sound, rust, &growth);
        let rusty = self.light_up(&corroded, &body, &reach, Some((&clean, &change)));
        let rusty = self.camera.lens(rusty, width);
        let change: Vec<[f32; 1]> = change.data.iter().map(|&c| [c]).collect();
        let change = self.camera.lens(change, width);
        let clean = self.develop(&self.camera.lens(clean, width), exposure);
        let mut picture = clean.clone();
        let (mut mask, mut holes, mut print) = (empty.clone(), empty.clone(), empty);
        for (at, (pixel, mask)) in picture.pixels_mut().zip(mask.pixels_mut()).enumerate() {
            if change[at][0] > VISIBLE {
                *mask = Luma([255]);
                *pixel =
                    Pixel(self.camera.develop(rusty[at], exposure, at % width, at / width, self.view.size));
                let white = |is: bool| Luma([if is { 255 } else { 0 }]);
                let (x, y) = ((at % width) as u32, (at / width) as u32);
                holes.put_pixel(x, y, white(corroded.eaten[at]));
                print.put_pixel(x, y, white(sound.printed[at] && !corroded.eaten[at]));
            }
        }
        ObjectScene { scene: Scene { rusty: picture, clean, mask }, holes, print }
    }

    /// The object before it rusted.
    fn sound(&self, body: &Body) -> Surface {
        let (width, height) = self.view.size;
        let blotches = self.metal.blotches(&self.view);
        let mut surface = Surface::new(width, height);
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                let (u, v) = self.view.at(x as f32, y as f32);
                let solid = body.solid.data[at];
                if let Some(colour) = self.label.as_ref().and_then(|label| label.at(u, v)) {
                    surface.put(at, colour, 0.3, body.height.data[at]);
                    surface.covered[at] = true;
                    continue;
                }
                if solid > 0.0 {
                    let mut finish = self.metal.at(u, v, blotches.data[at], body.open.data[at], &self.view);
                    if let Some(colour) = self.print.as_ref().and_then(|print| print.at(u, v)) {
                        finish.albedo = mix(finish.albedo, colour, 0.9);
                        surface.printed[at] = true;
                    }
                    let height = body.height.data[at] + finish.height / self.view.pitch;
                    surface.put(at, finish.albedo, finish.gloss, height);
                }
                if solid < 1.0 {
                    // Out of focus: seen at a quarter of the detail.
                    let behind = self.background.at(u * 0.7, v * 0.7, self.view.pitch * 4.0);
                    surface.albedo[at] = mix(scale(behind, 0.8), surface.albedo[at], solid);
                }
            }
        }
        surface
    }

    /// The same surface with its rust, and how much each pixel is changed, 0..1.
    fn corrode(&self, sound: &Surface, rust: &Rust, growth: &Growth) -> (Surface, Plane) {
        let (width, height) = self.view.size;
        let mut surface = sound.clone();
        let mut change = Plane::filled(width, height, 0.0);
        let near = growth.core.blurred(((0.0025 / self.view.pitch) as usize).clamp(1, 4));
        let coated = self.metal.coated();
        let to_pixels = 1.0 / self.view.pitch;
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                if surface.covered[at] {
                    continue;
                }
                let (core, stain, depth) =
                    (growth.core.data[at], growth.stain.data[at], growth.depth.data[at]);
                // A coating blisters and breaks off just outside the rust.
                let rim =
                    if coated { smoothstep(-FRINGE, -0.02, depth) * smoothstep(0.1, 0.0, core) } else { 0.0 };

                let rim = rim * smoothstep(0.03, 0.2, near.data[at]);
                let total = 1.0 - (1.0 - core) * (1.0 - stain) * (1.0 - 0.5 * rim);

                if total < VISIBLE {
                    continue;
                }
                let (u, v) = self.view.at(x as f32, y as f32);
                let (colour, relief) = rust.look(u, v, depth, &self.view);
                let ground = mix(surface.albedo[at], self.metal.ground(), 0.45 * rim);
                let stained = rust.stained(ground, stain);
                surface.albedo[at] = mix(stained, rust.over(colour, surface.albedo[at]), core);
                surface.gloss[at] *= (1.0 - core) * (1.0 - 0.6 * stain);
                let step = if coated { 0.002 * rust.relief() * (rim - near.data[at]) } else { 0.0 };
                surface.height.data[at] += (relief * core + step) * to_pixels;
                surface.rust[at] = core;
                change.data[at] = total;
                let eaten = rust.eaten(u, v, depth) * smoothstep(0.5, 0.9, core);
                if eaten > 0.0 {
                    let behind = scale(self.background.at(u * 0.7, v * 0.7, self.view.pitch * 4.0), 0.12);
                    surface.albedo[at] = mix(surface.albedo[at], behind, eaten);
                    surface.height.data[at] -= 0.012 * eaten * to_pixels;
                    surface.eaten[at] = eaten > 0.5;
                }
            }
        }
        (surface, change)
    }

    /// Lights a surface; with `over`, only where it is changed, blended over the light of the unchanged one.
    fn light_up(
        &self,
        surface: &Surface,
        body: &Body,
        reach: &Plane,
        over: Option<(&[Rgb], &Plane)>,
    ) -> Vec<Rgb> {
        let (width, height) = self.view.size;
        let bare = self.metal.bare();
        let mut out = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let at = y * width + x;
                if let Some((clean, change)) = over
                    && change.data[at] <= 0.0
                {
                    out.push(clean[at]);
                    continue;
                }
                let albedo = surface.albedo[at];
                if body.solid.data[at] <= 0.0 {
                    out.push(albedo);
                    continue;
                }
                let mirrors = bare && surface.rust[at] < 0.5 && !surface.covered[at];
                let slope = surface.height.slope(x, y);
                let lit = self.light.shade(
                    albedo,
                    surface.gloss[at],
                    mirrors,
                    slope,
                    reach.data[at],
                    body.open.data[at],
                );
                out.push(match over {
                    Some((clean, change)) => mix(clean[at], lit, smoothstep(VISIBLE, 0.42, change.data[at])),
                    None => lit,
                });
            }
        }
        out
    }

    fn develop(&self, light: &[Rgb], exposure: f32) -> RgbImage {
        let (width, height) = self.view.size;
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let (x, y) = (x as usize, y as usize);
            Pixel(self.camera.develop(light[y * width + x], exposure, x, y, (width, height)))
        })
    }
}

/// Changes up to this are not seen.
const VISIBLE: f32 = 0.14;

/// The surface of the object, pixel by pixel.
#[derive(Clone)]
struct Surface {
    albedo: Vec<Rgb>,
    gloss: Vec<f32>,
    height: Plane,
    rust: Vec<f32>,
    covered: Vec<bool>,
    printed: Vec<bool>,
    eaten: Vec<bool>,
}

impl Surface {
    fn new(width: usize, height: usize) -> Self {
        let count = width * height;
        Self {
            albedo: vec![[0.0; 3]; count],
            gloss: vec![0.0; count],
            height: Plane::filled(width, height, 0.0),
            rust: vec![0.0; count],
            covered: vec![false; count],
            printed: vec![false; count],
            eaten: vec![false; count],
        }
    }

    fn put(&mut self, at: usize, albedo: Rgb, gloss: f32, height: f32) {
        self.albedo[at] = albedo;
        self.gloss[at] = gloss;
        self.height.data[at] = height;
    }
}
