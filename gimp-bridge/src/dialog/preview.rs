//! The preview: the visible part of the result, reduced to the size of the widget.

use std::cell::RefCell;
use std::ffi::c_int;
use std::sync::Arc;

use crate::filter::{Filter, Made, Source};
use crate::gimp::Port;
use crate::pixels::{Picture, Plane, Rectangle};

/// The picture of the preview is made to fit within this width and height.
const PICTURE: (u32, u32) = (330, 220);

/// Samples along each side of a pixel of the preview, where it stands for many of the picture.
const SAMPLES: u32 = 3;

/// What lies over rust: a colour that metal does not have, and how much of it.
const TINT: ([f32; 3], f32) = ([255.0, 0.0, 64.0], 0.6);

/// What the preview of a dialog shows.
pub struct Preview(RefCell<Scene>);

/// What the preview shows.
struct Scene {
    /// The part of the layer that can be scrolled to.
    area: Rectangle,
    source: Source,
    view: View,
}

enum View {
    /// The picture as it is.
    Picture,
    /// A result, as far as a mask lets it through.
    Result(Arc<Picture>, Option<Arc<Plane>>),
    /// The picture, with a colour where a mask is white.
    Tinted(Arc<Plane>),
}

/// The largest width and height of the area's shape that fit.
fn fitting(area: Rectangle) -> (c_int, c_int) {
    let (width, height) = (f64::from(area.width.max(1)), f64::from(area.height.max(1)));
    let scale = (f64::from(PICTURE.0) / width).min(f64::from(PICTURE.1) / height);
    let side = |length: f64| (length * scale).round().max(1.0) as c_int;
    (side(width), side(height))
}

impl Preview {
    /// A preview that shows the picture as it is.
    pub fn new(stored: Source) -> Self {
        Preview(RefCell::new(Scene { area: stored.area, source: stored, view: View::Picture }))
    }

    /// The width and height for the part of a widget that shows the picture, so that it has its shape.
    pub fn shape(&self) -> (c_int, c_int) {
        fitting(self.0.borrow().area)
    }

    /// Shows a result as soon as it is drawn.
    pub fn show(&self, made: &Made, filter: Filter) {
        let mut scene = self.0.borrow_mut();
        scene.source = made.source.clone();
        scene.view = match (filter, &made.picture, &made.mask) {
            (Filter::Derust, Some(picture), mask) => View::Result(picture.clone(), mask.clone()),
            (Filter::SegmentRust, _, Some(mask)) => View::Tinted(mask.clone()),
            _ => View::Picture,
        };
    }

    /// Red, green, blue and opacity of every pixel that the port shows.
    pub fn render(&self, port: &Port) -> Vec<u8> {
        self.0.borrow().render(port)
    }
}

impl Scene {
    /// Red, green, blue and opacity of every pixel of the widget; transparent where the area's shape leaves it free.
    fn render(&self, port: &Port) -> Vec<u8> {
        let (columns, rows) = port.size;
        let per_pixel = |count: u32, length: u32| f64::from(length) / f64::from(count) / port.zoom;
        let (horizontal, vertical) = (per_pixel(columns, self.area.width), per_pixel(rows, self.area.height));
        let scale = horizontal.max(vertical);
        let samples = if scale > 1.0 { SAMPLES } else { 1 };
        // GIMP scrolls each direction by its own measure.
        let places = |count: u32, start: f64, from: i32, length: u32| -> Vec<Vec<u32>> {
            let place = |pixel: u32, sample: u32| {
                let within = (f64::from(sample) + 0.5) / f64::from(samples);
                let place = start + (f64::from(pixel) + within) * scale;
                from.max(0) as u32 + place.clamp(0.0, f64::from(length - 1)) as u32
            };
            let shown = (f64::from(length) / port.zoom / scale).round().clamp(1.0, f64::from(count)) as u32;
            (0..shown).map(|pixel| (0..samples).map(|sample| place(pixel, sample)).collect()).collect()
        };
        let start = |position: i32, scale: f64| f64::from(position) * scale;
        let across = places(columns, start(port.position.0, horizontal), self.area.x, self.area.width);
        let down = places(rows, start(port.position.1, vertical), self.area.y, self.area.height);
        let mut pixels = vec![0; columns as usize * rows as usize * 4];
        for (ys, row) in down.iter().zip(pixels.chunks_exact_mut(columns as usize * 4)) {
            for (xs, pixel) in across.iter().zip(row.chunks_exact_mut(4)) {
                let mut sum = [0.0; 4];
                for (x, y) in ys.iter().flat_map(|y| xs.iter().map(move |x| (*x, *y))) {
                    for (sum, value) in sum.iter_mut().zip(self.pixel(x, y)) {
                        *sum += value;
                    }
                }
                let count = (xs.len() * ys.len()) as f32;
                pixel.copy_from_slice(&sum.map(|sum| (sum / count).round() as u8));
            }
        }
        pixels
    }

    /// What a pixel of the layer looks like.
    fn pixel(&self, x: u32, y: u32) -> [f32; 4] {
        let Source { picture, selection, origin, .. } = &self.source;
        let within = |place: u32, origin: i32, length: u32| {
            (i64::from(place) - i64::from(origin)).clamp(0, i64::from(length) - 1) as u32
        };
        let (x, y) = (within(x, origin.0, picture.width), within(y, origin.1, picture.height));
        let coverage = |plane: &Option<Arc<Plane>>| {
            let value = |plane: &Arc<Plane>| plane.values[(y * plane.width + x) as usize];
            plane.as_ref().map_or(1.0, |plane| f32::from(value(plane)) / 255.0)
        };
        let before = picture.shown(x, y).map(f32::from);
        let selected = coverage(selection);
        let (after, amount) = match &self.view {
            View::Picture => return before,
            View::Result(result, mask) => (result.shown(x, y).map(f32::from), selected * coverage(mask)),
            View::Tinted(mask) => {
                let [red, green, blue] = TINT.0;
                ([red, green, blue, before[3]], selected * TINT.1 * coverage(&Some(mask.clone())))
            }
        };
        std::array::from_fn(|channel| before[channel] + amount * (after[channel] - before[channel]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::{Depth, Format};

    fn scene(view: View) -> Scene {
        let format = Format { gray: true, alpha: false, linear: false, depth: Depth::U8 };
        let mut picture = Picture::new(format, 4, 2).unwrap();
        picture.data = vec![0, 10, 20, 30, 40, 50, 60, 70];
        let area = Rectangle { x: 1, y: 0, width: 3, height: 2 };
        let source = Source { picture: Arc::new(picture), selection: None, area, origin: (0, 0) };
        Scene { area, source, view }
    }

    fn grays(scene: &Scene, size: (u32, u32), position: (i32, i32), zoom: f64) -> Vec<u8> {
        scene.render(&Port { size, position, zoom }).chunks_exact(4).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn scrolling_and_zooming_stay_within_the_area() {
        let scene = scene(View::Picture);
        assert_eq!(grays(&scene, (3, 2), (0, 0), 1.0), [10, 20, 30, 50, 60, 70]);
        assert_eq!(grays(&scene, (3, 2), (3, 2), 2.0), [60, 70, 70, 60, 70, 70]);
        assert_eq!(
            grays(&scene, (1, 1), (0, 0), 1.0),
            [47],
            "of three samples to a side, two lie in the lower row"
        );
    }

    #[test]
    fn a_widget_of_another_shape_stays_free_beside_the_picture() {
        let scene = scene(View::Picture);
        assert_eq!(grays(&scene, (3, 4), (0, 0), 1.0), [10, 20, 30, 50, 60, 70, 0, 0, 0, 0, 0, 0]);
        assert_eq!(grays(&scene, (5, 2), (0, 0), 1.0), [10, 20, 30, 0, 0, 50, 60, 70, 0, 0]);
        let pixels = scene.render(&Port { size: (3, 4), position: (0, 0), zoom: 1.0 });
        let opacities: Vec<_> = pixels.chunks_exact(4).map(|pixel| pixel[3]).collect();
        assert_eq!(opacities, [[255; 6], [0; 6]].concat());
    }

    #[test]
    fn the_preview_has_the_shape_of_the_picture() {
        let fits = |width, height| fitting(Rectangle { x: 0, y: 0, width, height });
        assert_eq!(fits(912, 608), (330, 220));
        assert_eq!(fits(600, 900), (147, 220));
        assert_eq!(fits(100_000, 1), (330, 1));
    }

    #[test]
    fn a_source_that_lies_elsewhere_is_shown_in_its_place() {
        let mut scene = scene(View::Picture);
        scene.source.origin = (-1, 0);
        assert_eq!(grays(&scene, (3, 2), (0, 0), 1.0), [20, 30, 30, 60, 70, 70]);
        scene.source.origin = (1, 1);
        assert_eq!(grays(&scene, (3, 2), (0, 0), 1.0), [0, 10, 20, 0, 10, 20]);
    }

    #[test]
    fn a_result_shows_where_it_is_selected_and_the_mask_lets_it_through() {
        let plane = |values: [u8; 8]| Some(Arc::new(Plane { width: 4, height: 2, values: values.into() }));
        let result = scene(View::Picture);
        let mut white = (*result.source.picture).clone();
        white.data.fill(255);
        let mut scene = scene(View::Result(Arc::new(white), plane([0, 255, 0, 255, 0, 0, 0, 0])));
        assert_eq!(grays(&scene, (3, 2), (0, 0), 1.0), [255, 20, 255, 50, 60, 70]);
        scene.source.selection = plane([255, 255, 255, 0, 0, 0, 0, 0]);
        assert_eq!(grays(&scene, (3, 2), (0, 0), 1.0), [255, 20, 30, 50, 60, 70]);
        scene.view = View::Tinted(Arc::new(Plane { width: 4, height: 2, values: vec![255; 8] }));
        let tinted = scene.render(&Port { size: (3, 2), position: (0, 0), zoom: 1.0 });
        assert_eq!(tinted[..12], [157, 4, 42, 255, 161, 8, 46, 255, 30, 30, 30, 255]);
    }
}
