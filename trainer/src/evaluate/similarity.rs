//! Structural similarity.

use image::RgbImage;

use crate::data::Plane;
use crate::data::recolour::luminance;

/// Structural similarity per pixel of the luminances of two pictures of the same size (Wang et al. 2004, IEEE
/// Transactions on Image Processing 13(4), with its constants), under a window of 11 pixels made of three box filters
/// in place of the paper's Gaussian.
pub fn similarity_map(a: &RgbImage, b: &RgbImage) -> Vec<f32> {
    const C1: f32 = 0.01 * 0.01;
    const C2: f32 = 0.03 * 0.03;
    let (x, y) = (luminance_plane(a), luminance_plane(b));
    let product = |p: &Plane, q: &Plane| {
        let values = p.values.iter().zip(&q.values).map(|(p, q)| p * q).collect();
        smooth(Plane { values, ..p.clone() })
    };
    let (xx, yy, xy) = (product(&x, &x), product(&y, &y), product(&x, &y));
    let (x, y) = (smooth(x), smooth(y));
    (0..x.values.len())
        .map(|i| {
            let (mx, my) = (x.values[i], y.values[i]);
            let (vx, vy) = ((xx.values[i] - mx * mx).max(0.0), (yy.values[i] - my * my).max(0.0));
            let covariance = xy.values[i] - mx * my;
            ((2.0 * mx * my + C1) * (2.0 * covariance + C2)) / ((mx * mx + my * my + C1) * (vx + vy + C2))
        })
        .collect()
}

/// Luminance, 0 to 1.
pub fn luminance_plane(picture: &RgbImage) -> Plane {
    let values = picture.pixels().map(|pixel| luminance(pixel.0.map(|v| f32::from(v) / 255.0))).collect();
    Plane { channels: 1, height: picture.height() as usize, width: picture.width() as usize, values }
}

fn smooth(mut plane: Plane) -> Plane {
    for radius in [1, 2, 2] {
        plane.box_blur(radius);
    }
    plane
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similarity_is_one_for_the_same_picture_and_falls_with_what_is_lost() {
        let texture = RgbImage::from_fn(40, 30, |x, y| image::Rgb([((x * 37 + y * 91) % 200) as u8 + 20; 3]));
        let mean = |map: Vec<f32>| map.iter().sum::<f32>() / map.len() as f32;
        assert!((mean(similarity_map(&texture, &texture)) - 1.0).abs() < 1e-4);
        let brighter =
            RgbImage::from_fn(40, 30, |x, y| image::Rgb(texture.get_pixel(x, y).0.map(|v| v + 10)));
        let flat = RgbImage::from_pixel(40, 30, image::Rgb([120; 3]));
        let (brighter, flat) =
            (mean(similarity_map(&brighter, &texture)), mean(similarity_map(&flat, &texture)));
        assert!(brighter > 0.95 && flat < 0.1, "{brighter} {flat}");
    }
}
